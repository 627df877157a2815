"""Accounts: who may sign in, with what, and which tokens speak for whom."""

from __future__ import annotations

import builtins
import hashlib
import logging
import secrets
import threading
import unicodedata
from collections import OrderedDict
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from signoff.app.handle import new_id
from signoff.domain.account import (
    Account,
    Scope,
    Session,
    Token,
    lock_s,
    plain_groups,
    plain_name,
    plain_roles,
    plain_scopes,
)
from signoff.domain.actor import Actor, ActorKind, Role
from signoff.domain.moment import later
from signoff.engine import account as engine
from signoff.errors import InvalidInput, KeyReused, Overloaded
from signoff.ports import Clock, Reading, Store

if TYPE_CHECKING:
    from pwdlib import PasswordHash

log = logging.getLogger("signoff.accounts")

SESSION_S = 12 * 3600.0
"""Seconds until a session expires."""

SHORTEST_PASSWORD = 12
LONGEST_PASSWORD = 1024

SECRET_PREFIX = "signoff_"
"""How the secret of a token begins, so that scanners for leaked secrets find it."""

_LONGEST_SECRET = 200
_SHORTEST_END = 6
"""Characters of a token's id that are enough to name it."""

_AT_ONCE = 4
_slots = threading.BoundedSemaphore(_AT_ONCE)
"""Argon2 takes 64 MiB each time; of one process no more than so many at once, whatever comes in."""

_PATIENCE_S = 10.0
"""Seconds to wait for a slot; whoever waits longer is told to come back."""

_MOST_STRANGERS = 10_000
"""Unknown names whose failures are remembered."""


