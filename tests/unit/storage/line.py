"""A driver's connection to write on, and threads that stand in line for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from signoff.storage.writer import GroupCommit

TIMEOUT_S = 10.0
"""Seconds after which something that should have happened did not."""


class Told(Exception):
    """What `DriverSession.translate` makes of an error."""


class DriverSession:
    """
    A driver's connection as far as `writer.Session` asks for it: what is written is kept at commit.

    `begins`, `commits` and `committed` hold what the next calls raise, in turn, or None: at begin, at commit
    in place of keeping anything, and at commit when everything is kept.
    """

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.pending: list[Any] | None = None
        self.batches: list[int] = []
        self.begins: list[BaseException | None] = []
        self.commits: list[BaseException | None] = []
        self.committed: list[BaseException | None] = []
        self._used = threading.Lock()

    @contextmanager
    def _one_thread(self) -> Iterator[None]:
        assert self._used.acquire(blocking=False), "two threads use the connection at once"
        try:
            yield
        finally:
            self._used.release()

    def begin(self) -> None:
        with self._one_thread():
            assert self.pending is None, "a transaction is open already"
            _raise_next(self.begins)
            self.pending = []
            self.batches.append(0)

    def run(self, work: Callable[[Any], Any]) -> tuple[Any, Sequence[Any]]:
        with self._one_thread():
            assert self.pending is not None, "no transaction is open"
            self.batches[-1] += 1
            before = len(self.pending)
            try:
                result = work(self)
            except Exception:
                if self.pending is not None and len(self.pending) > before:
                    # It had written something: there is no undoing that alone.
                    self.pending = None
                raise
            return result, tuple(self.pending[before:])

    def insert(self, row: Any) -> None:
        assert self.pending is not None
        self.pending.append(row)

    def lose(self) -> None:
        """Undo the whole transaction, as SQLite does by itself when the disk is full."""
        self.pending = None

    def open(self) -> bool:
        return self.pending is not None

    def commit(self) -> None:
        with self._one_thread():
            assert self.pending is not None, "no transaction is open"
            _raise_next(self.commits)
            self.kept += self.pending
            self.pending = None
            _raise_next(self.committed)

    def rollback(self) -> None:
        self.pending = None

    def translate(self, error: Exception) -> Exception:
        return Told(str(error))


def _raise_next(errors: list[BaseException | None]) -> None:
    error = errors.pop(0) if errors else None
    if error is not None:
        raise error


class Line:
    """A writer, and threads that queue up at it behind one that is held in the middle of its write."""

    def __init__(self) -> None:
        self.session = DriverSession()
        self.announced: list[Any] = []
        self.writer = GroupCommit(self.session, self.announced.extend)
        self.inside = threading.Event()
        self.go_on = threading.Event()

    def start(self, work: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run it in a daemon thread, so that one that hangs fails its test and not the whole run."""
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(work(*args))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=run, daemon=True).start()
        return future

    def hold(self, tx: Any) -> str:
        tx.insert("leader")
        self.inside.set()
        assert self.go_on.wait(TIMEOUT_S)
        return "leader"

    def lead(self) -> Any:
        """Start a write that holds the lead until `go_on`."""
        future = self.start(self.writer.write, self.hold)
        assert self.inside.wait(TIMEOUT_S)
        return future

    def queue(self, *works: Callable[[Any], Any]) -> list[Any]:
        """Start writes and return when all of them wait in line."""
        futures = [self.start(self.writer.write, work) for work in works]
        self.wait_for(len(works))
        return futures

    def wait_for(self, waiting: int) -> None:
        until = time.monotonic() + TIMEOUT_S
        while len(self.writer._waiting) < waiting:
            assert time.monotonic() < until, f"only {len(self.writer._waiting)} of {waiting} wait"
            time.sleep(0.001)

    def goes_on(self) -> None:
        """Show that a new write is taken and kept."""
        assert self.start(self.writer.write, insert("afterwards")).result(TIMEOUT_S) == "afterwards"
        assert self.session.kept[-1] == "afterwards"


def insert(row: Any) -> Callable[[Any], Any]:
    def work(tx: Any) -> Any:
        tx.insert(row)
        return row

    return work


def spoil(row: Any, error: BaseException) -> Callable[[Any], Any]:
    def work(tx: Any) -> Any:
        tx.insert(row)
        raise error

    return work
