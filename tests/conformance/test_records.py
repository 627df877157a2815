"""Every store keeps what it was given, exactly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from signoff.domain.case import Case, State
from signoff.domain.content import Content, Evidence
from signoff.domain.effect import Attempt
from signoff.domain.entry import Entry
from signoff.errors import KeyReused
from signoff.ports import KEYS, Record, Store
from tests.conformance.records import (
    ATTEMPT,
    AUDIT,
    DEEP,
    ENTRIES,
    FULL_CASE,
    FULL_CHECKPOINT,
    FULL_ROUTING,
    NOW,
    RECORDS,
    VERDICT,
    VOTE,
    a_case,
    an_entry,
)

KINDS = sorted({type(record) for record in RECORDS}, key=lambda kind: kind.__name__)


def key_of(record: Record) -> tuple[str | int, ...]:
    return tuple(getattr(record, name) for name in KEYS[type(record)])


def add(store: Store, *records: Record) -> None:
    store.write(lambda tx: tx.add(*records))


def test_the_records_at_hand_cover_every_type_and_every_field_set_and_unset() -> None:
    assert {*KINDS, Entry} == set(KEYS)
    for kind in KINDS:
        mine = [record for record in RECORDS if type(record) is kind]
        for name in kind.__dataclass_fields__:
            values = [getattr(record, name) for record in mine]
            assert any(value is not None for value in values), f"{kind.__name__}.{name} is never set"


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: f"{type(record).__name__}-{key_of(record)!a:.30}")
def test_a_record_comes_back_exactly_as_it_was(store: Store, record: Record) -> None:
    add(store, record)
    found = store.read(lambda tx: tx.get(type(record), *key_of(record)))
    assert found == record
    for name in type(record).__dataclass_fields__:
        assert type(getattr(found, name)) is type(getattr(record, name)), name


def test_all_records_added_in_one_write_are_kept_in_the_order_of_their_keys(store: Store) -> None:
    add(store, *reversed(RECORDS))
    for kind in KINDS:
        mine = sorted((r for r in RECORDS if type(r) is kind), key=key_of)
        assert store.read(lambda tx, kind=kind: tx.find(kind)) == mine


def test_entries_come_back_as_they_were_with_rising_numbers(store: Store) -> None:
    add(store, *ENTRIES)
    add(store, an_entry("last"))
    found = store.read(lambda tx: tx.find(Entry))
    assert [replace(entry, seq=0) for entry in found] == [*ENTRIES, an_entry("last")]
    numbers = [entry.seq for entry in found]
    assert numbers == sorted(set(numbers))
    assert numbers[0] > 0
    assert store.read(lambda tx: tx.get(Entry, numbers[-1])) == found[-1]


def test_a_time_of_another_zone_is_the_same_moment_in_utc(store: Store) -> None:
    east = timezone(timedelta(hours=5, minutes=45))
    add(store, a_case(created_at=NOW.astimezone(east)))
    found = store.read(lambda tx: tx.get(Case, "c1"))
    assert found is not None
    assert found.created_at == NOW


@pytest.mark.parametrize("moment", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)])
def test_the_first_and_the_last_moment_there_is_are_kept(store: Store, moment: datetime) -> None:
    add(store, a_case(due_at=moment))
    assert store.read(lambda tx: [case.due_at for case in tx.find(Case)]) == [moment]


def test_what_is_not_there_is_none(store: Store) -> None:
    def look(tx):
        return [tx.get(kind, *("x" if n not in ("revision", "seq", "version", "attempt", "number") else 1
                               for n in KEYS[kind])) for kind in KEYS]  # fmt: skip

    assert store.read(look) == [None] * len(KEYS)
    assert store.read(lambda tx: tx.find(Case, checkpoint="x")) == []
    assert store.read(lambda tx: tx.latest_checkpoint("x")) is None
    assert store.read(lambda tx: tx.checkpoint_names()) == []
    assert store.read(lambda tx: tx.counts()) == {}
    assert store.read(lambda tx: tx.next_due(after=NOW)) is None


def test_find_takes_any_fields_none_included(store: Store) -> None:
    add(store, FULL_CASE, a_case("c1"), a_case("c2", key="k"), a_case("c3", proposer="agent"))

    def found(**equal: str | int | None) -> list[str]:
        return store.read(lambda tx: [case.id for case in tx.find(Case, **equal)])

    assert found() == ["c-full", "c1", "c2", "c3"]
    assert found(checkpoint="send", proposer="app", key="k") == ["c2"]
    assert found(key=None) == ["c1", "c3"]
    assert found(key=None, proposer="app") == ["c1"]
    assert found(state=State.WAITING, fence=0) == ["c1", "c2", "c3"]
    assert found(state=State.HELD) == []
    assert found(id="c3", proposer="app") == []


def test_versions_of_a_checkpoint_are_found_by_number_and_the_newest_by_name(store: Store) -> None:
    older = replace(FULL_CHECKPOINT, version=2, digest="older")
    tenth = replace(FULL_CHECKPOINT, version=10, digest="tenth")
    add(store, FULL_CHECKPOINT, tenth, older, replace(FULL_CHECKPOINT, name="another"))
    assert store.read(lambda tx: tx.latest_checkpoint("send")) == tenth
    assert store.read(lambda tx: [c.version for c in tx.find(type(tenth), name="send")]) == [2, 3, 10]
    assert store.read(lambda tx: tx.checkpoint_names()) == ["another", "send"]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: f"{type(record).__name__}-{key_of(record)!a:.30}")
def test_a_second_record_of_the_same_key_is_refused_and_leaves_nothing(store: Store, record: Record) -> None:
    add(store, record)
    with pytest.raises(KeyReused, match=type(record).__name__):
        add(store, an_entry(), a_case("new"), record)
    assert store.read(lambda tx: tx.get(type(record), *key_of(record))) == record
    assert store.read(lambda tx: tx.get(Case, "new")) is None
    assert store.read(lambda tx: tx.find(Entry)) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (a_case("c1", key="k"), a_case("c2", key="k")),
        (VOTE, replace(VOTE, id="w2", content_hash="other")),
    ],
    ids=["a caller's key", "a reviewer's vote on a revision"],
)
def test_what_must_be_unique_is_refused_a_second_time(store: Store, first: Record, second: Record) -> None:
    add(store, first)
    with pytest.raises(KeyReused):
        add(store, second)
    assert store.read(lambda tx: tx.find(type(first))) == [first]


def test_two_of_a_kind_in_one_write_are_refused_together(store: Store) -> None:
    with pytest.raises(KeyReused):
        add(store, a_case("c1", key="k"), a_case("c2"), a_case("c3", key="k"))
    assert store.read(lambda tx: tx.find(Case)) == []


def test_unique_means_all_of_the_key_and_no_key_is_no_clash(store: Store) -> None:
    add(store, a_case("c1", key="k"), a_case("c2", key="k", proposer="b"), a_case("c3", key="k", checkpoint="x"))
    add(store, a_case("c4"), a_case("c5"))
    add(store, VOTE, replace(VOTE, id="w2", reviewer="bob"), replace(VOTE, id="w3", revision=2))
    add(store, VERDICT, replace(VERDICT, id="v2"))
    assert len(store.read(lambda tx: tx.find(Case))) == 5


def test_a_vote_that_was_taken_back_makes_room_for_another_and_no_more_than_one(store: Store) -> None:
    add(store, replace(VOTE, voided_at=NOW))
    add(store, replace(VOTE, id="w2", voided_at=NOW), replace(VOTE, id="w3"))
    with pytest.raises(KeyReused):
        add(store, replace(VOTE, id="w4"))
    assert len(store.read(lambda tx: tx.find(type(VOTE)))) == 3


def test_a_record_changed_after_it_was_stored_or_read_does_not_change_the_store(store: Store) -> None:
    arguments = {"to": ["ada"], "body": {"text": "hello"}}
    add(store, Content(case_id="c1", revision=1, arguments=arguments, author="app"), Evidence(case_id="c1", items={}))
    arguments["to"].append("eve")  # type: ignore[attr-defined]
    found = store.read(lambda tx: tx.get(Content, "c1", 1))
    assert found is not None
    assert found.arguments == {"to": ["ada"], "body": {"text": "hello"}}
    found.arguments["body"]["text"] = "changed"
    again = store.read(lambda tx: tx.find(Content, case_id="c1"))
    assert again[0].arguments == {"to": ["ada"], "body": {"text": "hello"}}


def test_a_change_writes_every_type_of_field(store: Store) -> None:
    add(store, a_case("c-full"), ATTEMPT, replace(AUDIT, case_id="c-full"), FULL_ROUTING)
    fields = {name: getattr(FULL_CASE, name) for name in Case.__dataclass_fields__ if name != "id"}
    assert store.write(lambda tx: tx.change(Case, ("c-full",), expect={"state": State.WAITING}, to=fields))
    assert store.read(lambda tx: tx.get(Case, "c-full")) == FULL_CASE
    bare = {name: getattr(a_case("c-full"), name) for name in fields}
    assert store.write(lambda tx: tx.change(Case, ("c-full",), expect=fields, to=bare))
    assert store.read(lambda tx: tx.get(Case, "c-full")) == a_case("c-full")
    assert store.write(
        lambda tx: tx.change(Attempt, ("c1", 1), expect={"receipt": None}, to={"receipt": {"value": DEEP}})
    )
    assert store.read(lambda tx: tx.get(Attempt, "c1", 1)) == replace(ATTEMPT, receipt={"value": DEEP})
