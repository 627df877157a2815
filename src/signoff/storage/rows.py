"""Rows: the store's reading and writing, in SQLAlchemy Core statements that are compiled once and run on the driver."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from operator import attrgetter
from typing import Any, Protocol

import sqlalchemy as sa

from signoff.domain.account import Account
from signoff.domain.actor import Actor
from signoff.domain.automation import Arrivals
from signoff.domain.case import Case, ClearedBy, Move, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.claim import LEADS, QUARTER, Assigned
from signoff.domain.entry import Entry, EntryKind
from signoff.domain.pace import Pace
from signoff.domain.verdict import VerdictKind
from signoff.errors import KeyReused
from signoff.ports import KEYS, NEAREST, Example, Load, Queue, R, Record, Settlement
from signoff.storage.schema import (
    TABLES,
    Column,
    cases,
    checkpoints,
    contents,
    entries,
    evidence,
    moment,
    verdicts,
    votes,
)


class Cursor(Protocol):
    """What is needed of a driver's cursor (PEP 249)."""

    @property
    def rowcount(self) -> int:
        """How many rows the last statement changed."""
        ...

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Any:
        """Run one statement."""
        ...

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> Any:
        """Run one statement for each set of parameters."""
        ...

    def fetchone(self) -> Any:
        """Give the next row."""
        ...

    def fetchall(self) -> list[Any]:
        """Give all rows."""
        ...


class _Binding:
    """One record type and its table: how a record becomes a row, and back."""

    def __init__(self, kind: type, table: sa.Table) -> None:
        self.kind = kind
        self.table = table
        self.names = [column.name for column in table.columns]
        columns = [column for column in table.columns if isinstance(column, Column)]
        self.encoders = {c.name: c.encode for c in columns if c.encode is not None}
        self._encode = [(i, self.encoders[n]) for i, n in enumerate(self.names) if n in self.encoders]
        self._decode = [(i, c.decode) for i, c in enumerate(columns) if c.decode is not None]
        self._values = attrgetter(*self.names)

    def row(self, record: Record) -> list[Any]:
        values = list(self._values(record))
        for index, encode in self._encode:
            if values[index] is not None:
                values[index] = encode(values[index])
        return values

    def record(self, row: Sequence[Any]) -> Any:
        values = list(row)
        for index, decode in self._decode:
            if values[index] is not None:
                values[index] = decode(values[index])
        # Rows were records once, so their fields need no __init__, which takes five times as long.
        record: Any = object.__new__(self.kind)
        record.__dict__.update(zip(self.names, values, strict=True))
        return record

    def value(self, name: str, value: Any) -> Any:
        encode = self.encoders.get(name)
        return value if encode is None or value is None else encode(value)


BINDINGS = {kind: _Binding(kind, table) for kind, table in TABLES.items()}


@dataclass(frozen=True)
class Statement:
    """
    One compiled statement.

    Args:
        sql: With positional parameters.
        order: Their names.
        constants: Values that the dialect itself put in.
    """

    sql: str
    order: Sequence[str]
    constants: Mapping[str, Any]

    @cached_property
    def split(self) -> list[tuple[str, str]]:
        """Give the names `SOURCE_NAME` in two halves."""
        return [(source, rest) for source, _, rest in (name.partition("_") for name in self.order)]

    def parameters(self, values: Mapping[str, Any]) -> list[Any]:
        """Put values in the order of the parameters."""
        return [values[name] if name in values else self.constants[name] for name in self.order]


class Statements:
    """
    Compiled statements for one dialect; each is compiled at its first use.

    Args:
        dialect: With a positional parameter style.
        settled: A condition on `entries` for those before which none can appear any more, where not all are.
    """

    def __init__(self, dialect: sa.Dialect, *, settled: str | None = None) -> None:
        self.dialect = dialect
        self.settled = [] if settled is None else [sa.text(settled)]
        self._compiled: dict[Any, Statement] = {}

    def __call__(self, name: Any, build: Callable[[], sa.sql.ClauseElement]) -> Statement:
        """Give the statement of that name."""
        found = self._compiled.get(name)
        if found is None:
            compiled = build().compile(dialect=self.dialect)
            order = tuple(getattr(compiled, "positiontup", None) or ())
            constants = {n: v for n, v in compiled.params.items() if v is not None}
            found = self._compiled[name] = Statement(str(compiled), order, constants)
        return found


