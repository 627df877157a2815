"""Several people, or several tabs of one, at the same cases: nobody steps on anybody, and everybody is told."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Request, expect

from signoff import CaseHandle
from tests.browser.conftest import BrowserDesk
from tests.browser.reading import again, heading, press, reading, row, said
from tests.browser.sight import claimed, hide

Visit = Callable[..., Page]


@pytest.fixture
def desk(shared_desk: BrowserDesk) -> BrowserDesk:
    return shared_desk


def banner(page: Page, words: str | re.Pattern[str]) -> None:
    """Require what stands above the case on screen."""
    expect(page.locator(".inbox-case > [role=status], .inbox-case > [role=alert]")).to_contain_text(words)


def can_rule(page: Page) -> None:
    expect(page.get_by_role("button", name=re.compile("^Reject"))).to_be_enabled()


def cannot_rule(desk: BrowserDesk, page: Page, case: CaseHandle) -> None:
    """Require that the case on screen takes no verdict, by button or by key."""
    before = desk.app.history(case.id)
    expect(page.get_by_role("button", name=re.compile("^Approve"))).to_be_disabled()
    expect(page.get_by_role("button", name=re.compile("^Reject"))).to_be_disabled()
    for key in ("a", "r", "e"):
        again(page, key)
    after = desk.app.history(case.id)
    assert (after.verdicts, after.votes, after.case.state) == (before.verdicts, before.votes, before.case.state)


# --- one queue, two people

RACE = """
    async () => {
        const hears = () => new Promise((next) => setTimeout(next, 60));
        const press = (key) => {
            const event = { key, code: `Key${key.toUpperCase()}`, bubbles: true, cancelable: true };
            document.body.dispatchEvent(new KeyboardEvent("keydown", event));
            document.body.dispatchEvent(new KeyboardEvent("keyup", event));
        };
        const count = () => document.querySelector(".inbox-bar-count").textContent;
        const title = () => document.querySelector("#case-title")?.textContent;
        const until = performance.now() + 40_000;
        let step = "j";
        while (performance.now() < until) {
            if (/· 0 to go/.test(count())) return;
            // What the other has is passed by; at the end of the list one turns round.
            const taken = document.querySelector(".inbox-case > .notice") !== null;
            const before = title();
            press(taken ? step : "a");
            await hears();
            if (taken && title() === before) step = step === "j" ? "k" : "j";
        }
        throw new Error(`still ${count()}: ${document.querySelector("#main").innerText}`);
    }
