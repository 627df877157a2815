"""What people do without a proof: policies to put beside the gate; all but the first audit a tenth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from signoff.domain.policy import Route

AUDIT = 0.1
_WARM_UP = 500
_EVERY = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """Where a case goes; what `run` reads of a `Decision`."""

    number: int
    p_err: float
    route: Route
    audit_share: float

    @property
    def judged(self) -> bool:
        """Whether a person judges it."""
        return self.route is not Route.AUTOMATE


class Threshold:
    """Lets through whatever is predicted to be wrong with a chance of at most `line`; below 0 nothing is."""

    def __init__(self, line: float) -> None:
        self.line = line
        self.arrivals = 0

    def decide(self, p_err: float, coin: float) -> Routed:
        """Say where the next case goes."""
        through = p_err <= self.line
        route = Route.REVIEW if not through else Route.AUDIT if coin < AUDIT else Route.AUTOMATE
        return Routed(number=self.arrivals, p_err=p_err, route=route, audit_share=AUDIT if through else 1.0)

    def enter(self, decision: Routed) -> None:
        """Count it."""
        self.arrivals += 1

    def settle(self, number: int, loss: float) -> bool:
        """Learn nothing from it."""
        return True


class Tuned(Threshold):
    """
    Sets its line so that past verdicts look good enough.

    Args:
        alpha: Share of wrong ones it aims at.
        proven: True to ask for a 90 % Clopper-Pearson bound, every 500 arrivals anew; False for the plain share, every
            100 arrivals.
    """

    def __init__(self, alpha: float, *, proven: bool) -> None:
        super().__init__(-1.0)
        self._alpha = alpha
        self._proven = proven
        self._every = _EVERY if proven else 100
        self._risks: dict[int, float] = {}
        self._judged: list[tuple[float, float]] = []

    def enter(self, decision: Routed) -> None:
        """Count it, and set the line anew now and then."""
        self.arrivals += 1
        if decision.judged:
            self._risks[decision.number] = decision.p_err
        if self.arrivals >= _WARM_UP and self.arrivals % self._every == 0:
            self.line = self._line()

    def settle(self, number: int, loss: float) -> bool:
        """Remember the verdict with the risk that was predicted."""
        self._judged.append((self._risks.pop(number), loss))
        return True

    def _line(self) -> float:
        risks, losses = np.array(sorted(self._judged)).T
        count, wrong = np.arange(1, len(risks) + 1), losses.cumsum()
        share = beta.ppf(0.9, wrong + 1, np.maximum(count - wrong, 1e-9)) if self._proven else wrong / count
        good = np.flatnonzero((share <= self._alpha) & (risks < 1))
        return float(risks[good[-1]]) if len(good) else -1.0


class Oracle(Threshold):
    """Reviews exactly the wrong ones; `see` tells it which these are."""

    def __init__(self) -> None:
        super().__init__(0.0)
        self._wrong: list[bool] = []

    def see(self, wrong: np.ndarray) -> None:
        """Hear what nobody else can know."""
        self._wrong = wrong.tolist()

    def decide(self, p_err: float, coin: float) -> Routed:
        """Say where the next case goes."""
        wrong = self._wrong.pop(0)
        return Routed(
            number=self.arrivals, p_err=p_err, route=Route.REVIEW if wrong else Route.AUTOMATE, audit_share=1.0
        )
