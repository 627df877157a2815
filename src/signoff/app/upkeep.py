"""Upkeep: what is done to a database as a whole, by name."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from signoff.errors import InvalidInput


def migrate(url: str) -> tuple[str | None, str]:
    """
    Bring a database up to date; nothing happens to one that is.

    Args:
        url: A file, `sqlite:///path`, or `postgresql://user@host/database`.

    Returns:
        The schema it had, None for an empty database, and the one it has now.

    Raises:
        UsageError: If the URL names no supported database.
        InvalidInput: If it is missing or another program's.
        SchemaTooNew: If a newer Signoff wrote it.
        StoreUnavailable: If it cannot be reached or written, or other programs hold it.
    """
    if url.startswith(("postgresql://", "postgres://")):
        from signoff.storage import postgres

        return postgres.migrate(url)
    from signoff.app.signoff import open_store
    from signoff.storage import sqlite
    from signoff.storage.migrations import HEAD

    path = Path(unquote(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else url)
    before = None
    if "://" not in str(url) or url.startswith("sqlite:///"):
        if not path.is_file():
            raise InvalidInput(f"there is no database {path}; name one that exists")
        before = sqlite.schema_of_file(path)
    open_store(url).close()
    return before, HEAD
