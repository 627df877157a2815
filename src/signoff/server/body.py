"""Body: reads what is sent in, strictly and within limits, before anything else looks at it."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from signoff.domain.content import MAX_BYTES, parse_json
from signoff.errors import SignoffError, TooLarge
from signoff.server.problems import Unread

MOST_BYTES = 2 * MAX_BYTES
"""Largest body of one request: arguments and evidence may each be as large as a content."""

MOST_VALUES = 200_000
"""Values in one document; a body of a few megabytes could otherwise become gigabytes of small objects."""


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
    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            read = bytearray()
            async for chunk in self.stream():
                read += chunk
                if len(read) > MOST_BYTES:
                    raise Unread(too_large("the body", MOST_BYTES))
            self._body = bytes(read)
        return self._body

    async def json(self) -> Any:
        try:
            return read_document(await self.body())
        except SignoffError as error:
            # The framework passes on only its own exceptions from here.
            raise Unread(error) from None


class StrictRoute(APIRoute):
    """A route whose JSON body is read strictly; another media type is refused."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Give the handler."""
        handle = super().get_route_handler()
        takes_body = self.body_field is not None

        async def strict(request: Request) -> Response:
            if takes_body:
                media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
                if media != "application/json" and not (media.startswith("application/") and media.endswith("+json")):
                    raise HTTPException(415)
                length = request.headers.get("content-length", "0")
                if length.isdecimal() and (len(length) > 15 or int(length) > MOST_BYTES):
                    raise too_large("the body", MOST_BYTES)
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict
