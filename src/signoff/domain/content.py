"""Content: what is shown, approved and run, in canonical bytes, and the hash that binds the three."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import rfc8785

from signoff.errors import InvalidInput

MAX_DEPTH = 64
MAX_BYTES = 4 * 1024 * 1024

_PREFIX = b"signoff/v1\0"


@dataclass(frozen=True, kw_only=True)
class Content:
    """
    One revision of what a case asks to do.

    Args:
        case_id: The case.
        revision: 1 for the first proposal; each edit or redraft adds one.
        arguments: What would run, as JSON values; frozen.
        author: Who wrote this revision.
        rationale: The drafter's own words about it; never executed.
        alternatives: Other arguments the drafter thought of, `{"arguments", "confidence"}` each, best first.
    """

    case_id: str
    revision: int
    arguments: dict[str, Any]
    author: str
    rationale: str | None = None
    alternatives: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """
    What a reviewer judges a case by; it is never executed.

    Args:
        case_id: The case.
        items: By name, `{"media_type", "value"}`; the value is any JSON.
    """

    case_id: str
    items: dict[str, Any]


def canonical(value: Any) -> bytes:
    """
    Give the one byte string that stands for a JSON value.

    Raises:
        InvalidInput: If the value is not JSON, is nested deeper than 64 levels, or holds a number that JSON
            cannot carry exactly; the message names the place.

    Source:
        RFC 8785, JSON Canonicalization Scheme.

    Examples:
        >>> canonical({"b": 1.0, "a": "é"})
        b'{"a":"\\xc3\\xa9","b":1}'
    """
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, ValueError, RecursionError) as error:
        try:
            _weigh(value)
        except _NotJson as told:
            raise InvalidInput(str(told)) from None
        raise InvalidInput(f"the value is not JSON: {error}") from None


def content_hash(*, checkpoint: str, version: int, arguments: bytes, revision: int) -> str:
    """
    Hash exactly what would run; a verdict is bound to it.

    Args:
        checkpoint: Its name.
        version: Its version.
        arguments: The arguments in canonical bytes.
        revision: The revision they belong to.

    Returns:
        SHA-256 in hexadecimal over `signoff/v1`, a zero byte and the canonical form of all of it.

    Source:
        RFC 8785. The keys below stand in canonical order, so the document is put together once, from
        arguments that are canonical already.

    Examples:
        >>> document = {"arguments": {"a": 1}, "attachments": [], "checkpoint": "c", "revision": 1, "version": 2}
        >>> expected = hashlib.sha256(b"signoff/v1\\0" + canonical(document)).hexdigest()
        >>> content_hash(checkpoint="c", version=2, arguments=canonical({"a": 1}), revision=1) == expected
        True
    """
    head = _canonical_name(checkpoint)
    document = b'%b{"arguments":%b,"attachments":[],"checkpoint":%b,"revision":%d,"version":%d}' % (
        _PREFIX,
        arguments,
        head,
        revision,
        version,
    )
    return hashlib.sha256(document).hexdigest()


@lru_cache(maxsize=256)
def _canonical_name(name: str) -> bytes:
    return canonical(name)


def hash_of(content: Content, *, checkpoint: str, version: int) -> str:
    """Hash one revision as it is stored; equal to the approved hash, or the row was changed."""
    return content_hash(
        checkpoint=checkpoint,
        version=version,
        arguments=canonical(content.arguments),
        revision=content.revision,
    )


def parse_json(text: str | bytes, *, max_bytes: int = MAX_BYTES, where: str = "the document") -> Any:
    """
    Read JSON strictly: what two parsers could read differently is refused.

    Args:
        text: The document, in UTF-8 when bytes.
        max_bytes: Largest size taken, checked before parsing.
        where: What to call the document in an error.

    Raises:
        InvalidInput: If it is not JSON, too large, nested deeper than 64 levels, names a key twice, or holds
            NaN or infinity.

    Examples:
        >>> parse_json('{"a": 1, "a": 2}')
        Traceback (most recent call last):
        ...
        signoff.errors.InvalidInput: the document names the key "a" twice; keep one of them
    """
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "surrogatepass"))
    _require_size(size, where, max_bytes)

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in found:
            if key in seen:
                raise InvalidInput(f'{where} names the key "{key}" twice; keep one of them')
            seen[key] = value
        return seen

    # A walk over all of it names the place of what JSON cannot carry; most documents hold nothing that could be such.
    suspect = False

    def integer(digits: str) -> int:
        nonlocal suspect
        number = int(digits)
        suspect = suspect or abs(number) > 2**53 - 1
        return number

    def real(digits: str) -> float:
        nonlocal suspect
        number = float(digits)
        suspect = suspect or not math.isfinite(number)
        return number

    def no_constant(name: str) -> Any:
        raise InvalidInput(f"{where} holds {name}, which is not a JSON number; send null or a string")

    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8")
        # Fewer brackets than levels allowed cannot be too deep; only an escape can be half of a character pair.
        suspect = text.count("{") + text.count("[") > MAX_DEPTH or "\\u" in text
        value = json.loads(
            text, object_pairs_hook=pairs, parse_constant=no_constant, parse_int=integer, parse_float=real
        )
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{where} is not UTF-8 (byte {error.start}); save it as UTF-8") from None
    except json.JSONDecodeError as error:
        raise InvalidInput(f"{where} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError:
        raise InvalidInput(f"{where} holds a number with thousands of digits; send it as a string") from None
    except RecursionError:
        raise InvalidInput(f"{where} is nested deeper than {MAX_DEPTH} levels; flatten it") from None
    if suspect:
        require_json(value, where=where)
    return value


def require_json(value: Any, *, where: str, max_bytes: int = MAX_BYTES) -> None:
    """
    Refuse a value that JSON cannot carry, before anything is written.

    Args:
        value: Anything.
        where: What to call it in an error.
        max_bytes: Largest size taken, as compact JSON in UTF-8, escapes not counted.

    Raises:
        InvalidInput: With the place inside the value, if it is not JSON, too deep, or too large.
    """
    try:
        size = _weigh(value)
    except _NotJson as told:
        raise InvalidInput(f"{where}: {told}") from None
    _require_size(size, where, max_bytes)


def freeze(value: Any, *, where: str, max_bytes: int = MAX_BYTES) -> bytes:
    """
    Give the canonical bytes of a value, within the limits on depth and size.

    Raises:
        InvalidInput: As `require_json` does.
    """
    try:
        frozen = canonical(value)
    except InvalidInput as error:
        raise InvalidInput(f"{where}: {error.message}") from None
    _require_size(len(frozen), where, max_bytes)
    # Fewer brackets than levels allowed: it cannot be too deep, and the walk is saved.
    if frozen.count(b"{") + frozen.count(b"[") > MAX_DEPTH:
        require_json(value, where=where, max_bytes=max_bytes)
    return frozen


def _require_size(size: int, where: str, max_bytes: int) -> None:
    if size > max_bytes:
        raise InvalidInput(f"{where} has {size:,} bytes; at most {max_bytes:,} are taken, so make it smaller")


class _NotJson(Exception):
    """Something JSON cannot carry, with its place."""


def _weigh(value: Any, path: tuple[str | int, ...] = ()) -> int:
    """Give the size of a value as compact JSON in UTF-8, escapes not counted; raise what JSON cannot carry."""
    match value:
        case str():
            if value.isascii():
                return len(value) + 2
            try:
                return len(value.encode("utf-8")) + 2
            except UnicodeEncodeError:
                raise _NotJson(
                    f"{_place(path)} holds half of a character pair, which UTF-8 cannot carry; remove it"
                ) from None
        case None | bool():
            return 5
        case int():
            if abs(value) > 2**53 - 1:
                # Printing thousands of digits is an error of its own in Python.
                told = value if abs(value) < 10**30 else "an integer of more than thirty digits"
                raise _NotJson(
                    f"{_place(path)} is {told}, more than JSON carries exactly (2^53 - 1); send it as a string"
                )
            return len(str(value))
        case float():
            if not math.isfinite(value):
                raise _NotJson(f"{_place(path)} is {value}, which is not a JSON number; send null or a string")
            return len(repr(value))
        case Mapping():
            _require_depth(path)
            size = 2
            for key, inner in value.items():
                if not isinstance(key, str):
                    raise _NotJson(f"{_place(path)} has the key {key!r}; JSON keys are strings")
                if not key.isascii():
                    try:
                        key.encode("utf-8")
                    except UnicodeEncodeError:
                        raise _NotJson(
                            f"a key of {_place(path)} holds half of a character pair, which UTF-8 cannot carry"
                        ) from None
                size += len(key) + 4 + _weigh(inner, (*path, key))
            return size
        case list() | tuple():
            _require_depth(path)
            return 2 + sum(1 + _weigh(inner, (*path, index)) for index, inner in enumerate(value))
        case _:
            raise _NotJson(
                f"{_place(path)} is a {type(value).__name__}, which is not JSON; send text, numbers, lists or objects"
            )


def _require_depth(path: tuple[str | int, ...]) -> None:
    if len(path) >= MAX_DEPTH:
        raise _NotJson(f"{_place(path)[:60]} is nested deeper than {MAX_DEPTH} levels; flatten it")


def _place(path: tuple[str | int, ...]) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".") or "the value"


def storable(text: str, *, most: int = 10_000) -> str:
    """
    Give a text that any database takes: at most so many characters, and no halves of character pairs.

    Examples:
        >>> storable("abcdef", most=3)
        'abc'
    """
    return text[:most].encode("utf-8", "replace").decode("utf-8").replace("\0", "?")


def difference(seen: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """
    Tell which fields changed between two sets of arguments.

    Examples:
        >>> difference({"a": 1, "b": 2}, {"a": 1, "b": 3})
        {'b': {'seen': 2, 'now': 3}}
    """
    return {
        name: {"seen": seen.get(name), "now": now.get(name)}
        for name in sorted({*seen, *now})
        if seen.get(name) != now.get(name) or (name in seen) != (name in now)
    }
