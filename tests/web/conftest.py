"""A desk behind the HTTP API: in this process at a clock that stands still, or served by a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from fastapi import FastAPI
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from starlette.testclient import TestClient

from signoff import Signoff
from signoff.app.accounts import Accounts
from signoff.ports import KEYS
from signoff.server.access import COOKIE, LocalDesk
from signoff.server.api import make_api
from signoff.testing import FakeClock, MemoryStore

PASSWORD = "correct horse battery"
ORIGIN = "http://localhost"
CHEAP = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))

ROLES = ("reviewer", "lead", "officer", "legal", "auditor", "admin")


def declare(app: Signoff) -> None:
    """Declare the checkpoints that the tests propose to."""

    @app.checkpoint(undo_s=60, deadline_s=86_400)
    def refund(order: str, amount: int = 10, note: str | None = None) -> str:
        """Pay money back."""
        return f"refunded {amount} for {order}"

    @refund.reversal
    def charge_again(order: str, amount: int) -> str:
        return f"charged {amount} for {order}"

    @app.checkpoint()
    def send(to: str, text: str = "", more: Any = None) -> str:
        """Send a message."""
        return f"sent to {to}"

    @app.checkpoint(opinions=2)
    def publish(title: str) -> str:
        """Publish a title; two people have to agree."""
        return f"published {title}"

    @app.checkpoint()
    def lose(what: str) -> str:
        """Fail in a way that nobody knows what happened."""
        raise RuntimeError("the line went dead")


class Caller:
    """
    Whoever asks the API: a token, a browser's session, or nobody.

    Args:
        client: Where to ask.
        headers: What is sent with every request.
    """

    def __init__(self, client: httpx2.Client, headers: dict[str, str]) -> None:
        self.client = client
        self.headers = headers

    def __call__(self, method: str, path: str, **more: Any) -> httpx2.Response:
        """Ask; a path without a slash in front is one of the API's."""
        where = path if path.startswith("/") else f"/api/v1/{path}"
        return self.client.request(method, where, headers={**self.headers, **more.pop("headers", {})}, **more)

    def get(self, path: str, **more: Any) -> Any:
        """Look, and give the document."""
        answer = self("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: Any = None, *, status: int = 200) -> Any:
        """Send a document, and give the one that comes back."""
        answer = self("POST", path) if body is None else self("POST", path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()


@dataclass
class Desk:
    """A desk, its API, and everybody who may ask it."""

    app: Signoff
    clock: FakeClock
    api: FastAPI
    client: TestClient
    _made: dict[str, Caller] = field(default_factory=dict)

    def account(self, name: str, *roles: str, groups: tuple[str, ...] = ()) -> None:
        self.app.accounts.create(name, roles=roles or ("reviewer",), groups=groups, password=PASSWORD, by="test")

    def token(self, subject: str, *scopes: str, expires_s: float | None = None) -> Caller:
        secret, _ = self.app.accounts.issue_token(subject, scopes=scopes, by="test", expires_s=expires_s)
        return self.bearer(secret)

    def bearer(self, secret: str) -> Caller:
        return Caller(self.client, {"Authorization": f"Bearer {secret}"})

    def browser(self, name: str) -> Caller:
        """Sign in; what comes back is a browser on this server's own pages."""
        secret, _ = self.app.accounts.sign_in(name, PASSWORD)
        return Caller(self.client, {"Cookie": f"{COOKIE}={secret}", "Origin": ORIGIN})

    @property
    def nobody(self) -> Caller:
        return Caller(self.client, {})

    @property
    def agent(self) -> Caller:
        """A program that proposes."""
        return self._once("agent", lambda: self.token("agent", "propose"))

    def reviewer(self, name: str, *roles: str, groups: tuple[str, ...] = ()) -> Caller:
        """A person, by a token of theirs."""

        def make() -> Caller:
            self.account(name, *roles, groups=groups)
            return self.token(name, "review")

        return self._once(name, make)

    def _once(self, name: str, make: Callable[[], Caller]) -> Caller:
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def propose(self, checkpoint: str = "send", key: str | None = None, **arguments: Any) -> dict[str, Any]:
        """Let the agent propose."""
        usual = {"refund": {"order": "A-1"}, "send": {"to": "grace"}, "publish": {"title": "Kettle"}}
        made: dict[str, Any] = self.agent.post(
            "proposals",
            {"checkpoint": checkpoint, "arguments": arguments or usual.get(checkpoint, {"what": "x"}), "key": key},
            status=201,
        )
        return made

    def stored(self) -> dict[str, list[Any]]:
        """Everything that is in the database."""
        return self.app.store.read(lambda tx: {kind.__name__: list(tx.find(kind)) for kind in KEYS})


def verdict(case: dict[str, Any], id: str, kind: str = "approved", **more: Any) -> dict[str, Any]:
    """Give a verdict on a case as it was shown."""
    return {"id": id, "kind": kind, "revision": case["revision"], "content_hash": case["content_hash"], **more}


def place_for(request: pytest.FixtureRequest, folder: Path) -> MemoryStore | Path | str:
    """Give the database that the fixture's parameter names; by default the one in memory."""
    match getattr(request, "param", "memory"):
        case "sqlite":
            return folder / "signoff.db"
        case "postgres":
            return str(request.getfixturevalue("postgres_url"))
        case _:
            return MemoryStore()


@contextmanager
def open_desk(
    place: MemoryStore | Path | str, *, local: LocalDesk | None = None, base_url: str = ORIGIN
) -> Iterator[Desk]:
    clock = FakeClock()
    with Signoff(place, clock=clock, workers=0) as app:
        app._accounts = Accounts(app.store, clock, passwords=CHEAP)
        declare(app)
        api = make_api(app, local=local)
        with TestClient(api, base_url=base_url, follow_redirects=False) as client:
            yield Desk(app, clock, api, client)
        assert app.verify().contradictions == []


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path / "signoff.db") as desk:
        yield desk


def problem(answer: httpx2.Response, status: int, code: str) -> dict[str, Any]:
    """Require a problem document that says what to do, and give it."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text}"
    assert answer.headers["content-type"] == "application/problem+json"
    told: dict[str, Any] = answer.json()
    assert (told["status"], told["code"], told["type"]) == (status, code, f"urn:signoff:problem:{code}")
    assert told["title"]
    assert len(told["detail"]) > 20, told
    return told


def stream(
    who: Caller,
    path: str,
    *,
    query: str = "",
    headers: dict[str, str] | None = None,
    until: Callable[[bytes], bool] = bool,
) -> httpx2.Response:
    """
    Follow a stream of this process, and leave when enough was told; an answer that ends is given whole.

    The test client itself waits for the end of every answer.
    """
    began: dict[str, Any] = {}
    body = bytearray()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [
            (name.lower().encode(), value.encode())
            for name, value in {"Host": "localhost", **who.headers, **(headers or {})}.items()
        ],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
        "state": {},
    }

    async def follow() -> None:
        enough = anyio.Event()
        sent = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive() -> dict[str, Any]:
            if sent:
                return sent.pop()
            await enough.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                began.update(message)
            else:
                body.extend(message["body"])
                if until(bytes(body)):
                    enough.set()

        with anyio.fail_after(30):
            await who.client.app(scope, receive, send)  # type: ignore[attr-defined]

    assert who.client.portal is not None  # type: ignore[attr-defined]
    who.client.portal.call(follow)  # type: ignore[attr-defined]
    return httpx2.Response(began["status"], headers=began["headers"], content=bytes(body))


# --- a process of its own

SERVED = textwrap.dedent(
    """
    from signoff import Signoff

    app = Signoff({place!r})

    @app.checkpoint()
    def send(to: str, text: str = "", more: object = None) -> str:
        return f"sent to {{to}}"

    @app.checkpoint(opinions=2)
    def publish(title: str) -> str:
        return f"published {{title}}"
    """
)


@dataclass
class Served:
    """A `signoff serve` process."""

    process: subprocess.Popen[str]
    url: str
    link_token: str | None

    @property
    def pid(self) -> int:
        return self.process.pid

    def client(self, token: str | None = None, **more: Any) -> httpx2.Client:
        secret = token or self.link_token
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return httpx2.Client(base_url=f"{self.url}/api/v1", headers=headers, timeout=30, **more)

    def end(self, how: int = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        try:
            return self.process.wait(timeout=20)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()


def start_server(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> Served:
    """Start `signoff serve`, and wait until it says where it listens."""
    with (cwd / "server.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "signoff", "serve", "--port", "0", *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(cwd), "PYTHONUNBUFFERED": "1", **(env or {})},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert process.stdout is not None
    for line in process.stdout:
        found = re.search(r"Signoff is at (http://\S+?)/(?:\?token=(\S+))?$", line.strip())
        if found:
            return Served(process, found[1], found[2])
    process.stdout.close()
    raise AssertionError(f"the server ended with {process.wait()}: {(cwd / 'server.log').read_text()}")


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Start servers on the desk in `tmp_path`; all are ended afterwards."""
    (tmp_path / "served_desk.py").write_text(SERVED.format(place=str(tmp_path / "signoff.db")))
    started: list[Served] = []

    def start(*arguments: str, env: dict[str, str] | None = None) -> Served:
        started.append(start_server(*(arguments or ("served_desk:app",)), cwd=tmp_path, env=env))
        return started[-1]

    yield start
    for server in started:
        server.end()
