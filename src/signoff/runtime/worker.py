"""Worker: threads that settle holds, expire, recover and run effects, in the same process as the caller."""

from __future__ import annotations

import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from signoff.domain.case import Case, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.effect import Ending
from signoff.domain.entry import Entry
from signoff.engine import execute
from signoff.engine.execute import Ended, Handling, Started
from signoff.errors import LedgerBroken, OutsideError, SignoffError
from signoff.ports import Clock, Reading, Store, Transaction

log = logging.getLogger("signoff.worker")

POLL_S = 0.05
"""Seconds between two looks at what other processes wrote."""

_PAGE = 64
_WAKING = frozenset({State.HELD, State.CLEARED, State.WAITING, State.RUNNING})


def worker_name() -> str:
    """Name this process for the attempts it makes."""
    return f"{socket.gethostname()}:{os.getpid()}"


@dataclass(slots=True, eq=False)
class _Running:
    started: Started
    until: float
    abandoned: bool = False


@dataclass(slots=True, eq=False)
class _Slot:
    """One thread that runs handlers."""

    thread: threading.Thread = field(init=False)
    running: _Running | None = None


def tick(store: Store, now: datetime) -> bool:
    """
    Do what time asks for: settle holds, expire waiting cases, end attempts whose lease ran out.

    Returns:
        Whether there was anything to do.
    """

    def due(state: State) -> list[Case]:
        return store.read(lambda tx: tx.due(state, now=now, limit=_PAGE))

    worked = False
    for case in due(State.HELD):
        worked = True
        store.write(lambda tx, case=case: execute.settle(tx, case.id, now=now))  # type: ignore[misc]
    for case in due(State.WAITING):
        worked = True
        store.write(lambda tx, case=case: execute.expire(tx, case.id, now=now))  # type: ignore[misc]
    for case in due(State.RUNNING):
        worked = True
        store.write(lambda tx, case=case: _recover(tx, case, now))  # type: ignore[misc]
    return worked


def _next_due(tx: Reading, *, after: datetime) -> datetime | None:
    return tx.next_due(after=after)


def _recover(tx: Transaction, case: Case, now: datetime) -> None:
    checkpoint = tx.get(Checkpoint, case.checkpoint, case.version)
    if checkpoint is not None:
        execute.recover(tx, checkpoint, case.id, now=now)


