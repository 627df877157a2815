"""Features: what they say of clear and doubtful proposals, and when they say nothing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from signoff.learning.features import LABEL_FEATURES, MAX_MARGIN, RunningErrors, label_features
from signoff.learning.votes_blend import blend


def described(
    regression: Any, neighbours: Any, words: Any, *, best: int = 0, seen: Any = (5, 5, 5)
) -> dict[str, float]:
    votes = blend(
        regression=np.array([regression], dtype=float),
        neighbours=np.array([neighbours], dtype=float),
        words=np.array([words], dtype=float),
        seen=np.array(seen, dtype=float),
    )
    (row,) = label_features(
        votes,
        np.array([best]),
        cosines=np.array([0.7]),
        examples=np.array(seen, dtype=float),
        errors=np.array([0.1, 0.2, 0.3]),
        unseen=np.array([0.25]),
    )
    return dict(zip(LABEL_FEATURES, row.tolist(), strict=True))


CLEAR = (math.log(0.8), math.log(0.1), math.log(0.1)), (1, 0, 0), (3, 0, -1)


def test_each_is_what_it_says() -> None:
    found = described(*CLEAR)
    margin = math.log(8) + math.log(1.05 / 0.05) + 0.2 * 3
    assert found["margin"] == pytest.approx(margin)
    assert found["log_margin"] == pytest.approx(math.log(margin + 0.1))
    assert found["log_share"] == pytest.approx(-math.log1p(math.exp(-margin) + math.exp(-margin - 0.2)))
    assert [found[f"{vote}"] for vote in ("regression_agrees", "neighbours_agree", "words_agree")] == [1, 1, 1]
    assert (found["neighbours_share"], found["largest_cosine"], found["unseen_words"]) == (1, 0.7, 0.25)
    assert (found["log_examples"], found["running_error"]) == (pytest.approx(math.log(6)), 0.1)
    assert (found["regression_margin"], found["words_margin"]) == (pytest.approx(math.log(8)), 3)
    assert found["regression_log_share"] == pytest.approx(math.log(0.8))


def test_a_vote_that_disagrees_is_named() -> None:
    regression, neighbours, _ = CLEAR
    found = described(regression, neighbours, (0, 3, 0))
    assert (found["words_agree"], found["words_margin"]) == (0, -3)
    assert found["margin"] < described(*CLEAR)["margin"]


def test_an_answer_against_the_votes_has_no_margin() -> None:
    assert described(*CLEAR, best=1)["margin"] == 0


def test_a_class_without_examples_is_not_described() -> None:
    assert all(math.isnan(value) for value in described(*CLEAR, best=1, seen=(5, 0, 5)).values())


def test_without_another_class_the_margin_is_the_greatest() -> None:
    found = described(*CLEAR, seen=(5, 0, 0))
    assert found["margin"] == MAX_MARGIN
    assert all(map(math.isfinite, found.values()))


def test_without_any_class_nothing_is_known() -> None:
    empty = np.zeros((2, 0))
    votes = blend(regression=empty, neighbours=empty, words=empty, seen=np.zeros(0))
    found = label_features(
        votes, np.zeros(2, dtype=int), cosines=np.zeros(2), examples=np.zeros(0), errors=np.zeros(0), unseen=np.ones(2)
    )
    assert found.shape == (2, len(LABEL_FEATURES))
    assert np.isnan(found).all()


@pytest.mark.parametrize("great", [1e4, -1e4])
def test_great_scores_stay_finite(great: float) -> None:
    assert all(map(math.isfinite, described((great, 0, 0), (1, 0, 0), (great, 0, 0)).values()))


class TestRunningErrors:
    def test_bit_by_bit_it_is_the_same(self) -> None:
        dice = np.random.default_rng(1)
        proposed, wrong = dice.integers(0, 4, 200), (dice.random(200) < 0.3).astype(float)
        whole, parts = RunningErrors(4), RunningErrors(4)
        whole.add(proposed, wrong)
        for place in range(0, 200, 7):
            parts.add(proposed[place : place + 7], wrong[place : place + 7])
        assert parts.shares() == pytest.approx(whole.shares())

    def test_of_nothing_it_is_one_half(self) -> None:
        assert RunningErrors(2).shares().tolist() == [0.5, 0.5]

    def test_the_latest_count_most(self) -> None:
        errors = RunningErrors(1)
        errors.add(np.zeros(4000, dtype=int), np.r_[np.ones(2000), np.zeros(2000)])
        assert errors.shares()[0] < 0.49
