"""Pace: how fast the effects of a checkpoint may start, whoever runs them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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
