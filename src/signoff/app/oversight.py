"""Oversight: who is at the desk, what they have in hand, and what is stuck."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from signoff.app.views import DeskQueue, DeskView, Person, Stuck, Why
from signoff.domain.account import Account
from signoff.domain.actor import Actor, Role
from signoff.domain.case import Case, State
from signoff.domain.presence import Presence, is_here
from signoff.domain.webhook import DELIVERY_CHECKPOINT
from signoff.ports import Load, Reading

MOST_STUCK = 200
"""Cases that a desk lists as stuck, and as unknown; whoever has more needs a longer look."""

LONG_S = 900.0
"""Seconds after which a claim that never lapsed is long."""


def people(tx: Reading, *, now: datetime, also: Iterable[Actor] = ()) -> list[Person]:
    """
    List who may be at the desk, by name: accounts that work, and whoever has a case in hand or was seen.

    Args:
        tx: A look at the store.
        now: The time, UTC.
        also: People without an account.
    """
    accounts = {account.id: account for account in tx.find(Account)}
    known: dict[str, tuple[Sequence[Role], Sequence[str]]] = {
        account.id: (account.roles, account.groups) for account in accounts.values() if account.disabled_at is None
    }
    known |= {actor.id: (sorted(actor.roles), sorted(actor.groups)) for actor in also}
    presences = {presence.person: presence for presence in tx.find(Presence)}
    loads = [load for load in tx.loads(now=now) if not load.who.startswith("group:")]
    for id in (*presences, *(load.who for load in loads)):
        if id not in accounts:
            known.setdefault(id, ((), ()))
    ruled = tx.rulings(since=now.replace(hour=0, minute=0, second=0, microsecond=0))
    return [
        _person(id, *known[id], presences.get(id), [load for load in loads if load.who == id], ruled.get(id, 0), now)
        for id in sorted(known)
    ]


def _person(
    id: str,
    roles: Sequence[Role],
    groups: Sequence[str],
    presence: Presence | None,
    loads: Sequence[Load],
    ruled: int,
    now: datetime,
) -> Person:
    return Person(
        id=id,
        roles=list(roles),
        groups=list(groups),
        here=is_here(presence, now=now),
        seen_at=presence.seen_at if presence else None,
        away_since=presence.away_since if presence else None,
        claimed=sum(load.claimed for load in loads),
        assigned=sum(load.assigned for load in loads),
        ruled_today=ruled,
    )


def person(tx: Reading, actor: Actor, *, now: datetime) -> Person:
    """Give one person with what they have in hand."""
    return next(each for each in people(tx, now=now, also=[actor]) if each.id == actor.id)


def desk(tx: Reading, *, now: datetime) -> DeskView:
    """
    Look at the desk as a whole.

    Args:
        tx: A look at the store.
        now: The time, UTC.
    """
    queues, loads = tx.queues(now=now), tx.loads(now=now)
    names = [name for name in tx.checkpoint_names() if name != DELIVERY_CHECKPOINT]
    return DeskView(
        queues=[
            DeskQueue(
                checkpoint=name,
                waiting=queues[name].waiting if name in queues else 0,
                oldest_at=queues[name].oldest_at if name in queues else None,
                claimed=sum(load.claimed for load in loads if load.checkpoint == name),
                assigned=sum(load.assigned for load in loads if load.checkpoint == name),
                snoozed=queues[name].snoozed if name in queues else 0,
            )
            for name in names
        ],
        stuck=_stuck(tx, now=now),
        unknown=tx.cases(states=[State.UNKNOWN], limit=MOST_STUCK),
    )


def _stuck(tx: Reading, *, now: datetime) -> list[Stuck]:
    found = [Stuck(case=case, why=Why.DEADLINE_NEAR) for case in tx.nearing(now=now, limit=MOST_STUCK)]
    away = [presence.person for presence in tx.find(Presence) if presence.away_since is not None]
    assigned: list[Case] = []
    busy = {load.who for load in tx.loads(now=now) if load.assigned}
    for who in sorted(busy.intersection(away)):
        assigned += tx.find(Case, state=State.WAITING, assigned_to=who)
    found += [Stuck(case=case, why=Why.ASSIGNED_AWAY) for case in sorted(assigned, key=lambda case: case.id)]
    long_ago = now - timedelta(seconds=LONG_S)
    for case in tx.claimed_before(long_ago, now=now, limit=MOST_STUCK):
        found.append(Stuck(case=case, why=Why.CLAIMED_LONG))
    return found[:MOST_STUCK]
