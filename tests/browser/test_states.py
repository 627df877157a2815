"""Every state of the inbox, against a real server: drawn, and nothing lost or counted twice on the way through it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from signoff import CaseHandle, Signoff
from signoff.domain.verdict import VerdictKind, VerdictRecord
from signoff.server.access import COOKIE
from signoff.testing import FakeClock
from tests.browser.conftest import BrowserDesk
from tests.browser.sight import press, row, see
from tests.web.conftest import PASSWORD

Visit = Callable[..., Page]

GONE = ("ERR_", "status of 401", "status of 40[39]", "status of 422", "status of 429", "status of 50[03]")
"""What the browser writes on its console when a request fails; here requests are meant to."""


def verdicts(desk: BrowserDesk, case: CaseHandle) -> list[VerdictRecord]:
    """Give the verdicts on a case that were not taken back."""
    return [verdict for verdict in desk.app.history(case.id).verdicts if verdict.voided_at is None]


def kinds(desk: BrowserDesk, *cases: CaseHandle) -> list[list[str]]:
    return [[verdict.kind.value for verdict in verdicts(desk, case)] for case in cases]


@contextmanager
def on_its_way(page: Page, pattern: str) -> Iterator[list[Route]]:
    """Keep requests from arriving until the block is over."""
    kept: list[Route] = []
    page.route(re.compile(pattern), lambda route: kept.append(route))
    yield kept
    for route in kept:
        route.continue_()
    page.unroute(re.compile(pattern))


def counted(page: Page, desk: BrowserDesk, case: CaseHandle, kind: str) -> None:
    """Wait until a verdict of that kind stands on a case, and no other."""
    until(page, lambda: bool(kinds(desk, case)[0]))
    assert kinds(desk, case) == [[kind]]


def until(page: Page, happened: Callable[[], bool]) -> None:
    """Wait for what no screen shows."""
    while not happened():
        page.wait_for_timeout(20)


def loaded(page: Page, name: str) -> bool:
    """Tell whether the page has loaded something."""
    entries: list[str] = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    return any(name in entry for entry in entries)


def outbox(page: Page) -> list[str]:
    """The ids of the verdicts that the browser keeps."""
    found: list[str] = page.evaluate("Object.keys(localStorage).filter((key) => key.startsWith('signoff.outbox.'))")
    return [key.rpartition(":")[2] for key in found]


@pytest.fixture
def desk(shared_desk: BrowserDesk) -> BrowserDesk:
    shared_desk.clear()
    return shared_desk


# --- loading, empty


def test_the_old_case_stays_while_the_next_one_is_on_its_way(desk: BrowserDesk, visit: Visit) -> None:
    first, second = desk.reply(), desk.reply(subject="Upgrade")
    page = visit("grace", "/keys")
    with on_its_way(page, f"/cases/{second.id}$"):
        page.goto("/")
        see(page, first)
        page.evaluate(
            """() => {
                window.drawn = [];
                const look = () => {
                    const title = document.querySelector("#case-title")?.dataset.caseId ?? null;
                    const now = title ?? (document.querySelector("[aria-label=Loading]") ? "skeleton" : "nothing");
                    const at = document.querySelector(".inbox-row.current")?.id;
                    const seen = `${at} ${now}`;
                    if (window.drawn.at(-1) !== seen) window.drawn.push(seen);
                };
                new MutationObserver(look).observe(document.body, {subtree: true, childList: true, attributes: true});
            }"""
        )
        page.keyboard.press("j")
        expect(page.get_by_label("Loading")).to_be_visible()
        page.keyboard.press("a")
    see(page, second)
    at = f"row-{second.id}"
    assert page.evaluate("window.drawn") == [f"{at} {first.id}", f"{at} skeleton", f"{at} {second.id}"]
    assert kinds(desk, first, second) == [[], []]


def test_a_case_that_cannot_be_loaded_says_why_and_can_be_tried_again(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply()
    page = visit("grace", "/keys", allowed=GONE)
    page.route(
        re.compile(f"/cases/{case.id}$"), lambda route: route.fulfill(status=500, json={"detail": "Rows differ."})
    )
    page.goto("/")
    expect(page.get_by_role("heading", name="This case cannot be shown")).to_be_visible()
    expect(page.get_by_text("Rows differ.")).to_be_visible()
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    see(page, case)


def test_an_empty_queue_says_so_and_shows_what_comes_in(desk: BrowserDesk, visit: Visit) -> None:
    page = visit("grace")
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    case = desk.reply()
    press(page, case, "a")
    expect(page.get_by_text("0 to go")).to_be_visible()
    page.goto("/?text=nothing-like-that")
    expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
    counted(page, desk, case, "approved")


def sign_in(page: Page, name: str) -> None:
    page.get_by_label("Account").fill(name)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")


# --- others


def test_a_case_that_somebody_else_holds_can_be_read_and_not_ruled_on(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply()
    ada = desk.app.reviewer("ada")
    ada.claim_case(case.id)
    page = visit("grace", f"/?case={case.id}")
    expect(page.get_by_role("status").filter(has_text="ada has this case")).to_be_visible()
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    press(page, case, "a")
    ada.release(case)
    expect(page.get_by_role("button", name="Approve")).to_be_enabled()
    assert kinds(desk, case) == [[]]
    press(page, case, "a")
    counted(page, desk, case, "approved")


def test_a_case_further_down_is_marked_when_somebody_takes_it(desk: BrowserDesk, visit: Visit) -> None:
    cases = [desk.reply(subject=f"Case {nth}") for nth in range(8)]
    page = visit("grace")
    see(page, cases[0])
    desk.app.reviewer("ada").claim_case(cases[7].id)
    expect(row(page, cases[7])).to_contain_text("ada has it")
    row(page, cases[7]).click()
    expect(page.get_by_role("status").filter(has_text="ada has this case")).to_be_visible()


def test_a_draft_that_changes_under_the_eyes_shows_what_changed(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply("We pay back forty.")
    page = visit("grace")
    see(page, case)
    again = {"to": "ada@example.com", "subject": "Charged twice", "text": "We pay back fifty.", "refund_cents": 5000}
    desk.app.reviewer("grace").redraft(case.id, "fifty", arguments=again)
    expect(page.get_by_text("The draft changed while you were looking")).to_be_visible()
    expect(page.locator("del").first).to_be_visible()
    expect(row(page, case)).to_contain_text("changed, look again")
    press(page, case, "a")
    expect(page.get_by_text("You approved this")).to_be_visible()
    counted(page, desk, case, "approved")
    [verdict] = verdicts(desk, case)
    assert verdict.revision == desk.app.view(case.id).case.revision == 2


def test_a_verdict_on_what_is_no_longer_there_does_not_count(desk: BrowserDesk, visit: Visit) -> None:
    case, _ = desk.reply("We pay back forty."), desk.reply(subject="Other")
    page = visit("grace", allowed=GONE)
    see(page, case)
    again = {"to": "eve@example.com", "subject": "Charged twice", "text": "We pay back fifty.", "refund_cents": 5000}
    with on_its_way(page, "/verdict$") as sent:
        press(page, case, "a")
        expect(row(page, case)).to_contain_text("being sent")
        desk.app.reviewer("grace").redraft(case.id, "fifty", arguments=again)
        until(page, lambda: bool(sent))
    expect(row(page, case)).to_contain_text("your verdict did not count")
    row(page, case).click()
    expect(page.get_by_role("alert").filter(has_text="Your verdict did not count")).to_be_visible()
    expect(page.get_by_text("eve@example.com")).to_be_visible()
    assert kinds(desk, case) == [[]]
    press(page, case, "a")
    counted(page, desk, case, "approved")


def test_who_was_faster_is_said_to_who_was_not(desk: BrowserDesk, visit: Visit) -> None:
    case, _ = desk.reply(), desk.reply(subject="Other")
    page = visit("grace", allowed=GONE)
    with on_its_way(page, "/verdict$") as sent:
        press(page, case, "r")
        expect(row(page, case)).to_contain_text("being sent")
        until(page, lambda: bool(sent))
        desk.app.reviewer("grace").release(case)
        desk.app.reviewer("ada").approve(desk.app.view(case.id).case)
    expect(row(page, case)).to_contain_text("ada was faster: approved")
    assert [(verdict.kind, verdict.reviewer) for verdict in verdicts(desk, case)] == [(VerdictKind.APPROVED, "ada")]


def test_a_verdict_given_in_another_window_is_taken_in(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply()
    page = visit("grace")
    see(page, case)
    desk.app.reviewer("grace").reject(desk.app.view(case.id).case)
    expect(page.get_by_role("button", name="Reject")).to_be_disabled()
    expect(page.get_by_role("status").filter(has_text="You have ruled on it in another window")).to_be_visible()


# --- the server says no


def test_a_verdict_that_does_not_fit_says_so_and_keeps_what_was_typed(desk: BrowserDesk, visit: Visit) -> None:
    case, _ = desk.reply(), desk.reply(subject="Other")
    page = visit("grace", allowed=GONE)

    def mangled(route: Route) -> None:
        document = json.loads(route.request.post_data or "")
        document["arguments"]["refund_cents"] = "many"
        route.continue_(post_data=json.dumps(document))

    page.route(re.compile("/verdict$"), mangled, times=1)
    edit(page, case, "Dear Ada, our fault.")
    expect(row(page, case)).to_contain_text("your verdict did not count")
    row(page, case).click()
    expect(page.get_by_role("alert").filter(has_text="refund_cents")).to_be_visible()
    assert kinds(desk, case) == [[]]
    page.get_by_role("button", name="Go on editing").click()
    expect(page.get_by_label("Text", exact=True)).to_have_value("Dear Ada, our fault.")
    page.keyboard.press("Control+Enter")
    counted(page, desk, case, "edited")
    assert desk.app.view(case.id).content.arguments["text"] == "Dear Ada, our fault."


def test_somebody_who_may_not_rule_any_more_is_told_so(desk: BrowserDesk, visit: Visit) -> None:
    case, _ = desk.reply(), desk.reply(subject="Other")
    page = visit("grace", allowed=GONE)
    see(page, case)
    desk.app.accounts.change("grace", roles=["auditor"], by="test")
    asked = "fetch('/api/v1/me').then((answer) => answer.json()).then((me) => me.roles)"
    until(page, lambda: page.evaluate(asked) == ["auditor"])
    page.keyboard.press("a")
    expect(row(page, case)).to_contain_text("your verdict did not count")
    row(page, case).click()
    expect(page.get_by_role("alert").filter(has_text="Your verdict did not count")).to_contain_text("reviewer or lead")
    assert kinds(desk, case) == [[]]
    desk.app.accounts.change("grace", roles=["reviewer"], by="test")


def test_a_server_that_fails_is_no_verdict(desk: BrowserDesk, visit: Visit) -> None:
    case, _ = desk.reply(), desk.reply(subject="Other")
    page = visit("grace", allowed=GONE)
    page.route(re.compile("/verdict$"), lambda route: route.fulfill(status=500, body="oops"), times=1)
    press(page, case, "a")
    expect(row(page, case)).to_contain_text("your verdict did not count")
    row(page, case).click()
    expect(page.get_by_role("alert").filter(has_text="The server answered 500")).to_be_visible()
    press(page, case, "a")
    counted(page, desk, case, "approved")


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("path", ["/me$", r"/queue\?", "/cases/[^/]+$"])
def test_a_busy_server_is_asked_again(desk: BrowserDesk, visit: Visit, path: str, status: int) -> None:
    case = desk.reply()
    page = visit("grace", "/keys", allowed=GONE)
    busy = {"detail": "Too much at once.", "code": "overloaded", "retry_after_s": 1}
    page.route(re.compile(path), lambda route: route.fulfill(status=status, json=busy), times=2)
    page.goto("/")
    see(page, case)


def test_a_busy_server_gets_a_verdict_again(desk: BrowserDesk, visit: Visit) -> None:
    case, _ = desk.reply(), desk.reply(subject="Other")
    page = visit("grace", allowed=GONE)
    busy = {"detail": "Too much at once.", "code": "overloaded", "retry_after_s": 1}
    page.route(re.compile("/verdict$"), lambda route: route.fulfill(status=503, json=busy), times=2)
    press(page, case, "a")
    expect(row(page, case)).to_contain_text("approved, undo for")
    counted(page, desk, case, "approved")


def edit(page: Page, case: CaseHandle, text: str) -> None:
    """Edit the text of a reply, and approve it so."""
    press(page, case, "e")
    page.get_by_label("Text", exact=True).fill(text)
    page.keyboard.press("Control+Enter")


# --- offline


def test_verdicts_given_offline_survive_a_reload_and_count_once(desk: BrowserDesk, visit: Visit) -> None:
    first, second, third, fourth = (desk.reply(subject=f"Case {nth}") for nth in range(4))
    page = visit("grace", allowed=GONE)
    see(page, first)
    until(page, lambda: loaded(page, "edit_form"))
    until(page, lambda: all(loaded(page, case.id) for case in (second, third, fourth)))
    page.context.set_offline(True)
    press(page, first, "a")
    press(page, second, "r")
    edit(page, third, "Dear Ada, our fault.")
    see(page, fourth)
    expect(page.get_by_role("status").filter(has_text="3 verdicts are kept here")).to_be_visible()
    expect(page.get_by_text("3 to send")).to_be_visible()
    kept = outbox(page)
    assert len(kept) == 3
    assert kinds(desk, first, second, third) == [[], [], []]

    page.close()
    page.context.set_offline(False)
    again = page.context.new_page()
    again.goto("/")
    see(again, fourth)
    for case, kind in ((first, "approved"), (second, "rejected"), (third, "edited")):
        counted(again, desk, case, kind)
    until(again, lambda: outbox(again) == [])
    assert {verdict.id for case in (first, second, third) for verdict in verdicts(desk, case)} == set(kept)


def test_the_page_sends_by_itself_what_waited(desk: BrowserDesk, visit: Visit) -> None:
    first, second = desk.reply(), desk.reply(subject="Other")
    page = visit("grace", allowed=GONE)
    see(page, first)
    press(page, first, "j")
    see(page, second)
    row(page, first).click()
    page.context.set_offline(True)
    press(page, first, "a")
    expect(page.get_by_text("One verdict is kept here")).to_be_visible()
    see(page, second)
    page.context.set_offline(False)
    expect(row(page, first)).to_contain_text("approved, undo for")
    expect(page.get_by_text("The server does not answer")).to_be_hidden()
    counted(page, desk, first, "approved")


def test_a_verdict_that_waits_can_be_taken_back(desk: BrowserDesk, visit: Visit) -> None:
    first, second = desk.reply(), desk.reply(subject="Other")
    page = visit("grace", allowed=GONE)
    press(page, first, "j")
    see(page, second)
    row(page, first).click()
    page.context.set_offline(True)
    press(page, first, "a")
    see(page, second)
    expect(page.get_by_text("One verdict is kept here")).to_be_visible()
    page.keyboard.press("u")
    see(page, first)
    assert outbox(page) == []
    page.context.set_offline(False)
    expect(page.get_by_text("The server does not answer")).to_be_hidden()
    press(page, first, "r")
    counted(page, desk, first, "rejected")
    assert [verdict.kind for verdict in desk.app.history(first.id).verdicts] == [VerdictKind.REJECTED]


def test_what_cannot_be_taken_back_is_not_kept_for_later(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.refund()
    page = visit("grace", allowed=GONE)
    see(page, case)
    page.context.set_offline(True)
    expect(page.get_by_text("The server does not answer")).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_text("it waits for you until it can")).to_be_visible()
    page.keyboard.press("Enter")
    assert outbox(page) == []
    page.context.set_offline(False)
    expect(page.get_by_text("The server does not answer")).to_be_hidden()
    assert kinds(desk, case) == [[]]
    press(page, case, "a")
    expect(page.get_by_role("alertdialog")).to_contain_text("runs at once")
    page.keyboard.press("Enter")
    counted(page, desk, case, "approved")


def test_offline_for_longer_than_a_claim(desk: BrowserDesk, visit: Visit) -> None:
    """A claim that lapsed takes no verdict away, and one that somebody else took since is named."""
    mine, hers = desk.reply(), desk.reply(subject="Other")
    desk.reply(subject="Third")
    page = visit("grace", allowed=GONE)
    press(page, mine, "j")
    press(page, hers, "j")
    row(page, mine).click()
    page.context.set_offline(True)
    press(page, mine, "a")
    press(page, hers, "a")
    expect(page.get_by_text("2 verdicts are kept here")).to_be_visible()
    # Both lapse in an hour, by the same database's word.
    with later(desk, hours=1) as app:
        app.reviewer("ada").claim_case(hers.id)
        app.reviewer("ada").claim_case(mine.id)
        app.reviewer("ada").release(mine.id)
    page.context.set_offline(False)
    expect(row(page, mine)).to_contain_text("approved, undo for")
    expect(row(page, hers)).to_contain_text("ada has it")
    counted(page, desk, mine, "approved")
    assert kinds(desk, hers) == [[]]


@contextmanager
def later(desk: BrowserDesk, **passed: float) -> Iterator[Signoff]:
    """The same database when so much time has passed."""
    with Signoff(desk.place, clock=FakeClock(datetime.now(UTC) + timedelta(**passed)), workers=0) as app:
        yield app


# --- signed out


def test_an_edit_survives_being_signed_out(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply()
    page = visit("grace", allowed=GONE)
    press(page, case, "e")
    text = page.get_by_label("Text", exact=True)
    text.fill("Dear Ada, our fault.")
    sign_out(desk, page)
    page.keyboard.press("Control+Enter")
    dialog = page.get_by_role("dialog", name="You are signed out")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_visible()
    assert kinds(desk, case) == [[]]
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    counted(page, desk, case, "edited")
    assert desk.app.view(case.id).content.arguments["text"] == "Dear Ada, our fault."


def test_what_is_typed_while_signed_out_is_still_there(desk: BrowserDesk, visit: Visit) -> None:
    case = desk.reply()
    page = visit("grace", allowed=GONE)
    press(page, case, "e")
    text = page.get_by_label("Text", exact=True)
    text.fill("Dear Ada, our fault.")
    page.context.clear_cookies()
    page.evaluate("dispatchEvent(new Event('online'))")
    dialog = page.get_by_role("dialog", name="You are signed out")
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(text).to_have_value("Dear Ada, our fault.")
    text.press("Control+Enter")
    counted(page, desk, case, "edited")


def test_somebody_else_who_signs_in_sees_and_sends_nothing_of_it(desk: BrowserDesk, visit: Visit) -> None:
    ruled, edited = desk.reply(), desk.reply(subject="Other")
    page = visit("grace", allowed=GONE)
    see(page, ruled)
    until(page, lambda: loaded(page, edited.id))
    sign_out(desk, page)
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog", name="You are signed out")
    expect(dialog).to_be_visible()
    kept = outbox(page)
    assert len(kept) == 1
    for case in (ruled, edited):
        desk.app.reviewer("grace").release(case)
    dialog.get_by_label("Account").fill("ada")
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Go on as ada").click()
    expect(page.get_by_role("navigation").get_by_text("ada")).to_be_visible()
    expect(row(page, ruled)).to_be_visible()
    expect(row(page, ruled)).not_to_contain_text("being sent")
    press(page, edited, "e")
    expect(page.get_by_label("Text", exact=True)).to_have_value("Dear Ada, we are sorry.")
    page.get_by_label("Text", exact=True).fill("Hers.")
    page.keyboard.press("Escape")
    expect(page.get_by_text("There is an edit of yours")).to_be_visible()
    assert kinds(desk, ruled, edited) == [[], []]
    assert outbox(page) == kept

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Account")).to_have_value("")
    for case in (ruled, edited):
        desk.app.reviewer("ada").release(case)
    sign_in(page, "grace")
    counted(page, desk, ruled, "approved")
    see(page, edited)
    expect(page.get_by_text("There is an edit of yours")).to_be_hidden()
    assert [verdict.reviewer for verdict in verdicts(desk, ruled)] == ["grace"]
    assert [verdict.id for verdict in verdicts(desk, ruled)] == kept


def test_a_page_rules_under_no_other_name_than_it_shows(desk: BrowserDesk, visit: Visit) -> None:
    """Somebody else signs in on another tab of the same browser, and a key is pressed on the tab from before."""
    case = desk.reply()
    page = visit("grace", allowed=GONE)
    see(page, case)
    page.context.add_cookies([{"name": COOKIE, "value": desk.session("ada"), "url": desk.url}])
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog", name="You are signed out")
    expect(dialog).to_be_visible()
    assert kinds(desk, case) == [[]]
    dialog.get_by_label("Password", exact=True).fill(PASSWORD)
    page.keyboard.press("Enter")
    counted(page, desk, case, "approved")
    assert [verdict.reviewer for verdict in verdicts(desk, case)] == ["grace"]


def sign_out(desk: BrowserDesk, page: Page) -> None:
    """End a browser's session without a word to it."""
    desk.app.accounts.sign_out(next(each["value"] for each in page.context.cookies() if each["name"] == COOKIE))
    until(page, lambda: page.request.get("/api/v1/me").status == 401)


