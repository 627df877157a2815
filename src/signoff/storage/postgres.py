"""PostgreSQL: one transaction per write, rows locked as they are read, and word of commits to the other processes."""

from __future__ import annotations

import logging
import math
import random
import re
import selectors
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg

from signoff.domain.entry import Entry
from signoff.errors import InvalidInput, KeyReused, SchemaTooOld, SignoffError, StoreUnavailable, UsageError
from signoff.ports import Clock, Reading, Transaction
from signoff.storage.migrations import HEAD, POSTGRES_TABLES, schema_of
from signoff.storage.rows import Rows, Statements
from signoff.storage.schema import EPOCH, TABLES
from signoff.storage.writer import held_interrupt

try:
    import psycopg
    from psycopg import errors
    from psycopg.adapt import Loader
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
    from psycopg.types.numeric import Int8Dumper
    from psycopg.types.string import StrDumperUnknown
    from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout
except ImportError as missing:
    raise UsageError(
        f'a PostgreSQL database needs a driver that is not installed ({missing}); pip install "signoff[postgres]"'
    ) from None

T = TypeVar("T")
Connection = psycopg.Connection[Any]

log = logging.getLogger("signoff.store")
# Of a lost connection callers are told; where nobody set up logging, the driver need not print it as well.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

POOL = 10
"""Connections at the most that writes and reads share."""

BUSY_S = 10.0
"""Seconds to wait for another program's lock, or for a connection, before giving up."""

_OLDEST = 140000
_SOON_S = 0.5
"""Seconds a connection is waited for before asking whether the server is there at all."""
_RERUNS = 12
_POLL_S = 1.0
"""Seconds between two looks for commits that no notice came of."""
_CLOCK_S = 5.0
"""Seconds after which the database is asked for its time again."""
_COALESCE_S = 0.003
_SUSPENDED: int | None = getattr(time, "CLOCK_BOOTTIME", None)
"""A clock that nobody sets and that goes on while the machine is suspended, where there is one."""
_CHANNEL = "signoff"

_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED"
# Takes an id and notes it before any number of an entry is drawn; see migration 0003.
_TAKE_ID = "SELECT signoff_begin()"
_LOOK = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_SETTLED = "entries.waits_for < pg_snapshot_xmin(pg_current_snapshot())"
_POSITION = f"SELECT coalesce(max(seq), 0) FROM entries WHERE {_SETTLED}"
_NEWS = f"SELECT seq, xid::text FROM entries WHERE seq > %s AND {_SETTLED} ORDER BY seq LIMIT 1000"
_TIME = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
# Numbers of transactions belong to one server; those of a dump from another may lie in this one's future.
_BEGUN = "SELECT coalesce(pg_sequence_last_value('entries_begun'), 0)"
_NEXT = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
_MINE = "SELECT pg_current_xact_id()::text::bigint"
_RENUMBER = "UPDATE entries SET xid = %s::text::xid8, waits_for = %s::text::xid8 WHERE waits_for > %s::text::xid8"

# Whatever the role's defaults: an acknowledged write is on disk, and nobody waits for a lock without end.
_CONFIGURE = (
    "SELECT set_config('lock_timeout', %s, false), set_config('idle_in_transaction_session_timeout', '60s', false),"
    " CASE WHEN current_setting('synchronous_commit') = 'off' THEN set_config('synchronous_commit', 'on', false) END"
)
_NETWORK = {
    "connect_timeout": "10",
    "application_name": "signoff",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "30000",
    "client_encoding": "utf8",
}
"""What a URL may set otherwise, but need not."""

_KINDS = {table.name: kind.__name__ for kind, table in TABLES.items()}


class _TextDumper(StrDumperUnknown):
    """Writes the NUL character, which PostgreSQL's text cannot hold, as two others, in an order that stays the same."""

    def dump(self, obj: str) -> bytes:
        if "\x00" in obj or "\x01" in obj:
            obj = obj.replace("\x01", "\x01\x02").replace("\x00", "\x01\x01")
        return obj.encode()


