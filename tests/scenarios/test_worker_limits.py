"""Limits: at most so many effects of a checkpoint at once, and so many a second, whoever runs them."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from signoff import CaseHandle, CheckpointFunction, Signoff, State, current_effect
from signoff.domain.pace import Pace
from signoff.engine import execute
from signoff.errors import InvalidCheckpoint, KeyReused
from signoff.testing import FakeClock, MemoryStore, RecordingHandler
from tests.crash.children import TIMEOUT_S, running_many
from tests.crash.receiver import Receiver
from tests.crash.worker import declare_limited

NEVER_S = 1e8


def cleared(app: Signoff, function: CheckpointFunction[..., Any], count: int) -> list[CaseHandle]:
    cases = [function.propose(text=str(n)) for n in range(count)]
    for case in cases:
        app.reviewer("grace").approve(case)
    return cases


# --- declaring


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({"concurrency": 0}, "concurrency is 0, but must be >= 1"),
        ({"concurrency": -1}, "concurrency is -1"),
        ({"concurrency": 1.5}, "must be a whole number"),
        ({"concurrency": True}, "must be a whole number"),
        ({"rate_per_s": 0}, "rate_per_s is 0, but must be > 0"),
        ({"rate_per_s": -1.0}, "rate_per_s is -1.0"),
        ({"rate_per_s": float("nan")}, "rate_per_s is nan"),
        ({"rate_per_s": float("inf")}, "rate_per_s is inf"),
        ({"rate_per_s": 1e-12}, "rate_per_s is 1e-12"),
        ({"rate_per_s": "5"}, "rate_per_s is '5'"),
    ],
)
def test_a_limit_that_cannot_work_is_refused(app: Signoff, limits: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidCheckpoint, match=told):

        @app.checkpoint(**limits)
        def send(text: str) -> None: ...


def test_limits_are_operation_and_make_no_new_version(app: Signoff) -> None:
    @app.checkpoint(concurrency=2, rate_per_s=5)
    def send(text: str) -> None: ...

    with Signoff(app.store, workers=0) as other:

        @other.checkpoint(name="send")
        def unlimited(text: str) -> None: ...

        unlimited.__name__ = "send"
        assert {send.declaration.version, app.function("send").declaration.version} == {1}
        other.store = MemoryStore()


# --- concurrency


def test_as_many_run_at_once_as_are_declared(app: Signoff, clock: FakeClock) -> None:
    seen: list[Any] = []

    @app.checkpoint(concurrency=2)
    def send(text: str) -> None:
        seen.append((text, app.store.read(lambda tx: tx.running("send"))))
        if text == "0":
            seen.append(app.execute(cases[1].id) is not None)
        if text == "1":
            # Two run: neither by name nor by time does a third begin.
            seen.append(app.execute(cases[2].id))
            seen.append(app.run_due())

    cases = cleared(app, send, 3)
    assert app.run_due() == 2
    assert seen == [("0", 1), ("1", 2), None, 0, True, ("2", 1)]
    assert [case.state for case in cases] == [State.DONE] * 3


def test_an_effect_that_is_lost_gives_its_place_back(app: Signoff, clock: FakeClock, sent: RecordingHandler) -> None:
    @app.checkpoint(concurrency=1)
    def send(text: str) -> Any:
        return sent(text=text)

    first, second = cleared(app, send, 2)
    app.store.write(lambda tx: execute.start(tx, first.id, handling_of=app._handlings.get, worker="dead", clock=clock))
    assert app.execute(second.id) is None
    assert app.run_due() == 0
    clock.advance(3600)
    assert app.run_due() == 1
    assert (first.state, second.state) == (State.UNKNOWN, State.DONE)


def test_a_worker_goes_on_as_soon_as_an_effect_ends(place: MemoryStore | Path) -> None:
    inside, go_on = threading.Semaphore(0), threading.Semaphore(0)
    with Signoff(place, clock=FakeClock(), workers=4) as app:

        @app.checkpoint(concurrency=2)
        def send(text: str) -> None:
            inside.release()
            assert go_on.acquire(timeout=TIMEOUT_S)

        cases = cleared(app, send, 6)
        for _ in range(2):
            assert inside.acquire(timeout=TIMEOUT_S)
        for _ in range(4):
            assert not inside.acquire(blocking=False)
            assert app.store.read(lambda tx: tx.running("send")) == 2
            go_on.release()
            assert inside.acquire(timeout=TIMEOUT_S)
        for _ in range(2):
            go_on.release()
        assert [case.outcome(TIMEOUT_S).state for case in cases] == [State.DONE] * 6


# --- rate


def test_as_many_start_in_any_second_as_are_declared(app: Signoff, clock: FakeClock, sent: RecordingHandler) -> None:
    @app.checkpoint(rate_per_s=4)
    def send(text: str) -> Any:
        return sent(text=text)

    cases = cleared(app, send, 9)
    starts: list[int] = []
    for _ in range(32):
        starts.append(app.run_due())
        # By name it is no faster.
        assert all(app.execute(case.id) is None for case in cases if case.state is State.CLEARED)
        clock.advance(1 / 16)
    assert sum(starts) == len(sent.calls) == 8
    assert max(sum(starts[n : n + 16]) for n in range(17)) == 4
    assert starts[:9] == [1, 0, 0, 0, 1, 0, 0, 0, 1]


def test_a_pause_is_not_caught_up_on(app: Signoff, clock: FakeClock) -> None:
    @app.checkpoint(rate_per_s=1)
    def send(text: str) -> None: ...

    clock.advance(3600)
    cleared(app, send, 3)
    assert [app.run_due(), app.run_due()] == [1, 0]


def test_a_case_that_goes_back_to_the_reviewers_uses_up_no_start(app: Signoff, clock: FakeClock) -> None:
    @app.checkpoint(name="send", rate_per_s=1)
    def old(text: str) -> None: ...

    cases = cleared(app, old, 1)
    with Signoff(app.store, clock=clock, workers=0) as newer:

        @newer.checkpoint(name="send", rate_per_s=1)
        def new(number: int) -> None: ...

        fit = new.propose(number=1)
        newer.reviewer("grace").approve(fit)
        assert newer.run_due() == 1
        assert (cases[0].state, fit.state) == (State.WAITING, State.DONE)
        newer.store = MemoryStore()


@pytest.mark.parametrize("hours", [-24, -1])
def test_a_clock_that_is_put_back_does_not_halt_the_checkpoint(app: Signoff, clock: FakeClock, hours: int) -> None:
    @app.checkpoint(rate_per_s=1)
    def send(text: str) -> None: ...

    cleared(app, send, 1)
    assert app.run_due() == 1
    clock.advance(hours * 3600)
    cases = cleared(app, send, 2)
    assert app.run_due() == 1
    assert sorted(case.state.value for case in cases) == ["cleared", "done"]


def test_a_worker_sleeps_until_the_rate_lets_it_go_on(
    place: MemoryStore | Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, polls, taken = FakeClock(), threading.Semaphore(0), []
    take = execute.take

    def counted(*args: Any, **kwargs: Any) -> Any:
        taken.append(1)
        return take(*args, **kwargs)

    monkeypatch.setattr(execute, "take", counted)
    with Signoff(place, clock=clock, workers=4) as app:
        version = app.store.version

        def polled() -> int:
            polls.release()
            return version()

        monkeypatch.setattr(app.store, "version", polled)

        @app.checkpoint(rate_per_s=0.1)
        def send(text: str) -> None: ...

        cases = cleared(app, send, 3)
        for number, case in enumerate(cases):
            assert case.outcome(TIMEOUT_S).state is State.DONE
            for _ in range(10):
                assert polls.acquire(timeout=TIMEOUT_S)
            # It looked on and on, but wrote nothing, since it knew that it could not.
            assert len(taken) <= number + 1
            assert [each.state for each in cases[number + 1 :]] == [State.CLEARED] * (2 - number)
            clock.advance(10)


def test_a_limited_checkpoint_holds_up_no_other(place: MemoryStore | Path) -> None:
    with Signoff(place, clock=FakeClock(), workers=1) as app:

        @app.checkpoint(rate_per_s=1 / NEVER_S)
        def slow(text: str) -> None: ...

        @app.checkpoint
        def quick(text: str) -> None: ...

        waiting = cleared(app, slow, 3)
        assert [case.outcome(TIMEOUT_S).state for case in cleared(app, quick, 10)] == [State.DONE] * 10
        assert waiting[0].outcome(TIMEOUT_S).state is State.DONE
        assert [case.state for case in waiting[1:]] == [State.CLEARED] * 2


def test_when_two_make_the_first_pace_at_once_the_write_is_run_again(app: Signoff, clock: FakeClock) -> None:
    @app.checkpoint(rate_per_s=1)
    def send(text: str) -> None: ...

    (case,) = cleared(app, send, 1)
    raced: list[int] = []

    class Racing(MemoryStore):
        """Another write gets in first, between this one's look and its own row."""

        def write(self, work: Any) -> Any:
            if not raced:
                raced.append(1)
                app.store.write(lambda tx: tx.add(Pace(checkpoint="send", free_at=clock.now() + timedelta(seconds=1))))
                raise KeyReused("a Pace with that key is already there; use a new one")
            return app.store.write(work)

    took = execute.taking(
        Racing(),
        lambda tx: execute.start(tx, case.id, handling_of=app._handlings.get, worker="me", clock=clock),
    )
    assert (took, raced) == (None, [1])
    clock.advance(1)
    assert app.run_due() == 1


