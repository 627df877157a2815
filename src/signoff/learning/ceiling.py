"""Ceiling: how many mistakes may have slipped through, at most."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from signoff.learning.betting import UNIT, Bets
from signoff.learning.decision import Decision
from signoff.learning.settings import Settings
from signoff.learning.watermark import Watermark

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Units = npt.NDArray[np.int64]


def slip_rates(bets: Bets, *, least_share: float, catch_rate: float) -> Floats:
    """
    Give the growth rates of the wealth for each mistake that slips through.

    Args:
        bets: Fractions of the largest rate at which a mistake that is found cannot bankrupt the bet.
        least_share: Least chance, above 0 and below 1, that a case is judged.
        catch_rate: Least chance, above 0 and at most 1, that a judged mistake is found.

    Returns:
        Shape (bets,).
    """
    import numpy as np

    rates: Floats = np.asarray(bets.fractions) * -math.log1p(-least_share * catch_rate)
    return rates


def found_price(loss: float, rates: Floats, *, share: float, catch_rate: float) -> Units:
    """
    Give what a mistake that an audit found costs the wealth, so that it is fair.

    Args:
        loss: Its loss, 0..1.
        rates: Those of `slip_rates`.
        share: Chance, 0..1, with which the case was judged.
        catch_rate: Least chance, above 0 and at most 1, that a judged mistake is found.

    Returns:
        -ln((1 - (1-q)·e^(rate·loss)) / q) with q = share · catch_rate, in `UNIT`, rounded up, shape (bets,).
    """
    import numpy as np

    chance = share * catch_rate
    return np.ceil(-np.log((1 - (1 - chance) * np.exp(rates * loss)) / chance) / UNIT).astype(np.int64)


def log_wealth(slipped: Floats | float, paid: Units, rates: Floats, bets: Bets) -> Floats:
    """
    Give the logarithm of the wealth if so much had slipped through; 1 on average for the truth.

    Args:
        slipped: A sum of losses, >= 0, shape (...).
        paid: Sums of `found_price`, shape (..., bets).
        rates: Those of `slip_rates`.
        bets: The share of the wealth on each.
    """
    import numpy as np

    return bets.log_evidence(np.asarray(slipped)[..., None] * (rates / UNIT) - paid)


class Ceiling:
    """
    Bounds the mistakes that slipped through, from random audits, at all times.

    It assumes nothing about cases, model or drift: only that the coin was fair, and that reviewers find a wrong case
    with a chance of at least the catch rate. If that is 1, mistakes that slipped through are wrong cases nobody judged;
    below 1 they also are wrong cases that a reviewer let pass. With severities, it bounds their sum.

    Args:
        settings: The constants.
        delta: Chance, 0..1, that it is ever exceeded in this cycle.
        start: Number of the first case that counts.

    Source:
        A slip multiplies a wealth by e^(c·loss), a mistake found by (1 - (1-q)·e^(c·loss)) / q, where q is the chance
        that it is found: 1 on average. Ville's inequality for the mixture over c.
    """

    def __init__(self, settings: Settings, *, delta: float, start: int = 0) -> None:
        self._catch_rate = settings.catch_rate
        self._bets = settings.ceiling_bets
        self._rates = slip_rates(self._bets, least_share=settings.audit_share, catch_rate=settings.catch_rate)
        self.delta, self.start = delta, start
        self._needed = -math.log(delta)
        self.unaudited = 0
        self._found = 0
        self._stands_for = 0
        # The last number of each sum is the room: the most that can have slipped through.
        self._mark = Watermark(1, len(self._rates) + 1)
        self._everything: Units = self._mark.total[0].copy()
        self._amounts: dict[tuple[float, float | None], Units] = {}
        self._alone = self._of_room(1.0)

    def enter(self, decision: Decision) -> None:
        """Take in a case, in the order of routing."""
        if not self._counts(decision):
            return
        if decision.judged:
            self._mark.wait(decision.number)
            self._everything += self._amount(decision.audit_share, None)
        else:
            self.unaudited += 1
            self._mark.add(0, self._alone)
            self._everything += self._alone

    def settle(self, decision: Decision, loss: float) -> None:
        """Take in the settled verdict of a case, in any order."""
        if not self._counts(decision):
            return
        amount = self._amount(decision.audit_share, loss)
        self._mark.settle(decision.number, 0, amount)
        self._everything += amount - self._amount(decision.audit_share, None)
        self._observe(decision.audit_share, loss)

    def amend(self, decision: Decision, was: float | None, now: float | None) -> None:
        """Replace a verdict that was settled before; None for no verdict, which counts as the worst there may be."""
        if not self._counts(decision):
            return
        change = self._amount(decision.audit_share, now) - self._amount(decision.audit_share, was)
        self._mark.correct(decision.number, 0, change)
        self._everything += change
        self._observe(decision.audit_share, now or 0.0)
        self._observe(decision.audit_share, was or 0.0, sign=-1)

    def bound(self) -> float:
        """
        Give the bound: a sum of losses, a number of mistakes if each counts 1.

        The smaller of two: the bound at the watermark if everything later slipped through, and the bound if all audits
        still to be judged find a mistake. Neither can be lowered by a verdict that does not come.
        """
        folded, every = self._mark.total[0], self._everything
        later = float(every[-1] - folded[-1]) * UNIT
        at_watermark = min(self._solve(folded[:-1]), float(folded[-1]) * UNIT) + later
        at_worst = min(self._solve(every[:-1]), float(every[-1]) * UNIT)
        return min(at_watermark, at_worst)

    def exceeds(self, limit: float) -> bool:
        """Tell whether the bound is above a limit, without working it out; some microseconds."""
        folded, every = self._mark.total[0], self._everything
        if float(every[-1]) * UNIT <= limit or not self._below(every[:-1], limit):
            return False
        left = limit - float(every[-1] - folded[-1]) * UNIT
        return left < 0 or (float(folded[-1]) * UNIT > left and self._below(folded[:-1], left))

    @property
    def found(self) -> float:
        """Mistakes that audits found, a sum of losses."""
        return self._found * UNIT

    @property
    def estimate(self) -> float:
        """The likely number beside the bound: each mistake that was found stands for those that were not."""
        return self._stands_for * UNIT

    @property
    def waiting(self) -> int:
        """Audits still to be judged."""
        return self._mark.waiting

    def _counts(self, decision: Decision) -> bool:
        return not decision.sure and decision.number >= self.start

    def _observe(self, share: float, loss: float, *, sign: int = 1) -> None:
        chance = share * self._catch_rate
        self._found += sign * round(loss / UNIT)
        self._stands_for += sign * round(loss * (1 - chance) / chance / UNIT)

    def _amount(self, share: float, loss: float | None) -> Units:
        """Give what an audit adds: minus the logarithms of its factors, rounded up, and its room."""
        key = (share, loss)
        if key not in self._amounts:
            if len(self._amounts) > 1000:
                self._amounts.clear()
            # Without a verdict, the worst for either: it was wrong, and it may have been let pass.
            found, passed = (1.0, 1.0) if loss is None else (loss, 1.0 - loss)
            amount = self._of_room(0.0 if self._catch_rate == 1 else passed)
            amount[:-1] = found_price(found, self._rates, share=share, catch_rate=self._catch_rate)
            self._amounts[key] = amount
        return self._amounts[key]

    def _of_room(self, room: float) -> Units:
        import numpy as np

        amount = np.zeros(len(self._rates) + 1, dtype=np.int64)
        amount[-1] = math.ceil(room / UNIT)
        return amount

    def _below(self, paid: Units, slipped: float) -> bool:
        """Tell whether the wealth would be below 1/delta if so much had slipped through."""
        return bool(log_wealth(slipped, paid, self._rates, self._bets) < self._needed)

    def _solve(self, paid: Units) -> float:
        """Give the least that cannot have slipped through but for a chance of delta."""
        low, high = 0.0, 1.0
        while self._below(paid, high):
            low, high = high, high * 2
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self._below(paid, middle) else (low, middle)
        return high

    def state(self) -> dict[str, Any]:
        """Give everything it holds but the settings, as JSON has it."""
        return {
            "delta": self.delta,
            "start": self.start,
            "unaudited": self.unaudited,
            "found": self._found,
            "stands_for": self._stands_for,
            "everything": self._everything.tolist(),
            "mark": self._mark.state(),
        }

    @classmethod
    def from_state(cls, settings: Settings, state: Mapping[str, Any]) -> Ceiling:
        """Read what `state` gave."""
        import numpy as np

        ceiling = cls(settings, delta=state["delta"], start=state["start"])
        ceiling.unaudited = state["unaudited"]
        ceiling._found, ceiling._stands_for = state["found"], state["stands_for"]
        ceiling._everything = np.array(state["everything"], dtype=np.int64)
        ceiling._mark = Watermark.from_state(state["mark"])
        return ceiling