_NUL = re.compile("\x01([\x01\x02])")


class _TextLoader(Loader):
    def load(self, data: Any) -> str:
        text = str(data, "utf-8")
        return _NUL.sub(lambda found: chr(ord(found[1]) - 1), text) if "\x01" in text else text


class _Duplicate(Exception):
    """A violated key in a careful write, after which the transaction goes on; names the constraint only."""


class _Lost(Exception):
    """The connection ended before anything was kept."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class _Cursor:
    """
    A driver's cursor for `Rows`: statements whose result nobody asks for travel together with the next.

    Args:
        connection: In pipeline mode.
        pipeline: That mode.
        careful: Whether an insert that violates a key leaves the transaction standing.
    """

    def __init__(self, connection: Connection, pipeline: psycopg.Pipeline, *, careful: bool = False) -> None:
        self._connection = connection
        self._pipeline = pipeline
        self._careful = careful
        self._cursor: psycopg.Cursor[Any] = connection.cursor()
        self.answered = False

    @property
    def rowcount(self) -> int:
        self._pipeline.sync()
        self.answered = True
        return self._cursor.rowcount

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> None:
        if self._careful and sql.startswith("INSERT"):
            self._insert(sql, parameters)
        else:
            self._run(sql, parameters)

    def executemany(self, sql: str, parameters: Iterable[Sequence[Any]], /) -> None:
        if self._careful:
            for row in parameters:
                self._insert(sql, row)
        else:
            self._cursor = self._connection.cursor()
            self._cursor.executemany(sql, parameters)

    def _run(self, sql: str, parameters: Sequence[Any]) -> None:
        # A cursor of its own, since the result of the one before may still be on its way.
        self._cursor = self._connection.cursor()
        self._cursor.execute(sql, parameters, prepare=False if self._careful else None)

    def _insert(self, sql: str, parameters: Sequence[Any]) -> None:
        self._connection.execute("SAVEPOINT before_insert", prepare=False)
        self._run(sql, parameters)
        try:
            self._pipeline.sync()
        except errors.UniqueViolation as error:
            self._connection.execute("ROLLBACK TO SAVEPOINT before_insert", prepare=False)
            raise _Duplicate(error.diag.constraint_name) from None
        self._connection.execute("RELEASE SAVEPOINT before_insert", prepare=False)

    def fetchone(self) -> Any:
        row = self._cursor.fetchone()
        self.answered = True
        return row

    def fetchall(self) -> list[Any]:
        rows = self._cursor.fetchall()
        self.answered = True
        return rows


def ticks_ns() -> int:
    """Give the nanoseconds of a clock that nobody sets, from any start."""
    return time.monotonic_ns() if _SUSPENDED is None else time.clock_gettime_ns(_SUSPENDED)


class DatabaseClock:
    """
    The database's time, carried forward between two askings by a clock that nobody sets; implements `ports.Clock`.

    Args:
        used: Called when the time is asked for, so that somebody keeps it right.
    """

    def __init__(self, used: Callable[[], object]) -> None:
        self._used = used
        self._guard = threading.Lock()
        self._base = 0
        self._at = 0
        self._last = 0

    def set(self, micros: int, *, before: int, after: int) -> None:
        """
        Take the database's word for the time.

        Args:
            micros: The time it gave, in microseconds since 1970.
            before: `ticks_ns` when it was asked.
            after: The same when the answer was there.
        """
        with self._guard:
            self._base, self._at = micros, (before + after) // 2

    def now(self) -> datetime:
        """Give the time, aware, in UTC."""
        self._used()
        with self._guard:
            micros = self._base + (ticks_ns() - self._at) // 1000
            # A new answer may be a little earlier, by the time it took to travel; an hour may not be.
            if 0 < self._last - micros < 1_000_000:
                micros = self._last
            self._last = micros
        return EPOCH + timedelta(microseconds=micros)


class _Line:
    """
    One connection in a thread of its own: hears of others' commits, tells them of ours, and keeps the clock right.

    A notice is not part of the transaction it tells of, since it would take a lock of the whole database at its
    commit; so one of a process that dies in between is lost, and others find the entries a second later.

    Args:
        store: Whose line it is.
    """

    def __init__(self, store: PostgresStore) -> None:
        self._store = store
        self._name = uuid.uuid4().hex
        self._guard = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False
        self._untold = False
        self._bell: socket.socket | None = None
        self._version = 0
        self._watched = False
        self._position = 0
        self._ours: set[str] = set()

    def start(self) -> None:
        """Start the thread; a second call does nothing."""
        if self._thread is not None:
            return
        with self._guard:
            if self._thread is None and not self._stopping:
                try:
                    bell, ear = socket.socketpair()
                except OSError as error:
                    # No file is left. What was committed is kept all the same; whoever comes next tries again.
                    log.warning("nobody listens for others' commits: %s", error)
                    return
                self._bell = bell
                self._bell.setblocking(False)
                self._thread = threading.Thread(target=self._run, args=(ear,), name="signoff-postgres", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Tell what is untold, and end."""
        with self._guard:
            self._stopping = True
            thread = self._thread
        self._ring()
        if thread is not None and thread is not threading.current_thread():
            thread.join(5.0)
        if self._bell is not None:
            self._bell.close()

    def version(self, position: Callable[[], int]) -> int:
        """
        Give a number that changes with every commit heard of.

        Args:
            position: Gives the last entry there is, at the first call.
        """
        if not self._watched:
            found = position()
            with self._guard:
                if not self._watched:
                    self._position, self._watched = found, True
            self.start()
        return self._version

    @property
    def watched(self) -> bool:
        """Whether anybody ever asked for the version."""
        return self._watched

    def ours(self, xid: str) -> None:
        """Remember a transaction as our own, before its commit."""
        with self._guard:
            self._ours.add(xid)

    def committed(self) -> None:
        """Change the version, and tell the others soon."""
        with self._guard:
            self._version += 1
            untold, self._untold = self._untold, True
        self.start()
        if not untold:
            self._ring()

    def _ring(self) -> None:
        if self._bell is not None:
            with suppress(OSError):
                self._bell.send(b"!")

    def _heard(self) -> None:
        with self._guard:
            self._version += 1

    # --- the thread

    def _run(self, ear: socket.socket) -> None:
        pause, again = 0.1, False
        try:
            while True:
                try:
                    with self._store.connect() as connection, selectors.DefaultSelector() as wires:
                        connection.execute(f"LISTEN {_CHANNEL}; SET application_name = 'signoff listens'")
                        if again:
                            self._heard()
                        pause, again = 0.1, True
                        self._serve(connection, ear, wires)
                        return
                except (psycopg.Error, SignoffError, OSError) as error:
                    log.debug("listening is interrupted: %s", error)
                except Exception:
                    # Without this thread, nobody here would hear of others' commits again.
                    log.exception("listening is interrupted")
                self._wait(ear, pause * random.uniform(0.5, 1.0))
                if self._stopping:
                    return
                pause = min(pause * 2, 5.0)
        finally:
            ear.close()

    def _wait(self, ear: socket.socket, seconds: float) -> None:
        """Wait that long, whatever is committed meanwhile; only being stopped ends it."""
        until = time.monotonic() + seconds
        while not self._stopping and (left := until - time.monotonic()) > 0:
            ear.settimeout(left)
            with suppress(OSError):
                ear.recv(4096)

    def _serve(self, connection: Connection, ear: socket.socket, wires: selectors.BaseSelector) -> None:
        wires.register(connection, selectors.EVENT_READ)
        wires.register(ear, selectors.EVENT_READ)
        looked = asked = -math.inf
        while True:
            now = ticks_ns() / 1e9
            if now - asked >= _CLOCK_S:
                self._store.ask_time(connection)
                asked = now
            if now - looked >= _POLL_S:
                if self._watched:
                    self._look(connection)
                looked = now
            ready = [key.fileobj for key, _ in wires.select(_POLL_S)]
            if ear in ready:
                ear.recv(4096)
            if connection in ready:
                # Whatever came, all of it.
                others = [notice for notice in connection.notifies(timeout=0) if notice.payload != self._name]
                if others:
                    self._heard()
            if self._untold:
                if not self._stopping:
                    # What is committed in the next moment is told in the same notice.
                    time.sleep(_COALESCE_S)
                self._untold = False
                connection.execute("SELECT pg_notify(%s, %s)", (_CHANNEL, self._name))
            if self._stopping:
                return

    def _look(self, connection: Connection) -> None:
        """Find entries that somebody else wrote."""
        others = False
        while True:
            rows = connection.execute(_NEWS, (self._position,)).fetchall()
            if not rows:
                break
            self._position = rows[-1][0]
            with self._guard:
                others = others or any(xid not in self._ours for _, xid in rows)
        oldest = connection.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text").fetchone()
        assert oldest is not None
        with self._guard:
            # Those that could still come up are the ones that were not listed yet.
            self._ours = {xid for xid in self._ours if int(xid) >= int(oldest[0])}
        if others:
            self._heard()