# --- the server dies


def test_a_server_that_is_killed_loses_and_doubles_nothing(desk: BrowserDesk, visit: Visit) -> None:
    cases = [desk.reply(subject=f"Case {nth}") for nth in range(7)]
    page = visit("grace", allowed=GONE)
    see(page, cases[0])
    until(page, lambda: all(loaded(page, case.id) for case in cases[:6]))
    press(page, cases[0], "a")
    press(page, cases[1], "r")
    desk.kill()
    press(page, cases[2], "a")
    press(page, cases[3], "a")
    press(page, cases[4], "r")
    expect(page.get_by_role("status").filter(has_text="The server does not answer")).to_be_visible()
    see(page, cases[5])
    desk.start_again()
    expect(page.get_by_text("The server answers again: everything that was kept here is sent.")).to_be_visible(
        timeout=20_000
    )
    expect(page.get_by_text("The server does not answer")).to_be_hidden()
    ruled = ["approved", "rejected", "approved", "approved", "rejected"]
    assert kinds(desk, *cases) == [*([kind] for kind in ruled), [], []]
    assert [len(desk.app.history(case.id).verdicts) for case in cases] == [1, 1, 1, 1, 1, 0, 0]
    desk.reply(subject="New")
    expect(page.get_by_role("button", name="1 new")).to_be_visible(timeout=20_000)
    press(page, cases[5], "a")
    counted(page, desk, cases[5], "approved")


