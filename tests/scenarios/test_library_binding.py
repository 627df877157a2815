"""Shown = approved = executed: any change voids the approval, and what was tampered with does not run."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from signoff import CheckpointFunction, Signoff, State
from signoff.errors import ContentChanged, EffectFailed, LedgerBroken
from signoff.testing import FakeClock, RecordingHandler


def checkpoint(app: Signoff, sent: RecordingHandler, **declared: Any) -> CheckpointFunction[..., Any]:
    @app.checkpoint(**declared)
    def pay(to: str, cents: int) -> str:
        return sent(to=to, cents=cents)

    return pay


def test_an_old_handle_after_a_redraft_is_told_what_changed(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada", cents=5000)
    grace = app.reviewer("grace")
    grace.redraft(case, "half of it", arguments={"to": "ada", "cents": 2500})
    for answer in (
        lambda: grace.approve(case),
        lambda: grace.reject(case),
        lambda: grace.edit(case, {"cents": 1, "to": "x"}),
    ):
        with pytest.raises(ContentChanged, match="cents") as caught:
            answer()
        assert caught.value.facts["difference"] == {"cents": {"seen": 5000, "now": 2500}}
        assert (caught.value.facts["seen_revision"], caught.value.facts["revision"]) == (1, 2)
    assert case.state is State.WAITING
    grace.approve(app.case(case.id))
    assert app.run_due() == 1
    assert [call.arguments for call in sent.calls] == [{"to": "ada", "cents": 2500}]


def test_a_redraft_with_the_same_words_is_another_revision_all_the_same(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada", cents=5000)
    grace = app.reviewer("grace")
    grace.redraft(case, "look again")
    with pytest.raises(ContentChanged) as caught:
        grace.approve(case)
    assert caught.value.facts["difference"] == {}


def test_a_redraft_voids_an_approval_that_is_held_or_cleared(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    held = checkpoint(app, sent, undo_s=10).propose(to="ada", cents=1)
    cleared = checkpoint(app, sent, name="at_once").propose(to="bob", cents=2)
    grace = app.reviewer("grace")
    assert (grace.approve(held).state, grace.approve(cleared).state) == (State.HELD, State.CLEARED)
    for case in (held, cleared):
        again = grace.redraft(case, "wrong amount", arguments={"to": "eve", "cents": 3})
        assert (again.state, again.verdict_id, again.revision) == (State.WAITING, None, 2)
    clock.advance(100)
    assert app.run_due() == 0
    assert sent.calls == []


def test_an_edit_recalled_and_a_stale_handle_of_before_the_edit(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent, undo_s=10).propose(to="ada", cents=5000)
    grace = app.reviewer("grace")
    grace.edit(case, {"to": "ada", "cents": 1})
    grace.recall(case)
    with pytest.raises(ContentChanged) as caught:
        app.reviewer("bob").approve(case)
    assert caught.value.facts["difference"] == {"cents": {"seen": 5000, "now": 1}}


def test_evidence_changed_by_the_caller_afterwards_is_not_what_was_shown(app: Signoff, sent: RecordingHandler) -> None:
    evidence: dict[str, Any] = {"mail": {"text": "pay me"}}
    case = checkpoint(app, sent).propose(to="ada", cents=1, evidence=evidence)
    evidence["mail"]["text"] = "pay me more"
    assert app.view(case).evidence["mail"]["value"] == {"text": "pay me"}


def test_a_view_can_be_changed_at_will_and_only_an_edit_changes_the_case(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent).propose(to="ada", cents=1)
    arguments = app.view(case).content.arguments
    arguments["cents"] = 2
    app.reviewer("grace").edit(case, arguments)
    assert [content.arguments["cents"] for content in app.history(case.id).contents] == [1, 2]
    assert app.run_due() == 1


def test_a_handler_cannot_change_what_its_retry_gets(app: Signoff, clock: FakeClock) -> None:
    got: list[dict[str, Any]] = []

    @app.checkpoint(delivery="idempotent")
    def publish(page: dict[str, Any]) -> None:
        got.append({**page, "tags": list(page["tags"])})
        page["tags"].append("published")
        page.pop("title")
        if len(got) == 1:
            raise ConnectionError

    app.reviewer("grace").approve(publish.propose(page={"title": "Kettle", "tags": ["new"]}))
    for _ in range(2):
        app.run_due()
        clock.advance(10)
    assert got == [{"title": "Kettle", "tags": ["new"]}] * 2


# --- somebody else writes to the database


def tamper(path: Path, sql: str, *values: object) -> None:
    with sqlite3.connect(path) as connection:
        assert connection.execute(sql, values).rowcount == 1
    connection.close()


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ('UPDATE contents SET arguments = \'{"to":"eve","cents":1}\' WHERE case_id = ?', "other arguments"),
        ('UPDATE contents SET arguments = \'{"cents":1,"to":"ada","x":1}\' WHERE case_id = ?', "other arguments"),
        ("UPDATE cases SET content_hash = 'x' WHERE id = ?", "other arguments"),
        ("UPDATE cases SET verdict_id = NULL WHERE id = ?", "without a live approval"),
        ("UPDATE cases SET cleared_by = NULL WHERE id = ?", "cleared by nobody"),
        ("UPDATE cases SET cleared_by = 'policy' WHERE id = ?", "polic"),
        ("UPDATE verdicts SET voided_at = 1 WHERE case_id = ?", "without a live approval"),
        ("UPDATE verdicts SET kind = 'rejected' WHERE case_id = ?", "without a live approval"),
        ("UPDATE verdicts SET content_hash = 'x' WHERE case_id = ?", "other arguments"),
        ("DELETE FROM contents WHERE case_id = ?", "content"),
    ],
)
def test_what_was_changed_behind_our_back_does_not_run(
    tmp_path: Path, sent: RecordingHandler, sql: str, told: str
) -> None:
    path = tmp_path / "signoff.db"
    with Signoff(path, clock=FakeClock(), workers=0) as app:
        case = checkpoint(app, sent).propose(to="ada", cents=1)
        app.reviewer("grace").approve(case)
        tamper(path, sql, case.id)
        with pytest.raises(LedgerBroken, match=told) as caught:
            app.execute(case.id)
        assert caught.value.facts["case_id"] == case.id
        assert case.state is State.CLEARED
    assert sent.calls == []


def test_a_waiting_case_pushed_through_behind_our_back_does_not_run(tmp_path: Path, sent: RecordingHandler) -> None:
    path = tmp_path / "signoff.db"
    with Signoff(path, clock=FakeClock(), workers=0) as app:
        case = checkpoint(app, sent).propose(to="ada", cents=1)
        tamper(path, "UPDATE cases SET state = 'cleared', cleared_by = 'policy', due_at = 0 WHERE id = ?", case.id)
        with pytest.raises(LedgerBroken):
            app.execute(case.id)
        assert [found.case_id for found in app.verify().contradictions][:1] == [case.id]
    assert sent.calls == []


def test_a_case_that_was_tampered_with_does_not_keep_the_others_from_running(
    tmp_path: Path, sent: RecordingHandler
) -> None:
    path = tmp_path / "signoff.db"
    with Signoff(path, clock=FakeClock(), workers=0) as app:
        pay = checkpoint(app, sent)
        bad, good = pay.propose(to="ada", cents=1), pay.propose(to="bob", cents=2)
        for case in (bad, good):
            app.reviewer("grace").approve(case)
        tamper(path, "UPDATE contents SET arguments = '{}' WHERE case_id = ?", bad.id)
        with pytest.raises(LedgerBroken):
            app.run_due()
        assert good.state is State.DONE
    assert [call.arguments["to"] for call in sent.calls] == ["bob"]


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM entries WHERE case_id = ? AND act = 'rule'",
        "UPDATE entries SET to_state = 'failed' WHERE case_id = ? AND act = 'finish'",
        "UPDATE cases SET state = 'failed' WHERE id = ?",
        "UPDATE contents SET arguments = '{}' WHERE case_id = ?",
        "DELETE FROM contents WHERE case_id = ?",
        "DELETE FROM verdicts WHERE case_id = ?",
        "DELETE FROM attempts WHERE case_id = ?",
        "UPDATE attempts SET receipt = NULL WHERE case_id = ?",
        "UPDATE verdicts SET content_hash = 'x' WHERE case_id = ?",
        "UPDATE verdicts SET voided_at = 1 WHERE case_id = ?",
    ],
)
def test_verify_finds_what_was_changed_behind_our_back(tmp_path: Path, sent: RecordingHandler, sql: str) -> None:
    path = tmp_path / "signoff.db"
    with Signoff(path, clock=FakeClock(), workers=0) as app:
        pay = checkpoint(app, sent)
        other, case = (pay.propose(to="ada", cents=1) for _ in range(2))
        for each in (other, case):
            app.reviewer("grace").approve(each)
        app.run_due()
        found = app.verify()
        assert (found.cases, found.verdicts, found.effects, found.contradictions) == (2, 2, 2, [])
        tamper(path, sql, case.id)
        assert {found.case_id for found in app.verify().contradictions} == {case.id}


# --- the function changes while cases wait


def test_a_cleared_case_the_changed_function_no_longer_takes_goes_back_to_a_person(
    tmp_path: Path, sent: RecordingHandler
) -> None:
    path, clock = tmp_path / "signoff.db", FakeClock()
    with Signoff(path, clock=clock, workers=0) as app:
        case = checkpoint(app, sent, undo_s=10).propose(to="ada", cents=1)
        app.reviewer("grace").approve(case)
        clock.advance(10)
        old = case.id
    with Signoff(path, clock=clock, workers=0) as app:

        @app.checkpoint(undo_s=10)
        def pay(to: str, amount: str) -> str:
            return sent(to=to, amount=amount)

        assert pay.propose(to="bob", amount="2.00").seen.version == 2
        assert app.run_due() == 0
        view = app.view(old)
        assert (view.case.state, view.case.version, view.case.revision) == (State.WAITING, 1, 2)
        assert view.routing is not None
        assert view.routing.reason == "schema_changed"
        assert view.content.arguments == {"to": "ada", "cents": 1}
        assert [v.voided_at is not None for v in app.history(old).verdicts] == [True]
        assert app.reviewer("grace").reject(app.case(old)).state is State.HELD
        assert app.verify().contradictions == []
    assert sent.calls == []


def test_what_may_have_happened_goes_to_a_person_and_not_out_again_under_another_key(
    tmp_path: Path, sent: RecordingHandler
) -> None:
    path, clock = tmp_path / "signoff.db", FakeClock()
    with Signoff(path, clock=clock, workers=0) as app:

        @app.checkpoint(name="pay", delivery="idempotent")
        def lost(to: str) -> str:
            raise ConnectionError("it may have arrived")

        case = lost.propose(to="ada")
        app.reviewer("grace").approve(case)
        assert (app.run_due(), case.state) == (1, State.CLEARED)
        old = case.id
    clock.advance(3600)
    with Signoff(path, clock=clock, workers=0) as app:
        checkpoint(app, sent)
        assert app.run_due() == 0
        view = app.history(old)
        assert (view.case.state, view.case.revision, view.case.generation) == (State.UNKNOWN, 1, 1)
        assert (view.entries[-1].act, view.entries[-1].facts) == (
            "lose_track",
            {"attempt": 1, "reason": "schema_changed"},
        )
        assert app.verify().contradictions == []
        # Nothing was sent since a person answered for the first try, so now the words may change.
        app.reviewer("lea", roles=["lead"]).resolve(app.case(old), "send_again")
        assert app.run_due() == 0
        again = app.case(old).seen
        assert (again.state, again.revision) == (State.WAITING, 2)
        assert app.verify().contradictions == []
    assert sent.calls == []


def test_what_certainly_did_not_happen_is_drafted_anew_for_a_changed_function(
    tmp_path: Path, sent: RecordingHandler
) -> None:
    path, clock = tmp_path / "signoff.db", FakeClock()
    with Signoff(path, clock=clock, workers=0) as app:

        @app.checkpoint(name="pay")
        def busy(to: str) -> str:
            raise EffectFailed("busy", retry=True)

        case = busy.propose(to="ada")
        app.reviewer("grace").approve(case)
        assert (app.run_due(), case.state) == (1, State.CLEARED)
        old = case.id
    clock.advance(3600)
    with Signoff(path, clock=clock, workers=0) as app:
        checkpoint(app, sent)
        assert app.run_due() == 0
        assert (app.case(old).seen.state, app.case(old).seen.revision) == (State.WAITING, 2)


def test_a_case_of_an_older_version_runs_where_the_function_still_takes_it(
    tmp_path: Path, sent: RecordingHandler
) -> None:
    path, clock = tmp_path / "signoff.db", FakeClock()
    with Signoff(path, clock=clock, workers=0) as app:
        case = checkpoint(app, sent).propose(to="ada", cents=1)
        app.reviewer("grace").approve(case)
        old = case.id
    with Signoff(path, clock=clock, workers=0) as app:
        checkpoint(app, sent, timeout_s=5)
        assert app.run_due() == 1
        assert app.case(old).outcome(0).state is State.DONE
        assert app.verify().contradictions == []
    assert [call.arguments for call in sent.calls] == [{"to": "ada", "cents": 1}]


def test_an_unchanged_declaration_keeps_its_version_and_an_old_one_comes_back(
    tmp_path: Path, sent: RecordingHandler
) -> None:
    path = tmp_path / "signoff.db"
    versions = []
    for timeout_s in (1, 1, 2, 1):
        with Signoff(path, clock=FakeClock(), workers=0) as app:
            versions.append(checkpoint(app, sent, timeout_s=timeout_s).propose(to="a", cents=1).seen.version)
    assert versions == [1, 1, 2, 1]