@dataclass(slots=True)
class _Thread:
    """What a thread of the caller is doing here."""

    writing: bool = False
    reading: Rows | None = None


class _Threads(threading.local):
    def __init__(self) -> None:
        self.me = _Thread()


class PostgresStore:
    """
    A store in one PostgreSQL database, shared by any number of processes and hosts.

    Opening it sets up an empty database. An older schema is left alone, because other programs may be using it.

    Args:
        url: `postgresql://user:password@host:port/database`, with any parameter of libpq after a question mark.
        create: Whether an empty database is set up.
        pool: Connections at the most, >= 1, that writes and reads share; one more listens.
        busy_s: Seconds, > 0, to wait for a row that another program locks, or for a connection.

    Raises:
        UsageError: If the URL cannot be read.
        InvalidInput: If the database is another program's, is not in UTF-8, or is empty and is not to be set up.
        SchemaTooOld: If it waits for `signoff migrate`.
        SchemaTooNew: If a newer Signoff wrote it.
        StoreUnavailable: If it cannot be reached or refuses.
    """

    def __init__(self, url: str, *, create: bool = True, pool: int = POOL, busy_s: float = BUSY_S) -> None:
        self._address = Address(url)
        self._busy_s = busy_s
        self._statements = Statements(_dialect(), settled=_SETTLED)
        self._listeners: list[Callable[[Sequence[Entry]], None]] = []
        self._threads = _Threads()
        self._closed = False
        self._line = _Line(self)
        self._clock = DatabaseClock(self._line.start)
        self._stopping = threading.Event()
        try:
            self._open(create=create)
        except psycopg.Error as error:
            raise self._address.translate(error) from None
        self._pool: ConnectionPool[Connection] = ConnectionPool(
            self._address.conninfo,
            kwargs={"autocommit": True},
            configure=self._configure,
            min_size=1,
            max_size=pool,
            timeout=busy_s,
            # Attempts that failed are given up soon, so that the next caller starts one at once.
            reconnect_timeout=_SOON_S,
            open=True,
        )

    def _open(self, *, create: bool) -> None:
        with self.connect() as connection:
            self._address.require_able(connection)
            found = schema_of(connection.execute, POSTGRES_TABLES)
            if found is None and not create:
                raise InvalidInput(f"{self._address} is empty, so it holds no cases; name another database")
            if found is None:
                from signoff.storage.migrations.upgrade import upgrade_postgres

                upgrade_postgres(self._address.connect)
            elif found != HEAD:
                raise SchemaTooOld(
                    f"{self._address} has schema {found}, and this Signoff works with {HEAD}; "
                    "stop the other programs that use it, then run: signoff migrate URL",
                    schema=found,
                    known=HEAD,
                )
            _adopt(connection)
            self.ask_time(connection)

    def connect(self) -> Connection:
        """Open a connection of its own, beside those of the pool."""
        connection = self._address.connect(autocommit=True)
        self._configure(connection)
        return connection

    def _configure(self, connection: Connection) -> None:
        adapters = connection.adapters
        adapters.register_dumper(str, _TextDumper)
        adapters.register_loader("text", _TextLoader)
        # One width for all numbers, so that a statement is prepared once.
        adapters.register_dumper(int, Int8Dumper)
        connection.execute(_CONFIGURE, (f"{round(self._busy_s * 1000)}ms",))

    def ask_time(self, connection: Connection) -> None:
        """Set the clock by the database."""
        before = ticks_ns()
        row = connection.execute(_TIME).fetchone()
        assert row is not None
        self._clock.set(row[0], before=before, after=ticks_ns())

    # --- ports.Store

    @property
    def clock(self) -> Clock | None:
        """The database's time, which all its clients share."""
        return self._clock

    def write(self, work: Callable[[Transaction], T]) -> T:
        """
        Run `work` as one transaction and return once it is durable.

        Raises:
            StoreUnavailable: If the database did not take it. If the connection was lost while it was kept, the message
                says that nobody knows; then `facts["kept"]` is None.
            RuntimeError: From inside another write of the same thread.
        """
        me = self._threads.me
        if me.writing:
            raise RuntimeError("a write cannot be started inside another write")
        me.writing = True
        try:
            result, entries = self._write(work)
        finally:
            me.writing = False
        if entries:
            self._announce(entries)
        return result

    def read(self, work: Callable[[Reading], T]) -> T:
        """Run `work` on a consistent look at what is committed."""
        me = self._threads.me
        if me.reading is not None:
            return work(me.reading)
        try:
            try:
                return self._look(work)
            except _Lost:
                self._pool.check()
                return self._look(work)
        except _Lost as lost:
            raise self._address.translate(lost.error) from None

    def on_commit(self, listener: Callable[[Sequence[Entry]], None]) -> None:
        """Call `listener` with the entries of each write of this process, after its commit."""
        self._listeners.append(listener)

    def version(self) -> int:
        """Give a number that changes whenever anything was committed, by whatever process."""
        if self._closed:
            return -1
        return self._line.version(self._position)

    def close(self) -> None:
        """Let go of the database; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._stopping.set()
        self._line.stop()
        self._pool.close()

    # --- inside

    def _announce(self, entries: Sequence[Entry]) -> None:
        for listener in self._listeners:
            try:
                listener(entries)
            except Exception:
                # The write is kept, whatever a listener makes of it.
                log.exception("a listener failed on a committed write")

    def _position(self) -> int:
        with self._borrowed() as connection:
            try:
                row = connection.execute(_POSITION).fetchone()
            except psycopg.Error as error:
                raise self._address.translate(error) from None
        return int(row[0]) if row else 0

    @contextmanager
    def _borrowed(self) -> Iterator[Connection]:
        """Lend a connection of the pool; one that is not fit for the next is given up."""
        connection = self._take()
        try:
            yield connection
        except BaseException:
            if connection.pgconn.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.close()
            raise
        finally:
            self._pool.putconn(connection)

    def _take(self) -> Connection:
        if self._closed:
            raise StoreUnavailable(f"{self._address} is closed; open it again")
        try:
            with suppress(PoolTimeout):
                return self._pool.getconn(min(_SOON_S, self._busy_s))
            # All in use, or the server is gone?
            self._address.connect().close()
            return self._pool.getconn(self._busy_s)
        except PoolTimeout:
            raise StoreUnavailable(
                f"{self._address}: no connection came free within {self._busy_s:g} s; "
                "try again, or do less at the same time"
            ) from None
        except PoolClosed:
            raise StoreUnavailable(f"{self._address} is closed; open it again") from None
        except psycopg.Error as error:
            raise self._address.translate(error) from None

    def _write(self, work: Callable[[Transaction], T]) -> tuple[T, Sequence[Entry]]:
        careful = lost = False
        reruns = 0
        while True:
            try:
                return self._attempt(work, careful=careful)
            except _Lost as ended:
                if lost:
                    raise self._address.translate(ended.error, write=True) from None
                lost = True
                self._pool.check()
            except errors.UniqueViolation as error:
                if careful:
                    kind = _KINDS.get(error.diag.table_name or "", "record")
                    raise KeyReused(
                        f"a {kind} with that key is already there ({error.diag.constraint_name}); use a new one"
                    ) from None
                # Somebody made it at the same moment: run again, the work finds it now.
                careful = True
            except (errors.SerializationFailure, errors.DeadlockDetected) as error:
                reruns += 1
                if reruns > _RERUNS:
                    raise self._address.translate(error, write=True) from None
                self._stopping.wait(random.uniform(0, 0.001) * 2 ** min(reruns, 6))
            except psycopg.Error as error:
                raise self._address.translate(error, write=True) from None

    def _attempt(self, work: Callable[[Transaction], T], *, careful: bool) -> tuple[T, Sequence[Entry]]:
        """Run one transaction; whatever is raised, nothing of it was kept, unless it says otherwise."""
        committing = False
        done: psycopg.Cursor[Any] | None = None
        with self._borrowed() as connection, ExitStack() as until_kept:
            try:
                with _pipeline(connection) as pipeline:
                    connection.execute(_BEGIN)
                    taken = connection.execute(_TAKE_ID)
                    cursor = _Cursor(connection, pipeline, careful=careful)
                    rows = Rows(cursor, self._statements, _is_duplicate, locks=True)
                    result = work(rows)
                    # An answer before the commit: a connection that was lost while idle is no lost commit.
                    row = taken.fetchone()
                    if self._line.watched:
                        self._line.ours(str(row[0] if row else ""))
                    if threading.current_thread() is threading.main_thread():
                        until_kept.enter_context(held_interrupt())
                    committing = True
                    done = connection.execute("COMMIT")
            except psycopg.Error as error:
                if not connection.broken:
                    # Of statements that were skipped after it, the driver believes that the server has prepared them.
                    connection.close()
                    raise
                if committing:
                    raise self._address.unknown(error) from None
                raise _Lost(error) from None
            except BaseException:
                self._end(connection)
                raise
            if done.statusmessage != "COMMIT":
                raise StoreUnavailable(f"{self._address}: a statement had failed. Nothing of this write was kept")
            self._line.committed()
        return result, rows.entries

    @staticmethod
    def _end(connection: Connection) -> None:
        if not connection.closed and connection.pgconn.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            with suppress(psycopg.Error):
                connection.execute("ROLLBACK")

    def _look(self, work: Callable[[Reading], T]) -> T:
        me = self._threads.me
        cursor: _Cursor | None = None
        # Inside a write a connection of the pool could be waited for by all who hold one.
        with self._beside() if me.writing else self._borrowed() as connection:
            try:
                with _pipeline(connection) as pipeline:
                    connection.execute(_LOOK)
                    cursor = _Cursor(connection, pipeline)
                    me.reading = Rows(cursor, self._statements, _is_duplicate)
                    found = work(me.reading)
                    connection.execute("COMMIT")
                    return found
            except psycopg.Error as error:
                # A connection that had been lost before; the work has seen nothing of it.
                unseen = connection.broken and (cursor is None or not cursor.answered)
                connection.close()
                raise _Lost(error) if unseen else self._address.translate(error) from None
            except BaseException:
                self._end(connection)
                raise
            finally:
                me.reading = None

    @contextmanager
    def _beside(self) -> Iterator[Connection]:
        try:
            connection = self.connect()
        except psycopg.Error as error:
            raise self._address.translate(error) from None
        with connection:
            yield connection


def _adopt(connection: Connection) -> None:
    """Give a database that was restored from another server's dump numbers of transactions of this one."""
    begun, following = (int(connection.execute(sql).fetchall()[0][0]) for sql in (_BEGUN, _NEXT))
    if begun < following:
        return
    with connection.transaction():
        connection.execute("LOCK TABLE entries IN SHARE ROW EXCLUSIVE MODE")
        begun, mine = (int(connection.execute(sql).fetchall()[0][0]) for sql in (_BEGUN, _MINE))
        if begun > mine:
            connection.execute(_RENUMBER, (str(mine), str(mine), str(mine)))
            connection.execute("SELECT setval('entries_begun', %s)", (mine,))


