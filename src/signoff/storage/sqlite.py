"""SQLite: WAL with synchronous=FULL, one group-commit writer, readers apart."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite

from signoff.domain.entry import Entry
from signoff.errors import InvalidInput, SignoffError, StoreUnavailable
from signoff.ports import Clock, Reading, Transaction
from signoff.storage.rows import Rows, Statements
from signoff.storage.writer import GroupCommit

T = TypeVar("T")

_MAGIC = b"SQLite format 3\0"

_FIRST_PAUSE_S = 0.0002
_LONGEST_PAUSE_S = 0.005

_READERS = 16
"""Connections for reading that are kept open while nobody reads."""

BUSY_S = 5.0
"""Seconds to wait for another program's write before giving up."""


class SqliteStore:
    """
    A store in one SQLite file, or shared by several processes of one host.

    Opening it creates the file or brings an older schema up to date.

    Args:
        path: The file.
        busy_s: Seconds, > 0, to wait while another program writes.

    Raises:
        InvalidInput: If the path is a folder, or a file that is no SQLite database.
        SchemaTooNew: If a newer Signoff wrote it.
        StoreUnavailable: If it cannot be opened or written.
    """

    def __init__(self, path: str | Path, *, busy_s: float = BUSY_S) -> None:
        self.path = Path(path)
        self._busy_s = busy_s
        if self.path.is_dir():
            raise InvalidInput(f"{self.path} is a folder; name a database file in it, such as signoff.db")
        if self.path.is_file() and 0 < self.path.stat().st_size < len(_MAGIC):
            raise InvalidInput(f"{self.path} is not a Signoff database; name another file")
        if not self.path.parent.is_dir():
            raise InvalidInput(f"there is no folder {self.path.parent}; make it first")
        self._statements = Statements(SQLiteDialect_pysqlite(paramstyle="qmark"))
        self._listeners: list[Callable[[Sequence[Entry]], None]] = []
        self._readers: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._closed = False
        try:
            self._make_private()
            self._migrate()
            self._session = _Session(self)
            self._watcher = self._connect(read_only=True)
        except sqlite3.Error as error:
            raise self.translate(error) from None
        self._writer = GroupCommit(self._session, self._announce)

    def _make_private(self) -> None:
        """Make a file that is not there yet, for its owner alone: it holds evidence, hashes and webhook secrets."""
        with suppress(OSError):
            # What is wrong with the place, SQLite says better when it opens it.
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))

    def _connect(self, *, read_only: bool = False) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=self._busy_s, isolation_level=None, check_same_thread=False)
        if not read_only:
            self._use_wal(connection)
        for pragma in (
            "synchronous=FULL",
            "fullfsync=ON",
            "checkpoint_fullfsync=ON",
            "foreign_keys=ON",
            *(["cache_size=-4096", "query_only=ON"] if read_only else ["cache_size=-16384"]),
        ):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _use_wal(self, connection: sqlite3.Connection) -> None:
        """Switch the file to WAL; while others open it for the first time too, SQLite says "locked" without waiting."""
        until = time.monotonic() + self._busy_s
        while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def _migrate(self) -> None:
        from signoff.storage.migrations import SQLITE_TABLES, needs_migration

        # Before anything is changed, even the journal mode: it may be another program's file.
        connection = sqlite3.connect(self.path, timeout=self._busy_s, isolation_level=None)
        try:
            outdated = needs_migration(connection.execute, SQLITE_TABLES)
        finally:
            connection.close()
        if outdated:
            from signoff.storage.migrations.upgrade import upgrade_sqlite

            upgrade_sqlite(self.path, busy_s=self._busy_s)

    # --- ports.Store

    @property
    def clock(self) -> Clock | None:
        """None: one file, one host, one clock."""
        return None

    def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` as one transaction and return once it is durable."""
        return self._writer.write(work)

    def read(self, work: Callable[[Reading], T]) -> T:
        """Run `work` on a consistent look at what is committed."""
        if self._closed:
            raise StoreUnavailable(f"{self.path} is closed; open it again")
        readers = self._readers
        try:
            try:
                # The one used last, whose cache is warm. No lock: a list's own pop and append are whole.
                connection = readers.pop()
            except IndexError:
                connection = self._connect(read_only=True)
            try:
                cursor = connection.execute("BEGIN")
                try:
                    return work(Rows(cursor, self._statements, _is_duplicate))
                finally:
                    connection.execute("ROLLBACK")
            finally:
                if len(readers) < _READERS and not connection.in_transaction:
                    readers.append(connection)
                else:
                    connection.close()
                if self._closed:
                    # It may have been given back after `close` had looked.
                    self._close_readers()
        except sqlite3.Error as error:
            raise self.translate(error) from None

    def on_commit(self, listener: Callable[[Sequence[Entry]], None]) -> None:
        """Call `listener` with the entries of each write of this process, after its commit."""
        self._listeners.append(listener)

    def version(self) -> int:
        """Give a number that changes whenever anything was committed, by whatever process."""
        with self._guard:
            if self._closed:
                return -1
            try:
                return int(self._watcher.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.Error as error:
                raise self.translate(error) from None

    def close(self) -> None:
        """Let go of the file; a second call does nothing."""
        with self._guard:
            if self._closed:
                return
            self._closed = True
        self._writer.exclusive()
        self._session.close()
        with self._guard:
            self._watcher.close()
        # One in use is closed when it is given back.
        self._close_readers()

    # --- inside

    def _close_readers(self) -> None:
        with suppress(IndexError):
            while True:
                self._readers.pop().close()

    def _announce(self, entries: Sequence[Entry]) -> None:
        for listener in self._listeners:
            listener(entries)

    def translate(self, error: Exception) -> Exception:
        """Give a driver's error as one of ours: what happened to which file, and what to do."""
        return _translate(error, self.path, self._busy_s)


def _translate(error: Exception, path: Path, busy_s: float) -> Exception:
    if not isinstance(error, sqlite3.Error):
        return error
    text = str(error)
    if isinstance(error, sqlite3.ProgrammingError):
        if "closed" not in text:
            return error
        return StoreUnavailable(f"{path} is closed; open it again")
    advice = {
        "locked": f"another program has held the write lock for {busy_s:g} s; end it or try again",
        "busy": f"another program has held the write lock for {busy_s:g} s; end it or try again",
        "full": "the disk is full; make room and try again",
        "readonly": "the file or its folder is read-only; change its permissions",
        "read-only": "the file or its folder is read-only; change its permissions",
        "disk I/O": "the disk reported an error; check it, and its free space",
        "unable to open": "it cannot be opened; check that its folder exists and may be written to",
    }
    for sign, what in advice.items():
        if sign in text:
            return StoreUnavailable(f"{path}: {what}. Nothing of this write was kept", reason=text)
    if "not a database" in text or "malformed" in text:
        return InvalidInput(f"{path} is not a Signoff database ({text}); name another file")
    return StoreUnavailable(f"{path}: {text}. Nothing of this write was kept", reason=text)


def schema_of_file(path: Path) -> str | None:
    """
    Give the schema a file has, None for an empty one, without changing it.

    Args:
        path: A file that exists.

    Raises:
        InvalidInput: If it is another program's, or no database.
        SchemaTooNew: If a newer Signoff wrote it.
    """
    from signoff.storage.migrations import SQLITE_TABLES, schema_of

    connection = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    try:
        return schema_of(connection.execute, SQLITE_TABLES)
    except sqlite3.Error as error:
        raise _translate(error, path, BUSY_S) from None
    finally:
        connection.close()


class _Session:
    """The one connection that writes; implements `writer.Session`."""

    def __init__(self, store: SqliteStore) -> None:
        self._store = store
        self._connection = store._connect()
        self._connection.execute("PRAGMA busy_timeout=0")
        self._cursor = self._connection.cursor()

    def begin(self) -> None:
        until = time.monotonic() + self._store._busy_s
        pause = _FIRST_PAUSE_S
        while True:
            try:
                # IMMEDIATE takes the write lock first, so no read in it can be stale.
                self._cursor.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() >= until:
                    raise
            # SQLite's own waiting sleeps up to a tenth of a second, which leaves two busy processes mostly asleep.
            time.sleep(pause)
            pause = min(1.5 * pause, _LONGEST_PAUSE_S)

    def run(self, work: Callable[[Transaction], Any]) -> tuple[Any, Sequence[Entry]]:
        rows = Rows(self._cursor, self._store._statements, _is_duplicate)
        try:
            return work(rows), rows.entries
        except Exception:
            if rows.wrote:
                self.rollback()
            raise

    def open(self) -> bool:
        return self._connection.in_transaction

    def commit(self) -> None:
        self._cursor.execute("COMMIT")

    def rollback(self) -> None:
        with suppress(sqlite3.Error):
            if self._connection.in_transaction:
                self._cursor.execute("ROLLBACK")

    def translate(self, error: Exception) -> Exception:
        return error if isinstance(error, SignoffError) else self._store.translate(error)

    def close(self) -> None:
        self._connection.close()


def _is_duplicate(error: Exception) -> bool:
    return isinstance(error, sqlite3.IntegrityError)
