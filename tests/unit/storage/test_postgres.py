"""PostgreSQL: what many processes do at once, what is lost with a server, and what is told about it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import signoff.runtime.clock
import signoff.storage.postgres
from signoff import CaseHandle, Signoff, State
from signoff.app import open_store
from signoff.app.upkeep import migrate
from signoff.domain.actor import Actor
from signoff.domain.case import Case
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.entry import Entry, EntryKind
from signoff.domain.note import Note
from signoff.domain.proposal import Proposal
from signoff.errors import (
    CaseClosed,
    InvalidInput,
    KeyReused,
    SchemaTooNew,
    SchemaTooOld,
    StoreUnavailable,
    UsageError,
)
from signoff.ports import Reading, Transaction
from signoff.storage.migrations import HEAD, KNOWN
from signoff.storage.migrations.upgrade import upgrade_postgres
from signoff.storage.postgres import Address, DatabaseClock, PostgresStore, ticks_ns
from signoff.storage.rows import Rows
from signoff.storage.schema import EPOCH, metadata
from tests.conformance.records import NOW, a_case, an_entry
from tests.crash.children import running
from tests.postgres import PASSWORD, Server

WAIT_S = 30.0
ADA = Actor(id="ada")


@pytest.fixture
def store(postgres_url: str) -> Iterator[PostgresStore]:
    opened = PostgresStore(postgres_url)
    yield opened
    opened.close()


@pytest.fixture
def raw(postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection beside the store, as another program has one."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        yield connection


def acts(store: PostgresStore, after: int = 0) -> list[str]:
    return [entry.act for entry in store.read(lambda tx: tx.ledger(after_seq=after, limit=100))]


class Held:
    """A write that does its work and then stays open until it is let go; `store.write` in a thread of its own."""

    def __init__(self, store: PostgresStore, work: Callable[[Transaction], Any]) -> None:
        self._done = threading.Event()
        self._go_on = threading.Event()
        self.runs = 0
        self.result: Any = None
        self.error: Exception | None = None

        def held(tx: Transaction) -> None:
            self.runs += 1
            self.result = work(tx)
            # What it wrote is sent with the next question.
            tx.counts()
            self._done.set()
            assert self._go_on.wait(WAIT_S)

        def run() -> None:
            try:
                store.write(held)
            except Exception as error:
                self.error = error

        self.thread = threading.Thread(target=run, daemon=True)

    def __enter__(self) -> Held:
        self.thread.start()
        assert self._done.wait(WAIT_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go()

    def let_go(self) -> None:
        self._go_on.set()
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Start all at the same moment; give what each returned or raised."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        barrier.wait(WAIT_S)
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def eventually(found: Callable[[], bool]) -> None:
    """Ask until it is so."""
    until = time.monotonic() + WAIT_S
    while not found():
        assert time.monotonic() < until, "it never came"
        threading.Event().wait(0.01)


# --- several at once


def test_two_claimers_at_once_get_different_cases_and_neither_waits(store: PostgresStore) -> None:
    store.write(lambda tx: tx.add(Checkpoint(name="send"), *(a_case(f"c{n}") for n in range(6))))

    def claim(tx: Transaction) -> list[str]:
        found = [case.id for case in tx.queue(ADA, now=NOW, limit=3)]
        for id in found:
            assert tx.change(Case, (id,), expect={"fence": 0}, to={"fence": 1})
        return found

    with Held(store, claim) as first:
        # The first is still open: a second that waited for it would never come back.
        second = store.write(claim)
    assert (first.result, second) == (["c0", "c1", "c2"], ["c3", "c4", "c5"])


def claiming(limit: int, checkpoint: str | None = None) -> Callable[[Transaction], list[str]]:
    return lambda tx: [case.id for case in tx.queue(ADA, now=NOW, checkpoint=checkpoint, limit=limit)]


def test_a_claim_over_all_checkpoints_keeps_nothing_from_others_but_what_it_takes(store: PostgresStore) -> None:
    names = ["pay", "send", "tell"]
    waiting = [a_case(f"c{n:02}", checkpoint=names[n % 3]) for n in range(12)]
    store.write(lambda tx: tx.add(*(Checkpoint(name=name) for name in names), *waiting))
    with Held(store, claiming(2)) as first, Held(store, claiming(3)) as second:
        third = store.write(claiming(2, "pay"))
        rest = store.write(claiming(50))
    assert (first.result, second.result) == (["c00", "c01"], ["c02", "c03", "c04"])
    assert third == ["c06", "c09"]
    assert rest == [f"c{n:02}" for n in range(5, 12)]


def test_a_claim_looks_past_many_that_others_have_in_hand(store: PostgresStore) -> None:
    waiting = [a_case(f"c{n:03}", checkpoint=("pay", "send")[n % 2]) for n in range(60)]
    store.write(lambda tx: tx.add(Checkpoint(name="pay"), Checkpoint(name="send"), *waiting))
    with Held(store, claiming(50)):
        assert store.write(claiming(1)) == ["c050"]
        assert store.write(claiming(20)) == [f"c{n:03}" for n in range(50, 60)]


def test_a_case_that_was_claimed_between_a_look_and_its_lock_is_not_given(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.write(lambda tx: tx.add(Checkpoint(name="send"), a_case("c1"), a_case("c2")))
    merged = Rows._merged
    raced: list[str] = []

    def overtaken(self: Rows, *args: Any) -> list[Case]:
        found = merged(self, *args)
        if not raced:
            raced.append("once")
            hold = {"claimed_by": "bob", "claim_expires_at": NOW + timedelta(minutes=3)}
            with ThreadPoolExecutor(1) as pool:
                pool.submit(store.write, lambda tx: tx.change(Case, ("c1",), expect={}, to=hold)).result(WAIT_S)
        return found

    monkeypatch.setattr(Rows, "_merged", overtaken)
    assert store.write(claiming(1)) == ["c2"]


def test_what_is_due_is_left_to_whoever_has_it_in_hand(store: PostgresStore) -> None:
    store.write(lambda tx: tx.add(*(a_case(f"c{n}", state=State.CLEARED, due_at=NOW) for n in range(2))))
    with Held(store, lambda tx: tx.get(Case, "c0")):
        due = store.write(lambda tx: [case.id for case in tx.due(State.CLEARED, now=NOW, limit=5)])
        seen = store.read(lambda tx: [case.id for case in tx.due(State.CLEARED, now=NOW, limit=5)])
    assert (due, seen) == (["c1"], ["c0", "c1"])


def test_a_write_that_reads_a_case_waits_for_who_changes_it_and_sees_the_change(store: PostgresStore) -> None:
    store.write(lambda tx: tx.add(a_case("c1")))
    fences: list[int] = []

    def count(tx: Transaction) -> None:
        case = tx.get(Case, "c1")
        assert case is not None
        fences.append(case.fence)
        assert tx.change(Case, ("c1",), expect={"fence": case.fence}, to={"fence": case.fence + 1})

    with Held(store, count) as first, ThreadPoolExecutor(4) as pool:
        others = [pool.submit(store.write, count) for _ in range(4)]
        first.let_go()
        for other in others:
            other.result(WAIT_S)
    assert fences == [0, 1, 2, 3, 4], "nobody read an old case, and nobody had to run twice"


def test_two_proposals_with_one_key_at_once_are_one_case(store: PostgresStore) -> None:
    def propose(id: str) -> Callable[[Transaction], str]:
        def work(tx: Transaction) -> str:
            found = tx.find(Case, checkpoint="send", proposer="app", key="k")
            if not found:
                tx.add(a_case(id, key="k"), an_entry("propose", case_id=id))
            return found[0].id if found else id

        return work

    with ThreadPoolExecutor(1) as pool, Held(store, propose("c1")):
        second = pool.submit(store.write, propose("c2"))
        eventually(lambda: waiting_for_locks(store) == 1)
        assert not second.done()
    assert second.result(WAIT_S) == "c1"
    assert acts(store) == ["propose"]


def waiting_for_locks(store: PostgresStore) -> int:
    with store.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_work_that_never_finds_what_it_clashes_with_is_told_so_after_one_rerun(store: PostgresStore) -> None:
    store.write(lambda tx: tx.add(a_case("c1", key="secret")))
    runs: list[str] = []

    def work(tx: Transaction) -> None:
        runs.append("run")
        tx.add(a_case("c2", key="secret"))

    with pytest.raises(KeyReused, match="Case") as caught:
        store.write(work)
    assert runs == ["run", "run"]
    assert "secret" not in str(caught.value), "a key may name a person"


def test_a_work_may_look_up_what_its_record_clashed_with(store: PostgresStore) -> None:
    store.write(lambda tx: tx.add(a_case("c1")))

    def work(tx: Transaction) -> str | None:
        tx.add(an_entry("before"))
        try:
            tx.add(a_case("c1", proposer="other"))
        except KeyReused:
            found = tx.get(Case, "c1")
            return found.proposer if found else None
        return None

    assert store.write(work) == "app"
    assert acts(store) == ["before"], "what else the write did is kept, once"


def test_many_apps_that_propose_the_same_keys_at_once_make_each_case_once(postgres_url: str) -> None:
    def run() -> list[str]:
        with Signoff(postgres_url, workers=0) as app:

            @app.checkpoint
            def send(to: str) -> None: ...

            return [send.propose(to="ada", key=f"k{n}").id for n in range(20)]

    found = at_once(run, run, run, run)
    assert found[0] == found[1] == found[2] == found[3]
    assert len(set(found[0])) == 20


def desks(url: str, count: int, **declared: Any) -> list[Signoff]:
    apps = [Signoff(url, workers=0) for _ in range(count)]
    for app in apps:

        @app.checkpoint(name="pay", **declared)
        def pay(cents: int) -> str:
            return "paid"

        @pay.reversal
        def refund(cents: int) -> str:
            return "refunded"

    return apps


@pytest.fixture
def overtaken(monkeypatch: pytest.MonkeyPatch) -> Callable[[type, Iterator[Callable[[], Any]]], None]:
    """Let a rival be faster each time that this thread adds such a record, after it has looked for others."""

    def let(kind: type, rivals: Iterator[Callable[[], Any]]) -> None:
        add, me = Rows.add, threading.current_thread()

        def add_later(rows: Rows, *records: Any) -> None:
            if threading.current_thread() is me and any(isinstance(record, kind) for record in records):
                rival = next(rivals, None)
                if rival is not None:
                    with ThreadPoolExecutor(1) as pool:
                        pool.submit(rival).result(WAIT_S)
            add(rows, *records)

        monkeypatch.setattr(Rows, "add", add_later)

    return let


def test_processes_that_declare_a_checkpoint_differently_at_once_each_get_a_version(
    postgres_url: str, overtaken: Any
) -> None:
    def declare(undo_s: float) -> tuple[Signoff, Callable[[], Checkpoint]]:
        app = Signoff(postgres_url, workers=0)

        @app.checkpoint(name="send", undo_s=undo_s)
        def send(to: str) -> None: ...

        return app, lambda: send.declaration

    (app, ours), *others = [declare(float(n)) for n in range(8)]
    overtaken(Checkpoint, iter([theirs for _, theirs in others]))
    assert ours().version == 8
    assert [theirs().version for _, theirs in others] == list(range(1, 8))
    for each in (app, *(other for other, _ in others)):
        each.close()


@pytest.mark.parametrize("faster", [1, 3, 25])
def test_a_batch_whose_keys_others_take_meanwhile_is_kept_with_their_cases(
    postgres_url: str, overtaken: Any, faster: int
) -> None:
    ours, theirs = desks(postgres_url, 2)
    pay = ours.function("pay")
    made: dict[int, str] = {}

    def rival(number: int) -> None:
        cents = -1 if number == 1 else number
        made[number] = theirs.function("pay").propose(cents=cents, key=f"k{number}").id

    batch = [pay.intake.prepare(Proposal(arguments={"cents": n}, key=f"k{n}")) for n in range(30)]
    overtaken(Case, iter([partial(rival, number) for number in range(faster)]))
    found = list(pay.intake.each(batch))
    assert len(made) == faster
    assert [number for number, each in enumerate(found) if isinstance(each, KeyReused)] == [1][: faster - 1]
    assert {n: each.id for n, each in enumerate(found) if n in made and isinstance(each, Case)} == {
        n: id for n, id in made.items() if n != 1
    }
    assert len(ours.cases(limit=100)) == 30
    for app in (ours, theirs):
        app.close()


def test_a_lot_whose_keys_others_take_meanwhile_is_kept_whole(postgres_url: str, overtaken: Any) -> None:
    ours, theirs = desks(postgres_url, 2)
    pay = theirs.function("pay")
    rivals = [partial(pay.propose, cents=number, key=f"k{number}") for number in range(3)]
    ours.function("pay").propose(cents=99)
    overtaken(Case, iter(rivals))
    lot = [Proposal(arguments={"cents": n}, key=f"k{n}") for n in range(5)]
    cases = ours.function("pay").propose_many(lot)
    assert [case.id for case in cases[:3]] == [rival().id for rival in rivals]
    assert len(ours.cases(limit=100)) == 6
    for app in (ours, theirs):
        app.close()


def test_two_votes_at_once_agree_once(postgres_url: str) -> None:
    apps = desks(postgres_url, 2, opinions=2)
    for number in range(10):
        case = apps[0].function("pay").propose(cents=number)
        states = at_once(
            lambda case=case: apps[0].reviewer("ada").approve(apps[0].case(case.id)),
            lambda case=case: apps[1].reviewer("bob").approve(apps[1].case(case.id)),
        )
        assert not [each for each in states if isinstance(each, Exception)]
        history = apps[0].history(case.id)
        assert sorted(vote.reviewer for vote in history.votes) == ["ada", "bob"]
        assert len(history.verdicts) == 1
        assert [entry.act for entry in history.entries].count("clear") == 1
    assert list(apps[0].verify().contradictions) == []
    for app in apps:
        app.close()


def test_what_is_granted_counts_from_when_the_case_was_free(postgres_url: str) -> None:
    (app,) = desks(postgres_url, 1, undo_s=60)
    store, ada = app.store, app.reviewer("ada")
    assert isinstance(store, PostgresStore)
    calls: list[Callable[[str], Any]] = [
        lambda id: ada.approve(app.case(id)),
        lambda id: ada.claim_case(id),
        lambda id: ada.snooze(id),
    ]
    for call in calls:
        id = app.function("pay").propose(cents=1).id
        with ThreadPoolExecutor(1) as pool, Held(store, lambda tx, id=id: tx.get(Case, id)):
            waiting = pool.submit(call, id)
            eventually(lambda: waiting_for_locks(store) == 1)
            assert store.clock is not None
            freed = store.clock.now()
        waiting.result(WAIT_S)
        assert app.history(id).entries[-1].at >= freed
    app.close()


def test_two_reversals_at_once_are_one(postgres_url: str) -> None:
    apps = desks(postgres_url, 2)
    for number in range(10):
        case = apps[0].reviewer("ada").approve(apps[0].function("pay").propose(cents=number))
        apps[0].run_due()
        found = at_once(*[lambda app=app, id=case.id: app.reviewer("lea").reverse(app.case(id)) for app in apps])
        assert [isinstance(each, CaseClosed) for each in found].count(True) == 1
        (made,) = [each for each in found if isinstance(each, CaseHandle)]
        apps[1].run_due()
        assert apps[0].case(case.id).state is State.REVERSED
        assert apps[0].store.read(lambda tx, id=case.id: [c.id for c in tx.find(Case, reverses=id)]) == [made.id]
    assert list(apps[0].verify().contradictions) == []
    for app in apps:
        app.close()


def test_two_writes_that_lock_crosswise_both_succeed(store: PostgresStore, raw: psycopg.Connection[Any]) -> None:
    store.write(lambda tx: tx.add(a_case("c1"), a_case("c2")))
    met = threading.Barrier(2)
    runs: list[str] = []

    def crosswise(first: str, second: str) -> Callable[[Transaction], None]:
        def work(tx: Transaction) -> None:
            runs.append(first)
            tx.get(Case, first)
            if len(runs) <= 2:
                met.wait(WAIT_S)
            case = tx.get(Case, second)
            assert case is not None
            assert tx.change(Case, (second,), expect={"fence": case.fence}, to={"fence": case.fence + 1})

        return work

    assert at_once(lambda: store.write(crosswise("c1", "c2")), lambda: store.write(crosswise("c2", "c1"))) == [None] * 2
    assert len(runs) == 3, "one of them was ended by the server and ran again"
    assert store.read(lambda tx: [case.fence for case in tx.find(Case)]) == [1, 1]


def test_who_waits_too_long_for_a_row_is_told(postgres_url: str) -> None:
    hasty = PostgresStore(postgres_url, busy_s=0.1)
    hasty.write(lambda tx: tx.add(a_case("c1")))
    with Held(hasty, lambda tx: tx.get(Case, "c1")), pytest.raises(StoreUnavailable, match="lock"):
        hasty.write(lambda tx: tx.get(Case, "c1"))
    hasty.close()


def test_more_writes_than_connections_wait_or_are_told(postgres_url: str) -> None:
    narrow = PostgresStore(postgres_url, pool=1, busy_s=0.1)
    with (
        Held(narrow, lambda tx: tx.add(a_case("c1"))),
        pytest.raises(StoreUnavailable, match="no connection came free"),
    ):
        narrow.read(lambda tx: tx.counts())
    assert narrow.read(lambda tx: tx.counts()) == {State.WAITING: 1}
    narrow.close()


def test_a_read_inside_a_write_needs_no_connection_of_the_pool(postgres_url: str) -> None:
    narrow = PostgresStore(postgres_url, pool=1)

    def work(tx: Transaction) -> tuple[dict[State, int], dict[State, int]]:
        tx.add(a_case("c1"))
        return tx.counts(), narrow.read(lambda inner: narrow.read(lambda _: inner.counts()))

    assert narrow.write(work) == ({State.WAITING: 1}, {})
    narrow.close()


# --- the order of the ledger


def test_no_entry_appears_before_one_that_was_listed(store: PostgresStore) -> None:
    with Held(store, lambda tx: tx.add(an_entry("early"))) as early:
        store.write(lambda tx: tx.add(an_entry("late")))
        assert acts(store) == []
        assert store.read(lambda tx: tx.last_seq()) == 0
        early.let_go()
    assert acts(store) == ["early", "late"]
    assert store.read(lambda tx: tx.last_seq()) == 2


def test_an_open_write_that_has_no_number_yet_holds_back_what_comes_after_it(store: PostgresStore) -> None:
    """Its number may be drawn before that of a write which is committed first."""
    with Held(store, lambda tx: None):
        store.write(lambda tx: tx.add(an_entry("late")))
        assert acts(store) == []
    assert acts(store) == ["late"]


def test_a_write_that_began_later_but_drew_its_number_first_is_waited_for(store: PostgresStore) -> None:
    """The order in which writes begin is not the order in which they draw."""
    began, drew = threading.Event(), threading.Event()

    def first(tx: Transaction) -> None:
        tx.counts()
        began.set()
        assert drew.wait(WAIT_S)
        tx.add(an_entry("second number"))

    with ThreadPoolExecutor(1) as pool:
        earlier = pool.submit(store.write, first)
        assert began.wait(WAIT_S)

        def later(tx: Transaction) -> None:
            tx.add(an_entry("first number"))
            tx.counts()

        with Held(store, later):
            drew.set()
            earlier.result(WAIT_S)
            assert acts(store) == []
    assert acts(store) == ["first number", "second number"]


def test_a_reader_who_goes_on_from_where_it_was_misses_nothing(postgres_url: str) -> None:
    store = PostgresStore(postgres_url, pool=8)
    writing = threading.Event()
    writing.set()
    listed: list[Entry] = []

    def read() -> None:
        more = True
        while more:
            more = writing.is_set()
            page = store.read(lambda tx: tx.ledger(after_seq=listed[-1].seq if listed else 0, limit=7))
            listed.extend(page)
            more = more or bool(page)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()

    def write(thread: int) -> None:
        for number in range(40):
            store.write(
                lambda tx, number=number: tx.add(an_entry(f"{thread}-{number}a"), an_entry(f"{thread}-{number}b"))
            )

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(write, range(6)))
    writing.clear()
    reader.join(WAIT_S)
    assert not reader.is_alive()
    everything = store.read(lambda tx: tx.find(Entry))
    assert len(everything) == 480
    assert listed == everything
    store.close()


def test_a_ledger_of_another_server_is_listed(store: PostgresStore, postgres_url: str, raw: Any) -> None:
    """After a dump was restored, its transactions have numbers this server has not come to yet."""
    store.write(lambda tx: tx.add(an_entry("a"), an_entry("b")))
    raw.execute("UPDATE entries SET xid = '999999999999', waits_for = '999999999999'")
    raw.execute("SELECT setval('entries_begun', 999999999999)")
    store.write(lambda tx: tx.add(an_entry("c")))
    assert acts(store) == []
    again = PostgresStore(postgres_url)
    assert acts(again) == ["a", "b", "c"]
    again.write(lambda tx: tx.add(an_entry("d")))
    assert acts(store) == ["a", "b", "c", "d"]
    again.close()


# --- word of commits


def test_a_commit_of_another_process_changes_the_version(postgres_url: str, tmp_path: Any) -> None:
    with Signoff(postgres_url, workers=0) as app:

        @app.checkpoint(name="send")
        def send(text: str) -> None: ...

        case = send.propose(text="hello")
        before = app.store.version()
        with running("tests.crash.racer", "rule", tmp_path, postgres_url, case.id) as child:
            child.hear()
            child.say("go")
            eventually(lambda: app.store.version() != before)
            assert child.ended_well()
        eventually(lambda: app.case(case.id).state is State.DONE)


def test_a_commit_that_nobody_told_of_is_found_all_the_same(store: PostgresStore, raw: Any) -> None:
    before = store.version()
    raw.execute(
        "INSERT INTO entries (at, kind, act, actor, actor_kind, facts) VALUES (0, 'move', 'x', 'y', 'service', '{}')"
    )
    eventually(lambda: store.version() != before)


def test_a_notice_comes_soon_for_what_has_no_entry(store: PostgresStore, postgres_url: str) -> None:
    other = PostgresStore(postgres_url)
    before = store.version()
    eventually(lambda: listeners(store) == 1)
    other.write(lambda tx: tx.add(a_case("c1")))
    eventually(lambda: store.version() != before)
    other.close()


def listeners(store: PostgresStore) -> int:
    with store.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'signoff listens'"
        ).fetchone()
    assert row is not None
    return int(row[0])


def test_a_process_with_more_than_a_thousand_files_hears_of_others(store: PostgresStore, postgres_url: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard) if hard > 0 else 4096, hard))
    with ExitStack() as opened:
        opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1100):
            opened.enter_context(Path(os.devnull).open("rb"))
        before = store.version()
        eventually(lambda: listeners(store) == 1)
        with closing(PostgresStore(postgres_url)) as other:
            other.write(lambda tx: tx.add(a_case("c1"), an_entry("e1")))
            eventually(lambda: store.version() != before)


def test_whatever_fails_in_the_thread_that_listens_it_starts_again(
    store: PostgresStore, postgres_url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    serve, failed = store._line._serve, threading.Event()

    def fail_once(*args: Any) -> None:
        if failed.is_set():
            return serve(*args)
        failed.set()
        raise ValueError("filedescriptor out of range in select()")

    monkeypatch.setattr(store._line, "_serve", fail_once)
    before = store.version()
    assert failed.wait(WAIT_S)
    with closing(PostgresStore(postgres_url)) as other:
        other.write(lambda tx: tx.add(a_case("c1"), an_entry("e1")))
        eventually(lambda: store.version() != before)
    assert "filedescriptor out of range" in caplog.text


def test_commits_while_nobody_can_listen_do_not_hurry_the_next_attempt(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[None] = []
    pausing = threading.Event()

    def refuse() -> psycopg.Connection[Any]:
        attempts.append(None)
        raise StoreUnavailable("too many clients")

    def for_long(*_: float) -> float:
        pausing.set()
        return 100 * WAIT_S

    monkeypatch.setattr(store, "connect", refuse)
    monkeypatch.setattr(signoff.storage.postgres.random, "uniform", for_long)
    store.write(lambda tx: tx.add(a_case("c")))
    assert pausing.wait(WAIT_S)
    for number in range(20):
        store.write(lambda tx, number=number: tx.add(a_case(f"c{number}")))
    store.close()
    assert len(attempts) == 1
    thread = store._line._thread
    assert thread is not None and not thread.is_alive(), "it is waited for no longer than it takes to tell it"


def test_each_of_our_own_commits_changes_the_version(store: PostgresStore) -> None:
    versions = {store.version()}
    for number in range(3):
        store.write(lambda tx, number=number: tx.add(a_case(f"c{number}"), an_entry(f"e{number}")))
        versions.add(store.version())
    # A look at the ledger that falls between a commit and its count may count it too; it only wakes somebody again.
    position = store._line
    eventually(lambda: position._position == 3)
    assert len(versions) == 4
    assert store.version() >= max(versions)


def test_the_last_commit_before_closing_is_told(store: PostgresStore, postgres_url: str) -> None:
    before = store.version()
    eventually(lambda: listeners(store) == 1)
    other = PostgresStore(postgres_url)
    other.write(lambda tx: tx.add(a_case("c1")))
    other.close()
    eventually(lambda: store.version() != before)


def test_listening_goes_on_after_the_connection_was_lost(store: PostgresStore, postgres_url: str, raw: Any) -> None:
    store.version()
    eventually(lambda: listeners(store) == 1)
    raw.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    eventually(lambda: listeners(store) == 1)
    before = store.version()
    other = PostgresStore(postgres_url)
    other.write(lambda tx: tx.add(a_case("c1")))
    eventually(lambda: store.version() != before)
    other.close()


# --- the clock


def test_the_time_is_the_databases_however_wrong_the_machines_is(
    postgres_url: str, raw: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Broken(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2001, 1, 1, tzinfo=UTC)

    monkeypatch.setattr(signoff.runtime.clock, "datetime", Broken)
    monkeypatch.setattr(time, "time", lambda: 0.0)

    def now() -> datetime:
        (found,) = raw.execute("SELECT clock_timestamp()").fetchone()
        return found

    with Signoff(postgres_url, workers=0) as app:

        @app.checkpoint
        def send(to: str) -> None: ...

        earliest = now()
        case = app.case(send.propose(to="ada").id)
        latest = now()
        created = app.history(case.id).case.created_at
        # The clock was set by an answer that had to travel.
        assert earliest - timedelta(seconds=1) < created < latest + timedelta(seconds=1)


@pytest.mark.skipif(not hasattr(time, "CLOCK_BOOTTIME"), reason="this system has no clock that goes on in suspend")
def test_the_clock_goes_on_while_the_machine_is_suspended(
    store: PostgresStore, raw: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signoff.storage.postgres, "_CLOCK_S", 1000.0)
    real, slept, answers = time.clock_gettime_ns, [0], []
    ask = store.ask_time

    def counted(connection: psycopg.Connection[Any]) -> None:
        ask(connection)
        answers.append(None)

    # A suspended machine: the monotonic clock stands still, the other jumps.
    at = time.monotonic_ns()
    monkeypatch.setattr(time, "monotonic_ns", lambda: at)
    monkeypatch.setattr(time, "clock_gettime_ns", lambda clock: real(clock) + slept[0])
    monkeypatch.setattr(store, "ask_time", counted)
    assert store.clock is not None
    first = store.clock.now()
    eventually(lambda: len(answers) == 1)
    slept[0] = 3_600_000_000_000
    assert store.clock.now() > first + timedelta(minutes=59) or len(answers) > 1
    eventually(lambda: len(answers) == 2)
    (told,) = raw.execute("SELECT clock_timestamp()").fetchone()  # type: ignore[misc]
    assert store.clock.now() < told + timedelta(minutes=1), "the database was asked again, and believed"


def test_the_clock_goes_on_by_itself_and_never_a_little_back() -> None:
    used: list[None] = []
    clock = DatabaseClock(lambda: used.append(None))
    at = ticks_ns()
    clock.set(1_000_000_000, before=at, after=at)
    first = clock.now()
    assert first >= EPOCH + timedelta(seconds=1000)
    assert len(used) == 1
    at = ticks_ns()
    clock.set(1_000_000_000, before=at, after=at)
    assert clock.now() >= first
    clock.set(500_000_000, before=at, after=at)
    assert clock.now() < first, "a database whose clock was set an hour back is believed"


# --- text that PostgreSQL cannot hold


@pytest.mark.parametrize("text", ["\x00", "\x01", "\x00\x01", "\x01\x02\x00", "a\x01\x01b", "\x00" * 3])
def test_any_text_comes_back_as_it_was(store: PostgresStore, text: str) -> None:
    note = Note(case_id=text, number=1, about=text, author="ada", written_at=NOW, text=text)
    store.write(lambda tx: tx.add(note, a_case(text, key=text)))
    assert store.read(lambda tx: tx.get(Note, text, 1)) == note
    assert store.read(lambda tx: [case.id for case in tx.find(Case, key=text)]) == [text]
    assert store.read(lambda tx: [case.id for case in tx.cases(text=text)]) == [text]


def test_such_text_keeps_its_order(store: PostgresStore) -> None:
    names = ["\x02", "\x01", "\x00", "", "\x00a", "\x01\x00", "\x00\x01", "a", "é", "Z"]
    store.write(lambda tx: tx.add(*(a_case(name) for name in names)))
    assert store.read(lambda tx: [case.id for case in tx.cases()]) == sorted(names)


# --- connections and servers that are lost


def end_others(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND datname = current_database()"
    )


def test_a_connection_lost_while_idle_is_not_noticed(store: PostgresStore, raw: Any) -> None:
    store.write(lambda tx: tx.add(a_case("c1")))
    end_others(raw)
    assert store.read(lambda tx: tx.counts()) == {State.WAITING: 1}
    end_others(raw)
    store.write(lambda tx: tx.add(a_case("c2"), an_entry("x")))
    assert store.read(lambda tx: (tx.counts(), len(tx.find(Entry)))) == ({State.WAITING: 2}, 1)


def test_a_connection_lost_in_the_middle_of_a_write_runs_it_again_once(store: PostgresStore, raw: Any) -> None:
    runs: list[int] = []

    def work(tx: Transaction) -> int:
        runs.append(1)
        tx.add(a_case(f"c{len(runs)}"), an_entry("x"))
        if len(runs) == 1:
            end_others(raw)
        return tx.counts()[State.WAITING]

    assert store.write(work) == 1
    assert store.read(lambda tx: [case.id for case in tx.find(Case)]) == ["c2"]

    def hopeless(tx: Transaction) -> None:
        runs.append(1)
        end_others(raw)
        tx.counts()

    runs.clear()
    with pytest.raises(StoreUnavailable, match="Nothing of this write was kept"):
        store.write(hopeless)
    assert len(runs) == 2
    store.write(lambda tx: tx.add(a_case("c3")))


def test_a_read_that_has_seen_something_is_not_run_twice(store: PostgresStore, raw: Any) -> None:
    seen: list[Any] = []

    def work(tx: Reading) -> None:
        seen.append(tx.counts())
        end_others(raw)
        tx.counts()

    with pytest.raises(StoreUnavailable):
        store.read(work)
    assert seen == [{}]


@pytest.mark.parametrize("kept", [True, False])
def test_a_connection_lost_during_the_commit_is_told_as_unknown(store: PostgresStore, raw: Any, kept: bool) -> None:
    """Sent again under the same key it is one case either way."""
    raw.execute("CREATE TABLE ending (id int)")
    raw.execute(
        "CREATE FUNCTION end_it() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"
    )
    raw.execute(
        "CREATE CONSTRAINT TRIGGER t AFTER INSERT ON notes DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION end_it()"
    )
    heard: list[Sequence[Entry]] = []
    store.on_commit(heard.append)
    note = Note(case_id="c1", number=1, about="x", author="ada", written_at=NOW, text="x")

    def propose(tx: Transaction) -> None:
        if not tx.find(Case, checkpoint="send", proposer="app", key="k"):
            tx.add(a_case("c1", key="k"), an_entry("x"), note)

    version = store.version()
    with pytest.raises(StoreUnavailable, match="nobody knows") as caught:
        store.write(propose)
    assert caught.value.facts["kept"] is None
    assert "Nothing of this write was kept" not in str(caught.value)
    assert heard == []
    if kept:
        # What the server had kept before it went, as if its answer alone had been lost.
        raw.execute("DROP TRIGGER t ON notes")
        store.write(propose)
    raw.execute("DROP TRIGGER IF EXISTS t ON notes")
    store.write(propose)
    assert store.read(lambda tx: [case.id for case in tx.find(Case)]) == ["c1"]
    assert store.version() != version
    assert len(heard) == 1


def test_no_acknowledged_write_is_lost_with_a_killed_server() -> None:
    with Server(durable=True) as server, server.database() as url:
        store = PostgresStore(url, busy_s=2)
        kept: dict[int, list[str]] = {thread: [] for thread in range(4)}
        errors: list[Exception] = []
        failed = [threading.Event() for _ in kept]
        up_again = threading.Event()

        def work(thread: int) -> None:
            number = after = 0
            while after < 10:
                name = f"{thread}-{number:04}"

                def propose(tx: Transaction, name: str = name) -> None:
                    if not tx.find(Case, checkpoint="send", proposer="app", key=name):
                        tx.add(a_case(name, key=name), an_entry(name))

                try:
                    store.write(propose)
                except Exception as error:
                    # The same again, as whoever was not told does.
                    errors.append(error)
                    failed[thread].set()
                    assert up_again.wait(WAIT_S)
                    continue
                kept[thread].append(name)
                number += 1
                after += up_again.is_set()

        with ThreadPoolExecutor(len(kept)) as pool:
            working = [pool.submit(work, thread) for thread in kept]
            eventually(lambda: all(len(names) > 5 for names in kept.values()))
            server.kill()
            for event in failed:
                assert event.wait(WAIT_S)
            server.start()
            up_again.set()
            for each in working:
                each.result(WAIT_S * 2)
        assert {type(error) for error in errors} == {StoreUnavailable}
        names = sorted(name for names in kept.values() for name in names)
        assert store.read(lambda tx: [case.id for case in tx.find(Case)]) == names
        assert sorted(acts_of(store)) == names
        store.close()


def acts_of(store: PostgresStore) -> list[str]:
    return [entry.act for entry in store.read(lambda tx: tx.find(Entry))]


def test_a_server_that_was_stopped_in_order_is_used_again_when_it_is_back() -> None:
    with Server() as server, server.database() as url:
        store = PostgresStore(url, busy_s=1)
        store.write(lambda tx: tx.add(a_case("c1")))
        server.stop()
        for use in (store.write, store.read):
            with pytest.raises(StoreUnavailable, match="no server answers there"):
                use(lambda tx: tx.counts())
        clock = store.clock
        assert clock is not None
        assert clock.now() > EPOCH, "time goes on without the server"
        server.start()
        assert store.write(lambda tx: tx.counts()) == {State.WAITING: 1}
        store.close()


# --- opening


def test_an_app_opens_it_by_its_url_and_takes_the_databases_clock(postgres_url: str) -> None:
    for url in (postgres_url, postgres_url.replace("postgresql://", "postgres://")):
        with Signoff(url, workers=0) as app:
            assert isinstance(app.store, PostgresStore)
            assert app.clock is app.store.clock


def test_an_empty_database_is_set_up_unless_it_is_to_hold_cases(postgres: Server) -> None:
    with postgres.empty() as url:
        with pytest.raises(InvalidInput, match="is empty"):
            open_store(url, create=False)
        open_store(url).close()
        open_store(url, create=False).close()


WRONG = [
    ("postgresql://signoff@127.0.0.1:1/x", "no server answers there"),
    ("postgresql://signoff@/x?host=/nowhere", "no server answers there"),
    ("postgresql://signoff@no-such-host.invalid/x", "no such host"),
]


@pytest.mark.parametrize(("url", "said"), WRONG)
def test_a_server_that_is_not_there_is_named_with_what_to_do(url: str, said: str) -> None:
    with pytest.raises(StoreUnavailable, match=said) as caught:
        PostgresStore(url.replace("signoff@", "signoff:hunter2@"))
    assert str(caught.value).startswith("postgresql://signoff@")
    assert "hunter2" not in f"{caught.value} {caught.value.facts} {caught.value.__cause__}"
    assert caught.value.__suppress_context__


def test_a_wrong_password_database_or_user_is_told(postgres: Server, postgres_url: str) -> None:
    name = postgres_url.rpartition("/")[0] and psycopg.conninfo.conninfo_to_dict(postgres_url)["dbname"]
    for url, said in (
        (postgres.url(str(name), user="locked", password="hunter2"), "did not take the password"),
        (postgres.url(str(name), user="locked"), "wants a password"),
        (postgres.url("no_such_database"), "no such database"),
        (postgres.url(str(name), user="nobody_here"), "no such database or user"),
        (postgres.url(str(name), user="locked", password=PASSWORD.replace(" ", "%20")), "no right to these tables"),
    ):
        with pytest.raises(StoreUnavailable, match=said) as caught:
            PostgresStore(url)
        assert "hunter2" not in str(caught.value)
        assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://signoff:hun@ter2@localhost/x",
        "postgresql://signoff:hunter2@localhost:port/x",
        "postgresql://signoff:hunter2@localhost/x?hunter2=1",
        "postgresql://signoff:hun/ter2@localhost/x",
        "postgresql://signoff:hun:ter2@localhost:99999/x",
        "postgresql://[hunter2",
    ],
)
def test_a_url_that_cannot_be_read_is_told_without_its_password(url: str) -> None:
    with pytest.raises((UsageError, StoreUnavailable)) as caught:
        PostgresStore(url)
    assert "ter2" not in f"{caught.value} {caught.value.facts}"


def test_whatever_the_driver_says_is_told_without_the_password() -> None:
    address = Address("postgresql://signoff:hunter2@localhost/x")
    error = address.translate(psycopg.OperationalError("something\nabout hunter2"))
    assert str(error) == "postgresql://signoff@localhost/x: something about ***"


def test_a_read_only_database_is_told(postgres_url: str, raw: Any) -> None:
    raw.execute("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', "
                "current_database()); END $$")  # fmt: skip
    store = PostgresStore(postgres_url)
    assert store.read(lambda tx: tx.counts()) == {}
    with pytest.raises(StoreUnavailable, match="read-only"):
        store.write(lambda tx: tx.add(a_case("c1")))
    store.close()


def test_a_database_that_is_not_in_unicode_is_refused(postgres: Server) -> None:
    with postgres.admin() as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        with pytest.raises(InvalidInput, match="UTF8"):
            PostgresStore(postgres.url("latin"))
        connection.execute("DROP DATABASE latin")


def test_another_programs_database_is_refused_and_not_touched(postgres: Server) -> None:
    with postgres.empty() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE theirs (id int)")
        for call in (PostgresStore, migrate):
            with pytest.raises(InvalidInput, match="another program"):
                call(url)
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        assert tables == [("theirs",)]


def older(url: str, version: str) -> None:
    upgrade_postgres(lambda: psycopg.connect(url), to=version)


@pytest.mark.parametrize("version", KNOWN[:-1])
def test_an_older_database_waits_to_be_migrated_and_keeps_its_rows(postgres: Server, version: str) -> None:
    with postgres.empty() as url:
        older(url, version)
        with psycopg.connect(url) as connection:
            for number in range(5):
                connection.execute(
                    "INSERT INTO entries (at, kind, act, actor, actor_kind, facts) "
                    "VALUES (%s, 'move', 'x', 'é', 'service', '{}')",
                    (number,),
                )
            connection.execute("INSERT INTO evidence VALUES ('c1', '{}')")
        with pytest.raises(SchemaTooOld, match="signoff migrate") as caught:
            PostgresStore(url)
        assert caught.value.facts == {"schema": version, "known": HEAD}
        assert migrate(url) == (version, HEAD)
        assert migrate(url) == (HEAD, HEAD)
        store = PostgresStore(url)
        assert [(e.seq, e.kind, e.actor) for e in store.read(lambda tx: tx.ledger(after_seq=0, limit=9))] == [
            (number, EntryKind.MOVE, "é") for number in range(1, 6)
        ]
        store.write(lambda tx: tx.add(an_entry("next")))
        assert acts(store, after=5) == ["next"]
        store.close()


def test_a_migration_does_not_wait_for_ever_for_another_program(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signoff.storage.postgres.BUSY_S", 0.1)
    with postgres.empty() as url:
        older(url, "0002")
        with psycopg.connect(url) as other:
            other.execute("SELECT count(*) FROM cases")
            with pytest.raises(StoreUnavailable, match="another program has held a lock"):
                migrate(url)
        assert migrate(url) == ("0002", HEAD)


@pytest.mark.parametrize("version", ["9999", "a-branch-of-tomorrow"])
def test_a_newer_database_is_refused(postgres_url: str, raw: Any, version: str) -> None:
    raw.execute("UPDATE alembic_version SET version_num = %s", (version,))
    for call in (PostgresStore, migrate):
        with pytest.raises(SchemaTooNew, match=version):
            call(postgres_url)


@pytest.mark.filterwarnings("ignore:Did not recognize type 'xid8':sqlalchemy.exc.SAWarning")
def test_a_migrated_database_has_the_schema_of_the_metadata(postgres_url: str) -> None:
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(postgres_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        found = compare_metadata(context, metadata)
        collations = connection.exec_driver_sql(
            "SELECT DISTINCT collation_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type = 'text'"
        ).fetchall()
    engine.dispose()
    # The order of commits is the database's own affair; no record has it.
    assert {(change[0], change[3].name) for change in found} == {
        ("remove_column", "xid"),
        ("remove_column", "waits_for"),
    }
    assert collations == [("C",)]


@pytest.mark.parametrize("statement", [1, 2, 9, 17, 30, 45])
def test_a_process_killed_while_it_makes_the_tables_leaves_a_database_that_opens(
    postgres: Server, statement: int
) -> None:
    with postgres.empty() as url:
        with running("tests.crash.child", "migrate", url, str(statement)) as child:
            assert child.hear().startswith("in ")
            assert child.was_killed()
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        PostgresStore(url).close()


@pytest.mark.parametrize("statement", [1, 5, 10])
def test_a_process_killed_while_it_migrates_leaves_the_older_schema(postgres: Server, statement: int) -> None:
    with postgres.empty() as url:
        older(url, "0002")
        with running("tests.crash.child", "migrate", url, str(statement)) as child:
            assert child.hear().startswith("in ")
            assert child.was_killed()
        assert migrate(url) == ("0002", HEAD)
        PostgresStore(url).close()


def test_a_closed_store_ends_its_threads(postgres_url: str) -> None:
    before = set(threading.enumerate())
    store = PostgresStore(postgres_url)
    store.version()
    store.write(lambda tx: tx.add(a_case("c1")))
    assert set(threading.enumerate()) - before
    store.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(WAIT_S)
    assert set(threading.enumerate()) - before == set()
    assert store.version() == -1


def test_without_the_driver_one_is_told_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from signoff.app import open_store\n"
        "from signoff.errors import UsageError\n"
        "try: open_store('postgresql://localhost/x')\n"
        "except UsageError as error: print(error)"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=WAIT_S)
    assert 'pip install "signoff[postgres]"' in found.stdout
