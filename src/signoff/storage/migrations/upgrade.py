"""Upgrade: runs the migrations; loaded only when there are some to run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy.pool import NullPool

from signoff.storage.migrations import POSTGRES_TABLES, SQLITE_TABLES, needs_migration

_LOCK = int.from_bytes(b"signoff")
"""The advisory lock of whoever changes the schema."""


def upgrade(connection: sa.Connection, *, to: str = "head") -> None:
    """
    Bring the schema up to a revision, on a connection whose transaction the caller ends.

    Args:
        connection: Inside a transaction that nobody else can write beside.
        to: A revision, or `head`.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    script = ScriptDirectory(str(Path(__file__).parent))
    context = EnvironmentContext(config, script)

    def steps(revision: object, _: object) -> object:
        return script._upgrade_revs(to, revision)  # type: ignore[arg-type]

    with context:
        context.configure(connection=connection, fn=steps, transactional_ddl=False, destination_rev=to)
        context.run_migrations()


def upgrade_sqlite(path: Path, *, busy_s: float, to: str = "head") -> None:
    """Bring one SQLite file up to date; of several processes, one does and the others wait."""
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        poolclass=NullPool,
        connect_args={"timeout": max(busy_s, 30.0), "isolation_level": None},
    )
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA synchronous=FULL")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                if to != "head" or needs_migration(lambda sql: connection.exec_driver_sql(sql), SQLITE_TABLES):
                    upgrade(connection, to=to)
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                # A full disk, for one, has rolled back already.
                with suppress(sa.exc.DBAPIError):
                    connection.exec_driver_sql("ROLLBACK")
                raise
    except sa.exc.DBAPIError as error:
        # The driver's own error, which the store translates.
        raise (error.orig or error) from None
    finally:
        engine.dispose()


def upgrade_postgres(connect: Callable[[], Any], *, to: str = "head") -> None:
    """
    Bring one PostgreSQL database up to date, wholly or not at all; of several processes, one does and the others wait.

    Args:
        connect: Gives a new connection of psycopg.
        to: A revision, or `head`.
    """
    engine = sa.create_engine("postgresql+psycopg://", creator=connect, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            if to != "head" or needs_migration(lambda sql: connection.exec_driver_sql(sql), POSTGRES_TABLES):
                upgrade(connection, to=to)
    except sa.exc.DBAPIError as error:
        # The driver's own error, which the store translates.
        raise (error.orig or error) from None
    finally:
        engine.dispose()
