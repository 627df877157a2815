"""Entry: one line of the ledger, written in the same transaction as the act it tells of."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from signoff.domain.actor import Actor, ActorKind
from signoff.domain.case import Case, Move, State


class EntryKind(StrEnum):
    """What an entry tells of."""

    MOVE = "move"
    CLAIM = "claim"
    VOTE = "vote"
    VERDICT = "verdict"
    HANDOVER = "handover"
    AUDIT = "audit"
    EFFECT = "effect"
    HALT = "halt"
    DELEGATION = "delegation"
    POLICY = "policy"
    ACCOUNT = "account"
    AUTOMATION = "automation"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """
    One act, who did it, and what it led to. Ids, names of rules and numbers; never content.

    Args:
        seq: Given by the store, rising.
        at: When, UTC.
        kind: What it tells of.
        act: The move, or what else was done.
        case_id: The case, where it is about one.
        checkpoint: The checkpoint, where it is about one.
        revision: The revision it was about.
        from_state: Before the move.
        to_state: After it.
        actor: Who did it.
        actor_kind: What they are.
        content_hash: What was bound by it.
        facts: Numbers and ids that belong to the act.
    """

    seq: int = 0
    at: datetime
    kind: EntryKind
    act: str
    case_id: str | None = None
    checkpoint: str | None = None
    revision: int | None = None
    from_state: State | None = None
    to_state: State | None = None
    actor: str
    actor_kind: ActorKind
    content_hash: str | None = None
    facts: dict[str, Any] = field(default_factory=dict)


def move_entry(before: Case | None, after: Case, move: Move, *, by: Actor, now: datetime, **facts: Any) -> Entry:
    """Tell of one move of one case."""
    return Entry(
        at=now,
        kind=EntryKind.MOVE,
        act=move.value,
        case_id=after.id,
        checkpoint=after.checkpoint,
        revision=after.revision,
        from_state=before.state if before else None,
        to_state=after.state,
        actor=by.id,
        actor_kind=by.kind,
        content_hash=after.content_hash,
        facts=facts,
    )


def act_entry(case: Case, kind: EntryKind, act: str, *, by: Actor, now: datetime, **facts: Any) -> Entry:
    """Tell of an act on a case that is no move: a claim, a vote, a hand-over, an audit."""
    return Entry(
        at=now,
        kind=kind,
        act=act,
        case_id=case.id,
        checkpoint=case.checkpoint,
        revision=case.revision,
        actor=by.id,
        actor_kind=by.kind,
        content_hash=case.content_hash,
        facts=facts,
    )
