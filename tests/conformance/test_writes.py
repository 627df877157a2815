"""Every store writes all or nothing, and compares before it swaps."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from signoff.domain.case import Case, ClearedBy, State
from signoff.domain.content import Content
from signoff.domain.entry import Entry
from signoff.domain.verdict import VerdictRecord
from signoff.errors import KeyReused, SignoffError, StoreUnavailable
from signoff.ports import Store
from tests.conformance.records import FULL_CASE, LATER, NOW, VERDICT, a_case, an_entry

FIELDS = [name for name in Case.__dataclass_fields__ if name != "id"]
OTHER: dict[str, Any] = {
    "state": State.HELD,
    "cleared_by": ClearedBy.POLICY,
    **dict.fromkeys(
        ["created_at", "due_at", "deadline_at", "snoozed_until", "claim_expires_at"], NOW.replace(year=1999)
    ),
}


def other(name: str) -> Any:
    """Give a value that the full case does not have in that field."""
    value = getattr(FULL_CASE, name)
    return OTHER.get(name, value + 1 if isinstance(value, int) else "another")


class Boom(Exception):
    """What a write may raise in the middle."""


def case_of(store: Store, id: str = "c1") -> Case | None:
    return store.read(lambda tx: tx.get(Case, id))


# --- compare and swap


@pytest.mark.parametrize("name", FIELDS)
def test_any_one_field_that_is_not_as_expected_stops_the_swap(store: Store, name: str) -> None:
    store.write(lambda tx: tx.add(FULL_CASE))
    expected = {field: getattr(FULL_CASE, field) for field in FIELDS}

    def swap(**expect: Any) -> bool:
        return store.write(lambda tx: tx.change(Case, ("c-full",), expect=expect, to={"fence": 1}))

    assert not swap(**{**expected, name: other(name)})
    assert not swap(**{name: other(name)})
    if getattr(a_case(), name) is None:
        assert not swap(**{name: None})
    assert case_of(store, "c-full") == FULL_CASE
    assert swap(**{name: getattr(FULL_CASE, name)})
    assert case_of(store, "c-full") == replace(FULL_CASE, fence=1)


@pytest.mark.parametrize("name", [name for name in FIELDS if getattr(a_case(), name) is None])
def test_a_field_that_is_empty_matches_none_and_nothing_else(store: Store, name: str) -> None:
    store.write(lambda tx: tx.add(a_case()))

    def swap(value: Any) -> bool:
        return store.write(lambda tx: tx.change(Case, ("c1",), expect={name: value}, to={"fence": 1}))

    assert not swap(getattr(FULL_CASE, name))
    assert case_of(store) == a_case()
    assert swap(None)


def test_a_swap_of_what_is_not_there_says_so(store: Store) -> None:
    assert not store.write(lambda tx: tx.change(Case, ("c1",), expect={}, to={"fence": 1}))
    assert not store.write(lambda tx: tx.change(Content, ("c1", 1), expect={}, to={"author": "x"}))


def test_a_swap_changes_one_record_and_is_seen_by_the_next_in_the_same_write(store: Store) -> None:
    store.write(lambda tx: tx.add(a_case("c1"), a_case("c2"), VERDICT, replace(VERDICT, id="v2")))

    def twice(tx) -> list[bool]:
        return [
            tx.change(Case, ("c1",), expect={"fence": 0}, to={"fence": 1, "state": State.HELD}),
            tx.change(Case, ("c1",), expect={"fence": 0}, to={"fence": 2}),
            tx.change(VerdictRecord, ("v2",), expect={"voided_at": None}, to={"voided_at": LATER}),
            tx.change(VerdictRecord, ("v2",), expect={"voided_at": None}, to={"voided_at": NOW}),
        ]

    assert store.write(twice) == [True, False, True, False]
    assert case_of(store) == a_case("c1", fence=1, state=State.HELD)
    assert case_of(store, "c2") == a_case("c2")
    assert store.read(lambda tx: [v.voided_at for v in tx.find(VerdictRecord)]) == [None, LATER]


# --- all or nothing


@pytest.mark.parametrize("error", [Boom("x"), KeyReused("x"), ValueError("x")], ids=lambda e: type(e).__name__)
def test_a_write_that_raises_in_the_middle_leaves_nothing(store: Store, error: Exception) -> None:
    store.write(lambda tx: tx.add(a_case("c1")))

    def work(tx) -> None:
        tx.add(a_case("c2"), an_entry())
        assert tx.change(Case, ("c1",), expect={"fence": 0}, to={"fence": 9})
        assert tx.change(Case, ("c1",), expect={"fence": 9}, to={"fence": 10})
        tx.add(Content(case_id="c2", revision=1, arguments={}, author="x"))
        raise error

    with pytest.raises(type(error)) as caught:
        store.write(work)
    assert caught.value is error
    assert case_of(store) == a_case("c1")
    assert case_of(store, "c2") is None
    assert store.read(lambda tx: (tx.find(Entry), tx.find(Content))) == ([], [])
    store.write(lambda tx: tx.add(a_case("c2")))
    assert case_of(store, "c2") is not None


def test_a_write_sees_its_own_changes_and_gives_back_what_it_returns(store: Store) -> None:
    def work(tx) -> tuple[Any, ...]:
        tx.add(a_case("c1"), a_case("c2"))
        tx.change(Case, ("c2",), expect={}, to={"state": State.HELD})
        return tx.get(Case, "c1"), tx.counts(), [case.id for case in tx.find(Case)]

    counts = {State.WAITING: 1, State.HELD: 1}
    assert store.write(work) == (a_case("c1"), counts, ["c1", "c2"])


def test_nobody_else_sees_a_write_before_it_is_committed(store: Store) -> None:
    seen: list[Case | None] = []
    reader = threading.Thread(target=lambda: seen.append(case_of(store)))

    def work(tx) -> None:
        tx.add(a_case("c1"))
        reader.start()
        raise Boom

    with pytest.raises(Boom):
        store.write(work)
    reader.join()
    assert seen == [None]


def test_a_read_looks_at_one_moment_only(store: Store) -> None:
    store.write(lambda tx: tx.add(a_case("c1")))
    writer = threading.Thread(target=lambda: store.write(lambda tx: tx.add(a_case("c2"))))

    def look(tx) -> tuple[int, int]:
        before = len(tx.find(Case))
        writer.start()
        # Long enough for the write, where a store lets it in; one that does not keeps it waiting.
        writer.join(0.2)
        return before, len(tx.find(Case))

    assert store.read(look) == (1, 1)
    writer.join()
    assert len(store.read(lambda tx: tx.find(Case))) == 2


def test_a_write_inside_a_write_is_refused_and_harms_nothing(store: Store) -> None:
    def inner(tx) -> None:
        tx.add(a_case("c2"))

    def outer(tx) -> None:
        tx.add(a_case("c1"))
        with pytest.raises(RuntimeError, match="inside another write"):
            store.write(inner)

    store.write(outer)
    assert case_of(store) is not None
    assert case_of(store, "c2") is None
    store.write(inner)
    assert case_of(store, "c2") is not None


# --- after the commit


def test_listeners_get_the_entries_of_each_write_once_it_is_committed(store: Store) -> None:
    heard: list[tuple[list[str], bool]] = []

    def listen(entries: Sequence[Entry]) -> None:
        heard.append(([entry.act for entry in entries], case_of(store, "c2") is not None))

    store.on_commit(listen)
    store.write(lambda tx: tx.add(an_entry("a"), a_case("c1"), an_entry("b")))
    store.write(lambda tx: tx.add(a_case("c2")))
    store.write(lambda tx: tx.add(an_entry("c")))
    with pytest.raises(KeyReused):
        store.write(lambda tx: tx.add(an_entry("never"), a_case("c1")))
    assert heard == [(["a", "b"], False), (["c"], True)]


def test_a_listener_may_write(store: Store) -> None:
    def listen(entries: Sequence[Entry]) -> None:
        if entries[0].act == "ask":
            store.write(lambda tx: tx.add(an_entry("answer")))

    store.on_commit(listen)
    store.write(lambda tx: tx.add(an_entry("ask")))
    assert store.read(lambda tx: [entry.act for entry in tx.find(Entry)]) == ["ask", "answer"]


def test_the_version_changes_with_every_commit_and_only_then(store: Store) -> None:
    versions = [store.version()]
    for id in ("c1", "c2", "c3"):
        store.write(lambda tx, id=id: tx.add(a_case(id)))
        versions.append(store.version())
    assert len(set(versions)) == 4
    store.read(lambda tx: tx.find(Case))
    with pytest.raises(Boom):
        store.write(raising)
    assert store.version() == versions[-1]


def raising(tx) -> None:
    tx.add(a_case("never"))
    raise Boom


# --- closing


def in_time(call: Callable[[], Any]) -> Any:
    """Give what a call raises or returns; a call that hangs is a failure, not a hanging suite."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(call())
        except Exception as error:
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(10)
    assert found, "the call never came back"
    return found[0]


