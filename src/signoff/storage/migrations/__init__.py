"""Migrations: how an older database becomes today's. `HEAD` is the schema this version writes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from signoff.errors import InvalidInput, SchemaTooNew

HEAD = "0003"
KNOWN = ("0001", "0002", "0003")


def needs_migration(execute: Callable[[str], Any]) -> bool:
    """
    Tell whether the database is empty or older than this version.

    Args:
        execute: Runs one SQL text and gives a cursor.

    Raises:
        InvalidInput: If it is another program's database.
        SchemaTooNew: If a newer Signoff wrote it.
    """
    table = execute("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    if not table[0]:
        others = execute("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 1").fetchone()
        if others is not None:
            raise InvalidInput(
                f"the database belongs to another program (it has a table {others[0]!r}); name another file"
            )
        return True
    row = execute("SELECT version_num FROM alembic_version").fetchone()
    if row is None:
        return True
    if row[0] not in KNOWN:
        raise SchemaTooNew(
            f"the database has schema {row[0]}, this Signoff knows up to {HEAD}; install the newer version",
            schema=row[0],
            known=HEAD,
        )
    return bool(row[0] != HEAD)