# --- several processes


def run_limited(folder: Path, limits: dict[str, Any], *, cases: int, processes: int = 3) -> Signoff:
    """Let several processes, with one thread each, run all cases; give an app to look at what came of it."""
    app = Signoff(folder / "signoff.db", workers=0)
    handles = cleared(app, declare_limited(app, folder), cases)
    lines: list[list[str | Path]] = [["limited", folder, json.dumps(limits)] for _ in range(processes)]
    with running_many("tests.crash.worker", lines) as children:
        for child in children:
            child.hear(json.dumps({"ready": "limited"}))
        for child in children:
            child.say("go")
        assert {case.outcome(TIMEOUT_S).state for case in handles} == {State.DONE}
        for child in children:
            child.say("stop")
        assert all(child.ended_well() for child in children)
    return app


def most_at_once(folder: Path) -> int:
    inside = most = 0
    for kind, _ in Receiver(folder / "receiver.log").notes():
        inside += 1 if kind == "begin" else -1
        most = max(most, inside)
    assert inside == 0
    return most


@pytest.mark.parametrize("concurrency", [1, 2, None])
def test_over_several_processes_never_more_run_at_once_than_are_declared(
    tmp_path: Path, concurrency: int | None
) -> None:
    with run_limited(tmp_path, {"concurrency": concurrency}, cases=40) as app:
        assert app.verify().contradictions == []
    if concurrency is None:
        assert most_at_once(tmp_path) > 2, "nothing would run side by side anyway; that shows nothing"
    else:
        assert most_at_once(tmp_path) == concurrency
    assert len(Receiver(tmp_path / "receiver.log").notes()) == 80


def test_over_several_processes_never_more_start_in_any_second_than_are_declared(tmp_path: Path) -> None:
    with run_limited(tmp_path, {"rate_per_s": 25}, cases=40) as app:
        attempts = [app.history(case.id).attempts for case in app.cases(limit=100)]
    assert [len(each) for each in attempts] == [1] * 40
    starts = sorted(each[0].started_at for each in attempts)
    assert min(b - a for a, b in pairwise(starts)) >= timedelta(seconds=1 / 25)
    window = timedelta(seconds=1)
    assert max(sum(at <= other < at + window for other in starts) for at in starts) <= 25


def test_both_limits_hold_together(app: Signoff, clock: FakeClock) -> None:
    began: list[str] = []

    @app.checkpoint(concurrency=1, rate_per_s=1)
    def send(text: str) -> None:
        began.append(current_effect().case_id)
        clock.advance(5)
        assert app.run_due() == 0

    cases = cleared(app, send, 3)
    assert app.run_due() == 3
    assert began == [case.id for case in cases]