def test_a_verdict_whose_answer_was_lost_counts_once(desk: BrowserDesk, visit: Visit) -> None:
    case, _ = desk.reply(), desk.reply(subject="Other")
    page = visit("grace", allowed=GONE)

    def lose(route: Route) -> None:
        route.fetch()
        route.abort("connectionreset")

    page.route(re.compile("/verdict$"), lose, times=1)
    press(page, case, "a")
    expect(row(page, case)).to_contain_text("approved, undo for")
    assert [verdict.kind for verdict in desk.app.history(case.id).verdicts] == [VerdictKind.APPROVED]


def test_without_a_hold_a_lost_answer_is_looked_up_and_never_sent_again(desk: BrowserDesk, visit: Visit) -> None:
    arrived, lost = desk.refund("A-1"), desk.refund("A-2")
    page = visit("grace", allowed=GONE)

    def lose(route: Route) -> None:
        if arrived.id in route.request.url:
            route.fetch()
        route.abort("connectionreset")

    page.route(re.compile("/verdict$"), lose)
    for case in (arrived, lost):
        press(page, case, "a")
        expect(page.get_by_role("alertdialog")).to_be_visible()
        page.keyboard.press("Enter")
    expect(row(page, arrived)).to_contain_text("Your verdict arrived.")
    expect(page.get_by_role("status").filter(has_text="did not arrive")).to_be_visible()
    counted(page, desk, arrived, "approved")
    assert [len(desk.app.history(case.id).verdicts) for case in (arrived, lost)] == [1, 0]


