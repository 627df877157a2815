"""SQLite under real faults: a clear error that names the file, nothing half-written, and it goes on afterwards."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from signoff.domain.note import Note
from signoff.errors import InvalidInput, KeyReused, SignoffError, StoreUnavailable
from signoff.ports import Reading, Transaction
from signoff.storage.sqlite import SqliteStore
from tests.unit.storage.disks import as_nobody, make_read_only, make_room, mounted, open_to_all

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TIMEOUT_S = 10.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "signoff.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(path, busy_s=0.2)
    yield store
    store.close()


def note(name: str, size: int = 1) -> Callable[[Transaction], str]:
    """A write of one row of that size."""

    def work(tx: Transaction) -> str:
        tx.add(Note(case_id=name, number=1, about="test", author="ada", written_at=NOW, text="x" * size))
        return name

    return work


def names(tx: Reading) -> list[str]:
    return [found.case_id for found in tx.find(Note)]


def background(work: Callable[..., Any], *args: Any) -> Future[Any]:
    future: Future[Any] = Future()

    def run() -> None:
        try:
            future.set_result(work(*args))
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


# --- durability


def test_the_connection_that_writes_is_durable(store: SqliteStore) -> None:
    connection = store._session._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"


def test_what_one_connection_kept_another_sees_at_once(store: SqliteStore, path: Path) -> None:
    store.write(note("a"))
    with closing(SqliteStore(path)) as other:
        assert other.read(names) == ["a"]
        before = store.version()
        other.write(note("b"))
        assert store.version() != before
    assert store.read(names) == ["a", "b"]


# --- readers


def in_use(path: Path) -> int:
    """How many connections this process has; of closed ones, SQLite keeps the main file's descriptor for the next."""
    log = f"{os.path.realpath(path)}-wal"
    return sum(os.path.realpath(link) == log for link in Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is nowhere to count open files")
def test_threads_that_ended_leave_no_file_open(store: SqliteStore, path: Path) -> None:
    background(store.read, names).result(TIMEOUT_S)
    before = in_use(path)
    for _ in range(40):
        background(store.read, names).result(TIMEOUT_S)
    assert in_use(path) == before > 0, "one reads for all of them"


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="there is nowhere to count open files")
def test_readers_at_once_are_not_all_kept_and_none_outlives_the_store(store: SqliteStore, path: Path) -> None:
    inside, go_on = threading.Semaphore(0), threading.Event()

    def hold(tx: Reading) -> list[str]:
        inside.release()
        assert go_on.wait(TIMEOUT_S)
        return names(tx)

    store.write(note("a"))
    many = [background(store.read, hold) for _ in range(40)]
    for _ in many:
        assert inside.acquire(timeout=TIMEOUT_S)
    assert in_use(path) == 42
    go_on.set()
    assert [each.result(TIMEOUT_S) for each in many] == [["a"]] * 40
    assert in_use(path) == 18

    go_on.clear()
    last = background(store.read, hold)
    assert inside.acquire(timeout=TIMEOUT_S)
    store.close()
    assert in_use(path) == 1, "whoever reads may end"
    go_on.set()
    assert last.result(TIMEOUT_S) == ["a"]
    assert in_use(path) == 0


def test_a_read_may_start_inside_a_read_and_inside_a_write(store: SqliteStore) -> None:
    store.write(note("a"))
    assert store.read(lambda tx: (names(tx), store.read(names), names(tx))) == (["a"], ["a"], ["a"])

    def work(tx: Transaction) -> list[str]:
        note("b")(tx)
        return store.read(names)

    assert store.write(work) == ["a"], "it looks at what is committed"
    assert store.read(names) == ["a", "b"]


def test_a_read_that_raised_leaves_its_connection_fit_for_the_next(store: SqliteStore) -> None:
    def fail(tx: Reading) -> None:
        raise ValueError(names(tx))

    store.write(note("a"))
    with pytest.raises(ValueError, match="a"):
        store.read(fail)
    store.write(note("b"))
    assert store.read(names) == ["a", "b"], "not what the one before had looked at"


# --- another program holds the lock


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_file_that_another_program_has_locked_is_named_and_nothing_is_kept(store: SqliteStore, path: Path) -> None:
    store.write(note("before"))
    with locked(path):
        with pytest.raises(StoreUnavailable, match="another program") as caught:
            store.write(note("refused"))
        assert str(path) in str(caught.value)
        assert store.read(names) == ["before"], "readers go on"
    assert store.write(note("after")) == "after"
    assert store.read(names) == ["after", "before"]


