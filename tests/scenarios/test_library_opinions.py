"""Second opinions: n different people must agree, each blind to the others; a lead settles a split."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from signoff import CaseHandle, Signoff, State
from signoff.errors import CaseClosed, ContentChanged, KeyReused, NotAllowed, SameReviewer
from signoff.testing import FakeClock, RecordingHandler

Propose = Callable[..., CaseHandle]


def checkpoint(app: Signoff, sent: RecordingHandler, **declared: Any) -> Propose:
    @app.checkpoint(**{"opinions": 2, **declared})
    def pay(to: str, cents: int = 100) -> str:
        return sent(to=to, cents=cents)

    return pay.propose


@pytest.mark.parametrize("opinions", [2, 3])
def test_only_enough_equal_opinions_clear_a_case(app: Signoff, sent: RecordingHandler, opinions: int) -> None:
    case = checkpoint(app, sent, opinions=opinions)(to="ada")
    for number in range(opinions - 1):
        assert app.reviewer(f"r{number}").approve(app.case(case.id)).state is State.WAITING
        assert app.run_due() == 0
    assert app.reviewer("last").approve(app.case(case.id)).state is State.CLEARED
    assert app.run_due() == 1
    history = app.history(case.id)
    assert [vote.reviewer for vote in history.votes] == [*(f"r{n}" for n in range(opinions - 1)), "last"]
    assert len(history.verdicts) == 1
    assert [entry.kind for entry in history.entries].count("vote") == opinions


def test_enough_rejections_reject(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent)(to="ada")
    app.reviewer("ada").reject(case, "no")
    assert app.reviewer("bob").reject(app.case(case.id), "no").state is State.REJECTED


def test_the_same_reviewer_cannot_count_twice(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent)(to="ada")
    ada = app.reviewer("ada")
    ada.approve(case)
    for answer in (
        lambda: ada.approve(app.case(case.id)),
        lambda: ada.reject(app.case(case.id)),
        lambda: ada.approve(case),
    ):
        with pytest.raises(SameReviewer, match="ada has already"):
            answer()
    assert case.state is State.WAITING
    assert len(app.history(case.id).votes) == 1


def test_the_same_vote_sent_twice_counts_once(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent)(to="ada")
    ada = app.reviewer("ada")
    ada.approve(case, verdict_id="v1")
    assert ada.approve(case, verdict_id="v1").state is State.WAITING
    assert ada.approve(app.case(case.id), verdict_id="v1").state is State.WAITING
    last = app.case(case.id)
    app.reviewer("bob").approve(last, verdict_id="v2")
    assert app.reviewer("bob").approve(last, verdict_id="v2").state is State.CLEARED
    assert ada.approve(case, verdict_id="v1").state is State.CLEARED
    assert len(app.history(case.id).votes) == 2


def test_a_votes_id_cannot_stand_for_another_vote(app: Signoff, sent: RecordingHandler) -> None:
    propose = checkpoint(app, sent)
    case, other = propose(to="ada"), propose(to="bob")
    ada = app.reviewer("ada")
    ada.approve(case, verdict_id="v1")
    for answer in (
        lambda: ada.reject(case, verdict_id="v1"),
        lambda: ada.edit(case, {"to": "eve"}, verdict_id="v1"),
        lambda: ada.approve(other, verdict_id="v1"),
        lambda: app.reviewer("bob").approve(app.case(case.id), verdict_id="v1"),
    ):
        with pytest.raises(KeyReused):
            answer()
    assert len(app.history(case.id).votes) == 1


@pytest.mark.parametrize("swapped", [False, True])
def test_a_split_goes_to_a_lead_who_was_no_part_of_it(app: Signoff, sent: RecordingHandler, swapped: bool) -> None:
    case = checkpoint(app, sent, opinions=3)(to="ada")
    one, other = app.reviewer("ada", roles=["reviewer", "lead"]), app.reviewer("bob")
    first, second = (one.approve, other.reject) if not swapped else (one.reject, other.approve)
    first(case)
    split = second(app.case(case.id))
    assert (split.state, split.assigned_to) == (State.WAITING, "group:lead")
    assert app.run_due() == 0
    with pytest.raises(NotAllowed, match="group:lead"):
        app.reviewer("eve").approve(app.case(case.id))
    with pytest.raises(SameReviewer):
        one.approve(app.case(case.id))
    lea = app.reviewer("lea", roles=["lead"])
    assert [found.id for found in lea.queue()] == [case.id]
    assert lea.approve(lea.claim()[0]).state is State.CLEARED
    assert app.run_due() == 1


def test_an_edit_voids_the_votes_before_it_and_counts_as_the_first_for_its_words(
    app: Signoff, sent: RecordingHandler
) -> None:
    case = checkpoint(app, sent)(to="ada")
    app.reviewer("ada").approve(case)
    edited = app.reviewer("bob").edit(app.case(case.id), {"to": "ada", "cents": 50})
    assert (edited.state, edited.revision, edited.assigned_to) == (State.WAITING, 2, None)
    with pytest.raises(ContentChanged):
        app.reviewer("eve").approve(case)
    with pytest.raises(SameReviewer):
        app.reviewer("bob").approve(app.case(case.id))
    # Who approved the words before the edit has not seen these yet.
    assert app.reviewer("ada").approve(app.case(case.id)).state is State.CLEARED
    assert app.run_due() == 1
    assert [call.arguments for call in sent.calls] == [{"to": "ada", "cents": 50}]


def test_two_different_edits_do_not_agree(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent)(to="ada")
    app.reviewer("ada").edit(case, {"to": "ada", "cents": 1})
    third = app.reviewer("bob").edit(app.case(case.id), {"to": "ada", "cents": 2})
    assert (third.state, third.revision) == (State.WAITING, 3)
    assert app.reviewer("eve").approve(app.case(case.id)).state is State.CLEARED


def test_before_it_settles_a_case_tells_nothing_of_the_others_opinions(app: Signoff, sent: RecordingHandler) -> None:
    propose = checkpoint(app, sent)
    fresh, voted = propose(to="x"), propose(to="x")
    app.reviewer("ada").reject(voted, "a scam")
    shown, blank = app.view(voted), app.view(fresh)
    for word in ("ada", "scam", "reject"):
        assert word not in repr(shown)
    assert (shown.content.arguments, shown.routing.reason) == (blank.content.arguments, blank.routing.reason)  # type: ignore[union-attr]
    assert shown.case.opinions == blank.case.opinions


def test_the_proposer_is_no_opinion(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent)(to="ada", proposer="ada")
    with pytest.raises(NotAllowed, match="proposed"):
        app.reviewer("ada").approve(case)


def test_a_vote_after_the_end_is_told_who_ruled(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent)(to="ada")
    app.reviewer("ada").approve(case)
    app.reviewer("bob").approve(app.case(case.id))
    for late in (case, app.case(case.id)):
        with pytest.raises(CaseClosed, match="bob approved"):
            app.reviewer("eve").reject(late)


def test_a_hold_covers_the_agreement_and_its_recall_leaves_room_for_another_opinion(
    app: Signoff, clock: FakeClock, sent: RecordingHandler
) -> None:
    case = checkpoint(app, sent, undo_s=10)(to="ada")
    app.reviewer("ada").approve(case)
    bob = app.reviewer("bob")
    assert bob.approve(app.case(case.id)).state is State.HELD
    assert bob.recall(case).state is State.WAITING
    clock.advance(60)
    assert app.run_due() == 0
    # The undo was made to answer differently; with two people there is nobody else.
    assert bob.reject(app.case(case.id)).assigned_to == "group:lead"


def test_a_redraft_after_a_split_needs_all_opinions_again(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent)(to="ada")
    app.reviewer("ada").approve(case)
    app.reviewer("bob").reject(app.case(case.id))
    lea = app.reviewer("lea", roles=["lead"])
    lea.redraft(case, "smaller", arguments={"to": "ada", "cents": 1})
    # Nobody has seen these words: one person alone must not clear them.
    assert lea.approve(app.case(case.id)).state is State.WAITING
    assert app.run_due() == 0


def test_a_claimed_vote_gives_the_case_back_to_the_queue(app: Signoff, sent: RecordingHandler) -> None:
    case = checkpoint(app, sent)(to="ada")
    ada, bob = app.reviewer("ada"), app.reviewer("bob")
    ada.approve(ada.claim()[0])
    assert app.case(case.id).seen.claimed_by is None
    assert bob.approve(bob.claim()[0]).state is State.CLEARED
