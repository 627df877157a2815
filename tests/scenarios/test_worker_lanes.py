"""Lanes: each checkpoint has threads of its own, so one whose handlers all hang holds up no other."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from signoff import CaseHandle, CheckpointFunction, Signoff, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.entry import Entry
from signoff.engine import execute
from signoff.engine.execute import Started
from signoff.errors import StoreUnavailable
from signoff.runtime import lanes
from signoff.runtime.lanes import MOST_LEFT_BEHIND, Lane
from signoff.runtime.leases import Leases
from signoff.runtime.worker import Worker
from signoff.testing import FakeClock, MemoryStore

TIMEOUT_S = 20.0
MOST = 2000


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Hold handlers that hang; lets them go at the end of the test, whatever happens."""
    event = threading.Event()
    yield event
    event.set()


def approved(app: Signoff, function: CheckpointFunction[..., Any], *texts: str) -> list[CaseHandle]:
    cases = [function.propose(text=text) for text in texts]
    for case in cases:
        app.reviewer("grace").approve(case)
    return cases


def hanging(app: Signoff, release: threading.Event, **declared: Any) -> tuple[CheckpointFunction[..., Any], Any]:
    inside = threading.Semaphore(0)

    @app.checkpoint(**declared)
    def hang(text: str) -> str:
        inside.release()
        assert release.wait(TIMEOUT_S)
        return "late"

    return hang, inside


def threads_of(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(f"signoff-{name}-")]


@pytest.mark.parametrize("workers", [1, 3])
def test_while_all_handlers_of_one_checkpoint_hang_the_effects_of_another_go_through(
    place: MemoryStore | Path, release: threading.Event, workers: int
) -> None:
    with Signoff(place, workers=workers) as app:
        hang, inside = hanging(app, release)

        @app.checkpoint
        def quick(text: str) -> str:
            return text.upper()

        stuck = approved(app, hang, *map(str, range(workers + 2)))
        for _ in range(workers):
            assert inside.acquire(timeout=TIMEOUT_S)
        others = approved(app, quick, *map(str, range(20)))
        assert [case.outcome(TIMEOUT_S).state for case in others] == [State.DONE] * 20
        # Its own threads are full: what is left of it waits, in nobody's way.
        assert sorted(case.state.value for case in stuck) == ["cleared"] * 2 + ["running"] * workers
        release.set()
        assert [case.outcome(TIMEOUT_S).value for case in stuck] == ["late"] * len(stuck)


def test_a_checkpoint_with_too_many_handlers_left_behind_is_paused_until_one_ends(
    place: MemoryStore | Path, release: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "signoff.worker")
    with Signoff(place, clock=FakeClock(), workers=1) as app:
        hang, inside = hanging(app, release, timeout_s=0.02)

        @app.checkpoint
        def quick(text: str) -> str:
            return text.upper()

        cases = approved(app, hang, *map(str, range(MOST_LEFT_BEHIND + 3)))
        for _ in range(MOST_LEFT_BEHIND):
            assert inside.acquire(timeout=TIMEOUT_S)
        assert [case.outcome(TIMEOUT_S).state for case in cases[:MOST_LEFT_BEHIND]] == [State.UNKNOWN] * 8
        others = approved(app, quick, *map(str, range(5)))
        assert [case.outcome(TIMEOUT_S).state for case in others] == [State.DONE] * 5
        assert [case.state for case in cases[MOST_LEFT_BEHIND:]] == [State.CLEARED] * 3
        assert not inside.acquire(blocking=False)
        assert paused(caplog) == ["checkpoint 'hang' is paused here"]
        release.set()
        assert [case.outcome(TIMEOUT_S).value for case in cases[MOST_LEFT_BEHIND:]] == ["late"] * 3
        assert paused(caplog) == ["checkpoint 'hang' is paused here", "checkpoint 'hang' goes on here"]
        assert app.verify().contradictions == []


def paused(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage().partition(":")[0]
        for record in caplog.records
        if record.getMessage().startswith("checkpoint ")
    ]


