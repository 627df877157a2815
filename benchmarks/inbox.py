"""
The inbox's figures: an installed wheel, served behind a line that is 80 ms long, looked at by a real Chromium.

Nothing is measured from outside: a script in the page takes the time from the browser's own time stamp of a key to the
frame after the one that shows what it asked for. Server, line and browser share this machine's processors.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from benchmarks.figures import Bar, Figure, report
from benchmarks.inbox_desk import LONG, LONG_EACH, declare, proposals
from signoff import Role, Signoff
from signoff.measure import percentile
from signoff.server.access import COOKIE
from tests.browser import chromium
from tests.browser.conftest import Watch

ROOT = Path(__file__).resolve().parents[1]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
STORED = 10_000
DELAY_S = 0.08
VERDICTS = 60
OPENED = 9
TYPED = 40
BETWEEN_MS = 350
"""Pause before each verdict: a key within the first 250 ms of a case is taken for a mistake."""
WIDE, NARROW = (1440, 900), (390, 844)
PERSON, PASSWORD = "grace", "correct horse battery"

SCREENS = ("/", "/cases/{case_id}", "/done", "/people", "/ledger", "/keys")

# Runs in every page. What is there when a frame begins has been painted when the next one does.
WATCHER = """
window.inboxTimes = { verdict: [], typed: [] };
const shown = () => document.querySelector("h1[data-case-id]")?.dataset.caseId;
const painted = (done) => requestAnimationFrame(() => requestAnimationFrame(done));
const element = (node) => (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement);
const isCompared = (node) => element(node)?.closest(".text-difference");
const holdsCompared = (node) => isCompared(node) || element(node)?.querySelector(".text-difference");
addEventListener("keydown", (event) => {
  if (!event.isTrusted) return;
  if (event.key === "a" && !event.target.closest?.("textarea, input")) {
    const before = shown();
    const look = () => {
      const now = shown();
      if (now === undefined || now === before) return requestAnimationFrame(look);
      requestAnimationFrame((at) => inboxTimes.verdict.push(at - event.timeStamp));
    };
    requestAnimationFrame(look);
  } else if (event.key.length === 1 && !event.ctrlKey && event.target.matches?.("textarea")) {
    const watch = new MutationObserver((changes) => {
      if (!changes.some((change) => isCompared(change.target) || [...change.addedNodes].some(holdsCompared))) return;
      watch.disconnect();
      painted((at) => inboxTimes.typed.push(at - event.timeStamp));
    });
    watch.observe(document.body, { childList: true, characterData: true, subtree: true });
  }
}, { capture: true });
"""


def main() -> None:
    """Measure, print and write `results/inbox.json`."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = install(folder)
        url = str(folder / "inbox.db")
        with Signoff(url, workers=0) as app:
            cases = fill(app, STORED)
            session, _ = app.accounts.sign_in(PERSON, PASSWORD)
            with served(python, url) as near, behind(near) as far, browsing() as browser:
                seats = Seats(browser, session)
                figures = [
                    *weight(seats, far),
                    *first_case(seats, near, far),
                    *verdicts(seats, far, app),
                    *typing(seats, far, cases[LONG_EACH - 1]),
                    *accessible(seats, near, cases[-1]),
                ]
    figures.append(
        Figure(
            figure="console messages, exceptions and breaches of the policy meanwhile",
            unit="",
            ours=float(len(seats.complaints)),
            bar=Bar(better="lower", absolute=0),
        )
    )
    for complaint, times in Counter(seats.complaints).items():
        print(f"{times} times: {complaint}")
    report("inbox", figures)
    print()
    for figure in figures:
        # No other inbox is run here; what a figure is to be compared with is what was promised.
        if figure.bar.absolute:
            print(f"{figure.ours / figure.bar.absolute:6.2f} of the bar: {figure.figure}")


# --- what is measured: the wheel, a desk, a line


