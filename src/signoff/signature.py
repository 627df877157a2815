"""Signature: a function's typed parameters as the schema that reviewers see, and that arguments must fit."""

from __future__ import annotations

import inspect
import math
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic_core import PydanticSerializationError, to_jsonable_python

from signoff.domain.content import require_json, storable
from signoff.errors import InvalidArguments, InvalidCheckpoint, InvalidInput

_CONFIG = ConfigDict(
    extra="forbid",
    allow_inf_nan=False,
    ser_json_inf_nan="constants",
    ser_json_bytes="base64",
    val_json_bytes="base64",
    validate_default=True,
)


class Signature:
    """
    What a function takes; implements `ports.ArgumentsSchema` with Pydantic.

    Args:
        function: With named, typed parameters.
        name: What to call it in errors.

    Raises:
        InvalidCheckpoint: If it has `*args`, `**kwargs` or positional-only parameters, or a type that has no
            JSON Schema.

    Examples:
        >>> def pay(to: str, cents: int = 100) -> None: ...
        >>> Signature(pay, name="pay").to_json({"to": "Ada"})
        {'to': 'Ada', 'cents': 100}
    """

    def __init__(self, function: Callable[..., Any], *, name: str) -> None:
        self.name = name
        self._parameters = inspect.signature(function)
        # Numbered inside and named by alias, so that a parameter may have any name, such as `copy` or `schema`.
        fields: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        try:
            hints = typing.get_type_hints(function, include_extras=True)
        except NameError as error:
            raise InvalidCheckpoint(f"checkpoint {name!r}: {error}; types must be importable names") from None
        for parameter in self._parameters.parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise InvalidCheckpoint(
                    f"checkpoint {name!r}: parameter {parameter} has no name to show and freeze; "
                    "give every parameter a name of its own"
                )
            default = ... if parameter.default is parameter.empty else parameter.default
            inside = f"field_{len(fields)}"
            self._names[inside] = parameter.name
            named = cast(Any, Annotated)[hints.get(parameter.name, Any), Field(alias=parameter.name)]
            fields[inside] = (named, default)
        try:
            self._model: type[BaseModel] = create_model(f"{name}_arguments", __config__=_CONFIG, **fields)
            self._json_schema = self._model.model_json_schema()
        except (PydanticUserError, NameError) as error:
            raise InvalidCheckpoint(f"checkpoint {name!r}: its parameters have no JSON Schema: {error}") from None
        self._refuse_unfreezable()
        self._validate = self._model.__pydantic_validator__.validate_python
        self._serialize = self._model.__pydantic_serializer__.to_python

    def _refuse_unfreezable(self) -> None:
        """Refuse types whose JSON is not the value, or not the same twice."""
        for part in _parts(self._json_schema):
            if part.get("format") == "password":
                raise InvalidCheckpoint(
                    f"checkpoint {self.name!r}: a secret is stored as asterisks, and would run as such; "
                    "take the name of the secret instead"
                )
            if part.get("uniqueItems") is True:
                raise InvalidCheckpoint(
                    f"checkpoint {self.name!r}: a set has no order to show and to freeze; take a list instead"
                )

    @property
    def json_schema(self) -> dict[str, Any]:
        """Give the JSON Schema of the arguments."""
        return self._json_schema

    @property
    def names(self) -> list[str]:
        """List the parameters."""
        return list(self._parameters.parameters)

    def bind(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """
        Give the arguments of a call by name.

        Raises:
            InvalidArguments: If Python itself would refuse the call.
        """
        try:
            return dict(self._parameters.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise InvalidArguments(f"{self.name}: {error}", problems=[]) from None

    def to_json(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """
        Check arguments and give them as JSON values, with defaults filled in.

        Raises:
            InvalidArguments: With every field that does not fit.
        """
        model = self._checked(arguments)
        try:
            result: dict[str, Any] = self._serialize(model, mode="json", by_alias=True)
        except (PydanticSerializationError, ValueError) as error:
            raise InvalidArguments(
                f"the arguments of checkpoint {self.name!r} cannot be written as JSON: {_place(arguments, error)}",
                problems=[],
            ) from None
        return result

    def to_python(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """
        Give stored arguments back as the types of the signature.

        Raises:
            InvalidArguments: If the signature no longer takes them.
        """
        model = self._checked(arguments)
        return {name: getattr(model, inside) for inside, name in self._names.items()}

    def _checked(self, arguments: Mapping[str, Any]) -> BaseModel:
        try:
            model: BaseModel = self._validate(dict(arguments))
        except ValidationError as error:
            problems = [
                {"field": ".".join(str(part) for part in e["loc"]) or "arguments", "problem": e["msg"]}
                for e in error.errors(include_url=False, include_input=False)
            ]
            told = "; ".join(f"{p['field']}: {p['problem']}" for p in problems[:5])
            raise InvalidArguments(
                f"the arguments do not fit checkpoint {self.name!r}: {told}", problems=problems
            ) from None
        return model


def _place(arguments: Mapping[str, Any], error: Exception) -> str:
    try:
        require_json(arguments, where="they")
    except InvalidInput as told:
        return told.message
    # The text of a UnicodeEncodeError holds the value; its reason does not.
    return error.reason if isinstance(error, UnicodeEncodeError) else storable(str(error), most=200)


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        yield schema
        for inner in schema.values():
            yield from _parts(inner)
    elif isinstance(schema, list):
        for inner in schema:
            yield from _parts(inner)


def check_schema(schema: Mapping[str, Any], arguments: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """
    Check arguments against a stored JSON Schema, where the function itself is not at hand.

    Args:
        schema: As `Signature.json_schema` gave it.
        arguments: JSON values.
        name: What to call the checkpoint in errors.

    Raises:
        InvalidArguments: With every field that does not fit.

    Examples:
        >>> schema = {"type": "object", "properties": {"cents": {"type": "integer"}}, "required": ["cents"]}
        >>> check_schema(schema, {"cents": 5}, name="pay")
        {'cents': 5}
        >>> check_schema(schema, {"cents": "five"}, name="pay")
        Traceback (most recent call last):
        ...
        signoff.errors.InvalidArguments: the arguments do not fit checkpoint 'pay': cents: is not of type integer
    """
    from jsonschema import Draft202012Validator

    problems = []
    for error in Draft202012Validator(schema).iter_errors(dict(arguments)):
        field = ".".join(str(part) for part in error.absolute_path) or "arguments"
        # The library's own message quotes the value, which may be personal.
        told = {
            "type": f"is not of type {error.validator_value}",
            "required": f"lacks {', '.join(sorted(set(error.validator_value) - set(error.instance)))}"
            if error.validator == "required"
            else "",
        }.get(str(error.validator), f"does not meet {error.validator}: {error.validator_value}"[:200])
        problems.append({"field": field, "problem": told})
    if problems:
        text = "; ".join(f"{p['field']}: {p['problem']}" for p in problems[:5])
        raise InvalidArguments(f"the arguments do not fit checkpoint {name!r}: {text}", problems=problems)
    return dict(arguments)


def receipt(value: Any) -> dict[str, Any]:
    """
    Turn what a handler returned into JSON; never raises, since the effect has happened.

    Examples:
        >>> receipt("sent")
        {'value': 'sent'}
    """
    try:
        result = _named_floats(to_jsonable_python(value, bytes_mode="base64", fallback=repr))
        require_json(result, where="the receipt")
    except Exception:
        try:
            result = storable(repr(value))
        except Exception:
            result = f"a {type(value).__name__} that cannot be written as text"
    return {"value": result}


def _named_floats(value: Any) -> Any:
    match value:
        case float() if value != value or value in (math.inf, -math.inf):
            return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
        case dict():
            return {key: _named_floats(inner) for key, inner in value.items()}
        case list():
            return [_named_floats(inner) for inner in value]
        case _:
            return value
