"""Decisions for tests of the mathematics, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from signoff.domain.policy import Route
from signoff.learning.automation import Automation
from signoff.learning.decision import Decision, Why
from signoff.learning.settings import Settings


def reviewed(number: int, *, levels: int = 1, epochs: int = 1, strictest: int = 0) -> Decision:
    """A case that is sure to be judged, a member of the levels from the strictest on."""
    thresholds = (0.1,) * strictest + (0.5,) * (levels - strictest)
    return _decision(number, thresholds=thresholds, epochs=epochs, share=1.0, coin=0.0)


def deployed(number: int, *, share: float = 0.1, drawn: bool, levels: int = 1, epochs: int = 1) -> Decision:
    """A case that could run alone, drawn for an audit or not."""
    return _decision(number, thresholds=(0.5,) * levels, epochs=epochs, share=share, coin=0.0 if drawn else 0.999)


def settings(alpha: float, **others: Any) -> Settings:
    """Settings with one level and the bets that need no luck."""
    return Settings(alpha=alpha, **({"levels": (1.0,), "novelty_level": 0} | others))


def _decision(number: int, *, thresholds: tuple[float, ...], epochs: int, share: float, coin: float) -> Decision:
    eligible = share < 1
    return Decision(
        number=number,
        p_err=0.3,
        thresholds=thresholds,
        certified=0 if eligible else -1,
        cap=len(thresholds) - 1,
        level=0 if eligible else -1,
        eligible=eligible,
        boosted=False,
        due_share=share,
        audit_share=share,
        coin=coin,
        weight=(1 - share) / 0.9 if eligible else 1.0,
        epochs=epochs,
        route=Route.REVIEW if not eligible else Route.AUDIT if coin < share else Route.AUTOMATE,
        why=Why.NOT_CERTIFIED if not eligible else Why.COIN if coin < share else Why.BELOW_THRESHOLD,
    )


@dataclass
class Run:
    """A stream that went through an automation: what was decided, the losses, and the automation."""

    automation: Automation
    decisions: list[Decision]
    losses: list[float]
    order: list[int]
    """Cases in the order in which their verdicts settled."""

    def of(self, route: Route) -> list[Decision]:
        return [decision for decision in self.decisions if decision.route is route]


def run(
    chosen: Settings,
    cases: int,
    *,
    seed: int = 1,
    flipped_from: int | None = None,
    lag: int = 0,
    shadow: bool = False,
    turns_bad_at: int | None = None,
) -> Run:
    """
    Drive a stream through an automation: one feature tells well what is wrong, and the prediction is right.

    Args:
        chosen: The constants.
        cases: Arrivals.
        seed: Of the stream and the coins.
        flipped_from: The case from which on all verdicts are the other way round.
        lag: Cases by which a verdict comes late if it is that the case was wrong.
        shadow: Whether everything is reviewed.
        turns_bad_at: The case from which on everything is wrong with a chance of one in three.
    """
    dice = np.random.default_rng(seed)
    risks = 1 / (1 + np.exp(5 + 4 * dice.normal(size=20_000)[:cases]))
    drawn, coins = dice.random(20_000)[:cases], dice.random(20_000)[:cases]
    true = risks.copy()
    if turns_bad_at is not None:
        true[turns_bad_at:] = 1 / 3
    wrong = drawn < true
    if flipped_from is not None:
        wrong[flipped_from:] = ~wrong[flipped_from:]
    losses = wrong.astype(float).tolist()
    automation = Automation(chosen)
    made = Run(automation, [], losses, [])
    late: list[int] = []
    for number in range(cases):
        decision = automation.decide(float(risks[number]), float(coins[number]), shadow=shadow)
        automation.enter(decision)
        made.decisions.append(decision)
        due = [case for case in late if case <= number - lag]
        late = late[len(due) :]
        if decision.judged:
            (late if lag and losses[number] else due).append(number)
        for case in due:
            automation.settle(case, losses[case])
        made.order.extend(due)
    return made


def rebuilt(made: Run, order: Sequence[int]) -> Automation:
    """Enter what was decided anew, and settle the verdicts in another order once all is entered."""
    automation = Automation(made.automation.settings)
    for decision in made.decisions:
        automation.enter(decision)
    for number in order:
        automation.settle(number, made.losses[number])
    return automation
