"""A person rules: approve, edit or reject; undo while it is held; one verdict counts, once."""

from __future__ import annotations

from typing import Any

import pytest

from signoff import Approved, CheckpointFunction, Edited, Rejected, Signoff, State, Verdict
from signoff.errors import CaseClosed, InvalidArguments, InvalidInput, KeyReused, NotAllowed
from signoff.testing import FakeClock, RecordingHandler

VERDICTS: list[tuple[Verdict, str, dict[str, Any] | None]] = [
    (Approved(), "approved", {"to": "ada", "body": "draft"}),
    (Edited({"to": "ada", "body": "better"}), "edited", {"to": "ada", "body": "better"}),
    (Rejected("rude"), "rejected", None),
]


def checkpoint(app: Signoff, sent: RecordingHandler, **declared: Any) -> CheckpointFunction[..., Any]:
    @app.checkpoint(**declared)
    def send(to: str, body: str = "draft") -> str:
        return sent(to=to, body=body)

    return send


def acts(app: Signoff, case_id: str) -> list[str]:
    return [entry.act for entry in app.history(case_id).entries]


@pytest.mark.parametrize(("verdict", "kind", "runs"), VERDICTS, ids=lambda value: value if type(value) is str else "")
def test_without_a_hold_a_verdict_takes_effect_at_once(
    app: Signoff, sent: RecordingHandler, verdict: Verdict, kind: str, runs: dict[str, Any] | None
) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    ruled = app.reviewer("grace").rule(case, verdict, seconds=2.5)
    assert ruled.state is (State.CLEARED if runs else State.REJECTED)
    assert app.run_due() == (1 if runs else 0)
    outcome = case.outcome(0)
    assert [call.arguments for call in sent.calls] == ([runs] if runs else [])
    assert outcome.state is (State.DONE if runs else State.REJECTED)
    assert (outcome.verdict, outcome.reviewer) == (kind, "grace")
    assert outcome.value == ("ok" if runs else None)
    assert outcome.reason == (None if runs else "rude")
    assert [(v.kind, v.seconds) for v in app.history(case.id).verdicts] == [(kind, 2.5)]
    settle = ["clear", "start", "finish"] if runs else ["reject"]
    assert acts(app, case.id) == ["propose", "rule", *settle]


@pytest.mark.parametrize(("verdict", "kind", "runs"), VERDICTS, ids=lambda value: value if type(value) is str else "")
def test_nothing_happens_before_the_hold_is_over(
    app: Signoff, clock: FakeClock, sent: RecordingHandler, verdict: Verdict, kind: str, runs: dict[str, Any] | None
) -> None:
    case = checkpoint(app, sent, undo_s=10).propose(to="ada")
    assert app.reviewer("grace").rule(case, verdict).state is State.HELD
    clock.advance(9.999)
    assert app.run_due() == 0
    assert case.state is State.HELD
    clock.advance(0.001)
    assert app.run_due() == (1 if runs else 0)
    assert case.state is (State.DONE if runs else State.REJECTED)
    assert [call.arguments for call in sent.calls] == ([runs] if runs else [])


@pytest.mark.parametrize(("verdict", "kind", "runs"), VERDICTS, ids=lambda value: value if type(value) is str else "")
def test_every_verdict_can_be_recalled_within_the_hold_and_leaves_no_trace_outside(
    app: Signoff, clock: FakeClock, sent: RecordingHandler, verdict: Verdict, kind: str, runs: dict[str, Any] | None
) -> None:
    case = checkpoint(app, sent, undo_s=10).propose(to="ada")
    grace = app.reviewer("grace")
    grace.rule(case, verdict)
    clock.advance(9)
    recalled = grace.recall(case)
    assert (recalled.state, recalled.verdict_id) == (State.WAITING, None)
    clock.advance(60)
    assert app.run_due() == 0
    assert case.state is State.WAITING
    assert [v.voided_at is not None for v in app.history(case.id).verdicts] == [True]
    # An edited case comes back with its edits.
    assert app.view(case).content.arguments == (runs or {"to": "ada", "body": "draft"})
    grace.approve(recalled)
    clock.advance(10)
    assert app.run_due() == 1
    assert sent.calls[0].arguments == app.view(case).content.arguments


def test_a_recall_comes_too_late_when_the_hold_is_over(app: Signoff, clock: FakeClock, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent, undo_s=10).propose(to="ada")
    grace = app.reviewer("grace")
    grace.approve(case)
    clock.advance(10)
    with pytest.raises(CaseClosed, match="hold"):
        grace.recall(case)
    assert app.run_due() == 1
    with pytest.raises(CaseClosed, match="done"):
        grace.recall(case)
    assert case.state is State.DONE


def test_a_verdict_is_recalled_by_whoever_gave_it_only(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent, undo_s=10).propose(to="ada")
    app.reviewer("grace").approve(case)
    with pytest.raises(NotAllowed, match="grace"):
        app.reviewer("bob", roles=["lead"]).recall(case)
    assert case.state is State.HELD


def test_there_is_nothing_to_recall_before_a_verdict(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent, undo_s=10).propose(to="ada")
    with pytest.raises(CaseClosed, match="waiting"):
        app.reviewer("grace").recall(case)


