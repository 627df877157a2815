"""Labels: which ones a reviewer is offered, whoever drafts."""

from __future__ import annotations

from signoff import LabelDrafter, Signoff


def test_labels_are_those_a_drafter_knows_or_else_those_people_approved(app: Signoff) -> None:
    @app.checkpoint(label="team", drafter=LabelDrafter(label="team", labels=["sales", "billing"]))
    def drafted(team: str) -> None: ...

    @app.checkpoint(label="team")
    def given(team: str) -> None: ...

    @app.checkpoint
    def plain(team: str) -> None: ...

    grace = app.reviewer("grace")
    grace.approve(given.propose(team="support"))
    grace.edit(given.propose(team="support"), {"team": "returns"})
    grace.reject(given.propose(team="nobody"))
    grace.approve(plain.propose(team="none"))
    app.run_due()

    assert app.labels("drafted") == ["sales", "billing"]
    assert app.labels("given") == ["support", "returns"]
    assert app.labels("plain") == app.labels("unheard of") == []
    assert sorted(app.labels()) == ["billing", "returns", "sales", "support"]
