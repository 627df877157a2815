"""
A real `signoff serve` process, and real browsers that look at it.

A test asks for `desk`, puts cases there with `desk.reply(...)`, and opens pages with `visit("grace", "/")`. What a page
complains of fails the test: an error or a warning on the console, an exception, a breach of the policy,
a request to anybody but the desk. Name what is meant to happen with `allowed=`, a regular expression.

`page.wait_for_function` does not work: the policy forbids the `eval` it needs. Wait for what is on the screen instead,
with `expect(locator)`.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from signoff import CaseHandle, Signoff
from signoff.app.accounts import Accounts
from signoff.domain.case import State
from signoff.errors import CaseClosed
from signoff.server.access import COOKIE
from signoff.testing import FakeClock
from tests.browser import chromium
from tests.browser.checkpoints import URL, declare
from tests.web.conftest import CHEAP, PASSWORD, Served, start_server

ROOT = Path(__file__).resolve().parents[2]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
WIDE = (1440, 900)
NARROW = (390, 844)


@pytest.fixture(scope="session")
def chromium_path() -> str:
    found = chromium.find()
    if found is not None:
        return found
    missing = "there is no browser: make test installs one, or install chromium"
    if os.environ.get("CI"):
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


@pytest.fixture(scope="module")
def browser(chromium_path: str) -> Iterator[Browser]:
    """
    A browser for the tests of one file.

    Not for the whole session: while Playwright runs, the main thread counts as inside its event loop, and tests of
    other files run loops of their own there.
    """
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=[*chromium.ARGUMENTS])
        yield browser
        browser.close()
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()


@dataclass
class BrowserDesk:
    """
    A desk with a server of its own.

    Args:
        app: The same database, opened by the test.
        server: The process.
        serve: Starts such a process on a port.
        place: The database.
    """

    app: Signoff
    server: Served
    serve: Callable[[int], Served]
    place: Path
    _checkpoints: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._checkpoints = declare(self.app)

    @property
    def url(self) -> str:
        return self.server.url

    def kill(self) -> None:
        """End the server as a power cut would."""
        self.server.end(signal.SIGKILL)

    def start_again(self) -> None:
        """Start a server on the same database and port."""
        port = urlsplit(self.url).port
        assert port is not None
        self.server = self.serve(port)

    def clear(self) -> None:
        """Leave nothing that waits for anybody."""
        open_states = [State.WAITING, State.HELD]
        while cases := self.app.cases(states=open_states):
            for case in cases:
                self.app.withdraw(case, proposer=case.proposer)

    def person(self, name: str, *roles: str, groups: tuple[str, ...] = ()) -> str:
        """Make an account with a password, and give its name."""
        self.app.accounts.create(name, roles=roles or ("reviewer",), groups=groups, password=PASSWORD, by="test")
        return name

    def session(self, name: str) -> str:
        """Sign somebody in, and give what their browser's cookie holds."""
        secret, _ = self.app.accounts.sign_in(name, PASSWORD)
        return secret

    def reply(self, text: str = "Dear Ada, we are sorry.", **more: Any) -> CaseHandle:
        """Propose an answer to a customer's e-mail."""
        arguments = {"to": "ada@example.com", "subject": "Charged twice", "text": text, "refund_cents": 4000}
        more.setdefault("evidence", {"email": "I was charged twice in October. Please pay back 40.00."})
        return self._checkpoints["reply"].propose(**arguments | more)

    def refund(self, order: str = "A-1", cents: int = 4000, **more: Any) -> CaseHandle:
        """Propose to pay money back, which nothing can hold back afterwards."""
        return self._checkpoints["refund"].propose(order=order, cents=cents, **more)

    def propose(self, checkpoint: str, **arguments: Any) -> CaseHandle:
        """Propose anything to any checkpoint."""
        return self._checkpoints[checkpoint].propose(**arguments)

    def state(self, case: CaseHandle) -> str:
        """Say where a case stands in the database."""
        return case.state.value

    def acts(self, case: CaseHandle) -> list[str]:
        """List what the ledger says happened to a case, claims left out."""
        entries = self.app.history(case.id).entries
        return [entry.act for entry in entries if entry.act not in ("propose", "route", "claim", "release")]

    def route(self, message: str, team: str = "billing", **more: Any) -> CaseHandle:
        """Propose a team for a message."""
        more.setdefault("evidence", {"message": message})
        return self._checkpoints["route"].propose(message=message, team=team, **more)

    def store(self, data: Any, **more: Any) -> CaseHandle:
        """Propose to keep any JSON."""
        return self._checkpoints["store"].propose(data=data, **more)


