"""Learning: a drafter gets each settled human verdict once, in order; claims bring drafts up to date."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from signoff import Draft, Signoff, State
from signoff.errors import DraftFailed
from signoff.testing import FakeClock, MemoryStore


class Rote:
    """A drafter that repeats the last word it was taught."""

    def __init__(self, *, named: bool = True) -> None:
        self.taught: list[Any] = []
        self.word = "unsure"
        self.named = named
        self.broken = False

    @property
    def version(self) -> str:
        return f"rote-{len(self.taught)}"

    def learn(self, examples: Sequence[Any]) -> None:
        self.taught += examples
        self.word = next((e.final["label"] for e in reversed(self.taught) if e.final), self.word)

    def __call__(self, evidence: Mapping[str, Any]) -> Draft | dict[str, Any]:
        if self.broken:
            raise RuntimeError("no model")
        if not self.named:
            return {"label": self.word}
        return Draft(arguments={"label": self.word}, confidence=0.5, drafter=self.version)

    @property
    def told(self) -> list[tuple[Any, ...]]:
        return [(e.evidence["text"], e.proposed["label"], e.final and e.final["label"]) for e in self.taught]


@pytest.fixture
def rote() -> Rote:
    return Rote()


@pytest.fixture
def triage(app: Signoff, rote: Rote) -> Any:
    @app.checkpoint(label="label", undo_s=10, drafter=rote)
    def triage(label: str) -> None: ...

    return triage


def test_each_settled_human_verdict_is_taught_once_in_order(
    app: Signoff, clock: FakeClock, triage: Any, rote: Rote
) -> None:
    grace = app.reviewer("grace")
    cases = [triage.propose(evidence={"text": f"t{i}"}) for i in range(4)]
    grace.edit(cases[2], {"label": "refund"})
    grace.approve(cases[0])
    grace.reject(cases[1])
    app.teach()
    assert rote.told == [], "a held verdict can still be recalled"
    grace.recall(cases[0])
    clock.advance(10)
    app.run_due()
    app.teach()
    assert sorted(rote.told, key=str) == [("t1", "unsure", None), ("t2", "unsure", "refund")]
    app.teach()
    assert len(rote.told) == 2
    grace.approve(app.case(cases[0].id))
    clock.advance(10)
    app.run_due()
    app.teach()
    assert rote.told[2:] == [("t0", "unsure", "unsure")]


def test_the_order_is_that_of_the_ledger(app: Signoff, clock: FakeClock, triage: Any, rote: Rote) -> None:
    grace = app.reviewer("grace")
    cases = [triage.propose(evidence={"text": f"t{i}"}) for i in range(5)]
    for case in reversed(cases):
        grace.approve(case)
        clock.advance(1)
    clock.advance(10)
    app.run_due()
    app.teach()
    assert [text for text, _, _ in rote.told] == ["t4", "t3", "t2", "t1", "t0"]
    assert [e.seq for e in rote.taught] == sorted(e.seq for e in rote.taught)


def test_a_verdict_voided_after_it_settled_is_not_taught_and_its_successor_once(app: Signoff, rote: Rote) -> None:
    @app.checkpoint(drafter=rote)
    def triage(label: str) -> None: ...

    grace = app.reviewer("grace")
    case = triage.propose(evidence={"text": "t"})
    grace.approve(case)
    assert case.state is State.CLEARED
    grace.redraft(case, "no", arguments={"label": "other"})
    grace.approve(app.case(case.id))
    app.run_due()
    app.teach()
    assert rote.told == [("t", "other", "other")]


def test_what_policy_let_through_teaches_nothing(app: Signoff, rote: Rote) -> None:
    @app.checkpoint(oversight="automate", chosen_by="lea", drafter=rote)
    def sort(label: str) -> None: ...

    case = sort.propose(evidence={"text": "t"})
    app.run_due()
    app.teach()
    assert case.state is State.DONE
    assert rote.told == []


def test_after_a_restart_all_is_taught_again_from_the_ledger(tmp_path: Path, clock: FakeClock) -> None:
    for run in range(3):
        rote = Rote()
        with Signoff(tmp_path / "signoff.db", clock=clock, workers=0) as app:

            @app.checkpoint(drafter=rote)
            def triage(label: str) -> None: ...

            app.reviewer("grace").edit(triage.propose(evidence={"text": f"t{run}"}), {"label": f"l{run}"})
            app.teach()
            assert [final for _, _, final in rote.told] == [f"l{i}" for i in range(run + 1)]


# --- claims bring drafts up to date


def learned(app: Signoff, clock: FakeClock, triage: Any, label: str = "refund") -> None:
    """Teach the drafter one label."""
    case = triage.propose(evidence={"text": "lesson"})
    app.reviewer("teacher").edit(case, {"label": label})
    clock.advance(10)
    app.run_due()
    app.teach()


def test_a_claim_shows_what_the_drafter_would_say_by_now(
    app: Signoff, clock: FakeClock, triage: Any, rote: Rote
) -> None:
    case = triage.propose(evidence={"text": "t"})
    learned(app, clock, triage)
    grace = app.reviewer("grace")
    claimed = grace.claim()[0]
    assert (claimed.id, claimed.revision, claimed.draft_revision, claimed.claimed_by) == (case.id, 2, 2, "grace")
    view = app.view(claimed)
    assert (view.content.arguments, view.content.author) == ({"label": "refund"}, "rote-1")
    assert view.routing is not None
    assert (view.routing.reason, view.routing.drafter) == ("drafter_learned", "rote-1")
    entry = app.history(case.id).entries[-1]
    assert (entry.act, entry.actor_kind) == ("redraft", "drafter")
    assert grace.approve(claimed).state is State.HELD


@pytest.mark.parametrize("named", [True, False])
def test_a_claim_leaves_a_draft_alone_that_would_be_the_same(app: Signoff, named: bool) -> None:
    rote = Rote(named=named)

    @app.checkpoint(drafter=rote)
    def triage(label: str) -> None: ...

    triage.propose(evidence={"text": "t"})
    grace = app.reviewer("grace")
    assert [grace.claim()[0].revision for _ in range(3)] == [1, 1, 1]


def test_a_persons_edits_are_never_drafted_over(app: Signoff, clock: FakeClock, triage: Any) -> None:
    case = triage.propose(evidence={"text": "t"})
    grace = app.reviewer("grace")
    grace.edit(case, {"label": "mine"})
    grace.recall(case)
    learned(app, clock, triage)
    claimed = grace.claim_case(case.id)
    assert claimed.revision == 2
    assert app.view(claimed).content.arguments == {"label": "mine"}


def test_what_somebody_else_proposed_is_not_drafted_over(app: Signoff, clock: FakeClock, triage: Any) -> None:
    case = triage.propose(label="theirs", evidence={"text": "t"})
    learned(app, clock, triage)
    claimed = app.reviewer("grace").claim_case(case.id)
    assert claimed.revision == 1
    assert app.view(claimed).content.arguments == {"label": "theirs"}


def test_a_drafter_that_breaks_loses_nobody_a_case(app: Signoff, clock: FakeClock, triage: Any, rote: Rote) -> None:
    case = triage.propose(evidence={"text": "t"})
    learned(app, clock, triage)
    rote.broken = True
    claimed = app.reviewer("grace").claim()[0]
    assert (claimed.id, claimed.revision) == (case.id, 1)
    with pytest.raises(DraftFailed, match="no model"):
        triage.propose(evidence={"text": "u"})
    assert len(app.cases(states=["waiting"])) == 1


def test_teaching_goes_on_by_itself_where_there_are_threads(place: MemoryStore | Path) -> None:
    rote, taught = Rote(), threading.Event()
    learn = rote.learn

    def noticed(examples: Sequence[Any]) -> None:
        learn(examples)
        taught.set()

    rote.learn = noticed  # type: ignore[method-assign]
    with Signoff(place, workers=1) as app:

        @app.checkpoint(drafter=rote)
        def triage(label: str) -> None: ...

        app.reviewer("grace").edit(triage.propose(evidence={"text": "t"}), {"label": "refund"})
        assert taught.wait(10)
    assert rote.told == [("t", "unsure", "refund")]
