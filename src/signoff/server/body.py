"""Body: reads what is sent in, strictly and within limits, before anything else looks at it."""

from __future__ import annotations

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


def read_document(body: bytes) -> Any:
    """
    Read one JSON document, strictly.

    Raises:
        TooLarge: If it holds more values than are taken.
        InvalidInput: If it is not JSON, too deep, or names a key twice.
    """
    values = body.count(b",") + body.count(b"[") + body.count(b"{")
    if values > MOST_VALUES:
        raise TooLarge(
            f"the body holds about {values:,} values; at most {MOST_VALUES:,} are taken, so send less or link to it",
            limit=MOST_VALUES,
        )
    return parse_json(body, max_bytes=MOST_BYTES, where="the body")


class _StrictRequest(Request):
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
            return await handle(_StrictRequest(request.scope, request.receive))

        return strict
