"""`signoff automation`: what an officer reads, and what a program does."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from typer.testing import CliRunner

from signoff import Proposal, Signoff
from signoff.cli import app as commands
from signoff.testing import FakeClock


def run(*arguments: str, columns: int = 80) -> tuple[int, str, str]:
    result = CliRunner().invoke(commands, ["automation", *arguments], env={"COLUMNS": str(columns), "NO_COLOR": "1"})
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def desk(tmp_path: Path, clock: FakeClock) -> Signoff:
    app = Signoff(tmp_path / "signoff.db", clock=clock, workers=0)

    @app.checkpoint(oversight="when_uncertain", label="kind", alpha=0.05)
    def route(kind: str) -> str:
        return kind

    @app.checkpoint
    def always(kind: str) -> str:
        return kind

    app.register()
    return app


def test_an_officer_reads_where_it_stands(desk: Signoff) -> None:
    dice = random.Random(1)
    route, grace = desk.function("route"), desk.reviewer("grace")
    for _ in range(10):
        kinds = [dice.random() < 0.3 for _ in range(110)]
        cases = route.propose_many(Proposal(arguments={"kind": "a"}, features={"hard": float(hard)}) for hard in kinds)
        for case, hard in zip(cases, kinds, strict=True):
            _ = grace.edit(case, {"kind": "b"}) if hard and dice.random() < 0.6 else grace.approve(case)
    route.propose(kind="a")
    code, said, _ = run("route", "--db", desk.database)
    assert code == 0
    assert max(len(line.rstrip()) for line in said.splitlines()) <= 80
    assert "1,101 new cases so far; 1,100 judged, 1 waiting." in said
    assert "nothing runs by itself" in " ".join(said.split())
    assert "of 2.3  proved since case" in said
    assert "What automating would have cost so far" in said
    found = desk.automation("route")
    assert f"could have run {found.could_run}" in " ".join(said.split())
    code, said, _ = run("route", "--db", desk.database, "--json")
    document = json.loads(said)
    assert (code, document["arrivals"], document["could_run"]) == (0, 1101, found.could_run)
    assert [level["level"] for level in document["report"]["levels"]] == [0]
    assert document["report"]["levels"][0]["certified"] is True


def test_before_anything_is_proved_it_says_what_is_missing(desk: Signoff) -> None:
    desk.function("route").propose(kind="a")
    code, said, _ = run("route", "--db", desk.database)
    assert code == 0
    assert "1 new case so far; 0 judged, 1 waiting." in said
    assert "120 clean verdicts" in " ".join(said.split())
    assert "No level is proved yet" in said


@pytest.mark.parametrize(
    ("name", "code", "told"),
    [
        ("nope", 2, "there is no checkpoint 'nope' here; there are: always, route"),
        ("always", 2, "has oversight 'always'"),
        ("route", 2, "nothing was proposed at checkpoint 'route' yet"),
    ],
)
def test_whoever_asks_about_something_else_is_told_what_to_do(desk: Signoff, name: str, code: int, told: str) -> None:
    ended, said, wrong = run(name, "--db", desk.database)
    assert (ended, said) == (code, "")
    assert told in wrong
