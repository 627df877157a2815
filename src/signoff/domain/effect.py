"""Effect: the one act outside. What an ended attempt means, for each delivery, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from signoff.domain.case import Move
from signoff.domain.checkpoint import Delivery


class Ending(StrEnum):
    """How an attempt ended."""

    RETURNED = "returned"
    REFUSED = "refused"
    """The handler said that nothing happened and that trying again is no use."""
    FAILED = "failed"
    """The handler said that nothing happened and that another try may help."""
    RAISED = "raised"
    """Any other exception: it may have happened."""
    IN_DOUBT = "in_doubt"
    """The handler, or the check, said that it cannot tell."""
    TIMED_OUT = "timed_out"
    CRASHED = "crashed"
    """The lease ran out without a word."""


_RETRIED = {Ending.RAISED: Move.RETRY, Ending.TIMED_OUT: Move.RETRY, Ending.CRASHED: Move.RETRY}
_LOST = {Ending.RAISED: Move.LOSE_TRACK, Ending.TIMED_OUT: Move.LOSE_TRACK, Ending.CRASHED: Move.LOSE_TRACK}
_ALWAYS = {
    Ending.RETURNED: Move.FINISH,
    Ending.REFUSED: Move.GIVE_UP,
    Ending.FAILED: Move.RETRY,
    Ending.IN_DOUBT: Move.LOSE_TRACK,
}

AFTER: dict[Delivery, dict[Ending, Move]] = {
    Delivery.IDEMPOTENT: _ALWAYS | _RETRIED,
    # A retried attempt of a checkable effect asks the check first; see engine.execute.
    Delivery.CHECKABLE: _ALWAYS | _RETRIED,
    Delivery.AT_MOST_ONCE: _ALWAYS | _LOST,
}


def after(delivery: Delivery, ending: Ending, *, tries: int, max_tries: int) -> Move:
    """
    Decide what an ended attempt means for its case.

    Args:
        delivery: What the checkpoint declared.
        ending: How the attempt ended.
        tries: Attempts so far, this one included.
        max_tries: Attempts allowed.

    Returns:
        The move. Out of tries, an effect that certainly did not happen fails; one that may have happened is
        unknown, whatever the delivery.

    Examples:
        >>> after(Delivery.AT_MOST_ONCE, Ending.CRASHED, tries=1, max_tries=5).value
        'lose_track'
        >>> after(Delivery.IDEMPOTENT, Ending.CRASHED, tries=1, max_tries=5).value
        'retry'
    """
    move = AFTER[delivery][ending]
    if move is Move.RETRY and tries >= max_tries:
        return Move.GIVE_UP if ending is Ending.FAILED else Move.LOSE_TRACK
    return move


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """
    One run of a case's effect; the row that holds its receipt.

    Args:
        case_id: The case.
        attempt: 1, 2, …; the fencing number of the run.
        generation: Which "send" it belongs to.
        key: The idempotency key handed to the handler.
        worker: Who ran it.
        started_at: When, UTC.
        lease_until: When it is taken for crashed.
        finished_at: When it ended.
        ending: How it ended.
        receipt: What the handler returned, as `{"value": JSON}`.
        problem: What went wrong, in short.
    """

    case_id: str
    attempt: int
    generation: int
    key: str
    worker: str
    started_at: datetime
    lease_until: datetime
    finished_at: datetime | None = None
    ending: Ending | None = None
    receipt: dict[str, Any] | None = None
    problem: str | None = None
