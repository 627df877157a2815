"""Migrations: older schemas are brought up to date with their rows, newer ones are left alone, a kill does no harm."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import signoff.storage.migrations as migrations
from signoff import Signoff
from signoff.domain.case import State
from signoff.errors import SchemaTooNew
from signoff.storage.migrations import HEAD, KNOWN
from signoff.storage.migrations.upgrade import upgrade_sqlite
from signoff.storage.schema import metadata
from signoff.storage.sqlite import SqliteStore
from tests.crash.children import running

OLDER = KNOWN[:-1]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signoff.db"


def schema_of(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert len(row) == 1
    return str(row[0][0])


def definitions(path: Path) -> dict[str, str]:
    """Every table and index, by name, with its definition in one spelling."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return {name: re.sub(r"\s+", " ", sql.replace('"', "")).strip() for name, sql in rows if name != "alembic_version"}


def older_file(path: Path, version: str) -> dict[str, int]:
    """Make a file as an older Signoff left it, with cases in it; give how many rows each of its tables has."""
    new = path.with_name("new.db")
    with Signoff(new, workers=0) as app:

        @app.checkpoint(undo_s=10)
        def send(to: str, text: str = "grüß dich") -> str:
            return "sent"

        cases = [send.propose(to=f"ada-{n}", evidence={"mail": {"n": n}}, key=f"key-{n}") for n in range(5)]
        app.reviewer("grace").edit(cases[0], {"to": "eve", "text": "☃"})
        app.reviewer("grace").approve(cases[1])
        app.reviewer("grace").claim_case(cases[2].id)
        cases[3].withdraw()
    upgrade_sqlite(path, busy_s=1, to=version)
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        old.execute("ATTACH ? AS new", (str(new),))
        tables = [name for (name,) in old.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")]
        tables = [name for name in tables if name != "alembic_version" and not name.startswith("sqlite_")]
        for table in tables:
            columns = ", ".join(f'"{row[1]}"' for row in old.execute(f"PRAGMA main.table_info({table})"))
            old.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM new.{table}")
        counts = {table: old.execute(f"SELECT count(*) FROM main.{table}").fetchone()[0] for table in tables}
    new.unlink()
    return counts


def test_the_migrations_are_one_line_that_ends_at_head() -> None:
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    walked = [revision.revision for revision in script.walk_revisions()]
    assert tuple(reversed(walked)) == KNOWN
    assert script.get_heads() == [HEAD] == [KNOWN[-1]]


def test_a_migrated_file_has_the_schema_of_the_metadata(path: Path) -> None:
    SqliteStore(path).close()
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_a_migrated_file_has_the_indexes_and_options_of_the_metadata(path: Path, tmp_path: Path) -> None:
    """Partial indexes and tables without rowid are not among the things that Alembic compares."""
    SqliteStore(path).close()
    direct = tmp_path / "direct.db"
    engine = sa.create_engine(f"sqlite:///{direct}")
    metadata.create_all(engine)
    engine.dispose()
    migrated, wanted = definitions(path), definitions(direct)
    assert set(migrated) == set(wanted)
    for name, definition in wanted.items():
        if definition.startswith("CREATE TABLE"):
            assert ("WITHOUT ROWID" in migrated[name]) == ("WITHOUT ROWID" in definition), name
        else:
            assert migrated[name] == definition


@pytest.mark.parametrize("version", OLDER)
def test_an_older_file_is_brought_up_to_date_with_its_rows(path: Path, version: str) -> None:
    counts = older_file(path, version)
    assert schema_of(path) == version
    assert counts["cases"] == 5
    with Signoff(path, workers=0) as app:

        @app.checkpoint(undo_s=10)
        def send(to: str, text: str = "grüß dich") -> str:
            return "sent"

        assert list(app.verify().contradictions) == []
        states = [case.state for case in app.cases()]
        assert states == [State.HELD, State.HELD, State.WAITING, State.WITHDRAWN, State.WAITING]
        first = app.history(app.cases()[0].id)
        assert [content.arguments for content in first.contents] == [
            {"to": "ada-0", "text": "grüß dich"},
            {"to": "eve", "text": "☃"},
        ]
        assert first.evidence["mail"]["value"] == {"n": 0}
        assert send.propose(to="ada-4", evidence={"mail": {"n": 4}}, key="key-4").id == app.cases()[4].id
        assert send.declaration.version == 1
        app.reviewer("grace").recall(first.case)
        app.reviewer("grace").hand_over(app.cases()[4].id, "ada", note="a row in a table that the older schema lacks")
        assert app.history(app.cases()[4].id).notes
    assert schema_of(path) == HEAD
    with closing(sqlite3.connect(path)) as connection:
        for table, count in counts.items():
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] >= count
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_opening_a_file_of_today_changes_nothing(path: Path) -> None:
    SqliteStore(path).close()
    before = definitions(path)
    SqliteStore(path).close()
    assert (definitions(path), schema_of(path)) == (before, HEAD)


@pytest.mark.parametrize("version", ["9999", "a-branch-of-tomorrow"])
def test_a_newer_file_is_refused_and_not_touched(path: Path, version: str) -> None:
    with Signoff(path, workers=0) as app:

        @app.checkpoint
        def send(to: str) -> None: ...

        send.propose(to="ada")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (version,))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = path.read_bytes()
    with pytest.raises(SchemaTooNew, match=version) as caught:
        SqliteStore(path)
    assert caught.value.facts == {"schema": version, "known": HEAD}
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("statement", [1, 2, 9, 17, 23])
def test_a_process_killed_while_it_makes_the_tables_leaves_a_file_that_opens(tmp_path: Path, statement: int) -> None:
    with running("tests.crash.child", "migrate", tmp_path / "signoff.db", str(statement)) as child:
        assert child.hear().startswith("in ")
        assert child.was_killed()
    with Signoff(tmp_path / "signoff.db", workers=0) as app:

        @app.checkpoint
        def send(to: str) -> str:
            return "sent"

        case = app.reviewer("grace").approve(send.propose(to="ada"))
        app.run_due()
        assert app.case(case.id).state is State.DONE
    assert schema_of(tmp_path / "signoff.db") == HEAD


@pytest.mark.parametrize("version", OLDER)
def test_a_process_killed_while_it_migrates_leaves_the_rows(tmp_path: Path, version: str) -> None:
    path = tmp_path / "signoff.db"
    older_file(path, version)
    original = path.read_bytes()
    statement = 0
    said = "in"
    while said.startswith("in"):
        statement += 1
        for left in tmp_path.iterdir():
            left.unlink()
        path.write_bytes(original)
        with running("tests.crash.child", "migrate", tmp_path / "signoff.db", str(statement)) as child:
            said = child.hear()
            assert said.startswith("opened") or child.was_killed()
        with Signoff(path, workers=0) as app:
            assert list(app.verify().contradictions) == []
            assert len(app.cases()) == 5
        assert schema_of(path) == HEAD
    assert statement > 5, "nothing was there to migrate"
