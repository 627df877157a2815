"""Looking changes nothing, nobody can frame or script the inbox, and each address shows what it showed before."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, Request, expect

from signoff.domain.entry import EntryKind
from signoff.server.access import COOKIE
from tests.browser.conftest import BrowserDesk
from tests.browser.sight import press, row, see

Visit = Callable[..., Page]

BY_ITSELF = ("/claims", "/claims/renew", "/claims/release", "/me/presence")
"""What the page's script sends without a person's doing: who looks at what."""


@pytest.fixture
def desk(shared_desk: BrowserDesk) -> BrowserDesk:
    shared_desk.clear()
    return shared_desk


def test_looking_at_everything_decides_nothing(desk: BrowserDesk, visit: Visit) -> None:
    waiting = [desk.reply(), desk.refund(), desk.route("Where is it?"), desk.store({"a": 1})]
    held = desk.app.reviewer("grace").approve(desk.reply(subject="Held"))
    rejected = desk.app.reviewer("ada").reject(desk.reply(subject="No"))
    before = {case.id: case.state for case in desk.app.cases(limit=100)}
    acts = entries(desk)
    page = visit("grace", "/keys", allowed=("status of 404",))
    sent: list[str] = []

    def heard(request: Request) -> None:
        if request.method != "GET":
            sent.append(urlsplit(request.url).path.removeprefix("/api/v1"))

    page.on("request", heard)
    seen: set[str] = set()
    to_see = ["/", "/done", "/people", "/ledger", "/keys", "/cases/unknown"]
    to_see += [f"/cases/{case.id}" for case in (*waiting, held, rejected)]
    to_see += [f"/?case={case.id}{edit}" for case in (*waiting, held) for edit in ("", "&edit=1")]
    while to_see:
        path = to_see.pop(0)
        if path in seen or len(seen) > 60:
            continue
        seen.add(path)
        page.goto(path)
        expect(page.locator("main")).not_to_be_empty()
        expect(page.get_by_text(re.compile("^Loading"))).to_have_count(0)
        links: list[str] = page.evaluate("[...document.links].map((link) => link.href)")
        for link in links:
            if link.startswith(desk.url) and "#" not in link:
                to_see.append(link.removeprefix(desk.url))
    page.goto("about:blank")
    assert len(seen) > 20
    assert set(sent) <= set(BY_ITSELF)
    assert {case.id: case.state for case in desk.app.cases(limit=100)} == before
    assert entries(desk) == acts


def entries(desk: BrowserDesk) -> list[str]:
    """Everything on the ledger but who looks at what."""
    told = desk.app.store.read(lambda tx: tx.ledger(after_seq=0, limit=100_000))
    return [f"{entry.seq} {entry.act}" for entry in told if entry.kind not in (EntryKind.CLAIM, EntryKind.ACCOUNT)]


def test_no_address_of_the_api_decides_by_get(desk: BrowserDesk, visit: Visit) -> None:
    """As mail scanners, prefetching browsers and `<img>` follow links: with the session's cookie."""
    case = desk.reply()
    page = visit("grace", "/keys")
    acts = entries(desk)
    posts = [
        path.replace("{case_id}", case.id)
        for path, verbs in page.request.get("/api/openapi.json").json()["paths"].items()
        if "post" in verbs
    ]
    assert len(posts) > 15
    for path in posts:
        assert page.request.get(path).status in (200, 404, 405), path
    assert entries(desk) == acts
    assert desk.app.view(case.id).case.state.value == "waiting"


def test_the_policy_of_the_page_is_strict_and_nobody_may_frame_it(desk: BrowserDesk, visit: Visit) -> None:
    page = visit("grace", "/keys", allowed=("frame", "ERR_BLOCKED", "chrome-error", "asked somebody else: chrome"))
    for path in ("/", "/done", "/people", "/ledger", "/keys", "/cases/x"):
        headers = page.request.get(path).headers
        policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
        assert "unsafe" not in headers["content-security-policy"]
        assert (policy["default-src"], policy["script-src"]) == ("'none'", "'self'")
        assert (policy["base-uri"], policy["frame-ancestors"]) == ("'none'", "'none'")
        assert (headers["x-frame-options"], headers["x-content-type-options"]) == ("DENY", "nosniff")
        assert headers["referrer-policy"] == "same-origin"
    framed = page.evaluate(
        """() => new Promise((told) => {
            const frame = document.createElement("iframe");
            frame.onload = () => told(frame.contentDocument?.title ?? "nothing");
            frame.src = "/";
            document.body.append(frame);
        })"""
    )
    assert framed == "nothing"
    [cookie] = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (COOKIE, True, "Strict", "/")
    assert page.evaluate("document.cookie") == ""


def test_the_cookie_of_a_sign_in_is_no_scripts_business(desk: BrowserDesk, visit: Visit) -> None:
    page = visit(None, "/", allowed=("status of 401",))
    page.get_by_label("Account").fill("grace")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    [cookie] = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == (COOKIE, True, "Strict")


@pytest.mark.parametrize("id", ["unknown", "01a1fef3-6d9e-7050-a8d5-73969ba84a38", "a%25b", "🦆", "%"])
def test_a_case_that_is_not_there_says_so(desk: BrowserDesk, visit: Visit, id: str) -> None:
    page = visit("grace", f"/cases/{id}", allowed=("status of 404", "status of 422", "status of 400"))
    expect(
        page.locator("main").get_by_role("alert").or_(page.locator("main").get_by_role("heading")).first
    ).to_be_visible()
    expect(page.get_by_role("navigation")).to_be_visible()
    page.goto(f"/?case={id}")
    expect(page.get_by_role("heading", name="This case cannot be shown")).to_be_visible()


def test_each_address_shows_what_it_showed_before(desk: BrowserDesk, visit: Visit) -> None:
    desk.reply(subject="First")
    second = desk.reply(subject="Second")
    desk.route("Where is it?")
    page = visit("grace", "/")
    expect(page.get_by_role("option")).to_have_count(3)
    page.get_by_role("link", name="Reply").click()
    expect(page.get_by_role("option")).to_have_count(2)
    row(page, second).click()
    see(page, second)
    expect(page).to_have_url(re.compile(f"checkpoint=reply&case={second.id}$"))
    page.keyboard.press("e")
    expect(page.get_by_label("Subject", exact=True)).to_have_value("Second")
    expect(page).to_have_url(re.compile("edit=1$"))
    page.reload()
    expect(page.get_by_label("Subject", exact=True)).to_have_value("Second")
    expect(page.get_by_role("heading", name="Reply")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("Second")
    page.keyboard.press("Enter")
    expect(page.get_by_role("option")).to_have_count(1)
    expect(page).to_have_url(re.compile("text=Second"))
    page.reload()
    expect(page.get_by_role("option")).to_have_count(1)
    expect(page.get_by_role("searchbox")).to_have_value("Second")
    page.go_back()
    expect(page.get_by_role("option")).to_have_count(2)
    press(page, second, "o")
    expect(page).to_have_url(f"{desk.url}/cases/{second.id}")
    page.go_back()
    see(page, second)
