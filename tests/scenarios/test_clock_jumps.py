"""The clock jumps a day forward and back: nothing is approved early, and no case is lost."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from signoff import Signoff
from signoff.app import CheckpointFunction
from signoff.domain.case import ANSWERED, State
from signoff.domain.entry import EntryKind
from signoff.errors import CaseClosed, ClaimLost, ConflictError, SignoffError
from signoff.testing import FakeClock, RecordingHandler

DAY_S = 86_400.0
HOUR_S = 3_600.0
TIMEOUT_S = 20.0

Desk = tuple[Signoff, FakeClock, RecordingHandler]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    clock = FakeClock()
    with Signoff(tmp_path / "signoff.db", clock=clock, workers=0) as app:
        yield app, clock, RecordingHandler("sent")


def declare(desk: Desk, name: str = "send", **options: object) -> CheckpointFunction[..., str]:
    app, _, handler = desk

    @app.checkpoint(name=name, **options)  # type: ignore[call-overload, untyped-decorator]
    def send(text: str) -> str:
        return str(handler(text=text))

    return send  # type: ignore[no-any-return]


def test_a_hold_never_ends_before_its_time_however_the_clock_jumps_back(desk: Desk) -> None:
    app, clock, handler = desk
    send = declare(desk, undo_s=HOUR_S)
    case = send.propose(text="hello")
    held = app.reviewer("grace").approve(case)
    assert held.due_at == clock.now() + timedelta(hours=1)
    for seconds in (-DAY_S, HOUR_S / 2, -DAY_S, 2 * DAY_S):
        clock.advance(seconds)
        assert app.run_due() == 0
        assert case.state is State.HELD
    clock.advance(HOUR_S / 2 - 0.001)
    assert app.run_due() == 0
    clock.advance(0.001)
    assert app.run_due() == 1
    assert case.outcome(0).state is State.DONE
    assert len(handler.calls) == 1


def test_a_verdict_can_still_be_recalled_after_the_clock_jumped_back(desk: Desk) -> None:
    app, clock, handler = desk
    case = declare(desk, undo_s=HOUR_S).propose(text="hello")
    grace = app.reviewer("grace")
    grace.approve(case)
    clock.advance(-DAY_S)
    assert grace.recall(case).state is State.WAITING
    clock.advance(3 * DAY_S)
    assert app.run_due() == 0
    assert handler.calls == []


@pytest.mark.parametrize("deadline_s", [None, HOUR_S])
def test_no_jump_approves_what_nobody_ruled_on(desk: Desk, deadline_s: float | None) -> None:
    app, clock, handler = desk
    case = declare(desk).propose(text="hello", deadline_s=deadline_s)
    for seconds in (DAY_S, -DAY_S, -DAY_S, 30 * DAY_S, -DAY_S):
        clock.advance(seconds)
        assert app.run_due() == 0
    assert case.state is (State.WAITING if deadline_s is None else State.EXPIRED)
    assert handler.calls == []
    if deadline_s is not None:
        with pytest.raises(CaseClosed, match="expired"):
            app.reviewer("grace").approve(case)


def test_a_claim_that_a_jump_ended_stays_ended_and_one_that_a_jump_stretched_still_counts(desk: Desk) -> None:
    app, clock, _ = desk
    send = declare(desk)
    send.propose(text="hello")
    grace, ada = app.reviewer("grace"), app.reviewer("ada")
    (claimed,) = grace.claim(hold_s=180)
    clock.advance(-DAY_S)
    assert ada.claim() == [], "it is held for longer than was meant, but by one person"
    clock.advance(2 * DAY_S)
    (taken,) = ada.claim(hold_s=180)
    clock.advance(-2 * DAY_S)
    with pytest.raises(ClaimLost):
        grace.approve(claimed)
    assert ada.approve(taken).state is State.CLEARED


def test_an_effect_that_runs_while_the_clock_jumps_is_run_once(desk: Desk) -> None:
    app, clock, handler = desk
    seen: list[int] = []

    @app.checkpoint(delivery="at_most_once")
    def jump(text: str) -> str:
        clock.advance(DAY_S)
        seen.append(app.run_due())
        clock.advance(-DAY_S)
        return str(handler(text=text))

    case = jump.propose(text="hello")
    app.reviewer("grace").approve(case)
    assert app.run_due() == 1
    # The day's jump ended the lease, so the attempt was given up: the late answer is kept, and a person decides.
    assert seen == [0]
    assert case.state is State.UNKNOWN
    assert len(handler.calls) == 1
    assert app.history(case.id).attempts[0].receipt == {"value": "sent"}
    clock.advance(2 * DAY_S)
    assert app.run_due() == 0
    assert len(handler.calls) == 1


def test_a_retry_waits_until_its_time_after_a_jump_back_and_is_not_lost(desk: Desk) -> None:
    app, clock, handler = desk
    handler.fail_next(ValueError("no"))
    case = declare(desk, delivery="idempotent", backoff_s=60.0).propose(text="hello")
    app.reviewer("grace").approve(case)
    assert app.run_due() == 1
    clock.advance(-DAY_S)
    assert app.run_due() == 0
    clock.advance(DAY_S + 120)
    assert app.run_due() == 1
    assert case.state is State.DONE
    assert len({call.key for call in handler.calls}) == 1


def test_a_worker_whose_clock_jumps_neither_hurries_nor_sleeps_for_ever(tmp_path: Path) -> None:
    clock, handler = FakeClock(), RecordingHandler("sent")
    with Signoff(tmp_path / "signoff.db", clock=clock, workers=2) as app:
        send = declare((app, clock, handler), undo_s=HOUR_S)
        quick = declare((app, clock, handler), "quick")
        held = [send.propose(text=f"held {n}") for n in range(5)]
        for case in held:
            app.reviewer("grace").approve(case)
        clock.advance(-DAY_S)
        # What is proposed and due now runs at once, so the worker has looked at the clock since it jumped.
        settled = threading.Event()
        app.store.on_commit(lambda entries: settled.set() if any(e.act == "finish" for e in entries) else None)
        waiting = quick.propose(text="now")
        app.reviewer("grace").approve(waiting)
        assert waiting.outcome(TIMEOUT_S).state is State.DONE
        assert settled.wait(TIMEOUT_S)
        assert [case.state for case in held] == [State.HELD] * 5
        clock.advance(DAY_S + HOUR_S)
        assert [case.outcome(TIMEOUT_S).state for case in held] == [State.DONE] * 5
    assert Counter(call.arguments["text"] for call in handler.calls) == Counter(
        ["now", *[f"held {n}" for n in range(5)]]
    )


@pytest.mark.parametrize("seed", range(5))
def test_random_jumps_among_all_verbs_lose_no_case_and_run_nothing_early(desk: Desk, seed: int) -> None:
    app, clock, handler = desk
    dice = random.Random(seed)
    functions = [
        declare(desk, "plain"),
        declare(desk, "held", undo_s=HOUR_S),
        declare(desk, "dated", deadline_s=2 * DAY_S, undo_s=60.0),
        declare(desk, "retried", delivery="idempotent", backoff_s=HOUR_S, max_tries=50),
    ]
    grace = app.reviewer("grace")
    proposed: list[str] = []
    latest = clock.now()
    for step in range(150):
        if dice.random() < 0.2:
            handler.fail_next(ValueError("no"))
        try:
            match dice.randrange(6):
                case 0 | 1:
                    proposed.append(dice.choice(functions).propose(text=str(step)).id)
                case 2 if proposed:
                    grace.approve(app.case(dice.choice(proposed)))
                case 3 if proposed:
                    grace.recall(dice.choice(proposed))
                case 4:
                    app.run_due()
                case _:
                    clock.advance(dice.choice([DAY_S, -DAY_S, HOUR_S, -HOUR_S, 90.0]))
        except ConflictError:
            pass
        except SignoffError as error:
            assert error.code in {"not_allowed"}, error
        latest = max(latest, clock.now())
    clock.advance((latest - clock.now()).total_seconds() + 60 * DAY_S)
    for _ in range(60):
        app.run_due()
        clock.advance(30 * DAY_S)

    assert list(app.verify().contradictions) == []
    assert len({case.id for case in app.cases(limit=1000)} ^ set(proposed)) == 0, "a case was lost"
    for case_id in proposed:
        history = app.history(case_id)
        assert history.case.state in ANSWERED or history.case.state is State.WAITING
        require_nothing_early([(e.act, e.at) for e in history.entries if e.kind is EntryKind.MOVE], history.checkpoint)


def require_nothing_early(moves: list[tuple[str, datetime]], checkpoint: object) -> None:
    """A verdict comes before its effect, and its hold was over by the clock of that moment."""
    ruled: datetime | None = None
    for act, at in moves:
        if act == "rule":
            ruled = at
        elif act == "recall":
            ruled = None
        elif act in ("clear", "start"):
            assert ruled is not None, "it went on without a verdict"
            assert at >= ruled + timedelta(seconds=getattr(checkpoint, "undo_s", 0.0))
