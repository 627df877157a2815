"""The API: the routes put together, with one form for every error and a description that matches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from inspect import cleandoc
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from signoff import __version__
from signoff.app import Signoff
from signoff.errors import SignoffError
from signoff.server import pages
from signoff.server.access import SCHEMES, Callers, LocalDesk, Needs
from signoff.server.feed import Feed
from signoff.server.gate import MOST_AT_ONCE, Gate
from signoff.server.inbox import BUILT
from signoff.server.metrics import Metrics
from signoff.server.problems import MEDIA_TYPE, on_crash, on_error, on_http, on_invalid
from signoff.server.routes import beside, cases, events, health, people, proposals, review, session
from signoff.wire import Event, Few, MailGiven, Page, Problem, ProposalAnswer, ProposalTaken

PREFIX = "/api/v1"
LOOPBACK = ("127.0.0.1", "localhost", "::1")

_SUBJECTS = (proposals, review, cases, beside, events, people, session, health)

THREADS = 8
"""Proposals, and other requests, that use the database at the same moment; more would only wait for each other."""

_TAGS = [
    {"name": "propose", "description": "For what an AI asks to do. Takes a token with the scope `propose`."},
    {"name": "review", "description": "For the people who rule. Takes a session, or a token with the scope `review`."},
    {"name": "look", "description": "What there is and what happened. Takes a session or a token."},
    {"name": "who", "description": "Signing in and out."},
    {"name": "operate", "description": "For whoever keeps it running."},
]
_BESIDE: tuple[type, ...] = (Problem, ProposalTaken, ProposalAnswer, Event, MailGiven)
"""What only streams, problem documents and evidence hold, so that no route names it."""

_PROBLEMS = {
    401: "Nobody knows who asks.",
    403: "A rule said no.",
    404: "There is no such thing here.",
    405: "This address does not take that method; `Allow` lists those it takes.",
    409: "Somebody was faster; the document says who, or what changed.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The request does not fit; the document names every field.",
    429: "Too much at once; `Retry-After` says when to come back.",
    503: "Something outside did not answer; trying again is safe.",
}


def make_api(
    app: Signoff,
    *,
    local: LocalDesk | None = None,
    hosts: Collection[str] = LOOPBACK,
    most_at_once: int = MOST_AT_ONCE,
    inbox: Path = BUILT,
) -> FastAPI:
    """
    Make the HTTP API of a desk, as an ASGI application.

    Args:
        app: The desk. Whoever made it closes it.
        local: Lets in one person by a printed link, where there are no accounts.
        hosts: Names the server answers to; `*` for any.
        most_at_once: Requests under way, >= 1; more are answered with 429.
        inbox: Where the built inbox is.

    Examples:
        >>> from signoff import Signoff
        >>> from signoff.testing import MemoryStore
        >>> make_api(Signoff(MemoryStore(), workers=0)).openapi()["openapi"]
        '3.1.0'
    """
    metrics = Metrics(app)

    @asynccontextmanager
    async def lifespan(api: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        api.state.proposing = anyio.CapacityLimiter(THREADS)
        # Here, since looking must not write.
        await run_in_threadpool(app.register)
        await api.state.feed.start()
        try:
            yield
        finally:
            await api.state.feed.stop()

    api = FastAPI(
        title="Signoff",
        version=__version__,
        summary="AI proposes, policy routes, a person rules, the effect runs once, the system learns.",
        openapi_tags=_TAGS,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        telemetry={"tracing": False},
        responses={
            status: {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
            for status, text in _PROBLEMS.items()
        },
    )
    api.state.signoff = app
    api.state.local = local
    api.state.callers = Callers(app, local)
    api.state.metrics = metrics
    api.state.feed = Feed(app, api.state.callers.notice)
    for subject in _SUBJECTS:
        api.include_router(subject.router, prefix=PREFIX)
    pages.add_pages(api, built=inbox)
    api.add_exception_handler(SignoffError, on_error)
    api.add_exception_handler(HTTPException, on_http)
    api.add_exception_handler(RequestValidationError, on_invalid)
    api.add_exception_handler(Exception, on_crash)
    api.add_middleware(Gate, metrics=metrics, hosts=hosts, most_at_once=most_at_once)
    _describe(api)
    return api


def _describe(api: FastAPI) -> None:
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            document = get_openapi(
                title=api.title,
                version=api.version,
                summary=api.summary,
                openapi_version="3.1.0",
                routes=api.routes,
                tags=api.openapi_tags,
            )
            schemas = document["components"]["schemas"]
            for kind in _BESIDE:
                extra = TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}")
                for name, schema in {**extra.pop("$defs", {}), kind.__name__: extra}.items():
                    schemas.setdefault(name, schema)
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            for schema in schemas.values():
                _explain(schema)
            for generic in (Page, Few):
                for name in schemas:
                    if name.startswith(f"{generic.__name__}_"):
                        schemas[name]["description"] = generic.__doc__
            # Evidence is any document, but an e-mail's is read.
            schemas["CaseView"]["properties"]["evidence"]["additionalProperties"]["properties"] = {
                "mail": {"$ref": "#/components/schemas/MailGiven"}
            }
            document["components"]["securitySchemes"] = SCHEMES
            for path, method, needs in needed():
                operation = document["paths"][path][method]
                operation["summary"] = operation["description"].partition("\n")[0].rstrip(".")
                operation["security"] = [] if needs is None else [{name: []} for name in SCHEMES]
                if needs is not None:
                    scopes = " or ".join(f"`{scope}`" for scope in sorted(needs.scopes))
                    operation["description"] += f"\n\nTakes the scope {scopes}."
            made.update(document)
        return made

    api.openapi = openapi  # type: ignore[method-assign]


def needed() -> Iterator[tuple[str, str, Needs | None]]:
    """List every operation of the API by path and method, with what it takes; None for the open ones."""
    for subject in _SUBJECTS:
        for route in subject.router.routes:
            if isinstance(route, APIRoute):
                found = [each.call for each in route.dependant.dependencies if isinstance(each.call, Needs)]
                for method in sorted(route.methods or ()):
                    yield PREFIX + route.path_format, method.lower(), found[0] if found else None


def _explain(schema: dict[str, Any]) -> None:
    """Move what a docstring says of each argument to the property it is about."""
    text, found, arguments = cleandoc(schema.get("description", "")).partition("\nArgs:\n")
    if not found:
        return
    schema["description"] = text.strip()
    name = ""
    for line in cleandoc(arguments).splitlines():
        if line and not line[0].isspace():
            name, _, told = line.partition(": ")
        else:
            told = line.strip()
        about = schema.get("properties", {}).get(name)
        if about is not None and told:
            about["description"] = f"{about.get('description', '')} {told}".strip()
