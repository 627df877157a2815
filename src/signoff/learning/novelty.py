"""Novelty: tells from the predicted risks alone that other cases arrive than before."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Any

from signoff.learning.arrivals import LatestSorted
from signoff.learning.settings import Settings


class Novelty:
    """
    Watches whether more arrivals than before look risky; needs no verdict.

    This is a rule of thumb and no part of any proof. It asks whether the share of arrivals above what 80 % of earlier
    ones were below has risen to about a third.

    Args:
        settings: The constants.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._latest: deque[float] = deque()
        self._reference = LatestSorted(settings.window)
        self._seen = 0
        self.wealth = 1.0

    def update(self, p_err: float) -> bool:
        """Take in the predicted risk, 0..1, of an arrival; tell whether it is an alarm."""
        alarm = False
        if self._seen >= self._settings.novelty_from:
            factor = self._settings.novelty_up if p_err > self._mark() else self._settings.novelty_down
            self.wealth = max(self.wealth, 1.0) * factor
            alarm = self.wealth >= self._settings.novelty_at
            if alarm:
                self.wealth = 1.0
        self._seen += 1
        self._latest.append(p_err)
        if len(self._latest) > self._settings.novelty_delay:
            self._reference.push(self._latest.popleft())
        return alarm

    def _mark(self) -> float:
        place = self._settings.novelty_quantile * (len(self._reference) - 1)
        below = math.floor(place)
        low, high = self._reference.at(below), self._reference.at(min(below + 1, len(self._reference) - 1))
        return low + (high - low) * (place - below)

    def state(self) -> dict[str, Any]:
        """Give everything it holds but the settings, as JSON has it."""
        return {
            "seen": self._seen,
            "wealth": self.wealth,
            "latest": list(self._latest),
            "reference": self._reference.arrived(),
        }

    @classmethod
    def from_state(cls, settings: Settings, state: Mapping[str, Any]) -> Novelty:
        """Read what `state` gave."""
        novelty = cls(settings)
        novelty._seen, novelty.wealth = state["seen"], state["wealth"]
        novelty._latest = deque(state["latest"])
        novelty._reference = LatestSorted(settings.window, state["reference"])
        return novelty
