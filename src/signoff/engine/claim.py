"""Claim: take cases for a while, give them back, pass them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from signoff.domain.actor import Actor, Role
from signoff.domain.case import Case, State
from signoff.domain.claim import held_by, offered_to, require_open_to
from signoff.domain.entry import EntryKind, act_entry
from signoff.domain.moment import later
from signoff.domain.presence import Presence
from signoff.domain.verdict import Vote
from signoff.domain.webhook import DELIVERY_CHECKPOINT
from signoff.engine.case import closed, load, remark, require_person, unclaimed, write
from signoff.errors import InvalidInput, PersonAway
from signoff.ports import Reading, Transaction

MOST_CLAIMS = 1000
"""Cases that one claim may take."""


def claim(
    tx: Transaction,
    by: Actor,
    *,
    now: datetime,
    hold_s: float,
    limit: int,
    checkpoint: str | None = None,
) -> list[Case]:
    """
    Take the oldest cases that are offered to a person, for a limited time.

    Args:
        tx: A transaction.
        by: A reviewer.
        now: The time, UTC.
        hold_s: Seconds, > 0, until the claims lapse.
        limit: How many at most, 1..1000.
        checkpoint: Only cases of this checkpoint.

    Returns:
        The claimed cases, oldest first; those the person holds already are renewed and come too.
    """
    by.require(Role.REVIEWER, Role.LEAD, to="claim cases")
    if not 1 <= limit <= MOST_CLAIMS:
        raise InvalidInput(f"a claim takes 1 to {MOST_CLAIMS} cases at a time, not {limit}")
    found = tx.queue(by, now=now, checkpoint=checkpoint, limit=limit)
    return [_claim_one(tx, case, by, now=now, hold_s=hold_s) for case in found]


def claim_these(tx: Transaction, case_ids: Sequence[str], by: Actor, *, now: datetime, hold_s: float) -> list[Case]:
    """
    Take those of some cases that are offered to a person, for a limited time, and leave out the others.

    Args:
        tx: A transaction.
        case_ids: Which; one that is named twice counts once.
        by: A reviewer.
        now: The time, UTC.
        hold_s: Seconds, > 0, until the claims lapse.

    Returns:
        The claimed cases in the order they were named; those the person holds already are renewed and come too.
    """
    by.require(Role.REVIEWER, Role.LEAD, to="claim cases")
    wanted = list(dict.fromkeys(case_ids))
    if len(wanted) > MOST_CLAIMS:
        raise InvalidInput(f"a claim takes 1 to {MOST_CLAIMS} cases at a time, not {len(wanted)}")
    taken: dict[str, Case] = {}
    # In one order, whoever asks, so that no two wait for each other.
    for case_id in sorted(wanted):
        case = tx.get(Case, case_id)
        if case is not None and _is_offered(tx, case, by, now=now):
            taken[case_id] = _claim_one(tx, case, by, now=now, hold_s=hold_s)
    return [taken[case_id] for case_id in wanted if case_id in taken]


def _is_offered(tx: Reading, case: Case, by: Actor, *, now: datetime) -> bool:
    return (
        case.state is State.WAITING
        and case.checkpoint != DELIVERY_CHECKPOINT
        and (case.deadline_at is None or case.deadline_at > now)
        and offered_to(case, by, now=now)
        and not tx.find(Vote, case_id=case.id, revision=case.revision, reviewer=by.id, voided_at=None)
    )


def claim_case(tx: Transaction, case_id: str, by: Actor, *, now: datetime, hold_s: float) -> Case:
    """
    Take one case, for a limited time.

    Raises:
        CaseClosed: If it does not wait for a person.
        ClaimLost: If somebody else holds it.
        NotAllowed: If it is assigned to somebody else, or the person proposed it.
    """
    case = load(tx, case_id)
    require_person(by, case, to="claim it")
    if case.state is not State.WAITING:
        raise closed(tx, case, "be claimed")
    if held_by(case, now=now) != by.id:
        require_open_to(replace(case, claimed_by=None) if case.claimed_by == by.id else case, by, now=now)
    return _claim_one(tx, case, by, now=now, hold_s=hold_s)


def _claim_one(tx: Transaction, case: Case, by: Actor, *, now: datetime, hold_s: float) -> Case:
    renewed = held_by(case, now=now) == by.id
    change: dict[str, Any] = {"claim_expires_at": later(now, hold_s, what="the time to hold a claim, hold_s,")}
    if renewed:
        return write(tx, case, change)
    change |= {"claimed_by": by.id, "fence": case.fence + 1, "snoozed_until": None}
    entry = act_entry(case, EntryKind.CLAIM, "claim", by=by, now=now, fence=case.fence + 1, hold_s=hold_s)
    return write(tx, case, change, entry)


def renew(
    tx: Transaction, case_ids: Sequence[str], by: Actor, *, now: datetime, hold_s: float
) -> tuple[list[Case], list[str]]:
    """
    Hold claimed cases for longer.

    Args:
        tx: A transaction.
        case_ids: Cases the person has claimed.
        by: A reviewer.
        now: The time, UTC.
        hold_s: Seconds, > 0, from now.

    Returns:
        The cases that are held, and the ids of those whose claim is gone: lapsed, taken by somebody else, or answered.
    """
    kept: list[Case] = []
    gone: list[str] = []
    for case_id in sorted(set(case_ids)):
        case = tx.get(Case, case_id)
        if case is None or case.state is not State.WAITING or held_by(case, now=now) != by.id:
            gone.append(case_id)
        else:
            kept.append(_claim_one(tx, case, by, now=now, hold_s=hold_s))
    return kept, gone


def release(tx: Transaction, case_id: str, by: Actor, *, now: datetime) -> Case:
    """Give a claim back early; without a live claim of that person it changes nothing."""
    case = load(tx, case_id)
    if held_by(case, now=now) != by.id:
        return case
    return write(tx, case, unclaimed(case), act_entry(case, EntryKind.CLAIM, "release", by=by, now=now))


def snooze(tx: Transaction, case_id: str, by: Actor, *, for_s: float, now: datetime) -> Case:
    """
    Offer a waiting case to nobody for so many seconds, and give the claim back.

    Raises:
        CaseClosed: If it does not wait for a person.
        InvalidInput: If the seconds are not above 0.
    """
    case = load(tx, case_id)
    require_person(by, case, to="snooze it")
    if case.state is not State.WAITING:
        raise closed(tx, case, "be snoozed")
    require_open_to(case, by, now=now)
    until = later(now, for_s, what="the time to snooze, for_s,")
    entry = act_entry(case, EntryKind.CLAIM, "snooze", by=by, now=now, until=until.isoformat())
    return write(tx, case, unclaimed(case) | {"snoozed_until": until}, entry)


def hand_over(tx: Transaction, case_id: str, by: Actor, *, to: str, now: datetime, note: str | None = None) -> Case:
    """
    Pass a waiting case on to a person or, as `group:NAME`, to a group.

    A lead may pass on any case; a reviewer one that is not somebody else's.

    Raises:
        CaseClosed: If it does not wait for a person.
        InvalidInput: If the name is empty.
        PersonAway: If that person is away.
    """
    case = load(tx, case_id)
    if Role.LEAD not in by.roles:
        require_person(by, case, to="hand it over")
        require_open_to(case, by, now=now)
    else:
        by.require(Role.LEAD, to="hand it over")
    if case.state is not State.WAITING:
        raise closed(tx, case, "be handed over")
    to = to.strip()
    if not to or to == "group:" or len(to) > 200:
        raise InvalidInput("a hand-over needs a name of 1 to 200 characters: a person's id, or group:NAME")
    _require_not_away(tx, case, to)
    remark(tx, case, by, "hand_over", note, now=now)
    entry = act_entry(case, EntryKind.HANDOVER, "hand_over", by=by, now=now, to=to)
    return write(tx, case, unclaimed(case) | {"assigned_to": to, "snoozed_until": None}, entry)


def _require_not_away(tx: Reading, case: Case, to: str) -> None:
    found = tx.get(Presence, to)
    if found is not None and found.away_since is not None:
        raise PersonAway(
            f"{to} has been away since {found.away_since:%Y-%m-%d %H:%M} UTC, so case {case.id} was not handed over; "
            "choose somebody who is here, or a group",
            case_id=case.id,
            person=to,
            away_since=found.away_since.isoformat(),
        )
