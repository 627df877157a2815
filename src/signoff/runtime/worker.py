"""Worker: settles holds, expires, recovers and runs effects, in threads of this process."""

from __future__ import annotations

import logging
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from signoff.domain.case import State
from signoff.domain.effect import Ending
from signoff.domain.entry import Entry
from signoff.engine import execute, pace
from signoff.engine.execute import Ended, Handling, Started, Taken, Tended
from signoff.errors import OutsideError, SignoffError
from signoff.ports import Clock, Reading, Store
from signoff.runtime.lanes import MOST_LEFT_BEHIND, Lane
from signoff.runtime.leases import Leases

log = logging.getLogger("signoff.worker")

POLL_S = 0.05
"""Seconds between two looks at what other processes wrote."""

_PAGE = 64
_JOIN_S = 15.0
"""Seconds to wait at the most for the thread that watches: longer than a database waits for another's lock."""
_WAKING = frozenset({State.HELD, State.CLEARED, State.WAITING})


def worker_name() -> str:
    """Name this process for the attempts it makes."""
    return f"{socket.gethostname()}:{os.getpid()}"


def tick(store: Store, now: datetime, *, spare: frozenset[str] = frozenset()) -> Tended:
    """
    Do what time asks for, a page of each: settle holds, expire waiting cases, end attempts whose lease ran out.

    Args:
        store: Where the cases are.
        now: The time, UTC.
        spare: Running cases to leave alone, because their effects run here.
    """

    def due(tx: Reading) -> list[State]:
        return [
            state
            for state in execute.TENDED
            if any(case.id not in spare for case in tx.due(state, now=now, limit=1 + len(spare)))
        ]

    moved, refused = 0, dict[str, SignoffError]()
    for state in store.read(due):
        tended = store.write(partial(execute.tend, state=state, now=now, limit=_PAGE, spare=spare))
        moved += tended.moved
        refused |= tended.refused
    return Tended(moved=moved, refused=refused)


def _next_due(tx: Reading, *, after: datetime) -> datetime | None:
    return tx.next_due(after=after)


