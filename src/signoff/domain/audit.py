"""Audit: an automated case drawn by a recorded coin and judged by a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Finding(StrEnum):
    """What an audit found; wrong is an incident."""

    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, kw_only=True)
class Audit:
    """
    One drawn case.

    Args:
        case_id: The case; audited at most once.
        checkpoint: Its checkpoint.
        drawn_at: When the coin drew it, UTC.
        coin: The draw, 0..1.
        share: Probability, 0..1, with which it was drawn.
        finding: What the person found; None while nobody has looked.
        severity: How bad, 0..1; 0 for right.
        judged_by: Who looked.
        judged_at: When, UTC.
    """

    case_id: str
    checkpoint: str
    drawn_at: datetime
    coin: float
    share: float
    finding: Finding | None = None
    severity: float | None = None
    judged_by: str | None = None
    judged_at: datetime | None = None