@pytest.mark.parametrize("used_before", [True, False])
@pytest.mark.parametrize("use", ["write", "read"])
def test_a_closed_store_says_so_and_closing_twice_is_nothing(store: Store, use: str, used_before: bool) -> None:
    if used_before:
        store.write(lambda tx: tx.add(a_case("c1")))
        case_of(store)
    store.close()
    store.close()
    error = in_time(lambda: getattr(store, use)(lambda tx: tx.get(Case, "c1")))
    assert isinstance(error, StoreUnavailable)
    assert "closed" in str(error)


# --- many at once


def test_what_eight_threads_write_is_all_kept_exactly_once(store: Store) -> None:
    heard: list[str] = []
    store.on_commit(lambda entries: heard.extend(entry.act for entry in entries))

    def work(thread: int) -> None:
        for number in range(50):
            name = f"{thread}-{number:02}"
            store.write(lambda tx, name=name: tx.add(a_case(name), an_entry(name, case_id=name)))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    names = sorted(f"{thread}-{number:02}" for thread in range(8) for number in range(50))
    entries = store.read(lambda tx: tx.find(Entry))
    assert store.read(lambda tx: [case.id for case in tx.find(Case)]) == names
    assert sorted(entry.act for entry in entries) == names
    assert len({entry.seq for entry in entries}) == 400
    assert sorted(heard) == names


