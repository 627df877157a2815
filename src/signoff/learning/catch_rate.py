"""Catch rate: how many of the wrong cases reviewers find at least, measured on planted ones."""

from __future__ import annotations

import math

from signoff.learning.betting import SEVEN_BETS, review_cap


def catch_rate(*, missed: int, shown: int, delta: float = 0.05) -> float:
    """
    Bound from below the share of planted errors that reviewers find; holds at all times, however often one looks.

    Args:
        missed: Planted errors, 0..shown, that were let pass.
        shown: Planted errors, >= 0, that were judged.
        delta: Chance, above 0 and below 1, that the bound is ever above the average catch rate.

    Returns:
        A share, 0..1: 0 while nothing was shown.

    Raises:
        ValueError: If a number is outside its range.

    Source:
        The bets of the gate, on "more than a share a is missed"; the smallest a that the evidence refutes at 1/delta.

    Examples:
        >>> [round(catch_rate(missed=missed, shown=shown), 4) for missed, shown in ((0, 100), (5, 100), (10, 200))]
        [0.9595, 0.865, 0.8937]
    """
    if not 0 <= missed <= shown:
        raise ValueError(f"{missed} of {shown} planted errors were missed; it cannot be fewer than 0, or more than all")
    if not 0 < delta < 1:
        raise ValueError(f"delta is {delta}; give a chance above 0 and below 1")
    low, high = 0.0, 1.0
    for _ in range(60):
        share = (low + high) / 2
        if share <= 0 or share >= 1:
            break
        caught, let_pass = (SEVEN_BETS.factors(loss, alpha=share, cap=review_cap(share)) for loss in (0.0, 1.0))
        refuted = SEVEN_BETS.log_evidence((shown - missed) * caught + missed * let_pass) >= -math.log(delta)
        low, high = (low, share) if refuted else (share, high)
    return 1 - high
