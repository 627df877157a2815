"""Load: HTTP requests over kept connections, cheap enough that the server is what is measured."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


class Connection:
    """
    One kept connection.

    Args:
        address: Host and port.
        token: Sent with each request.
    """

    def __init__(self, address: tuple[str, int], token: str) -> None:
        self._host = f"{address[0]}:{address[1]}"
        self._token = token
        self._socket = socket.create_connection(address, timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def ask(self, method: str, path: str, document: Any = None) -> tuple[int, bytes]:
        """Send one request and give its status and body."""
        body = b"" if document is None else json.dumps(document).encode()
        head = (
            f"{method} /api/v1{path} HTTP/1.1\r\nHost: {self._host}\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        return self._answer()

    def _answer(self) -> tuple[int, bytes]:
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head = data[:end].lower()
        length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
        while len(data) < end + 4 + length:
            data += self._more()
        self._rest = data[end + 4 + length :]
        return int(head[9:12]), data[end + 4 : end + 4 + length]

    def _more(self) -> bytes:
        chunk = self._socket.recv(65536)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        return chunk

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


@dataclass
class Tally:
    """What came of many requests: seconds of each, by what it was, and statuses."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    wall_s: float = 0.0
    guard: threading.Lock = field(default_factory=threading.Lock)

    def add(self, what: str, seconds: float, status: int) -> None:
        """Count one request."""
        with self.guard:
            self.seconds.setdefault(what, []).append(seconds)
            self.statuses[status] = self.statuses.get(status, 0) + 1

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Take the time of everything in the block."""
        began = time.perf_counter()
        yield
        self.wall_s = time.perf_counter() - began


def crowd(people: int, work: Callable[[int], None]) -> None:
    """Let several do the same at once, in threads; raise what any of them raised."""
    failed: list[BaseException] = []
    gate = threading.Barrier(people)

    def run(number: int) -> None:
        try:
            gate.wait()
            work(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(people)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def timed(tally: Tally, what: str, connection: Connection, method: str, path: str, document: Any = None) -> Any:
    """Ask once, count it, and give the document; anything but success is an error."""
    began = time.perf_counter()
    status, body = connection.ask(method, path, document)
    tally.add(what, time.perf_counter() - began, status)
    if status >= 300:
        raise RuntimeError(f"{method} {path}: {status} {body[:300]!r}")
    return json.loads(body)
