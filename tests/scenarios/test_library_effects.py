"""The effect: what an ended attempt means under each delivery, retries, and what a person says about an unknown one."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from signoff import CaseHandle, CheckpointFunction, EffectFailed, EffectUnknown, Signoff, State, current_effect
from signoff.errors import CaseClosed, InvalidInput, NotAllowed
from signoff.testing import FakeClock, RecordingHandler

DELIVERIES = ["at_most_once", "idempotent", "checkable"]


class Killed(BaseException):
    """The process dies in the middle: nobody reports back."""


def checkpoint(
    app: Signoff, sent: RecordingHandler, delivery: str = "at_most_once", **declared: Any
) -> CheckpointFunction[..., Any]:
    if delivery == "checkable":
        declared.setdefault("check", lambda key: None)

    @app.checkpoint(delivery=delivery, **declared)
    def send(to: str) -> Any:
        return sent(to=to)

    return send


def approved(app: Signoff, send: CheckpointFunction[..., Any], **how: Any) -> CaseHandle:
    case = send.propose(to="ada", **how)
    app.reviewer("grace").approve(case)
    return case


def run(app: Signoff, clock: FakeClock, *, crashed: bool = False) -> None:
    """Run what is due; a crash is found out when its lease is over."""
    try:
        app.run_due()
    except Killed:
        assert crashed
        clock.advance(35)
        app.run_due()


# What a run leads to under at_most_once, idempotent and checkable, while tries are left.
TABLE: dict[str, tuple[BaseException | None, list[str]]] = {
    "returns": (None, ["done", "done", "done"]),
    "certainly not, no use trying": (EffectFailed("bounced"), ["failed", "failed", "failed"]),
    "certainly not, try again": (EffectFailed("busy", retry=True), ["cleared", "cleared", "cleared"]),
    "cannot tell": (EffectUnknown("cut off"), ["unknown", "unknown", "unknown"]),
    "any other exception": (ConnectionError("cut off"), ["unknown", "cleared", "cleared"]),
    "crash": (Killed(), ["unknown", "cleared", "cleared"]),
}


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("ending", TABLE)
def test_an_ended_attempt_leads_where_its_delivery_says(
    app: Signoff, clock: FakeClock, sent: RecordingHandler, delivery: str, ending: str
) -> None:
    error, states = TABLE[ending]
    case = approved(app, checkpoint(app, sent, delivery))
    sent.fail_next(*([error] if error else []))
    run(app, clock, crashed=isinstance(error, Killed))
    assert case.state == states[DELIVERIES.index(delivery)]
    assert len(sent.calls) == 1
    attempt = app.history(case.id).attempts[0]
    assert attempt.finished_at == clock.now()
    assert (attempt.problem is None) == (error is None)


@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("ending", TABLE)
def test_the_last_try_ends_failed_or_unknown_never_lost(
    app: Signoff, clock: FakeClock, sent: RecordingHandler, delivery: str, ending: str
) -> None:
    error, states = TABLE[ending]
    case = approved(app, checkpoint(app, sent, delivery, max_tries=1))
    sent.fail_next(*([error] if error else []))
    run(app, clock, crashed=isinstance(error, Killed))
    final = {"done": "done", "failed": "failed"}.get(states[DELIVERIES.index(delivery)], "unknown")
    assert case.state == ("failed" if ending == "certainly not, try again" else final)
    clock.advance(10_000)
    assert app.run_due() == 0
    assert len(sent.calls) == 1


def test_retries_wait_longer_each_time_and_keep_the_key(app: Signoff, clock: FakeClock, sent: RecordingHandler) -> None:
    case = approved(app, checkpoint(app, sent, "idempotent", backoff_s=2, max_tries=4))
    sent.fail_next(*[ConnectionError("down")] * 3)
    assert app.run_due() == 1
    for wait in (2, 4, 8):
        clock.advance(wait - 0.001)
        assert app.run_due() == 0
        clock.advance(0.001)
        assert app.run_due() == 1
    assert case.outcome(0).value == "ok"
    assert {call.key for call in sent.calls} == {f"{case.id}.1"}
    assert [call.attempt for call in sent.calls] == [1, 2, 3, 4]
    assert [attempt.ending for attempt in app.history(case.id).attempts] == ["raised"] * 3 + ["returned"]


@pytest.mark.parametrize(("asked", "waits"), [(30, 30), (0, 1), (0.5, 1)])
def test_a_handler_may_ask_for_a_longer_wait_not_for_a_shorter_one(
    app: Signoff, clock: FakeClock, sent: RecordingHandler, asked: float, waits: float
) -> None:
    case = approved(app, checkpoint(app, sent))
    sent.fail_next(EffectFailed("slow down", retry_after_s=asked))
    app.run_due()
    assert app.case(case.id).seen.due_at is not None
    clock.advance(waits - 0.001)
    assert app.run_due() == 0
    clock.advance(0.001)
    assert app.run_due() == 1


@pytest.mark.parametrize(
    ("asked", "waits"),
    [(1e12, 86_400), (10**400, 1), (math.inf, 1), (-math.inf, 1), (math.nan, 1), (-5, 1), ("soon", 1)],
)
def test_a_wait_that_nobody_could_wait_is_no_reason_to_lose_the_ending(
    app: Signoff, clock: FakeClock, sent: RecordingHandler, asked: Any, waits: float
) -> None:
    case = approved(app, checkpoint(app, sent))
    sent.fail_next(EffectFailed("slow down", retry_after_s=asked))
    assert app.run_due() == 1
    assert app.history(case.id).attempts[0].ending == "failed"
    assert app.case(case.id).seen.due_at == clock.now() + timedelta(seconds=waits)


@pytest.mark.parametrize("delivery", ["idempotent", "checkable"])
def test_out_of_tries_what_may_have_happened_is_for_a_person(
    app: Signoff, clock: FakeClock, sent: RecordingHandler, delivery: str
) -> None:
    case = approved(app, checkpoint(app, sent, delivery, max_tries=3, backoff_s=0))
    sent.fail_next(*[ConnectionError("down")] * 9)
    app.run_due()
    assert case.outcome(0).state is State.UNKNOWN
    assert len(sent.calls) == 3


def test_out_of_tries_what_certainly_did_not_happen_failed(app: Signoff, sent: RecordingHandler) -> None:
    case = approved(app, checkpoint(app, sent, max_tries=3, backoff_s=0))
    sent.fail_next(*[EffectFailed("busy", retry=True)] * 9)
    app.run_due()
    outcome = case.outcome(0)
    assert (outcome.state, outcome.problem) == (State.FAILED, "busy")
    assert len(sent.calls) == 3


# --- checkable


def test_a_check_is_asked_before_a_second_try_and_its_receipt_is_the_outcome(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    asked: list[str] = []

    def check(key: str) -> Any:
        asked.append(key)
        return sent.receipts(key)

    case = approved(app, checkpoint(app, sent, "checkable", check=check, backoff_s=0))
    sent.fail_next(ConnectionError("sent, then cut off"))
    app.run_due()
    assert case.outcome(0).value == "ok"
    assert len(sent.calls) == 1
    assert asked == [f"{case.id}.1"]


def test_what_the_check_does_not_find_is_sent(app: Signoff, clock: FakeClock, sent: RecordingHandler) -> None:
    case = approved(app, checkpoint(app, sent, "checkable", check=lambda key: None, backoff_s=0))
    sent.fail_next(Killed())
    run(app, clock, crashed=True)
    assert case.outcome(0).state is State.DONE
    assert len(sent.calls) == 2


def test_a_check_that_cannot_answer_leaves_it_to_a_person(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    def check(key: str) -> Any:
        raise TimeoutError("provider is down")

    case = approved(app, checkpoint(app, sent, "checkable", check=check, backoff_s=0))
    sent.fail_next(ConnectionError())
    app.run_due()
    outcome = case.outcome(0)
    assert outcome.state is State.UNKNOWN
    assert outcome.problem is not None
    assert "provider is down" in outcome.problem
    assert len(sent.calls) == 1


# --- between two tries


def test_other_words_never_go_out_under_a_key_that_may_have_been_used(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    case = approved(app, checkpoint(app, sent, "idempotent"))
    sent.fail_next(ConnectionError("accepted, then cut off"))
    app.run_due()
    grace = app.reviewer("grace")
    with suppress(CaseClosed):
        grace.redraft(case, "to bob", arguments={"to": "bob"})
        grace.approve(app.case(case.id))
    clock.advance(60)
    app.run_due()
    words = {}
    for call in sent.calls:
        assert words.setdefault(call.key, call.arguments) == call.arguments


def test_what_may_have_happened_is_not_called_withdrawn(app: Signoff, clock: FakeClock, sent: RecordingHandler) -> None:
    case = approved(app, checkpoint(app, sent, "idempotent"))
    sent.fail_next(ConnectionError("accepted, then cut off"))
    app.run_due()
    with suppress(CaseClosed):
        case.withdraw()
    clock.advance(60)
    app.run_due()
    assert case.state is not State.WITHDRAWN


# --- late answers


@pytest.mark.parametrize("delivery", ["at_most_once", "idempotent"])
def test_a_late_answer_is_kept_and_changes_nothing(app: Signoff, clock: FakeClock, delivery: str) -> None:
    late: list[State] = []

    @app.checkpoint(delivery=delivery, backoff_s=1000)
    def send(to: str) -> str:
        # It takes so long that its lease is over and the attempt was given up before it returns.
        clock.advance(35)
        app.run_due()
        late.append(app.case(current_effect().case_id).state)
        return "sent after all"

    case = send.propose(to="ada")
    app.reviewer("grace").approve(case)
    app.run_due()
    expected = State.UNKNOWN if delivery == "at_most_once" else State.CLEARED
    assert late == [expected]
    assert case.state is expected
    history = app.history(case.id)
    assert history.attempts[0].receipt == {"value": "sent after all"}
    assert history.attempts[0].ending == "crashed"
    assert [entry.act for entry in history.entries][-1] == "late"
    if delivery == "at_most_once":
        app.reviewer("lea", roles=["lead"]).resolve(case, "confirm_done")
        assert case.outcome(0).value == "sent after all"


def test_an_effect_runs_once_however_often_it_is_asked_for(app: Signoff, sent: RecordingHandler) -> None:
    case = approved(app, checkpoint(app, sent))
    assert app.execute(case.id) is not None
    for _ in range(3):
        assert app.execute(case.id) is None
        assert app.run_due() == 0
    assert len(sent.calls) == 1


def test_a_handler_that_asks_for_its_own_effect_does_not_start_it_again(app: Signoff, sent: RecordingHandler) -> None:
    again: list[Any] = []

    @app.checkpoint
    def send(to: str) -> None:
        again.append(app.execute(current_effect().case_id))
        again.append(app.run_due())
        sent(to=to)

    approved(app, send)
    assert app.run_due() == 1
    assert again == [None, 0]
    assert len(sent.calls) == 1


@pytest.mark.parametrize(
    "value", ["\ud800", float("nan"), {1, 2}, object(), {"deep": [float("inf")]}], ids=lambda v: type(v).__name__
)
def test_whatever_a_handler_returns_its_effect_is_done(app: Signoff, sent: RecordingHandler, value: Any) -> None:
    sent.value = value
    case = approved(app, checkpoint(app, sent))
    app.run_due()
    assert case.outcome(0).state is State.DONE


def test_whatever_a_handler_says_when_it_fails_its_attempt_ends(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    case = approved(app, checkpoint(app, sent))
    sent.fail_next(FileNotFoundError("no file b\udcffd.txt"))
    app.run_due()
    assert case.outcome(0).state is State.UNKNOWN


def test_outside_a_handler_there_is_no_current_effect() -> None:
    with pytest.raises(LookupError):
        current_effect()


# --- a person says what became of it


@pytest.fixture
def lost(app: Signoff, sent: RecordingHandler) -> CaseHandle:
    case = approved(app, checkpoint(app, sent), proposer="olga")
    sent.fail_next(ConnectionError("accepted, then connection lost"))
    app.run_due()
    assert case.outcome(0).state is State.UNKNOWN
    return case


def test_an_unknown_effect_that_happened_is_done_with_the_proof(
    app: Signoff, lost: CaseHandle, sent: RecordingHandler
) -> None:
    lead = app.reviewer("lea", roles=["lead"])
    assert lead.resolve(lost, "confirm_done", receipt={"id": 7}, note="found in Sent").state is State.DONE
    assert lost.outcome(0).value == {"id": 7}
    history = app.history(lost.id)
    assert [(note.about, note.author, note.text) for note in history.notes] == [("resolve", "lea", "found in Sent")]
    assert app.run_due() == 0
    assert len(sent.calls) == 1


def test_an_unknown_effect_that_did_not_happen_failed(app: Signoff, lost: CaseHandle, sent: RecordingHandler) -> None:
    assert app.reviewer("root", roles=["admin"]).resolve(lost, "confirm_failed").state is State.FAILED
    assert lost.outcome(0).problem is not None
    assert app.run_due() == 0


def test_sent_again_it_has_a_new_key_and_all_its_tries(app: Signoff, lost: CaseHandle, sent: RecordingHandler) -> None:
    again = app.reviewer("lea", roles=["lead"]).resolve(lost, "send_again")
    assert (again.state, again.generation, again.tries) == (State.CLEARED, 2, 0)
    assert app.run_due() == 1
    assert lost.outcome(0).state is State.DONE
    assert [call.key for call in sent.calls] == [f"{lost.id}.1", f"{lost.id}.2"]
    assert sent.calls[0].arguments == sent.calls[1].arguments


@pytest.mark.parametrize("move", ["confirm_done", "send_again", "confirm_failed"])
def test_only_a_lead_or_admin_resolves_and_never_the_proposer(app: Signoff, lost: CaseHandle, move: str) -> None:
    for desk in (
        app.reviewer("grace"),
        app.reviewer("off", roles=["officer", "legal", "auditor", "reviewer"]),
        app.reviewer("olga", roles=["lead", "admin"]),
    ):
        with pytest.raises(NotAllowed):
            desk.resolve(lost, move)
    assert lost.state is State.UNKNOWN


@pytest.mark.parametrize("move", ["finish", "retry", "approve", "", "reverse"])
def test_no_other_word_resolves(app: Signoff, lost: CaseHandle, move: str) -> None:
    with pytest.raises(InvalidInput, match="confirm_done, send_again or confirm_failed"):
        app.reviewer("lea", roles=["lead"]).resolve(lost, move)


def test_what_is_not_unknown_cannot_be_resolved(app: Signoff, lost: CaseHandle) -> None:
    lead = app.reviewer("lea", roles=["lead"])
    lead.resolve(lost, "confirm_failed")
    for move in ("confirm_done", "send_again", "confirm_failed"):
        with pytest.raises(CaseClosed, match="failed"):
            lead.resolve(lost, move)


def test_a_receipt_that_is_no_json_is_refused(app: Signoff, lost: CaseHandle) -> None:
    with pytest.raises(InvalidInput, match="the receipt"):
        app.reviewer("lea", roles=["lead"]).resolve(lost, "confirm_done", receipt=float("nan"))
    assert lost.state is State.UNKNOWN
