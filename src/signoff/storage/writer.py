"""
Group commit: writes that wait at the same moment share one transaction.

There are no savepoints. A write that fails before it changed anything (the usual conflict) leaves the others alone; one
that fails half-way ends the transaction, and the others run again without it. That is seldom, a savepoint would be paid
for by every write.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, Generic, Protocol, TypeVar, cast

from signoff.domain.entry import Entry
from signoff.errors import StoreUnavailable
from signoff.ports import Transaction

T = TypeVar("T")

log = logging.getLogger("signoff.store")

_MOST = 64
"""Writes in one transaction at the most, so that the first of them does not wait for the last."""


class Session(Protocol):
    """One connection that writes."""

    def begin(self) -> None:
        """Open a transaction that nobody else can write beside."""
        ...

    def run(self, work: Callable[[Transaction], Any]) -> tuple[Any, Sequence[Entry]]:
        """Run one write; give its result and entries. If it fails half-way, end the whole transaction."""
        ...

    def open(self) -> bool:
        """Tell whether the transaction still stands; some errors end it, and so does a commit."""
        ...

    def commit(self) -> None:
        """Make it durable."""
        ...

    def rollback(self) -> None:
        """Undo all since `begin`; never raises."""
        ...

    def translate(self, error: Exception) -> Exception:
        """Give the error a caller understands."""
        ...


class _Request(Generic[T]):
    __slots__ = ("done", "entries", "error", "leads", "result", "signal", "work")

    def __init__(self, work: Callable[[Transaction], T]) -> None:
        self.work = work
        self.signal = threading.Lock()
        self.signal.acquire()
        self.leads = False
        self.done = False
        self.result: T | None = None
        self.error: BaseException | None = None
        self.entries: Sequence[Entry] = ()


@contextmanager
def held_interrupt() -> Iterator[None]:
    """Let Ctrl+C wait for the end of a write: between two lines of it, it would leave the others without a leader."""
    usual = signal.getsignal(signal.SIGINT)
    if not callable(usual):
        yield
        return
    came: list[tuple[int, FrameType | None]] = []
    try:
        signal.signal(signal.SIGINT, lambda number, frame: came.append((number, frame)))
    except ValueError:
        # A sub-interpreter has no signals.
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
        if came:
            usual(*came[-1])


class GroupCommit:
    """
    Runs writes of many threads on one connection.

    The first thread that comes leads: it runs its own write and those that queued up meanwhile in one
    transaction, commits, wakes their threads, and hands the lead to the next in line. So a lone thread writes
    without a switch, and sixteen share the cost of a commit.

    Args:
        session: The connection; used by one thread at a time.
        announce: Gets the entries of each write after its commit.
    """

    def __init__(self, session: Session, announce: Callable[[Sequence[Entry]], None]) -> None:
        self._session = session
        self._announce = announce
        self._mutex = threading.Lock()
        self._idle = threading.Condition(self._mutex)
        self._waiting: deque[_Request[Any]] = deque()
        self._busy = False
        self._closed = False
        self._leader: int | None = None

    def write(self, work: Callable[[Transaction], T]) -> T:
        """
        Run one write and return its result once it is durable.

        Raises:
            StoreUnavailable: After `exclusive`.
            RuntimeError: From inside another write of the same thread, which would wait for itself.
        """
        me = threading.get_ident()
        if self._leader == me:
            raise RuntimeError("a write cannot be started inside another write")
        if me == threading.main_thread().ident:
            with held_interrupt():
                return self._write(work, me)
        return self._write(work, me)

    def _write(self, work: Callable[[Transaction], T], me: int) -> T:
        request = _Request(work)
        with self._mutex:
            if self._closed:
                raise StoreUnavailable("the store is closed; open it again")
            if self._busy:
                self._waiting.append(request)
            else:
                self._busy = request.leads = True
        if not request.leads:
            try:
                request.signal.acquire()
            except BaseException:
                self._leave(request)
                raise
        if request.leads:
            self._lead(request, me)
        if request.error is not None:
            raise request.error
        return cast(T, request.result)

    def exclusive(self) -> None:
        """Let no write start any more, and wait until those in line are done."""
        with self._idle:
            self._closed = True
            while self._busy:
                self._idle.wait()

    def _leave(self, request: _Request[Any]) -> None:
        """Step out of the line when the waiting thread is interrupted."""
        with self._mutex:
            if request in self._waiting:
                self._waiting.remove(request)
                return
        if request.leads:
            self._pass_on()

    def _pass_on(self) -> None:
        with self._mutex:
            if not self._waiting:
                self._busy = False
                self._idle.notify_all()
                return
            heir = self._waiting.popleft()
            heir.leads = True
        heir.signal.release()

    def _lead(self, own: _Request[Any], me: int) -> None:
        with self._mutex:
            batch = [own]
            while self._waiting and len(batch) < _MOST:
                batch.append(self._waiting.popleft())
        self._leader = me
        try:
            self._transact(batch)
        except BaseException:
            # Interrupted (Ctrl+C). What was not committed goes back to the head of the line.
            with self._mutex:
                self._waiting.extendleft(reversed([request for request in batch[1:] if not request.done]))
            raise
        finally:
            self._leader = None
            self._pass_on()
            for request in batch[1:]:
                if request.done:
                    request.signal.release()
            for request in batch:
                if request.done and request.error is None and request.entries:
                    self._tell(request.entries)

    def _tell(self, entries: Sequence[Entry]) -> None:
        try:
            self._announce(entries)
        except Exception:
            # The write is kept, whatever a listener makes of it.
            log.exception("a listener failed on a committed write")

    def _transact(self, batch: list[_Request[Any]]) -> None:
        """Run the batch in one transaction; every request is done afterwards, unless interrupted."""
        left = batch
        while left:
            left = self._attempt(left)

    def _attempt(self, batch: list[_Request[Any]]) -> list[_Request[Any]]:
        """Run one transaction; give back the requests that have to be run again."""
        session = self._session
        committing = False
        try:
            session.begin()
            for request in batch:
                try:
                    request.result, request.entries = session.run(request.work)
                    request.error = None
                except Exception as error:
                    request.error = session.translate(error)
                    if len(batch) == 1 or not session.open():
                        # It had written something, or the disk is full: the transaction is gone, the others run again.
                        session.rollback()
                        request.done = True
                        return [other for other in batch if other is not request]
            committing = True
            session.commit()
        except Exception as error:
            session.rollback()
            told = session.translate(error)
            for request in batch:
                request.error = told
        except BaseException:
            if committing and not session.open():
                # The interrupt came after the commit had happened.
                self._finish(batch)
            else:
                session.rollback()
            raise
        self._finish(batch)
        return []

    @staticmethod
    def _finish(batch: list[_Request[Any]]) -> None:
        for request in batch:
            request.done = True
