"""What a lead sees and does: what is stuck, what nobody is sure of, and what was done."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from signoff import CaseHandle, Signoff
from tests.browser.checkpoints import declare
from tests.browser.conftest import BrowserDesk
from tests.browser.reading import heading, press, push, reading

Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def with_lead(module_desk: BrowserDesk) -> BrowserDesk:
    module_desk.person("lena", "lead", "reviewer")
    return module_desk


@pytest.fixture
def desk(with_lead: BrowserDesk, shared_desk: BrowserDesk) -> BrowserDesk:
    return shared_desk


def test_a_stuck_claim_is_handed_over_by_one_key(desk: BrowserDesk, visit: Visit, past: Signoff) -> None:
    case = declare(past)["post"].propose(text="Forgotten on a desk")
    past.reviewer("grace").claim_case(case.id, hold_s=7200)
    page = visit("lena", "/people")
    stuck = page.get_by_role("region", name="Stuck")
    expect(stuck).to_contain_text("grace has had it for a long time")
    expect(page.get_by_text("1 case is stuck")).to_be_visible()
    press(page, "j")
    expect(stuck.get_by_role("link", name="Forgotten on a desk")).to_be_focused()
    press(page, "f")
    expect(page.get_by_label("To a person or a group")).to_be_focused()
    page.keyboard.type("ada")
    press(page, "Enter")
    expect(page.get_by_text("Handed over to ada.")).to_be_visible()
    expect(stuck).to_be_hidden()
    seen = desk.app.case(case.id).seen
    assert (seen.assigned_to, seen.claimed_by) == ("ada", None)
    assert desk.acts(case) == ["hand_over"]
    # And Ada has it.
    ada = visit("ada", "/?assigned=me")
    expect(heading(ada)).to_have_text("Forgotten on a desk")


# --- effects that nobody is sure of


@pytest.fixture
def unknown(desk: BrowserDesk) -> CaseHandle:
    """A case whose effect broke off in the middle."""
    case = desk.propose("wire", account="DE-1", cents=4000)
    desk.app.reviewer("grace").approve(case)
    assert case.outcome(15).state.value == "unknown"
    return case


@pytest.mark.parametrize(
    ("way", "state"),
    [
        ("It happened", "done"),
        ("It did not happen; send it again", "unknown"),
        ("It did not happen, and shall not", "failed"),
    ],
)
def test_a_lead_says_what_became_of_an_effect(
    desk: BrowserDesk, visit: Visit, unknown: CaseHandle, way: str, state: str
) -> None:
    page = visit("lena", "/people")
    effects = page.get_by_role("region", name="Unknown effects")
    expect(effects).to_contain_text("Wire: it may or may not have happened")
    effects.get_by_role("link", name="DE-1").last.press("Enter")
    expect(page.get_by_role("heading", name="Nobody can say whether this happened")).to_be_visible()
    # What there is to go by: the attempt, what it broke with, and the key to look it up by.
    resolving = page.get_by_role("region", name="Nobody can say whether this happened")
    [attempt] = desk.app.history(unknown.id).attempts
    expect(resolving).to_contain_text(attempt.key)
    expect(resolving).to_contain_text("the line went dead")
    expect(resolving.get_by_role("radio")).to_have_count(3)
    go_on = resolving.get_by_role("button", name="Continue…")
    expect(go_on).to_be_disabled()
    resolving.get_by_role("radio", name=way).press("Space")
    resolving.get_by_label("How you know (optional)").fill("The bank says so.")
    push(go_on)
    yes = resolving.get_by_role("button", name="Yes, record that")
    expect(yes).to_be_focused()
    assert desk.state(unknown) == "unknown"
    push(resolving.get_by_role("button", name="Back"))
    expect(yes).to_be_hidden()
    assert len(desk.app.history(unknown.id).attempts) == 1
    push(go_on)
    push(yes)
    if way.endswith("again"):
        # The line is dead still, so the second attempt breaks off as well, under a key of its own.
        expect(resolving.get_by_text(re.compile("Attempt 2"))).to_be_visible(timeout=15_000)
        first, second = desk.app.history(unknown.id).attempts
        assert first.key != second.key
    else:
        expect(page.get_by_role("heading", name="Nobody can say whether this happened")).to_be_hidden()
        assert len(desk.app.history(unknown.id).attempts) == 1
    assert unknown.outcome(15).state.value == state
    assert "The bank says so." in [note.text for note in desk.app.history(unknown.id).notes]
    expect(page.get_by_role("region", name="What happened")).to_contain_text("lena")


def test_a_reviewer_is_not_offered_to_say_it(desk: BrowserDesk, visit: Visit, unknown: CaseHandle) -> None:
    page = visit("grace", f"/cases/{unknown.id}", allowed=("status of 403",))
    expect(page.get_by_text("A lead or an admin says what became of it.")).to_be_visible()
    expect(page.get_by_role("radio")).to_have_count(0)
    refused = page.evaluate(
        """async (id) => {
            const answer = await fetch(`/api/v1/cases/${id}/resolve`, {
                method: "POST",
                headers: { "Content-Type": "application/json" },
                body: JSON.stringify({ move: "confirm_done", note: null }),
            });
            return answer.status;
        }""",
        unknown.id,
    )
    assert refused == 403
    assert desk.state(unknown) == "unknown"


# --- one case, and all of them


def test_the_link_to_a_case_opens_in_anothers_session(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply(subject="To be shown around")
    page = reading(visit("grace"), "To be shown around")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=desk.url)
    press(page, "c")
    expect(page.get_by_text("The link is copied.")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{desk.url}/cases/{case.id}"
    ada = visit("ada", link)
    expect(ada.get_by_role("heading", level=1, name="To be shown around")).to_be_visible()
    expect(ada.get_by_role("region", name="Evidence")).to_contain_text("I was charged twice in October.")
    # What happens to it shows there by itself.
    press(page, "a")
    expect(ada.get_by_role("region", name="What happened")).to_contain_text("grace", timeout=20_000)
    expect(ada.get_by_role("button", name=re.compile("^Undo"))).to_have_count(0)
    own = page.context.new_page()
    own.goto(link)
    own.get_by_role("button", name=re.compile("^Undo")).press("Enter")
    expect(own.get_by_role("link", name="Open in the inbox")).to_be_visible()
    assert desk.state(case) == "waiting"


def test_a_link_to_nothing_says_so(desk: BrowserDesk, visit: Visit) -> None:
    page = visit("grace", "/cases/nothing", allowed=("status of 404",))
    expect(page.get_by_role("heading", name="There is no such case")).to_be_visible()
    page.get_by_role("link", name="To the inbox").press("Enter")
    expect(page.get_by_role("heading", name="All done")).to_be_visible()


def test_the_ledger_grows_while_one_looks(desk: BrowserDesk, visit: Visit) -> None:
    first = desk.reply(subject="First")
    page = visit("grace", "/ledger")
    entries = page.get_by_role("table", name="Entries, newest first").get_by_role("row")
    expect(entries.filter(has_text=first.id[-6:]).first).to_be_visible()
    expect(page.get_by_text("Following.")).to_be_visible()
    second = desk.reply(subject="Second")
    expect(entries.filter(has_text=second.id[-6:]).filter(has_text="propose").first).to_be_visible()
    # Held still, it counts what comes and moves nothing.
    page.get_by_role("button", name="Pause").press("Enter")
    third = desk.reply(subject="Third")
    expect(page.get_by_role("button", name=re.compile(r"^\d+ new"))).to_be_visible()
    expect(entries.filter(has_text=third.id[-6:])).to_have_count(0)
    press(page, "n")
    expect(entries.filter(has_text=third.id[-6:]).first).to_be_visible()
    page.get_by_role("combobox", name="Queue").select_option("refund")
    expect(page).to_have_url(f"{desk.url}/ledger?checkpoint=refund")
    expect(entries.filter(has_text=third.id[-6:])).to_have_count(0)
    page.go_back()
    expect(entries.filter(has_text=third.id[-6:]).first).to_be_visible()


def test_what_is_sought_among_the_decided_is_in_the_address(desk: BrowserDesk, visit: Visit) -> None:
    grace = desk.app.reviewer("grace")
    grace.reject(desk.reply(subject="A kettle refused"), "Wrong tone")
    grace.approve(desk.reply(subject="A kettle approved"))
    grace.approve(desk.route("A parcel is lost"))
    page = visit("lena", "/done")
    cases = page.get_by_role("list", name="Decided cases").get_by_role("listitem")
    expect(cases.filter(has_text="kettle")).to_have_count(2)
    page.get_by_role("combobox", name="Queue").select_option("reply")
    expect(page).to_have_url(f"{desk.url}/done?checkpoint=reply")
    expect(cases.filter(has_text="parcel")).to_have_count(0)
    page.get_by_role("searchbox", name="Text").fill("refused")
    press(page, "Enter")
    expect(page).to_have_url(f"{desk.url}/done?checkpoint=reply&text=refused")
    expect(cases.filter(has_text="kettle")).to_have_count(1)
    page.go_back()
    expect(cases.filter(has_text="kettle")).to_have_count(2)
    expect(page.get_by_role("searchbox", name="Text")).to_have_value("")
    page.go_back()
    expect(page).to_have_url(f"{desk.url}/done")
    expect(cases.filter(has_text="parcel").first).to_be_visible()
    page.go_forward()
    page.go_forward()
    page.reload()
    expect(page.get_by_role("searchbox", name="Text")).to_have_value("refused")
    expect(cases.filter(has_text="kettle")).to_have_count(1)
    # By keyboard: to the row, to its page, and back to the same search.
    page.get_by_role("searchbox", name="Text").blur()
    press(page, "j", "o")
    expect(page.get_by_role("heading", level=1, name="A kettle refused")).to_be_visible()
    page.go_back()
    expect(page).to_have_url(f"{desk.url}/done?checkpoint=reply&text=refused")
