"""Account: people, their passwords and sessions, and the tokens that speak for them or for a service."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from signoff.domain.account import STRANGER, Account, Scope, Session, Token, lock_s, locked_for
from signoff.domain.actor import Actor
from signoff.domain.entry import Entry, EntryKind
from signoff.errors import ConflictError, InvalidInput, KeyReused, NotSignedIn, Overloaded
from signoff.ports import Reading, Transaction

_NOBODYS = "nobody's"
"""Digest of the session that only ever takes the write of a refused stranger; no SHA-256 looks like it."""


def load(tx: Reading, id: str) -> Account:
    """
    Give the account.

    Raises:
        InvalidInput: If there is none of that name.
    """
    account = tx.get(Account, id)
    if account is None:
        raise InvalidInput(f"there is no account {id!r}; signoff user list names those that exist")
    return account


def _entry(act: str, *, by: Actor, now: datetime, **facts: Any) -> Entry:
    return Entry(at=now, kind=EntryKind.ACCOUNT, act=act, actor=by.id, actor_kind=by.kind, facts=facts)


def _change(tx: Transaction, seen: Account, entry: Entry, **to: Any) -> Account:
    """Change an account read in this transaction; a mismatch can only be a store that is not serial."""
    if not tx.change(Account, (seen.id,), expect={name: getattr(seen, name) for name in to}, to=to):
        raise ConflictError(f"account {seen.id!r} changed while it was being changed; try again", account=seen.id)
    tx.add(entry)
    return replace(seen, **to)


# --- people


def create(tx: Transaction, account: Account, *, by: Actor, now: datetime) -> Account:
    """
    Add an account.

    Args:
        tx: A transaction.
        account: With a checked name, roles and groups.
        by: Who makes it.
        now: The time, UTC.

    Raises:
        KeyReused: If the name is that of another account, or a token proposes under it.
    """
    if tx.get(Account, account.id) is not None:
        raise KeyReused(f"there is an account {account.id!r} already; choose another name", account=account.id)
    for token in tx.find(Token, subject=account.id):
        if Scope.PROPOSE in token.scopes and token.works(now=now):
            raise KeyReused(
                f"token {token.id} proposes as {account.id!r}, and nobody may rule under a name that proposes; "
                "revoke it first, or choose another name",
                token=token.id,
            )
    tx.add(
        account,
        _entry(
            "create",
            by=by,
            now=now,
            account=account.id,
            roles=[role.value for role in account.roles],
            groups=list(account.groups),
            password=account.password_hash is not None,
        ),
    )
    return account


def change(tx: Transaction, id: str, *, by: Actor, now: datetime, **to: tuple[str, ...]) -> Account:
    """
    Give an account other `roles` or `groups`; they count from the next thing the person does.

    Raises:
        InvalidInput: If there is no such account.
    """
    facts = {name: [str(one) for one in names] for name, names in to.items()}
    return _change(tx, load(tx, id), _entry("change", by=by, now=now, account=id, **facts), **to)


def set_password(tx: Transaction, id: str, password_hash: str, *, by: Actor, now: datetime) -> Account:
    """
    Give an account another password, unlock it, and end its sessions.

    Raises:
        InvalidInput: If there is no such account.
    """
    account = load(tx, id)
    ended = _end_sessions(tx, id, now=now)
    entry = _entry("set_password", by=by, now=now, account=id, sessions_ended=ended)
    return _change(tx, account, entry, password_hash=password_hash, failures=0, locked_until=None)


def disable(tx: Transaction, id: str, *, by: Actor, now: datetime) -> Account:
    """
    Let nothing of an account work any more, and end its sessions; a second time does nothing.

    Raises:
        InvalidInput: If there is no such account.
    """
    account = load(tx, id)
    if account.disabled_at is not None:
        return account
    ended = _end_sessions(tx, id, now=now)
    return _change(tx, account, _entry("disable", by=by, now=now, account=id, sessions_ended=ended), disabled_at=now)


def enable(tx: Transaction, id: str, *, by: Actor, now: datetime) -> Account:
    """
    Let a disabled account and its tokens work again, and unlock it; on any other it does nothing.

    Raises:
        InvalidInput: If there is no such account.
    """
    account = load(tx, id)
    if account.disabled_at is None and account.locked_until is None:
        return account
    entry = _entry("enable", by=by, now=now, account=id)
    return _change(tx, account, entry, disabled_at=None, failures=0, locked_until=None)


# --- signing in


def require_unlocked(locked_until: datetime | None, *, now: datetime) -> None:
    """
    Refuse to try a password for a name that too many wrong ones were tried for.

    Raises:
        Overloaded: With the seconds to wait.
    """
    left = locked_for(locked_until, now=now)
    if left:
        # Whole seconds, rounded up: sooner than that it is still locked.
        seconds = int(-(-left // 1))
        raise Overloaded(
            f"too many wrong passwords for that name; try again in {seconds} s", retry_after_s=float(seconds)
        )


def sign_in(
    tx: Transaction,
    id: str,
    *,
    digest: str,
    fitted: str,
    renewed: str | None,
    session_s: float,
    now: datetime,
) -> Session | None:
    """
    Begin a session of somebody whose password was right; earlier failures are forgotten.

    Args:
        tx: A transaction.
        id: The account.
        digest: SHA-256 of the cookie's secret, hexadecimal.
        fitted: The hash that the password was compared with.
        renewed: A hash with today's parameters, where that one has older ones.
        session_s: Seconds, > 0, until the session expires.
        now: The time, UTC.

    Returns:
        The session; None if the account has another password meanwhile, so that it has to be compared again.

    Raises:
        Overloaded: If others failed meanwhile, so that it is locked.
        NotSignedIn: If it was disabled meanwhile.
    """
    account = load(tx, id)
    require_unlocked(account.locked_until, now=now)
    if account.disabled_at is not None:
        raise refusal()
    if account.password_hash != fitted:
        return None
    session = Session(digest=digest, account=id, created_at=now, expires_at=now + timedelta(seconds=session_s))
    facts = {"failures": account.failures} if account.failures else {}
    entry = _entry("sign_in", by=account.actor, now=now, account=id, session=_short(digest), **facts)
    _change(tx, account, entry, password_hash=renewed or fitted, failures=0, locked_until=None)
    tx.add(session)
    return session


def refusal() -> NotSignedIn:
    """Give the one error for every sign-in that fails, so that nobody learns from it which part was wrong."""
    return NotSignedIn("that name and password do not go together; check both and try again")


def note_failure(tx: Transaction, id: str, *, now: datetime) -> None:
    """
    Count a wrong password, and lock the account if they are too many.

    Raises:
        Overloaded: If it is locked meanwhile; then this one was not looked at.
    """
    account = load(tx, id)
    require_unlocked(account.locked_until, now=now)
    failures = account.failures + 1
    locked = lock_s(failures)
    entry = _entry("sign_in_failed", by=STRANGER, now=now, account=id, failures=failures, locked_s=locked)
    until = now + timedelta(seconds=locked) if locked else None
    _change(tx, account, entry, failures=failures, locked_until=until)


def note_stranger(tx: Transaction, *, now: datetime) -> None:
    """Write one row that means nothing: else an unknown name would be refused sooner than one that has to be kept."""
    if not tx.change(Session, (_NOBODYS,), expect={}, to={"expires_at": now}):
        tx.add(Session(digest=_NOBODYS, account="", created_at=now, expires_at=now, ended_at=now))


def sign_out(tx: Transaction, digest: str, *, now: datetime) -> None:
    """End a session; one that was ended or is unknown stays as it is."""
    session = tx.get(Session, digest)
    if session is None:
        return
    # One that has expired is ended too: the clock may go back.
    if tx.change(Session, (digest,), expect={"ended_at": None}, to={"ended_at": now}):
        account = load(tx, session.account)
        tx.add(_entry("sign_out", by=account.actor, now=now, account=account.id, session=_short(digest)))


def _end_sessions(tx: Transaction, id: str, *, now: datetime) -> int:
    # Also those that do not work at the moment because the clock jumped.
    live = tx.find(Session, account=id, ended_at=None)
    for session in live:
        tx.change(Session, (session.digest,), expect={"ended_at": None}, to={"ended_at": now})
    return sum(session.works(now=now) for session in live)


def _short(digest: str) -> str:
    """Give enough of a digest to tell sessions apart in the ledger."""
    return digest[:12]


# --- tokens


def issue_token(tx: Transaction, token: Token, *, by: Actor, now: datetime) -> Token:
    """
    Add a token.

    Args:
        tx: A transaction.
        token: With a checked subject and scopes.
        by: Who makes it.
        now: The time, UTC.

    Raises:
        KeyReused: If it is to propose, and its subject is an account.
        InvalidInput: If it is to speak for an account that does not exist or is disabled.
    """
    if Scope.PROPOSE in token.scopes:
        if tx.get(Account, token.subject) is not None:
            raise KeyReused(
                f"{token.subject!r} is a person's account, and nobody may rule under a name that proposes; "
                "choose another name for what proposes",
                account=token.subject,
            )
    elif load(tx, token.subject).disabled_at is not None:
        raise InvalidInput(f"account {token.subject!r} is disabled; enable it first")
    tx.add(
        token,
        _entry(
            "issue_token",
            by=by,
            now=now,
            token=token.id,
            subject=token.subject,
            scopes=[scope.value for scope in token.scopes],
            expires_at=token.expires_at.isoformat() if token.expires_at else None,
        ),
    )
    return token


def revoke_token(tx: Transaction, id: str, *, by: Actor, now: datetime) -> Token:
    """
    Let a token work no more; a second time does nothing.

    Raises:
        InvalidInput: If there is no such token.
    """
    token = tx.get(Token, id)
    if token is None:
        raise InvalidInput(f"there is no token {id}; signoff token list names those that exist")
    if token.revoked_at is not None or not tx.change(Token, (id,), expect={"revoked_at": None}, to={"revoked_at": now}):
        return token
    tx.add(_entry("revoke_token", by=by, now=now, token=id, subject=token.subject))
    return replace(token, revoked_at=now)
