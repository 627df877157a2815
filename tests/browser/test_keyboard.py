"""The whole flow by keyboard alone, proved on the screen and in the database."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import BrowserDesk
from tests.browser.reading import again, heading, press, reading, row, said
from tests.web.conftest import PASSWORD

Visit = Callable[..., Page]


@pytest.fixture
def desk(shared_desk: BrowserDesk) -> BrowserDesk:
    return shared_desk


def verdicts(desk: BrowserDesk, case_id: str) -> list[tuple[str, str, str | None]]:
    """The verdicts that stand: kind, reviewer and reason."""
    found = desk.app.history(case_id).verdicts
    return [(each.kind.value, each.reviewer, each.reason) for each in found if each.voided_at is None]


# --- coming in, and moving


def test_one_signs_in_and_moves_by_keyboard(desk: BrowserDesk, visit: Visit) -> None:
    _, second, _ = [desk.reply(subject=subject) for subject in ("First", "Second", "Third")]
    page = visit(None, allowed=("status of 401",))
    expect(page.get_by_label("Account")).to_be_focused()
    page.keyboard.type("grace")
    press(page, "Tab")
    page.keyboard.type(PASSWORD)
    press(page, "Enter")
    reading(page, "First")
    press(page, "j")
    expect(heading(page)).to_have_text("Second")
    press(page, "ArrowDown")
    expect(heading(page)).to_have_text("Third")
    press(page, "j")
    expect(heading(page)).to_have_text("Third")
    press(page, "k", "ArrowUp")
    expect(heading(page)).to_have_text("First")
    expect(row(page, "First")).to_have_attribute("aria-selected", "true")
    press(page, "j")
    expect(page).to_have_url(re.compile(rf"\?case={second.id}"))
    page.reload()
    expect(heading(page)).to_have_text("Second")


def test_keys_go_to_every_screen(desk: BrowserDesk, visit: Visit) -> None:
    desk.reply()
    page = visit("grace")
    expect(heading(page)).to_have_text("Charged twice")
    for key, title, path in (("d", "Decided", "/done"), ("p", "People", "/people"), ("l", "Ledger", "/ledger")):
        press(page, "g", key)
        expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()
        expect(page).to_have_url(f"{desk.url}{path}")
    press(page, "g", "i")
    expect(heading(page)).to_have_text("Charged twice")
    page.go_back()
    expect(page.get_by_role("heading", level=1, name="Ledger")).to_be_visible()


# --- verdicts


def test_an_approval_is_held_and_can_be_undone(desk: BrowserDesk, visit: Visit) -> None:
    first, second = desk.reply(subject="First"), desk.reply(subject="Second")
    page = reading(visit("grace"), "First")
    press(page, "a")
    expect(heading(page)).to_have_text("Second")
    expect(row(page, "First")).to_contain_text(re.compile(r"approved, undo for \d+ s"))
    expect(said(page)).to_have_text("Approved: First")
    assert desk.state(first) == "held"
    press(page, "u")
    expect(heading(page)).to_have_text("First")
    expect(said(page)).to_have_text("Taken back.")
    expect(row(page, "First")).not_to_contain_text("approved")
    assert desk.state(first) == "waiting"
    assert desk.acts(first) == ["rule", "recall"]
    assert desk.state(second) == "waiting"
    # It can be ruled on again.
    reading(page, "First")
    press(page, "r")
    expect(heading(page)).to_have_text("Second")
    expect(row(page, "First")).to_contain_text("rejected, undo for")
    assert verdicts(desk, first.id) == [("rejected", "grace", None)]


def test_an_approval_settles_and_its_effect_runs_once(desk: BrowserDesk, visit: Visit, posted: Path) -> None:
    case, other = desk.propose("post", text="All is well"), desk.propose("post", text="Not this one")
    page = reading(visit("grace"), "All is well")
    press(page, "a")
    expect(row(page, "All is well")).to_contain_text("approved, undo for")
    expect(row(page, "All is well")).to_contain_text(re.compile(r"approved$"), timeout=15_000)
    assert case.outcome(15).state.value == "done"
    assert posted.read_text().splitlines() == ["All is well"]
    [attempt] = desk.app.history(case.id).attempts
    assert attempt.receipt is not None
    press(page, "u")
    expect(said(page)).to_contain_text("Nothing can be taken back any more")
    assert desk.state(case) == "done"
    assert desk.state(other) == "waiting"


@pytest.fixture
def posted(desk: BrowserDesk, module_place: Path) -> Path:
    """The board that `post` writes on, empty."""
    place = Path(f"{module_place}.board")
    place.unlink(missing_ok=True)
    return place


def test_an_edit_is_typed_shown_kept_and_approved(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply(text="Dear Ada, we are sorry.", subject="First")
    desk.reply(subject="Second")
    page = reading(visit("grace"), "First")
    press(page, "e")
    text = page.get_by_label("Text", exact=True)
    expect(text).to_be_focused()
    press(page, "Control+End")
    page.keyboard.type(" It is paid back. a r j u")
    changes = page.get_by_role("region", name="Your changes")
    expect(changes.locator("ins")).to_contain_text("It is paid back. a r j u")
    # Esc leaves the form and keeps what was typed.
    press(page, "Escape")
    expect(text).to_be_hidden()
    expect(page.get_by_text("There is an edit of yours that was not sent.")).to_be_visible()
    press(page, "j", "k")
    reading(page, "First")
    press(page, "e")
    expect(text).to_have_value("Dear Ada, we are sorry. It is paid back. a r j u")
    # So does a reload.
    press(page, "Control+End")
    for _ in range(len(" a r j u")):
        press(page, "Backspace")
    page.reload()
    expect(text).to_have_value("Dear Ada, we are sorry. It is paid back.")
    assert desk.state(case) == "waiting"
    expect(text).to_be_focused()
    press(page, "Control+Enter")
    expect(heading(page)).to_have_text("Second")
    expect(row(page, "First")).to_contain_text("approved as edited, undo for")
    assert verdicts(desk, case.id) == [("edited", "grace", None)]
    arguments = desk.app.view(case).content.arguments
    assert arguments == {
        "to": "ada@example.com",
        "subject": "First",
        "text": "Dear Ada, we are sorry. It is paid back.",
        "refund_cents": 4000,
    }
    # Undone, the case is back with the edit.
    press(page, "u")
    expect(heading(page)).to_have_text("First")
    expect(page.get_by_text("There is an edit of yours that was not sent.")).to_be_visible()
    press(page, "e")
    expect(text).to_have_value("Dear Ada, we are sorry. It is paid back.")
    assert desk.state(case) == "waiting"


def test_a_rejection_takes_a_reason_by_digit(desk: BrowserDesk, visit: Visit) -> None:
    first, second = desk.reply(subject="First"), desk.reply(subject="Second")
    desk.reply(subject="Third")
    page = reading(visit("grace"), "First")
    press(page, "r")
    expect(heading(page)).to_have_text("Second")
    expect(said(page)).to_have_text("Rejected. Why?")
    reading(page, "Second")
    press(page, "2")
    expect(said(page)).to_have_text("Rejected: Something is missing")
    assert verdicts(desk, first.id) == [("rejected", "grace", "Something is missing")]
    assert desk.state(second) == "waiting"
    # Without a reason it is one key.
    press(page, "r")
    expect(heading(page)).to_have_text("Third")
    expect(row(page, "Second")).to_contain_text("rejected, undo for")
    assert verdicts(desk, second.id) == [("rejected", "grace", None)]


def test_without_a_hold_the_effect_is_named_and_confirmed(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.refund("A-1")
    other = desk.refund("A-2")
    page = reading(visit("grace", "/?checkpoint=refund"), "A-1")
    press(page, "a")
    confirm = page.get_by_role("alertdialog", name="Confirm")
    expect(confirm).to_contain_text("Pay money back at once: runs at once. It cannot be taken back.")
    press(page, "Escape")
    expect(confirm).to_be_hidden()
    assert desk.acts(case) == []
    again(page, "a")
    expect(confirm).to_be_visible()
    # The key itself does not confirm what it asked for.
    again(page, "a")
    expect(confirm).to_be_visible()
    assert desk.acts(case) == []
    press(page, "Enter")
    expect(heading(page)).to_have_text("A-2")
    outcome = case.outcome(15)
    assert (outcome.state.value, outcome.value, outcome.reviewer) == ("done", "refunded 4000 for A-1", "grace")
    assert len(desk.app.history(case.id).attempts) == 1
    # A rejection is asked for as well, for it cannot be taken back either.
    reading(page, "A-2")
    press(page, "r")
    expect(confirm).to_contain_text("It cannot be taken back.")
    press(page, "Enter")
    expect(row(page, "A-2")).to_contain_text("rejected")
    assert other.outcome(15).state.value == "rejected"


# --- passing on


def test_a_case_is_snoozed_handed_over_and_drafted_anew(desk: BrowserDesk, visit: Visit) -> None:
    snoozed, handed = desk.reply(subject="Later"), desk.reply(subject="For Ada")
    redrafted = desk.reply(subject="Once more")
    page = reading(visit("grace"), "Later")
    dialog = page.get_by_role("dialog")
    press(page, "s")
    expect(dialog).to_contain_text("Snooze until")
    press(page, "Escape")
    expect(dialog).to_be_hidden()
    press(page, "s", "1")
    expect(said(page)).to_contain_text("Snoozed until")
    expect(heading(page)).to_have_text("For Ada")
    found = desk.app.case(snoozed.id).seen
    assert found.snoozed_until is not None
    assert found.claimed_by is None

    press(page, "f")
    expect(dialog.get_by_label("To a person or a group")).to_be_focused()
    page.keyboard.type("ada")
    expect(dialog.get_by_role("option", name="ada")).to_have_attribute("aria-selected", "true")
    press(page, "Enter")
    expect(said(page)).to_have_text("Handed over to ada: For Ada")
    expect(heading(page)).to_have_text("Once more")
    assert desk.app.case(handed.id).seen.assigned_to == "ada"

    press(page, "Shift+R")
    expect(dialog.get_by_label("What should be different")).to_be_focused()
    page.keyboard.type("Be kinder.")
    press(page, "Control+Enter")
    expect(dialog).to_be_hidden()
    expect(said(page)).to_have_text("Another draft was asked for.")
    expect(heading(page)).to_have_text("Once more")
    assert desk.app.case(redrafted.id).seen.revision == 2
    assert [note.text for note in desk.app.history(redrafted.id).notes] == ["Be kinder."]
    # And it can be ruled on as it is now.
    reading(page, "Once more")
    press(page, "a")
    expect(row(page, "Once more")).to_contain_text("approved, undo for")
    assert verdicts(desk, redrafted.id) == [("approved", "grace", None)]


# --- finding


def test_a_search_finds_and_its_end_brings_the_queue_back(desk: BrowserDesk, visit: Visit) -> None:
    desk.reply(subject="Kettle is broken")
    desk.reply(subject="Where is my parcel")
    page = reading(visit("grace"), "Kettle is broken")
    press(page, "/")
    search = page.get_by_role("searchbox", name="Search waiting cases")
    expect(search).to_be_focused()
    page.keyboard.type("parcel")
    press(page, "Enter")
    expect(heading(page)).to_have_text("Where is my parcel")
    expect(row(page, "Kettle")).to_have_count(0)
    expect(page).to_have_url(re.compile("text=parcel"))
    # The field is left, so letters are keys again.
    expect(search).not_to_be_focused()
    press(page, "/", "Escape")
    expect(row(page, "Kettle")).to_be_visible()
    expect(row(page, "parcel")).to_be_visible()
    page.go_back()
    expect(row(page, "Kettle")).to_have_count(0)
    press(page, "/")
    page.keyboard.press("Control+a")
    page.keyboard.type("nothing of this kind")
    press(page, "Enter")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()


def test_the_palette_and_the_help_do_and_say(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply(subject="First")
    desk.reply(subject="Second")
    page = reading(visit("grace"), "First")
    dialog = page.get_by_role("dialog")
    press(page, "Control+k")
    expect(dialog.get_by_role("combobox")).to_be_focused()
    page.keyboard.type("next ca")
    press(page, "Enter")
    expect(dialog).to_be_hidden()
    expect(heading(page)).to_have_text("Second")
    press(page, "Control+k")
    page.keyboard.type("queue refund")
    press(page, "Enter")
    expect(page).to_have_url(re.compile("checkpoint=refund"))
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    press(page, "g", "i", "?")
    expect(dialog).to_contain_text("Verdict keys ignore a held key")
    expect(dialog).to_contain_text("Approve")
    # Behind a dialog no key rules.
    press(page, "a", "r", "Escape")
    expect(dialog).to_be_hidden()
    assert desk.acts(case) == []


def test_a_key_that_was_changed_is_the_key(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply(subject="First")
    desk.reply(subject="Second")
    page = reading(visit("grace"), "First")
    press(page, "g", "k")
    change = page.get_by_role("button", name="Change Approve", exact=True)
    change.focus()
    press(page, "Enter", "j")
    press(page, "Enter")
    expect(page.get_by_role("status")).to_contain_text("Not changed")
    press(page, "y", "Enter")
    expect(page.get_by_role("status")).to_contain_text("Approve is y now.")
    press(page, "g", "i")
    reading(page, "First")
    expect(page.get_by_role("button", name="Approve y")).to_be_visible()
    press(page, "a")
    press(page, "y")
    expect(heading(page)).to_have_text("Second")
    expect(row(page, "First")).to_contain_text("approved, undo for")
    assert verdicts(desk, case.id) == [("approved", "grace", None)]
    page.reload()
    expect(page.get_by_role("button", name="Approve y")).to_be_visible()


# --- many


def test_a_batch_asks_for_its_openings_first(desk: BrowserDesk, visit: Visit) -> None:
    cases = [desk.reply(subject=f"Number {number}") for number in range(1, 6)]
    left = desk.reply(subject="Left alone")
    page = reading(visit("grace"), "Number 1")
    press(page, "x", *["Shift+J"] * 4)
    expect(heading(page)).to_have_text("Number 5")
    expect(page.get_by_role("button", name="5 selected: open as a batch")).to_be_visible()
    press(page, "b")
    expect(page.get_by_role("heading", name="Batch of 5 cases")).to_be_visible()
    approve = page.get_by_role("button", name=re.compile("Approve all 5"))
    expect(page.get_by_text("0 of 3 drawn cases looked at.")).to_be_visible()
    expect(approve).to_be_disabled()
    # Not before they were opened, whatever is pressed; the key takes one to the next of them.
    for seen in range(3):
        expect(page.get_by_text(f"{seen} of 3 drawn cases looked at.")).to_be_visible()
        again(page, "Control+Enter")
        expect(page.get_by_role("dialog")).to_be_hidden()
        assert page.evaluate("document.activeElement.classList.contains('batch-open')")
        press(page, "o")
        expect(page.locator(".batch-mark.ok")).to_have_count(seen + 1)
        press(page, "o")
    expect(page.get_by_text("You have looked at the 3 cases that were drawn.")).to_be_visible()
    assert [desk.acts(case) for case in cases] == [[]] * 5
    press(page, "Control+Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Approve 5 cases?")
    press(page, "Escape")
    expect(dialog).to_be_hidden()
    again(page, "Control+Enter")
    expect(dialog).to_contain_text("60 s")
    press(page, "Tab", "Enter")
    expect(said(page)).to_have_text("Approved 5 cases. Each can be taken back for 60 s.")
    expect(page.get_by_text("undo for")).to_have_count(5)
    assert [verdicts(desk, case.id) for case in cases] == [[("approved", "grace", None)]] * 5
    assert desk.acts(left) == []
    press(page, "u")
    expect(page.get_by_text("undo for")).to_have_count(4)
    assert sorted(map(desk.state, cases)) == ["held"] * 4 + ["waiting"]


# --- categories


def test_categories_are_chosen_by_digit_enter_and_filter(desk: BrowserDesk, visit: Visit) -> None:
    others = [{"arguments": {"team": "returns"}, "confidence": 0.2}, {"arguments": {"team": "technical"}}]
    made = [desk.route(f"Message {number}", "billing", confidence=0.7, alternatives=others) for number in range(1, 6)]
    page = reading(visit("grace", "/?checkpoint=route"), "Message 1")
    press(page, "2")
    expect(row(page, "Message 1")).to_contain_text("returns, undo for")
    reading(page, "Message 2")
    press(page, "Enter")
    expect(row(page, "Message 2")).to_contain_text("billing, undo for")
    reading(page, "Message 3")
    press(page, "/")
    field = page.get_by_role("combobox", name="Filter or name a category")
    expect(field).to_be_focused()
    page.keyboard.type("tech")
    press(page, "Enter")
    expect(row(page, "Message 3")).to_contain_text("technical, undo for")
    # A new one is named once and confirmed once.
    reading(page, "Message 4")
    press(page, "/")
    page.keyboard.type("warranty")
    press(page, "Enter")
    expect(page.get_by_text("No such category yet. Press ↵ again to name it")).to_be_visible()
    assert desk.acts(made[3]) == []
    press(page, "Enter")
    expect(row(page, "Message 4")).to_contain_text("warranty, undo for")
    # On these queues a digit is a category, so a reason takes Shift.
    reading(page, "Message 5")
    press(page, "r")
    expect(said(page)).to_have_text("Rejected. Why?")
    press(page, "Shift+Digit4")
    expect(said(page)).to_have_text("Rejected: Should not happen")
    kinds = [verdicts(desk, case.id)[0][0] for case in made]
    assert kinds == ["edited", "approved", "edited", "edited", "rejected"]
    teams = [desk.app.view(case).content.arguments["team"] for case in made]
    assert teams == ["returns", "billing", "technical", "warranty", "billing"]
    assert verdicts(desk, made[4].id) == [("rejected", "grace", "Should not happen")]


def test_without_a_suggestion_enter_does_nothing(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.route("Hard to say", "billing", confidence=0.0)
    page = reading(visit("grace", "/?checkpoint=route"), "Hard to say")
    press(page, "Enter")
    press(page, "a")
    expect(said(page)).to_have_text("There is no suggestion to approve: choose a category.")
    assert desk.acts(case) == []
    expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_disabled()


# --- keys that nobody meant


def test_a_held_key_approves_exactly_one(desk: BrowserDesk, visit: Visit) -> None:
    cases = [desk.reply(subject=f"Number {number}") for number in range(1, 6)]
    page = reading(visit("grace"), "Number 1")
    page.keyboard.down("a")
    reading(page, "Number 2")
    for _ in range(30):
        page.keyboard.down("a")
    page.keyboard.up("a")
    expect(row(page, "Number 1")).to_contain_text("approved, undo for")
    expect(heading(page)).to_have_text("Number 2")
    assert [desk.state(case) for case in cases] == ["held", "waiting", "waiting", "waiting", "waiting"]


def test_a_second_press_right_after_a_painting_does_nothing(desk: BrowserDesk, visit: Visit) -> None:
    cases = [desk.reply(subject=f"Number {number}") for number in range(1, 6)]
    page = reading(visit("grace"), "Number 1")
    # All within one moment of the page, so that no slow machine makes it late.
    page.evaluate(
        """async () => {
            const press = (key) => {
                const event = { key, code: `Key${key.toUpperCase()}`, bubbles: true, cancelable: true };
                document.body.dispatchEvent(new KeyboardEvent("keydown", event));
                document.body.dispatchEvent(new KeyboardEvent("keyup", event));
            };
            const painted = () => performance.getEntriesByName("case-painted").length;
            const before = painted();
            press("a");
            while (painted() === before) await new Promise((next) => setTimeout(next, 5));
            press("a");
            press("r");
        }"""
    )
    expect(row(page, "Number 1")).to_contain_text("approved, undo for")
    expect(heading(page)).to_have_text("Number 2")
    reading(page, "Number 2")
    assert [desk.acts(case) for case in cases] == [["rule"], [], [], [], []]
    press(page, "a")
    expect(row(page, "Number 2")).to_contain_text("approved, undo for")


@pytest.mark.parametrize(
    ("key", "code", "shown"),
    [
        ("f", "hand_over", "To a person or a group"),
        ("Shift+R", "redraft", "What should be different"),
        ("Control+k", "palette", "Command or queue"),
        ("e", "edit_form", "Text"),
    ],
)
def test_who_types_ahead_of_a_dialog_that_loads_rules_on_nothing(
    desk: BrowserDesk, visit: Visit, key: str, code: str, shown: str
) -> None:
    case, other = desk.reply(subject="First"), desk.reply(subject="Second")
    page = visit("grace", "about:blank")
    asked: list[Route] = []
    # Its code comes only once it is let through, as over a slow line.
    page.route(re.compile(rf"/assets/{code}[^/]*\.js"), lambda route: asked.append(route))
    page.goto("/")
    reading(page, "First")
    press(page, key)
    reading(page, "First")
    for letter in ("a", "r", "Enter", "j", "u", "x"):
        again(page, letter)
    assert [desk.acts(case), desk.acts(other)] == [[], []]
    expect(heading(page)).to_have_text("First")
    # Nor is one held there: Esc gives it up, and the keys are the screen's again.
    again(page, "Escape")
    again(page, "j")
    reading(page, "Second")
    again(page, "k")
    reading(page, "First")
    again(page, key)
    for route in asked:
        route.continue_()
    expect(page.get_by_label(shown, exact=True)).to_be_focused()
    press(page, "Escape")
    expect(page.get_by_label(shown, exact=True)).to_be_hidden()
    reading(page, "First")
    again(page, "a")
    expect(row(page, "First")).to_contain_text("approved, undo for")


# --- focus


def focus(page: Page) -> dict[str, object]:
    found: dict[str, object] = page.evaluate(
        """() => {
            const at = document.activeElement;
            const { outlineStyle, outlineWidth, boxShadow, borderColor } = getComputedStyle(at);
            const box = at.getBoundingClientRect();
            const name = at.getAttribute("aria-label") ?? at.textContent.trim().slice(0, 40);
            return {
                tag: at.tagName,
                name,
                place: at.closest("nav, .inbox-list, .inbox-bar, .inbox-why, main, aside")?.className ?? "",
                seen: box.width > 0 && box.height > 0 && box.top < innerHeight && box.bottom > 0,
                marked: (outlineStyle !== "none" && parseFloat(outlineWidth) >= 2) || boxShadow !== "none",
            };
        }"""
    )
    return found


def test_tab_walks_the_whole_page_in_order_and_is_always_seen(desk: BrowserDesk, visit: Visit) -> None:
    desk.reply(subject="First")
    desk.reply(subject="Second")
    page = reading(visit("grace"), "First")
    walked: list[dict[str, object]] = []
    for _ in range(60):
        press(page, "Tab")
        now = focus(page)
        if now["tag"] == "BODY":
            break
        walked.append(now)
    else:
        raise AssertionError(f"Tab never leaves the page: {json.dumps(walked)}")
    assert [each for each in walked if not each["seen"] or not each["marked"]] == []
    assert walked[0]["name"] == "Skip to the case"
    places = list(dict.fromkeys(str(each["place"]).split(" ")[0] for each in walked[1:]))
    assert places == ["nav", "inbox-list", "inbox-main", "inbox-bar", "inbox-why"]
    assert [each["name"] for each in walked if each["name"] == "Waiting cases"] == ["Waiting cases"]


@pytest.mark.parametrize("key", ["s", "f", "Shift+R", "Control+k", "?"])
def test_a_dialog_keeps_the_focus_and_gives_it_back(desk: BrowserDesk, visit: Visit, key: str) -> None:
    case = desk.reply(subject="First")
    page = reading(visit("grace"), "First")
    before = page.get_by_role("button", name=re.compile("^Edit"))
    before.focus()
    press(page, key)
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    for _ in range(25):
        press(page, "Tab")
        inside = page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
        assert inside, f"{key} lets the focus out"
    press(page, "Escape")
    expect(dialog).to_be_hidden()
    expect(before).to_be_focused()
    assert desk.acts(case) == []
