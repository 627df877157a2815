"""The content hash: RFC 8785 over exactly what would run."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.domain.content import Content, canonical, content_hash, difference, hash_of
from signoff.errors import InvalidInput

EXACT = settings(deadline=None, derandomize=True)

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
)
json_values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4))
documents = st.dictionaries(text, json_values, max_size=5)


def the_hash(arguments: Any, *, checkpoint: str = "send", version: int = 1, revision: int = 1) -> str:
    return content_hash(checkpoint=checkpoint, version=version, arguments=canonical(arguments), revision=revision)


def by_the_book(arguments: Any, *, checkpoint: str, version: int, revision: int) -> str:
    document = {
        "checkpoint": checkpoint,
        "version": version,
        "arguments": arguments,
        "attachments": [],
        "revision": revision,
    }
    return hashlib.sha256(b"signoff/v1\0" + rfc8785.dumps(document)).hexdigest()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        # RFC 8785, section 3.2.3: keys sort by UTF-16 code units, not by code points or bytes.
        (
            {"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\x80": 6, "\xf6": 7},
            '{"\\r":2,"1":4,"\x80":6,"\xf6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}',
        ),
        # RFC 8785, section 3.2.2: escapes and numbers.
        (
            {
                "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
                "string": "\u20ac$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
                "literals": [None, True, False],
            },
            '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
            '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
        ),
        # RFC 8785, appendix B.
        ([0.0, -0.0, 5e-324, 1.7976931348623157e308], "[0,0,5e-324,1.7976931348623157e+308]"),
        ([9007199254740991, -9007199254740991], "[9007199254740991,-9007199254740991]"),
        ([1e21, 1e20, 9.999999999999997e22, 1.0], "[1e+21,100000000000000000000,9.999999999999997e+22,1]"),
        # Unicode is carried as it is, never normalised: composed and decomposed é differ.
        (["\u00e9", "e\u0301"], '["\u00e9","e\u0301"]'),
        ([[], {}, [[1]], {"a": {}}], '[[],{},[[1]],{"a":{}}]'),
    ],
)
def test_canonical_bytes_are_those_of_rfc_8785(value: Any, expected: str) -> None:
    assert canonical(value) == expected.encode("utf-8")


@EXACT
@given(documents, text.filter(bool), st.integers(1, 10**6), st.integers(1, 10**6))
def test_the_hash_is_that_of_the_whole_document(
    arguments: dict[str, Any], checkpoint: str, version: int, revision: int
) -> None:
    assert the_hash(arguments, checkpoint=checkpoint, version=version, revision=revision) == by_the_book(
        arguments, checkpoint=checkpoint, version=version, revision=revision
    )


@EXACT
@given(documents)
def test_the_order_of_keys_and_a_trip_through_json_change_nothing(arguments: dict[str, Any]) -> None:
    backwards = dict(reversed(arguments.items()))
    assert the_hash(backwards) == the_hash(arguments)
    assert the_hash(json.loads(json.dumps(arguments))) == the_hash(arguments)


@EXACT
@given(documents, documents)
def test_other_arguments_have_another_hash(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (the_hash(one) == the_hash(other)) == (rfc8785.dumps(one) == rfc8785.dumps(other))


@EXACT
@given(documents, json_values, st.data())
def test_changing_any_one_argument_changes_the_hash(arguments: dict[str, Any], value: Any, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(arguments)) if arguments else text)
    changed = {**arguments, name: value}
    if rfc8785.dumps(changed) != rfc8785.dumps(arguments):
        assert the_hash(changed) != the_hash(arguments)


def test_checkpoint_version_and_revision_are_part_of_what_is_approved() -> None:
    arguments = {"amount": "50.00"}
    hashes = {
        the_hash(arguments),
        the_hash(arguments, checkpoint="Send"),
        the_hash(arguments, version=2),
        the_hash(arguments, revision=2),
        the_hash({"amount": "500.0"}),
        the_hash({"amount": 50}),
        the_hash({"amount": "50.00", "to": None}),
    }
    assert len(hashes) == 7


def test_a_checkpoint_name_cannot_forge_another_part_of_the_document() -> None:
    forged = 'send","revision":2,"x":"'
    assert the_hash({}, checkpoint=forged) != the_hash({}, checkpoint="send", revision=2)
    assert the_hash({}, checkpoint=forged) == by_the_book({}, checkpoint=forged, version=1, revision=1)


def test_a_stored_revision_has_the_hash_of_what_it_holds() -> None:
    content = Content(case_id="c", revision=3, arguments={"b": 1.0, "a": "é"}, author="x", rationale="why")
    assert hash_of(content, checkpoint="send", version=2) == by_the_book(
        {"a": "é", "b": 1}, checkpoint="send", version=2, revision=3
    )


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), 2**53, -(2**53), {1: "a"}, b"x", {"a"}, object(), "\ud800", {"\udfff": 1}]
)
def test_what_json_cannot_carry_exactly_has_no_canonical_bytes(value: Any) -> None:
    with pytest.raises(InvalidInput):
        canonical(value)


def test_a_difference_names_changed_added_and_removed_fields_only() -> None:
    assert difference({"a": 1, "b": 2, "c": None}, {"a": 1, "b": 3, "d": None}) == {
        "b": {"seen": 2, "now": 3},
        "c": {"seen": None, "now": None},
        "d": {"seen": None, "now": None},
    }
    assert difference({}, {}) == {}


@EXACT
@given(documents, documents)
def test_a_difference_is_empty_exactly_for_equal_arguments(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert (difference(one, other) == {}) == (one == other)
