"""
Take the pictures of the inbox that the documentation shows, from a real server with the sample desk.

They are written beside this file:

    make run  # once, so that the inbox is built; end it with Ctrl+C
    .venv/bin/python -m docs.pictures.inbox
    .venv/bin/python -m docs.pictures.inbox inbox.png lead.png  # these alone

Ages and counts are the same each time, since the cases are proposed at a clock that was set back.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import Browser, Page, expect, sync_playwright

from signoff import Signoff
from signoff.samples import replies, support
from signoff.server.access import COOKIE
from signoff.testing import FakeClock
from tests.browser import chromium

FOLDER = Path(__file__).parent
PASSWORD = "correct horse battery"
WIDE = (1440, 900)
TALL = (1440, 1120)
PHONE = (390, 844)
RULED_BEFORE = 60
"""Messages that were ruled on, so that suggestions and similar cases are those of a desk at work."""


@dataclass
class Desk:
    """
    A sample desk that is served.

    Args:
        url: Where.
        cookies: What the browser of each person holds.
        replies: Case ids of the e-mails, by their names in the sample.
    """

    url: str
    cookies: dict[str, str]
    replies: dict[str, str] = field(default_factory=dict)


def main() -> None:
    """Take all pictures, or those that are named."""
    wanted = sys.argv[1:] or list(PICTURES)
    unknown = [name for name in wanted if name not in PICTURES]
    if unknown:
        sys.exit(f"there is no picture {', '.join(unknown)}; there are {', '.join(PICTURES)}")
    path = chromium.find()
    if path is None:
        sys.exit("there is no browser: install chromium, or run make browser")
    with tempfile.TemporaryDirectory() as folder, desk_in(Path(folder)) as desk, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*chromium.ARGUMENTS])
        for name in wanted:
            PICTURES[name](browser, desk, FOLDER / name)
        browser.close()


# --- the desk


@contextmanager
def desk_in(folder: Path) -> Iterator[Desk]:
    """Serve a desk with some history in a folder, for as long as it is needed."""
    database = folder / "signoff-sample.db"
    now = datetime.now(UTC)
    with Signoff(database, workers=0) as app:
        for name, roles in {"grace": ["reviewer", "lead"], "ada": ["reviewer"], "heinrich": ["reviewer"]}.items():
            app.accounts.create(name, roles=roles, password=PASSWORD, by="grace")
    route_messages(database, now)
    ids = write_replies(database, now)
    with Signoff(database, workers=0) as app:
        cookies = {name: app.accounts.sign_in(name, PASSWORD)[0] for name in ("grace", "ada")}
    signoff = str(Path(sys.executable).with_name("signoff"))
    command = [signoff, "serve", "--sample", "--db", str(database), "--port", "0"]
    server = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        said = iter(server.stdout.readline, "")
        found = next(match for line in said if (match := re.search(r"Signoff is at (http://[^/\s]+)", line)))
        yield Desk(found[1], cookies, ids)
    finally:
        server.terminate()
        server.wait(timeout=30)


def route_messages(database: Path, now: datetime) -> None:
    """Propose the messages over the last days, and rule on the first of them."""
    desk = support.open_desk(database)
    gold: dict[str, str] = {}
    with desk.app:
        desk.app.clock = clock = FakeClock(now - timedelta(days=2))
        for message in support.messages()[: RULED_BEFORE + 40]:
            (case_id,) = desk.propose_all([message])
            gold[case_id] = message.category
            clock.advance(1500)
    desk = support.open_desk(database)
    with desk.app:
        ruled = [
            person.edit(case, desk.app.view(case).content.arguments | {"category": gold[case.id]})
            for person, share in ((desk.app.reviewer("ada"), 2), (desk.app.reviewer("grace"), 1))
            for case in person.claim(RULED_BEFORE * share // 3, checkpoint=support.CHECKPOINT)
        ]
        desk.app.case(ruled[-1].id).outcome(timeout_s=60)


def write_replies(database: Path, now: datetime) -> dict[str, str]:
    """Propose the e-mails, with a claim that is held for long, and an effect nobody knows the end of."""
    clock = FakeClock(now - timedelta(hours=7, minutes=20))
    with Signoff(database, clock=clock, workers=0) as app:
        write = replies.add_replies(app, replies.Outbox(database.with_name("signoff-sample.sent.jsonl")))

        @app.checkpoint(undo_s=0)
        def refund(order: str, amount: str) -> str:
            """Pay money back to a customer."""
            raise ConnectionError(f"the bank did not answer about {amount} for {order}")

        ada, heinrich = app.reviewer("ada"), app.reviewer("heinrich", roles=["reviewer"])
        lost = refund.propose(order="48166", amount="27.50", evidence={"message": "The second parcel never came."})
        ada.approve(lost)
        ids = {}
        for each in replies.replies():
            (handle,) = write.propose_many([each.proposal()])
            ids[each.id] = handle.id
            clock.advance(1620)
        for name in ("r08", "r13", "r14"):
            heinrich.approve(app.case(ids[name]))
        heinrich.presence(away=True)
        clock.advance(60)
        app.run_due()
        clock.advance((now - timedelta(minutes=25) - clock.now()).total_seconds())
        ada.claim_case(ids["r07"], hold_s=3600.0)
    with Signoff(database, workers=0) as app:
        app.reviewer("ada", roles=["reviewer"]).presence(away=False)
        app.reviewer("grace", roles=["reviewer", "lead"]).hand_over(ids["r12"], "ada", note="She knows the customer.")
    return ids


# --- the pictures


@contextmanager
def page_of(
    browser: Browser, desk: Desk, person: str | None, path: str, *, size: tuple[int, int] = WIDE, dark: bool = False
) -> Iterator[Page]:
    """Open a page as somebody sees it."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        locale="en-GB",
        timezone_id="UTC",
        reduced_motion="reduce",
        base_url=desk.url,
    )
    try:
        if person is not None:
            context.add_cookies([{"name": COOKIE, "value": desk.cookies[person], "url": desk.url}])
        page = context.new_page()
        page.goto(path)
        yield page
    finally:
        context.close()


