"""Ceiling: how many mistakes may have slipped through, at most."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from signoff.learning.betting import UNIT
from signoff.learning.decision import Decision
from signoff.learning.settings import Settings
from signoff.learning.watermark import Watermark

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Units = npt.NDArray[np.int64]


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
        largest = -math.log1p(-settings.audit_share * settings.catch_rate)
        self._rates = tuple(fraction * largest for fraction in settings.ceiling_bets.fractions)
        self._log_weights = tuple(math.log(weight) for weight in settings.ceiling_bets.weights)
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
        *folded, room = self._mark.total[0].tolist()
        *every, room_in_all = self._everything.tolist()
        at_watermark: float = min(self._solve(folded), room * UNIT) + (room_in_all - room) * UNIT
        at_worst: float = min(self._solve(every), room_in_all * UNIT)
        return min(at_watermark, at_worst)

    def exceeds(self, limit: float) -> bool:
        """Tell whether the bound is above a limit, without working it out; some microseconds."""
        *every, room_in_all = self._everything.tolist()
        if room_in_all * UNIT <= limit or not self._below(every, limit):
            return False
        *folded, room = self._mark.total[0].tolist()
        left = limit - (room_in_all - room) * UNIT
        return left < 0 or (room * UNIT > left and self._below(folded, left))

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
            import numpy as np

            # Without a verdict, the worst for either: it was wrong, and it may have been let pass.
            found, passed = (1.0, 1.0) if loss is None else (loss, 1.0 - loss)
            chance = share * self._catch_rate
            factors = [(1 - (1 - chance) * math.exp(rate * found)) / chance for rate in self._rates]
            amount = self._of_room(0.0 if self._catch_rate == 1 else passed)
            amount[:-1] = np.ceil(-np.log(factors) / UNIT)
            self._amounts[key] = amount
        return self._amounts[key]

    def _of_room(self, room: float) -> Units:
        import numpy as np

        amount = np.zeros(len(self._rates) + 1, dtype=np.int64)
        amount[-1] = math.ceil(room / UNIT)
        return amount

    def _below(self, sums: Sequence[int], slipped: float) -> bool:
        """Tell whether the wealth is below 1/delta if so much had slipped through."""
        logs = [
            log_weight + rate * slipped - units * UNIT
            for log_weight, rate, units in zip(self._log_weights, self._rates, sums, strict=True)
        ]
        most = max(logs)
        return most + math.log(math.fsum(math.exp(value - most) for value in logs)) < self._needed

    def _solve(self, sums: Sequence[int]) -> float:
        """Give the least that cannot have slipped through but for a chance of delta."""
        low, high = 0.0, 1.0
        while self._below(sums, high):
            low, high = high, high * 2
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if self._below(sums, middle) else (low, middle)
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
