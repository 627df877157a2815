"""Leases: short, renewed while a handler runs, fenced; a killed process is found out by any worker."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from signoff import CaseHandle, Signoff, State
from signoff.domain.effect import Attempt
from signoff.domain.entry import Entry
from signoff.engine import execute
from signoff.engine.execute import LEASE_S, Started
from signoff.errors import StoreUnavailable
from signoff.ports import Transaction
from signoff.runtime.leases import Leases
from signoff.runtime.worker import Worker
from signoff.storage.sqlite import SqliteStore
from signoff.testing import FakeClock, MemoryStore, RecordingHandler
from tests.crash.children import TIMEOUT_S, running
from tests.crash.receiver import Receiver


def cleared(app: Signoff, sent: RecordingHandler, count: int = 1, **declared: Any) -> list[CaseHandle]:
    @app.checkpoint(**declared)
    def send(to: str) -> Any:
        return sent(to=to)

    cases = [send.propose(to=f"person {n}") for n in range(count)]
    for case in cases:
        app.reviewer("grace").approve(case)
    return cases


def started(app: Signoff, case: CaseHandle) -> Started:
    one = app.store.write(
        lambda tx: execute.start(
            tx, case.id, handling_of=app._handlings.get, worker="me", clock=app.clock, lease_s=LEASE_S
        )
    )
    assert one is not None
    return one


def attempt_of(app: Signoff, case: CaseHandle) -> Attempt:
    return app.history(case.id).attempts[-1]


# --- renewing


def test_a_renewed_lease_outlives_its_first_end_and_leaves_no_entry(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    (case,) = cleared(app, sent)
    one = started(app, case)
    entries = app.history(case.id).entries
    for _ in range(5):
        clock.advance(LEASE_S * 0.9)
        assert app.store.write(lambda tx: execute.renew(tx, [one], now=clock.now())).lost == []
        app.run_due()
        assert case.state is State.RUNNING
    until = clock.now() + timedelta(seconds=LEASE_S)
    assert (app.case(case.id).seen.due_at, attempt_of(app, case).lease_until) == (until, until)
    assert app.history(case.id).entries == entries
    clock.advance(LEASE_S)
    app.run_due()
    assert case.state is State.UNKNOWN


def test_all_leases_are_renewed_in_one_write(app: Signoff, clock: FakeClock, sent: RecordingHandler) -> None:
    cases = cleared(app, sent, 5)
    held = [started(app, case) for case in cases]
    leases = Leases(app.store, clock)
    leases.keep(*held)
    try:
        clock.advance(LEASE_S / 2)
        before = app.store.version()
        leases.renew()
        if isinstance(app.store, MemoryStore):
            assert app.store.version() == before + 1
        assert {app.case(case.id).seen.due_at for case in cases} == {clock.now() + timedelta(seconds=LEASE_S)}
    finally:
        leases.stop()


@pytest.mark.parametrize("delivery", ["at_most_once", "idempotent"])
def test_a_worker_that_was_taken_for_dead_renews_nothing_and_completes_nothing(
    app: Signoff, clock: FakeClock, sent: RecordingHandler, delivery: str, caplog: pytest.LogCaptureFixture
) -> None:
    (case,) = cleared(app, sent, delivery=delivery)
    one = started(app, case)
    leases = Leases(app.store, clock)
    leases.keep(one)
    clock.advance(LEASE_S)
    app.run_due()
    clock.advance(5)
    app.run_due()
    state = case.state
    assert state is (State.UNKNOWN if delivery == "at_most_once" else State.DONE)
    seen = app.case(case.id).seen
    leases.renew()
    leases.renew()
    leases.stop()
    assert [record.getMessage() for record in caplog.records if "lost its lease" in record.getMessage()] == [
        f"case {case.id}: attempt 1 lost its lease; its answer will change nothing"
    ]
    late = execute.Ended(ending=execute.Ending.RETURNED, receipt={"value": "late"})
    app.store.write(lambda tx: execute.finish(tx, one, late, now=clock.now()))
    assert app.case(case.id).seen == seen
    assert app.history(case.id).attempts[0].receipt == {"value": "late"}


def test_the_lease_of_a_second_try_is_not_renewed_by_the_first(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    (case,) = cleared(app, sent, delivery="idempotent", backoff_s=0)
    first = started(app, case)
    clock.advance(LEASE_S)
    app.store.write(lambda tx: execute.recover(tx, case.id, now=clock.now()))
    second = started(app, case)
    until = attempt_of(app, case).lease_until
    clock.advance(1)
    assert app.store.write(lambda tx: execute.renew(tx, [second, first], now=clock.now())).lost == [first]
    assert attempt_of(app, case).lease_until == until + timedelta(seconds=1)
    assert app.history(case.id).attempts[0].finished_at is not None


def test_a_handler_that_runs_in_the_calling_thread_keeps_its_lease_no_longer_than_it_may_take(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    (case,) = cleared(app, sent, timeout_s=0.001)
    leases = Leases(app.store, clock)
    leases.keep(started(app, case))
    try:
        over = threading.Event()
        while leases.cases():
            over.wait(0.001)
        clock.advance(LEASE_S / 2)
        leases.renew()
        clock.advance(LEASE_S / 2)
        app.run_due()
        assert case.state is State.UNKNOWN
    finally:
        leases.stop()


# --- a worker


@contextmanager
def working(app: Signoff, *, lease_s: float) -> Iterator[tuple[Worker, Leases]]:
    leases = Leases(app.store, app.clock, lease_s=lease_s)
    worker = Worker(app.store, app.clock, lambda: app._handlings, leases=leases)
    worker.start()
    try:
        yield worker, leases
    finally:
        worker.stop(timeout_s=TIMEOUT_S)
        leases.stop()


class Renewals:
    """Counts the writes that prolong a lease, and tells of each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen = threading.Semaphore(0)
        renew = execute.renew

        def counted(*args: Any, **kwargs: Any) -> Any:
            lost = renew(*args, **kwargs)
            self.seen.release()
            return lost

        monkeypatch.setattr(execute, "renew", counted)

    def wait(self, count: int) -> None:
        for _ in range(count):
            assert self.seen.acquire(timeout=TIMEOUT_S)


