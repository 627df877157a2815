"""The streams of the benchmark: what is learned is what people said, and a seed says all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import automation
from benchmarks.automation_policies import Oracle, Threshold, Tuned
from benchmarks.automation_streams import BlendLearner, Corpus, RidgeLearner, Run, Scenario, corpus, generated, run
from benchmarks.figures import RESULTS
from signoff.learning.automation import Automation
from signoff.learning.settings import Settings
from signoff.learning.votes_text import ngram_vectors

WORDS = {"parcel": "shipping", "refund": "billing", "password": "account", "voucher": "gifts", "broken": "returns"}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    dice = np.random.default_rng(0)
    names = list(WORDS)
    texts, labels = [], []
    for number in range(900):
        word = names[number % len(names)]
        # A few messages say the word of another label as well.
        other = names[int(dice.integers(len(names)))] if number % 9 == 0 else ""
        texts.append(f"message {dice.integers(40)} about my {word} {other} of day {dice.integers(30)}")
        labels.append(WORDS[word])
    return corpus(texts, labels, ngram_vectors(texts), cache=tmp_path_factory.mktemp("cache"))


class Watched(BlendLearner):
    """Remembers what it was taught."""

    def __init__(self, corpus: Corpus) -> None:
        super().__init__(corpus, steps=1)
        self.taught: list[int] = []
        self.labels: list[int] = []

    def learn(self, chosen: np.ndarray, labels: np.ndarray, proposed: np.ndarray) -> None:
        self.taught += chosen.tolist()
        self.labels += labels.tolist()
        super().learn(chosen, labels, proposed)


def stream(messages: Corpus, learner: Any = None, policy: Any = None, **more: Any) -> tuple[Run, Any]:
    learner = learner or Watched(messages)
    return run(messages, learner, policy or Threshold(0.1), seed=more.pop("seed", 3), arrivals=800, **more), learner


def test_only_judged_cases_teach_and_each_once(messages: Corpus) -> None:
    made, learner = stream(messages)
    assert len(learner.taught) == len(set(learner.taught)) == (made.routes != 2).sum()
    assert 0.2 < made.automated < 0.9
    assert made.error < 0.2
    assert made.first is not None and made.first >= 200


def test_a_seed_gives_the_same_stream_and_another_one_another(messages: Corpus) -> None:
    one, same, other = (stream(messages, seed=seed)[0] for seed in (3, 3, 4))
    assert one.routes.tolist() == same.routes.tolist()
    assert one.p_err.tolist() == same.p_err.tolist()
    assert one.routes.tolist() != other.routes.tolist()


def test_the_gate_can_be_the_policy(messages: Corpus) -> None:
    made, _ = stream(messages, policy=Automation(Settings.single_level(alpha=0.05, ripe=200)))
    assert set(np.unique(made.routes)) <= {0, 1, 2}
    assert not made.ceiling_broken


def test_late_verdicts_teach_late(messages: Corpus) -> None:
    prompt, late = (stream(messages, policy=Threshold(-1.0), scenario=Scenario(late=late))[1] for late in (0, 300))
    assert len(late.taught) < len(prompt.taught)


def test_reviewers_who_see_nothing_approve_everything(messages: Corpus) -> None:
    made, learner = stream(messages, policy=Threshold(-1.0), scenario=Scenario(catch_rate=0.0))
    # The first class is proposed while nothing is known, and nobody ever says another.
    assert set(learner.labels) == {0}
    assert made.wrong.mean() == pytest.approx(0.8, abs=0.03)


def test_noise_is_in_what_is_taught_and_not_in_what_is_counted(messages: Corpus) -> None:
    clean, noisy = (stream(messages, policy=Threshold(-1.0), scenario=Scenario(noise=noise))[1] for noise in (0, 0.1))
    wrong = [(np.array(learner.labels) != messages.truth[learner.taught]).mean() for learner in (clean, noisy)]
    assert wrong[0] == 0
    assert wrong[1] == pytest.approx(0.1, abs=0.03)


def test_new_classes_come_from_the_middle_on(messages: Corpus) -> None:
    _, learner = stream(messages, policy=Threshold(-1.0), scenario=Scenario(new_classes=2))
    early, late = set(learner.labels[:400]), set(learner.labels[400:])
    assert (len(early), len(late)) == (3, 5)


@pytest.mark.parametrize("proven", [True, False])
def test_a_tuned_threshold_learns_from_verdicts(messages: Corpus, proven: bool) -> None:
    made, _ = stream(messages, policy=Tuned(0.05, proven=proven))
    assert made.first is not None and made.first >= 500
    assert made.error < 0.1


def test_the_oracle_lets_through_exactly_what_is_right(messages: Corpus) -> None:
    made, _ = stream(messages, policy=Oracle())
    assert made.error == 0
    assert made.automated == pytest.approx(1 - made.wrong.mean())


def test_ridge_learns_too(messages: Corpus) -> None:
    made, _ = stream(messages, RidgeLearner(messages), Threshold(-1.0))
    assert made.wrong[-300:].mean() < 0.2 < made.wrong[:100].mean()


def test_neighbours_are_kept(messages: Corpus, tmp_path: Path) -> None:
    vectors = messages.vectors[:450]
    texts = [f"text {number}" for number in range(450)]
    first = corpus(texts, ["a"] * 450, vectors, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    again = corpus(texts, ["a"] * 450, vectors, cache=tmp_path)
    assert again.similar.tolist() == first.similar.tolist()
    products = vectors @ vectors.T
    np.fill_diagonal(products, -2)
    assert first.cosines[:, 0] == pytest.approx(products.max(axis=1))


def test_ever_above_counts_from_ten_by_alpha_on() -> None:
    routes = np.full(400, 2)
    wrong = np.zeros(400, dtype=bool)
    wrong[:5] = True
    made = Run(routes=routes, wrong=wrong, p_err=np.zeros(400))
    assert not made.ever_above(0.05)
    wrong[5:11] = True
    assert made.ever_above(0.05)
    assert not made.ever_above(0.02)


def test_five_seeds_come_out_as_they_are_on_record(tmp_path: Path) -> None:
    kept = json.loads((RESULTS / "automation.json").read_text("utf-8"))["rows"][automation.GENERATED]
    (row,) = (row for row in automation.ROWS if row.name == automation.GENERATED)
    texts, labels = generated()
    messages = corpus(texts, labels, ngram_vectors(texts), cache=tmp_path)
    made = automation.summary(automation.runs(row, messages, 0.05, range(5)), 0.05)
    assert list(automation.compared("five seeds", made, kept["0.05"])) == []
    assert min(made["automated"]) > 0.25
    assert list(automation.compared("no seed", {**made, "seed": [7] * 5}, kept["0.05"])) != []
