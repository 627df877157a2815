"""Betting evidence: what the verdicts so far say against "the average risk is at least alpha"."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # numpy takes a moment to import, so each function below imports it where it is needed.
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Units = npt.NDArray[np.int64]

UNIT = 2.0**-36
"""
Step in which logarithms are added up, as whole numbers.

Whole numbers add up to the same sum in any order, and a corrected verdict can be taken out again without a trace. Each
factor is rounded to the careful side, by less than 2e-11; there is room for 19 million wrong verdicts.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bets:
    """
    Several bets of constant size at once, and the share of the stake that goes on each.

    Nobody knows beforehand which size pays best. The mixture needs no luck: it is at most ln(1/weight) behind the best
    of them, and stays fair whatever the verdicts are.

    Args:
        fractions: Each bet as a fraction, above 0 and below 1, of the largest that cannot go bankrupt.
        weights: Share of the stake on each, above 0, in sum 1.

    Raises:
        ValueError: If a fraction or a weight is outside its range, or they are not equally many.

    Examples:
        >>> Bets.even(0.3, 0.6).weights
        (0.5, 0.5)
    """

    fractions: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.fractions or len(self.fractions) != len(self.weights):
            raise ValueError(
                f"{len(self.fractions)} bets have {len(self.weights)} weights; give at least one bet, and a weight each"
            )
        if not all(0 < fraction < 1 for fraction in self.fractions):
            raise ValueError(f"bets are {self.fractions}; each is a fraction above 0 and below 1")
        if not all(weight > 0 for weight in self.weights) or abs(math.fsum(self.weights) - 1) > 1e-9:
            raise ValueError(f"the weights of the bets are {self.weights}; each is above 0, and their sum is 1")

    @classmethod
    def even(cls, *fractions: float) -> Bets:
        """Make bets that share the stake evenly."""
        return cls(fractions=fractions, weights=(1 / max(len(fractions), 1),) * len(fractions))

    def factors(self, observed: float, *, alpha: float, cap: float, weight: float = 1.0) -> Units:
        """
        Give what one case adds to the logarithm of each bet.

        Args:
            observed: The loss, 0..1, divided by the chance that a person judged the case; 0 if nobody judged it.
            alpha: Risk, 0..1, against which is bet.
            cap: Largest stake per unit that cannot go bankrupt; constant for as long as evidence is collected.
            weight: Weight, 0..1, of the case in the average, fixed before its verdict.

        Returns:
            ln(1 + fraction · cap · weight · (alpha - observed)), in `UNIT`, rounded down, shape (bets,).
        """
        import numpy as np

        stakes = np.asarray(self.fractions) * (cap * weight * (alpha - observed))
        return np.floor(np.log1p(stakes) / UNIT).astype(np.int64)

    def log_evidence(self, sums: Units | Floats) -> Floats:
        """
        Give the logarithm of the evidence of the mixture.

        Args:
            sums: Sums of `factors`, shape (..., bets).

        Returns:
            ln Σ weight · exp(sum), shape (...).
        """
        import numpy as np

        logs = sums * UNIT + _logs(self.weights)
        most = logs.max(axis=-1, keepdims=True)
        found: Floats = most[..., 0] + np.log(np.exp(logs - most).sum(axis=-1))
        return found


@lru_cache(maxsize=64)
def _logs(weights: tuple[float, ...]) -> Floats:
    import numpy as np

    return np.log(weights)


SEVEN_BETS = Bets.even(0.15, 0.3, 0.45, 0.6, 0.75, 0.88, 0.97)
"""Bets for when nothing is known about how far below alpha the risk will be."""


def review_cap(alpha: float) -> float:
    """Give the largest stake on cases that are surely judged: a loss of 1 leaves 1 - fraction of it."""
    return 1 / (1 - alpha)


def deployed_cap(alpha: float, least_share: float) -> float:
    """Give the largest stake on cases that are judged with a chance of at least `least_share`."""
    return 1 / (1 / least_share - alpha)


def clean_labels(
    alpha: float,
    threshold: float = 10.0,
    *,
    bets: Bets = SEVEN_BETS,
    cap: float | None = None,
    start: Units | None = None,
) -> int:
    """
    Tell how many cases without a mistake, one after the other, bring the evidence to a threshold: its price.

    Args:
        alpha: Risk, above 0 and below 1, against which is bet.
        threshold: Evidence, above 0, that is needed.
        bets: How the stake is spread.
        cap: Largest stake; None for cases that are surely judged, see `review_cap` and `deployed_cap`.
        start: Sums reached already, shape (bets,); None for none.

    Raises:
        ValueError: If alpha or the threshold is outside its range.

    Examples:
        >>> [clean_labels(alpha) for alpha in (0.01, 0.02, 0.05)]
        [327, 163, 64]
    """
    if not (0 < alpha < 1 and threshold > 0):
        raise ValueError(f"alpha is {alpha} and the threshold {threshold}; alpha is between 0 and 1, the other above 0")
    step = bets.factors(0.0, alpha=alpha, cap=review_cap(alpha) if cap is None else cap)
    sums = 0 * step if start is None else start
    needed = math.log(threshold)

    def reached(cases: int) -> bool:
        return float(bets.log_evidence(sums + cases * step)) >= needed

    if reached(0):
        return 0
    most = 1
    while not reached(most):
        most *= 2
    least = most // 2
    # Each clean case raises each bet, so the first number that is enough can be found by halving.
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (least, middle) if reached(middle) else (middle, most)
    return most
