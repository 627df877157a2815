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
    """Nobody in particular, or by now everybody, since the deadline is near."""


LEADS = "group:lead"
"""Whom a case is assigned to whose reviewers disagree."""

QUARTER = 4
"""The last of so many parts of a case's time is when its deadline is near."""


def is_near(case: Case, *, now: datetime) -> bool:
    """
    Tell whether the deadline of a case is near: three quarters of the time from its proposal are over.

    Examples:
        >>> from datetime import UTC, timedelta
        >>> from signoff.domain.case import State
        >>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
        >>> case = Case(id="c", checkpoint="x", version=1, state=State.WAITING, content_hash="", proposer="app",
        ...             created_at=noon, deadline_at=noon + timedelta(hours=4))
        >>> [is_near(case, now=noon + timedelta(minutes=m)) for m in (179, 180)]
        [False, True]
    """
    return case.deadline_at is not None and QUARTER * (case.deadline_at - now) <= case.deadline_at - case.created_at


def passes_on(case: Case, *, now: datetime) -> bool:
    """
    Tell whether an assigned case is everybody's by now, because its deadline is near.

    What only a lead may settle stays with the leads.
    """
    return case.assigned_to is not None and case.assigned_to != LEADS and is_near(case, now=now)


def assigned_as(case: Case, actor: Actor, *, now: datetime) -> Assigned | None:
    """Tell how a case is assigned, as the actor sees it; None if to somebody else."""
    if case.assigned_to is None:
        return Assigned.ANYONE
    if case.assigned_to == actor.id:
        return Assigned.ME
    if case.assigned_to in actor.addresses:
        return Assigned.GROUP
    return Assigned.ANYONE if passes_on(case, now=now) else None


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
        and assigned_as(case, actor, now=now) is not None
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
    if assigned_as(case, actor, now=now) is None:
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
