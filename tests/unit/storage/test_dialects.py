"""One schema for two databases: tables and statements are good SQL for PostgreSQL as well, from the same text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from signoff.domain.actor import Actor
from signoff.domain.case import Case, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.entry import Entry
from signoff.domain.verdict import Vote
from signoff.storage.rows import Rows, Statements
from signoff.storage.schema import metadata
from tests.conformance.records import RECORDS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = Actor(id="ada")


class Listener:
    """The driver's side of a cursor: hears every statement, and has no rows."""

    rowcount = 0

    def __init__(self) -> None:
        self.heard: list[tuple[str, int]] = []

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> None:
        self.heard.append((sql, len(parameters)))

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> None:
        self.heard += [(sql, len(row)) for row in parameters]

    def fetchone(self) -> None:
        return None

    def fetchall(self) -> list[Any]:
        return []


CALLS: dict[str, Callable[[Rows], object]] = {
    "add": lambda rows: rows.add(*RECORDS),
    "change": lambda rows: rows.change(
        Case, ("c",), expect={"state": State.WAITING, "key": None}, to={"state": State.HELD, "due_at": NOW}
    ),
    "get": lambda rows: [rows.get(Case, "c"), rows.get(Checkpoint, "n", 1)],
    "find": lambda rows: rows.find(Vote, case_id="c", voided_at=None),
    "cases": lambda rows: rows.cases(states=list(State), checkpoint="n", after="c", newest_first=True),
    "queue": lambda rows: rows.queue(ADA, now=NOW, checkpoint="n", after="c", limit=5),
    "due": lambda rows: rows.due(State.CLEARED, now=NOW, limit=5, checkpoint="n"),
    "next_due": lambda rows: rows.next_due(after=NOW),
    "counts": lambda rows: rows.counts(checkpoint="n"),
    "names": lambda rows: [rows.checkpoint_names(), rows.latest_checkpoint("n")],
    "desk": lambda rows: [
        rows.queues(now=NOW),
        rows.loads(now=NOW),
        rows.rulings(since=NOW),
        rows.claimed_before(NOW, now=NOW, limit=5),
        rows.nearing(now=NOW, limit=5),
    ],
    "examples": lambda rows: rows.examples("n", after_seq=1, limit=5),
}


@pytest.mark.parametrize("name", CALLS)
def test_every_statement_is_also_postgresqls(name: str) -> None:
    cursor = Listener()
    CALLS[name](Rows(cursor, Statements(postgresql.dialect(paramstyle="format")), lambda error: False))
    assert cursor.heard
    for sql, given in cursor.heard:
        assert sql.count("%s") == given
        assert "?" not in sql


def test_every_table_and_index_is_also_postgresqls() -> None:
    dialect = postgresql.dialect()
    for table in metadata.sorted_tables:
        text = str(CreateTable(table).compile(dialect=dialect))
        assert "WITHOUT ROWID" not in text
        for index in table.indexes:
            text = str(CreateIndex(index).compile(dialect=dialect))
            assert ("WHERE" in text) == (index.dialect_options["sqlite"]["where"] is not None)


def test_entries_are_numbered_by_the_database() -> None:
    text = str(CreateTable(metadata.tables["entries"]).compile(dialect=postgresql.dialect()))
    assert "seq BIGSERIAL" in text
    assert Entry.__dataclass_fields__["seq"].default == 0
