"""Locks: a row that somebody else holds in PostgreSQL delays what needs it, and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from signoff import CaseHandle, CheckpointFunction, Signoff, State
from signoff.domain.pace import Pace
from signoff.engine import execute
from signoff.engine.execute import LEASE_S
from signoff.runtime.leases import Leases
from signoff.testing import FakeClock

TIMEOUT_S = 20.0


@contextmanager
def locked(url: str, table: str, **key: str) -> Iterator[None]:
    """Hold a row, as a process does that stalled in the middle of a write."""
    ((name, value),) = key.items()
    with psycopg.connect(url) as other:
        found = other.execute(f"SELECT * FROM {table} WHERE {name} = %s FOR UPDATE".encode(), (value,)).fetchall()
        assert len(found) == 1
        yield
        other.rollback()


def wait_until_somebody_waits(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as other:
        pause = threading.Event()
        for _ in range(2000):
            (waiting,) = other.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone() or (0,)
            if waiting:
                return
            pause.wait(0.005)
    raise AssertionError("nobody waits for the lock")


def approved(app: Signoff, function: CheckpointFunction[..., Any], count: int = 1) -> list[CaseHandle]:
    cases = [function.propose(text=str(n)) for n in range(count)]
    for case in cases:
        app.reviewer("grace").approve(case)
    return cases


@pytest.mark.parametrize("how", ["by_time", "by_name"])
def test_what_waited_for_its_turn_has_a_whole_lease_and_the_rate_counts_from_its_start(
    postgres_url: str, how: str
) -> None:
    clock = FakeClock()
    with Signoff(postgres_url, clock=clock, workers=0) as app:

        @app.checkpoint(rate_per_s=0.1, concurrency=5, timeout_s=3600)
        def send(text: str) -> None: ...

        (case,) = approved(app, send)
        app.store.write(lambda tx: tx.add(Pace(checkpoint="send", free_at=clock.now())))
        with locked(postgres_url, "paces", checkpoint="send"):
            runs = threading.Thread(target=app.run_due if how == "by_time" else lambda: app.execute(case.id))
            runs.start()
            wait_until_somebody_waits(postgres_url)
            clock.advance(LEASE_S - 1)
        runs.join(TIMEOUT_S)
        (attempt,) = app.history(case.id).attempts
        assert (attempt.started_at, attempt.lease_until) == (clock.now(), clock.now() + timedelta(seconds=LEASE_S))
        pace = app.store.read(lambda tx: tx.get(Pace, "send"))
        assert pace is not None
        assert pace.free_at == clock.now() + timedelta(seconds=10)


def test_a_locked_case_costs_no_other_case_its_lease(postgres_url: str) -> None:
    clock = FakeClock()
    with Signoff(postgres_url, clock=clock, workers=0) as app:

        @app.checkpoint(timeout_s=3600)
        def send(text: str) -> None: ...

        cases = approved(app, send, 3)
        taken = app.store.write(
            lambda tx: execute.take(
                tx, "send", handling=app._handlings["send"], worker="me", clock=clock, limit=3, lease_s=LEASE_S
            )
        )
        before = clock.now() + timedelta(seconds=LEASE_S)
        leases = Leases(app.store, clock)
        leases.keep(*taken.started)
        clock.advance(LEASE_S / 2)
        after = clock.now() + timedelta(seconds=LEASE_S)
        try:
            with locked(postgres_url, "cases", id=cases[0].id):
                assert not leases.renew()
                assert [app.case(case.id).seen.due_at for case in cases] == [before, after, after]
            assert leases.renew()
            assert app.case(cases[0].id).seen.due_at == after
        finally:
            leases.stop()


def test_a_locked_pace_stops_no_other_checkpoint_and_its_own_goes_on_afterwards(
    postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Signoff(postgres_url, clock=FakeClock(), workers=2) as app:

        @app.checkpoint(concurrency=2)
        def limited(text: str) -> None: ...

        @app.checkpoint
        def free(text: str) -> None: ...

        (first,) = approved(app, limited)
        assert first.outcome(TIMEOUT_S).state is State.DONE
        with locked(postgres_url, "paces", checkpoint="limited"):
            (stuck,) = approved(app, limited)
            assert [case.outcome(TIMEOUT_S).state for case in approved(app, free, 3)] == [State.DONE] * 3
            assert stuck.state is State.CLEARED
        # Nor did the one thread that watches the time ever wait for the lock until the database gave up.
        assert [record.getMessage() for record in caplog.records] == []
        assert stuck.outcome(TIMEOUT_S).state is State.DONE
