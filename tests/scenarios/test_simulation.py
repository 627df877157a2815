"""A history that is simulated: drafter and gate as at a desk, which must not know labels before they are given."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from signoff.app.simulation import Arc, Scenario, Simulation
from signoff.cli import app
from signoff.errors import UsageError

WORDS = {
    "refund": ["refund", "charged", "money", "back", "paid", "twice"],
    "parcel": ["parcel", "courier", "late", "address", "tracking", "delivery"],
    "login": ["password", "login", "locked", "account", "reset", "code"],
}
EVERY = [word for words in WORDS.values() for word in words]


def messages(count: int, *, seed: int = 0, muddled: float = 0.0) -> tuple[list[str], list[str]]:
    """Short messages; of a muddled one, nobody could tell the label."""
    dice = random.Random(seed)
    labels = [dice.choice(list(WORDS)) for _ in range(count)]
    texts = [" ".join(dice.choices(EVERY if dice.random() < muddled else WORDS[label], k=5)) for label in labels]
    return texts, labels


def ran(texts: Sequence[str], labels: Sequence[str], **scenario: object) -> Arc:
    simulation = Simulation(texts, labels, Scenario(**{"alpha": 0.05, **scenario}))  # type: ignore[arg-type]
    assert sum(1 for _ in simulation) == len(simulation.arc.points)
    return simulation.arc


@pytest.fixture(scope="module")
def plain() -> Arc:
    return ran(*messages(2_000, muddled=0.03))


def test_what_is_routine_runs_alone_and_what_slips_through_is_below_its_ceiling(plain: Arc) -> None:
    assert plain.automated > 0.3
    assert plain.error is not None and plain.error < 0.05
    assert not plain.ceiling_broken
    assert 0 < plain.last.wrong <= plain.last.ceiling
    assert plain.marks[0].what == "opened"
    assert plain.first is not None and plain.first <= plain.marks[0].arrival < plain.first + 100
    totals = [point.reviewed + point.audited + point.automated for point in plain.points]
    assert totals == [point.arrivals for point in plain.points]


def test_the_same_seed_is_the_same_run_and_another_is_another() -> None:
    one, same, other = (ran(*messages(1_000, muddled=0.03), seed=seed).points for seed in (0, 0, 1))
    assert one == same != other


def test_nothing_is_decided_with_what_comes_later() -> None:
    texts, labels = messages(1_200, muddled=0.03)
    backwards = {"refund": "parcel", "parcel": "login", "login": "refund"}
    changed = [*labels[:900], *(backwards[label] for label in labels[900:])]
    one, other = (ran(texts, given, shuffle=False) for given in (labels, changed))
    assert one.points[:9] == other.points[:9]
    assert one.points[9:] != other.points[9:]


@pytest.mark.parametrize(
    "scenario",
    [{"noise": 0.02}, {"delay": 300}, {"drift": 1}, {"catch": 0.8, "probes": 200}],
    ids=["noise", "delay", "drift", "catch"],
)
def test_whatever_happens_besides_the_ceiling_holds(scenario: dict[str, float]) -> None:
    arc = ran(*messages(1_500, muddled=0.03), **scenario)
    assert not arc.ceiling_broken
    assert arc.catch_rate < 0.8 if "catch" in scenario else arc.catch_rate == 1


def test_a_label_that_comes_in_the_middle_is_not_there_before() -> None:
    texts, labels = messages(1_000)
    simulation = Simulation(texts, labels, Scenario(drift=1))
    list(simulation)
    first, second = set(simulation._truth[:500]), set(simulation._truth[500:])
    assert len(first) == 2 and second == set(WORDS)


def test_what_cannot_be_told_apart_is_never_automated() -> None:
    arc = ran(*messages(1_000, muddled=1.0))
    assert (arc.automated, arc.first, arc.error) == (0.0, None, None)


@pytest.mark.parametrize("labels", [["only"] * 400, [f"label {n}" for n in range(400)]], ids=["one", "all_different"])
def test_one_label_or_as_many_as_texts_are_taken(labels: list[str]) -> None:
    arc = ran([f"message {n}" for n in range(400)], labels)
    assert arc.last.arrivals == 400
    assert not arc.ceiling_broken


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"alpha": 0.0}, "alpha is 0.0; give above 0 and at most 0.5"),
        ({"alpha": float("nan")}, "alpha is nan"),
        ({"noise": 1.5}, "noise is 1.5; give 0 to 1"),
        ({"delay": -1}, "delay is -1"),
        ({"catch": 0.0}, "catch is 0.0"),
        ({"drift": 3}, "drift is 3, but there are 3 labels"),
        ({"catch": 0.5, "probes": 0}, "0 probes, of which 0 were missed, do not tell who catches what"),
    ],
)
def test_a_scenario_that_cannot_be_says_why(given: dict[str, float], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        ran(*messages(300), **given)


# --- the command


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["simulate", *arguments], env={"NO_COLOR": "1"})


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "history.csv"
    rows = zip(*messages(2_000), strict=True)
    path.write_text("body,team\n" + "".join(f"{text},{label}\n" for text, label in rows), encoding="utf-8")
    return path


def test_the_command_prints_draws_and_tells_json(history: Path, tmp_path: Path) -> None:
    options = [str(history), "--text", "body", "--label", "team", "--alpha", "0.05"]
    ended = command(*options, "--svg", str(tmp_path / "arc.svg"))
    assert ended.exit_code == 0, ended.output
    assert "history.csv: 2,000 messages, 3 labels, nothing known at the start; alpha 5.0%, seed 0" in ended.output
    assert "would have run alone" in ended.output
    assert "automation may begin" in ended.output
    assert all(len(line) <= 100 for line in ended.output.splitlines())
    drawn = (tmp_path / "arc.svg").read_text(encoding="utf-8")
    assert drawn.startswith("<svg") and "Mistakes among what ran alone" in drawn
    told = json.loads(command(*options, "--json").output)
    assert told["points"][-1]["arrivals"] == 2_000
    assert told["automated"] > 0
    assert told["report"]["arrivals"] == 2_000
    few = command(*options, "--limit", "150")
    assert "Nothing would have run alone" in few.output


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--text", "none", "--label", "team"), 'has no column "none"; it has'),
        (("--text", "body", "--label", "none"), 'has no column "none"'),
        (("--text", "body", "--label", "team", "--alpha", "2"), "alpha is 2.0"),
        (("--text", "body", "--label", "team", "--svg", "nowhere/x.svg"), "there is no folder nowhere; make it first"),
        (("--text", "body", "--label", "team", "--model", "m.onnx"), "--model and --digest go together"),
    ],
)
def test_a_call_to_mend_says_what_to_do(history: Path, options: tuple[str, ...], words: str) -> None:
    ended = command(str(history), *options)
    assert ended.exit_code in (1, 2)
    assert words in ended.output


def test_a_row_without_a_label_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gap.csv"
    path.write_text("body,team\nhello,a\nhi, \n", encoding="utf-8")
    ended = command(str(path), "--text", "body", "--label", "team")
    assert ended.exit_code == 2
    assert 'line 3: "team" is empty; only rows with a known label can be simulated' in ended.output