# --- nobody looks


def holder(desk: BrowserDesk, case: CaseHandle) -> str | None:
    return desk.app.view(case.id).case.claimed_by


def test_a_page_that_is_left_gives_its_claims_back(desk: BrowserDesk, visit: Visit) -> None:
    first, second = desk.reply(), desk.reply(subject="Other")
    page = visit("grace")
    until(page, lambda: holder(desk, first) == holder(desk, second) == "grace")
    until(page, lambda: loaded(page, second.id))
    page.goto("about:blank")
    until(page, lambda: holder(desk, first) is holder(desk, second) is None)


def test_a_page_that_is_hidden_gives_its_claims_back(desk: BrowserDesk, visit: Visit) -> None:
    first, second = desk.reply(), desk.reply(subject="Other")
    page = visit("grace")
    see(page, first)
    until(page, lambda: holder(desk, first) == holder(desk, second) == "grace")
    until(page, lambda: loaded(page, second.id))
    hide(page, hidden=True)
    until(page, lambda: holder(desk, second) is None)
    desk.app.reviewer("ada").claim_case(second.id)
    hide(page, hidden=False)
    expect(row(page, second)).to_contain_text("ada has it")
    press(page, first, "a")
    counted(page, desk, first, "approved")


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


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_an_hour_off_does_no_harm(desk: BrowserDesk, visit: Visit, hours: int) -> None:
    first, second = desk.reply(), desk.reply(subject="Other")
    hers = [desk.reply(subject=f"Case {nth}") for nth in range(7)][-1]
    page = visit("grace", "/keys")
    page.context.add_init_script(
        f"""{{
            const Real = Date;
            globalThis.Date = class Date extends Real {{
                constructor(...of) {{ of.length ? super(...of) : super(Real.now() + {hours} * 3600000); }}
                static now() {{ return Real.now() + {hours} * 3600000; }}
            }};
        }}"""
    )
    page.goto("/")
    see(page, first)
    expect(row(page, first).locator("time")).to_have_text(re.compile(r"^\d+ s$"))
    until(page, lambda: holder(desk, second) == "grace" and loaded(page, second.id))
    desk.app.reviewer("ada").claim_case(hers.id)
    expect(row(page, hers)).to_contain_text("ada has it")
    page.keyboard.press("a")
    expect(row(page, first)).to_contain_text(re.compile(r"approved, undo for (60|5\d) s"))
    press(page, second, "u")
    see(page, first)
    until(page, lambda: kinds(desk, first) == [[]] and holder(desk, first) == "grace")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    press(page, first, "j")
    press(page, second, "k")
    see(page, first)
    assert not [url for url in asked if url.endswith("/claims")]
    page.goto("about:blank")
    until(page, lambda: holder(desk, first) is holder(desk, second) is None)
