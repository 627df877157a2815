"""What has to hold of gate and ceiling for any cases, verdicts and order of arrival."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.learning.arrivals import LatestSorted
from signoff.learning.betting import SEVEN_BETS, deployed_cap, review_cap
from signoff.learning.ceiling import Ceiling
from signoff.learning.decision import Decision
from signoff.learning.gate import Confirmation, Opening
from signoff.learning.settings import Settings
from signoff.learning.thresholds import NOBODY, thresholds
from signoff.learning.watermark import Watermark
from tests.unit.learning import made

LOSSES = st.sampled_from([0.0, 0.0, 0.0, 0.1, 0.5, 1.0])
SIX = Settings(alpha=0.1)


@dataclass(frozen=True)
class Judged:
    decision: Decision
    loss: float


@st.composite
def streams(draw: st.DrawFn) -> list[Judged]:
    """Reviewed and deployed cases in the order of routing."""
    kinds = draw(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), LOSSES), min_size=1, max_size=60))
    return [
        Judged(
            made.reviewed(number, levels=6, strictest=strictest, epochs=1 + number // 20)
            if kind == 0
            else made.deployed(number, levels=6, drawn=kind == 1, share=0.5 if strictest > 3 else 0.1),
            loss,
        )
        for number, (kind, strictest, loss) in enumerate(kinds)
    ]


def state(stream: list[Judged], order: list[int], chosen: Settings = SIX) -> tuple[object, ...]:
    """Enter all, settle in an order; give everything that is held, and what is said of it."""
    opening, confirmation = Opening(chosen, delta=0.1), Confirmation(chosen, delta=0.1)
    ceiling = Ceiling(chosen, delta=0.1)
    for case in stream:
        for process in (opening, confirmation, ceiling):
            process.enter(case.decision)
    for number in order:
        for process in (opening, confirmation, ceiling):
            process.settle(stream[number].decision, stream[number].loss)
    return (
        opening.state(),
        confirmation.state(),
        ceiling.state(),
        opening.evidence().tolist(),
        confirmation.evidence(),
        ceiling.bound(),
        ceiling,
    )


def judged(stream: list[Judged]) -> list[int]:
    return [case.decision.number for case in stream if case.decision.judged]


@settings(deadline=None)
@given(streams(), st.randoms(use_true_random=False))
def test_any_order_of_arrival_ends_in_the_same_state(stream: list[Judged], random: object) -> None:
    order = judged(stream)
    shuffled = order.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert state(stream, order)[:-1] == state(stream, shuffled)[:-1]


@settings(deadline=None)
@given(streams(), st.data())
def test_what_counts_is_what_comes_before_the_first_that_waits(stream: list[Judged], data: st.DataObject) -> None:
    order = judged(stream)
    missing = set(data.draw(st.lists(st.sampled_from(order), unique=True))) if order else set()
    told = state(stream, [number for number in order if number not in missing])
    for place, kind in ((3, lambda d: d.sure and d.strictest < 6), (4, lambda d: not d.sure)):
        waiting = [number for number in missing if kind(stream[number].decision)]
        before = stream[: min(waiting)] if waiting else stream
        assert told[place] == state(before, judged(before))[place]


@settings(deadline=None)
@given(streams(), st.data())
def test_a_verdict_that_is_missing_never_lowers_the_ceiling(stream: list[Judged], data: st.DataObject) -> None:
    order = judged(stream)
    missing = set(data.draw(st.lists(st.sampled_from(order), unique=True))) if order else set()
    whole, part = state(stream, order), state(stream, [number for number in order if number not in missing])
    assert part[5] >= whole[5] - 1e-6  # type: ignore[operator]


@settings(deadline=None)
@given(streams(), st.integers(0, 59))
def test_a_worse_verdict_never_helps(stream: list[Judged], number: int) -> None:
    order = judged(stream)
    worse = [Judged(c.decision, 1.0) if c.decision.number == number else c for c in stream]
    before, after = state(stream, order), state(worse, order)
    assert all(np.array(after[3]) <= np.array(before[3]))
    assert after[4] <= before[4]  # type: ignore[operator]
    assert after[5] >= before[5] - 1e-6  # type: ignore[operator]


@settings(deadline=None)
@given(streams(), st.integers(0, 59))
def test_a_clean_verdict_less_never_helps(stream: list[Judged], number: int) -> None:
    clean = number < len(stream) and stream[number].decision.sure and stream[number].loss == 0
    fewer = [case for case in stream if not (clean and case.decision.number == number)]
    before, after = (
        Opening(SIX, delta=0.1),
        Opening(SIX, delta=0.1),
    )
    for opening, cases in ((before, stream), (after, fewer)):
        for case in cases:
            opening.enter(case.decision)
        for case in cases:
            if case.decision.sure:
                opening.settle(case.decision, case.loss)
    assert all(after.evidence() <= before.evidence())
    assert after.level() <= before.level()


@settings(deadline=None)
@given(streams(), st.floats(0.01, 0.1))
def test_a_smaller_alpha_never_helps(stream: list[Judged], alpha: float) -> None:
    order = judged(stream)
    before, after = state(stream, order), state(stream, order, Settings(alpha=alpha))
    # But for rounding, which is by less than 2e-11 for each case.
    assert all(np.array(after[3]) <= np.array(before[3]) + 1e-8)
    assert after[4] <= before[4] + 1e-8  # type: ignore[operator]


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=5, max_size=60),
    st.floats(0.001, 0.5),
    st.floats(0.1, 1),
)
def test_a_smaller_alpha_never_raises_a_threshold(risks: list[float], alpha: float, smaller: float) -> None:
    targets = np.array([0.25, 0.5, 1.0]) * alpha
    lines = thresholds(LatestSorted(100, risks), targets, least=5)
    assert list(lines) == sorted(lines)
    tighter = thresholds(LatestSorted(100, risks), targets * smaller, least=5)
    assert all(new <= old for new, old in zip(tighter, lines, strict=True))
    for line, target in zip(lines, targets, strict=True):
        members = [value for value in risks if value <= line]
        assert (line == NOBODY) == (not members)
        assert not members or np.mean(members) <= target + 1e-12
        assert line < 1


@settings(deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=5, max_size=60, unique=True),
    st.floats(0.001, 0.5),
    st.integers(0, 59),
    st.floats(0, 1),
)
def test_a_larger_risk_among_the_arrivals_never_lets_more_of_them_through(
    risks: list[float], alpha: float, place: int, risk: float
) -> None:
    # None of them is equal to another, since of equal ones all or none are let through.
    changed = risks.copy()
    changed[place % len(risks)] = max(risk, changed[place % len(risks)])
    targets = np.array([0.25, 0.5, 1.0]) * alpha
    before = thresholds(LatestSorted(100, risks), targets * (1 + 1e-9), least=5)
    after = thresholds(LatestSorted(100, changed), targets, least=5)
    for new, old in zip(after, before, strict=True):
        assert sum(value <= new for value in changed) <= sum(value <= old for value in risks)


@settings(deadline=None)
@given(streams(), st.floats(0, 80))
def test_exceeding_a_limit_is_having_a_bound_above_it(stream: list[Judged], limit: float) -> None:
    for order in (judged(stream), judged(stream)[1:]):
        *_, bound, ceiling = state(stream, order)
        assert isinstance(ceiling, Ceiling)
        if abs(bound - limit) > 1e-6:  # type: ignore[operator]
            assert ceiling.exceeds(limit) == (bound > limit)  # type: ignore[operator]


@settings(deadline=None)
@given(st.floats(0.001, 0.5), st.floats(0.05, 0.9), st.floats(0, 1), st.floats(0, 1))
def test_no_bet_goes_bankrupt_and_each_is_fair_at_alpha(alpha: float, least: float, more: float, loss: float) -> None:
    share = least + (1 - least) * more * 0.99
    weight, cap = (1 - share) / (1 - least), deployed_cap(alpha, least)
    clean, found = (
        np.exp(SEVEN_BETS.factors(observed, alpha=alpha, cap=cap, weight=weight) * 2.0**-36)
        for observed in (0.0, loss / share)
    )
    assert (found > 0).all()
    # A case that is wrong with loss `loss` in a chance of alpha / loss, judged with a chance of its share.
    if loss > alpha:
        chance = alpha / loss * share
        assert (chance * found + (1 - chance) * clean <= 1 + 1e-12).all()
    right, wrong = (np.exp(SEVEN_BETS.factors(y, alpha=alpha, cap=review_cap(alpha)) * 2.0**-36) for y in (0.0, 1.0))
    assert (alpha * wrong + (1 - alpha) * right <= 1 + 1e-12).all()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(-5, 5)), max_size=40), st.data())
def test_the_watermark_against_a_plain_list(cases: list[tuple[bool, int, int]], data: st.DataObject) -> None:
    mark, settled = Watermark(4, 1), {}
    waiting: list[int] = []
    for number, (waits, cell, amount) in enumerate(cases):
        if waits:
            mark.wait(number)
            waiting.append(number)
        else:
            mark.add(cell, np.array([amount]))
            settled[number] = (cell, amount)
        while waiting and data.draw(st.booleans()):
            chosen = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
            mark.settle(chosen, cases[chosen][1], np.array([cases[chosen][2]]))
            settled[chosen] = cases[chosen][1:]
        first = min(waiting, default=len(cases))
        expected = [sum(amount for n, (c, amount) in settled.items() if n < first and c == cell) for cell in range(4)]
        assert mark.total[:, 0].tolist() == expected
        assert mark.waiting == len(waiting)
        assert mark.first_waiting == (min(waiting) if waiting else None)
        assert Watermark.from_state(mark.state()).state() == mark.state()