@contextmanager
def desks(folder: Path) -> Iterator[Callable[..., BrowserDesk]]:
    """Start servers on desks in a folder; all are ended afterwards."""
    place = folder / "signoff.db"
    (folder / "browser_desk.py").write_text("from tests.browser.checkpoints import served\n\napp = served()\n")
    path = os.pathsep.join([str(folder), str(ROOT)])
    started: list[BrowserDesk] = []

    def serve(port: int) -> Served:
        env = {URL: str(place), "PYTHONPATH": path}
        return start_server("browser_desk:app", "--port", str(port), cwd=folder, env=env)

    def start(*people: str) -> BrowserDesk:
        app = Signoff(place, workers=0)
        app._accounts = Accounts(app.store, app.clock, passwords=CHEAP)
        for name in people:
            app.accounts.create(name, roles=["reviewer"], password=PASSWORD, by="test")
        started.append(BrowserDesk(app, serve(0), serve, place))
        return started[-1]

    yield start
    for desk in started:
        desk.server.end()
        contradictions = desk.app.verify().contradictions
        desk.app.close()
        assert contradictions == []


@pytest.fixture
def start_desk(tmp_path: Path) -> Iterator[Callable[..., BrowserDesk]]:
    """Start servers on desks in `tmp_path`; all are ended afterwards."""
    with desks(tmp_path) as start:
        yield start


@pytest.fixture
def desk(start_desk: Callable[..., BrowserDesk]) -> BrowserDesk:
    """A desk with the reviewers Grace and Ada."""
    return start_desk("grace", "ada")


@pytest.fixture(scope="module")
def module_place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the database of `module_desk` is."""
    return tmp_path_factory.mktemp("desk") / "signoff.db"


@pytest.fixture(scope="module")
def module_desk(module_place: Path) -> Iterator[BrowserDesk]:
    """A desk with the reviewers Grace and Ada, for the tests of one file."""
    with desks(module_place.parent) as start:
        yield start("grace", "ada")


@pytest.fixture
def past(module_place: Path) -> Iterator[Signoff]:
    """The desk of this file as it was half an hour ago, for what takes time."""
    with Signoff(module_place, clock=FakeClock(datetime.now(UTC) - timedelta(minutes=30)), workers=0) as app:
        yield app


@pytest.fixture
def shared_desk(module_desk: BrowserDesk) -> Iterator[BrowserDesk]:
    """The desk of this file; what a test leaves waiting or held is withdrawn, so the next begins with empty queues."""
    yield module_desk
    for state in (State.WAITING, State.HELD):
        for case in module_desk.app.cases(states=[state], limit=500):
            with contextlib.suppress(CaseClosed):
                module_desk.app.withdraw(case, proposer=case.proposer)


@dataclass
class Watch:
    """What the pages of one browser window complained of."""

    home: str
    allowed: tuple[str, ...]
    complaints: list[str] = field(default_factory=list)

    def on(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", lambda error: self._complain(f"exception: {error.error}"))
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self._complain(f"console {message.type}: {message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.home}/", "data:", "blob:", "about:")):
            self._complain(f"asked somebody else: {request.url}")

    def _complain(self, text: str) -> None:
        if not any(re.search(pattern, text) for pattern in self.allowed):
            self.complaints.append(text)


@pytest.fixture
def visit(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open pages, each in a window with cookies of its own; give `allowed=` for complaints that are meant to come."""
    watched: list[tuple[BrowserContext, Watch]] = []

    def visit(
        person: str | None,
        path: str = "/",
        *,
        size: tuple[int, int] = WIDE,
        dark: bool = False,
        allowed: tuple[str, ...] = (),
        **more: Any,
    ) -> Page:
        desk: BrowserDesk = more.pop("at", None) or request.getfixturevalue("desk")
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            timezone_id="UTC",
            base_url=desk.url,
            **more,
        )
        watch = Watch(desk.url, allowed)
        watch.on(context)
        watched.append((context, watch))
        if person is not None:
            cookie = {"name": COOKIE, "value": desk.session(person), "url": desk.url}
            context.add_cookies([{**cookie, "httpOnly": True, "sameSite": "Strict"}])  # type: ignore[typeddict-item]
        page = context.new_page()
        page.goto(path)
        return page

    yield visit
    for context, _ in watched:
        context.close()
    complaints = [complaint for _, watch in watched for complaint in watch.complaints]
    assert complaints == []


@pytest.fixture
def axe() -> Callable[[Page], None]:
    """Require that axe finds nothing to object to on a page."""
    source = AXE.read_text(encoding="utf-8")

    def check(page: Page) -> None:
        # Evaluated by the browser's own protocol, which the page's policy does not bind; nothing is loosened.
        page.evaluate(source)
        found = page.evaluate("axe.run(document, {iframes: false, resultTypes: ['violations']})")
        assert [
            f"{violation['id']}: {violation['help']}: {[node['html'] for node in violation['nodes']]}"
            for violation in found["violations"]
        ] == []

    return check
