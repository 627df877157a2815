"""Every screen and state of the inbox can be used by everybody: axe, narrow windows, zoom, spacing, motion, touch."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from signoff import Material
from tests.browser.conftest import NARROW, WIDE, BrowserDesk
from tests.browser.sight import press, row, see

Visit = Callable[..., Page]
Axe = Callable[[Page], None]

ZOOMED = (720, 450)
"""1440 x 900 at 200 %."""

PICTURE = "data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw=="
MAIL = (
    "From: Ada <ada@example.com>\r\nTo: desk@example.com\r\nSubject: Charged twice\r\nMIME-Version: 1.0\r\n"
    'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n'
    '<p>I was <b>charged</b> twice.</p><img src="https://shop.example.com/k.jpg" alt="bill" width="90" height="90">\r\n'
    "--b\r\nContent-Type: application/pdf; name=bill.pdf\r\n\r\nJVBERi0x\r\n--b--\r\n"
)
EVIDENCE = {
    "mail": Material(MAIL, "message/rfc822"),
    "page": Material("<h1>Order</h1><p>Paid twice</p>", "text/html"),
    "notes": Material("# Notes\n\n- one\n- **two**\n\n| a | b |\n|---|---|\n| 1 | 2 |", "text/markdown"),
    "rows": [{"order": "A-1", "cents": 4000}, {"order": "A-2", "cents": 12}],
    "csv": Material("order,cents\nA-1,4000\n", "text/csv"),
    "tree": {"order": {"lines": [{"sku": "x", "count": 2}]}},
    "fields": {"order": "A-1", "paid": True},
    "text": "I was charged twice in October.\u202e" + " More words." * 200,
    "picture": Material(PICTURE, "image/gif"),
    "place": Material(
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "properties": {"name": "Depot"},
                    "geometry": {"type": "Point", "coordinates": [13.4, 52.5]},
                }
            ],
        },
        "application/geo+json",
    ),
}


@pytest.fixture
def desk(shared_desk: BrowserDesk) -> BrowserDesk:
    shared_desk.clear()
    return shared_desk


def fits(page: Page) -> None:
    """The page itself never scrolls sideways."""
    assert page.evaluate("document.documentElement.scrollWidth") <= page.evaluate("innerWidth")


def answered(page: Page, key: str, shown: Locator) -> None:
    """Press a key until it is answered: one that is pressed just as a dialog closes may go to the dialog still."""
    for _ in range(3):
        page.keyboard.press(key)
        with contextlib.suppress(AssertionError):
            expect(shown).to_be_attached(timeout=1_500)
            return
    expect(shown, f"after {key}").to_be_attached()


def states(desk: BrowserDesk, page: Page) -> Iterator[str]:
    """Walk through every screen and state, one after the other, on one page."""
    evident = desk.reply(evidence=EVIDENCE, rationale="The order shows it.")
    second = desk.reply("Dear Ada, forty.", subject="Second")
    third, fourth = desk.reply(subject="Third"), desk.reply(subject="Fourth")
    final = desk.refund()
    routed = desk.route("Where is my order?")
    taken = desk.reply(subject="Taken")
    desk.app.reviewer("ada").claim_case(taken.id)

    def at(path: str, case: str | None = None) -> None:
        page.goto(path)
        if case:
            see(page, case)

    at(f"/?case={evident.id}", evident.id)
    expect(page.locator("iframe.evidence-frame").first).to_be_visible()
    folded = page.locator(".evidence-section h3 button[aria-expanded=false]")
    while folded.count():
        folded.first.click()
    yield "evidence of each type"
    at(f"/?checkpoint=route&case={routed.id}", routed.id)
    yield "label queue"
    at(f"/?case={second.id}&edit=1", second.id)
    text = page.get_by_label("Text", exact=True)
    text.fill("Dear Ada, fifty.")
    expect(page.locator("ins").first).to_be_attached()
    yield "edit"
    page.get_by_label("Refund cents").fill("many")
    yield "edit with a problem"
    page.keyboard.press("Escape")
    expect(page.get_by_text("There is an edit of yours")).to_be_visible()
    yield "an edit that was not sent"
    press(page, second, "r")
    expect(page.get_by_role("group", name="Why was it rejected? Optional")).to_be_visible()
    yield "rejected, with reasons"
    at(f"/?case={final.id}", final.id)
    press(page, final, "a")
    expect(page.get_by_role("alertdialog")).to_be_visible()
    yield "confirm"
    at(f"/?case={taken.id}", taken.id)
    expect(page.get_by_text("has this case")).to_be_visible()
    yield "claimed by another"
    at(f"/?case={third.id}", third.id)
    for key, name in (
        ("s", "snooze"),
        ("f", "hand over"),
        ("Shift+R", "another draft"),
        ("?", "help"),
        ("Control+k", "palette"),
    ):
        expect(page.get_by_role("group", name="Verdict").get_by_role("button", name="Edit")).to_be_enabled()
        answered(page, key, page.locator("dialog[open]"))
        yield name
        page.keyboard.press("Escape")
        expect(page.locator("dialog[open]")).to_have_count(0)
    for count, (case, following) in enumerate(((third, fourth), (fourth, final)), start=1):
        see(page, case)
        answered(page, "x", page.get_by_text(f"{count} selected"))
        answered(page, "j", page.locator(f'#case-title[data-case-id="{following.id}"]'))
    page.keyboard.press("b")
    expect(page.locator(".batch, [class^=batch]").first).to_be_visible()
    yield "batch"
    at("/?text=nothing-like-this")
    expect(page.get_by_text("Nothing found").and_(page.locator(":visible")).first).to_be_visible()
    yield "nothing found"
    page.route(re.compile(r"/api/v1/queue"), lambda route: route.fulfill(status=500, json={"detail": "Rows differ."}))
    at("/?text=failing")
    expect(page.get_by_text("The queue could not be read").and_(page.locator(":visible")).first).to_be_visible()
    yield "error"
    page.unroute_all()
    for path, shown in (
        (f"/cases/{second.id}", "Second"),
        ("/cases/unknown", "unknown"),
        ("/done", "Second"),
        ("/people", "ada"),
        ("/ledger", "grace"),
        ("/keys", "Approve"),
    ):
        at(path)
        expect(page.locator("main").get_by_text(shown).and_(page.locator(":visible")).first).to_be_visible()
        yield path
    page.context.clear_cookies()
    page.get_by_role("link", name="Everything").or_(page.locator("body")).first.evaluate(
        "() => dispatchEvent(new Event('online'))"
    )
    expect(page.get_by_role("dialog", name="You are signed out")).to_be_visible()
    yield "signed out"
    at("/")
    expect(page.get_by_label("Account")).to_be_visible()
    yield "sign in"


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_in_any_state(
    desk: BrowserDesk, visit: Visit, axe: Axe, size: tuple[int, int], dark: bool
) -> None:
    page = visit("grace", "/keys", size=size, dark=dark, allowed=("status of 40", "status of 500"))
    found: dict[str, str] = {}
    for name in states(desk, page):
        if os.environ.get("SIGNOFF_LOOK"):
            shot = re.sub("[^a-z0-9]+", "-", name.lower())
            page.screenshot(
                path=f"{os.environ['SIGNOFF_LOOK']}/states-{'dark' if dark else 'light'}-{size[0]}-{shot}.png"
            )
        for check in (axe, fits):
            try:
                check(page)
            except AssertionError as error:
                found[f"{name}: {check.__name__}"] = str(error)
    assert "\n".join(f"{where}: {what[:700]}" for where, what in found.items()) == ""


def test_nothing_is_cut_off_at_200_per_cent(desk: BrowserDesk, visit: Visit) -> None:
    page = visit("grace", "/keys", size=ZOOMED, allowed=("status of 40", "status of 500"))
    found = []
    for name in states(desk, page):
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found.append(name)
    assert found == []


def test_wider_spacing_cuts_nothing_off(desk: BrowserDesk, visit: Visit) -> None:
    """WCAG 1.4.12, on the inbox and the case's page."""
    case = desk.reply(evidence=EVIDENCE)
    page = visit("grace", "/")
    see(page, case)
    for path in ("/", f"/cases/{case.id}"):
        page.goto(path)
        expect(page.get_by_role("heading", name="Charged twice").first).to_be_visible()
        page.evaluate(
            """() => {
                const sheet = new CSSStyleSheet();
                sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important;
                    word-spacing: 0.16em !important } p { margin-bottom: 2em !important }`);
                document.adoptedStyleSheets.push(sheet);
            }"""
        )
        fits(page)
        cut = page.evaluate(
            """() => [...document.querySelectorAll("button, h1, h2, h3, label, [role=status], .notice, .inbox-bar *")]
                .filter((each) => each.offsetParent && getComputedStyle(each).textOverflow !== "ellipsis")
                .filter((each) => ["hidden", "clip"].includes(getComputedStyle(each).overflowX))
                .filter((each) => !each.closest(".visually-hidden"))
                .filter((each) => each.scrollWidth > each.clientWidth + 1 || each.scrollHeight > each.clientHeight + 1)
                .map((each) => each.outerHTML.slice(0, 120))"""
        )
        assert cut == []


