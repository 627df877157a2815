"""Gate and ceiling beside an account of them in plain arithmetic, worked out from the definitions for each stream."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.learning.ceiling import Ceiling
from signoff.learning.decision import Decision
from signoff.learning.gate import Confirmation, Opening
from signoff.learning.settings import Settings
from tests.unit.learning.made import deployed, reviewed

BETS = (0.15, 0.3, 0.45, 0.6, 0.75, 0.88, 0.97)
RATES = (0.3, 0.5, 0.7, 0.85, 0.95, 0.999)

Case = tuple[Decision, float | None]
"""A case and its loss; None if nobody judged it, or nobody has yet."""


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def before_the_first_that_waits(cases: list[Case]) -> list[Case]:
    waiting = [place for place, (decision, loss) in enumerate(cases) if decision.judged and loss is None]
    return cases[: waiting[0]] if waiting else cases


def best(cases: list[Case], factor: Callable[[Case, float], float]) -> float:
    """The logarithm of the largest evidence of an epoch, at its price."""
    found = []
    for epoch in range(1, 13):
        members = [case for case in cases if case[0].epochs >= epoch]
        found.append(mean([math.prod(factor(case, bet) for case in members) for bet in BETS]) / 2**epoch)
    return math.log(max(found))


def opening(cases: list[Case], level: int, alpha: float) -> float:
    staked = [case for case in cases if case[0].audit_share == 1 and case[0].p_err <= case[0].thresholds[-1]]
    counted = [case for case in before_the_first_that_waits(staked) if case[0].p_err <= case[0].thresholds[level]]
    return best(counted, lambda case, bet: 1 + bet / (1 - alpha) * (alpha - (case[1] or 0.0)))


def confirmation(cases: list[Case], alpha: float) -> float:
    counted = before_the_first_that_waits([case for case in cases if case[0].audit_share < 1])

    def factor(case: Case, bet: float) -> float:
        decision, loss = case
        observed = (loss or 0.0) / decision.audit_share if decision.judged else 0.0
        return 1 + bet / (10 - alpha) * (1 - decision.audit_share) / 0.9 * (alpha - observed)

    return best(counted, factor)


def ceiling(cases: list[Case], catch: float) -> float:
    eligible = [case for case in cases if case[0].audit_share < 1]
    folded = before_the_first_that_waits(eligible)

    def room(case: Case) -> float:
        if not case[0].judged:
            return 1.0
        return 0.0 if catch == 1 else 1.0 - (case[1] or 0.0)

    def solved(counted: list[Case]) -> float:
        low, high = 0.0, 1e6
        for _ in range(200):
            middle = (low + high) / 2
            wealth = []
            for fraction in RATES:
                rate, log = fraction * -math.log(1 - 0.1 * catch), 0.0
                for decision, loss in counted:
                    if decision.judged:
                        q, y = decision.audit_share * catch, 1.0 if loss is None else loss
                        log += math.log((1 - (1 - q) * math.exp(rate * y)) / q)
                wealth.append(rate * middle + log)
            top = max(wealth)
            reached = top + math.log(mean([math.exp(value - top) for value in wealth])) >= math.log(10)
            low, high = (low, middle) if reached else (middle, high)
        return high

    later = math.fsum(map(room, eligible[len(folded) :]))
    return min(
        min(solved(folded), math.fsum(map(room, folded))) + later,
        min(solved(eligible), math.fsum(map(room, eligible))),
    )


@st.composite
def streams(draw: st.DrawFn) -> list[Case]:
    kinds = st.tuples(st.integers(0, 3), st.integers(0, 6), st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.5, 1.0, None]))
    cases: list[Case] = []
    for number, (kind, strictest, loss) in enumerate(draw(st.lists(kinds, max_size=50))):
        if kind < 2:
            cases.append((reviewed(number, levels=6, strictest=strictest, epochs=1 + number // 15), loss))
        else:
            made = deployed(number, levels=6, drawn=kind == 2, share=(0.1, 0.3, 0.5)[strictest % 3])
            cases.append((made, loss if made.judged else None))
    return cases


@settings(deadline=None)
@given(streams(), st.sampled_from([0.01, 0.05, 0.2]), st.sampled_from([1.0, 0.8]))
def test_beside_plain_arithmetic(cases: list[Case], alpha: float, catch: float) -> None:
    chosen = Settings(alpha=alpha, catch_rate=catch)
    gate, confirmed = Opening(chosen, delta=0.1), Confirmation(chosen, delta=0.1)
    slipped = Ceiling(chosen, delta=0.1)
    for decision, _ in cases:
        for process in (gate, confirmed, slipped):
            process.enter(decision)
    for decision, loss in reversed(cases):
        if decision.judged and loss is not None:
            for process in (gate, confirmed, slipped):
                process.settle(decision, loss)
    assert gate.evidence().tolist() == pytest.approx([opening(cases, k, alpha * catch) for k in range(6)], abs=1e-8)
    assert confirmed.evidence() == pytest.approx(confirmation(cases, alpha * catch), abs=1e-8)
    assert slipped.bound() == pytest.approx(ceiling(cases, catch), abs=1e-5)
