"""Automation: how many cases a checkpoint has decided by itself, if only on paper, and what it knew then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Arrivals:
    """
    The cases of one checkpoint that a decision is on record for; the row every such write takes first.

    Args:
        checkpoint: The checkpoint.
        count: How many; their numbers are 0 .. count - 1, without a gap.
        newest: The id of the last of them; empty before the first.
    """

    checkpoint: str
    count: int = 0
    newest: str = ""


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """
    What the automation of one checkpoint had made of the ledger at some moment, so that a restart need not read all.

    It can be left out: the ledger gives the same, only later.

    Args:
        checkpoint: The checkpoint.
        count: The arrivals that are in it.
        seq: The last entry about a settled case that is in it.
        state: All of it.
        taken_at: When, UTC.
    """

    checkpoint: str
    count: int
    seq: int
    state: dict[str, Any]
    taken_at: datetime