def test_a_lock_fails_everybody_in_line_and_nobody_waits_for_ever(store: SqliteStore, path: Path) -> None:
    with locked(path):
        writes = [background(store.write, note(str(n))) for n in range(10)]
        for write in writes:
            with pytest.raises(StoreUnavailable, match="another program"):
                write.result(TIMEOUT_S)
    assert store.read(names) == []
    assert store.write(note("after")) == "after"


def test_an_open_file_can_be_opened_again_while_another_program_writes(store: SqliteStore, path: Path) -> None:
    store.write(note("before"))
    with locked(path), closing(SqliteStore(path, busy_s=0.2)) as second:
        assert second.read(names) == ["before"]


def test_a_new_file_that_another_program_has_locked_is_named(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnavailable, match="another program") as caught:
            SqliteStore(path, busy_s=0.2)
        assert str(path) in str(caught.value)
        other.execute("ROLLBACK")
    SqliteStore(path).close()


def test_a_new_file_is_waited_for_while_another_program_holds_it_for_a_moment(path: Path) -> None:
    """SQLite itself does not wait here: it says "locked" at once while the file is not yet in WAL mode."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        opened = background(SqliteStore, path)
        release = threading.Timer(0.2, other.execute, ["ROLLBACK"])
        release.start()
        store = opened.result(TIMEOUT_S)
        release.join(TIMEOUT_S)
    with closing(store):
        assert store.write(note("a")) == "a"


# --- the disk is full


@contextmanager
def full(store: SqliteStore, *, spare: int) -> Iterator[None]:
    """Let the file grow by that many pages and no further; SQLite then answers as it does on a full disk."""
    connection = store._session._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages + spare}")
    try:
        yield
    finally:
        connection.execute("PRAGMA max_page_count=1073741823")


def test_a_full_disk_is_named_and_what_was_there_stays(store: SqliteStore, path: Path) -> None:
    store.write(note("before"))
    with full(store, spare=2):
        with pytest.raises(StoreUnavailable, match="disk is full") as caught:
            store.write(note("huge", 100_000))
        assert str(path) in str(caught.value)
        assert store.read(names) == ["before"]
    assert store.write(note("after", 100_000)) == "after"
    assert store.read(names) == ["after", "before"]


def write_together(
    store: SqliteStore, works: dict[str, Callable[[Transaction], str]]
) -> dict[str, str | BaseException]:
    """Let all of these writes share a transaction, behind one that holds the lead; give what each came to."""
    inside, go_on = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> str:
        inside.set()
        assert go_on.wait(TIMEOUT_S)
        return note("leader")(tx)

    leader = background(store.write, hold)
    assert inside.wait(TIMEOUT_S)
    writes = {}
    for name, work in works.items():
        writes[name] = background(store.write, work)
        until = time.monotonic() + TIMEOUT_S
        while len(store._writer._waiting) < len(writes):
            assert time.monotonic() < until
            time.sleep(0.001)
    go_on.set()
    assert leader.result(TIMEOUT_S) == "leader"
    return {name: write.exception(TIMEOUT_S) or write.result() for name, write in writes.items()}


def test_a_full_disk_in_the_middle_of_a_batch_keeps_nothing_that_was_refused(store: SqliteStore) -> None:
    works = {"small 1": note("small 1"), "huge": note("huge", 100_000), "small 2": note("small 2")}
    with full(store, spare=5):
        came = write_together(store, works)
    assert isinstance(came["huge"], StoreUnavailable)
    assert "disk is full" in str(came["huge"])
    assert store.read(names) == sorted(["leader", *(name for name, result in came.items() if result == name)])
    assert store.write(note("after")) == "after"


def test_an_error_in_the_middle_of_a_batch_undoes_its_own_rows_alone(store: SqliteStore) -> None:
    def bad(tx: Transaction) -> str:
        note("bad")(tx)
        raise ValueError("no")

    works = {"a": note("a"), "bad": bad, "twice": note("a"), "b": note("b")}
    came = write_together(store, works)
    assert (came["a"], came["b"]) == ("a", "b")
    assert isinstance(came["bad"], ValueError)
    assert isinstance(came["twice"], KeyReused)
    assert store.read(names) == ["a", "b", "leader"]


def test_a_disk_that_is_really_full_is_named_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", size="1m") as disk, closing(SqliteStore(disk / "signoff.db")) as store:
        store.write(note("before"))
        kept = ["before"]
        with pytest.raises(StoreUnavailable, match=r"disk is full|disk reported an error") as caught:
            for number in range(1000):
                kept.append(store.write(note(f"row {number:03}", 20_000)))
        assert str(disk / "signoff.db") in str(caught.value)
        assert sorted(store.read(names)) == sorted(kept)
        make_room(disk)
        assert store.write(note("after", 20_000)) == "after"
        assert sorted(store.read(names)) == sorted([*kept, "after"])


def test_a_new_file_on_a_full_disk_is_refused_and_can_be_made_when_there_is_room(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", size="256k") as disk:
        (disk / "ballast").write_bytes(b"x" * 200_000)
        with pytest.raises(StoreUnavailable, match=r"disk is full|disk reported an error") as caught:
            SqliteStore(disk / "signoff.db")
        assert str(disk / "signoff.db") in str(caught.value)
        (disk / "ballast").unlink()
        make_room(disk)
        with closing(SqliteStore(disk / "signoff.db")) as store:
            assert store.write(note("after")) == "after"


# --- what may not be written


def test_a_read_only_file_is_named(path: Path) -> None:
    SqliteStore(path).close()
    with open_to_all() as folder:
        copy = Path(shutil.copy(path, folder / "signoff.db"))
        before = copy.read_bytes()
        copy.chmod(0o444)
        folder.chmod(0o555)
        with as_nobody(), pytest.raises(StoreUnavailable, match=r"read-only|cannot be opened") as caught:
            SqliteStore(copy, busy_s=0.2)
        assert str(copy) in str(caught.value)
        assert copy.read_bytes() == before


def test_a_read_only_folder_is_named() -> None:
    with open_to_all() as folder:
        folder.chmod(0o555)
        with as_nobody(), pytest.raises(StoreUnavailable, match=r"read-only|may be written") as caught:
            SqliteStore(folder / "signoff.db", busy_s=0.2)
        assert str(folder / "signoff.db") in str(caught.value)
        assert list(folder.iterdir()) == []


def test_a_read_only_disk_is_named(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", size="1m") as disk:
        SqliteStore(disk / "signoff.db").close()
        make_read_only(disk)
        for name in ("signoff.db", "new.db"):
            with pytest.raises(StoreUnavailable, match=r"read-only|may be written") as caught:
                SqliteStore(disk / name, busy_s=0.2)
            assert str(disk / name) in str(caught.value)


# --- what is no database


@pytest.mark.parametrize(
    "content",
    [b"name,text\nada,hello\n" * 100, bytes(range(256)) * 64, b"SQLite format 3\0" + b"\xff" * 5000, b"x"],
    ids=["csv", "binary", "header only", "one byte"],
)
def test_a_file_that_is_no_database_is_named_and_stays_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match="not a Signoff database") as caught:
        SqliteStore(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == content
    assert [found.name for found in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_truncated_database_is_an_error_of_ours(path: Path, share: float) -> None:
    with closing(SqliteStore(path)) as store:
        for number in range(200):
            store.write(note(f"{number:03}", 500))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * share)])

    def use() -> None:
        with closing(SqliteStore(path)) as store:
            store.read(names)
            store.write(note("new", 5000))

    with pytest.raises(SignoffError) as caught:
        use()
    assert str(path) in str(caught.value)


def test_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder") as caught:
        SqliteStore(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no folder") as caught:
        SqliteStore(tmp_path / "missing" / "signoff.db")
    assert str(tmp_path / "missing") in str(caught.value)
    assert not (tmp_path / "missing").exists()


def test_an_empty_file_becomes_a_database(path: Path) -> None:
    path.touch()
    with closing(SqliteStore(path)) as store:
        assert store.write(note("a")) == "a"


# --- closing


def test_a_write_after_close_is_refused(path: Path) -> None:
    store = SqliteStore(path)
    store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        background(store.write, note("late")).result(TIMEOUT_S)


def test_closing_lets_the_write_that_runs_end_and_refuses_the_next(path: Path) -> None:
    store = SqliteStore(path)
    inside, go_on = threading.Event(), threading.Event()

    def hold(tx: Transaction) -> str:
        inside.set()
        assert go_on.wait(TIMEOUT_S)
        return note("running")(tx)

    running = background(store.write, hold)
    assert inside.wait(TIMEOUT_S)
    closed = background(store.close)
    go_on.set()
    assert running.result(TIMEOUT_S) == "running"
    closed.result(TIMEOUT_S)
    with closing(SqliteStore(path)) as again:
        assert again.read(names) == ["running"]


def test_a_new_file_is_its_owners_alone_and_an_old_one_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    with closing(SqliteStore(path)):
        assert {file.stat().st_mode & 0o777 for file in tmp_path.glob("new.db*")} == {0o600}
    path.chmod(0o640)
    with closing(SqliteStore(path)):
        assert path.stat().st_mode & 0o777 == 0o640