def install(folder: Path) -> Path:
    """Build the wheel and install it into an environment of its own, beside the same dependencies as here."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
    subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", str(folder / "venv")], check=True)
    python = folder / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps", str(wheel)]
    subprocess.run(pip, check=True)
    found = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    site = Path(subprocess.run(found, check=True, capture_output=True, text=True).stdout.strip())
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def fill(app: Signoff, count: int) -> list[str]:
    """Let cases wait for a person; gives their ids."""
    app.accounts.create(PERSON, roles=[Role.REVIEWER, Role.LEAD], password=PASSWORD, by="bench")
    return [case.id for case in declare(app).propose_many(proposals(count))]


@contextmanager
def served(python: Path, url: str) -> Iterator[tuple[str, int]]:
    """Serve a database with the installed wheel; gives the address."""
    folder = Path(url).parent
    (folder / "inbox_served.py").write_text(
        "from benchmarks.inbox_desk import declare\nfrom signoff import Signoff\n\n"
        f"app = Signoff({url!r}, workers=2)\ndeclare(app)\n"
    )
    process = subprocess.Popen(
        [str(python), "-m", "signoff", "serve", "inbox_served:app", "--port", "0"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = next(line for line in process.stdout if "http://" in line)
        at = urlsplit(line[line.index("http://") :].split()[0])
        yield at.hostname or "127.0.0.1", at.port or 0
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


@contextmanager
def behind(server: tuple[str, int]) -> Iterator[tuple[str, int]]:
    """Put a line in front of a server, on which every answer takes 80 ms longer; gives its address."""
    loop = asyncio.new_event_loop()
    ready: threading.Event = threading.Event()
    bound: list[tuple[str, int]] = []
    ended = asyncio.Event()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            inner_reader, inner_writer = await asyncio.open_connection(*server)
        except OSError:
            writer.close()
            return
        line = asyncio.create_task(_carry(inner_reader, writer, DELAY_S))
        await _carry(reader, inner_writer, 0)
        await line

    async def run() -> None:
        listener = await asyncio.start_server(connected, "127.0.0.1", 0)
        bound.append(listener.sockets[0].getsockname())
        ready.set()
        await ended.wait()
        listener.close()
        under_way = asyncio.all_tasks() - {asyncio.current_task()}
        for each in under_way:
            each.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)

    thread = threading.Thread(target=loop.run_until_complete, args=[run()], daemon=True)
    thread.start()
    ready.wait()
    try:
        yield bound[0]
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(10)


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """Pass on what arrives, so much later; what comes close together stays close together."""
    loop = asyncio.get_running_loop()
    under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

    async def arrive() -> None:
        while True:
            at, data = await under_way.get()
            if at > loop.time():
                await asyncio.sleep(at - loop.time())
            if not data:
                return
            writer.write(data)
            await writer.drain()

    arriving = asyncio.create_task(arrive())
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            under_way.put_nowait((loop.time() + delay_s, data))
    under_way.put_nowait((loop.time() + delay_s, b""))
    with contextlib.suppress(OSError):
        await arriving
    writer.close()


# --- who looks


@contextmanager
def browsing() -> Iterator[Browser]:
    """Start a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.find() or chromium.install(), args=[*chromium.ARGUMENTS]
        )
        yield browser
        browser.close()


@dataclass
class Seats:
    """
    Windows of one person, each with a cache of its own.

    Args:
        browser: Where they open.
        session: What the cookie holds.
    """

    browser: Browser
    session: str
    complaints: list[str] = field(default_factory=list)

    @contextmanager
    def window(
        self, at: tuple[str, int], *, size: tuple[int, int] = WIDE, dark: bool = False
    ) -> Iterator[BrowserContext]:
        """Open a window; what its pages complain of is kept."""
        home = f"http://{at[0]}:{at[1]}"
        context = self.browser.new_context(
            base_url=home,
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            locale="en-GB",
            timezone_id="UTC",
        )
        watch = Watch(home, ())
        watch.on(context)
        context.add_init_script(WATCHER)
        context.add_cookies([{"name": COOKIE, "value": self.session, "url": home, "httpOnly": True}])
        try:
            yield context
        finally:
            context.close()
            self.complaints += [complaint.replace(home, "") for complaint in watch.complaints]


def opened(context: BrowserContext, path: str = "/") -> Page:
    """Open a page, and wait until it says that its first case is painted."""
    page = context.new_page()
    page.goto(path, wait_until="commit")
    wait_for(page, "performance.getEntriesByName('case-painted').length > 0")
    return page


def wait_for(page: Page, condition: str, *, seconds: float = 30) -> None:
    """Wait until an expression is true; asked for seldom, since asking takes time of the page's own."""
    deadline = time.monotonic() + seconds
    while not page.evaluate(condition):
        if time.monotonic() > deadline:
            raise RuntimeError(f"after {seconds} s this is still not so: {condition}")
        page.wait_for_timeout(25)


# --- the figures


def weight(seats: Seats, far: tuple[str, int]) -> list[Figure]:
    """What is fetched before the first case is on the screen, as it travels; and how much the page then holds."""
    with seats.window(far) as window:
        page = opened(window)
        sizes: dict[str, int] = page.evaluate(
            """() => {
                const [painted] = performance.getEntriesByName("case-painted");
                const sizes = { js: 0, css: 0 };
                for (const each of performance.getEntriesByType("resource")) {
                    const kind = new URL(each.name).pathname.split(".").pop();
                    if (kind in sizes && each.startTime < painted.startTime) sizes[kind] += each.encodedBodySize;
                }
                return sizes;
            }"""
        )
        page.wait_for_timeout(1_000)
        nodes = page.evaluate("document.getElementsByTagName('*').length")
    return [
        Figure(
            figure="scripts before the first case, gzip",
            unit="KB",
            ours=sizes["js"] / 1_000,
            bar=Bar(better="lower", absolute=120),
        ),
        Figure(figure="styles, the same", unit="KB", ours=sizes["css"] / 1_000, bar=Bar(better="lower", absolute=12)),
        Figure(
            figure=f"elements in the page, {STORED:,} cases waiting",
            unit="",
            ours=float(nodes),
            bar=Bar(better="lower", absolute=1_500),
        ),
    ]