_LOCKED = frozenset({Case, Pace, Account, Arrivals})
"""What a write reads in order to change it."""

_ROUNDS = 8
"""How often a claim looks further, past what others have in hand, before it gives what it has."""


def _bind(name: str) -> sa.BindParameter[Any]:
    return sa.bindparam(name, type_=sa.types.NullType())


class Rows:
    """
    A look at the database that may also write; implements `ports.Transaction` on any driver's cursor.

    Args:
        cursor: Inside a transaction.
        statements: Compiled for the driver's dialect.
        is_duplicate: Tells a violated key from other errors of the driver.
        locks: Whether what is read is locked, row by row, because others write at the same time.
    """

    def __init__(
        self,
        cursor: Cursor,
        statements: Statements,
        is_duplicate: Callable[[Exception], bool],
        *,
        locks: bool = False,
    ) -> None:
        self._cursor = cursor
        self._statements = statements
        self._is_duplicate = is_duplicate
        self._locks = locks
        self.entries: list[Entry] = []
        self.wrote = False

    # --- writing

    def add(self, *records: Record) -> None:
        """Add records; those of one type go in one statement."""
        self.wrote = True
        by_kind: dict[type, list[Record]] = {}
        for record in records:
            by_kind.setdefault(type(record), []).append(record)
        for kind, group in by_kind.items():
            binding = BINDINGS[kind]
            skip = 1 if kind is Entry else 0
            statement = self._statements(
                ("add", kind),
                lambda binding=binding, skip=skip: (  # type: ignore[misc]
                    binding.table.insert().inline().values({n: _bind(n) for n in binding.names[skip:]})
                ),
            )
            try:
                if len(group) == 1:
                    self._cursor.execute(statement.sql, binding.row(group[0])[skip:])
                else:
                    self._cursor.executemany(statement.sql, [binding.row(record)[skip:] for record in group])
            except Exception as error:
                if self._is_duplicate(error):
                    raise KeyReused(
                        f"a {kind.__name__} with that key is already there ({error}); use a new one"
                    ) from None
                raise
            if kind is Entry:
                self.entries.extend(group)  # type: ignore[arg-type]

    def change(
        self,
        kind: type[Record],
        key: Sequence[str | int],
        *,
        expect: Mapping[str, Any],
        to: Mapping[str, Any],
    ) -> bool:
        """Compare and swap."""
        binding = BINDINGS[kind]
        names = KEYS[kind]

        def build() -> sa.sql.ClauseElement:
            columns = binding.table.c
            same = [columns[n] == _bind(f"key_{n}") for n in names]
            same += [
                columns[n].is_(None) if value is None else columns[n] == _bind(f"expect_{n}")
                for n, value in expect.items()
            ]
            return binding.table.update().where(*same).values({n: _bind(f"to_{n}") for n in to})

        shape = tuple([n if value is not None else (n,) for n, value in expect.items()])
        statement = self._statements(("change", kind, tuple(to), shape), build)
        sources = {"key": dict(zip(names, key, strict=True)), "expect": expect, "to": to}
        encoders = binding.encoders
        values = []
        for source, name in statement.split:
            value = sources[source][name]
            encode = encoders.get(name)
            values.append(value if encode is None or value is None else encode(value))
        self._cursor.execute(statement.sql, values)
        changed = self._cursor.rowcount == 1
        self.wrote = self.wrote or changed
        return changed

    def load(self, kind: type[Record], rows: Sequence[Sequence[Any]]) -> None:
        """Put in rows as `rows_of` gave them, entries with their numbers."""
        self.wrote = True
        binding = BINDINGS[kind]
        statement = self._statements(
            ("load", kind), lambda: binding.table.insert().inline().values({n: _bind(n) for n in binding.names})
        )
        self._cursor.executemany(statement.sql, rows)

    def count_on(self) -> None:
        """Give the next entry a higher number than any that was put in."""
        if self._statements.dialect.name == "postgresql":
            self._cursor.execute(
                "SELECT setval(pg_get_serial_sequence('entries', 'seq'), max(seq)) FROM entries HAVING max(seq) > 0", []
            )
            self._cursor.fetchall()

    # --- reading

    def rows_of(self, kind: type[Record], *, after: Sequence[Any] | None, limit: int) -> list[Sequence[Any]]:
        """
        List rows as they are stored, a page at a time, in the order of their primary key.

        Args:
            kind: Which records.
            after: The last row of the page before.
            limit: Rows at the most, >= 1.
        """
        binding = BINDINGS[kind]
        keys = [binding.table.c[name] for name in KEYS[kind]]

        def build() -> sa.sql.ClauseElement:
            query = sa.select(binding.table).order_by(*keys).limit(sa.bindparam("limit", type_=sa.Integer()))
            if after is None:
                return query
            return query.where(sa.tuple_(*keys) > sa.tuple_(*[_bind(f"after_{key.name}") for key in keys]))

        statement = self._statements(("rows_of", kind, after is None), build)
        values = {f"after_{name}": value for name, value in zip(binding.names, after or (), strict=False)}
        self._cursor.execute(statement.sql, statement.parameters({**values, "limit": limit}))
        return self._cursor.fetchall()

    def count(self, kind: type[Record]) -> int:
        """Count the records of one type."""
        table = BINDINGS[kind].table
        statement = self._statements(("count", kind), lambda: sa.select(sa.func.count()).select_from(table))
        self._cursor.execute(statement.sql, [])
        return int(self._cursor.fetchone()[0])

    def _records(self, kind: type[R], statement: Statement, values: Mapping[str, Any]) -> list[R]:
        self._cursor.execute(statement.sql, statement.parameters(values))
        binding = BINDINGS[kind]
        return [binding.record(row) for row in self._cursor.fetchall()]

    def get(self, kind: type[R], *key: str | int) -> R | None:
        """Give the record with that primary key."""
        return self._get(kind, key, skips=False)

    def free(self, kind: type[R], *key: str | int) -> R | None:
        """Give the record with that primary key, if no other write is changing it."""
        return self._get(kind, key, skips=True)

    def _get(self, kind: type[R], key: Sequence[str | int], *, skips: bool) -> R | None:
        binding = BINDINGS[kind]
        names = KEYS[kind]
        locks = self._locks and kind in _LOCKED

        def build() -> sa.sql.ClauseElement:
            query = sa.select(binding.table).where(*[binding.table.c[n] == _bind(n) for n in names])
            return query.with_for_update(skip_locked=skips) if locks else query

        statement = self._statements(("get", kind, locks, skips), build)
        values = dict(zip(names, key, strict=True))
        self._cursor.execute(statement.sql, statement.parameters(values))
        row = self._cursor.fetchone()
        return None if row is None else binding.record(row)

    def find(self, kind: type[R], **equal: str | int | None) -> list[R]:
        """List records by equal fields, in the order of their primary key."""
        binding = BINDINGS[kind]
        columns = binding.table.c
        statement = self._statements(
            ("find", kind, tuple(n if v is not None else (n,) for n, v in equal.items())),
            lambda: (
                sa.select(binding.table)
                .where(*[columns[n].is_(None) if v is None else columns[n] == _bind(n) for n, v in equal.items()])
                .order_by(*[columns[n] for n in KEYS[kind]])
            ),
        )
        return self._records(kind, statement, {n: binding.value(n, v) for n, v in equal.items()})

    def cases(
        self,
        *,
        states: Sequence[State] | None = None,
        checkpoint: str | None = None,
        after: str | None = None,
        limit: int = 50,
        newest_first: bool = False,
        text: str | None = None,
    ) -> list[Case]:
        """List cases by id, a page at a time."""
        wanted = {f"state_{i}": state.value for i, state in enumerate(states or ())}

        def build() -> sa.sql.ClauseElement:
            query = sa.select(cases)
            if states is not None:
                query = query.where(sa.or_(sa.false(), *[cases.c.state == _bind(name) for name in wanted]))
            if checkpoint is not None:
                query = query.where(cases.c.checkpoint == _bind("checkpoint"))
            if after is not None:
                beyond = cases.c.id < _bind("after") if newest_first else cases.c.id > _bind("after")
                query = query.where(beyond)
            if text is not None:
                query = query.where(_holds_text())
            ordered = query.order_by(cases.c.id.desc() if newest_first else cases.c.id)
            return ordered.limit(sa.bindparam("limit", type_=sa.Integer()))

        shape = (
            "cases",
            None if states is None else len(states),
            checkpoint is None,
            after is None,
            newest_first,
            text is None,
        )
        statement = self._statements(shape, build)
        values: dict[str, Any] = {**wanted, **_needle(text), "checkpoint": checkpoint, "after": after, "limit": limit}
        return self._records(Case, statement, values)

    def queue(
        self,
        actor: Actor,
        *,
        now: datetime,
        checkpoint: str | None = None,
        after: str | None = None,
        limit: int,
        assigned: Assigned | None = None,
        text: str | None = None,
    ) -> list[Case]:
        """List waiting cases that are offered to the actor now, oldest first."""
        offered = partial(self._queue, actor, now=now, assigned=assigned, text=text)
        if checkpoint is not None:
            return offered(checkpoint=checkpoint, after=after, limit=limit, locks=self._locks)
        if not self._locks:
            return self._merged(offered, after, limit)
        # Only what is given may be locked, or a colleague would be told that nothing waits; so it is found first.
        taken: list[Case] = []
        reach = limit
        for _ in range(_ROUNDS):
            found = [case.id for case in self._merged(offered, after, reach)]
            if found:
                taken += offered(ids=found, limit=limit - len(taken), locks=True)
            if len(taken) == limit or len(found) < reach:
                break
            # The others have the rest of these in hand.
            after, reach = found[-1], min(4 * reach, max(limit, 1000))
        return taken

    def _merged(self, offered: Callable[..., list[Case]], after: str | None, limit: int) -> list[Case]:
        # Each checkpoint's queue is one run of the index; all of them together are a merge of these.
        names = self.checkpoint_names()
        found = [case for name in names for case in offered(checkpoint=name, after=after, limit=limit)]
        return sorted(found, key=attrgetter("id"))[:limit]

    def _queue(
        self,
        actor: Actor,
        *,
        now: datetime,
        checkpoint: str | None = None,
        ids: Sequence[str] | None = None,
        after: str | None = None,
        limit: int,
        assigned: Assigned | None,
        text: str | None,
        locks: bool = False,
    ) -> list[Case]:
        meant = {Assigned.ME: {actor.id}, Assigned.GROUP: actor.addresses - {actor.id}, Assigned.ANYONE: frozenset()}
        listed = actor.addresses if assigned is None else meant[assigned]
        addresses = {f"address_{i}": address for i, address in enumerate(sorted(listed))}
        for_anyone = assigned in (None, Assigned.ANYONE)
        mine = (
            {f"mine_{i}": address for i, address in enumerate(sorted(actor.addresses - listed))} if for_anyone else {}
        )

        def build() -> sa.sql.ClauseElement:
            c = cases.c
            now_ = _bind("now")
            voted = sa.exists().where(
                votes.c.case_id == c.id,
                votes.c.revision == c.revision,
                votes.c.reviewer == _bind("actor"),
                sa.text("votes.voided_at IS NULL"),
            )
            query = sa.select(cases).where(
                c.state == sa.literal_column("'waiting'"),
                c.id == sa.func.any(_bind("ids")) if checkpoint is None else c.checkpoint == _bind("checkpoint"),
                c.proposer != _bind("actor"),
                ~voted,
                sa.or_(c.snoozed_until.is_(None), c.snoozed_until <= now_),
                sa.or_(c.deadline_at.is_(None), c.deadline_at > now_),
                sa.or_(
                    sa.false(),
                    *([c.assigned_to.is_(None), _passes_on(now_, mine)] if for_anyone else []),
                    *[c.assigned_to == _bind(name) for name in addresses],
                ),
                sa.or_(c.claimed_by.is_(None), c.claimed_by == _bind("actor"), c.claim_expires_at <= now_),
            )
            if after is not None:
                query = query.where(c.id > _bind("after"))
            if text is not None:
                query = query.where(_holds_text())
            query = query.order_by(c.id).limit(sa.bindparam("limit", type_=sa.Integer()))
            return query.with_for_update(skip_locked=True) if locks else query

        shape = ("queue", len(addresses), len(mine), for_anyone, checkpoint is None, after is None, text is None, locks)
        statement = self._statements(shape, build)
        values: dict[str, Any] = {
            **addresses,
            **mine,
            **_needle(text),
            "now": moment(now),
            "actor": actor.id,
            "checkpoint": checkpoint,
            "ids": ids,
            "after": after,
            "limit": limit,
        }
        return self._records(Case, statement, values)

    def due(self, state: State, *, now: datetime, limit: int, checkpoint: str | None = None) -> list[Case]:
        """List cases in that state whose `due_at` has come, earliest first."""
        only = [] if checkpoint is None else [cases.c.checkpoint == _bind("checkpoint")]

        def build() -> sa.sql.ClauseElement:
            query = sa.select(cases).where(cases.c.state == _bind("state"), cases.c.due_at <= _bind("now"), *only)
            query = query.order_by(cases.c.due_at).limit(sa.bindparam("limit", type_=sa.Integer()))
            return query.with_for_update(skip_locked=True) if self._locks else query

        statement = self._statements(("due", checkpoint is None, self._locks), build)
        values = {"state": state.value, "now": moment(now), "limit": limit, "checkpoint": checkpoint}
        return self._records(Case, statement, values)

    def next_due(self, *, after: datetime) -> datetime | None:
        """Give the earliest `due_at` later than that."""
        moments = []
        for state in (State.WAITING, State.HELD, State.CLEARED, State.RUNNING):
            statement = self._statements(
                "next_due",
                lambda: (
                    sa.select(cases.c.due_at)
                    .where(cases.c.state == _bind("state"), cases.c.due_at > _bind("after"))
                    .order_by(cases.c.due_at)
                    .limit(sa.literal_column("1"))
                ),
            )
            self._cursor.execute(statement.sql, statement.parameters({"state": state.value, "after": moment(after)}))
            row = self._cursor.fetchone()
            if row is not None:
                moments.append(row[0])
        decode = cases.c.due_at
        assert isinstance(decode, Column) and decode.decode is not None
        return decode.decode(min(moments)) if moments else None

    def running(self, checkpoint: str) -> int:
        """Count the running effects of a checkpoint."""
        statement = self._statements(
            "running",
            lambda: (
                sa.select(sa.func.count())
                .select_from(cases)
                .where(cases.c.state == sa.literal_column("'running'"), cases.c.checkpoint == _bind("checkpoint"))
            ),
        )
        self._cursor.execute(statement.sql, statement.parameters({"checkpoint": checkpoint}))
        return int(self._cursor.fetchone()[0])

    def counts(self, *, checkpoint: str | None = None) -> dict[State, int]:
        """Count cases by state, from a narrow index."""
        statement = self._statements(
            ("counts", checkpoint is None),
            lambda: (
                sa.select(cases.c.state, sa.func.count())
                .where(*([] if checkpoint is None else [cases.c.checkpoint == _bind("checkpoint")]))
                .group_by(cases.c.state)
            ),
        )
        self._cursor.execute(statement.sql, statement.parameters({"checkpoint": checkpoint}))
        return {State(state): count for state, count in self._cursor.fetchall()}

    def queues(self, *, now: datetime) -> dict[str, Queue]:
        """Count what waits at each checkpoint, from narrow indexes."""
        c = cases.c
        waits = c.state == sa.literal_column("'waiting'")
        counted = self._statements(
            "queues",
            lambda: sa.select(c.checkpoint, sa.func.count(), sa.func.min(c.id)).where(waits).group_by(c.checkpoint),
        )
        snoozed = self._statements(
            "snoozed",
            lambda: (
                sa.select(c.checkpoint, sa.func.count())
                .where(waits, c.snoozed_until.is_not(None), c.snoozed_until > _bind("now"))
                .group_by(c.checkpoint)
            ),
        )
        self._cursor.execute(snoozed.sql, snoozed.parameters({"now": moment(now)}))
        asleep = dict(self._cursor.fetchall())
        self._cursor.execute(counted.sql, counted.parameters({}))
        found: dict[str, Queue] = {}
        for name, waiting, oldest in self._cursor.fetchall():
            first = self.get(Case, oldest)
            assert first is not None
            found[name] = Queue(waiting=waiting, oldest_at=first.created_at, snoozed=asleep.get(name, 0))
        return found

    def loads(self, *, now: datetime) -> list[Load]:
        """Count what each person has in hand, from narrow indexes."""
        c = cases.c
        waits = c.state == sa.literal_column("'waiting'")

        def build(who: sa.Column[Any], *more: sa.ColumnElement[bool]) -> sa.sql.ClauseElement:
            counted = sa.select(who, c.checkpoint, sa.func.count()).where(waits, who.is_not(None), *more)
            return counted.group_by(who, c.checkpoint)

        claimed = self._statements("claimed", lambda: build(c.claimed_by, c.claim_expires_at > _bind("now")))
        assigned = self._statements("assigned", lambda: build(c.assigned_to))
        found: dict[tuple[str, str], Load] = {}
        self._cursor.execute(claimed.sql, claimed.parameters({"now": moment(now)}))
        for who, checkpoint, count in self._cursor.fetchall():
            found[who, checkpoint] = Load(who=who, checkpoint=checkpoint, claimed=count)
        self._cursor.execute(assigned.sql, assigned.parameters({}))
        for who, checkpoint, count in self._cursor.fetchall():
            load = found.get((who, checkpoint), Load(who=who, checkpoint=checkpoint))
            found[who, checkpoint] = replace(load, assigned=count)
        return [found[key] for key in sorted(found)]

    def rulings(self, *, since: datetime) -> dict[str, int]:
        """Count the verdicts of each person since a time."""
        c = verdicts.c
        statement = self._statements(
            "rulings",
            lambda: (
                sa.select(c.reviewer, sa.func.count())
                .where(c.ruled_at >= _bind("since"), c.voided_at.is_(None))
                .group_by(c.reviewer)
            ),
        )
        self._cursor.execute(statement.sql, statement.parameters({"since": moment(since)}))
        return dict(self._cursor.fetchall())

    def claimed_before(self, before: datetime, *, now: datetime, limit: int) -> list[Case]:
        """List waiting cases whose live claim began before a time."""
        c = cases.c

        def build() -> sa.sql.ClauseElement:
            began = (
                sa.select(sa.func.max(entries.c.at))
                .where(
                    entries.c.case_id == c.id,
                    entries.c.kind == sa.literal_column(f"'{EntryKind.CLAIM}'"),
                    entries.c.act == sa.literal_column("'claim'"),
                )
                .scalar_subquery()
            )
            held = sa.and_(c.claimed_by.is_not(None), c.claim_expires_at > _bind("now"))
            query = sa.select(cases).where(c.state == sa.literal_column("'waiting'"), held, began < _bind("before"))
            return query.order_by(c.id).limit(sa.bindparam("limit", type_=sa.Integer()))

        statement = self._statements("claimed_before", build)
        return self._records(Case, statement, {"now": moment(now), "before": moment(before), "limit": limit})

    def nearing(self, *, now: datetime, limit: int) -> list[Case]:
        """List waiting cases whose deadline is near, the nearest first."""
        c = cases.c

        def build() -> sa.sql.ClauseElement:
            next_ = cases.alias("next")
            first = (
                sa.select(next_.c.id)
                .where(next_.c.state == sa.literal_column("'waiting'"), next_.c.due_at > _bind("now"))
                .order_by(next_.c.due_at)
                .limit(sa.literal_column(str(NEAREST)))
                .subquery()
            )
            query = sa.select(cases).join(first, first.c.id == c.id).where(_is_near(_bind("now")))
            return query.order_by(c.due_at, c.id).limit(sa.bindparam("limit", type_=sa.Integer()))

        return self._records(Case, self._statements("nearing", build), {"now": moment(now), "limit": limit})

    def ledger(self, *, after_seq: int, limit: int) -> list[Entry]:
        """List entries in the order of the ledger."""
        statement = self._statements(
            "ledger",
            lambda: (
                sa.select(entries)
                .where(entries.c.seq > _bind("after"), *self._statements.settled)
                .order_by(entries.c.seq)
                .limit(sa.bindparam("limit", type_=sa.Integer()))
            ),
        )
        return self._records(Entry, statement, {"after": after_seq, "limit": limit})

    def last_seq(self) -> int:
        """Give the number of the last entry `ledger` would list, 0 for an empty ledger."""
        statement = self._statements(
            "last_seq",
            lambda: (
                sa.select(entries.c.seq)
                .where(sa.true(), *self._statements.settled)
                .order_by(entries.c.seq.desc())
                .limit(sa.literal_column("1"))
            ),
        )
        self._cursor.execute(statement.sql, statement.parameters({}))
        row = self._cursor.fetchone()
        return 0 if row is None else int(row[0])

    def decisions(self, checkpoint: str, *, after_seq: int, limit: int) -> list[Entry]:
        """List what the automation of a checkpoint decided, in the order of the ledger."""
        statement = self._statements(
            "decisions",
            lambda: (
                sa.select(entries)
                .where(
                    sa.text("entries.kind = 'automation'"),
                    entries.c.checkpoint == _bind("checkpoint"),
                    entries.c.seq > _bind("after"),
                )
                .order_by(entries.c.seq)
                .limit(sa.bindparam("limit", type_=sa.Integer()))
            ),
        )
        return self._records(Entry, statement, {"checkpoint": checkpoint, "after": after_seq, "limit": limit})

    def settlements(self, checkpoint: str, *, after_seq: int, limit: int, up_to: int | None = None) -> list[Settlement]:
        """List the settled cases of a checkpoint in the order of the ledger."""
        ended = up_to is not None
        statement = self._statements(
            ("settlements", ended), lambda: _settlements(self._statements.settled, ended=ended)
        )
        values = {"checkpoint": checkpoint, "after": after_seq, "limit": limit, "up_to": up_to}
        self._cursor.execute(statement.sql, statement.parameters(values))
        return [
            Settlement(seq=seq, case_id=case_id, act=Move(act), loss=json.loads(facts).get("loss") if facts else None)
            for seq, case_id, act, facts in self._cursor.fetchall()
        ]

    def latest_checkpoint(self, name: str) -> Checkpoint | None:
        """Give the newest version of a checkpoint."""
        versions = self.find(Checkpoint, name=name)
        return versions[-1] if versions else None

    def checkpoint_names(self) -> list[str]:
        """List the checkpoints that were ever registered, by name."""
        table = TABLES[Checkpoint]
        statement = self._statements(
            "checkpoint_names", lambda: sa.select(table.c.name).distinct().order_by(table.c.name)
        )
        self._cursor.execute(statement.sql, [])
        return [row[0] for row in self._cursor.fetchall()]

    def examples(self, checkpoint: str, *, after_seq: int, limit: int) -> list[Example]:
        """List settled human verdicts in the order of the ledger."""
        statement = self._statements("examples", lambda: _examples(self._statements.settled))
        values = {"checkpoint": checkpoint, "after": after_seq, "limit": limit}
        self._cursor.execute(statement.sql, statement.parameters(values))
        load = contents.c.arguments
        assert isinstance(load, Column) and load.decode is not None
        decode = load.decode
        return [
            Example(
                seq=seq,
                case_id=case_id,
                evidence={n: item["value"] for n, item in decode(items).items()} if items else {},
                proposed=decode(proposed),
                final=None if kind == VerdictKind.REJECTED.value else decode(final),
            )
            for seq, case_id, kind, items, proposed, final in self._cursor.fetchall()
        ]


