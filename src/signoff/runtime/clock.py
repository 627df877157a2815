"""The clock on the wall."""

from __future__ import annotations

from datetime import UTC, datetime


class SystemClock:
    """The time of this machine, in UTC; implements `ports.Clock`."""

    def now(self) -> datetime:
        """Give the time."""
        return datetime.now(UTC)
