"""Pace: how many effects of a checkpoint may run, and how fast they may start, whoever runs them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from signoff.domain.moment import MAX_SECONDS
from signoff.errors import InvalidCheckpoint

_STEP = timedelta(seconds=60)
"""How far ahead of its spacing a pace may be before the clock must have been put back."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """
    Where a checkpoint stands within its limits; the row every worker takes before it starts a limited effect.

    Args:
        checkpoint: The checkpoint.
        free_at: When the next effect may start, by the generic cell rate algorithm.
    """

    checkpoint: str
    free_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """
    How much of a checkpoint may go on at a time, over all processes; operation, not part of its declaration.

    Args:
        concurrency: Effects that may run at the same moment, >= 1; None for any number.
        rate_per_s: Effects that may start in any second, > 0; None for any number.
    """

    concurrency: int | None = None
    rate_per_s: float | None = None

    def __bool__(self) -> bool:
        """Tell whether there is any limit."""
        return self.concurrency is not None or self.rate_per_s is not None

    @property
    def spacing(self) -> timedelta:
        """
        The time from one start to the next, rounded up so that no window holds one too many.

        Examples:
            >>> Limits(rate_per_s=3).spacing.microseconds
            333334
        """
        return timedelta(0) if self.rate_per_s is None else timedelta(microseconds=math.ceil(1e6 / self.rate_per_s))

    def wait_until(self, free_at: datetime, *, now: datetime) -> datetime | None:
        """
        Give when the next effect may start, or None for at once.

        A `free_at` far beyond the spacing was written before the clock was put back, or under a slower rate; waiting
        for it would halt the checkpoint.

        Args:
            free_at: As it is stored.
            now: The time, UTC.
        """
        if self.rate_per_s is None or free_at <= now or free_at > now + self.spacing + _STEP:
            return None
        return free_at


def limit(checkpoint: str, *, concurrency: int | None, rate_per_s: float | None) -> Limits:
    """
    Check the limits of a checkpoint.

    Args:
        checkpoint: Its name, for the message.
        concurrency: Effects at the same moment, >= 1, or None.
        rate_per_s: Effects that start in any second, > 0, or None.

    Raises:
        InvalidCheckpoint: If a value is out of range.
    """
    if concurrency is not None and (isinstance(concurrency, bool) or not isinstance(concurrency, int)):
        raise InvalidCheckpoint(
            f"checkpoint {checkpoint!r}: concurrency is {concurrency!r}, but must be a whole number"
        )
    if concurrency is not None and concurrency < 1:
        raise InvalidCheckpoint(f"checkpoint {checkpoint!r}: concurrency is {concurrency}, but must be >= 1 or None")
    if rate_per_s is not None:
        fits = isinstance(rate_per_s, int | float) and not isinstance(rate_per_s, bool)
        if not fits or not 1 / MAX_SECONDS <= rate_per_s < math.inf:
            raise InvalidCheckpoint(f"checkpoint {checkpoint!r}: rate_per_s is {rate_per_s!r}, but must be > 0 or None")
    return Limits(concurrency=concurrency, rate_per_s=None if rate_per_s is None else float(rate_per_s))