def test_threads_are_started_when_there_is_work_and_end_when_there_is_none(
    place: MemoryStore | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "IDLE_S", 0.02)
    with Signoff(place, workers=3) as app:

        @app.checkpoint
        def parked(text: str) -> str:
            return text

        app.start()
        assert threads_of("parked") == []
        for _ in range(3):
            (case,) = approved(app, parked, "x")
            assert case.outcome(TIMEOUT_S).value == "x"
            for thread in threads_of("parked"):
                thread.join(TIMEOUT_S)
            assert threads_of("parked") == []


def test_what_was_started_when_the_worker_is_told_to_stop_is_finished(tmp_path: Path, release: threading.Event) -> None:
    app = Signoff(tmp_path / "signoff.db", workers=2)
    hang, inside = hanging(app, release)
    cases = approved(app, hang, "a", "b", "c")
    for _ in range(2):
        assert inside.acquire(timeout=TIMEOUT_S)
    stopper = threading.Thread(target=app.close, kwargs={"timeout_s": TIMEOUT_S})
    stopper.start()
    assert app._worker is not None
    assert app._worker._stopping.wait(TIMEOUT_S)
    release.set()
    stopper.join(TIMEOUT_S)
    assert not stopper.is_alive()
    with Signoff(tmp_path / "signoff.db", workers=0) as again:
        assert sorted(again.case(case.id).state.value for case in cases) == ["cleared", "done", "done"]


def test_a_handler_that_outlives_its_time_out_while_the_worker_stops_ends_as_its_delivery_says(
    tmp_path: Path, release: threading.Event
) -> None:
    app = Signoff(tmp_path / "signoff.db", workers=1)
    hang, inside = hanging(app, release, timeout_s=0.3)
    (case,) = approved(app, hang, "a")
    assert inside.acquire(timeout=TIMEOUT_S)
    app.close(timeout_s=TIMEOUT_S)
    with Signoff(tmp_path / "signoff.db", workers=0) as again:
        assert again.case(case.id).state is State.UNKNOWN
        assert again.history(case.id).attempts[0].ending == "timed_out"


def test_a_handler_may_close_the_app_it_runs_in(tmp_path: Path) -> None:
    app = Signoff(tmp_path / "signoff.db", workers=1)
    ended = threading.Event()

    @app.checkpoint
    def quit(text: str) -> None:
        app.close(timeout_s=TIMEOUT_S)
        ended.set()

    approved(app, quit, "now")
    assert ended.wait(TIMEOUT_S)


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), SystemExit(1), GeneratorExit()])
@pytest.mark.parametrize(("delivery", "attempts"), [("at_most_once", 1), ("idempotent", 3)])
def test_a_handler_that_always_breaks_down_ends_with_a_person(
    place: MemoryStore | Path, error: BaseException, delivery: str, attempts: int
) -> None:
    with Signoff(place, workers=1) as app:

        @app.checkpoint(delivery=delivery, max_tries=3, backoff_s=0)
        def breaks(text: str) -> None:
            raise error

        (case,) = approved(app, breaks, "x")
        assert case.outcome(TIMEOUT_S).state is State.UNKNOWN
        assert [attempt.ending for attempt in app.history(case.id).attempts] == ["raised"] * attempts


def test_a_handler_that_eats_all_memory_is_an_error_of_its_own(tmp_path: Path) -> None:
    with Signoff(tmp_path / "signoff.db", workers=1) as app:

        @app.checkpoint
        def eat(text: str) -> None:
            # More than any machine has, so the allocation itself is refused.
            bytearray(1 << 60)

        @app.checkpoint
        def quick(text: str) -> str:
            return text

        (case,) = approved(app, eat, "x")
        assert case.outcome(TIMEOUT_S).problem == "MemoryError: "
        assert case.state is State.UNKNOWN
        (other,) = approved(app, quick, "y")
        assert other.outcome(TIMEOUT_S).value == "y"


# --- a steady flow, and the end