class Worker:
    """
    Runs what is due, with a thread that watches the time and, for each checkpoint, some that run handlers.

    A handler that outlives its time-out is left behind: its attempt ends as the delivery says, and another
    thread takes its place, so that it holds up nothing else. Checkpoints share no threads, so one whose handlers all
    hang holds up no other.

    Args:
        store: Where the cases are.
        clock: The time.
        handlings: By checkpoint, how its effects are run here; read anew each time.
        leases: Keeps what runs here from being taken for lost.
        threads: Handlers at a time of each checkpoint, >= 1.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        handlings: Callable[[], Mapping[str, Handling]],
        *,
        leases: Leases,
        threads: int = 4,
    ) -> None:
        self._store = store
        self._clock = clock
        self._handlings = handlings
        self._leases = leases
        self.threads = threads
        self._name = worker_name()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._over = threading.Event()
        self._until = math.inf
        """When nobody waits any more for what still runs, by the monotonic clock."""
        self._guard = threading.Lock()
        self._lanes: dict[str, Lane] = {}
        self._free_at: dict[str, datetime] = {}
        """When the rate of a checkpoint that has work lets it go on."""
        self._full: frozenset[str] = frozenset()
        """Checkpoints that have work, and as many effects running as they may."""
        self._ailing: dict[str, float] = {}
        """Checkpoints whose work could not be taken, and when to try again by the monotonic clock."""
        self._busy: dict[str, int] = {}
        """Of those, checkpoints where another process was taking work, and how often in a row."""
        self._paused: set[str] = set()
        self._told: set[str] = set()
        self._watch: threading.Thread | None = None
        store.on_commit(self._notice)

    def start(self) -> None:
        """Start to work; a second call does nothing."""
        with self._guard:
            if self._watch is None and not self._stopping.is_set():
                self._watch = threading.Thread(target=self._dispatch, name="signoff-worker", daemon=True)
                self._watch.start()

    def stop(self, *, timeout_s: float = 5.0) -> int:
        """
        Take on nothing more and wait for the handlers that run.

        Args:
            timeout_s: Seconds, >= 0, to wait for them; what still runs then ends as its delivery says, and what has
                not begun is tried again.

        Returns:
            How many handlers still run, those left behind included.
        """
        self._until = until = time.monotonic() + timeout_s
        self._stopping.set()
        self._wake.set()
        me = threading.current_thread()
        with self._guard:
            watch = self._watch
        if watch is not None and watch is not me:
            # What it is taking would be lost if the store were closed now.
            watch.join(max(timeout_s, _JOIN_S))
        with self._guard:
            lanes = list(self._lanes.values())
        for lane in lanes:
            mine = lane.holds(me)
            while lane.busy > mine and (left := until - time.monotonic()) > 0:
                due = lane.next_overdue()
                lane.wait_idle(left if due is None else min(left, max(0.001, due - time.monotonic())))
                self._end_overdue()
        for lane in lanes:
            for started in lane.unbegun():
                self._hand_back(started, "the worker was stopped before it began")
        self._over.set()
        threads = [thread for lane in lanes for thread in lane.end() if thread is not me]
        still = sum(lane.busy + lane.left_behind for lane in lanes)
        for thread in threads:
            thread.join(max(0.0, until - time.monotonic()) if still else 1.0)
        return still

    def _notice(self, entries: Sequence[Entry]) -> None:
        if any(
            entry.to_state in _WAKING or (entry.from_state is State.RUNNING and entry.checkpoint in self._full)
            for entry in entries
        ):
            self._wake.set()

    # --- the thread that watches the time

    def _dispatch(self) -> None:
        version, next_due = -1, None
        pause = POLL_S
        while not self._stopping.is_set():
            woken = self._wake.wait(pause)
            self._wake.clear()
            pause = POLL_S
            try:
                now = self._turn()
                seen = self._store.version()
                if not woken and seen == version and (next_due is None or next_due > now):
                    continue
                version = seen
                while self._tend(now) + self._take():
                    if self._stopping.is_set():
                        return
                    # However long there is work, time goes on: for holds, and for handlers that outlive theirs.
                    now = self._turn()
                # Later than now: what is overdue and still there is in hand, or nobody's here.
                next_due = self._store.read(partial(_next_due, after=now))
                next_due = min((at for at in (next_due, *self._free_at.values()) if at is not None), default=None)
                if next_due is not None:
                    pause = min(POLL_S, max(0.001, (next_due - self._clock.now()).total_seconds()))
                if self._ailing:
                    version = -1
                    clock = time.monotonic()
                    # One whose time has come waits for a thread of its own, which says so.
                    pause = min(pause, *(max(0.001, at - clock) for at in self._ailing.values() if at > clock), POLL_S)
            except OutsideError as error:
                # The work is still in the store; look again a little later.
                log.warning("worker pauses: %s", error)
                version, pause = -1, 0.5
            except Exception:
                log.exception("worker failed; it tries again")
                version, pause = -1, 0.5

    def _turn(self) -> datetime:
        """Begin a look at the work; give the time of it."""
        self._end_overdue()
        return self._clock.now()

    def _tend(self, now: datetime) -> int:
        try:
            tended = tick(self._store, now, spare=self._leases.cases())
        except OutsideError:
            raise
        except Exception:
            # Rows that cannot be read at all; what can be run goes on meanwhile.
            log.exception("holds, deadlines and lost effects cannot be looked at; run signoff verify")
            return 0
        self._tell_refused(tended.refused)
        return tended.moved + len(tended.refused)

    def _take(self) -> bool:
        """Start what there is room for, one write for each checkpoint; tell whether there was anything to do."""
        handlings = self._handlings()
        now, clock = self._clock.now(), time.monotonic()
        rooms = {
            name: room
            for name in handlings
            if self._ailing.get(name, -math.inf) <= clock and (room := self._room(name))
        }
        free_at: dict[str, datetime] = {}
        full: set[str] = set()

        def with_work(tx: Reading) -> list[str]:
            free_at.clear()
            full.clear()
            found = []
            for name in rooms:
                try:
                    if not tx.due(State.CLEARED, now=now, limit=1, checkpoint=name):
                        continue
                except (ValueError, LookupError, TypeError):
                    # A row that cannot be read is told of when it is taken, and then only this checkpoint waits.
                    found.append(name)
                    continue
                allowed = pace.look(tx, name, handlings[name].limits, now=now)
                if allowed.of(1):
                    found.append(name)
                elif allowed.free_at is not None:
                    free_at[name] = allowed.free_at
                else:
                    full.add(name)
            return found

        found = self._store.read(with_work)
        self._free_at, self._full = free_at, frozenset(full)
        for name in rooms.keys() - set(found):
            self._lanes[name].hungry = False
            self._ailing.pop(name, None)
            self._busy.pop(name, None)
        took = failed = False
        # Those that another process may be in the way of come last.
        for name in sorted(found, key=self._ailing.__contains__):
            try:
                took |= self._take_for(name, handlings[name], rooms[name])
            except OutsideError as error:
                if failed:
                    # It is not this checkpoint but the database.
                    raise
                failed = True
                log.warning("no effect of %r can be started at the moment: %s", name, error)
                self._ailing[name] = time.monotonic() + 1.0
            except Exception:
                # One checkpoint's rows cannot be read; the others go on.
                if name not in self._ailing:
                    log.exception("no effect of %r can be started; run signoff verify", name)
                self._ailing[name] = clock + 5.0
        return took

    def _room(self, name: str) -> int:
        lane = self._lanes.get(name)
        if lane is None:
            with self._guard:
                lane = self._lanes[name] = Lane(name, self._run, self._wake.set)
        # Before the look at its room: a thread that gets free in between says so.
        lane.hungry = True
        if lane.left_behind >= MOST_LEFT_BEHIND:
            if name not in self._paused:
                self._paused.add(name)
                log.error(
                    "checkpoint %r is paused here: %d of its handlers outlived their time-out and still run; "
                    "it goes on when one of them ends",
                    name,
                    lane.left_behind,
                )
        elif name in self._paused:
            self._paused.discard(name)
            log.warning("checkpoint %r goes on here", name)
        return lane.room(self.threads)

    def _take_for(self, name: str, handling: Handling, room: int) -> bool:
        taken: Taken = execute.taking(
            self._store,
            lambda tx: (
                Taken()
                if self._stopping.is_set()
                else execute.take(
                    tx,
                    name,
                    handling=handling,
                    worker=self._name,
                    clock=self._clock,
                    limit=room,
                    lease_s=self._leases.lease_s,
                    wait=False,
                )
            ),
        )
        if taken.busy:
            # Not waited for, since this thread has other work; another process is only ever there for a moment.
            times = self._busy[name] = self._busy.get(name, 0) + 1
            self._ailing[name] = time.monotonic() + min(0.5, 0.005 * 2 ** min(times, 10))
            return False
        self._busy.pop(name, None)
        self._ailing.pop(name, None)
        self._tell_refused(taken.refused)
        if taken.free_at is not None:
            self._free_at[name] = taken.free_at
        elif not taken.looked:
            self._full |= {name}
        self._leases.keep(*taken.started)
        for started in self._lanes[name].give(taken.started):
            self._hand_back(started, "the worker's machine gave it no thread, or the worker was stopped")
        return taken.looked > 0

    def _hand_back(self, started: Started, problem: str) -> None:
        """Say of an effect that was taken that it did not begin."""
        self._report(started, Ended(ending=Ending.FAILED, problem=problem))

    def _tell_refused(self, refused: Mapping[str, SignoffError]) -> None:
        for case_id, error in refused.items():
            if case_id not in self._told:
                log.error("not moved on: %s", error)
        # Each once, as far as a bounded memory goes.
        self._told = {*refused} | (self._told if len(self._told) < 10_000 else set())

    def _end_overdue(self) -> None:
        for lane in list(self._lanes.values()):
            for started in lane.overdue():
                timeout_s = started.checkpoint.timeout_s
                log.warning("case %s: its handler outlived %g s", started.case.id, timeout_s)
                self._report(started, Ended(ending=Ending.TIMED_OUT, problem=f"no answer within {timeout_s:g} s"))
                self._wake.set()

    # --- the threads that run handlers

    def _run(self, started: Started, handler_ended: Callable[[], None]) -> None:
        try:
            ended = execute.call(started)
        except BaseException as error:
            # In a thread of ours nobody else is meant by it: a cancelled task, or an exit.
            ended = execute.raised(error)
        handler_ended()
        self._report(started, ended)

    def _report(self, started: Started, ended: Ended) -> None:
        """Record an ending; while the store is unavailable keep trying, since the effect has happened."""
        self._leases.ending(started)
        pause = 0.05
        try:
            while True:
                try:
                    self._store.write(lambda tx: execute.finish(tx, started, ended, now=self._clock.now()))
                    return
                except OutsideError as error:
                    if self._over.wait(pause) or time.monotonic() > self._until:
                        log.error("case %s: its ending could not be recorded: %s", started.case.id, error)
                        return
                    pause = min(2.0, pause * 2)
        except Exception:
            log.exception("case %s: its ending could not be recorded; run signoff verify", started.case.id)
        finally:
            self._leases.drop(started)