"""


def test_two_people_race_through_one_queue(desk: BrowserDesk, visit: Visit) -> None:
    cases = [desk.reply(subject=f"Number {number:02}") for number in range(1, 31)]
    pages = {name: visit(name, allowed=("status of 409",)) for name in ("grace", "ada")}
    for page in pages.values():
        expect(heading(page)).to_be_visible()
    # Both press at once, each in their own browser, for as long as there is anything to approve.
    for page in pages.values():
        page.evaluate(f"() => {{ window.race = ({RACE})(); }}")
    for page in pages.values():
        page.evaluate("() => window.race")
    ruled: dict[str, list[str]] = {name: [] for name in pages}
    for case in cases:
        history = desk.app.history(case.id)
        [verdict] = history.verdicts
        assert history.case.state.value == "held"
        ruled[verdict.reviewer].append(case.id)
        # Whoever ruled held the claim at that moment: the last claim before the verdict is theirs.
        claims = [entry.actor for entry in history.entries if entry.act == "claim"]
        assert claims[-1] == verdict.reviewer
    assert len(ruled["grace"]) + len(ruled["ada"]) == 30
    assert ruled["grace"]
    assert ruled["ada"]
    for name, page in pages.items():
        other = "ada" if name == "grace" else "grace"
        expect(page.locator(".inbox-bar-count")).to_have_text(f"{len(ruled[name])} done · 0 to go")
        expect(page.get_by_text(f"{other} has ruled on it.").first).to_be_attached()


def test_a_verdict_that_comes_second_says_who_was_faster(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply(subject="Wanted by two")
    desk.reply(subject="Another")
    page = reading(visit("grace", allowed=("ERR_INTERNET_DISCONNECTED", "status of 409")), "Wanted by two")
    claimed(page, desk, case)
    page.context.set_offline(True)
    # Nothing is heard meanwhile, so the page cannot know.
    ada = desk.app.reviewer("ada")
    desk.app.reviewer("grace").release(case)
    ada.reject(case, "Wrong tone")
    press(page, "a")
    expect(heading(page)).to_have_text("Another")
    page.context.set_offline(False)
    expect(row(page, "Wanted by two")).to_contain_text("ada was faster: rejected. Yours did not count.")
    expect(said(page)).to_contain_text("Not counted, Wanted by two: ada was faster")
    expect(page.locator(".inbox-bar-count")).to_have_text("0 done · 1 to go")
    [verdict] = desk.app.history(case.id).verdicts
    assert (verdict.reviewer, verdict.kind.value) == ("ada", "rejected")


def test_the_list_marks_what_another_has(desk: BrowserDesk, visit: Visit) -> None:
    cases = [desk.reply(subject=f"Number {number}") for number in range(1, 4)]
    page = reading(visit("grace"), "Number 1")
    expect(row(page, "Number 3")).to_be_visible()
    claimed(page, desk, *cases)
    # While nobody looks, the page lets go of what is not on screen, and takes nothing back.
    hide(page, hidden=True)
    while desk.app.case(cases[1].id).seen.claimed_by is not None:
        page.wait_for_timeout(20)
    ada = desk.app.reviewer("ada")
    ada.claim_case(cases[1].id)
    hide(page, hidden=False)
    expect(row(page, "Number 2")).to_contain_text("ada has it")
    press(page, "j")
    expect(heading(page)).to_have_text("Number 2")
    banner(page, "ada has this case.")
    cannot_rule(desk, page, cases[1])
    assert desk.app.case(cases[1].id).seen.claimed_by == "ada"
    # Given back, it can be ruled on, without any reload.
    ada.release(cases[1])
    expect(row(page, "Number 2")).not_to_contain_text("ada has it")
    can_rule(page)
    reading(page, "Number 2")
    again(page, "a")
    expect(row(page, "Number 2")).to_contain_text("approved, undo for")
    [verdict] = desk.app.history(cases[1].id).verdicts
    assert verdict.reviewer == "grace"


def test_what_grace_reads_ada_is_not_offered(desk: BrowserDesk, visit: Visit) -> None:
    cases = [desk.reply(subject=f"Number {number:02}") for number in range(1, 11)]
    grace = reading(visit("grace"), "Number 01")
    # The case on screen, the next five, and none besides.
    expect(row(grace, "Number 10")).to_be_visible()
    ada = reading(visit("ada"), "Number 07")
    assert [desk.app.case(case.id).seen.claimed_by for case in cases] == ["grace"] * 6 + ["ada"] * 4
    expect(row(grace, "Number 07")).to_contain_text("ada has it")
    # Who leaves gives them back.
    grace.close()
    expect(ada.get_by_role("button", name=re.compile("^Approve"))).to_be_enabled()
    again(ada, "n")
    expect(row(ada, "Number 01")).to_be_visible()


def test_new_cases_are_counted_and_the_list_does_not_move(desk: BrowserDesk, visit: Visit) -> None:
    for number in (1, 2):
        desk.reply(subject=f"Number {number}")
    page = reading(visit("grace"), "Number 1")
    press(page, "j")
    reading(page, "Number 2")
    box = row(page, "Number 2").bounding_box()
    desk.reply(subject="Number 3")
    expect(page.get_by_role("button", name=re.compile("^1 new"))).to_be_visible()
    desk.reply(subject="Number 4").withdraw()
    desk.reply(subject="Number 5")
    new = page.get_by_role("button", name=re.compile("^2 new"))
    expect(new).to_be_visible()
    expect(row(page, "Number 3")).to_have_count(0)
    expect(heading(page)).to_have_text("Number 2")
    after = row(page, "Number 2").bounding_box()
    assert box is not None
    assert after is not None
    assert (after["x"], after["y"]) == (box["x"], box["y"])
    press(page, "n")
    expect(row(page, "Number 3")).to_be_visible()
    expect(row(page, "Number 5")).to_be_visible()
    expect(row(page, "Number 4")).to_have_count(0)
    expect(new).to_be_hidden()
    expect(heading(page)).to_have_text("Number 2")


# --- changed while one looks


def withdrawn(desk: BrowserDesk, case: CaseHandle) -> str:
    case.withdraw()
    return "It was withdrawn by its proposer."


def ruled(desk: BrowserDesk, case: CaseHandle) -> str:
    desk.app.reviewer("grace").release(case)
    desk.app.reviewer("ada").approve(case)
    return "ada has ruled on it."


def handed_over(desk: BrowserDesk, case: CaseHandle) -> str:
    desk.app.reviewer("lena", roles=["lead"]).hand_over(case, "ada")
    return "It was handed over to ada."


@pytest.mark.parametrize("happens", [withdrawn, ruled, handed_over])
def test_a_case_that_is_over_says_so_and_takes_no_verdict(
    desk: BrowserDesk, visit: Visit, happens: Callable[[BrowserDesk, CaseHandle], str]
) -> None:
    case = desk.reply(subject="On screen")
    desk.reply(subject="Another")
    page = reading(visit("grace"), "On screen")
    claimed(page, desk, case)
    words = happens(desk, case)
    banner(page, words)
    expect(row(page, "On screen")).to_contain_text(words)
    expect(heading(page)).to_have_text("On screen")
    cannot_rule(desk, page, case)
    press(page, "j")
    reading(page, "Another")
    can_rule(page)


def test_a_case_that_expires_says_so_and_takes_no_verdict(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply(subject="On screen", deadline_s=4)
    page = reading(visit("grace"), "On screen")
    banner(page, "It expired: nobody ruled before its deadline.")
    assert desk.state(case) == "expired"
    cannot_rule(desk, page, case)


def test_a_draft_that_changes_is_marked_and_ruled_on_as_it_is_now(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply(subject="On screen", text="We pay back 40.")
    # Long enough to have read it: before, another draft just takes its place.
    page = reading(visit("grace"), "On screen", for_ms=1_100)
    other = {"to": "ada@example.com", "subject": "On screen", "text": "We pay back 50.", "refund_cents": 5000}
    claimed(page, desk, case)
    desk.app.reviewer("grace").release(case)
    desk.app.reviewer("ada").redraft(case, "Another sum", arguments=other)
    banner(page, "The draft changed while you were looking.")
    expect(row(page, "On screen")).to_contain_text("changed, look again")
    proposal = page.get_by_role("region", name="What the AI proposes")
    expect(proposal.locator("del").first).to_contain_text("40")
    expect(proposal.locator("ins").first).to_contain_text("50")
    reading(page, "On screen")
    press(page, "a")
    expect(row(page, "On screen")).to_contain_text("approved, undo for")
    [verdict] = desk.app.history(case.id).verdicts
    assert verdict.revision == 2
    assert desk.app.view(case).content.arguments == other


# --- passing on


def test_a_case_goes_to_a_group_and_its_members_find_it(desk: BrowserDesk, visit: Visit) -> None:
    for name, groups in (("nora", ("night",)), ("omar", ())):
        desk.person(name, groups=groups)
    case = desk.reply(subject="For the night")
    mine = desk.reply(subject="For Nora")
    desk.reply(subject="For anyone")
    page = reading(visit("grace"), "For the night")
    press(page, "f")
    expect(page.get_by_label("To a person or a group")).to_be_focused()
    page.keyboard.type("night")
    expect(page.get_by_role("option", name=re.compile("group:night"))).to_have_attribute("aria-selected", "true")
    press(page, "Enter")
    expect(said(page)).to_have_text("Handed over to group:night: For the night")
    desk.app.reviewer("grace").hand_over(mine, "nora")
    assert desk.app.case(case.id).seen.assigned_to == "group:night"
    page.close()

    nora = visit("nora", "/?assigned=group")
    expect(heading(nora)).to_have_text("For the night")
    expect(nora.get_by_role("listbox", name="Waiting cases").get_by_role("option")).to_have_count(1)
    nora.get_by_role("link", name="To me").press("Enter")
    expect(heading(nora)).to_have_text("For Nora")
    expect(nora).to_have_url(re.compile("assigned=me"))
    expect(nora.get_by_role("listbox", name="Waiting cases").get_by_role("option")).to_have_count(1)
    nora.go_back()
    expect(heading(nora)).to_have_text("For the night")
    omar = visit("omar")
    expect(heading(omar)).to_have_text("For anyone")
    expect(omar.get_by_role("listbox", name="Waiting cases").get_by_role("option")).to_have_count(1)


def test_who_goes_away_passes_their_cases_on(desk: BrowserDesk, visit: Visit) -> None:
    desk.person("abel")
    case = desk.reply(subject="For Abel")
    desk.app.reviewer("grace").hand_over(case, "abel")
    grace = visit("grace", "/people", allowed=("status of 403",))
    row_of = grace.get_by_role("row", name=re.compile("^abel"))
    expect(row_of.get_by_role("cell").nth(2)).to_have_text("1")
    abel = reading(visit("abel"), "For Abel")
    abel.get_by_role("button", name="Mark me away").press("Enter")
    expect(said(abel)).to_contain_text("You are marked away: cases that were assigned to you passed on.")
    seen = desk.app.case(case.id).seen
    assert (seen.assigned_to, seen.claimed_by) == (None, None)
    grace.get_by_role("button", name="Look again").press("Enter")
    expect(row_of).to_contain_text("away for")
    expect(row_of.get_by_role("cell").nth(2)).to_have_text("0")
    # Somebody else has it now, and nothing is handed to who is away.
    press(grace, "g", "i")
    reading(grace, "For Abel")
    press(grace, "f")
    expect(grace.get_by_label("To a person or a group")).to_be_focused()
    grace.keyboard.type("abel")
    expect(grace.get_by_role("option", name=re.compile("^.?\\s*abel"))).to_contain_text("away for")
    press(grace, "Enter")
    expect(grace.get_by_role("dialog").get_by_role("alert")).to_contain_text("abel has been away since")
    assert desk.app.case(case.id).seen.assigned_to is None
    abel.get_by_role("button", name="I am back").press("Enter")
    expect(said(abel)).to_have_text("You are back.")


# --- two tabs of one person


def followed(context: BrowserContext) -> list[str]:
    """Collect the streams that all pages of a browser open from now on."""
    opened: list[str] = []

    def note(request: Request) -> None:
        if "/api/v1/events" in request.url:
            opened.append(request.url)

    context.on("request", note)
    return opened


def test_two_tabs_share_one_stream_and_agree(desk: BrowserDesk, visit: Visit) -> None:
    case, other = desk.reply(subject="First"), desk.reply(subject="Second")
    first = reading(visit("grace"), "First")
    opened = followed(first.context)
    first.reload()
    reading(first, "First")
    second = first.context.new_page()
    second.goto("/")
    reading(second, "First")
    # What one does the other shows, and the stream that tells both is one.
    again(first, "a")
    expect(row(first, "First")).to_contain_text("approved, undo for")
    expect(row(second, "First")).to_contain_text("You have ruled on it in another window.")
    cannot_rule(desk, second, case)
    desk.reply(subject="Third")
    for page in (first, second):
        expect(page.get_by_role("button", name=re.compile("^1 new"))).to_be_visible()
    assert len(opened) == 1
    # The tab that holds it closes, and the other goes on.
    first.close()
    desk.reply(subject="Fourth")
    expect(second.get_by_role("button", name=re.compile("^2 new"))).to_be_visible()
    assert len(opened) == 2
    press(second, "j")
    reading(second, "Second")
    again(second, "a")
    expect(row(second, "Second")).to_contain_text("approved, undo for")
    assert [len(desk.app.history(each.id).verdicts) for each in (case, other)] == [1, 1]


# --- second opinions


def test_second_opinions_are_blind_to_each_other(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.propose("publish", headline="Kettles recalled")
    bodies: list[str] = []
    grace = reading(visit("grace"), "Kettles recalled")
    expect(grace.get_by_text("2 people have to agree")).to_be_visible()
    press(grace, "a")
    expect(said(grace)).to_have_text("Your opinion is recorded; 2 in all have to agree.")
    assert desk.state(case) == "waiting"
    ada = visit("ada")
    ada.context.on("response", lambda answer: "/events" in answer.url or bodies.append(answer.text()))
    ada.reload()
    reading(ada, "Kettles recalled")
    expect(ada.locator(".inbox-why .inbox-happened")).to_contain_text("proposed it")
    assert "grace" not in ada.locator("main").inner_text()
    assert "grace" not in ada.locator("aside.inbox-why").inner_text()
    assert bodies
    # That Grace had the case is told, for a claim is no opinion; that she ruled, and how, is not.
    told = [body for body in bodies if case.id in body]
    assert told
    acts = [
        entry["act"] for body in told if body.startswith('{"case"') for entry in json.loads(body).get("entries", [])
    ]
    assert "propose" in acts
    assert "rule" not in acts
    assert [body for body in told if "approved" in body or "voted_at" in body] == []
    press(ada, "a")
    expect(row(ada, "Kettles recalled")).to_contain_text("approved, undo for")
    history = desk.app.history(case.id)
    assert history.case.state.value == "held"
    assert sorted(vote.reviewer for vote in history.votes) == ["ada", "grace"]