def test_of_many_who_compare_and_swap_one_wins_each_round(store: Store) -> None:
    store.write(lambda tx: tx.add(a_case("c1")))
    barrier = threading.Barrier(8)

    def work(_: int) -> int:
        wins = 0
        for fence in range(25):
            barrier.wait()
            wins += store.write(
                lambda tx, fence=fence: tx.change(Case, ("c1",), expect={"fence": fence}, to={"fence": fence + 1})
            )
        return wins

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 25
    assert case_of(store) == a_case("c1", fence=25)


def test_a_write_that_raises_among_others_hurts_nobody_else(store: Store) -> None:
    barrier = threading.Barrier(8)

    def work(thread: int) -> int:
        refused = 0
        for number in range(25):
            name = f"{thread}-{number:02}"
            barrier.wait()

            def write(tx, name=name, bad=(thread + number) % 4 == 0) -> None:
                tx.add(a_case(name), an_entry(name))
                if bad:
                    raise Boom(name)

            try:
                store.write(write)
            except Boom as error:
                assert str(error) == name
                refused += 1
        return refused

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) == 50
    kept = {f"{t}-{n:02}" for t in range(8) for n in range(25) if (t + n) % 4}
    assert store.read(lambda tx: {case.id for case in tx.find(Case)}) == kept
    assert store.read(lambda tx: sorted(entry.act for entry in tx.find(Entry))) == sorted(kept)


def test_every_error_of_a_closed_or_broken_store_is_one_of_ours(store: Store) -> None:
    store.close()
    assert isinstance(in_time(lambda: store.read(lambda tx: tx.counts())), SignoffError)
