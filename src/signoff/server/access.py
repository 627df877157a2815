"""Access: who asks, from the session or token alone, and what each route takes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import unquote

from fastapi import Depends
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from signoff.app import Reviewer, Signoff
from signoff.domain.account import Scope
from signoff.domain.actor import Actor, Role
from signoff.domain.entry import Entry, EntryKind
from signoff.errors import NotAllowed, NotSignedIn

COOKIE = "signoff_session"
_CHANGES_NOTHING = frozenset({"GET", "HEAD", "OPTIONS"})
_OF_PERSON = frozenset({Scope.REVIEW, Scope.READ})

_REMEMBERED_S = 1.0
_MOST_REMEMBERED = 10_000

_CALLER = "signoff.caller"
"""Where a request keeps who asks."""

SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token of `signoff token new`."},
    "session": {"type": "apiKey", "in": "cookie", "name": COOKIE, "description": "Set by signing in."},
}
"""How a caller may say who they are, as OpenAPI has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """
    Whoever asks.

    Args:
        app: What they ask.
        id: Under which name the ledger knows them.
        scopes: What they may do.
        actor: The person, where it is one.
    """

    app: Signoff
    id: str
    scopes: frozenset[Scope]
    actor: Actor | None = None

    @property
    def desk(self) -> Reviewer:
        """
        The desk of the person.

        Raises:
            NotAllowed: If it is no person.
        """
        if self.actor is None:
            raise NotAllowed(f"{self.id} is no person, and only a person may do that", actor=self.id)
        return Reviewer(self.app, self.actor)


class LocalDesk:
    """
    One person on this machine, let in by a link that is printed when the server starts.

    Args:
        name: Under which name the ledger knows them.
        token: The secret in the link; a new one by default.
    """

    def __init__(self, name: str, token: str | None = None) -> None:
        self.token = token or secrets.token_urlsafe(32)
        self.cookie = secrets.token_urlsafe(32)
        self.actor = Actor(id=name, roles=frozenset({Role.REVIEWER, Role.LEAD, Role.ADMIN}))

    def lets_in(self, token: str) -> bool:
        """Tell whether it is the link's secret."""
        return secrets.compare_digest(token.encode(), self.token.encode())

    def knows(self, cookie: str) -> bool:
        """Tell whether it is the cookie that the link gave."""
        return secrets.compare_digest(cookie.encode(), self.cookie.encode())

    def sign_out(self) -> None:
        """Let the cookie work nowhere any more; the link gives another one."""
        self.cookie = secrets.token_urlsafe(32)


class Callers:
    """
    Who is behind a token or cookie.

    An answer holds for a second, and until anything about accounts is written: asking the database each time would cost
    each request a thread.

    Args:
        app: Whose accounts.
        local: Lets in one person by a printed link, where there are no accounts.
    """

    def __init__(self, app: Signoff, local: LocalDesk | None) -> None:
        self._app = app
        self._local = local
        self._known: dict[tuple[str, str], tuple[Caller, float, datetime]] = {}
        self._forgotten = 0
        app.store.on_commit(self.notice)

    def notice(self, entries: Sequence[Entry]) -> None:
        """Forget everything once anything about accounts was written."""
        if any(entry.kind is EntryKind.ACCOUNT for entry in entries):
            self.forget()

    def remembered(self, kind: str, secret: str) -> Caller | None:
        """Give a caller that was found a moment ago; asks nobody."""
        found = self._known.get((kind, secret))
        if found is None:
            return None
        caller, at, date = found
        # Both clocks have to agree: tokens and sessions expire by the one that may jump.
        fresh = time.monotonic() - at < _REMEMBERED_S
        return caller if fresh and abs((self._app.clock.now() - date).total_seconds()) < _REMEMBERED_S else None

    def forget(self) -> None:
        """Ask the database again from now on."""
        self._forgotten += 1
        self._known.clear()

    def find(self, kind: str, secret: str) -> Caller:
        """
        Ask the database.

        Raises:
            NotSignedIn: If the secret does not work.
        """
        at, date, forgotten = time.monotonic(), self._app.clock.now(), self._forgotten
        caller = self._by_token(secret) if kind == "token" else self._by_cookie(secret)
        if len(self._known) >= _MOST_REMEMBERED:
            self.forget()
        if forgotten == self._forgotten:
            # Else it may have ended while it was looked up.
            self._known[kind, secret] = caller, at, date
        return caller

    def without_account(self) -> list[Actor]:
        """List the people who are let in without an account."""
        local = self._local_now()
        return [] if local is None else [local.actor]

    def _local_now(self) -> LocalDesk | None:
        # The link is for one who is alone; with the first account it is over.
        return None if self._local is None or self._app.accounts.any() else self._local

    def _by_token(self, secret: str) -> Caller:
        local = self._local_now()
        if local is not None and local.lets_in(secret):
            return Caller(app=self._app, id=local.actor.id, scopes=_OF_PERSON, actor=local.actor)
        found = self._app.accounts.token(secret)
        if found is None:
            raise NotSignedIn("that token does not work: unknown, expired or revoked; make one with signoff token new")
        token, account = found
        return Caller(
            app=self._app,
            id=token.subject,
            scopes=frozenset(token.scopes),
            actor=account.actor if account is not None else None,
        )

    def _by_cookie(self, secret: str) -> Caller:
        local = self._local_now()
        if local is not None and local.knows(secret):
            return Caller(app=self._app, id=local.actor.id, scopes=_OF_PERSON, actor=local.actor)
        account = self._app.accounts.session(secret)
        if account is None:
            raise NotSignedIn("your session has ended; sign in again")
        return Caller(app=self._app, id=account.id, scopes=_OF_PERSON, actor=account.actor)


