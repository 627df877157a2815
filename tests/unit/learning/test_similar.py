"""Texts like another one: found by their words, newest first, bounded."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.learning.similar import LEAST, MAX_CHARS, SimilarTexts
from signoff.samples.support import messages

PARCEL = "Where is my parcel? It was sent last week and has not come."
KETTLE = "The kettle leaks at the bottom, may I send it back?"


def test_the_same_words_are_most_like() -> None:
    texts = SimilarTexts()
    texts.add(["kettle", "parcel", "other"], [KETTLE, PARCEL, "Please change my password"])
    ((first, likeness), *_) = texts.nearest(PARCEL.upper(), limit=5)
    assert (first, round(likeness, 3)) == ("parcel", 1.0)
    assert texts.nearest(KETTLE, limit=1, least=0.0)[0][0] == "kettle"
    assert texts.nearest(PARCEL, limit=1)[0][0] == "parcel"


def test_of_equal_ones_the_newer_comes_first() -> None:
    texts = SimilarTexts()
    texts.add(["old", "new"], [KETTLE, KETTLE])
    texts.add(["newest"], [KETTLE])
    assert [key for key, _ in texts.nearest(KETTLE, limit=5)] == ["newest", "new", "old"]


@pytest.mark.parametrize("text", ["", " \n", "\0"])
def test_an_empty_text_is_like_no_other(text: str) -> None:
    texts = SimilarTexts()
    assert texts.nearest(KETTLE, limit=5) == []
    texts.add([], [])
    texts.add(["empty", "kettle"], [text, KETTLE])
    assert texts.nearest(text, limit=5) in ([], [("empty", pytest.approx(1.0))])
    assert [key for key, _ in texts.nearest(KETTLE, limit=5)] == ["kettle"]


def test_only_the_newest_are_kept() -> None:
    texts = SimilarTexts(most=300)
    for number in range(1_000):
        texts.add([f"k{number}"], [f"{KETTLE} number {number}"])
    found = [int(key[1:]) for key, _ in texts.nearest(KETTLE, limit=1_000, least=0.0)]
    assert 300 <= len(texts) <= 501
    assert set(range(700, 1_000)) <= set(found)
    assert min(found) >= 1_000 - len(texts)


@pytest.mark.parametrize("between", [0, 500])
def test_a_key_that_comes_again_stands_for_its_new_text(between: int) -> None:
    texts = SimilarTexts()
    texts.add(["again", "parcel"], [KETTLE, PARCEL])
    texts.add(["again"], ["Please change my password"])
    for number in range(between):
        texts.add([f"k{number}"], [f"order {number}"])
    assert [key for key, _ in texts.nearest(KETTLE, limit=5)] == []
    assert [key for key, _ in texts.nearest("Change my password please", limit=5)] == ["again"]


def test_added_one_by_one_or_at_once_the_same_are_found() -> None:
    sample = messages()
    at_once, one_by_one = SimilarTexts(), SimilarTexts()
    at_once.add([m.id for m in sample], [m.text for m in sample])
    for m in sample:
        one_by_one.add([m.id], [m.text])
    for m in sample[:40]:
        assert at_once.nearest(m.text, limit=1)[0][0] == one_by_one.nearest(m.text, limit=1)[0][0] == m.id


def test_what_is_like_enough_is_mostly_about_the_same() -> None:
    sample = messages()
    texts = SimilarTexts()
    texts.add([m.id for m in sample], [m.text for m in sample])
    category = {m.id: m.category for m in sample}
    same = [
        category[key] == m.category
        for m in sample
        for key, _ in texts.nearest(m.text, limit=6, least=LEAST)
        if key != m.id
    ]
    assert len(same) > 100
    assert sum(same) / len(same) > 0.75


@settings(deadline=None, derandomize=True, max_examples=60)
@given(st.lists(st.text(max_size=50), min_size=1, max_size=20), st.text(max_size=50))
def test_likeness_is_between_nothing_and_the_same(given_texts: list[str], asked: str) -> None:
    texts = SimilarTexts()
    texts.add([str(n) for n in range(len(given_texts))], given_texts)
    found = texts.nearest(asked, limit=10, least=0.0)
    assert len(found) <= 10
    assert all(0 <= likeness <= 1 for _, likeness in found)
    assert [likeness for _, likeness in found] == sorted((likeness for _, likeness in found), reverse=True)


def test_only_the_beginning_of_a_text_is_read() -> None:
    texts = SimilarTexts()
    texts.add(["a"], [KETTLE + " x" * MAX_CHARS])
    texts.add(["b"], [KETTLE + " x" * MAX_CHARS + PARCEL])
    (a, b) = texts.nearest(KETTLE + " x" * MAX_CHARS, limit=2)
    assert a[1] == b[1]
