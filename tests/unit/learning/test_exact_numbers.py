"""The numbers that have to come out exactly; each was worked out elsewhere, by another program."""

from __future__ import annotations

import math

import pytest

from signoff.learning.betting import clean_labels, deployed_cap
from signoff.learning.catch_rate import catch_rate
from signoff.learning.ceiling import Ceiling
from signoff.learning.gate import Confirmation, Opening
from signoff.learning.settings import Settings
from tests.unit.learning.made import deployed, reviewed, settings


@pytest.mark.parametrize(
    ("alpha", "prices"), [(0.01, (327, 541, 621)), (0.02, (163, 269, 309)), (0.05, (64, 106, 122))]
)
def test_clean_labels_until_evidence_of_10_60_and_120(alpha: float, prices: tuple[int, ...]) -> None:
    assert tuple(clean_labels(alpha, evidence) for evidence in (10, 60, 120)) == prices


@pytest.mark.parametrize(("alpha", "cases"), [(0.01, 621), (0.02, 309), (0.05, 122)])
def test_six_levels_open_after_so_many_clean_cases(alpha: float, cases: int) -> None:
    opening = Opening(Settings(alpha=alpha), delta=0.1)
    assert opening.clean_labels(5) == cases
    for number in range(cases):
        assert opening.level() == -1
        decision = reviewed(number, levels=6)
        opening.enter(decision)
        opening.settle(decision, 0.0)
    assert opening.level() == 5


@pytest.mark.parametrize(("alpha", "cases"), [(0.01, 4140), (0.02, 2069), (0.05, 827)])
def test_what_is_deployed_is_confirmed_after_so_many_clean_cases(alpha: float, cases: int) -> None:
    confirmation = Confirmation(settings(alpha), delta=0.1)
    assert confirmation.clean_cases() == cases
    for number in range(cases):
        assert confirmation.epoch() == 0
        decision = deployed(number, drawn=number % 10 == 0, epochs=confirmation.epochs_now())
        confirmation.enter(decision)
        if decision.judged:
            confirmation.settle(decision, 0.0)
    assert confirmation.epoch() == 1
    assert confirmation.began(1) == 0


def test_a_deployed_case_is_worth_about_a_tenth_of_a_reviewed_one() -> None:
    price = clean_labels(0.02, 20, cap=deployed_cap(0.02, 0.1)) / clean_labels(0.02, 20)
    assert 9.5 < price < 10.5


@pytest.mark.parametrize(
    ("catch", "bounds"),
    [(1.0, (27.55, 53.75, 192.71)), (0.9, (30.78, 60.10, 215.86)), (0.6, (46.91, 91.87, 331.59))],
)
def test_the_ceiling_with_0_1_and_10_mistakes_found(catch: float, bounds: tuple[float, ...]) -> None:
    assert [round(found_bound(found, catch), 2) for found in (0, 1, 10)] == list(bounds)


def found_bound(found: int, catch: float) -> float:
    ceiling = Ceiling(settings(0.02, catch_rate=catch), delta=0.1)
    # Enough of them that their number is no bound.
    for number in range(2_000):
        decision = deployed(number, drawn=number < found)
        ceiling.enter(decision)
        if decision.judged:
            ceiling.settle(decision, 1.0)
    return ceiling.bound()


def test_after_ten_automated_cases_at_most_ten_slipped_through() -> None:
    ceiling = Ceiling(settings(0.02), delta=0.1)
    for number in range(10):
        ceiling.enter(deployed(number, drawn=False))
    assert ceiling.bound() == 10.0


def test_the_ceiling_while_an_audit_waits_then_right_then_recalled_as_wrong() -> None:
    ceiling = Ceiling(settings(0.02), delta=0.1)
    audit = deployed(20, drawn=True)
    for number in range(101):
        ceiling.enter(audit if number == 20 else deployed(number, drawn=False))
    waiting = ceiling.bound()
    ceiling.settle(audit, 0.0)
    right = ceiling.bound()
    ceiling.amend(audit, 0.0, 1.0)
    assert [round(bound, 2) for bound in (waiting, right, ceiling.bound())] == [53.75, 27.55, 53.75]


@pytest.mark.parametrize(("missed", "shown", "bound"), [(0, 100, 0.9595), (5, 100, 0.8650), (10, 200, 0.8937)])
def test_the_catch_rate_of_planted_errors(missed: int, shown: int, bound: float) -> None:
    assert round(catch_rate(missed=missed, shown=shown), 4) == bound


def test_certificates_need_levels_over_delta() -> None:
    assert Opening(Settings(alpha=0.02), delta=0.1).threshold == pytest.approx(math.log(60))
    assert Opening(settings(0.02), delta=0.1).threshold == pytest.approx(math.log(10))
