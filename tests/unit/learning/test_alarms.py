"""Alarms, thresholds, limits, settings and probes: the small parts, each beside a plain account of what it does."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from signoff.learning.arrivals import LatestSorted
from signoff.learning.betting import Bets, clean_labels
from signoff.learning.catch_rate import catch_rate
from signoff.learning.detector import Detector
from signoff.learning.gate import epochs_begun
from signoff.learning.limits import next_cap
from signoff.learning.novelty import Novelty
from signoff.learning.settings import Settings
from signoff.learning.thresholds import thresholds
from signoff.learning.watermark import Watermark

TWO = Settings(alpha=0.02)


# --- novelty


def test_novelty_against_a_plain_account() -> None:
    dice = np.random.default_rng(2)
    risks = np.concatenate([dice.random(1_700), 0.5 + dice.random(300) / 2]).tolist()
    novelty, wealth, alarms, expected = Novelty(TWO), 1.0, [], []
    for number, risk in enumerate(risks):
        if novelty.update(risk):
            alarms.append(number)
        if number >= 1_500:
            mark = np.quantile(risks[number - 1_200 : number - 200], 0.8)
            wealth = max(wealth, 1.0) * (1.6 if risk > mark else 0.85)
            if wealth >= 2_000:
                wealth = 1.0
                expected.append(number)
    assert alarms == expected
    assert 1_700 < alarms[0] < 1_850


def test_novelty_is_silent_before_there_is_anything_to_compare_with() -> None:
    novelty = Novelty(TWO)
    assert not any(novelty.update(float(number)) for number in range(1_500))
    assert any(novelty.update(2_000.0) for _ in range(30))


def test_novelty_restored_goes_on_the_same() -> None:
    risks = np.random.default_rng(3).random(2_000).tolist()
    whole, half = Novelty(TWO), Novelty(TWO)
    for number, risk in enumerate(risks):
        whole.update(risk)
        half.update(risk)
        if number == 1_600:
            half = Novelty.from_state(TWO, json.loads(json.dumps(half.state())))
    assert half.state() == whole.state()


# --- the detector


def test_the_detector_soon_hears_of_many_mistakes_and_forgives_a_clean_past() -> None:
    detector = Detector(TWO)
    assert not any(detector.update(0.0) for _ in range(10_000))
    assert [detector.update(1.0) for _ in range(4)] == [False, False, False, True]


def test_a_severity_counts_in_between() -> None:
    half, one = Detector(TWO), Detector(TWO)
    half.update(0.5)
    one.update(1.0)
    assert all(0 < low < high for low, high in zip(half.wealth, one.wealth, strict=True))


def test_the_detector_is_fair_at_alpha() -> None:
    clean, wrong = Detector(TWO), Detector(TWO)
    clean.update(0.0)
    wrong.update(1.0)
    means = [0.98 * low + 0.02 * high for low, high in zip(clean.wealth, wrong.wealth, strict=True)]
    assert means == pytest.approx([1, 1, 1])


def test_at_a_large_alpha_the_detector_looks_for_no_more_than_one_in_two() -> None:
    detector = Detector(Settings(alpha=0.5))
    assert not any(detector.update(1.0) for _ in range(100))


# --- limits, epochs, thresholds, the window


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"cap": 5, "level": 2, "above": True, "well_below": False, "since_move": 300}, 1),
        ({"cap": 5, "level": 2, "above": True, "well_below": False, "since_move": 299}, 5),
        ({"cap": 5, "level": 0, "above": True, "well_below": False, "since_move": 300}, -1),
        ({"cap": 5, "level": -1, "above": True, "well_below": False, "since_move": 300}, 5),
        ({"cap": 1, "level": 1, "above": False, "well_below": True, "since_move": 300}, 2),
        ({"cap": 1, "level": 1, "above": False, "well_below": False, "since_move": 300}, 1),
        ({"cap": 5, "level": 5, "above": False, "well_below": True, "since_move": 300}, 5),
    ],
)
def test_how_the_limit_moves_the_cap(state: dict[str, int], expected: int) -> None:
    assert next_cap(loosest=5, pause=300, **state) == expected  # type: ignore[arg-type]


def test_epochs_begin_at_doubling_ages_and_end_with_the_last() -> None:
    begins = [1000 * (2 ** (epoch - 1) - 1) for epoch in range(1, 13)]
    assert [epochs_begun(age, length=1000, most=12) for age in begins] == list(range(1, 13))
    assert [epochs_begun(age - 1, length=1000, most=12) for age in begins] == list(range(12))
    assert epochs_begun(10**9, length=1000, most=12) == 12


def test_thresholds_against_a_plain_account() -> None:
    dice = np.random.default_rng(5)
    for _ in range(200):
        # Rounded, so that many are equal.
        risks = np.round(dice.beta(0.5, 3, size=300), 2)
        # None of them a mean that occurs, since rounding decides there.
        targets = np.array([0.00123, 0.01234, 0.12345, 0.31234])
        plain = [
            max((t for t in risks if t < 1 and risks[risks <= t].mean() <= goal), default=-1.0) for goal in targets
        ]
        assert thresholds(LatestSorted(300, risks.tolist()), targets, least=200) == tuple(plain)


def test_there_is_no_threshold_before_there_are_arrivals_enough() -> None:
    targets = np.array([0.1, 0.2])
    assert thresholds(LatestSorted(1000, [0.0] * 199), targets, least=200) == (-1.0, -1.0)
    assert thresholds(LatestSorted(1000, [0.0] * 200), targets, least=200) == (0.0, 0.0)


def test_the_window_keeps_the_latest_in_order() -> None:
    values = np.random.default_rng(6).integers(0, 20, size=500).astype(float).tolist()
    latest = LatestSorted(50)
    for number, value in enumerate(values, start=1):
        latest.push(value)
        assert latest.ascending().tolist() == sorted(values[max(0, number - 50) : number])
        assert latest.arrived() == values[max(0, number - 50) : number]


# --- the watermark


def test_the_watermark_refuses_what_makes_no_sense() -> None:
    mark = Watermark(1, 1)
    mark.wait(5)
    with pytest.raises(ValueError, match="case 5 comes after case 5; enter cases in the order of routing"):
        mark.wait(5)
    for number in (4, 6):
        with pytest.raises(ValueError, match=f"case {number} does not wait for a verdict"):
            mark.settle(number, 0, np.array([1]))


# --- probes


@pytest.mark.parametrize(
    ("missed", "shown", "delta"), [(-1, 10, 0.05), (11, 10, 0.05), (0, 10, 0.0), (0, 10, math.nan)]
)
def test_probes_that_cannot_be_are_refused(missed: int, shown: int, delta: float) -> None:
    with pytest.raises(ValueError, match=r"planted errors were missed|delta is"):
        catch_rate(missed=missed, shown=shown, delta=delta)


def test_without_probes_nothing_is_known_of_reviewers_and_more_of_them_say_more() -> None:
    assert catch_rate(missed=0, shown=0) == pytest.approx(0, abs=1e-9)
    assert catch_rate(missed=0, shown=10) < catch_rate(missed=0, shown=100) < 1
    assert catch_rate(missed=100, shown=100) < 0.01


def test_the_catch_rate_is_rarely_too_high_however_often_one_looks() -> None:
    dice = np.random.default_rng(7)
    too_high = 0
    for _ in range(60):
        missed = np.cumsum(dice.random(120) >= 0.8)
        too_high += any(catch_rate(missed=int(missed[n - 1]), shown=n) > 0.8 for n in range(10, 121, 10))
    assert too_high / 60 <= 0.05 + 3.1 * math.sqrt(0.05 * 0.95 / 60)


# --- settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": 0},
        {"alpha": math.nan},
        {"alpha": 0.6},
        {"alpha_hard": 0},
        {"delta": 0},
        {"delta": 0.5},
        {"catch_rate": 0},
        {"catch_rate": 1.1},
        {"levels": ()},
        {"levels": (0.4, 0.2)},
        {"levels": (0.2, 0.2)},
        {"levels": (0.0, 0.2)},
        {"levels": (0.1, math.inf)},
        {"audit_share": 0},
        {"audit_share": 1},
        {"first_share": 0.05},
        {"boosted_share": 1},
        {"first_cases": -1},
        {"window": 0},
        {"window_least": 2_000},
        {"coverage": 1.1},
        {"epoch": 0},
        {"epochs": 0},
        {"limit_share": 0},
        {"limit_pause": 0},
        {"limit_least": -1},
        {"alarm_factors": ()},
        {"alarm_factors": (1.0,)},
        {"alarm_at": 1},
        {"novelty_at": 1},
        {"novelty_up": 1},
        {"novelty_down": 1},
        {"novelty_quantile": 0},
        {"novelty_from": 1_000},
        {"novelty_level": 6},
        {"novelty_cases": -1},
    ],
)
def test_a_setting_outside_its_range_is_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Settings(**({"alpha": 0.02} | wrong))  # type: ignore[arg-type]


def test_settings_travel_as_json_and_unknown_ones_are_refused() -> None:
    for chosen in (Settings(alpha=0.02, alpha_hard=0.01), Settings.single_level(alpha=0.05, delta=0.05)):
        assert Settings.from_dict(json.loads(json.dumps(chosen.as_dict()))) == chosen
    with pytest.raises(ValueError, match=r"unknown settings: beta; known are .*alpha, "):
        Settings.from_dict({"alpha": 0.02, "beta": 1})


def test_there_are_no_settings_for_hard_errors_unless_they_are_told_apart() -> None:
    assert Settings(alpha=0.05, alpha_hard=0.01).for_hard_errors().alpha == 0.01
    with pytest.raises(ValueError, match="there is no alpha_hard"):
        TWO.for_hard_errors()


@pytest.mark.parametrize(
    ("fractions", "weights"),
    [((), ()), ((0.5,), (0.5, 0.5)), ((0.0,), (1.0,)), ((1.0,), (1.0,)), ((0.5, 0.6), (0.5, 0.4)), ((0.5,), (-1.0,))],
)
def test_bets_that_are_none_are_refused(fractions: tuple[float, ...], weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="bets"):
        Bets(fractions=fractions, weights=weights)


@pytest.mark.parametrize(("alpha", "threshold"), [(0, 10), (1, 10), (math.nan, 10), (0.02, 0)])
def test_a_price_of_nothing_is_refused(alpha: float, threshold: float) -> None:
    with pytest.raises(ValueError, match="alpha is"):
        clean_labels(alpha, threshold)
