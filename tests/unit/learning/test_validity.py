"""
Statistics as statistics: how often what is said is false, on streams as bad as the statement allows.

The benchmark `automation_validity` does the same with more streams; each share has to stay below delta = .1 but for the
error of so few streams. Seeds are fixed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks import automation_validity as validity
from signoff.learning.betting import SEVEN_BETS
from signoff.learning.settings import SINGLE_LEVEL, Settings, bets_for


@pytest.fixture
def dice() -> np.random.Generator:
    return np.random.default_rng(20)


def most(streams: int) -> float:
    """The share that so many streams exceed once in a thousand times if the true one is .1."""
    return 0.1 + 3.1 * math.sqrt(0.1 * 0.9 / streams)


@pytest.mark.parametrize("alpha", [0.01, 0.02, 0.05])
@pytest.mark.parametrize(("share", "bets"), [(1.0, SEVEN_BETS), (1.0, bets_for(SINGLE_LEVEL)), (0.1, SEVEN_BETS)])
def test_at_the_boundary_evidence_rarely_ever_reaches_one_over_delta(
    dice: np.random.Generator, alpha: float, share: float, bets: object
) -> None:
    found = validity.null_boundary(dice, alpha=alpha, share=share, streams=1_000, bets=bets)  # type: ignore[arg-type]
    assert 0.02 < found <= most(1_000)


def test_the_exact_bound_computed_again_and_again_does_not_hold(dice: np.random.Generator) -> None:
    assert validity.clopper_pearson(dice, alpha=0.02, streams=100) > most(100)


def test_six_levels_together(dice: np.random.Generator) -> None:
    assert validity.six_levels(dice, streams=500) <= most(500)


def test_a_named_epoch_is_rarely_false_and_naming_has_a_price(dice: np.random.Generator) -> None:
    priced, free = validity.named_epochs(dice, streams=800)
    assert priced <= most(800) < free


def test_with_several_chances_of_an_audit(dice: np.random.Generator) -> None:
    assert validity.mixed_shares(dice, streams=200) <= most(200)


def test_wrong_verdicts_that_come_late(dice: np.random.Generator) -> None:
    false, counting_what_has_come = validity.late_and_wrong(dice, streams=12)
    assert false == 0
    assert counting_what_has_come == 1


def test_a_clean_past_does_not_pay_for_errors_of_today(dice: np.random.Generator) -> None:
    false, one_process_with_a_larger_bet_at_first = validity.clean_then_bad(dice, streams=20)
    assert false <= 0.15
    assert one_process_with_a_larger_bet_at_first > 0.9


@pytest.mark.parametrize("pattern", validity.PATTERNS)
def test_the_ceiling_rarely_breaks_whatever_the_mistakes_do(dice: np.random.Generator, pattern: str) -> None:
    assert validity.ceiling_prompt(dice, pattern, streams=500) <= most(500)


@pytest.mark.parametrize("pattern", ["bursts of 20 %", "always wrong"])
def test_the_ceiling_with_wrong_verdicts_that_come_late(dice: np.random.Generator, pattern: str) -> None:
    broken, leaving_out_what_is_to_come = validity.ceiling_late(dice, pattern, streams=40, cases=1_200)
    assert broken <= most(40)
    assert leaving_out_what_is_to_come > most(40)


def test_the_ceiling_with_severities_and_several_chances(dice: np.random.Generator) -> None:
    assert validity.severities(dice, streams=40) <= most(40)


@pytest.mark.parametrize("catch", [0.9, 0.8, 0.6])
def test_the_ceiling_with_reviewers_who_miss_some(dice: np.random.Generator, catch: float) -> None:
    broken, trusting = validity.imperfect(dice, catch, streams=300)
    assert broken <= most(300)
    assert trusting > broken


@pytest.mark.parametrize("chosen", [Settings(alpha=0.05), Settings.single_level(alpha=0.05)], ids=["six", "single"])
def test_the_whole_automation_when_no_prediction_means_anything(dice: np.random.Generator, chosen: Settings) -> None:
    assert validity.closed_loop(dice, chosen, streams=25, cases=1_500) <= most(25)


def test_false_alarms_are_rare(dice: np.random.Generator) -> None:
    assert np.mean([validity.audits_to_alarm(dice, alpha=0.02) for _ in range(40)]) >= 200
