"""Webhook: an address that is told what happens."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from signoff.domain.case import Case, State
from signoff.domain.entry import Entry, EntryKind
from signoff.domain.moment import MAX_SECONDS
from signoff.errors import InvalidInput

DELIVERY_CHECKPOINT = "signoff.webhook"
"""The built-in checkpoint whose cases are the deliveries; what happens to them is told to nobody."""

DELIVERY_PROPOSER = "signoff"
"""Who proposes deliveries."""

TEST_EVENT = "webhook.test"
"""What a delivery calls itself that somebody asked for, to see whether it arrives."""


class WebhookEvent(StrEnum):
    """What a webhook can be told of."""

    CASE_SETTLED = "case.settled"
    """A case is done, rejected, expired, withdrawn, failed or reversed."""

    EFFECT_UNKNOWN = "effect.unknown"
    """An effect may or may not have happened; a person has to look."""

    QUEUE_AGE = "queue.age"
    """The oldest waiting case of a checkpoint is older than it should be."""


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """
    An address, and what it is told of.

    Args:
        id: UUIDv7.
        url: Where to, https, or http for an address that was allowed by name.
        events: What it is told of.
        secret: The Standard Webhooks secret, `whsec_...`, both sides sign with.
        max_age_s: For `queue.age`: seconds, > 0, a case may wait.
        created_at: When, UTC.
        created_by: Who made it.
        disabled_at: Since when it is told nothing any more.
        seq: The last entry of the ledger that was looked at for it.
    """

    id: str
    url: str
    events: tuple[WebhookEvent, ...]
    secret: str
    max_age_s: float | None = None
    created_at: datetime
    created_by: str
    disabled_at: datetime | None = None
    seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """
    What one webhook is told: ids, names, states and numbers; never content, reasons or people.

    Args:
        id: The same for every try, and for every process that finds the same event.
        event: A `WebhookEvent`, or `TEST_EVENT`.
        at: When it happened, UTC.
        data: What belongs to it.
    """

    id: str
    event: str
    at: datetime
    data: dict[str, Any] = field(default_factory=dict)


_SETTLED = frozenset({State.DONE, State.REJECTED, State.EXPIRED, State.WITHDRAWN, State.FAILED, State.REVERSED})


def event_of(entry: Entry) -> WebhookEvent | None:
    """Tell which event an entry of the ledger is, if it is one."""
    if entry.kind is not EntryKind.MOVE or entry.checkpoint == DELIVERY_CHECKPOINT:
        return None
    if entry.to_state is State.UNKNOWN:
        return WebhookEvent.EFFECT_UNKNOWN
    return WebhookEvent.CASE_SETTLED if entry.to_state in _SETTLED else None


def told_of(webhook: Webhook, entry: Entry) -> Message | None:
    """Give what a webhook is told of an entry; None if it is none of what it asked for."""
    event = event_of(entry)
    if event is None or event not in webhook.events:
        return None
    return Message(
        id=f"msg_{webhook.id}_{entry.seq}",
        event=event.value,
        at=entry.at,
        data={
            "case_id": entry.case_id,
            "checkpoint": entry.checkpoint,
            "revision": entry.revision,
            "move": entry.act,
            "from_state": entry.from_state and entry.from_state.value,
            "state": entry.to_state and entry.to_state.value,
            "seq": entry.seq,
        },
    )


def told_of_age(webhook: Webhook, oldest: Case, *, now: datetime) -> Message | None:
    """
    Give what a webhook is told of the oldest waiting case of a checkpoint; None if it is young enough.

    Every look at the same case gives the same message, so it is told once.
    """
    if webhook.max_age_s is None or WebhookEvent.QUEUE_AGE not in webhook.events:
        return None
    too_old_at = oldest.created_at + timedelta(seconds=webhook.max_age_s)
    if oldest.checkpoint == DELIVERY_CHECKPOINT or now < too_old_at:
        return None
    return Message(
        id=f"msg_{webhook.id}_age_{oldest.id}",
        event=WebhookEvent.QUEUE_AGE.value,
        at=too_old_at,
        data={
            "case_id": oldest.id,
            "checkpoint": oldest.checkpoint,
            "waiting_since": oldest.created_at.isoformat(),
            "max_age_s": webhook.max_age_s,
        },
    )


def chosen_events(events: Collection[WebhookEvent | str], *, max_age_s: float | None) -> tuple[WebhookEvent, ...]:
    """
    Check what a webhook is to be told of, and put it in order.

    Args:
        events: At least one.
        max_age_s: Seconds, > 0, for `queue.age`, and only for it.

    Raises:
        InvalidInput: With what does not fit.

    Examples:
        >>> [event.value for event in chosen_events(["effect.unknown", "case.settled"], max_age_s=None)]
        ['case.settled', 'effect.unknown']
    """
    known = ", ".join(event.value for event in WebhookEvent)
    try:
        wanted = {WebhookEvent(event) for event in ([events] if isinstance(events, str) else events)}
    except ValueError as error:
        raise InvalidInput(f"{error}; a webhook can be told of {known}") from None
    if not wanted:
        raise InvalidInput(f"a webhook must be told of something: {known}")
    if (max_age_s is None) == (WebhookEvent.QUEUE_AGE in wanted):
        raise InvalidInput("queue.age and the age a case may reach go together: give both or neither")
    if max_age_s is not None and not (math.isfinite(max_age_s) and 0 < max_age_s <= MAX_SECONDS):
        raise InvalidInput(f"max_age_s is {max_age_s}, but must be a number of seconds above 0")
    return tuple(event for event in WebhookEvent if event in wanted)
