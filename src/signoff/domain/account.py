"""Account: who may sign in, with what, and what a token may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from signoff.domain.actor import Actor, ActorKind, Role


class Scope(StrEnum):
    """What a token may do."""

    PROPOSE = "propose"
    """Propose, and wait for, see and withdraw its own cases; what an agent gets. It holds no role."""

    REVIEW = "review"
    """All that the roles of its account allow."""

    READ = "read"
    """Look at everything, change nothing."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """
    A person who may sign in.

    Args:
        id: The name they sign in with, and under which the ledger knows them.
        roles: What they may do.
        groups: The groups whose hand-overs they get.
        password_hash: Argon2; None for an account that only tokens speak for.
        created_at: When, UTC.
        created_by: Who made it.
        disabled_at: Since when nothing of it works any more.
        failures: Wrong passwords since the last right one.
        locked_until: No password is tried before.
    """

    id: str
    roles: tuple[Role, ...]
    groups: tuple[str, ...] = ()
    password_hash: str | None = None
    created_at: datetime
    created_by: str
    disabled_at: datetime | None = None
    failures: int = 0
    locked_until: datetime | None = None

    @property
    def actor(self) -> Actor:
        """The person as an entry names them."""
        return Actor(id=self.id, kind=ActorKind.PERSON, roles=frozenset(self.roles), groups=frozenset(self.groups))


@dataclass(frozen=True, kw_only=True)
class Token:
    """
    A secret that speaks for a person or a service.

    Args:
        id: UUIDv7, to name it by; the secret itself is not kept.
        digest: SHA-256 of the secret, hexadecimal.
        subject: Who acts: the account's id, or the name a service proposes under.
        scopes: What it may do.
        created_at: When, UTC.
        created_by: Who made it.
        expires_at: From when it no longer works; None for never.
        revoked_at: Since when it no longer works.
    """

    id: str
    digest: str
    subject: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Session:
    """
    A person signed in with a browser.

    Args:
        digest: SHA-256 of the cookie's secret, hexadecimal.
        account: Whose it is.
        created_at: When, UTC.
        expires_at: From when it no longer works.
        ended_at: When the person signed out.
    """

    digest: str
    account: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
