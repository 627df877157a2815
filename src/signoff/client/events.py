"""Events: the ledger as it grows, over connections that may break."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING

import httpx2

from signoff.client.address import PREFIX
from signoff.client.documents import adapter_of, without_none
from signoff.client.sending import LONGEST_PAUSE_S, Again
from signoff.wire import Event

if TYPE_CHECKING:
    from signoff.client.client import Client

_STREAM_SILENCE_S = 60.0
"""Seconds without a sign of life, after which a stream is opened anew; the server gives one every 15."""


class EventStream(Iterator[Event]):
    """
    The ledger as it grows; made by `Client.events`. Ends when it is closed.

    Args:
        client: Whose connection.
        after_seq: Begin after this entry; None for the present end.
        checkpoint: Only this checkpoint's entries.
    """

    def __init__(self, client: Client, after_seq: int | None, checkpoint: str | None) -> None:
        self._client = client
        self._checkpoint = checkpoint
        self.seq = after_seq
        """Number of the last entry that was looked at; pass it as `after_seq` to go on from there another time."""
        self._pause_s = 0.0
        self._response: httpx2.Response | None = None
        self._blocks: Iterator[dict[str, str]] = iter(())
        self._closed = False
        self._tries = client._tries(Again.ALWAYS)
        self._open()
        while self.seq is None:
            # The first block says where the present end is; until it is here, a break would leave a gap.
            self._next_block()

    def __next__(self) -> Event:
        while not self._closed:
            block = self._next_block()
            if block is not None and "data" in block:
                return self._client._parsed(adapter_of(Event), block["data"])
        raise StopIteration

    def close(self) -> None:
        """End it."""
        self._closed = True
        if self._response is not None:
            self._response.close()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<EventStream of {self._client.url} after {self.seq}>"

    def _open(self) -> None:
        """Open it behind the last entry."""
        client = self._client
        while True:
            client._require_open()
            answer: httpx2.Response | httpx2.RequestError
            try:
                answer = client._http.send(self._request(), stream=True)
                if answer.status_code != 200:
                    answer.read()
            except httpx2.RequestError as error:
                answer = error
            if isinstance(answer, httpx2.Response) and self._tries.takes(answer):
                break
            time.sleep(max(self._pause_s, self._tries.pause_after(answer)))
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            answer.close()
            raise client._strange()
        self._response = answer
        self._blocks = _blocks(answer.iter_bytes())

    def _request(self) -> httpx2.Request:
        client = self._client
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self.seq is not None:
            headers["Last-Event-ID"] = str(self.seq)
        return client._http.build_request(
            "GET",
            f"{client.url}{PREFIX}/events",
            params=without_none({"checkpoint": self._checkpoint}),
            headers=headers,
            timeout=httpx2.Timeout(client._timeout_s, read=max(client._timeout_s, _STREAM_SILENCE_S)),
        )

    def _next_block(self) -> dict[str, str] | None:
        """Give what the server says next; None after a break, when it is open again."""
        broken: httpx2.RequestError | None = None
        try:
            block = next(self._blocks, None)
        except httpx2.RequestError as error:
            block, broken = None, error
        except httpx2.StreamError:
            block = None
        if block is None:
            if not self._closed:
                self._reopen(broken)
            return None
        # It works: what breaks from now on is another break.
        self._tries = self._client._tries(Again.ALWAYS)
        if block.get("retry", "").isdecimal():
            self._pause_s = min(int(block["retry"]) / 1000, LONGEST_PAUSE_S)
        if block.get("id", "").isdecimal():
            self.seq = int(block["id"])
        return block

    def _reopen(self, broken: httpx2.RequestError | None) -> None:
        """Go on after a break, or after an end the server made."""
        if self._response is not None:
            self._response.close()
        ended = broken or httpx2.RemoteProtocolError("the stream ended")
        time.sleep(max(self._pause_s, self._tries.pause_after(ended)))
        self._open()


def _blocks(chunks: Iterable[bytes]) -> Iterator[dict[str, str]]:
    """Give the blocks of an event stream, each as its fields by name; comments are left out."""
    fields: dict[str, str] = {}
    for line in _lines(chunks):
        if line:
            name, _, value = line.partition(":")
            if name:
                value = value.removeprefix(" ")
                fields[name] = f"{fields[name]}\n{value}" if name == "data" and "data" in fields else value
        else:
            yield fields
            fields = {}


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    # Not by splitlines, which takes characters for line ends that may stand in the data.
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode()
