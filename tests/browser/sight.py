"""What a person sees of the inbox, and waits for before they press a key."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from signoff import CaseHandle
from tests.browser.conftest import BrowserDesk

MEANT = """(id) => new Promise((seen) => {
    const look = () => {
        const painted = performance.getEntriesByName("case-painted").at(-1);
        const there = document.querySelector("#case-title")?.dataset.caseId === id && painted?.detail.startsWith(id);
        if (there && performance.now() - painted.startTime > 260) seen();
        else setTimeout(look, 10);
    };
    look();
})"""
"""A verdict's key counts once a case was on screen for 250 ms; this waits for that, by the page's own word."""


def see(page: Page, case: CaseHandle | str) -> None:
    """Wait until a case is on screen, and a key that rules is meant for it."""
    id = case if isinstance(case, str) else case.id
    expect(page.locator(f'#case-title[data-case-id="{id}"]')).to_be_visible()
    page.evaluate(MEANT, id)


def row(page: Page, case: CaseHandle | str) -> Locator:
    """Give a case's line in the list."""
    id = case if isinstance(case, str) else case.id
    return page.locator(f'[id="row-{id}"]')


def press(page: Page, case: CaseHandle | str, key: str) -> None:
    """Press a key once a case is on screen for it."""
    see(page, case)
    page.keyboard.press(key)


def hide(page: Page, *, hidden: bool) -> None:
    """Have the page hidden as a tab behind another is; a browser without a screen hides none by itself."""
    state = "hidden" if hidden else "visible"
    page.evaluate(
        """(state) => {
            Object.defineProperty(document, "visibilityState", {value: state, configurable: true});
            Object.defineProperty(document, "hidden", {value: state === "hidden", configurable: true});
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def claimed(page: Page, desk: BrowserDesk, *cases: CaseHandle, by: str = "grace") -> None:
    """Wait until a page has claims on cases; one that is on its way still would come after whatever is done next."""
    while any(desk.app.case(case.id).seen.claimed_by != by for case in cases):
        page.wait_for_timeout(20)