def migrate(url: str) -> tuple[str | None, str]:
    """
    Bring a database up to date, wholly or not at all.

    Args:
        url: As for `PostgresStore`.

    Returns:
        The schema it had, None for an empty database, and the one it has now.

    Raises:
        UsageError: If the URL cannot be read.
        InvalidInput: If the database is another program's, or is not in UTF-8.
        SchemaTooNew: If a newer Signoff wrote it.
        StoreUnavailable: If it cannot be reached or refuses, or other programs hold its tables for too long.
    """
    from signoff.storage.migrations.upgrade import upgrade_postgres

    address = Address(url)

    def connect() -> Connection:
        connection = address.connect()
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{round(BUSY_S * 1000)}ms",))
        connection.commit()
        return connection

    try:
        with address.connect(autocommit=True) as connection:
            address.require_able(connection)
            before = schema_of(connection.execute, POSTGRES_TABLES)
        if before != HEAD:
            upgrade_postgres(connect)
    except psycopg.Error as error:
        raise address.translate(error) from None
    return before, HEAD


@contextmanager
def _pipeline(connection: Connection) -> Iterator[psycopg.Pipeline]:
    """Send statements together while the block runs; an error of those that nobody waited for comes at its end."""
    manager = connection.pipeline()
    pipeline = manager.__enter__()
    try:
        yield pipeline
    except BaseException:
        try:
            manager.__exit__(None, None, None)
        except psycopg.Error:
            # A connection that was lost stays as it is, so that it can be told from one that is given up.
            if not connection.broken:
                connection.close()
        raise
    manager.__exit__(None, None, None)


