"""Gate: which level of strictness the verdicts certify, and since when what was deployed is confirmed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from signoff.learning.betting import Bets, clean_labels, deployed_cap, review_cap
from signoff.learning.decision import CLOSED, Decision
from signoff.learning.settings import Settings
from signoff.learning.watermark import Watermark

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Units = npt.NDArray[np.int64]

WRONG = 1.0
"""The loss of a case that turned out wrong, and of one that expired or was withdrawn after it was routed."""


def epochs_begun(age: int, *, length: int, most: int) -> int:
    """
    Count the named epochs that have begun at an age; epoch e = 1, 2, ... begins at length · (2^(e-1) - 1).

    Examples:
        >>> [epochs_begun(age, length=1000, most=12) for age in (-1, 0, 999, 1000, 2999, 3000)]
        [0, 1, 1, 2, 2, 3]
    """
    return 0 if age < 0 else min(most, (age // length + 1).bit_length())


def named(log_evidence: Floats) -> Floats:
    """
    Take from the evidence of each named epoch the price of having chosen it: 2^e for epoch e = 1, 2, ...

    Args:
        log_evidence: Logarithms, epochs along the last axis.
    """
    import numpy as np

    found: Floats = log_evidence - math.log(2) * np.arange(1, log_evidence.shape[-1] + 1)
    return found


def opening_evidence(since: Units, bets: Bets) -> Floats:
    """
    Give the logarithm of the evidence for each level, that of the epoch which speaks for it most, at its price.

    Args:
        since: Sums of the bets over the members of each level since each epoch, shape (..., levels, epochs, bets).
        bets: The bets.

    Returns:
        Shape (..., levels); a level is certified from ln(levels / delta).
    """
    found: Floats = named(bets.log_evidence(since)).max(axis=-1)
    return found


class Opening:
    """
    Collects evidence from cases that were sure to be judged, and says which levels it certifies.

    At all times and for all levels together, but for a chance of delta: the members of a certified level that were
    reviewed since the epoch it names had an average risk below alpha. Reviewed cases that are members of no level bet
    nothing, so nobody waits for their verdicts either.

    Args:
        settings: The constants.
        delta: Chance, 0..1, that this is ever false in this cycle.
        start: Number of the first case that counts.
    """

    def __init__(self, settings: Settings, *, delta: float, start: int = 0) -> None:
        self._alpha = settings.observed_alpha
        self._bets = settings.opening_bets
        self._levels, self._epochs, self._length = len(settings.levels), settings.epochs, settings.epoch
        self._cap = review_cap(self._alpha)
        self.delta, self.start = delta, start
        self.threshold = math.log(self._levels / delta)
        self.first: int | None = None
        self._mark = Watermark(self._levels * self._epochs, len(self._bets.fractions))
        self._amounts: dict[float, Units] = {}
        self._evidence: Floats | None = None

    def epochs_at(self, number: int, *, covered: bool) -> int:
        """
        Count the epochs that have begun when a case is routed.

        Args:
            number: The case.
            covered: Whether enough of the latest arrivals are members for the first epoch to begin.
        """
        first = number if self.first is None and covered else self.first
        return 0 if first is None else epochs_begun(number - first, length=self._length, most=self._epochs)

    def enter(self, decision: Decision) -> None:
        """Take in a case, in the order of routing."""
        if not decision.sure:
            return
        if self.first is None and decision.epochs:
            self.first = decision.number
        if self._counts(decision):
            self._mark.wait(decision.number)

    def settle(self, decision: Decision, loss: float) -> None:
        """Take in the settled verdict of a case, in any order."""
        if self._counts(decision) and self._mark.settle(decision.number, self._cell(decision), self._amount(loss)):
            self._evidence = None

    def amend(self, decision: Decision, was: float, now: float) -> None:
        """Replace a verdict that was settled before."""
        if self._counts(decision):
            self._mark.correct(decision.number, self._cell(decision), self._amount(now) - self._amount(was))
            self._evidence = None

    def since(self) -> Units:
        """Give the sums of the bets at the watermark: since each epoch, for each level; (levels, epochs, bets)."""
        import numpy as np

        cells = self._mark.total.reshape(self._levels, self._epochs, -1)
        # A case is kept at its strictest level and its latest epoch; it counts for all looser and all earlier ones.
        found: Units = np.cumsum(cells[:, ::-1], axis=1)[:, ::-1].cumsum(axis=0)
        return found

    def evidence(self) -> Floats:
        """Give the logarithm of the evidence for each level, shape (levels,)."""
        if self._evidence is None:
            self._evidence = opening_evidence(self.since(), self._bets)
        return self._evidence

    def level(self) -> int:
        """Give the loosest level that is certified at this moment, -1 for none."""
        certified = self.evidence() >= self.threshold
        return int(certified.nonzero()[0][-1]) if certified.any() else CLOSED

    def named_epoch(self, level: int) -> int:
        """Give the number of the epoch, from 1, that speaks for a level most."""
        return int(named(self._bets.log_evidence(self.since()))[level].argmax()) + 1

    def began(self, epoch: int) -> int | None:
        """Give the number of the case with which an epoch begins, None if the first has not begun."""
        return None if self.first is None else self.first + self._length * (2 ** (epoch - 1) - 1)

    def clean_labels(self, level: int) -> int:
        """Give how many reviewed members in a row without a mistake certify a level: its price."""
        since = self.since()[level]
        return min(
            clean_labels(
                self._alpha, 2.0**epoch * self._levels / self.delta, bets=self._bets, cap=self._cap, start=sums
            )
            for epoch, sums in enumerate(since, start=1)
            if epoch == 1 or sums.any()
        )

    @property
    def waiting(self) -> int:
        """Cases for whose verdict the evidence waits."""
        return self._mark.waiting

    def _counts(self, decision: Decision) -> bool:
        return (
            decision.sure
            and decision.epochs > 0
            and decision.number >= self.start
            and decision.strictest < self._levels
        )

    def _cell(self, decision: Decision) -> int:
        return decision.strictest * self._epochs + decision.epochs - 1

    def _amount(self, loss: float) -> Units:
        if loss not in self._amounts:
            if len(self._amounts) > 1000:
                self._amounts.clear()
            self._amounts[loss] = self._bets.factors(loss, alpha=self._alpha, cap=self._cap)
        return self._amounts[loss]

    def state(self) -> dict[str, Any]:
        """Give everything it holds but the settings, as JSON has it."""
        return {"delta": self.delta, "start": self.start, "first": self.first, "mark": self._mark.state()}

    @classmethod
    def from_state(cls, settings: Settings, state: Mapping[str, Any]) -> Opening:
        """Read what `state` gave."""
        opening = cls(settings, delta=state["delta"], start=state["start"])
        opening.first = state["first"]
        opening._mark = Watermark.from_state(state["mark"])
        return opening


class Confirmation:
    """
    Collects evidence from cases that could run alone, and says since when their average risk is proved.

    Each counts with its chance to run alone; an audit that finds an error counts for all the cases that the coin did
    not draw, so one clean audited case is worth about a tenth of a reviewed one. It is a separate process: a bet that
    changed its size when audits begin would let a clean past pay for errors of today.

    Args:
        settings: The constants.
        delta: Chance, 0..1, that it is ever false in this cycle.
        start: Number of the first case that counts.
    """

    def __init__(self, settings: Settings, *, delta: float, start: int = 0) -> None:
        self._alpha = settings.observed_alpha
        self._bets = settings.deployed_bets
        self._epochs, self._length = settings.epochs, settings.epoch
        self._cap = deployed_cap(self._alpha, settings.audit_share)
        self.delta, self.start = delta, start
        self.threshold = -math.log(delta)
        self.entered = 0
        self._began: list[int] = []
        self._mark = Watermark(self._epochs, len(self._bets.fractions))
        self._amounts: dict[tuple[float, float], Units] = {}

    def epochs_now(self) -> int:
        """Count the epochs that have begun for the next case that could run alone."""
        return epochs_begun(self.entered, length=self._length, most=self._epochs)

    def enter(self, decision: Decision) -> None:
        """Take in a case, in the order of routing."""
        if not self._counts(decision):
            return
        self.entered += 1
        while len(self._began) < decision.epochs:
            self._began.append(decision.number)
        if decision.judged:
            self._mark.wait(decision.number)
        else:
            self._mark.add(decision.epochs - 1, self._amount(decision, 0.0))

    def settle(self, decision: Decision, loss: float) -> None:
        """Take in the settled verdict of a case, in any order."""
        if self._counts(decision):
            self._mark.settle(decision.number, decision.epochs - 1, self._amount(decision, loss))

    def amend(self, decision: Decision, was: float, now: float) -> None:
        """Replace a verdict that was settled before."""
        if self._counts(decision):
            change = self._amount(decision, now) - self._amount(decision, was)
            self._mark.correct(decision.number, decision.epochs - 1, change)

    def since(self) -> Units:
        """Give the sums of the bets at the watermark since each epoch, shape (epochs, bets)."""
        found: Units = self._mark.total[::-1].cumsum(axis=0)[::-1]
        return found

    def evidence(self) -> float:
        """Give the logarithm of the evidence of the epoch that speaks for it most, at its price."""
        return float(named(self._bets.log_evidence(self.since())).max())

    def epoch(self) -> int:
        """Give the number of the epoch, from 1, since which the average risk is confirmed; 0 if it is not."""
        priced = named(self._bets.log_evidence(self.since()))
        return int(priced.argmax()) + 1 if priced.max() >= self.threshold else 0

    def began(self, epoch: int) -> int | None:
        """Give the number of the case with which an epoch began, None if it has not."""
        return self._began[epoch - 1] if 0 < epoch <= len(self._began) else None

    def clean_cases(self) -> int:
        """Give how many cases in a row that could run alone, none of them found wrong, would confirm it."""
        return min(
            clean_labels(self._alpha, 2.0**epoch / self.delta, bets=self._bets, cap=self._cap, start=sums)
            for epoch, sums in enumerate(self.since(), start=1)
            if epoch == 1 or sums.any()
        )

    @property
    def waiting(self) -> int:
        """Cases for whose verdict the evidence waits."""
        return self._mark.waiting

    def _counts(self, decision: Decision) -> bool:
        return not decision.sure and decision.number >= self.start

    def _amount(self, decision: Decision, loss: float) -> Units:
        observed = loss / decision.audit_share if decision.judged else 0.0
        key = (observed, decision.weight)
        if key not in self._amounts:
            if len(self._amounts) > 1000:
                self._amounts.clear()
            self._amounts[key] = self._bets.factors(observed, alpha=self._alpha, cap=self._cap, weight=decision.weight)
        return self._amounts[key]

    def state(self) -> dict[str, Any]:
        """Give everything it holds but the settings, as JSON has it."""
        return {
            "delta": self.delta,
            "start": self.start,
            "entered": self.entered,
            "began": list(self._began),
            "mark": self._mark.state(),
        }

    @classmethod
    def from_state(cls, settings: Settings, state: Mapping[str, Any]) -> Confirmation:
        """Read what `state` gave."""
        confirmation = cls(settings, delta=state["delta"], start=state["start"])
        confirmation.entered = state["entered"]
        confirmation._began = list(state["began"])
        confirmation._mark = Watermark.from_state(state["mark"])
        return confirmation
