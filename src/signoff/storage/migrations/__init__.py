"""Migrations: how an older database becomes today's. `HEAD` is the schema this version writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from signoff.errors import InvalidInput, SchemaTooNew

HEAD = "0005"
KNOWN = ("0001", "0002", "0003", "0004", "0005")

SQLITE_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"
POSTGRES_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"


def schema_of(execute: Callable[[str], Any], tables: str) -> str | None:
    """
    Give the schema a database has, None for an empty one.

    Args:
        execute: Runs one SQL text and gives a cursor.
        tables: The SQL text that lists its tables.

    Raises:
        InvalidInput: If it is another program's database.
        SchemaTooNew: If a newer Signoff wrote it.
    """
    names = [name for (name,) in execute(tables).fetchall()]
    if "alembic_version" not in names:
        if names:
            raise InvalidInput(
                f"the database belongs to another program (it has a table {names[0]!r}); name another one"
            )
        return None
    row = execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        return None
    found = str(row[0])
    if found not in KNOWN:
        raise SchemaTooNew(
            f"the database has schema {found}, this Signoff knows up to {HEAD}; install the newer version",
            schema=found,
            known=HEAD,
        )
    return found


def needs_migration(execute: Callable[[str], Any], tables: str) -> bool:
    """
    Tell whether the database is empty or older than this version.

    Args:
        execute: Runs one SQL text and gives a cursor.
        tables: The SQL text that lists its tables.

    Raises:
        InvalidInput: If it is another program's database.
        SchemaTooNew: If a newer Signoff wrote it.
    """
    return schema_of(execute, tables) != HEAD
