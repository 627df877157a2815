"""Group commit: writes that wait at the same moment share one transaction, each in a savepoint of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar, cast

from signoff.domain.entry import Entry
from signoff.ports import Transaction

T = TypeVar("T")

_MOST = 64
"""Writes in one transaction at the most, so that the first of them does not wait for the last."""


class Session(Protocol):
    """One connection that writes."""

    def begin(self) -> None:
        """Open a transaction that nobody else can write beside."""
        ...

    def run(self, work: Callable[[Transaction], Any], *, alone: bool) -> tuple[Any, Sequence[Entry]]:
        """Run one write in a savepoint (none is needed when it is alone); give its result and entries."""
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
    __slots__ = ("entries", "error", "leads", "result", "signal", "work")

    def __init__(self, work: Callable[[Transaction], T]) -> None:
        self.work = work
        self.signal = threading.Lock()
        self.signal.acquire()
        self.leads = False
        self.result: T | None = None
        self.error: BaseException | None = None
        self.entries: Sequence[Entry] = ()


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
        self._waiting: deque[_Request[Any]] = deque()
        self._busy = False
        self._leader: int | None = None

    def write(self, work: Callable[[Transaction], T]) -> T:
        """
        Run one write and return its result once it is durable.

        Raises:
            RuntimeError: From inside another write of the same thread, which would wait for itself.
        """
        me = threading.get_ident()
        if self._leader == me:
            raise RuntimeError("a write cannot be started inside another write")
        request = _Request(work)
        with self._mutex:
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
        """Wait until no write runs, and let none start any more."""
        request = _Request[None](lambda _: None)
        with self._mutex:
            if self._busy:
                self._waiting.append(request)
            else:
                self._busy = request.leads = True
        while not request.leads:
            # Woken as follower of a batch or as the next leader; only the lead ends the wait.
            request.signal.acquire()
            if not request.leads:
                with self._mutex:
                    if self._busy:
                        self._waiting.append(request)
                    else:
                        self._busy = request.leads = True

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
            if self._waiting:
                heir = self._waiting.popleft()
                heir.leads = True
            else:
                self._busy = False
                return
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
            # Interrupted (Ctrl+C): nothing was committed, so the others go back to the head of the line.
            with self._mutex:
                self._waiting.extendleft(reversed(batch[1:]))
            raise
        finally:
            self._leader = None
            self._pass_on()
        for request in batch[1:]:
            request.signal.release()
        for request in batch:
            if request.error is None and request.entries:
                self._announce(request.entries)

    def _transact(self, batch: list[_Request[Any]]) -> None:
        session = self._session
        alone = len(batch) == 1
        try:
            session.begin()
            for request in batch:
                try:
                    request.result, request.entries = session.run(request.work, alone=alone)
                except Exception as error:
                    request.error = session.translate(error)
                    if alone:
                        session.rollback()
                        return
            session.commit()
        except Exception as error:
            session.rollback()
            told = session.translate(error)
            for request in batch:
                request.error, request.entries = told, ()
        except BaseException:
            session.rollback()
            for request in batch[1:]:
                request.error, request.entries = None, ()
            raise
