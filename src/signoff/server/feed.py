"""Feed: follows the ledger, whatever process writes it, and wakes whoever waits for what comes next."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence

from starlette.concurrency import run_in_threadpool

from signoff.app import Signoff
from signoff.domain.entry import Entry
from signoff.errors import SignoffError
from signoff.ports import Reading

log = logging.getLogger("signoff.server")

POLL_S = 0.1
"""Seconds between two looks at what other processes wrote; asking is cheap."""

_LOOK_S = 1.0
"""Seconds between two looks whatever the version says: an entry may be held back by a transaction that is not ours."""

_REST_S = 0.02
"""Seconds between two looks while much is written, so that many commits are one query."""

_PAGE = 1000
_KEPT = 5000
"""Newest entries kept in memory, so that those who follow closely need no query."""


class Feed:
    """
    The ledger as a stream.

    Args:
        app: Whose ledger.
        heard: Called with each page of entries, whatever process wrote them.
    """

    def __init__(self, app: Signoff, *heard: Callable[[Sequence[Entry]], object]) -> None:
        self._app = app
        self._heard = (app.noticed, *heard)
        self._kept: deque[Entry] = deque(maxlen=_KEPT)
        self._moved = asyncio.Event()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.ended = asyncio.Event()
        """Set when the server stops, for whoever waits for something else."""
        self.seq = 0
        """Number of the last entry that was seen."""

    async def start(self) -> None:
        """Begin at the present end of the ledger."""
        loop = asyncio.get_running_loop()
        self.seq = await run_in_threadpool(self._app.store.read, lambda tx: tx.last_seq())

        def woken(_: Sequence[Entry]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._wake.set)

        self._app.store.on_commit(woken)
        self._task = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """End it, and let everybody go who waits."""
        self.ended.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._moved.set()

    async def _follow(self) -> None:
        version, looked = -1, 0.0
        while True:
            try:
                async with asyncio.timeout(POLL_S):
                    await self._wake.wait()
                self._wake.clear()
            except TimeoutError:
                pass
            try:
                seen = self._app.store.version()
                if seen != version or time.monotonic() - looked > _LOOK_S:
                    version, looked = seen, time.monotonic()
                    await self._catch_up()
                    await asyncio.sleep(_REST_S)
            except SignoffError as error:
                log.warning("the event stream pauses: %s", error)
                version = -1
                await asyncio.sleep(0.5)

    async def _catch_up(self) -> None:
        while page := await run_in_threadpool(self._page, self.seq, _PAGE):
            self._kept.extend(page)
            self.seq = page[-1].seq
            for hear in self._heard:
                hear(page)
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()

    def _page(self, after_seq: int, limit: int) -> list[Entry]:
        def look(tx: Reading) -> list[Entry]:
            return tx.ledger(after_seq=after_seq, limit=limit)

        return self._app.store.read(look)

    async def after(self, seq: int, *, limit: int = _PAGE) -> list[Entry]:
        """Wait until there are entries after that one, and give a page of them; an empty one when the feed ends."""
        while seq >= self.seq:
            if self.ended.is_set():
                return []
            await self._moved.wait()
        kept = self._kept
        if kept and kept[0].seq <= seq + 1:
            return [entry for entry in kept if entry.seq > seq][:limit]
        return await run_in_threadpool(self._page, seq, limit)
