"""Moment: a later time, within what a calendar and a database can hold."""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from signoff.errors import InvalidInput

MAX_SECONDS = 1e9
"""About thirty years; whatever is longer is a mistake in the unit."""


def later(now: datetime, seconds: float, *, what: str) -> datetime:
    """
    Give the time so many seconds from now.

    Args:
        now: Aware, in UTC.
        seconds: > 0, at most thirty years.
        what: What to call the seconds in an error.

    Raises:
        InvalidInput: If the seconds are out of that range.
    """
    if not (math.isfinite(seconds) and 0 < seconds <= MAX_SECONDS):
        raise InvalidInput(f"{what} is {seconds}, but must be a number of seconds above 0, at most {MAX_SECONDS:.0e}")
    return now + timedelta(seconds=seconds)
