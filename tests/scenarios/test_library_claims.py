"""Claims: a time-limited hold on a case, so that two people do not work on one."""

from __future__ import annotations

from typing import Any

import pytest

from signoff import CaseHandle, Signoff, State
from signoff.errors import CaseClosed, ClaimLost, InvalidInput, NotAllowed
from signoff.testing import FakeClock


def propose(app: Signoff, count: int = 1, **how: Any) -> list[CaseHandle]:
    @app.checkpoint()
    def send(to: str) -> None: ...

    return [send.propose(to=f"a{i}", **how) for i in range(count)]


def test_claims_take_the_oldest_cases_and_nobody_else_is_offered_them(app: Signoff) -> None:
    cases = [case.id for case in propose(app, 5)]
    ada, bob = app.reviewer("ada"), app.reviewer("bob")
    assert [case.id for case in ada.claim(2)] == cases[:2]
    assert [case.id for case in bob.queue()] == cases[2:]
    assert [case.id for case in bob.claim(2)] == cases[2:4]
    assert [case.id for case in ada.queue()] == [*cases[:2], cases[4]]
    assert [case.id for case in ada.claim(9)] == [*cases[:2], cases[4]]


def test_a_claimed_case_is_refused_to_others_until_it_is_released(app: Signoff) -> None:
    case = propose(app)[0]
    ada, bob = app.reviewer("ada"), app.reviewer("bob")
    ada.claim()
    for answer in (
        lambda: bob.approve(case),
        lambda: bob.approve(app.case(case.id)),
        lambda: bob.claim_case(case.id),
        lambda: bob.snooze(case),
        lambda: bob.hand_over(case, "eve"),
        lambda: bob.redraft(case, "no"),
    ):
        with pytest.raises(ClaimLost, match="claimed by ada") as caught:
            answer()
        assert caught.value.facts["claimed_by"] == "ada"
    ada.release(case)
    assert bob.approve(bob.claim()[0]).state is State.CLEARED


def test_releasing_what_one_does_not_hold_changes_nothing(app: Signoff) -> None:
    case = propose(app)[0]
    claimed = app.reviewer("ada").claim()[0]
    assert app.reviewer("bob").release(case) == claimed
    assert app.case(case.id).seen == claimed


def test_a_verdict_after_the_claim_expired_is_refused(app: Signoff, clock: FakeClock) -> None:
    propose(app)
    ada = app.reviewer("ada")
    claimed = ada.claim(hold_s=60)[0]
    clock.advance(60)
    with pytest.raises(ClaimLost, match="expired"):
        ada.approve(claimed)
    assert ada.approve(ada.claim_case(claimed.id)).state is State.CLEARED


def test_a_claim_that_expired_and_was_taken_by_another_is_told_to_whom(app: Signoff, clock: FakeClock) -> None:
    propose(app)
    ada, bob = app.reviewer("ada"), app.reviewer("bob")
    claimed = ada.claim(hold_s=60)[0]
    clock.advance(60)
    bob.claim()
    with pytest.raises(ClaimLost) as caught:
        ada.approve(claimed)
    assert caught.value.facts["claimed_by"] == "bob"


def test_a_verdict_too_late_for_its_claim_and_for_the_case_is_told_who_won(app: Signoff, clock: FakeClock) -> None:
    propose(app)
    ada, bob = app.reviewer("ada"), app.reviewer("bob")
    claimed = ada.claim(hold_s=60)[0]
    clock.advance(60)
    bob.reject(bob.claim()[0])
    with pytest.raises(CaseClosed, match="bob rejected it") as caught:
        ada.approve(claimed)
    assert caught.value.facts["reviewer"] == "bob"


def test_a_verdict_sent_twice_counts_once_even_after_its_claim_expired(app: Signoff, clock: FakeClock) -> None:
    propose(app)
    ada = app.reviewer("ada")
    claimed = ada.claim(hold_s=60)[0]
    ruled = ada.approve(claimed, verdict_id="v1")
    clock.advance(120)
    # The answer to the first request was lost on the way; the client sends it again.
    assert ada.approve(claimed, verdict_id="v1") == ruled