def _dialect() -> sa.Dialect:
    made: sa.Dialect = PGDialect_psycopg(paramstyle="format")  # type: ignore[no-untyped-call]
    return made


def _is_duplicate(error: Exception) -> bool:
    return isinstance(error, _Duplicate)


class Address:
    """
    Where a database is, and how its errors are told without its password.

    Args:
        url: A URL of libpq.

    Raises:
        UsageError: If it cannot be read.
    """

    def __init__(self, url: str) -> None:
        try:
            given = {name: str(value) for name, value in conninfo_to_dict(url).items() if value is not None}
        except psycopg.Error:
            # What libpq says may quote a part of the password.
            given = {"host": "@"}
        if "@" in given.get("host", "") or not given.get("port", "0").replace(",", "").isdecimal():
            raise UsageError(
                "the URL of the database cannot be read; write postgresql://user:password@host:port/database, "
                "with %40 for @, %3A for : and %2F for / in the password"
            )
        self._password = given.get("password", "")
        self.conninfo = make_conninfo("", **{**_NETWORK, **given})
        place = given.get("host") or given.get("hostaddr") or ""
        name = f"{quote(given['user'])}@" if "user" in given else ""
        port = f":{given['port']}" if "port" in given else ""
        at = "" if place.startswith("/") else place + port
        socket_at = f"?host={place}" if place.startswith("/") else ""
        self._shown = f"postgresql://{name}{at}/{quote(given.get('dbname', ''))}{socket_at}"

    def __str__(self) -> str:
        return self._shown

    def connect(self, *, autocommit: bool = False) -> Connection:
        """Open a connection."""
        return psycopg.connect(self.conninfo, autocommit=autocommit)

    def require_able(self, connection: Connection) -> None:
        """
        Check that the server and the database can keep what we store.

        Raises:
            InvalidInput: If they cannot.
        """
        version = connection.info.server_version
        if version < _OLDEST:
            raise InvalidInput(f"{self} is on PostgreSQL {version // 10000}; version {_OLDEST // 10000} is the oldest")
        encoding = connection.info.parameter_status("server_encoding")
        if encoding != "UTF8":
            raise InvalidInput(f"{self} keeps text as {encoding}; make a database with ENCODING 'UTF8'")

    def scrubbed(self, error: Exception) -> str:
        """Give what the driver said, without the password and on one line."""
        text = " ".join(str(error).split())
        return text.replace(self._password, "***") if self._password else text

    def unknown(self, error: Exception) -> StoreUnavailable:
        """Tell of a write whose end nobody saw."""
        return StoreUnavailable(
            f"{self}: the connection was lost while a write was being kept, so nobody knows whether it was; "
            "send it again with the same key or verdict id, which cannot double it",
            reason=self.scrubbed(error),
            kept=None,
        )

    def translate(self, error: Exception, *, write: bool = False) -> SignoffError:
        """Give a driver's error as one of ours: what happened to which database, and what to do."""
        text = self.scrubbed(error)
        lost = ". Nothing of this write was kept" if write else ""
        for kind, sign, advice in _ADVICE:
            if isinstance(error, kind) and sign in text:
                return StoreUnavailable(f"{self}: {advice}{lost}", reason=text)
        if isinstance(error, psycopg.DataError):
            return InvalidInput(f"{self} cannot keep a value ({error.diag.message_primary or text}); change it")
        return StoreUnavailable(f"{self}: {text}{lost}", reason=text)


