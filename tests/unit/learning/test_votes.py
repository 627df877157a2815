"""The votes: each beside a direct calculation, and on what is strange."""

from __future__ import annotations

import math

import numpy as np
import pytest

from signoff.learning.votes import Regression, WordCounts, log_softmax, nearest, neighbour_votes
from signoff.learning.votes_blend import blend
from signoff.learning.votes_text import NGRAM_DIMENSIONS, WORD_BUCKETS, ngram_vectors, words_of


def circle(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points of three classes on the unit sphere, overlapping a little."""
    dice = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    points = np.eye(4)[labels] + 0.4 * dice.normal(size=(count, 4))
    return points / np.linalg.norm(points, axis=1, keepdims=True), labels


class TestRegression:
    def test_it_ends_where_the_slope_of_the_penalised_likelihood_is_nought(self) -> None:
        points, labels = circle(120)
        vote = Regression(4, 3, ridge=0.5)
        vote.add(points, labels)
        vote.fit(2000)
        shares = np.exp(vote.log_shares(points))
        inputs = np.column_stack([points, np.ones(len(points))])
        slope = inputs.T @ (np.eye(3)[labels] - shares) - 0.5 * vote._weights
        assert abs(slope).max() < 1e-3

    def test_taught_bit_by_bit_it_comes_to_the_same(self) -> None:
        points, labels = circle(120)
        whole, parts = Regression(4, 3), Regression(4, 3)
        whole.add(points, labels)
        whole.fit(1000)
        for start in range(0, 120, 20):
            parts.add(points[start : start + 20], labels[start : start + 20])
            parts.fit(3)
        parts.fit(1000)
        assert parts.log_shares(points) == pytest.approx(whole.log_shares(points), abs=2e-3)

    def test_it_tells_classes_apart(self) -> None:
        points, labels = circle(300)
        vote = Regression(4, 3)
        vote.add(points[:200], labels[:200])
        vote.fit(30)
        assert (vote.log_shares(points[200:]).argmax(axis=1) == labels[200:]).mean() > 0.9

    def test_untaught_all_classes_are_equal(self) -> None:
        vote = Regression(4, 5)
        vote.fit(30)
        assert np.exp(vote.log_shares(np.ones((1, 4)))) == pytest.approx(np.full((1, 5), 0.2))

    def test_one_class_has_it_all(self) -> None:
        vote = Regression(2, 1)
        vote.add(np.array([[1.0, 0.0]]), np.array([0]))
        vote.fit(5)
        assert vote.log_shares(np.ones((2, 2))).tolist() == [[0.0], [0.0]]

    def test_a_class_more_leaves_the_others_in_their_order(self) -> None:
        points, labels = circle(60)
        vote = Regression(4, 3)
        vote.add(points, labels)
        vote.fit(30)
        before = vote.log_shares(points)
        vote.grow(5)
        after = vote.log_shares(points)
        assert after.shape == (60, 5)
        assert after[:, :3] - after[:, :1] == pytest.approx(before - before[:, :1])

    def test_weights_that_are_not_finite_are_said(self) -> None:
        vote = Regression(2, 2)
        with np.errstate(all="ignore"):
            vote.add(np.array([[np.inf, 0.0], [0.0, 1.0]]), np.array([0, 1]))
            with pytest.raises((ValueError, np.linalg.LinAlgError)):
                vote.fit(3)


class TestWordCounts:
    def test_scores_are_those_of_the_formula(self) -> None:
        vote = WordCounts(4, 2)
        vote.add(np.array([0, 1, 1, 2]), np.array([0, 2, 4]), np.array([0, 1]))
        vote.add(np.array([0]), np.array([0, 1]), np.array([0]))
        (found,) = vote.scores(np.array([0, 3]), np.array([0, 2]))
        n, having, anyone = 3, {0: (2, 0), 3: (0, 0)}, {0: 2, 3: 0}
        for label, examples in enumerate((2, 1)):
            expected = math.log((examples + 0.5) / n)
            for word in (0, 3):
                expected += math.log(having[word][label] + 0.05) - math.log(examples + 0.1)
                expected += math.log(n + 0.1) - math.log(anyone[word] + 0.05)
            assert found[label] == pytest.approx(expected, rel=1e-6)

    def test_a_text_without_words_has_the_share_of_each_class(self) -> None:
        vote = WordCounts(4, 2)
        vote.add(np.array([0, 0, 1]), np.array([0, 1, 2, 3]), np.array([0, 0, 1]))
        found = vote.scores(np.array([1, 1], dtype=np.int64), np.array([0, 0, 2, 2]))
        expected = [math.log(2.5 / 3), math.log(1.5 / 3)]
        assert found[0].tolist() == pytest.approx(expected)
        assert found[2].tolist() == pytest.approx(expected)
        assert found[1, 1] > found[1, 0]

    def test_the_share_of_words_never_seen(self) -> None:
        vote = WordCounts(8, 1)
        vote.add(np.array([1, 2]), np.array([0, 2]), np.array([0]))
        assert vote.unseen_share(np.array([1, 2, 3, 4]), np.array([0, 2, 2, 4])).tolist() == [0.0, 1.0, 1.0]

    def test_a_class_more_is_counted_at_once(self) -> None:
        vote = WordCounts(8, 1)
        vote.add(np.array([1]), np.array([0, 1]), np.array([0]))
        vote.grow(2)
        vote.add(np.array([2]), np.array([0, 1]), np.array([1]))
        assert vote.scores(np.array([2]), np.array([0, 1])).argmax() == 1


class TestNeighbours:
    def test_nearer_ones_count_more(self) -> None:
        (found,) = neighbour_votes(np.array([[1.0, 0.9, 0.9]]), np.array([[0, 1, 1]]), 3)
        assert found.tolist() == pytest.approx([1 / (1 + 2 * math.exp(-0.8)), 1 - 1 / (1 + 2 * math.exp(-0.8)), 0])

    def test_without_neighbours_nobody_votes(self) -> None:
        assert neighbour_votes(np.full((1, 3), -2.0), np.zeros((1, 3), dtype=int), 2).tolist() == [[0.0, 0.0]]

    @pytest.mark.parametrize("held", [0, 1, 9, 10, 11, 200])
    def test_the_nearest_are_those_of_a_full_sort(self, held: int) -> None:
        # Few different values, so that there are ties at the edge.
        cosines = np.random.default_rng(held).integers(0, 6, (20, held)) / 6
        found = nearest(cosines)
        for row, chosen in zip(cosines, found, strict=True):
            assert chosen.tolist() == sorted(range(held), key=lambda place: (-row[place], -place))[:10]


class TestBlend:
    def test_a_class_without_examples_takes_no_part(self) -> None:
        even = np.zeros((1, 3))
        made = blend(regression=even, neighbours=even, words=even, seen=np.array([1, 0, 2]))
        assert np.isneginf(made.scores[0]).tolist() == [False, True, False]

    def test_votes_that_agree_win_against_one(self) -> None:
        made = blend(
            regression=np.log([[0.3, 0.7]]),
            neighbours=np.array([[0.8, 0.2]]),
            words=np.array([[2.0, 0.0]]),
            seen=np.ones(2),
        )
        assert made.scores.argmax() == 0


class TestText:
    def test_words_are_counted_once_and_without_case(self) -> None:
        words, starts = words_of(["Parcel parcel PARCEL", "", "parcel late"])
        # parcel and the pair parcel parcel; nothing; parcel, late and their pair.
        assert starts.tolist() == [0, 2, 2, 5]
        assert words[0:2].tolist() == sorted(set(words[0:2].tolist()))
        assert set(words.tolist()) <= set(range(WORD_BUCKETS))

    @pytest.mark.parametrize("text", ["a parcel", "荷物が届きません", "😀", "x" * 4000])
    def test_vectors_have_the_length_one(self, text: str) -> None:
        (vector,) = ngram_vectors([text])
        assert vector.shape == (NGRAM_DIMENSIONS,)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)

    def test_an_empty_text_has_no_direction(self) -> None:
        assert not ngram_vectors(["", " "]).any()
        assert ngram_vectors([]).shape == (0, NGRAM_DIMENSIONS)
        assert words_of([])[1].tolist() == [0]

    def test_alike_texts_have_alike_vectors(self) -> None:
        parcel, late, other = ngram_vectors(["where is my parcel", "where is the parcel", "I forgot my password"])
        assert parcel @ late > 0.6 > 0.3 > parcel @ other


def test_log_softmax_of_great_numbers() -> None:
    found = log_softmax(np.array([[1e6, 0.0], [-1e6, -1e6]]))
    assert np.isfinite(found).all()
    assert found[1].tolist() == pytest.approx([-math.log(2)] * 2)
