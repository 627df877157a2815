"""The inbox opens in a real browser, under its own policy, for whoever may see it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect

from signoff.server.access import COOKIE
from tests.browser.conftest import NARROW, WIDE, BrowserDesk, Watch
from tests.web.conftest import PASSWORD

Visit = Callable[..., Page]


def test_the_inbox_opens_without_a_complaint(desk: BrowserDesk, visit: Visit) -> None:
    desk.reply()
    page = visit("grace")
    expect(page.get_by_role("option", name="Charged twice")).to_be_visible()
    expect(page.get_by_role("heading", name="Charged twice")).to_be_visible()
    expect(page).to_have_title(re.compile("Signoff"))


def test_what_the_first_case_needs_is_asked_for_once(desk: BrowserDesk, visit: Visit) -> None:
    case, other = desk.reply(), desk.reply(subject="Other")
    page = visit("grace")
    expect(page.get_by_role("heading", name="Charged twice")).to_be_visible()
    page.wait_for_function("performance.getEntriesByName('case-painted').length > 0")
    asked = page.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
    paths = [each.removeprefix(f"{desk.url}/api/v1/") for each in asked if "/api/v1/" in each]
    # The browser learns of both from the answer with the page; another question than that would be a second one.
    assert [path for path in paths if path == "me" or path.startswith("queue")] == [
        "me",
        "queue?limit=50&with_first=true",
    ]
    assert f"cases/{case.id}" not in paths
    page = visit("grace", f"/?case={other.id}")
    expect(page.get_by_role("heading", name="Other")).to_be_visible()
    asked = page.evaluate("performance.getEntriesByType('resource').map(each => each.name)")
    assert sum(each.endswith(f"/cases/{other.id}") for each in asked) == 1


def test_its_policy_holds_in_the_browser(desk: BrowserDesk, visit: Visit) -> None:
    page = visit("grace", allowed=("script-src", "Content Security Policy"))
    breach = page.evaluate(
        """() => new Promise((told) => {
            document.addEventListener("securitypolicyviolation", (breach) => told(breach.violatedDirective));
            const script = document.createElement("script");
            script.textContent = "window.got_in = true";
            document.head.append(script);
        })"""
    )
    assert breach == "script-src-elem"
    assert page.evaluate("window.got_in") is None


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("() => console.warn('careful')", "console warning: careful"),
        ("() => console.error('broken')", "console error: broken"),
        ("() => { setTimeout(() => { throw new Error('lost') }) }", "exception: lost"),
        ("() => { fetch('https://example.com/').catch(() => 0) }", "connect-src"),
        ("() => { document.body.setAttribute('style', 'color: red') }", "style-src"),
        ("() => { location.port = '9'; }", "asked somebody else: http://127.0.0.1:9/"),
    ],
)
def test_what_a_page_complains_of_is_noticed(desk: BrowserDesk, browser: Browser, script: str, complaint: str) -> None:
    with browser.new_context(base_url=desk.url) as context:
        watch = Watch(desk.url, ("status of 401",))
        watch.on(context)
        page = context.new_page()
        page.goto("/")
        assert watch.complaints == []
        page.evaluate(script)
        while not watch.complaints:
            page.wait_for_timeout(20)
        assert complaint in watch.complaints[0]


def test_the_printed_link_lets_one_person_in(start_desk: Callable[..., BrowserDesk], visit: Visit) -> None:
    desk = start_desk()
    assert desk.server.link_token is not None
    page = visit(None, f"/?token={desk.server.link_token}", at=desk)
    expect(page.get_by_role("navigation")).to_be_visible()
    expect(page).to_have_url(f"{desk.url}/")
    [cookie] = page.context.cookies()
    assert (cookie["name"], cookie["httpOnly"], cookie["sameSite"]) == (COOKIE, True, "Strict")


def test_somebody_without_a_session_signs_in_with_a_password(desk: BrowserDesk, visit: Visit) -> None:
    desk.reply()
    # Being asked who one is goes over the console as the 401 it is.
    page = visit(None, "/?checkpoint=reply", allowed=("status of 401",))
    page.get_by_label("Account").fill("grace")
    page.get_by_label("Password", exact=True).fill("wrong horse battery")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("option", name="Charged twice")).to_be_visible()
    expect(page).to_have_url(re.compile(r"checkpoint=reply"))


@pytest.mark.parametrize("size", [WIDE, NARROW])
@pytest.mark.parametrize("dark", [False, True])
def test_axe_finds_nothing_on_a_queue_just_opened(
    desk: BrowserDesk, visit: Visit, axe: Callable[[Page], None], size: tuple[int, int], dark: bool
) -> None:
    desk.reply()
    page = visit("grace", size=size, dark=dark)
    expect(page.get_by_role("option", name="Charged twice")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    axe(page)


def test_these_tests_are_not_left_out_in_ci(chromium_path: str) -> None:
    assert os.access(chromium_path, os.X_OK)
