"""
The one schema, in SQLAlchemy Core, for SQLite and PostgreSQL.

One record type of the domain is one table, one field one column. Times are microseconds since 1970 in UTC,
documents are JSON text, names of states and the like are their values.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from signoff.domain.account import Account, Scope, Session, Token
from signoff.domain.actor import ActorKind, Role
from signoff.domain.audit import Audit, Finding
from signoff.domain.automation import Arrivals, Snapshot
from signoff.domain.case import Case, ClearedBy, State
from signoff.domain.checkpoint import REASONS, Checkpoint, Criterion, Delivery, Oversight
from signoff.domain.content import Content, Evidence
from signoff.domain.effect import Attempt, Ending
from signoff.domain.entry import Entry, EntryKind
from signoff.domain.note import Note
from signoff.domain.pace import Pace
from signoff.domain.policy import Route, Routing
from signoff.domain.presence import Presence
from signoff.domain.verdict import VerdictKind, VerdictRecord, Vote
from signoff.domain.webhook import Webhook, WebhookEvent

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def moment(value: datetime) -> int:
    """Give a time as it is stored."""
    return (value - EPOCH) // _MICROSECOND


class Column(sa.Column[Any]):
    """A column that also knows how its values are stored; the driver is fed directly, without SQLAlchemy's types."""

    inherit_cache = True
    encode: Callable[[Any], Any] | None = None
    decode: Callable[[Any], Any] | None = None


def _plain(name: str, kind: Any, *, optional: bool = False, key: bool = False) -> Column:
    return Column(name, kind, primary_key=key, nullable=optional, autoincrement=False)


def _text(name: str, *, optional: bool = False, key: bool = False) -> Column:
    return _plain(name, sa.Text(), optional=optional, key=key)


def _int(name: str, *, optional: bool = False, key: bool = False) -> Column:
    return _plain(name, sa.BigInteger().with_variant(sa.Integer(), "sqlite"), optional=optional, key=key)


def _number(name: str, *, optional: bool = False) -> Column:
    return _plain(name, sa.Double(), optional=optional)


def _moment(name: str, *, optional: bool = False) -> Column:
    column = _plain(name, sa.BigInteger(), optional=optional)
    column.encode = moment
    column.decode = lambda stored: EPOCH + timedelta(microseconds=stored)
    return column


def _choice(name: str, choices: type[StrEnum], *, optional: bool = False) -> Column:
    column = _text(name, optional=optional)
    column.encode = str.__str__
    column.decode = {member.value: member for member in choices}.__getitem__
    return column


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _dump(value: Any) -> str:
    if value:
        return _encode(value)
    return "{}" if isinstance(value, dict) else "[]" if isinstance(value, list) else _encode(value)


def _document(name: str, *, optional: bool = False) -> Column:
    column = _text(name, optional=optional)
    column.encode = _dump
    column.decode = json.loads
    return column


def _names(name: str, of: Callable[[str], str] = str) -> Column:
    """A tuple of names, such as members of an enumeration."""
    column = _document(name)
    column.encode = lambda names: _dump([str(one) for one in names])
    column.decode = lambda stored: tuple(of(value) for value in json.loads(stored))
    return column


def _flag(name: str) -> Column:
    column = _int(name)
    column.encode = int
    column.decode = bool
    return column


def _since(column: Column, default: str) -> Column:
    """Say what rows have in it that are older than the column."""
    column.server_default = sa.DefaultClause(sa.text(default))
    return column


metadata = sa.MetaData(naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "pk": "pk_%(table_name)s"})

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    _text("name", key=True),
    _int("version", key=True),
    _text("description"),
    _document("arguments_schema"),
    _text("label", optional=True),
    _choice("oversight", Oversight),
    _names("criteria", Criterion),
    _choice("delivery", Delivery),
    _number("undo_s"),
    _int("opinions"),
    _number("deadline_s", optional=True),
    _number("timeout_s"),
    _int("max_tries"),
    _number("backoff_s"),
    _number("audit_share"),
    _text("chosen_by", optional=True),
    _text("reverses", optional=True),
    _moment("registered_at", optional=True),
    _text("digest"),
    _since(_names("reasons"), f"'{_dump(list(REASONS))}'"),
    _since(_flag("blind"), "0"),
    _number("alpha", optional=True),
)