_SETTLING = "entries.act IN ('clear', 'reject', 'expire', 'withdraw')"


def _settlements(complete: Sequence[sa.TextClause], *, ended: bool) -> sa.sql.ClauseElement:
    ruled = entries.alias("ruled")
    verdict = (
        sa.select(ruled.c.facts)
        .where(ruled.c.case_id == entries.c.case_id, sa.text("ruled.act = 'rule'"), ruled.c.seq < entries.c.seq)
        .order_by(ruled.c.seq.desc())
        .limit(sa.literal_column("1"))
        .scalar_subquery()
    )
    until = [entries.c.seq <= _bind("up_to")] if ended else complete
    return (
        sa.select(entries.c.seq, entries.c.case_id, entries.c.act, verdict)
        .where(
            sa.text(_SETTLING),
            entries.c.checkpoint == _bind("checkpoint"),
            entries.c.seq > _bind("after"),
            *until,
        )
        .order_by(entries.c.seq)
        .limit(sa.bindparam("limit", type_=sa.Integer()))
    )


def _is_near(now: sa.BindParameter[Any]) -> sa.ColumnElement[bool]:
    c = cases.c
    left: sa.ColumnElement[Any] = c.deadline_at - now
    return sa.and_(c.deadline_at.is_not(None), left * sa.literal_column(str(QUARTER)) <= c.deadline_at - c.created_at)


