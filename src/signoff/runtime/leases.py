"""Leases: renews those of all effects that run in this process, in one write each time."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from signoff.engine import execute
from signoff.engine.execute import LEASE_S, Started
from signoff.errors import OutsideError
from signoff.ports import Clock, Store

log = logging.getLogger("signoff.worker")


@dataclass(slots=True, eq=False)
class _Lease:
    started: Started
    until: float
    """By the monotonic clock; from then on nobody waits for its handler."""
    ending: bool = False
    lost: bool = False


class Leases:
    """
    Keeps the leases of running effects alive, from a thread that exists while there are any.

    Args:
        store: Where the cases are.
        clock: The time.
        lease_s: Seconds, > 0, until an effect is taken for lost when its process does not renew it.
    """

    def __init__(self, store: Store, clock: Clock, *, lease_s: float = LEASE_S) -> None:
        self.lease_s = lease_s
        self._store = store
        self._clock = clock
        self._held: dict[tuple[str, int], _Lease] = {}
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = threading.Event()

    def keep(self, *started: Started) -> None:
        """Renew these until they are dropped, but no longer than their handlers may take."""
        now = time.monotonic()
        with self._guard:
            for one in started:
                self._held[one.case.id, one.attempt.attempt] = _Lease(one, until=now + one.checkpoint.timeout_s)
            if self._thread is None and started and not self._stopped.is_set():
                thread = threading.Thread(target=self._renew_all_the_time, name="signoff-leases", daemon=True)
                try:
                    thread.start()
                except RuntimeError as error:
                    log.error("leases are not renewed, so long effects may be taken for lost: %s", error)
                else:
                    self._thread = thread

    def ending(self, started: Started) -> None:
        """Renew it for as long as it takes to record its ending; that it is gone is no surprise now."""
        with self._guard:
            lease = self._held.get((started.case.id, started.attempt.attempt))
            if lease is not None:
                lease.ending, lease.until = True, math.inf

    def drop(self, started: Started) -> None:
        """Renew it no more."""
        with self._guard:
            self._held.pop((started.case.id, started.attempt.attempt), None)

    @contextmanager
    def holding(self, started: Started) -> Iterator[None]:
        """Renew it while the block runs."""
        self.keep(started)
        try:
            yield
        finally:
            self.drop(started)

    def cases(self) -> frozenset[str]:
        """List the cases whose effects run here and have time left."""
        now = time.monotonic()
        with self._guard:
            return frozenset(lease.started.case.id for lease in self._held.values() if self._lives(lease, now))

    def stop(self) -> None:
        """Renew nothing more; what still runs is taken for lost when its lease is over."""
        self._stopped.set()
        with self._guard:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(self.lease_s)

    def renew(self) -> bool:
        """
        Prolong all of them now.

        Returns:
            Whether that was all of them; those whose case is being changed elsewhere are to be tried again soon.

        Raises:
            OutsideError: If the database did not take it.
        """
        now = time.monotonic()
        with self._guard:
            held = [lease for lease in self._held.values() if self._lives(lease, now)]
        if not held:
            return True
        started = [lease.started for lease in held]
        renewed = self._store.write(lambda tx: execute.renew(tx, started, now=self._clock.now(), lease_s=self.lease_s))
        numbers = {(one.case.id, one.attempt.attempt) for one in renewed.lost}
        for lease in held:
            case_id, number = lease.started.case.id, lease.started.attempt.attempt
            if (case_id, number) not in numbers or lease.ending:
                continue
            with self._guard:
                if (case_id, number) not in self._held:
                    continue
                lease.lost = True
            log.warning("case %s: attempt %d lost its lease; its answer will change nothing", case_id, number)
        return not renewed.busy

    @staticmethod
    def _lives(lease: _Lease, now: float) -> bool:
        return not lease.lost and lease.until > now

    def _renew_all_the_time(self) -> None:
        pause, away_since = self.lease_s / 3, None
        while not self._stopped.wait(pause):
            with self._guard:
                if not self._held:
                    # The next effect starts another one; a thread for each effect would cost more than most effects.
                    self._thread = None
                    return
            begun = time.monotonic()
            try:
                pause = self.lease_s / 3 if self.renew() else min(0.5, self.lease_s / 10)
                away_since = None
            except Exception as error:
                pause = min(0.5, self.lease_s / 10)
                if away_since is None:
                    away_since = begun
                    level = logging.WARNING if isinstance(error, OutsideError) else logging.ERROR
                    log.log(level, "leases cannot be renewed, so running effects may be taken for lost: %s", error)
