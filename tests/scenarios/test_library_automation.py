"""AUTOMATE by one recorded choice, with a share that a person judges afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from signoff import CheckpointFunction, Signoff, State
from signoff.errors import CaseClosed, InvalidInput, NotAllowed, UnknownCase
from signoff.testing import FakeClock, RecordingHandler


def checkpoint(app: Signoff, sent: RecordingHandler, **declared: Any) -> CheckpointFunction[..., Any]:
    @app.checkpoint(**{"oversight": "automate", "chosen_by": "lea", **declared})
    def sort(folder: str) -> str:
        return sent(folder=folder)

    return sort


@pytest.mark.parametrize(("share", "drawn"), [(0, 0), (1, 5)])
def test_automated_cases_run_without_a_verdict_and_a_share_of_them_is_drawn(
    app: Signoff, sent: RecordingHandler, share: float, drawn: int
) -> None:
    sort = checkpoint(app, sent, audit_share=share)
    cases = [sort.propose(folder=f"f{i}") for i in range(5)]
    assert app.run_due() == 5
    assert [case.outcome(0).state for case in cases] == [State.DONE] * 5
    assert {case.outcome(0).verdict for case in cases} == {None}
    assert len(app.reviewer("grace").audits("sort")) == drawn
    routing = app.view(cases[0]).routing
    assert routing is not None
    assert routing.route == ("audit" if share else "automate")
    assert routing.audit_share == share
    assert routing.coin is not None
    assert 0 <= routing.coin < 1


def test_who_chose_automation_is_in_the_ledger(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent, audit_share=0.25).propose(folder="f")
    history = app.history(case.id)
    assert history.checkpoint is not None
    assert history.checkpoint.chosen_by == "lea"
    assert (history.entries[1].act, history.entries[1].actor_kind) == ("route", "policy")


def test_without_automation_nothing_passes_by_itself(app: Signoff, sent: RecordingHandler) -> None:
    for oversight in ("always", "when_uncertain"):
        case = checkpoint(app, sent, oversight=oversight, audit_share=1, name=oversight).propose(
            folder="f", confidence=1.0
        )
        assert case.state is State.WAITING
        routing = app.view(case).routing
        assert routing is not None
        # With oversight="when_uncertain" it is put on record what would have been done.
        assert (routing.coin is None) == (oversight == "always")
    assert app.run_due() == 0


def test_an_automatic_route_is_held_too_and_can_be_withdrawn_or_redrafted(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    sort = checkpoint(app, sent, undo_s=10)
    runs, withdrawn, redrafted = (sort.propose(folder=name) for name in ("a", "b", "c"))
    assert runs.state is State.HELD
    assert app.run_due() == 0
    withdrawn.withdraw()
    assert app.reviewer("grace").redraft(redrafted, "other folder", arguments={"folder": "d"}).state is State.WAITING
    with pytest.raises(CaseClosed, match="policy"):
        app.reviewer("grace").approve(runs)
    clock.advance(10)
    assert app.run_due() == 1
    assert [call.arguments for call in sent.calls] == [{"folder": "a"}]
    # A redraft is for a person, never for the policy again.
    assert redrafted.state is State.WAITING


def test_an_audit_is_judged_once_and_wrong_is_an_incident_with_its_weight(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    sort = checkpoint(app, sent, audit_share=1)
    right, wrong = sort.propose(folder="a"), sort.propose(folder="b")
    app.run_due()
    clock.advance(5)
    grace = app.reviewer("grace")
    judged = grace.judge_audit(right, wrong=False, severity=0.9)
    assert (judged.finding, judged.severity, judged.judged_by, judged.judged_at) == ("right", 0.0, "grace", clock.now())
    judged = grace.judge_audit(wrong, wrong=True, severity=0.5, note="belongs in b2")
    assert (judged.finding, judged.severity) == ("wrong", 0.5)
    assert grace.audits("sort") == []
    with pytest.raises(CaseClosed, match="grace"):
        app.reviewer("bob").judge_audit(wrong, wrong=False)
    history = app.history(wrong.id)
    assert history.audit == judged
    assert [(note.about, note.text) for note in history.notes] == [("audit", "belongs in b2")]
    assert [entry.act for entry in history.entries if entry.kind == "audit"] == ["draw", "wrong"]
    assert history.case.state is State.DONE


@pytest.mark.parametrize("severity", [0, -0.1, 1.1, float("nan")])
def test_the_weight_of_a_wrong_case_is_above_none_and_at_most_all(
    app: Signoff, sent: RecordingHandler, severity: float
) -> None:
    case = checkpoint(app, sent, audit_share=1).propose(folder="a")
    with pytest.raises(InvalidInput, match="severity"):
        app.reviewer("grace").judge_audit(case, wrong=True, severity=severity)
    assert len(app.reviewer("grace").audits("sort")) == 1


def test_only_a_drawn_case_is_judged_and_only_by_a_reviewer_or_lead(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent, audit_share=0).propose(folder="a")
    with pytest.raises(UnknownCase, match="not drawn"):
        app.reviewer("grace").judge_audit(case, wrong=True)
    with pytest.raises(NotAllowed):
        app.reviewer("eve", roles=["auditor"]).judge_audit(case, wrong=True)
