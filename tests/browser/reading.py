"""What a reviewer sees of the inbox, as locators; and the moment from which a key counts."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

_SETTLED = """
    async (ms) => {
        const frame = () => new Promise((next) => requestAnimationFrame(next));
        await frame();
        await frame();
        for (;;) {
            await new Promise((next) => setTimeout(next, 10));
            const painted = performance.getEntriesByName("case-painted").at(-1);
            if (painted && performance.now() - painted.startTime > ms) return;
        }
    }
"""


_LIFTED = "() => new Promise((next) => setTimeout(next, 60))"


def heading(page: Page) -> Locator:
    """The title of the case on screen."""
    return page.locator("#case-title")


def row(page: Page, title: str) -> Locator:
    """A case in the list of what waits."""
    return page.get_by_role("listbox", name="Waiting cases").get_by_role("option").filter(has_text=title)


def said(page: Page) -> Locator:
    """What the bar says of the last thing done."""
    return page.locator(".inbox-bar-said > [role=status]")


def reading(page: Page, title: str, *, for_ms: int = 260) -> Page:
    """Wait until a case has been on screen for as long as a verdict key asks for, or longer."""
    expect(heading(page)).to_have_text(title)
    page.evaluate(_SETTLED, for_ms)
    return page


def press(page: Page, *keys: str) -> None:
    """Press some keys, one after the other."""
    for key in keys:
        page.keyboard.press(key)


def push(button: Locator) -> None:
    """Press Enter on a button or link, anew as in `again`."""
    button.page.evaluate(_LIFTED)
    button.press("Enter")


def again(page: Page, key: str) -> None:
    """Press a key anew that was pressed before; the page takes one that comes back sooner for a held one."""
    page.evaluate(_LIFTED)
    page.keyboard.press(key)
