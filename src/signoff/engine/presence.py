"""Presence: say that one is at the desk, or away; what is assigned to somebody who is away passes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from signoff.domain.actor import Actor, Role
from signoff.domain.case import Case, State
from signoff.domain.claim import held_by
from signoff.domain.entry import Entry, EntryKind, act_entry
from signoff.domain.presence import Presence
from signoff.engine.case import unclaimed, write
from signoff.ports import Reading, Record, Transaction

MOST_AT_ONCE = 200
"""Cases that pass on in one transaction: others who write wait for no more than these."""


def show(tx: Transaction, by: Actor, *, now: datetime, away: bool | None = None) -> Presence:
    """
    Give a sign of a person at the desk, and say whether they are away.

    Who goes away gives back every claim, and every waiting case assigned to them passes to nobody in particular:
    nobody's absence holds a case. The first 200 of them do so here, the rest by `pass_on`.

    Args:
        tx: A transaction.
        by: A reviewer or lead.
        now: The time, UTC.
        away: True to go, False to be back, None to leave that as it is.

    Returns:
        The presence as it is now.
    """
    by.require(Role.REVIEWER, Role.LEAD, to="be at the desk")
    before = tx.get(Presence, by.id)
    known = before or Presence(person=by.id)
    since = known.away_since
    if away is not None:
        since = (since or now) if away else None
    after = replace(known, seen_at=now, away_since=since)
    if before is None:
        tx.add(after)
    else:
        # A sign of one page must not undo what another page of the same person says at this moment.
        tx.change(Presence, (by.id,), expect={}, to={"seen_at": now} | ({} if away is None else {"away_since": since}))
    if (since is None) != (known.away_since is None):
        tx.add(
            Entry(
                at=now,
                kind=EntryKind.ACCOUNT,
                act="back" if since is None else "away",
                actor=by.id,
                actor_kind=by.kind,
                facts={"account": by.id},
            )
        )
    if away:
        _pass_on(tx, in_hands_of(tx, by.id)[:MOST_AT_ONCE], by, now=now)
    return after


def in_hands_of(tx: Reading, person: str) -> list[str]:
    """List the waiting cases that a person has claimed or is assigned, by id."""
    mine = [
        *tx.find(Case, state=State.WAITING, claimed_by=person),
        *tx.find(Case, state=State.WAITING, assigned_to=person),
    ]
    return sorted({case.id for case in mine})


def pass_on(tx: Transaction, case_ids: Sequence[str], by: Actor, *, now: datetime) -> None:
    """
    Take cases out of the hands of a person, if they are still away.

    Args:
        tx: A transaction.
        case_ids: What was theirs, in order; what has changed hands since is left alone.
        by: The person.
        now: The time, UTC.
    """
    found = tx.get(Presence, by.id)
    if found is not None and found.away_since is not None:
        _pass_on(tx, case_ids, by, now=now)


def _pass_on(tx: Transaction, case_ids: Sequence[str], by: Actor, *, now: datetime) -> None:
    # In one order, whoever asks, so that no two wait for each other; and each as it is now, since others may be faster.
    for case_id in case_ids:
        case = tx.get(Case, case_id)
        if case is None or case.state is not State.WAITING:
            continue
        change: dict[str, Any] = {}
        entries: list[Record] = []
        if held_by(case, now=now) == by.id:
            change |= unclaimed(case)
            entries.append(act_entry(case, EntryKind.CLAIM, "release", by=by, now=now, why="away"))
        if case.assigned_to == by.id:
            change |= {"assigned_to": None}
            facts = {"from": by.id, "why": "away"}
            entries.append(act_entry(case, EntryKind.HANDOVER, "pass_on", by=by, now=now, **facts))
        if change:
            write(tx, case, change, *entries)
