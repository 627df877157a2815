"""Claim: a reviewer's time-limited hold on a case. A value, not a state."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from signoff.domain.actor import Actor
from signoff.domain.case import Case
from signoff.errors import ClaimLost, NotAllowed, SignoffError


class Assigned(StrEnum):
    """Whom the cases of a queue are assigned to."""

    ME = "me"
    GROUP = "group"
    """One of the person's groups."""
    ANYONE = "anyone"
    """Nobody in particular."""


def assigned_as(case: Case, actor: Actor) -> Assigned | None:
    """Tell how a case is assigned, as the actor sees it; None if to somebody else."""
    if case.assigned_to is None:
        return Assigned.ANYONE
    if case.assigned_to == actor.id:
        return Assigned.ME
    return Assigned.GROUP if case.assigned_to in actor.addresses else None


def held_by(case: Case, *, now: datetime) -> str | None:
    """Give who holds a live claim on the case, if anybody."""
    if case.claimed_by is None or case.claim_expires_at is None or case.claim_expires_at <= now:
        return None
    return case.claimed_by


def offered_to(case: Case, actor: Actor, *, now: datetime) -> bool:
    """Tell whether the queue offers this case to the actor now."""
    holder = held_by(case, now=now)
    return (
        case.proposer != actor.id
        and (case.snoozed_until is None or case.snoozed_until <= now)
        and (case.assigned_to is None or case.assigned_to in actor.addresses)
        and (holder is None or holder == actor.id)
    )


def require_open_to(case: Case, actor: Actor, *, now: datetime) -> None:
    """
    Refuse a person who may not answer this case.

    Raises:
        ClaimLost: If somebody else holds it, or the actor's own claim has expired.
        NotAllowed: If it is assigned to somebody else.
    """
    problem = obstacle(case, actor, now=now)
    if problem is not None:
        raise problem


def obstacle(case: Case, actor: Actor, *, now: datetime) -> SignoffError | None:
    """Say what keeps a person from answering this case, if anything does."""
    if case.assigned_to is not None and case.assigned_to not in actor.addresses:
        return NotAllowed(
            f"case {case.id} is assigned to {case.assigned_to}; ask for a hand-over",
            case_id=case.id,
            assigned_to=case.assigned_to,
        )
    if case.claimed_by is None or case.claim_expires_at is None:
        return None
    until = f"{case.claim_expires_at:%H:%M:%S} UTC"
    if case.claimed_by == actor.id and case.claim_expires_at <= now:
        return ClaimLost(
            f"your claim on case {case.id} expired at {until}; claim it again and look once more before you answer",
            case_id=case.id,
            claimed_by=None,
        )
    if case.claimed_by != actor.id and case.claim_expires_at > now:
        return ClaimLost(
            f"case {case.id} is claimed by {case.claimed_by} until {until}; take another one",
            case_id=case.id,
            claimed_by=case.claimed_by,
        )
    return None