def test_a_handler_that_takes_many_leases_long_is_run_once_beside_another_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewals, sent = Renewals(monkeypatch), RecordingHandler("ok")
    with Signoff(tmp_path / "signoff.db", workers=0) as app, Signoff(tmp_path / "signoff.db", workers=0) as other:
        for each in (app, other):

            @each.checkpoint(delivery="idempotent")
            def send(to: str) -> Any:
                # More than two leases go by; the other worker would take it for lost.
                renewals.wait(7)
                return sent(to=to)

        with working(app, lease_s=1.5), working(other, lease_s=1.5):
            case = app.function("send").propose(to="ada")
            app.reviewer("grace").approve(case)
            assert case.outcome(TIMEOUT_S).value == "ok"
        history = app.history(case.id)
        assert [attempt.ending for attempt in history.attempts] == ["returned"]
        assert history.attempts[0].lease_until > history.attempts[0].started_at + timedelta(seconds=3)
    assert len(sent.calls) == 1


class FailingStore(SqliteStore):
    """A database that is away while told so."""

    def __init__(self, path: Path) -> None:
        self.away = threading.Event()
        self.refused = threading.Semaphore(0)
        super().__init__(path)

    def write(self, work: Callable[[Transaction], Any]) -> Any:
        if self.away.is_set():
            self.refused.release()
            raise StoreUnavailable("the database is away")
        return super().write(work)


def test_a_database_that_was_away_for_longer_than_the_lease_costs_no_effect_of_its_only_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, clock = FailingStore(tmp_path / "signoff.db"), FakeClock()
    renewals, inside, go_on = Renewals(monkeypatch), threading.Event(), threading.Event()
    with Signoff(store, clock=clock, workers=0) as app:

        @app.checkpoint
        def send(to: str) -> str:
            inside.set()
            assert go_on.wait(TIMEOUT_S)
            return "sent"

        with working(app, lease_s=0.3):
            case = send.propose(to="ada")
            app.reviewer("grace").approve(case)
            assert inside.wait(TIMEOUT_S)
            store.away.set()
            for _ in range(3):
                assert store.refused.acquire(timeout=TIMEOUT_S)
            clock.advance(60)
            store.away.clear()
            renewals.wait(2)
            go_on.set()
            # Nobody else took it, so the worker that still runs it does not take it for lost either.
            assert case.outcome(TIMEOUT_S).value == "sent"


