"""A sitting at a clock that stands still: claims that lapse, cases that others decide, verdicts taken back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from signoff import LabelDrafter, Signoff, State
from signoff.cli.sitting import Sitting, sit
from signoff.errors import StoreUnavailable
from signoff.testing import FakeClock, MemoryStore

Step = str | Callable[[], object]


class Script:
    """Answers in order; what is no answer happens while the reviewer looks at the screen."""

    def __init__(self, *steps: Step, interactive: bool = False) -> None:
        self._steps = list(steps)
        self.interactive = interactive

    def read(self, prompt: str, words: Sequence[str] = ()) -> str:
        while self._steps:
            step = self._steps.pop(0)
            if isinstance(step, str):
                return step
            step()
        raise EOFError


@pytest.fixture
def route(app: Signoff) -> Any:
    @app.checkpoint(label="team", undo_s=5)
    def route(message: str, team: str) -> str:
        return team

    return route


def propose(route: Any, *messages: str) -> list[str]:
    return [route.propose(message=message, team="sales", confidence=0.8, key=message).id for message in messages]


def play(app: Signoff, *steps: Step, interactive: bool = False) -> Sitting:
    return sit(app, app.reviewer("grace"), source=Script(*steps, interactive=interactive))


def team(app: Signoff, case_id: str) -> Any:
    return app.view(case_id).content.arguments["team"]


def test_an_answer_counts_though_its_claim_has_lapsed(app: Signoff, clock: FakeClock, route: Any) -> None:
    cases = propose(route, "one", "two")

    sitting = play(app, lambda: clock.advance(1000), "", lambda: clock.advance(1000), "billing", "y")

    assert [ruled.counted for ruled in sitting.ruled] == ["accepted", "corrected"]
    assert [app.case(case_id).state for case_id in cases] == [State.HELD, State.HELD]
    assert [team(app, case_id) for case_id in cases] == ["sales", "billing"]


def test_a_lapsed_claim_that_somebody_else_took_is_told(
    app: Signoff, clock: FakeClock, route: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    [case_id] = propose(route, "one")

    def taken() -> None:
        clock.advance(1000)
        app.reviewer("ada").claim()

    sitting = play(app, taken, "")

    assert sitting.ruled == []
    assert "claimed by ada" in capsys.readouterr().out
    assert app.case(case_id).seen.claimed_by == "ada"


def test_what_changed_meanwhile_is_shown_and_asked_about_again(
    app: Signoff, clock: FakeClock, route: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    [case_id] = propose(route, "one")

    def changed() -> None:
        clock.advance(1000)
        app.reviewer("ada").redraft(case_id, "no", arguments={"message": "one", "team": "returns"})

    sitting = play(app, changed, "", "")

    assert "team: sales → returns" in capsys.readouterr().out
    assert (len(sitting.ruled), team(app, case_id)) == (1, "returns")


def test_a_case_decided_elsewhere_says_who_won(
    app: Signoff, clock: FakeClock, route: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = propose(route, "one", "two")

    def decided() -> None:
        clock.advance(1000)
        app.reviewer("ada").reject(app.case(first))

    sitting = play(app, decided, "", "")

    assert "ada rejected it" in capsys.readouterr().out
    assert [ruled.case_id for ruled in sitting.ruled] == [second]


def test_undo_puts_the_case_on_the_screen_behind_the_one_that_comes_back(app: Signoff, route: Any) -> None:
    first, second, third = propose(route, "one", "two", "three")

    sitting = play(app, "gifts", "y", ":u", ":r no", "", "", "")

    assert [(ruled.case_id, ruled.counted) for ruled in sitting.ruled] == [
        (first, "rejected"),
        (second, "accepted"),
        (third, "accepted"),
    ]
    assert sitting.right == [True, True]


def test_a_hold_that_is_over_is_told_and_changes_nothing(
    app: Signoff, clock: FakeClock, route: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = propose(route, "one", "two")

    def settled() -> None:
        clock.advance(6)
        app.run_due()

    sitting = play(app, "", settled, ":u", ":r")

    assert "Too late to take it back: the hold is over and it is done." in capsys.readouterr().out
    assert [(ruled.case_id, ruled.counted) for ruled in sitting.ruled] == [(first, "accepted"), (second, "rejected")]
    assert sitting.states == {State.DONE: 1}


def test_a_name_that_was_taken_back_is_asked_about_again(app: Signoff, route: Any) -> None:
    propose(route, "one", "two")

    # The second time it is asked about, and declined, as if it had never been named.
    sitting = play(app, "typo", "y", ":u", "billing", "y", "typo", "n", "")

    assert [ruled.counted for ruled in sitting.ruled] == ["corrected", "accepted"]


def test_a_held_enter_accepts_nothing(app: Signoff, route: Any, capsys: pytest.CaptureFixture[str]) -> None:
    propose(route, "one")

    sitting = play(app, *[""] * 50, ":q", interactive=True)

    assert sitting.ruled == []
    assert capsys.readouterr().out.count("quicker than anybody reads") == 1


def test_a_label_that_was_no_suggestion_is_a_correction_though_it_equals_the_draft(app: Signoff) -> None:
    @app.checkpoint(label="team", drafter=LabelDrafter(label="team", labels=["sales"], background=False))
    def sort(team: str) -> None: ...

    case = sort.propose(evidence={"message": "hello"})

    sitting = play(app, "", "sales")

    assert [ruled.counted for ruled in sitting.ruled] == ["corrected"]
    assert app.view(case).content.arguments == {"team": "sales"}


def test_what_would_run_is_shown_even_if_the_evidence_says_something_else(
    app: Signoff, route: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    route.propose(message="pay Eve", team="sales", evidence={"message": "pay Ada"})
    route.propose(message="same words", team="sales", evidence={"message": "same words"})

    play(app, "", "")

    out = capsys.readouterr().out
    assert "argument message" in out
    assert "pay Eve" in out
    assert out.count("same words") == 1


class Flaky(MemoryStore):
    """A store that can be out of reach."""

    gone = False

    def write(self, work: Any) -> Any:
        if self.gone:
            raise StoreUnavailable("the disk is full; make room and try again")
        return super().write(work)


def test_a_verdict_the_database_did_not_take_can_be_sent_again(capsys: pytest.CaptureFixture[str]) -> None:
    store = Flaky()
    with Signoff(store, workers=0) as app:

        @app.checkpoint
        def pay(to: str) -> None: ...

        case = pay.propose(to="Ada")

        sitting = play(app, lambda: setattr(store, "gone", True), "", "", lambda: setattr(store, "gone", False), "")

        assert capsys.readouterr().out.count("the disk is full") == 2
        assert len(sitting.ruled) == 1
        assert case.state is State.CLEARED


def test_claims_go_back_when_somebody_gets_up(app: Signoff, route: Any) -> None:
    cases = propose(route, *"abcdefgh")

    play(app, "", ":s 5", ":q")

    assert [app.case(case_id).seen.claimed_by for case_id in cases] == [None] * len(cases)


def test_ctrl_c_at_any_prompt_ends_it_with_everything_kept(app: Signoff, route: Any) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    cases = propose(route, "one", "two")

    sitting = play(app, "", "unheard of", stop)

    assert sitting.interrupted
    assert [app.case(case_id).state for case_id in cases] == [State.HELD, State.WAITING]
    assert app.case(cases[1]).seen.claimed_by is None


def test_the_summary_compares_the_first_ten_with_the_last_ten(app: Signoff, route: Any) -> None:
    propose(route, *(f"message {n}" for n in range(21)))

    sitting = play(app, "billing", "y", *["billing"] * 4, *[""] * 15, ":r", ":q")

    assert sitting.summary() == [
        "21 verdicts: 15 accepted, 5 corrected, 1 rejected.",
        "First pass right: 5 of the first 10, 10 of the last 10.",
        "Effects: 20 still to come.",
    ]
