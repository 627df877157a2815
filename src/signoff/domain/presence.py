"""Presence: whether a person is at the desk, so that nobody's absence holds a case."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

HERE_S = 150.0
"""Seconds after which somebody who shows no sign is not at the desk; two signs may go missing."""


@dataclass(frozen=True, kw_only=True)
class Presence:
    """
    When a person was last seen at the desk, and whether they said that they are away.

    Args:
        person: Who.
        seen_at: When their screen last gave a sign, UTC.
        away_since: When they said so, UTC; None while they are not away.
    """

    person: str
    seen_at: datetime | None = None
    away_since: datetime | None = None


def is_here(presence: Presence | None, *, now: datetime) -> bool:
    """Tell whether a person is at the desk: seen a moment ago, and not away."""
    if presence is None or presence.seen_at is None or presence.away_since is not None:
        return False
    return now - presence.seen_at <= timedelta(seconds=HERE_S)
