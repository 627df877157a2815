"""Documents: values as they are sent and read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from signoff.domain.content import require_json
from signoff.errors import InvalidInput

T = TypeVar("T")


_MOST_BYTES = 8 * 1024 * 1024


@lru_cache(maxsize=64)
def _made_adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def adapter_of(kind: type[T]) -> TypeAdapter[T]:
    """Give what reads documents of a kind; made once, as that takes long."""
    hashable: Any = kind
    return _made_adapter(hashable)


def as_sent(document: Mapping[str, Any]) -> bytes:
    """Give a document as it is sent, without what is None in it."""
    given = without_none(document)
    try:
        plain = to_jsonable_python(given, inf_nan_mode="constants")
    except ValueError:
        # Only half of a character pair, a ring or a foreign object gets here; the check names the place of the first.
        require_json(given, where="what is to be sent", max_bytes=_MOST_BYTES)
        raise InvalidInput("what is to be sent holds a value that JSON cannot carry; send plain values") from None
    require_json(plain, where="what is to be sent", max_bytes=_MOST_BYTES)
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def without_none(params: Mapping[str, Any] | None) -> dict[str, Any]:
    """Leave out what is None, which the server takes for not said."""
    return {name: value for name, value in (params or {}).items() if value is not None}
