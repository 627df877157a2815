"""Account: who may sign in, with what, and what a token may do."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from signoff.domain.actor import POLICY, TIMER, WORKER, Actor, ActorKind, Role
from signoff.errors import InvalidInput

MAX_NAME = 200
"""Characters of a name at the most."""

FREE_FAILURES = 4
"""Wrong passwords in a row that have no consequence."""

FIRST_LOCK_S = 60.0
LONGEST_LOCK_S = 900.0

CLOCK_SLACK_S = 300.0
"""Seconds a clock may be set back before sessions and locks count as ones of the future."""

STRANGER = Actor(id="stranger", kind=ActorKind.SERVICE, roles=frozenset())
"""Whoever tries a password and has not shown who they are."""

_RESERVED = frozenset({*(actor.id for actor in (POLICY, TIMER, WORKER, STRANGER)), "signoff", "app", "drafter"})


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
    password_hash: str | None = field(default=None, repr=False)
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
    digest: str = field(repr=False)
    subject: str
    scopes: tuple[Scope, ...]
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def works(self, *, now: datetime) -> bool:
        """Tell whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


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

    digest: str = field(repr=False)
    account: str
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None

    def works(self, *, now: datetime) -> bool:
        """
        Tell whether the person is still signed in.

        A session from the future does not work: the clock was set back, which would prolong it by as much.
        """
        begins = self.created_at - timedelta(seconds=CLOCK_SLACK_S)
        return self.ended_at is None and begins <= now < self.expires_at


def plain_name(text: str, *, what: str) -> str:
    """
    Give a name in the one form in which it is stored and compared (Unicode NFC).

    Args:
        text: 1 to 200 printable characters, with no blank at either end.
        what: What to call it in an error, such as "an account".

    Raises:
        InvalidInput: If it cannot be a name, or is one that the ledger uses itself.
    """
    name = unicodedata.normalize("NFC", text)
    if not name.isprintable() or name != name.strip() or not 0 < len(name) <= MAX_NAME:
        raise InvalidInput(f"{what} needs a name of 1 to {MAX_NAME} printable characters, with no blank at either end")
    if name in _RESERVED or name.startswith("group:"):
        raise InvalidInput(f"{what} cannot be named {name!r}: the ledger uses that for something else")
    return name


def plain_roles(roles: Collection[Role | str]) -> tuple[Role, ...]:
    """
    Give roles, each once, in the order of `Role`.

    Raises:
        InvalidInput: If there is none, or one that does not exist.
    """
    unknown = [str(role) for role in roles if role not in set(Role)]
    if unknown or not roles:
        raise InvalidInput(
            f"{f'there is no role {unknown[0]!r}' if unknown else 'an account needs a role'}; "
            f"roles are {', '.join(Role)}"
        )
    return tuple(role for role in Role if role in roles)


def plain_groups(groups: Collection[str]) -> tuple[str, ...]:
    """
    Give names of groups, each once and sorted.

    Raises:
        InvalidInput: If one cannot be a name, or is that of a role, whose hand-overs only the role gives.
    """
    named = {plain_name(group, what="a group") for group in groups}
    taken = sorted(name for name in named if name in set(Role))
    if taken:
        raise InvalidInput(f"a group cannot be named {taken[0]!r}: group:{taken[0]} means everybody with that role")
    return tuple(sorted(named))


def plain_scopes(scopes: Collection[Scope | str]) -> tuple[Scope, ...]:
    """
    Give scopes, each once, in the order of `Scope`.

    Raises:
        InvalidInput: If there is none, one that does not exist, or another one beside `propose`.
    """
    unknown = [str(scope) for scope in scopes if scope not in set(Scope)]
    if unknown or not scopes:
        raise InvalidInput(
            f"{f'there is no scope {unknown[0]!r}' if unknown else 'a token needs a scope'}; "
            f"scopes are {', '.join(Scope)}"
        )
    plain = tuple(scope for scope in Scope if scope in scopes)
    if Scope.PROPOSE in plain and len(plain) > 1:
        raise InvalidInput(
            "a token that proposes can do nothing else, so that nobody rules on what they propose; "
            "make one token for each"
        )
    return plain


def lock_s(failures: int) -> float:
    """
    Tell for how long an account is locked after so many wrong passwords in a row, in seconds.

    Examples:
        >>> [lock_s(failures) for failures in (4, 5, 6, 7, 8, 9, 1000)]
        [0.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0]
    """
    if failures <= FREE_FAILURES:
        return 0.0
    doublings = min(failures - FREE_FAILURES - 1, 10)
    return min(FIRST_LOCK_S * 2.0**doublings, LONGEST_LOCK_S)


def locked_for(locked_until: datetime | None, *, now: datetime) -> float:
    """
    Tell how long a lock goes on, in seconds; 0 for none.

    A lock that would go on for longer than any lock does was set before the clock went back: it is over.
    """
    left = 0.0 if locked_until is None else (locked_until - now).total_seconds()
    return left if 0 < left <= LONGEST_LOCK_S + CLOCK_SLACK_S else 0.0