@pytest.mark.parametrize("second", [Approved(), Edited({"to": "eve"}), Rejected()])
@pytest.mark.parametrize("undo_s", [0, 10])
def test_a_second_verdict_is_refused_and_told_who_won(
    app: Signoff, sent: RecordingHandler, second: Verdict, undo_s: float
) -> None:
    case = checkpoint(app, sent, undo_s=undo_s).propose(to="ada")
    app.reviewer("grace").approve(case)
    for late in (case, app.case(case.id)):
        with pytest.raises(CaseClosed, match="grace approved it at") as caught:
            app.reviewer("bob").rule(late, second)
        facts = caught.value.facts
        assert (facts["case_id"], facts["verdict"], facts["reviewer"]) == (case.id, "approved", "grace")
        assert facts["state"] == case.state
    assert len(app.history(case.id).verdicts) == 1
    assert "eve" not in str(app.history(case.id).contents)


@pytest.mark.parametrize(("verdict", "kind", "runs"), VERDICTS, ids=lambda value: value if type(value) is str else "")
@pytest.mark.parametrize("undo_s", [0, 10])
def test_the_same_verdict_sent_twice_counts_once(
    app: Signoff,
    clock: FakeClock,
    sent: RecordingHandler,
    verdict: Verdict,
    kind: str,
    runs: dict[str, Any] | None,
    undo_s: float,
) -> None:
    case = checkpoint(app, sent, undo_s=undo_s).propose(to="ada")
    grace = app.reviewer("grace")
    first = grace.rule(case, verdict, verdict_id="v1")
    assert grace.rule(case, verdict, verdict_id="v1") == first
    clock.advance(10)
    app.run_due()
    assert grace.rule(case, verdict, verdict_id="v1").state is (State.DONE if runs else State.REJECTED)
    assert len(app.history(case.id).verdicts) == 1
    assert acts(app, case.id).count("rule") == 1
    assert len(sent.calls) == (1 if runs else 0)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Approved(), Rejected()),
        (Rejected(), Approved()),
        (Approved(), Edited({"to": "eve"})),
        (Edited({"to": "bob"}), Approved()),
        (Edited({"to": "bob"}), Edited({"to": "eve"})),
    ],
)
def test_a_verdict_id_cannot_stand_for_another_verdict(
    app: Signoff, sent: RecordingHandler, first: Verdict, second: Verdict
) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    grace = app.reviewer("grace")
    grace.rule(case, first, verdict_id="v1")
    with pytest.raises(KeyReused, match="v1") as caught:
        grace.rule(case, second, verdict_id="v1")
    assert caught.value.facts["case_id"] == case.id


def test_a_verdict_id_cannot_stand_for_another_person_or_another_case(app: Signoff, sent: RecordingHandler) -> None:
    send = checkpoint(app, sent)
    first, second = send.propose(to="ada"), send.propose(to="bob")
    app.reviewer("grace").approve(first, verdict_id="v1")
    with pytest.raises(KeyReused):
        app.reviewer("bob").approve(first, verdict_id="v1")
    with pytest.raises(KeyReused) as caught:
        app.reviewer("grace").approve(second, verdict_id="v1")
    assert second.state is State.WAITING
    assert caught.value.facts["case_id"] == first.id


def test_a_recalled_verdicts_id_is_spent(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent, undo_s=10).propose(to="ada")
    grace = app.reviewer("grace")
    grace.approve(case, verdict_id="v1")
    recalled = grace.recall(case)
    # The retry of a lost request must not approve again what was taken back.
    assert grace.approve(case, verdict_id="v1").state is State.WAITING
    with pytest.raises(KeyReused):
        grace.reject(recalled, verdict_id="v1")
    assert case.state is State.WAITING


def test_an_edit_that_changes_nothing_is_an_approval(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    app.reviewer("grace").edit(case, {"body": "draft", "to": "ada"})
    history = app.history(case.id)
    assert [verdict.kind for verdict in history.verdicts] == ["approved"]
    assert len(history.contents) == 1


def test_an_edit_is_a_new_revision_by_the_reviewer_and_the_draft_is_kept(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada", drafter="llm-7")
    app.reviewer("grace").edit(case, {"to": "ada"} | {"body": "better"})
    first, second = app.history(case.id).contents
    assert (first.author, first.arguments["body"]) == ("llm-7", "draft")
    assert (second.author, second.arguments["body"]) == ("grace", "better")


def test_an_edit_that_does_not_fit_names_the_field_and_changes_nothing(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    with pytest.raises(InvalidArguments, match="body") as caught:
        app.reviewer("grace").edit(case, {"to": "ada", "body": 7, "cc": "eve"})
    assert {problem["field"] for problem in caught.value.facts["problems"]} == {"body", "cc"}
    assert case.state is State.WAITING


def test_a_proposer_does_not_rule_on_its_own_case_nor_does_somebody_without_the_role(
    app: Signoff, sent: RecordingHandler
) -> None:
    case = checkpoint(app, sent).propose(to="ada", proposer="grace")
    for desk in (app.reviewer("grace"), app.reviewer("eve", roles=["auditor"]), app.reviewer("mallory", roles=[])):
        for verdict in (Approved(), Edited({"to": "x"}), Rejected()):
            with pytest.raises(NotAllowed):
                desk.rule(case, verdict)
    assert case.state is State.WAITING
    assert app.reviewer("lea", roles=["lead"]).approve(case).state is State.CLEARED


def test_a_reason_that_cannot_be_stored_is_refused(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada")
    with pytest.raises(InvalidInput, match="the reason"):
        app.reviewer("grace").reject(case, "broken \ud800 text")
    assert case.state is State.WAITING
