"""Reading and freezing JSON: what two parsers could read differently is refused, and the place is named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.domain.content import MAX_BYTES, MAX_DEPTH, canonical, freeze, parse_json, require_json
from signoff.errors import InvalidInput


def lists(levels: int, leaf: Any = ()) -> Any:
    """Nest lists: `levels` brackets, with the leaf innermost, if one is given."""
    value: Any = [] if leaf == () else [leaf]
    for _ in range(levels - 1):
        value = [value]
    return value


def objects(levels: int) -> Any:
    value: Any = {"k": 1}
    for _ in range(levels - 1):
        value = {"k": value}
    return value


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": NaN}', "NaN"),
        ('{"a": Infinity}', "Infinity"),
        ("[-Infinity]", "-Infinity"),
        ("1e400", "not a JSON number"),
        ('{"a": {"b": 1, "b": 1}}', '"b" twice'),
        ('{"a": 1} {"b": 2}', "line 1, column 10"),
        ('{"a": 1}x', "not JSON"),
        ("", "not JSON"),
        ("{'a': 1}", "not JSON"),
        ("[1,]", "not JSON"),
        ("9007199254740993", "send it as a string"),
        ('{"n": [1, -9007199254740992]}', "n[1]"),
        ('"\\ud800"', "half of a character pair"),
        ('{"\\udc00": 1}', "a key of the value"),
        ("\ufeff{}", "not JSON"),
        ("1" * 5000, "the mail"),
        ("[" * 100_000 + "]" * 100_000, "nested deeper than 64 levels"),
    ],
)
def test_an_unclear_document_is_refused_with_the_reason(text: str, told: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_json(text, where="the mail")
    assert told in str(caught.value)
    assert "the mail" in str(caught.value)


def test_bytes_that_are_not_utf_8_are_refused_with_the_place() -> None:
    with pytest.raises(InvalidInput, match=r"not UTF-8.*byte 6"):
        parse_json('{"a":"ü"}'.encode("latin-1"))


@pytest.mark.parametrize("levels", [1, 63, 64])
def test_sixty_four_levels_are_read(levels: int) -> None:
    for value in (lists(levels), lists(levels, 1), objects(levels)):
        assert parse_json(json.dumps(value)) == value
        assert freeze(value, where="arguments") == canonical(value)


@pytest.mark.parametrize("levels", [65, 66, 70, 500])
@pytest.mark.parametrize("make", [lists, lambda n: lists(n, 1), objects], ids=["empty lists", "lists", "objects"])
def test_more_than_sixty_four_levels_are_refused(make: Any, levels: int) -> None:
    assert MAX_DEPTH == 64
    with pytest.raises(InvalidInput, match="nested deeper than 64 levels"):
        parse_json(json.dumps(make(levels)))
    with pytest.raises(InvalidInput, match="nested deeper than 64 levels"):
        freeze(make(levels), where="arguments")


def test_wide_documents_are_not_taken_for_deep_ones() -> None:
    wide = [[{"a": []}] for _ in range(500)]
    assert parse_json(json.dumps(wide)) == wide
    assert freeze(wide, where="arguments") == canonical(wide)


def test_a_document_over_the_cap_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(InvalidInput, match="11 bytes; at most 10"):
        parse_json("{not even j", max_bytes=10)
    assert parse_json('["1234567"]', max_bytes=11) == ["1234567"]
    with pytest.raises(InvalidInput, match="at most 4,194,304"):
        parse_json(b" " * (MAX_BYTES + 1))


def test_size_is_counted_in_bytes_of_utf_8() -> None:
    for refuse in (parse_json, lambda text, **how: freeze(json.loads(text), where="x", **how)):
        assert refuse('"üüüü"', max_bytes=10)
        with pytest.raises(InvalidInput, match="10 bytes; at most 9"):
            refuse('"üüüü"', max_bytes=9)


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"order": {"lines": [1, {"price": float("nan")}]}}, "order.lines[1].price is nan"),
        ({"order": {"total": float("-inf")}}, "order.total is -inf"),
        ({"id": 2**53}, "id is 9007199254740992"),
        ({"id": 2**53 + 1}, "id is 9007199254740993"),
        ([{"id": -(2**53)}], "[0].id is -9007199254740992"),
        ({"a": {1: "x"}}, "a has the key 1"),
        ({"a": [b"x"]}, "a[0] is a bytes"),
        ({"a": {"b": {1, 2}}}, "a.b is a set"),
        ({"name": "a\udcff"}, "name holds half of a character pair"),
        ({"x": {"\ud800": 1}}, "a key of x holds half of a character pair"),
        (object(), "the value is a object"),
    ],
)
def test_a_value_json_cannot_carry_is_refused_with_its_place(value: Any, place: str) -> None:
    for refuse in (require_json, freeze):
        with pytest.raises(InvalidInput) as caught:
            refuse(value, where="evidence")
        assert str(caught.value).startswith(f"evidence: {place}")


@pytest.mark.parametrize("refuse", [require_json, freeze])
def test_a_number_too_long_to_print_is_refused_like_any_other(refuse: Any) -> None:
    with pytest.raises(InvalidInput, match=r"evidence: id is"):
        refuse({"id": 10**5000}, where="evidence")


@pytest.mark.parametrize("value", [None, True, 0, -1.5, "", "é\U0001f600", [], {}, (1, 2), 2**53 - 1, {"a": [None]}])
def test_json_values_are_taken(value: Any) -> None:
    require_json(value, where="evidence")
    assert freeze(value, where="evidence")


def test_a_frozen_value_over_the_cap_is_refused() -> None:
    with pytest.raises(InvalidInput, match="arguments has"):
        freeze({"body": "x" * 100}, where="arguments", max_bytes=100)
    with pytest.raises(InvalidInput, match="evidence has"):
        require_json({"body": "x" * 100}, where="evidence", max_bytes=100)


@settings(deadline=None, derandomize=True)
@given(st.text() | st.binary())
def test_any_text_or_bytes_are_read_or_refused_never_anything_else(document: str | bytes) -> None:
    try:
        value = parse_json(document)
    except InvalidInput:
        return
    assert parse_json(json.dumps(value)) == value
