"""Webhook: an address that is told what happens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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