class Worker:
    """
    Runs what is due, with a thread that watches the time and some that run handlers.

    A handler that outlives its time-out is left behind: its attempt ends as the delivery says, and another
    thread takes its place, so that it holds up nothing else.

    Args:
        store: Where the cases are.
        clock: The time.
        handlings: By checkpoint, how its effects are run here; read anew each time.
        threads: Handlers at a time, >= 1.
    """

    def __init__(
        self, store: Store, clock: Clock, handlings: Callable[[], dict[str, Handling]], *, threads: int = 4
    ) -> None:
        self._store = store
        self._clock = clock
        self._handlings = handlings
        self._threads = threads
        self._name = worker_name()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._todo: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._taken: set[str] = set()
        self._refused: set[str] = set()
        self._guard = threading.Lock()
        self._slots: list[_Slot] = []
        self._watch: threading.Thread | None = None
        store.on_commit(self._notice)

    def start(self) -> None:
        """Start the threads; a second call does nothing."""
        with self._guard:
            if self._watch is not None or self._stopping.is_set():
                return
            self._watch = threading.Thread(target=self._dispatch, name="signoff-worker", daemon=True)
            for _ in range(self._threads):
                self._add_slot()
            self._watch.start()

    def stop(self, *, timeout_s: float = 5.0) -> None:
        """
        Take on nothing more and wait for the handlers that run.

        Args:
            timeout_s: Seconds, >= 0, to wait for them; what still runs then ends as its delivery says.
        """
        self._stopping.set()
        self._wake.set()
        with self._guard:
            watch, slots = self._watch, list(self._slots)
        for _ in slots:
            self._todo.put(None)
        until = time.monotonic() + timeout_s
        for thread in [*([watch] if watch else []), *(slot.thread for slot in slots)]:
            if thread is not threading.current_thread():
                thread.join(max(0.0, until - time.monotonic()))

    def _notice(self, entries: Sequence[Entry]) -> None:
        if any(entry.to_state in _WAKING for entry in entries):
            self._wake.set()

    def _add_slot(self) -> None:
        slot = _Slot()
        number = len(self._slots) + 1
        slot.thread = threading.Thread(target=self._run, args=(slot,), name=f"signoff-effect-{number}", daemon=True)
        self._slots.append(slot)
        slot.thread.start()

    # --- the thread that watches the time

    def _dispatch(self) -> None:
        version, next_due = -1, None
        pause = POLL_S
        while not self._stopping.is_set():
            woken = self._wake.wait(pause)
            self._wake.clear()
            pause = POLL_S
            try:
                self._end_overdue()
                now = self._clock.now()
                seen = self._store.version()
                if not woken and seen == version and (next_due is None or next_due > now):
                    continue
                version = seen
                while tick(self._store, now) or self._hand_out(now):
                    if self._stopping.is_set():
                        return
                # Later than now: what is overdue and still there is in hand, or nobody's here.
                next_due = self._store.read(partial(_next_due, after=now))
                if next_due is not None:
                    pause = min(POLL_S, max(0.001, (next_due - now).total_seconds()))
            except OutsideError as error:
                # The work is still in the store; look again a little later.
                log.warning("worker pauses: %s", error)
                version, pause = -1, 0.5
            except SignoffError:
                log.exception("worker cannot go on with a case; run signoff verify")
                version, pause = -1, 0.5
            except Exception:
                log.exception("worker failed; it tries again")
                version, pause = -1, 0.5

    def _hand_out(self, now: datetime) -> bool:
        handed = False
        for name in self._handlings():
            limit = _PAGE + len(self._taken) + len(self._refused)
            found = self._store.read(
                lambda tx, name=name, limit=limit: tx.due(  # type: ignore[misc]
                    State.CLEARED, now=now, limit=limit, checkpoint=name
                )
            )
            for case in found:
                with self._guard:
                    if case.id in self._taken or case.id in self._refused:
                        continue
                    self._taken.add(case.id)
                self._todo.put(case.id)
                handed = True
        return handed

    def _end_overdue(self) -> None:
        now = time.monotonic()
        for slot in list(self._slots):
            running = slot.running
            if running is None or running.abandoned or running.until > now:
                continue
            running.abandoned = True
            timeout_s = running.started.checkpoint.timeout_s
            log.warning("case %s: its handler outlived %g s", running.started.case.id, timeout_s)
            with self._guard:
                self._slots.remove(slot)
                self._add_slot()
            self._report(
                running.started,
                Ended(ending=Ending.TIMED_OUT, problem=f"no answer within {timeout_s:g} s"),
            )
            with self._guard:
                self._taken.discard(running.started.case.id)
            self._wake.set()

    # --- the threads that run handlers

    def _run(self, slot: _Slot) -> None:
        while True:
            case_id = self._todo.get()
            if case_id is None or self._stopping.is_set():
                return
            try:
                self._run_one(slot, case_id)
            except LedgerBroken as error:
                log.error("not run: %s", error)
                with self._guard:
                    self._refused.add(case_id)
            except OutsideError as error:
                log.warning("case %s is tried again: %s", case_id, error)
                self._stopping.wait(0.2)
            except Exception:
                log.exception("case %s could not be started", case_id)
                with self._guard:
                    self._refused.add(case_id)
            with self._guard:
                if slot not in self._slots:
                    # Left behind: the case is somebody else's by now, and so is this thread's place.
                    return
                self._taken.discard(case_id)
            if self._todo.empty():
                self._wake.set()

    def _run_one(self, slot: _Slot, case_id: str) -> None:
        started = self._store.write(
            lambda tx: execute.start(
                tx, case_id, handling_of=self._handlings().get, worker=self._name, now=self._clock.now()
            )
        )
        if started is None:
            return
        running = _Running(started, until=time.monotonic() + started.checkpoint.timeout_s)
        slot.running = running
        try:
            ended = execute.call(started)
        except BaseException as error:
            # In a thread of ours nobody else is meant by it: a cancelled task, or an exit.
            ended = execute.raised(error)
        finally:
            slot.running = None
        self._report(started, ended)

    def _report(self, started: Started, ended: Ended) -> None:
        """Record an ending; while the store is unavailable keep trying, since the effect has happened."""
        pause = 0.05
        while True:
            try:
                self._store.write(lambda tx: execute.finish(tx, started, ended, now=self._clock.now()))
                return
            except OutsideError as error:
                if self._stopping.wait(pause):
                    log.error("case %s: its ending could not be recorded: %s", started.case.id, error)
                    return
                pause = min(2.0, pause * 2)
