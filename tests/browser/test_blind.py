"""On a blind checkpoint the browser is told nothing of the AI's opinion before its person has ruled."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Page, Response, expect

from signoff import CaseHandle, Signoff
from tests.browser.checkpoints import declare
from tests.browser.conftest import BrowserDesk
from tests.browser.reading import heading, press, reading, row, said

Visit = Callable[..., Page]

OPINION: dict[str, Any] = {"confidence": 0.8125, "rationale": "because-of-the-invoice", "drafter": "guesser@7"}
HIDDEN = ("xbilling", "xreturns", "because-of-the-invoice", "guesser@7", "0.8125", "0.0625", "oversight_always")
"""What only the AI's opinion holds: category, alternative, rationale, drafter, confidences, rule."""


@pytest.fixture
def desk(shared_desk: BrowserDesk) -> BrowserDesk:
    return shared_desk


@dataclass
class Wire:
    """Everything that a page got over the wire."""

    page: Page
    answers: list[Response] = field(default_factory=list)

    def __post_init__(self) -> None:
        # The page streams for as long as it is open, and is asked about elsewhere.
        self.page.on("response", lambda answer: "/api/v1/events" in answer.url or self.answers.append(answer))

    def text(self) -> str:
        """Give it as one text; answers that carry none are left out."""
        found = [answer for answer in self.answers if answer.status == 200 and "/api/" in answer.url]
        return "\n".join(f"{answer.url}\n{answer.text()}" for answer in found)


def told(text: str) -> list[str]:
    return [each for each in HIDDEN if each in text]


def sorted_out(desk: BrowserDesk, message: str) -> CaseHandle:
    """Propose a team on the blind queue of categories."""
    others = [{"arguments": {"team": "xreturns"}, "confidence": 0.0625}]
    arguments = {"message": message, "team": "xbilling"}
    return desk.propose("sort", evidence={"message": message}, alternatives=others, **OPINION, **arguments)


def teach(past: Signoff, *teams: str) -> None:
    """Let the queue know some categories, each from a verdict of half an hour ago."""
    sort = declare(past)["sort"]
    cases = [sort.propose(message=f"About {team}", team=team) for team in teams]
    for case, team in zip(cases, teams, strict=True):
        past.reviewer("ada").edit(case, {"message": f"About {team}", "team": team})
    for case in cases:
        assert case.outcome(15).state.value == "done"


def everywhere(page: Page, case: CaseHandle) -> str:
    """Look at all that a reviewer can see of a case, and give what the screen says."""
    shown = [page.locator("body").inner_text(), page.locator("html").inner_html()]
    press(page, "o")
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
    expect(page.get_by_text("proposed").first).to_be_visible()
    shown.append(page.locator("html").inner_html())
    page.go_back()
    expect(heading(page)).to_be_visible()
    return "\n".join(shown)


def test_a_category_is_chosen_without_the_suggestion_and_told_afterwards(
    desk: BrowserDesk, visit: Visit, past: Signoff
) -> None:
    teach(past, "technical", "sales")
    case, other = sorted_out(desk, "My kettle leaks"), sorted_out(desk, "I was charged twice")
    page = visit("grace", "about:blank")
    wire = Wire(page)
    page.goto("/?checkpoint=sort")
    reading(page, "My kettle leaks")
    expect(page.get_by_text("You decide first here; the suggestion comes after.")).to_be_visible()
    expect(page.get_by_role("complementary", name="Why you see this")).to_contain_text("Withheld until you have ruled")
    assert told(everywhere(page, case)) == []
    # Enter would accept a suggestion; there is none to accept.
    reading(page, "My kettle leaks")
    press(page, "Enter", "d")
    assert desk.acts(case) == []
    before = wire.text()
    assert case.id in before
    assert told(before) == []
    # The categories stand in the order of their use, whatever was suggested.
    press(page, "/")
    page.keyboard.type("technical")
    press(page, "Enter")
    expect(row(page, "My kettle leaks")).to_contain_text("technical, undo for")
    expect(said(page)).to_have_text("You chose technical. The AI had proposed xbilling (81 %).")
    [verdict] = desk.app.history(case.id).verdicts
    assert verdict.kind.value == "edited"
    assert desk.app.view(case).content.arguments["team"] == "technical"
    # What is looked through here is where it would have been: now it is there.
    assert "because-of-the-invoice" in told(wire.text())
    # Of the next one it is still told nothing.
    expect(heading(page)).to_have_text("I was charged twice")
    after = "\n".join(part for part in wire.text().split("\nhttp") if other.id in part and case.id not in part)
    assert other.id in after
    assert told(after) == []


def test_who_chooses_what_was_suggested_has_approved_it(desk: BrowserDesk, visit: Visit) -> None:
    case = sorted_out(desk, "I was charged twice")
    page = reading(visit("grace", "/?checkpoint=sort"), "I was charged twice")
    press(page, "/")
    page.keyboard.type("xbilling")
    press(page, "Enter")
    if desk.acts(case) == []:
        # A category nobody has used before is named, and confirmed.
        press(page, "Enter")
    expect(said(page)).to_have_text("You chose xbilling. The AI had proposed xbilling (81 %).")
    [verdict] = desk.app.history(case.id).verdicts
    assert verdict.kind.value == "approved"


def test_a_blind_case_shows_what_would_run_and_not_why(desk: BrowserDesk, visit: Visit) -> None:
    others = [{"arguments": {"person": "xreturns", "cents": 1}, "confidence": 0.0625}]
    evidence = {"letter": "Please."}
    case = desk.propose("grant", person="Ada", cents=4000, evidence=evidence, alternatives=others, **OPINION)
    page = visit("grace", "about:blank")
    wire = Wire(page)
    page.goto("/?checkpoint=grant")
    reading(page, "Please.")
    expect(page.get_by_role("region", name="What the AI proposes")).to_contain_text("4000")
    assert told(everywhere(page, case)) == []
    reading(page, "Please.")
    before = wire.text()
    assert case.id in before
    assert told(before) == []
    press(page, "a")
    expect(said(page)).to_have_text("Approved. The AI had proposed this (81 %).")
    assert desk.state(case) == "held"
    # The case's own page now tells all of it.
    page.goto(f"/cases/{case.id}")
    expect(page.get_by_text("because-of-the-invoice").first).to_be_visible()


def test_the_stream_tells_nothing_of_an_opinion(desk: BrowserDesk, visit: Visit) -> None:
    page = visit("grace")
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    # Read as any script of the page could, from the beginning, until the case is in it.
    script = """
        async (until) => {
            const answer = await fetch("/api/v1/events?after_seq=0");
            const reader = answer.body.getReader();
            const decoder = new TextDecoder();
            let text = "";
            while (!text.includes(until)) text += decoder.decode((await reader.read()).value, { stream: true });
            await reader.cancel();
            return text;
        }
    """
    case = sorted_out(desk, "My kettle leaks")
    text = page.evaluate(script, case.id)
    assert re.search(r"event: move", text)
    assert told(text) == []
