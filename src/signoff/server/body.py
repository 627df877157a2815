"""Body: reads what is sent in, strictly and within limits, before anything else looks at it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, get_args, get_origin

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from signoff.domain.content import MAX_BYTES, parse_json
from signoff.errors import SignoffError, TooLarge
from signoff.server.access import Needs
from signoff.server.problems import Unread

MOST_BYTES = 2 * MAX_BYTES
"""Largest body of one request: arguments and evidence may each be as large as a content."""

MOST_UNSIGNED_BYTES = 64 * 1024
"""Largest body of somebody whom nobody knows yet, who signs in."""

BODY_S = 30.0
"""Seconds a body may take to arrive."""

_QUICK_BYTES = 32 * 1024

MOST_VALUES = 100_000
"""Values in one document; a body of a few megabytes could otherwise become gigabytes of small objects."""


MOST_WIDE = 2_000_000
"""Characters of a body that holds one beyond the Basic Multilingual Plane: it makes each of them take four bytes."""

_WIDE = re.compile(rb"[\xf0-\xf4]")
_FOLLOWING = bytes(range(0x80, 0xC0))

_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)', re.DOTALL)
"""A text, or one that never ends, so that reading on takes no longer than the body is."""


def too_large(where: str, limit: int) -> TooLarge:
    """Give the error for something that has more bytes than are taken."""
    return TooLarge(
        f"{where} has more than {limit:,} bytes; send less, or refer to it by a link in the evidence", limit=limit
    )


def read_document(body: bytes) -> Any:
    """
    Read one JSON document, strictly.

    Raises:
        TooLarge: If it holds more values than are taken.
        InvalidInput: If it is not JSON, too deep, or names a key twice.
    """
    if _holds_too_many(body):
        raise TooLarge(
            f"the body holds too many values; at most {MOST_VALUES:,} are taken, so send less or link to it",
            limit=MOST_VALUES,
        )
    if len(body) > MOST_WIDE and _WIDE.search(body) and len(body.translate(None, _FOLLOWING)) > MOST_WIDE:
        raise TooLarge(
            f"the body holds characters such as emoji among more than {MOST_WIDE:,} others; send less, or refer to it "
            "by a link in the evidence",
            limit=MOST_WIDE,
        )
    return parse_json(body, max_bytes=MOST_BYTES, where="the body")


def _holds_too_many(body: bytes) -> bool:
    if _values(body, 0, len(body)) <= MOST_VALUES:
        return False
    # Commas in a text are no values, so look again without the texts; there is at most a name and a text to a value.
    values = end = 0
    for number, text in enumerate(_TEXT.finditer(body)):
        values += _values(body, end, text.start())
        end = text.end()
        if max(values, number / 2) > MOST_VALUES:
            return True
    return values + _values(body, end, len(body)) > MOST_VALUES


def _values(body: bytes, start: int, end: int) -> int:
    return body.count(b",", start, end) + body.count(b"[", start, end) + body.count(b"{", start, end)


class _StrictRequest(Request):
    most_bytes = MOST_BYTES

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            read = bytearray()
            try:
                async with asyncio.timeout(BODY_S):
                    async for chunk in self.stream():
                        read += chunk
                        if len(read) > self.most_bytes:
                            raise Unread(too_large("the body", self.most_bytes))
            except TimeoutError:
                raise HTTPException(408) from None
            self._body = bytes(read)
        return self._body

    async def json(self) -> Any:
        try:
            body = await self.body()
            if len(body) > _QUICK_BYTES:
                # What takes long to read must not hold up everybody else's answers.
                return await run_in_threadpool(read_document, body)
            return read_document(body)
        except SignoffError as error:
            # The framework passes on only its own exceptions from here.
            raise Unread(error) from None


class StrictRoute(APIRoute):
    """
    A route that takes what it describes, and nothing beside.

    Its JSON body is read strictly, another media type is refused, and so is a misspelt or repeated name in the query,
    which would otherwise be a filter that does not filter.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Give the handler."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None
        needed = [each.call for each in self.dependant.dependencies if isinstance(each.call, Needs)]
        most_bytes = MOST_BYTES if needed else MOST_UNSIGNED_BYTES
        queried = {field.alias: _is_list(field.field_info.annotation) for field in self.dependant.query_params}

        async def strict(request: Request) -> Response:
            for needs in needed if takes_body else ():
                # The framework reads the body first; a stranger's is not worth it.
                await needs(request)
            if request.scope["query_string"]:
                _require_known(request, queried)
            if takes_body:
                media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
                if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
                    raise HTTPException(415)
                length = request.headers.get("content-length", "0")
                if length.isdecimal() and (len(length) > 15 or int(length) > most_bytes):
                    raise too_large("the body", most_bytes)
            reading = _StrictRequest(request.scope, request.receive)
            reading.most_bytes = most_bytes
            return await handle(reading)

        return strict


def _is_list(annotation: Any) -> bool:
    return any(get_origin(kind) is list for kind in (annotation, *get_args(annotation)))


def _require_known(request: Request, queried: Mapping[str, bool]) -> None:
    """Refuse a name in the query that means nothing here, or that is there twice and can only be meant once."""
    wrong: list[dict[str, Any]] = []
    for name in request.query_params:
        if name not in queried:
            wrong.append({"type": "extra_forbidden", "loc": ("query", name), "msg": "is not taken here"})
        elif not queried[name] and len(request.query_params.getlist(name)) > 1:
            wrong.append({"type": "extra_forbidden", "loc": ("query", name), "msg": "may be given once"})
    if wrong:
        raise RequestValidationError(wrong)