def test_a_renewed_claim_keeps_the_first_look_good(app: Signoff, clock: FakeClock) -> None:
    propose(app)
    ada = app.reviewer("ada")
    first = ada.claim(hold_s=60)[0]
    clock.advance(40)
    renewed = ada.claim_case(first.id, hold_s=60)
    assert renewed.fence == first.fence
    assert renewed.claim_expires_at is not None
    assert first.claim_expires_at is not None
    assert renewed.claim_expires_at > first.claim_expires_at
    clock.advance(40)
    assert app.reviewer("bob").queue() == []
    assert ada.approve(first).state is State.CLEARED


def test_a_renewed_claim_keeps_out_whoever_saw_it_before(app: Signoff, clock: FakeClock) -> None:
    case = propose(app)[0]
    ada, bob = app.reviewer("ada"), app.reviewer("bob")
    ada.claim(hold_s=60)
    seen = app.case(case.id)
    clock.advance(40)
    ada.claim(hold_s=60)
    clock.advance(40)
    # On bob's screen the claim has run out; it was renewed since.
    with pytest.raises(ClaimLost, match="claimed by ada"):
        bob.approve(seen)
    assert case.state is State.WAITING


def test_a_look_from_an_earlier_claim_is_fenced_off_even_if_the_words_are_the_same(
    app: Signoff, clock: FakeClock
) -> None:
    propose(app)
    ada, bob = app.reviewer("ada"), app.reviewer("bob")
    first = ada.claim(hold_s=600)[0]
    ada.release(first)
    bob.release(bob.claim()[0])
    with pytest.raises(ClaimLost, match="gone"):
        ada.approve(first)
    again = ada.claim(hold_s=600)[0]
    with pytest.raises(ClaimLost, match="claim it again"):
        ada.approve(first)
    assert ada.approve(again).state is State.CLEARED


def test_a_look_without_a_claim_is_good_as_long_as_nobody_holds_the_case(app: Signoff, clock: FakeClock) -> None:
    case = propose(app)[0]
    ada, bob = app.reviewer("ada"), app.reviewer("bob")
    ada.release(ada.claim()[0])
    assert bob.approve(case).state is State.CLEARED


def test_a_verdict_ends_the_claim_and_a_recall_leaves_the_case_unclaimed(app: Signoff) -> None:
    @app.checkpoint(undo_s=10)
    def publish(title: str) -> None: ...

    publish.propose(title="x")
    ada = app.reviewer("ada")
    held = ada.approve(ada.claim()[0])
    assert (held.claimed_by, held.claim_expires_at) == (None, None)
    recalled = ada.recall(held)
    assert recalled.claimed_by is None
    assert [case.id for case in app.reviewer("bob").queue()] == [held.id]


def test_ones_own_proposals_are_neither_claimed_nor_in_the_way(app: Signoff) -> None:
    propose(app, 3, proposer="ada")
    others = app.function("send").propose(to="x")
    ada = app.reviewer("ada")
    assert [case.id for case in ada.claim(2)] == [others.id]
    with pytest.raises(NotAllowed, match="proposed"):
        ada.claim_case(app.cases()[0].id)


def test_claims_are_cut_to_a_checkpoint_and_need_the_role(app: Signoff) -> None:
    propose(app, 2)

    @app.checkpoint()
    def publish(title: str) -> None: ...

    wanted = publish.propose(title="x")
    assert [case.id for case in app.reviewer("ada").claim(checkpoint="publish")] == [wanted.id]
    with pytest.raises(NotAllowed, match="claim cases"):
        app.reviewer("eve", roles=["auditor"]).claim()


@pytest.mark.parametrize(
    "bad",
    [{"limit": 0}, {"limit": 1001}, {"hold_s": 0}, {"hold_s": -1}, {"hold_s": float("nan")}, {"hold_s": float("inf")}],
)
def test_a_claim_of_nothing_or_for_no_time_or_for_ever_is_refused(app: Signoff, bad: dict[str, Any]) -> None:
    propose(app)
    with pytest.raises(InvalidInput, match="claim"):
        app.reviewer("ada").claim(**bad)


def test_a_closed_case_cannot_be_claimed_and_says_why(app: Signoff) -> None:
    case = propose(app)[0]
    app.reviewer("grace").reject(case)
    with pytest.raises(CaseClosed, match="grace rejected it"):
        app.reviewer("ada").claim_case(case.id)


def test_a_renewal_is_no_new_entry_and_a_claim_and_release_are(app: Signoff) -> None:
    case = propose(app)[0]
    ada = app.reviewer("ada")
    for _ in range(3):
        ada.claim()
    ada.release(case)
    assert [entry.act for entry in app.history(case.id).entries] == ["propose", "claim", "release"]
