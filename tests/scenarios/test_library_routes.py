"""Where a case can go without a verdict: to somebody else, to later, back to the proposer or drafter, or nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from signoff import CheckpointFunction, Draft, Signoff, State
from signoff.errors import CaseClosed, ClaimLost, ContentChanged, InvalidInput, NotAllowed
from signoff.testing import FakeClock, RecordingHandler


def checkpoint(app: Signoff, sent: RecordingHandler, **declared: Any) -> CheckpointFunction[..., Any]:
    @app.checkpoint(**declared)
    def send(to: str, body: str = "draft") -> str:
        return sent(to=to, body=body)

    return send


# --- hand-over


def test_a_case_handed_to_a_person_is_offered_to_nobody_else(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    grace, bob, eve = (app.reviewer(name) for name in ("grace", "bob", "eve"))
    claimed = grace.claim()[0]
    handed = grace.hand_over(claimed, "bob", note="is this your customer?")
    assert (handed.assigned_to, handed.claimed_by, handed.state) == ("bob", None, State.WAITING)
    assert [[c.id for c in desk.queue()] for desk in (grace, bob, eve)] == [[], [case.id], []]
    for answer in (lambda: eve.approve(case), lambda: eve.claim_case(case.id), lambda: grace.snooze(case)):
        with pytest.raises(NotAllowed, match="assigned to bob"):
            answer()
    with pytest.raises((NotAllowed, ClaimLost)):
        grace.approve(claimed)
    assert bob.approve(bob.claim()[0]).state is State.CLEARED
    note = app.history(case.id).notes[0]
    assert (note.about, note.author, note.text) == ("hand_over", "grace", "is this your customer?")


def test_a_case_handed_to_a_group_is_offered_to_its_members(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    app.reviewer("grace").hand_over(case, "group:fraud")
    member = app.reviewer("mia", groups=["fraud"])
    assert app.reviewer("eve").queue() == []
    assert [c.id for c in member.queue()] == [case.id]
    assert member.approve(app.case(case.id)).state is State.CLEARED


def test_a_lead_may_take_a_case_from_somebody_on_holiday(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    bob = app.reviewer("bob")
    claimed = bob.claim(hold_s=10_000)[0]
    with pytest.raises(ClaimLost):
        app.reviewer("eve").hand_over(case, "eve")
    app.reviewer("lea", roles=["lead"]).hand_over(case, "eve")
    with pytest.raises((NotAllowed, ClaimLost)):
        bob.approve(claimed)
    assert app.reviewer("eve").approve(app.case(case.id)).state is State.CLEARED


@pytest.mark.parametrize("to", ["", "  ", "group:", "x" * 201])
def test_a_hand_over_needs_a_name(app: Signoff, sent: RecordingHandler, to: str) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    with pytest.raises(InvalidInput, match="name"):
        app.reviewer("grace").hand_over(case, to)


# --- snooze


def test_a_snoozed_case_comes_back_by_itself(app: Signoff, clock: FakeClock, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    grace = app.reviewer("grace")
    grace.snooze(grace.claim()[0], for_s=60)
    assert grace.queue() == []
    assert grace.claim() == []
    clock.advance(60)
    assert [c.id for c in app.reviewer("bob").queue()] == [case.id]


def test_a_snoozed_case_can_still_be_answered_by_name(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    grace = app.reviewer("grace")
    grace.snooze(case)
    taken = grace.claim_case(case.id)
    assert taken.snoozed_until is None
    assert grace.approve(taken).state is State.CLEARED


@pytest.mark.parametrize("for_s", [0, -1, float("inf"), float("nan")])
def test_a_snooze_ends_at_some_later_time(app: Signoff, sent: RecordingHandler, for_s: float) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    with pytest.raises(InvalidInput, match="snooze"):
        app.reviewer("grace").snooze(case, for_s=for_s)


def test_a_snooze_until_a_time_of_no_zone_is_refused(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    with pytest.raises(InvalidInput):
        app.reviewer("grace").snooze(case, until=datetime(2030, 1, 1))


# --- withdraw


def test_a_proposer_takes_back_what_has_not_started(app: Signoff, clock: FakeClock, sent: RecordingHandler) -> None:
    send, at_once = checkpoint(app, sent, undo_s=10), checkpoint(app, sent, name="at_once")
    waiting, held, cleared = send.propose(to="a"), send.propose(to="b"), at_once.propose(to="c")
    grace = app.reviewer("grace")
    assert (grace.approve(held).state, grace.approve(cleared).state) == (State.HELD, State.CLEARED)
    for case in (waiting, held, cleared):
        assert case.withdraw().state is State.WITHDRAWN
        assert case.outcome(0).verdict is None
        with pytest.raises(CaseClosed, match="withdrawn"):
            case.withdraw()
        with pytest.raises(CaseClosed):
            grace.approve(case)
    clock.advance(60)
    assert app.run_due() == 0
    assert sent.calls == []


def test_what_has_run_cannot_be_withdrawn(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    app.reviewer("grace").approve(case)
    app.run_due()
    with pytest.raises(CaseClosed, match="done"):
        case.withdraw()


# --- deadlines


@pytest.mark.parametrize("by_call", [True, False])
def test_a_case_nobody_answered_expires_unexecuted(
    app: Signoff, clock: FakeClock, sent: RecordingHandler, by_call: bool
) -> None:
    send = checkpoint(app, sent, deadline_s=None if by_call else 60)
    case = send.propose(to="ada", **({"deadline_s": 60} if by_call else {}))
    clock.advance(59.999)
    app.run_due()
    assert case.state is State.WAITING
    clock.advance(0.001)
    # Nobody looked yet, and still it is too late.
    assert app.reviewer("grace").queue() == []
    for answer in (app.reviewer("grace").approve, app.reviewer("grace").reject):
        with pytest.raises(CaseClosed, match="expired"):
            answer(case)
    app.run_due()
    assert case.outcome(0).state is State.EXPIRED
    assert sent.calls == []


def test_a_verdict_in_time_stands_though_its_hold_ends_after_the_deadline(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    case = checkpoint(app, sent, deadline_s=60, undo_s=30).propose(to="ada")
    clock.advance(50)
    app.reviewer("grace").approve(case)
    clock.advance(30)
    assert app.run_due() == 1
    assert case.state is State.DONE


def test_a_verdict_recalled_after_the_deadline_leaves_the_case_expired(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    case = checkpoint(app, sent, deadline_s=60, undo_s=30).propose(to="ada")
    clock.advance(50)
    grace = app.reviewer("grace")
    grace.approve(case)
    clock.advance(20)
    grace.recall(case)
    app.run_due()
    assert case.state is State.EXPIRED


@pytest.mark.parametrize("deadline_s", [0, -1, float("nan"), float("inf"), 1e300])
def test_a_deadline_is_some_later_time(app: Signoff, sent: RecordingHandler, deadline_s: float) -> None:
    with pytest.raises(InvalidInput, match="deadline_s"):
        checkpoint(app, sent).propose(to="ada", deadline_s=deadline_s)
    assert app.cases() == []


# --- redraft


def test_a_redraft_asks_the_drafter_with_the_note(app: Signoff, sent: RecordingHandler) -> None:
    def drafter(evidence: Mapping[str, Any]) -> Draft:
        tone = evidence.get("note", "plain")
        return Draft(arguments={"to": evidence["mail"], "body": tone}, confidence=0.5, rationale="r", drafter="llm-1")

    case = checkpoint(app, sent, drafter=drafter).propose(evidence={"mail": "ada"})
    grace = app.reviewer("grace")
    again = grace.redraft(case, "friendlier")
    view = app.view(again)
    # One revision voids the approval, the next is the drafter's answer.
    assert (again.state, view.content.author) == (State.WAITING, "llm-1")
    assert view.content.arguments == {"to": "ada", "body": "friendlier"}
    assert again.draft_revision == again.revision
    assert "note" not in view.evidence
    with pytest.raises(ContentChanged):
        grace.approve(case)
    grace.approve(again)
    app.run_due()
    assert sent.calls[0].arguments["body"] == "friendlier"
    assert [note.text for note in app.history(case.id).notes] == ["friendlier"]


@pytest.mark.parametrize("broken", [None, "raises", "does not fit"])
def test_a_redraft_without_an_answer_leaves_the_case_waiting_with_what_it_had(
    app: Signoff, sent: RecordingHandler, broken: str | None
) -> None:
    def drafter(evidence: Mapping[str, Any]) -> dict[str, Any]:
        if broken == "raises":
            raise TimeoutError
        return {"nonsense": 1}

    case = checkpoint(app, sent, undo_s=10, drafter=drafter if broken else None).propose(to="ada")
    grace = app.reviewer("grace")
    grace.approve(case)
    again = grace.redraft(case, "friendlier")
    assert (again.state, again.verdict_id, again.draft_revision) == (State.WAITING, None, 1)
    assert app.view(again).content.arguments == {"to": "ada", "body": "draft"}


def test_a_redraft_with_arguments_that_do_not_fit_voids_nothing(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent, undo_s=10).propose(to="ada")
    grace = app.reviewer("grace")
    grace.approve(case)
    with pytest.raises(Exception, match="body"):
        grace.redraft(case, "friendlier", arguments={"to": "ada", "body": 7})
    assert case.state is State.HELD


def test_what_has_ended_takes_no_other_way(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    grace = app.reviewer("grace")
    grace.reject(case)
    for verb in (
        lambda: grace.redraft(case, "x"),
        lambda: grace.hand_over(case, "bob"),
        lambda: grace.snooze(case),
        lambda: case.withdraw(),
    ):
        with pytest.raises(CaseClosed, match="grace rejected"):
            verb()
    assert case.state is State.REJECTED


def test_time_going_back_lets_nothing_through_early(app: Signoff, clock: FakeClock, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent, undo_s=10).propose(to="ada")
    app.reviewer("grace").approve(case)
    clock.advance(-timedelta(days=1).total_seconds())
    assert app.run_due() == 0
    assert case.state is State.HELD