def take(page: Page, target: Path) -> None:
    """Write what is on screen, once fonts and frames are there and nothing blinks."""
    page.evaluate("document.fonts.ready.then(() => true)")
    page.screenshot(path=target, animations="disabled", caret="hide")


def settled(page: Page) -> None:
    """Wait until a case is there with everything that is loaded beside it."""
    expect(page.locator("#case-title")).to_be_visible()
    expect(page.get_by_text("This case so far").first).to_be_attached()


def reply(name: str, *, size: tuple[int, int] = WIDE, dark: bool = False) -> Callable[[Browser, Desk, Path], None]:
    """Give the picture of one e-mail with its drafted reply."""

    def picture(browser: Browser, desk: Desk, target: Path) -> None:
        path = f"/?checkpoint={replies.CHECKPOINT}&case={desk.replies[name]}"
        with page_of(browser, desk, "grace", path, size=size, dark=dark) as page:
            settled(page)
            expect(page.locator("mark").first).to_be_visible()
            take(page, target)

    return picture


def edit(browser: Browser, desk: Desk, target: Path) -> None:
    """An edit, with the difference to the draft."""
    path = f"/?checkpoint={replies.CHECKPOINT}&case={desk.replies['r03']}"
    with page_of(browser, desk, "grace", path, size=TALL) as page:
        settled(page)
        page.keyboard.press("e")
        field = page.get_by_role("textbox", name="Refund")
        field.fill("64.90")
        body = page.get_by_role("textbox", name="Body")
        body.fill(body.input_value().replace("69.40", "64.90"))
        take(page, target)


def labels(browser: Browser, desk: Desk, target: Path) -> None:
    """A queue of categories, on a case that has others like it."""
    queue = f"checkpoint={support.CHECKPOINT}"
    with page_of(browser, desk, "grace", f"/?{queue}") as page:
        waiting = page.request.get(f"/api/v1/queue?{queue}&limit=40").json()["items"]
        alike = [len(page.request.get(f"/api/v1/cases/{each['id']}/similar").json()["items"]) for each in waiting]
        found = waiting[alike.index(max(alike))]["id"]
        page.goto(f"/?{queue}&case={found}")
        settled(page)
        if max(alike):
            expect(page.get_by_text("Similar cases").first).to_be_visible()
        take(page, target)


def lead(browser: Browser, desk: Desk, target: Path) -> None:
    """What a lead sees."""
    with page_of(browser, desk, "grace", "/people") as page:
        expect(page.get_by_role("region", name="Everybody")).to_be_visible()
        take(page, target)


def sign_in(browser: Browser, desk: Desk, target: Path) -> None:
    """The way in."""
    with page_of(browser, desk, None, "/", size=(640, 400)) as page:
        expect(page.get_by_label("Password", exact=True)).to_be_visible()
        take(page, target)


PICTURES: dict[str, Callable[[Browser, Desk, Path], None]] = {
    "inbox.png": reply("r03"),
    "inbox-dark.png": reply("r03", dark=True),
    "inbox-phone.png": reply("r03", size=PHONE),
    "edit.png": edit,
    "labels.png": labels,
    "lead.png": lead,
    "sign-in.png": sign_in,
}


if __name__ == "__main__":
    main()
