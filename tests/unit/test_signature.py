"""Signatures: typed parameters in, JSON out, and the very same values back for the handler."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import BaseModel, Field, SecretStr

from signoff.domain.content import freeze
from signoff.errors import InvalidArguments, InvalidCheckpoint, SignoffError
from signoff.signature import Signature, check_schema, receipt


class Colour(Enum):
    RED = "red"


class Line(BaseModel):
    price: Decimal
    tags: list[str] = []


class Order(BaseModel):
    lines: list[Line]
    placed: datetime


class Mail(BaseModel):
    sender: str = Field(alias="from")


@dataclass
class Point:
    x: int
    y: int


def signature_of(kind: Any, **default: Any) -> Signature:
    def take(value: Any) -> None: ...

    take.__annotations__["value"] = kind
    return Signature(take, name="take")


MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "value", "stored"),
    [
        (str, "é\U0001f600", "é\U0001f600"),
        (int, 2**53 - 1, 2**53 - 1),
        (float, 0.1, 0.1),
        (bool, True, True),
        (bytes, b"\x00\xffab", "AP9hYg=="),
        (Decimal, Decimal("600.00"), "600.00"),
        (datetime, MOMENT, "2026-01-02T03:04:05.678901Z"),
        (date, date(2026, 1, 2), "2026-01-02"),
        (timedelta, timedelta(days=1, seconds=2), "P1DT2S"),
        (UUID, UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (Colour, Colour.RED, "red"),
        (Literal["a", "b"], "b", "b"),
        (Order, Order(lines=[Line(price=Decimal("1.10"))], placed=MOMENT),
         {"lines": [{"price": "1.10", "tags": []}], "placed": "2026-01-02T03:04:05.678901Z"}),
        (Point, Point(1, 2), {"x": 1, "y": 2}),
        (tuple[int, str], (1, "a"), [1, "a"]),
        (dict[str, list[int]], {"a": [1]}, {"a": [1]}),
        (int | None, None, None),
        (Any, {"a": [1, None]}, {"a": [1, None]}),
    ],
)  # fmt: skip
def test_a_typed_value_is_stored_as_json_and_comes_back_as_it_was(kind: Any, value: Any, stored: Any) -> None:
    signature = signature_of(kind)
    assert signature.to_json({"value": value}) == {"value": stored}
    assert signature.to_json({"value": stored}) == {"value": stored}
    back = signature.to_python({"value": stored})["value"]
    assert back == value
    assert type(back) is type(value)


def test_a_nested_model_with_an_alias_comes_back_as_it_was() -> None:
    signature = signature_of(Mail)
    mail = Mail.model_validate({"from": "ada"})
    assert signature.to_python(signature.to_json({"value": mail})) == {"value": mail}


def test_the_stored_arguments_fit_the_schema_that_reviewers_see() -> None:
    signature = signature_of(Mail)
    stored = signature.to_json({"value": Mail.model_validate({"from": "ada"})})
    assert check_schema(signature.json_schema, stored, name="take") == stored


def test_a_set_is_refused_since_it_has_no_order_to_freeze() -> None:
    # Equal sets that were built in another order iterate differently, and so would hash differently.
    with pytest.raises(InvalidCheckpoint, match="take a list"):
        signature_of(set[int])


def test_a_masked_value_is_refused_instead_of_run_as_asterisks() -> None:
    try:
        signature = signature_of(SecretStr)
        stored = signature.to_json({"value": SecretStr("hunter2")})
    except SignoffError:
        return
    assert signature.to_python(stored)["value"].get_secret_value() == "hunter2"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"deep": [float("nan")]}])
@pytest.mark.parametrize("kind", [Any, dict[str, Any] | float, float])
def test_a_number_that_is_none_is_refused_never_stored_as_null(kind: Any, value: Any) -> None:
    with pytest.raises(SignoffError):
        freeze(signature_of(kind).to_json({"value": value}), where="arguments")


def test_defaults_are_filled_in_and_checked_like_any_other_value() -> None:
    def take(a: int, b: str = "x", *, c: Annotated[int, Field(ge=0)] = 3) -> None: ...

    assert Signature(take, name="take").to_json({"a": 1}) == {"a": 1, "b": "x", "c": 3}

    def wrong(a: str = None) -> None: ...  # type: ignore[assignment]  # noqa: RUF013

    try:
        signature = Signature(wrong, name="wrong")
        stored = signature.to_json({})
    except SignoffError:
        return
    # Taken when it was proposed, it must be taken when it runs.
    assert signature.to_python(stored) == {"a": None}


def test_every_field_that_does_not_fit_is_named() -> None:
    def take(order: Order, count: int) -> None: ...

    signature = Signature(take, name="take")
    bad = {"order": {"lines": [{"price": "dear"}], "placed": MOMENT}, "count": "many", "more": 1}
    with pytest.raises(InvalidArguments) as caught:
        signature.to_json(bad)
    fields = {problem["field"] for problem in caught.value.facts["problems"]}
    assert fields == {"order.lines.0.price", "count", "more"}
    assert "'take'" in str(caught.value)
    assert "dear" not in str(caught.value), "a message holds no content"


def test_stored_arguments_the_signature_no_longer_takes_are_refused() -> None:
    with pytest.raises(InvalidArguments, match="value"):
        signature_of(int).to_python({"value": "seven"})


def test_a_call_is_bound_by_name_and_refused_like_python_would() -> None:
    def take(a: int, b: int = 2) -> None: ...

    signature = Signature(take, name="take")
    assert signature.bind(1) == {"a": 1}
    assert signature.bind(1, b=5) == {"a": 1, "b": 5}
    for call in (lambda: signature.bind(), lambda: signature.bind(1, 2, 3), lambda: signature.bind(1, c=1)):
        with pytest.raises(InvalidArguments, match="take"):
            call()


def test_parameters_without_a_name_or_a_schema_are_refused() -> None:
    def stars(*values: int) -> None: ...
    def names(**values: int) -> None: ...
    def unnamed(a: int, /) -> None: ...
    def odd(a: object, b: type(lambda: 0)) -> None: ...  # type: ignore[valid-type]

    for function in (stars, names, unnamed, odd):
        with pytest.raises(InvalidCheckpoint, match="'named'"):
            Signature(function, name="named")


@pytest.mark.parametrize("name", ["copy", "schema", "json", "dict", "validate", "model_dump", "model_config"])
def test_a_parameter_may_have_any_plain_name(name: str) -> None:
    made: dict[str, Any] = {}
    exec(f"def take({name}: str) -> None: ...", made)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            signature = Signature(made["take"], name="take")
        except InvalidCheckpoint as error:
            assert name in str(error)
            return
    stored = signature.to_json({name: "text"})
    assert signature.to_python(stored) == {name: "text"}


@pytest.mark.parametrize(
    ("schema", "arguments", "field", "told"),
    [
        ({"type": "integer"}, "five", "a", "is not of type integer"),
        ({"maximum": 3}, 5, "a", "does not meet maximum: 3"),
        ({"type": "object", "properties": {"b": {"type": "string"}}}, {"b": 1}, "a.b", "is not of type string"),
        ({"type": "object", "required": ["b", "c"]}, {"c": 1}, "a", "lacks b"),
    ],
)
def test_a_stored_schema_has_the_say_where_the_function_is_not(
    schema: dict[str, Any], arguments: Any, field: str, told: str
) -> None:
    whole = {"type": "object", "properties": {"a": schema}}
    with pytest.raises(InvalidArguments) as caught:
        check_schema(whole, {"a": arguments}, name="take")
    assert caught.value.facts["problems"] == [{"field": field, "problem": told}]
    assert "five" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (None, None),
        ("sent", "sent"),
        ({"id": 7}, {"id": 7}),
        (MOMENT, "2026-01-02T03:04:05.678901Z"),
        (Decimal("1.10"), "1.10"),
        (b"\x00", "AA=="),
        (float("nan"), "NaN"),
        (Point(1, 2), {"x": 1, "y": 2}),
    ],
)
def test_what_a_handler_returns_is_kept_as_json(value: Any, kept: Any) -> None:
    assert receipt(value) == {"value": kept}


def test_a_receipt_of_anything_at_all_can_be_stored() -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError("no words")

    looped: list[Any] = []
    looped.append(looped)
    for value in (object(), looped, {1, 2}, "\ud800", {"\ud800": 1}, Odd(), 2**80):
        kept = receipt(value)
        # What the store does with it.
        json.dumps(kept, ensure_ascii=False, allow_nan=False).encode("utf-8")
