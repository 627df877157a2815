"""Reversal: a new effect that undoes a done one, once."""

from __future__ import annotations

from typing import Any

import pytest

from signoff import CaseHandle, CheckpointFunction, EffectFailed, Signoff, State
from signoff.errors import CaseClosed, InvalidCheckpoint, NotAllowed, UsageError
from signoff.testing import RecordingHandler


@pytest.fixture
def undone() -> RecordingHandler:
    return RecordingHandler("undone")


@pytest.fixture
def pay(app: Signoff, sent: RecordingHandler, undone: RecordingHandler) -> CheckpointFunction[..., Any]:
    sent.value = {"transaction": 7}

    @app.checkpoint
    def pay(to: str, cents: int) -> Any:
        return sent(to=to, cents=cents)

    @pay.reversal
    def refund(cents: int, receipt: dict[str, int]) -> str:
        return undone(cents=cents, receipt=receipt)

    return pay


@pytest.fixture
def paid(app: Signoff, pay: CheckpointFunction[..., Any]) -> CaseHandle:
    case = pay.propose(to="ada", cents=50)
    app.reviewer("grace").approve(case)
    app.run_due()
    return case


def test_a_done_case_is_reversed_by_a_case_of_its_own(app: Signoff, paid: CaseHandle, undone: RecordingHandler) -> None:
    reversal = app.reviewer("bob").reverse(paid, "paid twice")
    assert (paid.state, reversal.state) == (State.DONE, State.CLEARED)
    assert app.run_due() == 1
    assert (paid.state, reversal.outcome(0).state) == (State.REVERSED, State.DONE)
    assert [call.arguments for call in undone.calls] == [{"cents": 50, "receipt": {"transaction": 7}}]
    history = app.history(reversal.id)
    assert [(v.reviewer, v.reason) for v in history.verdicts] == [("bob", "paid twice")]
    assert history.case.reverses == paid.id
    assert app.history(paid.id).entries[-1].facts["reversal"] == reversal.id
    assert paid.outcome(0).value == {"transaction": 7}


def test_a_second_reversal_is_refused(app: Signoff, paid: CaseHandle, undone: RecordingHandler) -> None:
    grace = app.reviewer("grace")
    first = grace.reverse(paid)
    with pytest.raises(CaseClosed, match=first.id):
        grace.reverse(paid)
    app.run_due()
    with pytest.raises(CaseClosed, match="reversed"):
        grace.reverse(paid)
    assert len(undone.calls) == 1


def test_a_reversal_that_failed_may_be_tried_again(app: Signoff, paid: CaseHandle, undone: RecordingHandler) -> None:
    grace = app.reviewer("grace")
    undone.fail_next(EffectFailed("account closed"))
    grace.reverse(paid)
    app.run_due()
    assert paid.state is State.DONE
    grace.reverse(paid)
    app.run_due()
    assert paid.state is State.REVERSED


def test_a_reversal_that_was_taken_back_before_it_ran_may_be_ordered_again(app: Signoff, paid: CaseHandle) -> None:
    grace = app.reviewer("grace")
    grace.reverse(paid).withdraw()
    assert app.run_due() == 0
    grace.reverse(paid)
    app.run_due()
    assert paid.state is State.REVERSED


def test_a_reversal_nobody_can_tell_the_end_of_is_resolved_by_a_lead(
    app: Signoff, paid: CaseHandle, undone: RecordingHandler
) -> None:
    undone.fail_next(ConnectionError())
    reversal = app.reviewer("grace").reverse(paid)
    app.run_due()
    assert (reversal.state, paid.state) == (State.UNKNOWN, State.DONE)
    with pytest.raises(CaseClosed):
        app.reviewer("grace").reverse(paid)
    app.reviewer("lea", roles=["lead"]).resolve(reversal, "confirm_done")
    assert (reversal.state, paid.state) == (State.DONE, State.REVERSED)


def test_only_a_done_case_can_be_reversed(app: Signoff, pay: CheckpointFunction[..., Any]) -> None:
    case = pay.propose(to="ada", cents=1)
    grace = app.reviewer("grace")
    with pytest.raises(CaseClosed, match="waiting"):
        grace.reverse(case)
    grace.approve(case)
    with pytest.raises(CaseClosed, match="cleared"):
        grace.reverse(case)


def test_a_reversal_needs_a_person_with_the_role(app: Signoff, paid: CaseHandle) -> None:
    with pytest.raises(NotAllowed):
        app.reviewer("eve", roles=["auditor"]).reverse(paid)


def test_a_checkpoint_without_a_reversal_says_so(app: Signoff) -> None:
    @app.checkpoint
    def send(to: str) -> None: ...

    case = send.propose(to="ada")
    app.reviewer("grace").approve(case)
    app.run_due()
    with pytest.raises(UsageError, match="declares no reversal"):
        app.reviewer("grace").reverse(case)
    assert case.state is State.DONE


def test_a_reversal_takes_the_arguments_and_the_receipt_and_nothing_else(app: Signoff) -> None:
    @app.checkpoint
    def send(to: str) -> None: ...

    with pytest.raises(InvalidCheckpoint, match="amount"):

        @send.reversal
        def take_back(to: str, amount: int) -> None: ...