def test_an_effect_of_a_killed_process_is_recovered_by_a_worker_that_does_not_even_know_its_checkpoint(
    tmp_path: Path,
) -> None:
    with Signoff(tmp_path / "signoff.db", workers=0) as app:
        with running("tests.crash.worker", "hang", tmp_path, "0.5") as child:
            child.hear(json.dumps({"ready": "hang"}))
            app.reviewer("grace").approve(case := app.case(app.cases()[0].id))
            child.hear(json.dumps({"inside": case.id}))
            child.kill()
            assert child.was_killed()
        assert case.state is State.RUNNING
        with Signoff(tmp_path / "signoff.db", workers=0) as other, working(other, lease_s=LEASE_S):
            # Its time-out is an hour.
            assert case.outcome(TIMEOUT_S).state is State.UNKNOWN
        assert attempt_of(app, case).ending == "crashed"
        assert app.verify().contradictions == []
    assert Receiver(tmp_path / "receiver.log").requests() == {}


# --- taking


def test_one_write_starts_as_many_as_there_are_threads(tmp_path: Path) -> None:
    batches: list[int] = []
    first = threading.Event()

    def notice(entries: Sequence[Entry]) -> None:
        starts = sum(entry.act == "start" for entry in entries)
        if starts:
            batches.append(starts)
            first.set()

    with Signoff(MemoryStore(), workers=4) as app:
        all_in = threading.Barrier(4)
        app.store.on_commit(notice)
        workers, app._workers = app._workers, 0

        @app.checkpoint
        def send(to: str) -> str:
            all_in.wait(TIMEOUT_S)
            return to

        cases = [send.propose(to=str(n)) for n in range(8)]
        for case in cases:
            app.reviewer("grace").approve(case)
        app._workers = workers
        app.start()
        assert [case.outcome(TIMEOUT_S).state for case in cases] == [State.DONE] * 8
        assert batches[0] == 4
        assert sum(batches) == 8


def test_many_broken_cases_starve_nobody_and_undo_no_start(
    tmp_path: Path, sent: RecordingHandler, caplog: pytest.LogCaptureFixture
) -> None:
    import sqlite3

    path = tmp_path / "signoff.db"
    with Signoff(path, workers=0) as desk:
        cases = cleared(desk, sent, 200)
        broken = {case.id for case in cases[:150]}
        with sqlite3.connect(path) as connection:
            connection.executemany("UPDATE contents SET arguments = '{}' WHERE case_id = ?", [(id,) for id in broken])
            connection.execute("UPDATE contents SET arguments = 'no JSON' WHERE case_id = ?", (cases[0].id,))
        connection.close()
    caplog.set_level(logging.CRITICAL, "signoff.worker")
    with Signoff(path, workers=2) as app:

        @app.checkpoint
        def send(to: str) -> Any:
            return sent(to=to)

        app.start()
        for case in cases[150:]:
            assert app.case(case.id).outcome(TIMEOUT_S).state is State.DONE
        assert {case.id for case in app.cases(states=["cleared"], limit=500)} == broken
    assert len(sent.calls) == 50


def test_a_type_that_raises_on_one_case_lets_the_others_of_its_write_start(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    bad, good = cleared(app, sent, 2)
    handling = app._handlings["send"]
    to_python = handling.schema.to_python

    class Schema:
        json_schema = handling.schema.json_schema
        to_json = handling.schema.to_json

        def to_python(self, arguments: Any) -> Any:
            if arguments["to"] == "person 0":
                raise RuntimeError("no such type")
            return to_python(arguments)

    import dataclasses

    app._handlings["send"] = dataclasses.replace(handling, schema=Schema())
    taken = app.store.write(
        lambda tx: execute.take(tx, "send", handling=app._handlings["send"], worker="me", clock=clock, limit=9)
    )
    assert [one.case.id for one in taken.started] == [good.id]
    assert list(taken.refused) == [bad.id]
    assert "RuntimeError: no such type" in str(taken.refused[bad.id])
    assert (bad.state, good.state) == (State.CLEARED, State.RUNNING)
    # Put off, not forgotten: once it is mended it runs.
    app._handlings["send"] = handling
    clock.advance(execute.REFUSED_S)
    app.store.write(lambda tx: execute.take(tx, "send", handling=handling, worker="me", clock=clock, limit=9))
    assert bad.state is State.RUNNING