def _passes_on(now: sa.BindParameter[Any], except_to: Iterable[str]) -> sa.ColumnElement[bool]:
    others = [cases.c.assigned_to != _bind(name) for name in except_to]
    return sa.and_(cases.c.assigned_to != sa.literal_column(f"'{LEADS}'"), *others, _is_near(now))


def _holds_text() -> sa.ColumnElement[bool]:
    needle = _bind("needle")
    # Whoever could find a case by the category that is kept from them would know it.
    blind = sa.exists().where(
        checkpoints.c.name == cases.c.checkpoint,
        checkpoints.c.version == cases.c.version,
        checkpoints.c.blind == sa.literal_column("1"),
        cases.c.state.in_([sa.literal_column(f"'{state}'") for state in (State.WAITING, State.HELD)]),
    )
    within = [
        sa.and_(
            sa.exists().where(
                contents.c.case_id == cases.c.id,
                contents.c.revision == cases.c.revision,
                contents.c.arguments.ilike(needle, escape="!"),
            ),
            ~blind,
        ),
        sa.exists().where(evidence.c.case_id == cases.c.id, evidence.c["items"].ilike(needle, escape="!")),
        cases.c.key.ilike(_bind("plain_needle"), escape="!"),
    ]
    return sa.or_(*within)


def _needle(text: str | None) -> dict[str, str]:
    """Give a text as it is looked for: in documents as JSON writes it, and plain."""
    if text is None:
        return {}
    written = json.dumps(text, ensure_ascii=False)[1:-1]
    return {"needle": _anywhere(written), "plain_needle": _anywhere(text)}


