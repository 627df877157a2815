"""
Whether what earned automation says is true as often as it says: shares of simulated streams in which it was not.

Each statement may be false in a share delta of streams. Beside it, where there is one, the shortcut that is usual or
tempting, on the same streams. The streams are made to be as bad as the statement allows, such as risk equal to alpha.

    make bench NAME=automation_validity
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from benchmarks.figures import Bar, Figure, report
from signoff.learning.automation import Automation
from signoff.learning.betting import SEVEN_BETS, Bets, deployed_cap, review_cap
from signoff.learning.catch_rate import catch_rate
from signoff.learning.ceiling import Ceiling, found_price, log_wealth, slip_rates
from signoff.learning.detector import Detector
from signoff.learning.gate import Confirmation, Opening, named
from signoff.learning.settings import CEILING_BETS, SINGLE_LEVEL, Settings, bets_for
from tests.unit.learning.made import deployed, reviewed, settings

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Dice = np.random.Generator
Streams = dict[str, tuple[float, float | None]]
"""By what was simulated: the share of streams in which the statement was false, and the same of a shortcut."""

DELTA = 0.1
SEED = 7
BAR = 0.13
"""What a share of 1,000 streams may be if the true one is .1: three standard errors above it."""

PATTERNS: dict[str, Callable[[int], Floats]] = {
    "constant 2 %": lambda cases: np.full(cases, 0.02),
    "bursts of 20 %": lambda cases: np.where((np.arange(cases) // 500) % 2, 0.2, 0.0),
    "drift to 20 %": lambda cases: 0.2 * np.arange(cases) / cases,
    "always wrong": lambda cases: np.ones(cases),
}


def main() -> None:
    """Simulate, print and write `results/automation_validity.json`."""
    report("automation_validity", [*shares(np.random.default_rng(SEED)), *durations(np.random.default_rng(SEED))])


def shares(dice: Dice, *, streams: int = 1_000, slow_streams: int = 300) -> list[Figure]:
    """Give one figure for each row of the table of validity."""
    rows: Streams = {}
    for alpha in (0.01, 0.02, 0.05):
        for share in (1.0, 0.1):
            rows[f"risk = alpha = {alpha:.0%}, audits {share:.0%}, 20,000 looks"] = (
                null_boundary(dice, alpha=alpha, share=share, streams=streams),
                clopper_pearson(dice, alpha=alpha, streams=streams) if share == 1 else None,
            )
        rows[f"risk = alpha = {alpha:.0%}, bets of the single level"] = (
            null_boundary(dice, alpha=alpha, share=1.0, streams=streams, bets=bets_for(SINGLE_LEVEL)),
            None,
        )
    rows["any of six levels, all at alpha"] = (six_levels(dice, streams=streams), None)
    rows["any named epoch, all at alpha"] = named_epochs(dice, streams=streams)
    rows["audits 10 % and 50 %, weighted risk = alpha"] = (mixed_shares(dice, streams=streams), None)
    rows["wrong verdicts 500 late, risk 5 alpha"] = late_and_wrong(dice, streams=slow_streams)
    rows["500 clean, then 3 alpha"] = clean_then_bad(dice, streams=slow_streams)
    for name in PATTERNS:
        rows[f"ceiling, {name}"] = (ceiling_prompt(dice, name, streams=streams), None)
        rows[f"ceiling, {name}, wrong verdicts 300 late"] = ceiling_late(dice, name, streams=slow_streams)
    rows["ceiling, severities, audits 10 % and 50 %, 150 late"] = (severities(dice, streams=slow_streams), None)
    for catch in (0.9, 0.8, 0.6):
        rows[f"ceiling, reviewers catch {catch:.0%}, 100 probes"] = imperfect(dice, catch, streams=streams)
    for name, chosen in (("six levels", Settings(alpha=0.05)), ("one level", Settings.single_level(alpha=0.05))):
        rows[f"the whole automation, {name}, every case at alpha = 5 %"] = (
            closed_loop(dice, chosen, streams=slow_streams),
            None,
        )
    return [
        Figure(
            figure=name,
            unit="of streams",
            ours=ours,
            peer=shortcut or None,
            peer_name="shortcut" if shortcut else None,
            bar=Bar(better="lower", absolute=BAR),
        )
        for name, (ours, shortcut) in rows.items()
    ]


def durations(dice: Dice) -> list[Figure]:
    """How long it takes to confirm what is deployed, and to a false alarm."""
    usual = {0.01: 22_000, 0.02: 11_000, 0.05: 4_500}
    return [
        *(
            Figure(
                figure=f"deployed cases to confirmed at a true risk of alpha/2, alpha = {alpha:.0%}, median",
                unit="cases",
                ours=float(np.median([cases_to_confirm(dice, alpha=alpha) for _ in range(301)])),
                bar=Bar(better="lower", absolute=cases),
            )
            for alpha, cases in usual.items()
        ),
        Figure(
            figure="audits to a false alarm at risk = alpha = 2 %, mean (cut at 5,000)",
            unit="audits",
            ours=float(np.mean([audits_to_alarm(dice, alpha=0.02) for _ in range(200)])),
            bar=Bar(better="higher", absolute=200),
        ),
    ]


# --- the gate


def null_boundary(
    dice: Dice, *, alpha: float, share: float, streams: int, cases: int = 20_000, bets: Bets = SEVEN_BETS
) -> float:
    """Every case is wrong with a chance of alpha; the evidence must not reach 1/delta."""
    cap = review_cap(alpha) if share == 1 else deployed_cap(alpha, share)
    right, wrong = bets.factors(0.0, alpha=alpha, cap=cap), bets.factors(1 / share, alpha=alpha, cap=cap)
    false = 0
    for _ in range(streams):
        found = (dice.random(cases) < alpha) & (dice.random(cases) < share)
        clean, mistakes = peaks(found)
        evidence = bets.log_evidence(clean[:, None] * right + mistakes[:, None] * wrong)
        false += bool((evidence >= -math.log(DELTA)).any())
    return false / streams


def peaks(found: Flags) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Count the clean cases and the mistakes just before each mistake, when evidence is highest, and at the end."""
    at = np.append(np.flatnonzero(found), len(found))
    mistakes = np.arange(len(at))
    return at - mistakes, mistakes


