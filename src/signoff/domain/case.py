"""Case: one proposal on its way through one checkpoint. One table says which move leads where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from signoff.errors import CaseClosed


class State(StrEnum):
    """Where a case stands."""

    WAITING = "waiting"
    HELD = "held"
    CLEARED = "cleared"
    RUNNING = "running"
    UNKNOWN = "unknown"
    DONE = "done"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    FAILED = "failed"
    REVERSED = "reversed"


class Move(StrEnum):
    """What can happen to a case."""

    PROPOSE = "propose"
    ROUTE = "route"
    RULE = "rule"
    RECALL = "recall"
    CLEAR = "clear"
    REJECT = "reject"
    REDRAFT = "redraft"
    WITHDRAW = "withdraw"
    EXPIRE = "expire"
    HALT = "halt"
    START = "start"
    FINISH = "finish"
    RETRY = "retry"
    GIVE_UP = "give_up"
    LOSE_TRACK = "lose_track"
    CONFIRM_DONE = "confirm_done"
    SEND_AGAIN = "send_again"
    CONFIRM_FAILED = "confirm_failed"
    REVERSE = "reverse"


TABLE: dict[tuple[State | None, Move], State] = {
    (None, Move.PROPOSE): State.WAITING,
    (State.WAITING, Move.ROUTE): State.HELD,
    (State.WAITING, Move.RULE): State.HELD,
    (State.WAITING, Move.REDRAFT): State.WAITING,
    (State.WAITING, Move.WITHDRAW): State.WITHDRAWN,
    (State.WAITING, Move.EXPIRE): State.EXPIRED,
    (State.HELD, Move.RECALL): State.WAITING,
    (State.HELD, Move.CLEAR): State.CLEARED,
    (State.HELD, Move.REJECT): State.REJECTED,
    (State.HELD, Move.WITHDRAW): State.WITHDRAWN,
    (State.HELD, Move.REDRAFT): State.WAITING,
    (State.HELD, Move.HALT): State.WAITING,
    (State.CLEARED, Move.START): State.RUNNING,
    (State.CLEARED, Move.WITHDRAW): State.WITHDRAWN,
    (State.CLEARED, Move.REDRAFT): State.WAITING,
    (State.CLEARED, Move.HALT): State.WAITING,
    (State.CLEARED, Move.LOSE_TRACK): State.UNKNOWN,
    (State.RUNNING, Move.FINISH): State.DONE,
    (State.RUNNING, Move.RETRY): State.CLEARED,
    (State.RUNNING, Move.GIVE_UP): State.FAILED,
    (State.RUNNING, Move.LOSE_TRACK): State.UNKNOWN,
    (State.UNKNOWN, Move.CONFIRM_DONE): State.DONE,
    (State.UNKNOWN, Move.SEND_AGAIN): State.CLEARED,
    (State.UNKNOWN, Move.CONFIRM_FAILED): State.FAILED,
    (State.DONE, Move.REVERSE): State.REVERSED,
}

FINAL = frozenset({State.REJECTED, State.EXPIRED, State.WITHDRAWN, State.FAILED, State.REVERSED})
"""States no move leaves."""

ANSWERED = FINAL | {State.DONE, State.UNKNOWN}
"""States in which nothing more happens by itself, so a caller need not wait on."""


class ClearedBy(StrEnum):
    """Whose word a case runs on."""

    PERSON = "person"
    POLICY = "policy"


@dataclass(frozen=True, kw_only=True)
class Case:
    """
    The narrow, often-changed part of one case.

    Args:
        id: UUIDv7, so ids sort by time of proposal.
        checkpoint: Name of the checkpoint.
        version: Version of the checkpoint it was proposed with.
        state: Where it stands.
        revision: Which content is current.
        draft_revision: The newest revision written by the proposer or drafter.
        content_hash: Hash of the current content; a verdict is bound to it.
        proposer: Who proposed it.
        key: The proposer's idempotency key, unique per checkpoint and proposer.
        created_at: When it was proposed, UTC.
        due_at: When its state changes by itself or may be acted on: a waiting case expires, a held one settles,
            a cleared one may run, a running one's lease ends.
        deadline_at: When it expires if it is still waiting.
        snoozed_until: Not offered before.
        assigned_to: A person's id or `group:NAME`; None for anybody.
        opinions: Different reviewers who must still agree in all.
        claimed_by: Who holds the claim.
        claim_expires_at: When the claim lapses.
        fence: Raised by each claim and verdict, so a late answer is recognised.
        verdict_id: The verdict that stands.
        cleared_by: Whose word it runs on.
        generation: Raised only when a person says "send again"; part of the idempotency key.
        attempt: Number of the newest attempt; the worker's fencing number.
        tries: Attempts in this generation.
        reverses: The done case that this one undoes.
        title: One line to know it by in a list, made once when it was proposed; never what the label argument says.
    """

    id: str
    checkpoint: str
    version: int
    state: State
    revision: int = 1
    draft_revision: int = 1
    content_hash: str
    proposer: str
    key: str | None = None
    created_at: datetime
    due_at: datetime | None = None
    deadline_at: datetime | None = None
    snoozed_until: datetime | None = None
    assigned_to: str | None = None
    opinions: int = 1
    claimed_by: str | None = None
    claim_expires_at: datetime | None = None
    fence: int = 0
    verdict_id: str | None = None
    cleared_by: ClearedBy | None = None
    generation: int = 1
    attempt: int = 0
    tries: int = 0
    reverses: str | None = None
    title: str = ""

    def but(self, **change: Any) -> Case:
        """
        Give the same case with other values; `dataclasses.replace`, several times as fast.

        Args:
            change: Fields with their new values.
        """
        other = object.__new__(Case)
        other.__dict__.update(self.__dict__, **change)
        return other

    @property
    def idempotency_key(self) -> str:
        """The stable key of its effect: the same for every retry, another one only after "send again"."""
        return f"{self.id}.{self.generation}"


def advance(state: State | None, move: Move) -> State:
    """
    Give the state a move leads to.

    Raises:
        CaseClosed: If the state has no such move.

    Examples:
        >>> advance(State.WAITING, Move.RULE).value
        'held'
        >>> advance(State.DONE, Move.RULE)
        Traceback (most recent call last):
        ...
        signoff.errors.CaseClosed: a case that is done has no move "rule"; it can: reverse
    """
    to = TABLE.get((state, move))
    if to is None:
        can = ", ".join(m.value for m in moves_from(state)) or "nothing, it is final"
        raise CaseClosed(
            f'a case that is {state.value if state else "new"} has no move "{move.value}"; it can: {can}',
            state=state and state.value,
            move=move.value,
        )
    return to


def moves_from(state: State | None) -> tuple[Move, ...]:
    """List the moves a state has, in the table's order."""
    return tuple(move for (start, move) in TABLE if start is state)