cases = sa.Table(
    "cases",
    metadata,
    _text("id", key=True),
    _text("checkpoint"),
    _int("version"),
    _choice("state", State),
    _int("revision"),
    _int("draft_revision"),
    _text("content_hash"),
    _text("proposer"),
    _text("key", optional=True),
    _moment("created_at"),
    _moment("due_at", optional=True),
    _moment("deadline_at", optional=True),
    _moment("snoozed_until", optional=True),
    _text("assigned_to", optional=True),
    _int("opinions"),
    _text("claimed_by", optional=True),
    _moment("claim_expires_at", optional=True),
    _int("fence"),
    _text("verdict_id", optional=True),
    _choice("cleared_by", ClearedBy, optional=True),
    _int("generation"),
    _int("attempt"),
    _int("tries"),
    _text("reverses", optional=True),
    _since(_text("title"), "''"),
    sqlite_with_rowid=False,
)
_has_due = sa.text("due_at IS NOT NULL")
sa.Index("ix_cases_due", cases.c.state, cases.c.due_at, sqlite_where=_has_due, postgresql_where=_has_due)
# The queue of one checkpoint, oldest first, and counts by state.
sa.Index("ix_cases_queue", cases.c.state, cases.c.checkpoint, cases.c.id)
_has_key = sa.text("key IS NOT NULL")
sa.Index(
    "uq_cases_key",
    cases.c.checkpoint,
    cases.c.proposer,
    cases.c.key,
    unique=True,
    sqlite_where=_has_key,
    postgresql_where=_has_key,
)
_reverses = sa.text("reverses IS NOT NULL")
sa.Index("ix_cases_reverses", cases.c.reverses, sqlite_where=_reverses, postgresql_where=_reverses)
# Who has how much in hand; few of those that wait are in them.
for _of, _columns in {
    "claimed": (cases.c.state, cases.c.claimed_by, cases.c.checkpoint),
    "assigned": (cases.c.state, cases.c.assigned_to, cases.c.checkpoint),
    "snoozed": (cases.c.state, cases.c.snoozed_until, cases.c.checkpoint),
}.items():
    _is_set = sa.text(f"{_columns[1].name} IS NOT NULL")
    sa.Index(f"ix_cases_{_of}", *_columns, sqlite_where=_is_set, postgresql_where=_is_set)

contents = sa.Table(
    "contents",
    metadata,
    _text("case_id", key=True),
    _int("revision", key=True),
    _document("arguments"),
    _text("author"),
    _text("rationale", optional=True),
    _document("alternatives"),
    sqlite_with_rowid=False,
)

evidence = sa.Table("evidence", metadata, _text("case_id", key=True), _document("items"), sqlite_with_rowid=False)

routings = sa.Table(
    "routings",
    metadata,
    _text("case_id", key=True),
    _int("revision", key=True),
    _choice("route", Route),
    _text("reason"),
    _number("confidence", optional=True),
    _text("drafter", optional=True),
    _number("coin", optional=True),
    _number("audit_share", optional=True),
    _moment("routed_at"),
    _document("numbers"),
    sqlite_with_rowid=False,
)

verdicts = sa.Table(
    "verdicts",
    metadata,
    _text("id", key=True),
    _text("case_id"),
    _int("revision"),
    _int("draft_revision"),
    _choice("kind", VerdictKind),
    _text("content_hash"),
    _text("reviewer"),
    _text("reason", optional=True),
    _moment("ruled_at"),
    _number("seconds", optional=True),
    _moment("voided_at", optional=True),
    sqlite_with_rowid=False,
)
sa.Index("ix_verdicts_case", verdicts.c.case_id)
sa.Index("ix_verdicts_ruled", verdicts.c.ruled_at, verdicts.c.reviewer)

votes = sa.Table(
    "votes",
    metadata,
    _text("id", key=True),
    _text("case_id"),
    _int("revision"),
    _text("reviewer"),
    _choice("kind", VerdictKind),
    _text("content_hash"),
    _text("reason", optional=True),
    _moment("voted_at"),
    _moment("voided_at", optional=True),
    sqlite_with_rowid=False,
)
_stands = sa.text("voided_at IS NULL")
sa.Index(
    "uq_votes_reviewer",
    votes.c.case_id,
    votes.c.revision,
    votes.c.reviewer,
    unique=True,
    sqlite_where=_stands,
    postgresql_where=_stands,
)

attempts = sa.Table(
    "attempts",
    metadata,
    _text("case_id", key=True),
    _int("attempt", key=True),
    _int("generation"),
    _text("key"),
    _text("worker"),
    _moment("started_at"),
    _moment("lease_until"),
    _moment("finished_at", optional=True),
    _choice("ending", Ending, optional=True),
    _document("receipt", optional=True),
    _text("problem", optional=True),
    sqlite_with_rowid=False,
)

