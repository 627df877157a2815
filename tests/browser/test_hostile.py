"""Evidence and AI output that mean harm, or are only very large: shown for what they are, and nothing runs or loads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from signoff import Material
from tests.browser.conftest import BrowserDesk
from tests.browser.sight import press, row, see

Visit = Callable[..., Page]

OUTSIDE = "https://tracker.example.net/t"
RUN = "globalThis.hurt=(globalThis.hurt||0)+1;top.hurt=1;fetch('" + OUTSIDE + "')"
HOSTILE = "\n".join(
    (
        f"<script>{RUN}</script>",
        f'<img src="x" onerror="{RUN}"><img src="{OUTSIDE}1.gif" width="1" height="1">',
        f'<svg onload="{RUN}"><image href="{OUTSIDE}2.svg"/><use href="{OUTSIDE}3.svg#a"/></svg>',
        f'<a href="javascript:{RUN}">click me</a><a href="data:text/html,<script>{RUN}</script>">or me</a>',
        f'<div style="background:url({OUTSIDE}4.png)" background="{OUTSIDE}5.png" onmouseover="{RUN}">over</div>',
        f'<table background="{OUTSIDE}6.png"><tr><td background="{OUTSIDE}7.png">cell</td></tr></table>',
        f"<style>@import url({OUTSIDE}8.css); body {{ background: url({OUTSIDE}9.png) }}</style>",
        f'<meta http-equiv="refresh" content="0;url={OUTSIDE}10"><link rel="preload" href="{OUTSIDE}11.png">',
        f'<link rel="stylesheet" href="{OUTSIDE}12.css"><base href="{OUTSIDE}/"><iframe src="{OUTSIDE}13"></iframe>',
        f'<video poster="{OUTSIDE}14.png" src="{OUTSIDE}15.mp4" autoplay></video><object data="{OUTSIDE}16"></object>',
        f'<form action="{OUTSIDE}17"><input autofocus onfocus="{RUN}"><button>Approve</button></form>',
        f'<picture><source srcset="{OUTSIDE}18.png"><img srcset="{OUTSIDE}19.png 1x" alt="a"></picture>',
        f'<details open ontoggle="{RUN}">open</details><marquee onstart="{RUN}">m</marquee>',
        "<p>The rest is text.</p>",
    )
)
HIDDEN = "pay \u202etxt.exe\u202c to\u200b eve\u2066 now\U000e0041\U000e0042 a\u00adb"


@pytest.fixture
def desk(shared_desk: BrowserDesk) -> BrowserDesk:
    shared_desk.clear()
    return shared_desk


@pytest.fixture
def unhurt(visit: Visit) -> Callable[..., Page]:
    """Open pages that must run nothing and ask nobody; asked requests are listed in `page.context.asked`."""

    def open_page(person: str, path: str = "/", **more: Any) -> Page:
        page = visit(person, path, **more)
        page.on("dialog", lambda dialog: pytest.fail(f"something ran: {dialog.message}"))
        return page

    return open_page


def safe(page: Page) -> None:
    """Nothing ran, in the page or in a frame of it."""
    assert page.evaluate("globalThis.hurt ?? null") is None
    for frame in page.frames:
        assert frame.evaluate("document.scripts.length") == 0 or frame == page.main_frame
    # What asked somebody else, and what the policy had to stop, is a complaint that fails the test afterwards.
    assert page.evaluate("document.querySelectorAll('[style*=url], [onerror], [onload], [onclick]').length") == 0


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "text/html",
        "text/markdown",
        "text/csv",
        "application/json",
        "image/svg+xml",
        "message/rfc822",
        "x/y",
    ],
)
def test_nothing_in_evidence_runs_or_loads(desk: BrowserDesk, unhurt: Visit, media_type: str) -> None:
    value: Any = HOSTILE
    if media_type == "message/rfc822":
        value = f"From: {OUTSIDE}\r\nSubject: <script>{RUN}</script>\r\nContent-Type: text/html\r\n\r\n{HOSTILE}"
    elif media_type == "application/json":
        value = {HOSTILE: [HOSTILE, {"__proto__": HOSTILE, "constructor": HOSTILE}]}
    case = desk.reply(evidence={"<img src=x onerror=alert(1)>": Material(value, media_type)})
    page = unhurt("grace")
    see(page, case)
    for name in ("Source", "HTML", "Text"):
        for way in page.get_by_role("radio", name=name).all():
            way.check()
            safe(page)
    if media_type in ("text/html", "message/rfc822"):
        framed = page.frame_locator("iframe.evidence-frame")
        if page.get_by_role("radio", name="HTML").count():
            page.get_by_role("radio", name="HTML").check()
        expect(framed.get_by_text("The rest is text.")).to_be_visible()
    else:
        expect(page.locator(".inbox-source")).to_contain_text("The rest is text.")
    safe(page)
    # The keys are still the page's.
    page.locator("h1").click()
    page.keyboard.press("r")
    expect(page.get_by_text("Rejected. Why?")).to_be_visible()
    expect(page).to_have_url(re.compile(re.escape(desk.url)))


def test_nothing_the_ai_says_runs_or_loads(desk: BrowserDesk, unhurt: Visit) -> None:
    case = desk.reply(HOSTILE, subject=HOSTILE[:300], rationale=HOSTILE, key=HOSTILE[:150])
    page = unhurt("grace")
    see(page, case)
    expect(page.get_by_label("What the AI proposes").get_by_text("The rest is text.").first).to_be_visible()
    safe(page)
    press(page, case, "e")
    expect(page.get_by_label("Text", exact=True)).to_have_value(HOSTILE)
    safe(page)
    page.keyboard.press("Escape")
    for path in (f"/cases/{case.id}", "/ledger", "/people", "/done?state=waiting"):
        page.goto(path)
        expect(page.locator("main")).to_be_visible()
        expect(page.locator("[role=status]").filter(has_text="Loading")).to_have_count(0)
        safe(page)


def test_a_mails_html_is_framed_and_its_pictures_wait_to_be_asked_for(desk: BrowserDesk, visit: Visit) -> None:
    mail = (
        "From: Eve <eve@example.com>\r\nTo: desk@example.com\r\nSubject: Offer\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/html; charset=utf-8\r\n\r\n"
        f'<p>Look.</p><img src="{OUTSIDE}.png" alt="our shop" width="200" height="100"><script>{RUN}</script>'
    )
    case = desk.reply(evidence={"mail": Material(mail, "message/rfc822")})
    page = visit("grace", allowed=("asked somebody else: https://tracker",))
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(
            content_type="image/svg+xml", body='<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
        )

    page.context.route(re.compile("tracker.example.net"), answer)
    see(page, case)
    if page.get_by_role("radio", name="HTML").count():
        page.get_by_role("radio", name="HTML").check()
    frame = page.locator("iframe.evidence-frame")
    inside = page.frame_locator("iframe.evidence-frame")
    expect(inside.get_by_text("Look.")).to_be_visible()
    assert asked == []
    sandbox = (frame.get_attribute("sandbox") or "").split()
    assert "allow-scripts" not in sandbox
    assert "allow-same-origin" not in sandbox
    # A frame without an origin of its own reads nothing of the page, nor the page of it.
    assert page.evaluate("document.querySelector('iframe.evidence-frame').contentDocument") is None
    policy = page.request.get(frame.get_attribute("src") or "").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script-src" not in policy
    expect(page.get_by_text("Images are not loaded")).to_be_visible()
    with page.expect_response(re.compile("tracker.example.net")):
        page.get_by_role("button", name="Show images (1)").click()
    expect(page.get_by_text("Images are not loaded")).to_be_hidden()
    expect(inside.get_by_alt_text("our shop")).to_be_visible()
    assert asked == [f"{OUTSIDE}.png"]
    assert page.evaluate("globalThis.hurt ?? null") is None


def test_hidden_characters_are_seen_and_copied_unaltered(desk: BrowserDesk, unhurt: Visit) -> None:
    case = desk.reply(HIDDEN, subject=HIDDEN, evidence={"note": HIDDEN, HIDDEN: "named so"})
    page = unhurt("grace")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=desk.url)
    see(page, case)
    # A title is made once by the server, without any of them.
    expect(page.locator("h1")).to_have_text("pay txt.exe to eve now ab")
    for part in (page.locator(".inbox-source"), page.locator(".inbox-proposal")):
        for name in ("right-to-left override", "zero-width space", "left-to-right isolate", "soft hyphen"):
            expect(part.get_by_role("img", name=name).first).to_be_visible()
        expect(part.get_by_role("img", name=re.compile("tag", re.IGNORECASE)).first).to_be_visible()
    page.get_by_role("button", name="Copy Note").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == HIDDEN
    press(page, case, "e")
    expect(page.get_by_label("Text", exact=True)).to_have_value(HIDDEN)


def nested(levels: int) -> Any:
    value: Any = "the end"
    for _ in range(levels):
        value = {"in": value}
    return value


LARGE: dict[str, Any] = {
    "one long line": "x" * 1_000_000,
    "many lines": "a line of text\n" * 60_000,
    "rows": [{"nth": nth, "name": f"row {nth}", "mark": "🦆"} for nth in range(2_000)],
    "csv": Material("nth,name\n" + "".join(f"{nth},row {nth}\n" for nth in range(2_000)), "text/csv"),
    "deep": nested(60),
    "wide": {"nodes": list(range(100_000))},
    "bushy": {f"key {nth}": {"more": [nth] * 9} for nth in range(10_000)},
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈 e\u0301" * 2_000,
    "stacked": "Z" + "\u0301" * 20_000,
    "right to left": "שלום עולם, מה שלומך? " * 500,
    "markdown": Material("# " * 20_000 + "\n" + "[a](b)" * 5_000 + "\n> " * 2_000, "text/markdown"),
    "marks": "\u200b\u202e" * 100_000,
    "mail": Material(
        "From: a@example.com\r\n" + f"To: {'b@example.com, ' * 5_000}c@example.com\r\n\r\nHi", "message/rfc822"
    ),
}


@pytest.mark.parametrize("name", LARGE)
def test_large_evidence_leaves_the_keys_answered(desk: BrowserDesk, unhurt: Visit, name: str) -> None:
    case, after = desk.reply(evidence={"it": LARGE[name]}), desk.reply(subject="After")
    page = unhurt("grace")
    see(page, case)
    assert page.locator("*").count() < 6_000
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("a")
    see(page, after)
    expect(row(page, case)).to_contain_text("approved")


def test_a_large_proposal_is_drawn_and_ruled_on(desk: BrowserDesk, unhurt: Visit) -> None:
    case, after = desk.reply("word and more " * 70_000), desk.reply(subject="After")
    page = unhurt("grace")
    press(page, case, "a")
    see(page, after)
    expect(row(page, case)).to_contain_text("approved")


@pytest.mark.parametrize("team", ["__proto__", "constructor", "toString", "n" * 200, "<b>bold</b>", "\u202eevil", "🦆"])
def test_any_name_is_a_category(desk: BrowserDesk, unhurt: Visit, team: str) -> None:
    case = desk.route("Where is my order?", team=team)
    page = unhurt("grace", "/?checkpoint=route")
    see(page, case)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.keyboard.press("Enter")
    expect(row(page, case)).to_contain_text("undo for")
    assert desk.app.view(case.id).content.arguments["team"] == team


def test_what_no_form_can_draw_is_edited_as_checked_json(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.store({"steps": [1, {"then": [2]}], "__proto__": {"polluted": True}})
    page = visit("grace", allowed=("status of 422",))
    press(page, case, "e")
    field = page.get_by_label(re.compile("as JSON$"))
    written = json.loads(field.input_value())
    assert written == {"data": {"steps": [1, {"then": [2]}], "__proto__": {"polluted": True}}}
    for wrong, words in (
        ('{"steps": [1,]}', "line 1"),
        ('{"a": 1, "a": 2}', "twice"),
        ("[" * 70 + "]" * 70, "deep"),
        ('{"n": NaN}', "line 1"),
    ):
        field.fill(wrong)
        expect(page.locator(".edit")).to_contain_text(re.compile(words, re.IGNORECASE))
        page.keyboard.press("Control+Enter")
        expect(field).to_have_value(wrong)
    assert desk.app.history(case.id).verdicts == []
    field.fill('{"data": {"steps": [3]}}')
    expect(page.locator(".edit")).not_to_contain_text("put right the JSON")
    page.keyboard.press("Control+Enter")
    expect(row(page, case)).to_contain_text("approved as edited")
    expect(row(page, case)).to_contain_text("undo for")
    assert desk.app.view(case.id).content.arguments == {"data": {"steps": [3]}}