def first_case(seats: Seats, near: tuple[str, int], far: tuple[str, int]) -> list[Figure]:
    """From the start of the navigation to the first case on the screen, with nothing in the cache."""

    def once(at: tuple[str, int]) -> float:
        with seats.window(at) as window:
            painted: float = opened(window).evaluate("performance.getEntriesByName('case-painted')[0].startTime")
            return painted

    here = [once(near) for _ in range(OPENED)]
    away = [once(far) for _ in range(OPENED)]
    return [
        Figure(
            figure="first case, cold cache, median",
            unit="ms",
            ours=statistics.median(here),
            bar=Bar(better="lower", absolute=500),
        ),
        Figure(
            figure="the same, 80 ms away",
            unit="ms",
            ours=statistics.median(away),
            bar=Bar(better="lower", absolute=500),
        ),
    ]


def verdicts(seats: Seats, far: tuple[str, int], app: Signoff) -> list[Figure]:
    """From `a` to the next case on the screen, on a fast and on a slow processor; every verdict must have arrived."""
    found: dict[int, list[float]] = {}
    for slower in (1, 4):
        with seats.window(far) as window:
            page = opened(window)
            if slower > 1:
                window.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
            for n in range(1, VERDICTS + 1):
                page.wait_for_timeout(BETWEEN_MS)
                page.keyboard.press("a")
                wait_for(page, f"inboxTimes.verdict.length >= {n}")
            found[slower] = page.evaluate("inboxTimes.verdict")
            _all_arrived(page, app, VERDICTS * len(found))
    return [
        figure
        for slower, bar in ((1, 50), (4, 150))
        for figure in (
            Figure(
                figure=f"key to next case, 80 ms away{', processor 4 times slower' if slower > 1 else ''}, p50",
                unit="ms",
                ours=percentile(found[slower], 0.5),
                bar=Bar(better="lower", absolute=bar),
            ),
            Figure(
                figure="the same, p95",
                unit="ms",
                ours=percentile(found[slower], 0.95),
                bar=Bar(better="lower", absolute=bar),
            ),
        )
    ]


def _all_arrived(page: Page, app: Signoff, expected: int) -> None:
    for _ in range(200):
        ruled = sum(1 for _ in app.verdicts())
        if ruled >= expected:
            break
        page.wait_for_timeout(100)
    if ruled != expected:
        raise RuntimeError(f"{expected} keys were pressed, {ruled} cases were ruled on")


def typing(seats: Seats, far: tuple[str, int], case_id: str) -> list[Figure]:
    """From a key in a long text to the difference on the screen."""
    with seats.window(far) as window:
        page = opened(window, f"/?case={case_id}")
        page.wait_for_timeout(BETWEEN_MS)
        page.keyboard.press("e")
        text = page.get_by_role("textbox", name="text", exact=False).last
        expect(text).to_have_value(re.compile(f"^.{{{LONG}}}$", re.DOTALL))
        text.focus()
        page.keyboard.press("Control+Home")
        for n in range(1, TYPED + 1):
            page.keyboard.press("x" if n % 5 else "Space")
            wait_for(page, f"inboxTimes.typed.length >= {n}")
        times = page.evaluate("inboxTimes.typed")
        page.keyboard.press("Escape")
    return [
        Figure(
            figure=f"key to difference, {LONG:,} characters, p95",
            unit="ms",
            ours=percentile(times, 0.95),
            bar=Bar(better="lower", absolute=50),
        )
    ]


def accessible(seats: Seats, near: tuple[str, int], case_id: str) -> list[Figure]:
    """What axe objects to on every screen, light and dark, wide and narrow."""
    source = AXE.read_text(encoding="utf-8")
    found: list[str] = []
    for dark in (False, True):
        for size in (WIDE, NARROW):
            with seats.window(near, size=size, dark=dark) as window:
                for screen in SCREENS:
                    page = window.new_page()
                    page.goto(screen.replace("{case_id}", case_id))
                    expect(page.get_by_role("heading").first).to_be_visible()
                    page.wait_for_timeout(1_000)
                    page.evaluate(source)
                    told = page.evaluate("axe.run(document, {iframes: false, resultTypes: ['violations']})")
                    found += [
                        f"{each['id']} on {screen}, {size[0]} px, {'dark' if dark else 'light'}: {each['help']}"
                        for each in told["violations"]
                    ]
                    page.close()
    for each in found:
        print(f"axe: {each}")
    screens = f"{len(SCREENS)} screens, light and dark, {WIDE[0]} and {NARROW[0]} px"
    return [
        Figure(
            figure=f"axe: violations on {screens}",
            unit="",
            ours=float(len(found)),
            bar=Bar(better="lower", absolute=0),
        )
    ]


if __name__ == "__main__":
    main()