def clopper_pearson(dice: Dice, *, alpha: float, streams: int, cases: int = 20_000) -> float:
    """Certify whenever the exact 90 % bound, computed anew every 500 cases, is below alpha."""
    from scipy.stats import beta

    looks = np.arange(500, cases + 1, 500)
    false = 0
    for _ in range(streams):
        mistakes = np.cumsum(dice.random(cases) < alpha)[looks - 1]
        false += bool((beta.ppf(1 - DELTA, mistakes + 1, looks - mistakes) < alpha).any())
    return false / streams


def six_levels(dice: Dice, *, streams: int, alpha: float = 0.02, cases: int = 3_000) -> float:
    """Six levels without a common member, each at risk alpha; none may be certified."""
    opening = Opening(Settings(alpha=alpha), delta=DELTA)
    right, wrong = (SEVEN_BETS.factors(loss, alpha=alpha, cap=review_cap(alpha)) for loss in (0.0, 1.0))
    false = 0
    for _ in range(streams):
        for _ in range(6):
            clean, mistakes = peaks(dice.random(cases) < alpha)
            evidence = SEVEN_BETS.log_evidence(clean[:, None] * right + mistakes[:, None] * wrong)
            if (evidence >= opening.threshold).any():
                false += 1
                break
    return false / streams


