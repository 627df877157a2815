"""Gate: what every request passes first: the host it names, the load, and the headers of every answer."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from signoff.errors import NotAllowed, Overloaded
from signoff.server.metrics import Metrics
from signoff.server.problems import problem_of, respond

log = logging.getLogger("signoff.server")

MOST_AT_ONCE = 1024
"""Requests taken in and not answered yet; more are told to come back."""

MOST_OF_ONE = 512
"""Of these, requests of one caller."""

TURNS_OF_ONE = 16
"""Requests of one caller that are worked on at a time; its others wait, so that a flood slows down its sender only."""

_LONG = ("/outcome", "/events", "/proposals/batch")
"""Routes that wait or stream; they take no thread meanwhile."""

MOST_LONG = 2000
"""Waiting requests and streams in one process."""

MOST_LONG_OF_ONE = 256
"""Of these, those of one caller."""

_SIGN_IN = "/session"
_HEALTH = "/health"

_HEADERS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("X-Frame-Options", "DENY"),
)
_API_POLICY = "default-src 'none'; frame-ancestors 'none'"


class _Turns:
    """The requests of one caller."""

    def __init__(self) -> None:
        self.turn = asyncio.Semaphore(TURNS_OF_ONE)
        self.taken = 0


class Gate:
    """
    ASGI middleware in front of everything.

    Args:
        app: What is behind it.
        metrics: Where requests are counted.
        hosts: Names this server answers to; `*` for any. A page of another site that makes its own name point here
            (DNS rebinding) gets nothing.
        most_at_once: Requests taken in and not answered, >= 1; long polls and streams not counted.
    """

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, hosts: Collection[str], most_at_once: int = MOST_AT_ONCE
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._hosts = frozenset(host.lower() for host in hosts)
        self._most = most_at_once
        self._under_way = 0
        self._long = 0
        self._callers: dict[str, _Turns] = {}
        self._waiters: dict[str, int] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host", "")
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if "*" not in self._hosts and name.lower().strip("[]") not in self._hosts:
            refused = NotAllowed(f"this server does not go by the name {name[:100]!r}; start it with --host-name")
            await respond(problem_of(refused))(scope, receive, _dressed(send))
            return
        path = scope["path"]
        if path.endswith(_LONG):
            await self._pass_long(scope, receive, send)
        else:
            await self._pass_short(scope, receive, send)

    async def _pass_long(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = _caller(scope)
        mine = self._waiters.get(caller, 0)
        if self._long >= MOST_LONG or mine >= MOST_LONG_OF_ONE:
            await self._refuse(scope, receive, send)
            return
        self._long += 1
        self._waiters[caller] = mine + 1
        try:
            await self._app(scope, receive, _dressed(send))
        finally:
            self._long -= 1
            self._waiters[caller] -= 1
            if not self._waiters[caller]:
                del self._waiters[caller]

    async def _pass_short(self, scope: Scope, receive: Receive, send: Send) -> None:
        caller = _caller(scope)
        turns = self._callers.get(caller) or _Turns()
        full = self._under_way >= self._most and not scope["path"].endswith(_HEALTH)
        if full or turns.taken >= MOST_OF_ONE:
            await self._refuse(scope, receive, send)
            return
        self._under_way += 1
        turns.taken += 1
        self._callers[caller] = turns
        try:
            async with turns.turn:
                await self._pass_timed(scope, receive, send)
        finally:
            self._under_way -= 1
            turns.taken -= 1
            if not turns.taken:
                del self._callers[caller]

    async def _pass_timed(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        status = 500
        dressed = _dressed(send)

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await dressed(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.requests.labels(scope["method"], route, str(status)).observe(time.perf_counter() - started)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._metrics.refused.inc()
        busy = Overloaded("too many requests are under way; this one was not taken, so send it again in a second")
        await respond(problem_of(busy), {"Retry-After": "1"})(scope, receive, _dressed(send))


def _caller(scope: Scope) -> str:
    """Tell callers apart before anybody has looked whether they are who they say."""
    if scope["path"].endswith(_SIGN_IN):
        # Nobody is known there, so a made-up token gets nobody a turn of their own.
        return _SIGN_IN
    headers = Headers(scope=scope)
    client = scope.get("client")
    return headers.get("authorization") or headers.get("cookie") or (client[0] if client else "")


def _dressed(send: Send) -> Send:
    async def dressed(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS:
                # A route that is meant to be framed by our own pages says so itself.
                headers.setdefault(name, value)
            headers.setdefault("Content-Security-Policy", _API_POLICY)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return dressed
