"""Grades: nothing changed is no mistake, anything hard is a whole one, and text lies between."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signoff.domain.grade import Grade, grade

TEXT = "Dear Ada, we have sent your parcel again today and it arrives on 3 May. Write to help@example.org if not."

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e9, 1e9) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
arguments = st.dictionaries(st.text(max_size=6), json_values, max_size=4)


@given(arguments, st.none() | st.text(max_size=6))
def test_what_is_equal_is_accepted(given: dict[str, Any], label: str | None) -> None:
    assert grade(given, given, label=label) is Grade.ACCEPTED
    assert grade(given, None, label=label) is Grade.WRONG


@given(arguments, arguments, st.none() | st.text(max_size=6))
def test_it_is_one_of_four_and_the_same_both_ways_where_it_is_hard(
    was: dict[str, Any], now: dict[str, Any], label: str | None
) -> None:
    found = grade(was, now, label=label)
    assert found.value in (0.0, 0.1, 0.5, 1.0)
    assert (found is Grade.ACCEPTED) == (grade(now, was, label=label) is Grade.ACCEPTED)


@given(st.lists(st.sampled_from(["alpha", "beta", "gamma", "delta"]), min_size=8, max_size=20), st.integers(0, 10**6))
def test_a_figure_that_comes_goes_or_changes_is_a_whole_mistake(words: list[str], number: int) -> None:
    text = " ".join(words)
    for was, now in ((text, f"{text} {number}"), (f"{number} {text}", text), (f"{text} {number}", f"{text} 1{number}")):
        assert grade({"text": was}, {"text": now}) is Grade.WRONG


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("again today", "again  today", Grade.COSMETIC),
        ("Dear Ada, we", "Dear Ada! We", Grade.COSMETIC),
        ("parcel", "parsel", Grade.COSMETIC),
        ("sent", "lost", Grade.SUBSTANTIVE),
        ("have sent", "have not sent", Grade.SUBSTANTIVE),
        ("today ", "", Grade.SUBSTANTIVE),
        ("3 May", "13 May", Grade.WRONG),
        ("3 May", "May", Grade.WRONG),
        ("help@example.org", "sales@example.org", Grade.WRONG),
        (" if not.", " if not, or see https://example.org/parcel for more.", Grade.WRONG),
        ("Dear Ada", "Dear Ada, € for you", Grade.WRONG),
    ],
)
def test_what_was_changed_in_a_text(old: str, new: str, expected: Grade) -> None:
    assert grade({"text": TEXT, "n": 1}, {"text": TEXT.replace(old, new), "n": 1}) is expected


def test_words_that_turn_the_meaning_round_are_no_spelling() -> None:
    text = "It is possible that we approved it and that you should pay for it"
    for was, now in (("possible", "impossible"), ("approved", "unapproved"), ("should", "shouldn't"), ("pay", "play")):
        assert grade({"text": text}, {"text": text.replace(was, now)}) is Grade.SUBSTANTIVE


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ({"to": "Ada Lovelace"}, {"to": "Ada Byron"}),
        ({"amount": 5}, {"amount": 5.01}),
        ({"amount": 1}, {"amount": True}),
        ({"send": True}, {"send": False}),
        ({"on": "2026-01-02"}, {"on": "2026-02-01"}),
        ({"a": 1}, {"a": 1, "b": None}),
        ({"lines": [{"sku": "a", "n": 1}]}, {"lines": [{"sku": "a", "n": 2}]}),
        ({"lines": [1]}, {"lines": [1, 1]}),
        ({"text": None}, {"text": TEXT}),
        ({"text": TEXT}, {"text": None}),
        ({"text": "x " * 60_000}, {"text": "x " * 60_000 + "y"}),
    ],
)
def test_whatever_is_no_free_text_is_hard(was: dict[str, Any], now: dict[str, Any]) -> None:
    assert grade(was, now) is Grade.WRONG


def test_the_worst_of_several_changes_counts() -> None:
    was = {"a": TEXT, "lines": [TEXT, TEXT]}
    assert grade(was, {"a": TEXT + "!", "lines": [TEXT, TEXT]}) is Grade.COSMETIC
    assert grade(was, {"a": TEXT + "!", "lines": [TEXT, TEXT.replace("sent", "lost")]}) is Grade.SUBSTANTIVE


def test_a_label_that_changed_is_wrong_whatever_else_stayed() -> None:
    free = "one two three four five six seven eight"
    assert grade({"kind": free}, {"kind": free + "!"}) is Grade.COSMETIC
    assert grade({"kind": free}, {"kind": free + "!"}, label="kind") is Grade.WRONG