def named_epochs(dice: Dice, *, streams: int, alpha: float = 0.02, cases: int = 8_000) -> tuple[float, float]:
    """Four epochs, all at risk alpha; none may be named. The shortcut names the best one at no price."""
    right, wrong = (SEVEN_BETS.factors(loss, alpha=alpha, cap=review_cap(alpha)) for loss in (0.0, 1.0))
    begins = np.array([0, 1_000, 3_000, 7_000])
    priced = free = 0
    for _ in range(streams):
        found = dice.random(cases) < alpha
        clean, mistakes = peaks(found)
        before = np.cumsum(np.append(0, found))[begins]
        mistakes_since = np.maximum(mistakes[:, None] - before, 0)
        clean_since = np.maximum((clean + mistakes)[:, None] - begins, 0) - mistakes_since
        sums = clean_since[..., None] * right + mistakes_since[..., None] * wrong
        evidence = SEVEN_BETS.log_evidence(sums)
        priced += bool((named(evidence) >= -math.log(DELTA)).any())
        free += bool((evidence >= -math.log(DELTA)).any())
    return priced / streams, free / streams


def mixed_shares(dice: Dice, *, streams: int, alpha: float = 0.02, cases: int = 8_000) -> float:
    """Audited cases are the less risky ones; the risk weighted by the chance to run alone is alpha."""
    often = np.arange(cases) % 2 == 1
    share = np.where(often, 0.5, 0.1)
    risk = np.where(often, 1.9, 0.5) * alpha
    cap = deployed_cap(alpha, 0.1)
    kinds = np.array(
        [
            [
                SEVEN_BETS.factors(observed, alpha=alpha, cap=cap, weight=(1 - chance) / 0.9)
                for observed in (0, 1 / chance)
            ]
            for chance in (0.1, 0.5)
        ]
    )
    false = 0
    for _ in range(streams):
        found = (dice.random(cases) < risk) & (dice.random(cases) < share)
        sums = np.cumsum(kinds[often.astype(int), found.astype(int)], axis=0)
        # After each pair, since only then the average is alpha.
        false += bool((SEVEN_BETS.log_evidence(sums[1::2]) >= -math.log(DELTA)).any())
    return false / streams


def late_and_wrong(
    dice: Dice, *, streams: int, alpha: float = 0.02, lag: int = 500, cases: int = 1_200
) -> tuple[float, float]:
    """Right verdicts come at once, wrong ones 500 cases later. The shortcut counts what has come."""
    false = hasty = 0
    for _ in range(streams):
        losses = (dice.random(cases) < 5 * alpha).astype(float)
        opening, counting = (Opening(settings(alpha), delta=DELTA) for _ in range(2))
        opened = hurried = False
        for number, waiting in delays(losses, lag):
            decision = reviewed(number)
            opening.enter(decision)
            for case in waiting:
                opening.settle(reviewed(case), losses[case])
                # Entered when it is settled, it waits for nothing.
                counting.enter(reviewed(case))
                counting.settle(reviewed(case), losses[case])
            if number % 10 == 0:
                opened = opened or opening.level() >= 0
                hurried = hurried or counting.level() >= 0
        false += opened
        hasty += hurried
    return false / streams, hasty / streams


def delays(losses: Floats, lag: int) -> Iterator[tuple[int, list[int]]]:
    """Give each case with those whose verdict comes then: its own, if it is right, and wrong ones of long ago."""
    for number in range(len(losses)):
        past = number - lag
        late = [past] if past >= 0 and losses[past] else []
        yield number, late if losses[number] else [*late, number]


