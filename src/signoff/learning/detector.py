"""Detector: closes automation when audits find more mistakes than alpha allows."""

from __future__ import annotations

from collections.abc import Sequence

from signoff.learning.settings import Settings


class Detector:
    """
    Watches the verdicts on audits, as they settle.

    For each of a few higher risks it keeps a wealth that is fair while the risk is at most alpha, and that starts anew
    at 1 whenever it fell below. While it is, `alarm_at` audits or more pass on average before a false alarm.

    Args:
        settings: The constants.
        wealth: What `wealth` was, to go on from there; None at the start.

    Examples:
        >>> detector = Detector(Settings(alpha=0.02))
        >>> [detector.update(loss) for loss in (1, 1, 1, 1)]
        [False, False, False, True]

    Source:
        Shin, Ramdas, Rinaldo, "E-detectors: a nonparametric framework for sequential change detection".
    """

    def __init__(self, settings: Settings, wealth: Sequence[float] | None = None) -> None:
        self._alpha = settings.observed_alpha
        self._risks = tuple(max(min(0.5, factor * self._alpha), self._alpha) for factor in settings.alarm_factors)
        self._at = settings.alarm_at
        self.wealth = list(wealth) if wealth is not None else [0.0] * len(self._risks)

    def update(self, loss: float) -> bool:
        """Take in the loss, 0..1, of one audit; tell whether it is an alarm."""
        self.wealth = [
            max(wealth, 1.0) * (loss * risk / self._alpha + (1 - loss) * (1 - risk) / (1 - self._alpha))
            for wealth, risk in zip(self.wealth, self._risks, strict=True)
        ]
        return sum(self.wealth) / len(self.wealth) >= self._at