audits = sa.Table(
    "audits",
    metadata,
    _text("case_id", key=True),
    _text("checkpoint"),
    _moment("drawn_at"),
    _number("coin"),
    _number("share"),
    _choice("finding", Finding, optional=True),
    _number("severity", optional=True),
    _text("judged_by", optional=True),
    _moment("judged_at", optional=True),
    sqlite_with_rowid=False,
)
_open = sa.text("finding IS NULL")
sa.Index("ix_audits_open", audits.c.checkpoint, audits.c.case_id, sqlite_where=_open, postgresql_where=_open)

notes = sa.Table(
    "notes",
    metadata,
    _text("case_id", key=True),
    _int("number", key=True),
    _text("about"),
    _text("author"),
    _moment("written_at"),
    _text("text"),
)

entries = sa.Table(
    "entries",
    metadata,
    Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=True),
    _moment("at"),
    _choice("kind", EntryKind),
    _text("act"),
    _text("case_id", optional=True),
    _text("checkpoint", optional=True),
    _int("revision", optional=True),
    _choice("from_state", State, optional=True),
    _choice("to_state", State, optional=True),
    _text("actor"),
    _choice("actor_kind", ActorKind),
    _text("content_hash", optional=True),
    _document("facts"),
)
sa.Index("ix_entries_case", entries.c.case_id)
# Verdicts that took effect, and cases that ended without one.
_settled = sa.text("act IN ('clear', 'reject', 'expire', 'withdraw')")
sa.Index(
    "ix_entries_settled",
    entries.c.checkpoint,
    entries.c.seq,
    sqlite_where=_settled,
    postgresql_where=_settled,
)

_decided = sa.text("kind = 'automation'")
sa.Index(
    "ix_entries_decided",
    entries.c.checkpoint,
    entries.c.seq,
    sqlite_where=_decided,
    postgresql_where=_decided,
)

accounts = sa.Table(
    "accounts",
    metadata,
    _text("id", key=True),
    _names("roles", Role),
    _names("groups"),
    _text("password_hash", optional=True),
    _moment("created_at"),
    _text("created_by"),
    _moment("disabled_at", optional=True),
    _int("failures"),
    _moment("locked_until", optional=True),
)

tokens = sa.Table(
    "tokens",
    metadata,
    _text("id", key=True),
    _text("digest"),
    _text("subject"),
    _names("scopes", Scope),
    _moment("created_at"),
    _text("created_by"),
    _moment("expires_at", optional=True),
    _moment("revoked_at", optional=True),
)
sa.Index("uq_tokens_digest", tokens.c.digest, unique=True)

sessions = sa.Table(
    "sessions",
    metadata,
    _text("digest", key=True),
    _text("account"),
    _moment("created_at"),
    _moment("expires_at"),
    _moment("ended_at", optional=True),
)

presences = sa.Table(
    "presences",
    metadata,
    _text("person", key=True),
    _moment("seen_at", optional=True),
    _moment("away_since", optional=True),
)

paces = sa.Table("paces", metadata, _text("checkpoint", key=True), _moment("free_at"))

webhooks = sa.Table(
    "webhooks",
    metadata,
    _text("id", key=True),
    _text("url"),
    _names("events", WebhookEvent),
    _text("secret"),
    _number("max_age_s", optional=True),
    _moment("created_at"),
    _text("created_by"),
    _moment("disabled_at", optional=True),
    _plain("seq", sa.BigInteger()),
)

arrivals = sa.Table("arrivals", metadata, _text("checkpoint", key=True), _int("count"), _text("newest"))

snapshots = sa.Table(
    "snapshots",
    metadata,
    _text("checkpoint", key=True),
    _int("count"),
    _plain("seq", sa.BigInteger()),
    _document("state"),
    _moment("taken_at"),
)

TABLES: dict[type, sa.Table] = {
    Checkpoint: checkpoints,
    Case: cases,
    Content: contents,
    Evidence: evidence,
    Routing: routings,
    VerdictRecord: verdicts,
    Vote: votes,
    Attempt: attempts,
    Audit: audits,
    Note: notes,
    Entry: entries,
    Account: accounts,
    Token: tokens,
    Session: sessions,
    Presence: presences,
    Pace: paces,
    Webhook: webhooks,
    Arrivals: arrivals,
    Snapshot: snapshots,
}
"""Which table keeps which record."""