def _anywhere(text: str) -> str:
    escaped = text.replace("!", "!!").replace("%", "!%").replace("_", "!_")
    return f"%{escaped}%"


def _examples(complete: Sequence[sa.TextClause]) -> sa.sql.ClauseElement:
    draft, final = contents.alias("draft"), contents.alias("final")
    edited = sa.case((verdicts.c.kind == sa.literal_column("'edited'"), 1), else_=0)
    settled = entries.alias("settled")
    newest = (
        sa.select(sa.func.max(settled.c.seq))
        .where(settled.c.case_id == entries.c.case_id, sa.text("settled.act IN ('clear', 'reject')"))
        .scalar_subquery()
    )
    tables = (
        entries.join(cases, cases.c.id == entries.c.case_id)
        .join(verdicts, verdicts.c.id == cases.c.verdict_id)
        .join(
            draft,
            sa.and_(draft.c.case_id == cases.c.id, draft.c.revision == verdicts.c.draft_revision),
        )
        .join(final, sa.and_(final.c.case_id == cases.c.id, final.c.revision == verdicts.c.revision + edited))
        .outerjoin(evidence, evidence.c.case_id == cases.c.id)
    )
    return (
        sa.select(
            entries.c.seq,
            cases.c.id,
            verdicts.c.kind,
            evidence.c["items"],
            draft.c.arguments,
            final.c.arguments,
        )
        .select_from(tables)
        .where(
            sa.text("entries.act IN ('clear', 'reject')"),
            # As the index says it, or SQLite would not use it.
            sa.text(_SETTLING),
            # A case that was redrafted after it had cleared settles again; its newest verdict is the one that stands.
            entries.c.seq == newest,
            entries.c.checkpoint == _bind("checkpoint"),
            entries.c.seq > _bind("after"),
            cases.c.cleared_by == sa.literal_column(f"'{ClearedBy.PERSON.value}'"),
            *complete,
        )
        .order_by(entries.c.seq)
        .limit(sa.bindparam("limit", type_=sa.Integer()))
    )
