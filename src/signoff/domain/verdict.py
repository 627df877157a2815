"""Verdict: Approved, Edited or Rejected; nothing else. Votes, where several people must agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, slots=True)
class Approved:
    """Run exactly what was shown."""


@dataclass(frozen=True, slots=True)
class Edited:
    """
    Run these arguments instead; the approval holds for them alone.

    Args:
        arguments: All arguments, as they shall run.
    """

    arguments: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rejected:
    """
    Do not run it.

    Args:
        reason: Why, in the reviewer's words; may be left out.
    """

    reason: str | None = None


Verdict = Approved | Edited | Rejected


class VerdictKind(StrEnum):
    """A verdict's kind as it is stored and sent."""

    APPROVED = "approved"
    EDITED = "edited"
    REJECTED = "rejected"


def kind_of(verdict: Verdict) -> VerdictKind:
    """Give the stored name of a verdict."""
    match verdict:
        case Approved():
            return VerdictKind.APPROVED
        case Edited():
            return VerdictKind.EDITED
        case Rejected():
            return VerdictKind.REJECTED


@dataclass(frozen=True, kw_only=True)
class VerdictRecord:
    """
    A verdict as it is kept; never overwritten, only voided, but for the reason of a rejection that is held.

    Args:
        id: Chosen by the caller, usable once.
        case_id: The case.
        revision: The revision that was on screen.
        draft_revision: The revision the drafter had written last.
        kind: Approved, edited or rejected.
        content_hash: Hash of what may run because of it; for a rejection, of what was on screen.
        reviewer: Who ruled.
        reason: Why, in the reviewer's words.
        ruled_at: When, UTC.
        seconds: How long it was on screen, where the screen said so.
        voided_at: When a recall, redraft or withdrawal took it back.
    """

    id: str
    case_id: str
    revision: int
    draft_revision: int
    kind: VerdictKind
    content_hash: str
    reviewer: str
    reason: str | None = None
    ruled_at: datetime
    seconds: float | None = None
    voided_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Vote:
    """
    One reviewer's opinion on one revision, blind to the others.

    Args:
        id: Chosen by the caller, usable once.
        case_id: The case.
        revision: The revision it counts for.
        reviewer: Who voted; one standing vote per revision.
        kind: Approved, edited or rejected.
        content_hash: What the vote would let run.
        reason: Why, in the reviewer's words.
        voted_at: When, UTC.
        voided_at: When a recall took it back.
    """

    id: str
    case_id: str
    revision: int
    reviewer: str
    kind: VerdictKind
    content_hash: str
    reason: str | None = None
    voted_at: datetime
    voided_at: datetime | None = None


class Tally(StrEnum):
    """What the votes on one revision amount to."""

    OPEN = "open"
    AGREED = "agreed"
    SPLIT = "split"


def tally(votes: Sequence[Vote], *, opinions: int) -> Tally:
    """
    Count the votes on one revision.

    Args:
        votes: Those on this revision, one per reviewer.
        opinions: How many must agree, >= 1.

    Returns:
        SPLIT as soon as two differ, AGREED with enough equal ones, else OPEN.
    """
    sides = {(vote.kind is VerdictKind.REJECTED, vote.content_hash) for vote in votes}
    if len(sides) > 1:
        return Tally.SPLIT
    return Tally.AGREED if len(votes) >= opinions else Tally.OPEN
