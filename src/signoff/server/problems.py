"""Problems: every error as an RFC 9457 document that says what happened and what to do next."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import Request

from signoff.domain.content import storable
from signoff.errors import (
    ConflictError,
    IntegrityError,
    InvalidInput,
    NotSignedIn,
    OutsideError,
    Overloaded,
    RefusedError,
    SignoffError,
    TooLarge,
    UnknownCase,
    UnknownCheckpoint,
    UnknownEvidence,
    UsageError,
)
from signoff.wire import Problem

log = logging.getLogger("signoff.server")

MEDIA_TYPE = "application/problem+json"

_STATUS: tuple[tuple[type[SignoffError], int], ...] = (
    (UnknownCase, 404),
    (UnknownCheckpoint, 404),
    (UnknownEvidence, 404),
    (TooLarge, 413),
    (UsageError, 422),
    (ConflictError, 409),
    (NotSignedIn, 401),
    (RefusedError, 403),
    (Overloaded, 429),
    (OutsideError, 503),
    (IntegrityError, 500),
)
"""The first that fits."""

_HTTP: Mapping[int, tuple[str, str]] = {
    400: ("bad_request", "the request could not be read; compare it with the description at /api/docs"),
    404: ("not_found", "there is nothing at this address; /api/docs lists what there is"),
    408: ("request_timeout", "the body did not arrive in time; send it again"),
    405: ("method_not_allowed", "this address does not take that method; /api/docs lists those it takes"),
    413: ("too_large", "the body is larger than is taken; send less, or refer to it by a link in the evidence"),
    415: ("unsupported_media_type", "send the body as application/json"),
}

_RULES = frozenset(
    {"actual_length", "expected", "field_type", "ge", "gt", "le", "lt", "max_length", "min_length", "class_name"}
)
"""What pydantic tells of a rule, and not of the value that broke it."""

_UNPRINTED = frozenset({"outcome"})
"""Facts that are objects of the library."""


class Unread(HTTPException):
    """A body that could not be read; carries the error that says why."""

    def __init__(self, error: SignoffError) -> None:
        super().__init__(status_of(error))
        self.error = error


def status_of(error: SignoffError) -> int:
    """Give the HTTP status of an error."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def problem_of(error: SignoffError) -> Problem:
    """Give an error as a document; its facts are further members."""
    facts = {name: fact for name, fact in error.facts.items() if name not in _UNPRINTED and fact is not None}
    reserved = Problem.model_fields.keys() & facts.keys()
    return Problem(
        type=f"urn:signoff:problem:{error.code}",
        title=_title(type(error)),
        status=status_of(error),
        detail=error.message,
        code=error.code,
        **{name: fact for name, fact in facts.items() if name not in reserved},
    )


def _title(kind: type) -> str:
    words = re.sub(r"(?<!^)([A-Z])", r" \1", kind.__name__)
    return words[0] + words[1:].lower()


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """Give a problem as a response."""
    return JSONResponse(problem.model_dump(mode="json"), problem.status, headers, media_type=MEDIA_TYPE)


async def on_error(_: Request, error: Exception) -> JSONResponse:
    """Answer any error of the library."""
    assert isinstance(error, SignoffError)
    problem = problem_of(error)
    if problem.status >= 500:
        log.warning("%s: %s", error.code, error.message)
    headers: dict[str, str] = {}
    if isinstance(error, NotSignedIn):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, OutsideError):
        headers["Retry-After"] = str(max(1, math.ceil(error.facts.get("retry_after_s") or 1)))
    return respond(problem, headers)


async def on_http(request: Request, error: Exception) -> JSONResponse:
    """Answer what the framework refuses: an unknown address, a wrong method, a body too large."""
    assert isinstance(error, HTTPException)
    if isinstance(error, Unread):
        return await on_error(request, error.error)
    code, detail = _HTTP.get(error.status_code, ("refused", str(error.detail)))
    return respond(
        Problem(
            type=f"urn:signoff:problem:{code}",
            title=code.replace("_", " ").capitalize(),
            status=error.status_code,
            detail=detail,
            code=code,
        ),
        error.headers,
    )


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """Answer a request that does not fit its description, naming every field that does not."""
    assert isinstance(error, RequestValidationError)
    # The first part of a place says whether it is the body, the query or the path.
    found = [{**each, "loc": each["loc"][1:] or each["loc"]} for each in error.errors()]
    return await on_error(request, unfit(found, what="the request"))


def unfit(found: Sequence[Mapping[str, Any]], *, what: str) -> InvalidInput:
    """
    Say which fields do not fit, and what would.

    Args:
        found: Mistakes as pydantic tells them.
        what: What does not fit.
    """
    problems = [{"field": _field(each["loc"]) or "all of it", "problem": _told(each)} for each in found[:20]]
    text = "; ".join(f"{one['field']}: {one['problem']}" for one in problems[:5])
    return InvalidInput(f"{what} does not fit: {text}", problems=problems)


def _told(found: Mapping[str, Any]) -> str:
    # The library's own words may hold the value, which may be personal; with these facts they hold only the rule.
    if found.get("ctx", {}).keys() <= _RULES or found["type"] == "value_error":
        return storable(str(found["msg"]).removeprefix("Value error, "), most=200)
    return str(found["type"]).replace("_", " ")


def _field(place: Sequence[int | str]) -> str:
    return storable(".".join(str(part)[:100] for part in place), most=300)


async def on_crash(request: Request, error: Exception) -> JSONResponse:
    """Answer what nobody expected; the log has the rest."""
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return respond(
        Problem(
            type="urn:signoff:problem:internal_error",
            title="Internal error",
            status=500,
            detail="the server failed on this request; its log says where. Nothing was decided unless the case says so",
            code="internal_error",
        )
    )