_ANY = psycopg.Error
_ADVICE: list[tuple[type[psycopg.Error], str, str]] = [
    (errors.DiskFull, "", "the server's disk is full; make room and try again"),
    (errors.TooManyConnections, "", "the server has no connection left; raise its max_connections, or use fewer"),
    (errors.ReadOnlySqlTransaction, "", "the database is read-only, as a standby is; name the primary server"),
    (errors.LockNotAvailable, "", "another program has held a lock for too long; end it or try again"),
    (errors.QueryCanceled, "", "the server ended a statement, by its statement_timeout or by an operator; try again"),
    (errors.InsufficientPrivilege, "", "the user has no right to these tables; grant it, or name their owner"),
    (errors.UndefinedTable, "", "the tables are gone; somebody removed them"),
    (errors.SerializationFailure, "", "too many others were changing the same rows; try again"),
    (errors.DeadlockDetected, "", "too many others were changing the same rows; try again"),
    (errors.InvalidPassword, "", "the server did not take the password; check user and password"),
    (errors.InvalidCatalogName, "", "there is no such database; make it with createdb"),
    (_ANY, "password authentication failed", "the server did not take the password; check user and password"),
    (_ANY, "no password supplied", "the server wants a password; put it in the URL, in PGPASSWORD or in ~/.pgpass"),
    (_ANY, "pg_hba.conf", "the server lets nobody in from here as this user; see its pg_hba.conf"),
    (_ANY, "does not exist", "the server knows no such database or user; make it with createdb or createuser"),
    (_ANY, "too many clients", "the server has no connection left; raise its max_connections, or use fewer"),
    (_ANY, "connection slots", "the server has no connection left; raise its max_connections, or use fewer"),
    (_ANY, "starting up", "the server is starting; try again in a moment"),
    (_ANY, "in recovery mode", "the server is recovering; try again in a moment"),
    (_ANY, "shutting down", "the server is shutting down; start it again"),
    (_ANY, "resolve host", "there is no such host; check the URL"),
    (_ANY, "translate host name", "there is no such host; check the URL"),
    (_ANY, "timeout expired", "the server does not answer; check the address, the firewall and the server"),
    (_ANY, "refused", "no server answers there; start it, or check host and port"),
    (_ANY, "No such file", "no server answers there; start it, or check host and port"),
    (_ANY, "closed", "the connection was lost; check the server and try again"),
    (_ANY, "terminating connection", "the server ended the connection; try again"),
]
"""What to do about an error of the driver; the first that fits is told."""
