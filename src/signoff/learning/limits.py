"""Limits: how far the ceiling may rise before automation narrows, and when it may widen again."""

from __future__ import annotations

from signoff.learning.settings import Settings


def limit(settings: Settings, automated: int) -> float:
    """
    Give the mistakes that may have slipped through before automation narrows.

    A new process has a high ceiling before it has made a mistake, so there is an allowance; later it is a share.

    Args:
        settings: The constants.
        automated: Cases, >= 0, that ran without a person and were not audited.

    Examples:
        >>> limit(Settings(alpha=0.02), 500), limit(Settings(alpha=0.02), 10_000)
        (80.0, 400.0)
    """
    return max(settings.limit_least, settings.limit_share * settings.alpha * automated)


def next_cap(*, cap: int, level: int, loosest: int, above: bool, well_below: bool, since_move: int, pause: int) -> int:
    """
    Give the loosest level that the limit leaves, for the case that is routed now.

    Args:
        cap: The one before.
        level: The level in force, -1 if closed.
        loosest: The loosest level there is.
        above: Whether the ceiling is above the limit.
        well_below: Whether it is so far below that the cap may be raised.
        since_move: Arrivals since the cap moved last.
        pause: Arrivals between two moves.

    Returns:
        The cap; -1 closes until a new cycle is signed.

    Examples:
        >>> next_cap(cap=5, level=2, loosest=5, above=True, well_below=False, since_move=300, pause=300)
        1
        >>> next_cap(cap=5, level=2, loosest=5, above=True, well_below=False, since_move=299, pause=300)
        5
    """
    if since_move < pause or level < 0:
        return cap
    if above:
        return level - 1
    return min(cap + 1, loosest) if well_below else cap