def test_while_there_is_always_more_to_start_holds_end_and_handlers_time_out(release: threading.Event) -> None:
    clock, seen = FakeClock(), threading.Event()
    acts: list[tuple[str, str]] = []
    with Signoff(MemoryStore(), clock=clock, workers=0) as app:

        @app.checkpoint(undo_s=10)
        def held(text: str) -> None: ...

        hang, inside = hanging(app, release, timeout_s=0.02)

        @app.checkpoint(undo_s=0, oversight="automate", chosen_by="lea")
        def flow(text: str) -> None: ...

        def feed(entries: Sequence[Entry]) -> None:
            acts.extend((entry.checkpoint or "", entry.act) for entry in entries)
            if ("flow", "start") in acts[-len(entries) :] and not seen.is_set():
                if acts.count(("flow", "start")) == 3:
                    clock.advance(10)
                if {("held", "clear"), ("hang", "lose_track")} <= set(acts):
                    seen.set()
                elif acts.count(("flow", "start")) < MOST:
                    # In the thread that watches, so that it never finds that there is nothing to start.
                    flow.propose(text="more")
                else:
                    seen.set()

        approved(app, hang, "0")
        approved(app, held, "0")
        app.store.on_commit(feed)
        flow.propose(text="first")
        app.start(workers=64)
        assert inside.acquire(timeout=TIMEOUT_S)
        assert seen.wait(TIMEOUT_S)
        assert acts.count(("flow", "start")) < MOST
        release.set()


def test_a_checkpoint_whose_work_cannot_be_taken_at_the_moment_stops_no_other(
    app: Signoff, caplog: pytest.LogCaptureFixture
) -> None:
    away = threading.Event()
    away.set()

    @app.checkpoint
    def ailing(text: str) -> str:
        return text

    @app.checkpoint
    def quick(text: str) -> str:
        return text

    whole = app._handlings["ailing"]

    def declaration_of(version: int) -> Checkpoint:
        if away.is_set():
            raise StoreUnavailable("the database is away")
        return whole.declaration_of(version)

    handlings = {"ailing": replace(whole, declaration_of=declaration_of), "quick": app._handlings["quick"]}
    (stuck,) = approved(app, ailing, "0")
    others = approved(app, quick, "0", "1")
    leases = Leases(app.store, app.clock)
    worker = Worker(app.store, app.clock, lambda: handlings, leases=leases)
    worker.start()
    try:
        assert [case.outcome(TIMEOUT_S).state for case in others] == [State.DONE] * 2
        assert stuck.state is State.CLEARED
        assert "no effect of 'ailing' can be started at the moment: the database is away" in caplog.text
        away.clear()
        assert stuck.outcome(TIMEOUT_S).state is State.DONE
    finally:
        worker.stop(timeout_s=TIMEOUT_S)
        leases.stop()


def test_what_was_just_taken_when_the_app_is_closed_is_not_lost(tmp_path: Path) -> None:
    path, inside, over = tmp_path / "signoff.db", threading.Event(), threading.Event()
    ran: list[str] = []
    with Signoff(path, workers=2) as app:

        @app.checkpoint
        def send(text: str) -> str:
            ran.append(text)
            return text

        def slow(entries: Sequence[Entry]) -> None:
            if any(entry.act == "start" for entry in entries):
                inside.set()
                over.wait(0.3)

        app.store.on_commit(slow)
        (case,) = approved(app, send, "0")
        assert inside.wait(TIMEOUT_S)
        app.close(timeout_s=0)
        over.set()
    with Signoff(path, workers=0) as app:
        state = app.case(case.id).seen.state
        assert (state, ran) in [(State.DONE, ["0"]), (State.CLEARED, [])]


def test_a_lane_gives_back_what_no_thread_has_begun_with(app: Signoff, release: threading.Event) -> None:
    function, _ = hanging(app, release)
    cases = approved(app, function, "0", "1", "2")
    taken = app.store.write(
        lambda tx: execute.take(tx, "hang", handling=app._handlings["hang"], worker="me", clock=app.clock, limit=3)
    )
    inside = threading.Semaphore(0)

    def work(one: Started, ended: Callable[[], None]) -> None:
        inside.release()
        assert release.wait(TIMEOUT_S)
        ended()

    lane = Lane("hang", work, lambda: None)
    assert lane.give(taken.started[:1]) == []
    assert inside.acquire(timeout=TIMEOUT_S)
    for one in taken.started[1:]:
        # As between the giving and the first step of a thread.
        lane._todo.put(one)
        lane._busy += 1
    assert lane.unbegun() == list(taken.started[1:])
    assert (lane.busy, lane.give(taken.started[1:])) == (1, list(taken.started[1:]))
    release.set()
    for thread in lane.end():
        thread.join(TIMEOUT_S)
    assert len(cases) == 3