def clean_then_bad(dice: Dice, *, streams: int, alpha: float = 0.02, cases: int = 3_000) -> tuple[float, float]:
    """After 500 clean reviewed cases, those that run alone are wrong in 3 alpha; they must not be confirmed."""
    false = cheated = 0
    right = SEVEN_BETS.factors(0.0, alpha=alpha, cap=review_cap(alpha))
    cap = deployed_cap(alpha, 0.1)
    clean, wrong = (SEVEN_BETS.factors(observed, alpha=alpha, cap=cap) for observed in (0.0, 10.0))
    for _ in range(streams):
        drawn, mistaken = dice.random(cases) < 0.1, dice.random(cases) < 3 * alpha
        confirmation = Confirmation(settings(alpha), delta=DELTA)
        for number in range(500):
            confirmation.enter(reviewed(number))
            confirmation.settle(reviewed(number), 0.0)
        confirmed = False
        for number in range(cases):
            decision = deployed(500 + number, drawn=bool(drawn[number]), epochs=confirmation.epochs_now())
            confirmation.enter(decision)
            if decision.judged:
                confirmation.settle(decision, float(mistaken[number]))
            if number % 10 == 0:
                confirmed = confirmed or confirmation.epoch() > 0
        false += confirmed
        passed, mistakes = peaks(drawn & mistaken)
        evidence = SEVEN_BETS.log_evidence(500 * right + passed[:, None] * clean + mistakes[:, None] * wrong)
        # One process with a larger bet at first: false where the average since the start has come to alpha.
        bad = (passed + mistakes) * 3 * alpha / (500 + passed + mistakes) >= alpha
        cheated += bool((evidence[bad] >= -math.log(DELTA)).any())
    return false / streams, cheated / streams


# --- the ceiling


def ceiling_prompt(dice: Dice, pattern: str, *, streams: int, share: float = 0.1, cases: int = 6_000) -> float:
    """Every audit is judged at once; the mistakes nobody saw must stay below the ceiling."""
    rates = slip_rates(CEILING_BETS, least_share=share, catch_rate=1.0)
    price = found_price(1.0, rates, share=share, catch_rate=1.0)
    risks = PATTERNS[pattern](cases)
    broken = 0
    for _ in range(streams):
        wrong, drawn = dice.random(cases) < risks, dice.random(cases) < share
        slipped, found = np.cumsum(wrong & ~drawn), np.cumsum(wrong & drawn)
        wealth = log_wealth(slipped.astype(float), found[:, None] * price, rates, CEILING_BETS)
        broken += bool((wealth >= -math.log(DELTA)).any())
    return broken / streams


def ceiling_late(dice: Dice, pattern: str, *, streams: int, lag: int = 300, cases: int = 2_400) -> tuple[float, float]:
    """Audits that find a mistake are judged 300 cases late. The shortcut leaves out what is still to be judged."""
    risks = PATTERNS[pattern](cases)
    broken = hasty = 0
    for _ in range(streams):
        losses = (dice.random(cases) < risks).astype(float)
        drawn = dice.random(cases) < 0.1
        ceiling, counting = (Ceiling(settings(0.02), delta=DELTA) for _ in range(2))
        above = hurried = False
        slipped = 0.0
        for number, due in delays(losses, lag):
            decision = deployed(number, drawn=bool(drawn[number]))
            ceiling.enter(decision)
            if not drawn[number]:
                slipped += losses[number]
                counting.enter(decision)
            for case in due:
                if drawn[case]:
                    ceiling.settle(deployed(case, drawn=True), losses[case])
                    counting.enter(deployed(case, drawn=True))
                    counting.settle(deployed(case, drawn=True), losses[case])
            if number % 10 == 0 and slipped:
                above = above or below(ceiling, slipped)
                hurried = hurried or below(counting, slipped)
        broken += above
        hasty += hurried
    return broken / streams, hasty / streams


def below(ceiling: Ceiling, slipped: float) -> bool:
    """Tell whether the bound is below what slipped through, but for rounding."""
    return not ceiling.exceeds(slipped - 1e-6)