class Accounts:
    """
    The people who may sign in, and the tokens that speak for them or for a service. Got from `Signoff.accounts`.

    It trusts its caller about `by`, the name of whoever asks for a change.

    Args:
        store: Where they are kept.
        clock: The time.
        passwords: How passwords are hashed; by default Argon2id with 64 MiB.
        session_s: Seconds, > 0, until a session expires.

    Examples:
        >>> from signoff import Signoff
        >>> from signoff.testing import MemoryStore
        >>> accounts = Signoff(MemoryStore(), workers=0).accounts
        >>> grace = accounts.create("grace", roles=["reviewer"], password="correct horse battery", by="ada")
        >>> cookie, session = accounts.sign_in("grace", "correct horse battery")
        >>> accounts.session(cookie).id
        'grace'
        >>> secret, token = accounts.issue_token("ci-agent", scopes=["propose"], by="ada")
        >>> accounts.token(secret)[0].subject
        'ci-agent'
    """

    def __init__(
        self, store: Store, clock: Clock, *, passwords: PasswordHash | None = None, session_s: float = SESSION_S
    ) -> None:
        self._store = store
        self._clock = clock
        self._given = passwords
        self._session_s = session_s
        self._strangers = _Strangers()
        self._some = False

    # --- people

    def create(
        self,
        id: str,
        *,
        roles: Collection[Role | str],
        groups: Collection[str] = (),
        password: str | None = None,
        by: str,
    ) -> Account:
        """
        Make an account.

        Args:
            id: The name to sign in with: 1 to 200 printable characters.
            roles: One or more of `reviewer`, `lead`, `officer`, `legal`, `auditor`, `admin`.
            groups: The groups whose hand-overs it gets.
            password: 12 to 1024 characters; None for an account that only tokens speak for.
            by: Who makes it.

        Raises:
            InvalidInput: If the name, a role, a group or the password cannot be.
            KeyReused: If the name is taken by another account, or by a token that proposes under it.
        """
        now = self._clock.now()
        name = _named(id)
        account = Account(
            id=name,
            roles=plain_roles(roles),
            groups=plain_groups(groups),
            password_hash=None if password is None else self._hashed(name, password),
            created_at=now,
            created_by=by,
        )
        return self._store.write(lambda tx: engine.create(tx, account, by=_person(by), now=now))

    def change(
        self,
        id: str,
        *,
        roles: Collection[Role | str] | None = None,
        groups: Collection[str] | None = None,
        by: str,
    ) -> Account:
        """
        Give an account other roles or groups; what is None stays. It counts from the next thing the person does.

        Raises:
            InvalidInput: If there is no such account, role or group.
        """
        to: dict[str, tuple[str, ...]] = {}
        if roles is not None:
            to["roles"] = plain_roles(roles)
        if groups is not None:
            to["groups"] = plain_groups(groups)
        name, now = _named(id), self._clock.now()
        if not to:
            return self._store.read(lambda tx: engine.load(tx, name))
        return self._store.write(lambda tx: engine.change(tx, name, by=_person(by), now=now, **to))

    def set_password(self, id: str, password: str, by: str) -> Account:
        """
        Give an account another password, unlock it, and end its sessions.

        Args:
            id: The account.
            password: 12 to 1024 characters, other than the name.
            by: Who does it.

        Raises:
            InvalidInput: If there is no such account, or the password cannot be.
        """
        name = _named(id)
        self._store.read(lambda tx: engine.load(tx, name))
        hashed, now = self._hashed(name, password), self._clock.now()
        return self._store.write(lambda tx: engine.set_password(tx, name, hashed, by=_person(by), now=now))

    def disable(self, id: str, by: str) -> Account:
        """
        Let nothing of an account work any more: no password, no session, no token.

        Raises:
            InvalidInput: If there is no such account.
        """
        name, now = _named(id), self._clock.now()
        return self._store.write(lambda tx: engine.disable(tx, name, by=_person(by), now=now))

    def enable(self, id: str, by: str) -> Account:
        """
        Let a disabled account and its tokens work again, and unlock it; its sessions stay ended.

        Raises:
            InvalidInput: If there is no such account.
        """
        name, now = _named(id), self._clock.now()
        return self._store.write(lambda tx: engine.enable(tx, name, by=_person(by), now=now))

    def list(self) -> builtins.list[Account]:
        """List all accounts by name, disabled ones too."""
        return self._store.read(lambda tx: tx.find(Account))

    def any(self) -> bool:
        """Tell whether there is an account at all; cheap to ask."""
        # None is ever removed, so a yes stays one; and looking through none costs nothing.
        self._some = self._some or bool(self.list())
        return self._some

    # --- signing in

    def sign_in(self, id: str, password: str) -> tuple[str, Session]:
        """
        Begin a session.

        After five wrong passwords in a row a name is locked for a minute, after each further one for twice as long,
        15 minutes at most. A name that does not exist is refused and locked like one that does.

        Args:
            id: The account.
            password: As it was typed.

        Returns:
            The secret for the cookie, which is kept nowhere else, and the session.

        Raises:
            NotSignedIn: With one and the same message, whatever was wrong.
            Overloaded: If the name is locked, or too many sign in at once; `facts["retry_after_s"]` says for how long.
        """
        secret = secrets.token_urlsafe(32)
        while True:
            account, renewed = self._prove(id, _typed(password))
            session = self._begin(account, secret, renewed)
            if session is not None:
                return secret, session

    def _prove(self, id: str, typed: bytes) -> tuple[Account, str | None]:
        """Give the account whose name and password these are, and a newer hash where one is due; or note a failure."""
        with _hashing():
            dummy = self._dummy
            account = self._look_up(id)
            locked_until = self._strangers.locked_until(id) if account is None else account.locked_until
            engine.require_unlocked(locked_until, now=self._clock.now())
            fitted = account.password_hash if account is not None else None
            fits, renewed = self._compare(typed, fitted or dummy)
        now = self._clock.now()
        if account is None:
            self._strangers.note_failure(id, now=now)
            # Another process may add the row at the same time.
            with suppress(KeyReused):
                self._store.write(lambda tx: engine.note_stranger(tx, now=now))
            raise engine.refusal()
        if not fits or fitted is None or account.disabled_at is not None:
            self._store.write(lambda tx: engine.note_failure(tx, account.id, now=now))
            raise engine.refusal()
        return account, renewed

    def _look_up(self, id: str) -> Account | None:
        try:
            name = _named(id)
        except InvalidInput:
            # Not every text can be looked up in every database.
            return None
        return self._store.read(lambda tx: tx.get(Account, name))

    def _begin(self, account: Account, secret: str, renewed: str | None) -> Session | None:
        fitted, now = account.password_hash or "", self._clock.now()
        return self._store.write(
            lambda tx: engine.sign_in(
                tx,
                account.id,
                digest=_digest(secret),
                fitted=fitted,
                renewed=renewed,
                session_s=self._session_s,
                now=now,
            )
        )

    def sign_out(self, secret: str) -> None:
        """End the session of a cookie; one that is over or unknown stays as it is."""
        if _plausible(secret):
            digest, now = _digest(secret), self._clock.now()
            self._store.write(lambda tx: engine.sign_out(tx, digest, now=now))

    def session(self, secret: str) -> Account | None:
        """Give the account a cookie stands for, as it is now; None if it stands for none any more."""
        if not _plausible(secret):
            return None
        digest, now = _digest(secret), self._clock.now()

        def look(tx: Reading) -> Account | None:
            session = tx.get(Session, digest)
            return _enabled(tx, session.account) if session is not None and session.works(now=now) else None

        return self._store.read(look)

    # --- tokens

    def issue_token(
        self, subject: str, *, scopes: Collection[Scope | str], by: str, expires_s: float | None = None
    ) -> tuple[str, Token]:
        """
        Make a token.

        Args:
            subject: Who acts: for `propose` the name it proposes under, which is nobody's account; else an account.
            scopes: `propose`, alone; or `review`, `read`.
            by: Who makes it.
            expires_s: Seconds, > 0, until it no longer works; None for never.

        Returns:
            The secret, which is kept nowhere else, and the token.

        Raises:
            InvalidInput: If the subject, a scope or the time cannot be, or the account does not exist or is disabled.
            KeyReused: If it is to propose under the name of an account.
        """
        now = self._clock.now()
        secret = SECRET_PREFIX + secrets.token_urlsafe(32)
        token = Token(
            id=new_id(),
            digest=_digest(secret),
            subject=plain_name(subject, what="the subject of a token"),
            scopes=plain_scopes(scopes),
            created_at=now,
            created_by=by,
            expires_at=None if expires_s is None else later(now, expires_s, what="expires_s"),
        )
        return secret, self._store.write(lambda tx: engine.issue_token(tx, token, by=_person(by), now=now))

    def revoke_token(self, id_or_its_end: str, by: str) -> Token:
        """
        Let a token work no more; a second time does nothing.

        Args:
            id_or_its_end: Its id, or at least 6 characters from the end of it.
            by: Who does it.

        Raises:
            InvalidInput: If that names no token, or several.
        """
        wanted = id_or_its_end.strip()
        if wanted.startswith(SECRET_PREFIX):
            # Whatever else happens, the secret itself is not repeated.
            raise InvalidInput("that is the secret of a token, not its id; signoff token list names the ids")
        if len(wanted) < _SHORTEST_END:
            raise InvalidInput(f"a token is named by its id, or by at least {_SHORTEST_END} characters from its end")
        found = [token.id for token in self.tokens() if token.id.endswith(wanted)]
        if len(found) != 1:
            problem = "several tokens have" if found else "no token has"
            raise InvalidInput(f"{problem} an id that ends with {wanted!r}; signoff token list names them")
        now = self._clock.now()
        return self._store.write(lambda tx: engine.revoke_token(tx, found[0], by=_person(by), now=now))

    def tokens(self) -> builtins.list[Token]:
        """List all tokens, oldest first, revoked and expired ones too."""
        return self._store.read(lambda tx: tx.find(Token))

    def token(self, secret: str) -> tuple[Token, Account | None] | None:
        """
        Give the token with that secret, and the account it speaks for.

        Returns:
            None if it is unknown, expired or revoked, or its account is disabled. A token that proposes has no account.
        """
        if not secret.startswith(SECRET_PREFIX) or not _plausible(secret):
            return None
        digest, now = _digest(secret), self._clock.now()

        def look(tx: Reading) -> tuple[Token, Account | None] | None:
            for token in tx.find(Token, digest=digest):
                if not token.works(now=now):
                    return None
                if Scope.PROPOSE in token.scopes:
                    # Made at the same moment in two processes, an account may have the name after all.
                    return None if tx.get(Account, token.subject) else (token, None)
                account = _enabled(tx, token.subject)
                return None if account is None else (token, account)
            return None

        return self._store.read(look)

    # --- passwords

    @cached_property
    def _passwords(self) -> PasswordHash:
        if self._given is not None:
            return self._given
        from pwdlib import PasswordHash
        from pwdlib.hashers.argon2 import Argon2Hasher

        # RFC 9106, its second recommendation.
        return PasswordHash((Argon2Hasher(time_cost=3, memory_cost=64 * 1024, parallelism=4),))

    @cached_property
    def _dummy(self) -> str:
        """The hash of a password that nobody has."""
        return self._passwords.hash(secrets.token_bytes(32))

    def _hashed(self, name: str, password: str) -> str:
        plain = unicodedata.normalize("NFC", password)
        if not len(plain) >= SHORTEST_PASSWORD or len(password) > LONGEST_PASSWORD:
            raise InvalidInput(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; choose another")
        if plain.casefold() == name.casefold():
            raise InvalidInput("a password must not be the name of the account; choose another")
        try:
            typed = plain.encode()
        except UnicodeEncodeError:
            raise InvalidInput("the password holds half a character; type it anew") from None
        with _hashing():
            return self._passwords.hash(typed)

    def _compare(self, typed: bytes, fitted: str) -> tuple[bool, str | None]:
        """Tell whether the password fits; give a newer hash where the parameters have changed."""
        from pwdlib.exceptions import PwdlibError

        try:
            return self._passwords.verify_and_update(typed, fitted)
        except PwdlibError:
            log.error("a password hash in the database cannot be read; set that account's password anew")
            return False, None


class _Strangers:
    """
    Failures of names that are no accounts, which are locked as accounts are; bounded, and gone with the process.

    Names are kept as digests, since people type passwords where the name belongs.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._known: OrderedDict[str, tuple[int, datetime | None]] = OrderedDict()

    def locked_until(self, name: str) -> datetime | None:
        with self._guard:
            return self._known.get(self._key(name), (0, None))[1]

    def note_failure(self, name: str, *, now: datetime) -> None:
        key = self._key(name)
        with self._guard:
            failures, locked_until = self._known.get(key, (0, None))
            engine.require_unlocked(locked_until, now=now)
            locked = lock_s(failures + 1)
            self._known[key] = failures + 1, now + timedelta(seconds=locked) if locked else None
            self._known.move_to_end(key)
            if len(self._known) > _MOST_STRANGERS:
                self._known.popitem(last=False)

    @staticmethod
    def _key(name: str) -> str:
        return _digest(unicodedata.normalize("NFC", name))


@contextmanager
def _hashing() -> Iterator[None]:
    """Wait for a slot to hash in."""
    if not _slots.acquire(timeout=_PATIENCE_S):
        raise Overloaded("too many people sign in at once; try again in a few seconds", retry_after_s=5.0)
    try:
        yield
    finally:
        _slots.release()


def _person(id: str) -> Actor:
    return Actor(id=id, kind=ActorKind.PERSON, roles=frozenset())


def _enabled(tx: Reading, id: str) -> Account | None:
    account = tx.get(Account, id)
    return account if account is not None and account.disabled_at is None else None


def _named(id: str) -> str:
    return plain_name(id, what="an account")


def _typed(password: str) -> bytes:
    # One that is too long to be anybody's is not worth hashing as it is.
    short = unicodedata.normalize("NFC", password) if len(password) <= LONGEST_PASSWORD else ""
    return short.encode("utf-8", "surrogatepass")


def _plausible(secret: str) -> bool:
    return secret.isascii() and 0 < len(secret) <= _LONGEST_SECRET


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