def test_nothing_moves_for_who_wants_it_so(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply()
    page = visit("grace", reduced_motion="reduce")
    see(page, case)
    page.keyboard.press("?")
    expect(page.locator("dialog[open]")).to_be_visible()
    moving = """() => [...document.querySelectorAll("*")].filter((each) => {
        const { transitionDuration, animationDuration, animationName } = getComputedStyle(each);
        const long = (all) => all.split(",").some((one) => parseFloat(one) > 0.001);
        return long(transitionDuration) || (animationName !== "none" && long(animationDuration));
    }).map((each) => each.className)"""
    assert page.evaluate(moving) == []


def test_thumbs_hit_what_they_are_for(desk: BrowserDesk, visit: Visit) -> None:
    case, after = desk.reply(), desk.reply(subject="After")
    page = visit("grace", size=NARROW, has_touch=True)
    row(page, case).tap()
    see(page, case)
    for name in ("Approve", "Edit", "Reject"):
        box = page.get_by_role("group", name="Verdict").get_by_role("button", name=name).bounding_box()
        assert box is not None
        assert box["height"] >= 48
        assert box["y"] + box["height"] <= NARROW[1]
    page.get_by_role("button", name="Approve").tap()
    see(page, after)
    expect(page.get_by_text("Approved: Charged twice")).to_be_visible()