def severities(dice: Dice, *, streams: int, cases: int = 1_200) -> float:
    """Losses between 0 and 1, two chances of an audit, and verdicts the later the worse."""
    broken = 0
    for _ in range(streams):
        losses = dice.choice([0.0, 0.1, 0.5, 1.0], p=[0.8, 0.05, 0.05, 0.1], size=cases)
        shares = np.where(np.arange(cases) % 3, 0.1, 0.5)
        drawn = dice.random(cases) < shares
        ceiling = Ceiling(settings(0.02), delta=DELTA)
        above, slipped = False, 0.0
        for number, due in delays(losses, 150):
            ceiling.enter(deployed(number, share=float(shares[number]), drawn=bool(drawn[number])))
            slipped += 0.0 if drawn[number] else losses[number]
            for case in due:
                if drawn[case]:
                    ceiling.settle(deployed(case, share=float(shares[case]), drawn=True), float(losses[case]))
            above = above or (number % 10 == 0 and below(ceiling, slipped))
        broken += above
    return broken / streams


def imperfect(dice: Dice, catch: float, *, streams: int, cases: int = 6_000) -> tuple[float, float]:
    """Reviewers let some mistakes pass. The shortcut trusts them."""
    broken = trusting = 0
    for _ in range(streams):
        lower = catch_rate(missed=int((dice.random(100) >= catch).sum()), shown=100)
        wrong, drawn = dice.random(cases) < 0.04, dice.random(cases) < 0.1
        caught = wrong & drawn & (dice.random(cases) < catch)
        found = np.cumsum(caught)[:, None]
        for trusted, delta in ((lower, DELTA / 2), (1.0, DELTA)):
            rates = slip_rates(CEILING_BETS, least_share=0.1, catch_rate=trusted)
            price = found_price(1.0, rates, share=0.1, catch_rate=trusted)
            slipped = np.cumsum(wrong & ~caught).astype(float)
            above = bool((log_wealth(slipped, found * price, rates, CEILING_BETS) >= -math.log(delta)).any())
            if trusted == 1.0:
                trusting += above
            else:
                broken += above
    return broken / streams, trusting / streams


# --- all of it, and how long it takes


def closed_loop(dice: Dice, chosen: Settings, *, streams: int, cases: int = 2_500) -> float:
    """Every case is wrong with a chance of alpha, whatever is predicted; no level may be certified."""
    false = 0
    for _ in range(streams):
        automation = Automation(chosen)
        predicted = dice.beta(0.5, 12, size=cases)
        losses, coins = (dice.random(cases) < chosen.alpha).astype(float), dice.random(cases)
        for number in range(cases):
            decision = automation.decide(float(predicted[number]), float(coins[number]))
            if decision.certified >= 0:
                false += 1
                break
            automation.enter(decision)
            automation.settle(number, losses[number])
    return false / streams


def cases_to_confirm(dice: Dice, *, alpha: float, most: int = 200_000) -> int:
    """Count the deployed cases at a risk of alpha/2 until they are confirmed, one in ten audited."""
    cap = deployed_cap(alpha, 0.1)
    clean, wrong = (SEVEN_BETS.factors(observed, alpha=alpha, cap=cap) for observed in (0.0, 10.0))
    found = dice.random(most) < 0.1 * alpha / 2
    begins = 1_000 * (2 ** np.arange(8) - 1)
    counts = np.cumsum(np.append(0, found))
    ages = np.arange(0, most + 1, 10)
    mistakes = np.maximum(counts[ages][:, None] - counts[np.minimum(begins, most)], 0)
    passed = np.maximum(ages[:, None] - begins, 0) - mistakes
    evidence = SEVEN_BETS.log_evidence(passed[..., None] * clean + mistakes[..., None] * wrong)
    reached = (named(evidence) >= -math.log(DELTA)).any(axis=1)
    return int(ages[reached.argmax()]) if reached.any() else most


def audits_to_alarm(dice: Dice, *, alpha: float, most: int = 5_000) -> int:
    """Count the audits at risk alpha until the detector gives a false alarm."""
    detector = Detector(Settings(alpha=alpha))
    for number, loss in enumerate((dice.random(most) < alpha).astype(float).tolist()):
        if detector.update(loss):
            return number
    return most


if __name__ == "__main__":
    main()