PERSON = "Signoff-Person"
"""Header by which a page says whose it is: it is refused once somebody else has signed in on the same browser, so that
nobody's verdict goes on record under another name."""


class Needs:
    """
    What a route takes; a dependency that gives the `Caller`, or refuses.

    Args:
        scopes: Any one of these is enough.

    Raises:
        NotSignedIn: If nobody knows who asks.
        NotAllowed: If none of the scopes is there, or a browser was sent here by another site.
    """

    def __init__(self, *scopes: Scope) -> None:
        self.scopes = frozenset(scopes)

    async def __call__(self, request: Request) -> Caller:
        """Find out who asks; a route that reads a body has done so before."""
        found: Caller | None = request.scope.get(_CALLER)
        if found is None:
            found = request.scope[_CALLER] = await self.again(request)
        return found

    async def again(self, request: Request) -> Caller:
        """Find out once more who asks, for an answer that takes long: a token may have been revoked meanwhile."""
        scheme, _, secret = request.headers.get("authorization", "").partition(" ")
        cookie = request.cookies.get(COOKIE)
        if scheme.lower() == "bearer" and secret.strip():
            kind, secret = "token", secret.strip()
        elif cookie is not None:
            kind, secret = "session", cookie
            if request.method not in _CHANGES_NOTHING:
                require_same_origin(request)
        else:
            raise NotSignedIn("this takes a token or a session; sign in, or send Authorization: Bearer TOKEN")
        callers: Callers = request.app.state.callers
        caller = callers.remembered(kind, secret)
        if caller is None:
            caller = await run_in_threadpool(callers.find, kind, secret)
        meant = request.headers.get(PERSON)
        if meant is not None and unquote(meant) != caller.id:
            raise NotSignedIn(
                f"this page belongs to {unquote(meant)[:200]}, and {caller.id} is signed in on this browser now; "
                "sign in again"
            )
        if not caller.scopes & self.scopes:
            wanted = " or ".join(sorted(self.scopes))
            raise NotAllowed(
                f"this takes the scope {wanted}; {caller.id} has {', '.join(sorted(caller.scopes)) or 'none'}",
                needs=wanted,
            )
        return caller


def require_same_origin(request: Request) -> None:
    """
    Refuse what another site made a browser send.

    Raises:
        NotAllowed: If the Origin is not this server, or is missing.
    """
    origin, host = request.headers.get("origin", ""), request.headers.get("host", "")
    # Not parsed: "null" has no host, nor has a request without one, and some origins cannot be read at all.
    if not host or origin.lower() not in (f"http://{host}".lower(), f"https://{host}".lower()):
        raise NotAllowed("a browser's session works from this server's own pages only; elsewhere use a token")


PROPOSES = Needs(Scope.PROPOSE)
LOOKS = Needs(Scope.READ, Scope.REVIEW)
LOOK = Depends(LOOKS)

Proposing = Annotated[Caller, Depends(PROPOSES)]
Reviewing = Annotated[Caller, Depends(Needs(Scope.REVIEW))]
Looking = Annotated[Caller, LOOK]
Anybody = Annotated[Caller, Depends(Needs(*Scope))]
"""Whoever has any scope; the route itself shows a proposer nothing but its own."""
