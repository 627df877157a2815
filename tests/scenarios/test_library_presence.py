"""Presence: nobody's absence holds a case, and a desk shows who has what in hand and what is stuck."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any, cast

import pytest

from signoff import CheckpointFunction, Signoff, State
from signoff.app.views import DeskQueue, Why
from signoff.domain.presence import Presence
from signoff.engine import presence
from signoff.errors import NotAllowed, PersonAway
from signoff.ports import Transaction
from signoff.testing import FakeClock


@pytest.fixture
def send(app: Signoff) -> CheckpointFunction[..., Any]:
    @app.checkpoint()
    def send(to: str) -> str:
        return "sent"

    return send


def acts(app: Signoff, case_id: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [(entry.kind.value, entry.act, entry.facts) for entry in app.history(case_id).entries][1:]


def test_who_goes_away_leaves_every_case_to_the_others(
    app: Signoff, clock: FakeClock, send: CheckpointFunction[..., Any]
) -> None:
    grace, lee, ada = app.reviewer("grace"), app.reviewer("lee", roles=["lead"]), app.reviewer("ada")
    free, held, given, both, adas, ruled, groups = (send.propose(to=str(n)) for n in range(7))
    grace.approve(ruled)
    for case in (given, both):
        lee.hand_over(case, "grace")
    lee.hand_over(groups, "group:reviewer")
    grace.claim(case_ids=[held, both])
    ada.claim_case(adas.id)
    gone = grace.presence(away=True)
    assert (gone.here, gone.away_since, gone.claimed, gone.assigned, gone.ruled_today) == (False, clock.now(), 0, 0, 1)
    assert [case.id for case in ada.queue()] == [each.id for each in (free, held, given, both, adas, groups)]
    assert acts(app, held.id)[1:] == [("claim", "release", {"why": "away"})]
    assert acts(app, given.id)[1:] == [("handover", "pass_on", {"from": "grace", "why": "away"})]
    assert [act for _, act, _ in acts(app, both.id)] == ["hand_over", "claim", "release", "pass_on"]
    assert acts(app, free.id) == []
    assert [act for _, act, _ in acts(app, groups.id)] == ["hand_over"]
    assert app.case(adas.id).seen.claimed_by == "ada"


def test_many_cases_pass_on_in_small_transactions(app: Signoff, send: CheckpointFunction[..., Any]) -> None:
    grace, lee = app.reviewer("grace"), app.reviewer("lee", roles=["lead"])
    cases = send.propose_many([{"to": str(n)} for n in range(2 * presence.MOST_AT_ONCE + 7)])
    for case in cases:
        lee.hand_over(case, "grace")
    grace.claim(case_ids=cases)
    written: list[int] = []
    app.store.on_commit(lambda entries: written.append(len(entries)))
    assert grace.presence(away=True).assigned == 0
    assert len(lee.queue(limit=500)) == len(cases)
    assert (sum(written), len(written)) == (2 * len(cases) + 1, 3)
    assert max(written) <= 2 * presence.MOST_AT_ONCE + 1


def test_who_comes_back_meanwhile_keeps_the_rest(app: Signoff, send: CheckpointFunction[..., Any]) -> None:
    grace = app.reviewer("grace")
    case = send.propose(to="x")
    app.reviewer("lee", roles=["lead"]).hand_over(case, "grace")
    app.store.write(lambda tx: presence.pass_on(tx, [case.id], grace.actor, now=app.clock.now()))
    assert app.case(case.id).seen.assigned_to == "grace"


def test_a_sign_of_one_page_does_not_undo_that_one_went_away_in_another(postgres_url: str) -> None:
    class Overtaken:
        """A look at the store, after which another page says something."""

        def __init__(self, tx: Transaction) -> None:
            self.tx = tx

        def get(self, *key: Any) -> Any:
            found = self.tx.get(*key)
            page = threading.Thread(target=grace.presence, kwargs={"away": True})
            page.start()
            page.join()
            return found

        def __getattr__(self, name: str) -> Any:
            return getattr(self.tx, name)

    with Signoff(postgres_url, workers=0) as app:
        grace = app.reviewer("grace")
        grace.presence()
        now = app.clock.now()
        app.store.write(lambda tx: presence.show(cast(Transaction, Overtaken(tx)), grace.actor, now=now))
        (found,) = app.store.read(lambda tx: tx.find(Presence))
        assert found.away_since is not None


def test_a_claim_that_was_passed_on_does_not_rule(app: Signoff, send: CheckpointFunction[..., Any]) -> None:
    grace = app.reviewer("grace")
    seen = grace.claim_case(send.propose(to="x").id)
    grace.presence(away=True)
    assert app.case(seen.id).seen.fence == seen.fence + 1
    app.reviewer("ada").approve(app.case(seen.id))
    assert app.case(seen.id).state is State.CLEARED


def test_nothing_is_handed_over_to_who_is_away(
    app: Signoff, clock: FakeClock, send: CheckpointFunction[..., Any]
) -> None:
    grace, ada = app.reviewer("grace"), app.reviewer("ada")
    case = send.propose(to="x")
    grace.presence(away=True)
    with pytest.raises(PersonAway, match="grace has been away since 2026-01-01 00:00 UTC") as caught:
        ada.hand_over(case, "grace", note="yours?")
    assert caught.value.facts["away_since"] == clock.now().isoformat()
    assert app.history(case.id).notes == []
    clock.advance(60)
    still = grace.presence()
    assert (still.here, still.seen_at, still.away_since) == (False, clock.now(), clock.now() - timedelta(seconds=60))
    back = grace.presence(away=False)
    assert (back.here, back.away_since) == (True, None)
    ada.hand_over(case, "grace")
    assert grace.presence().assigned == 1
    told = app.store.read(lambda tx: [e.act for e in tx.ledger(after_seq=0, limit=99) if e.kind.value == "account"])
    assert told == ["away", "back"]


def test_who_is_here_was_seen_a_moment_ago(app: Signoff, clock: FakeClock, send: CheckpointFunction[..., Any]) -> None:
    app.accounts.create("bob", roles=["auditor"], groups=["billing"], by="test")
    app.accounts.create("gone", roles=["reviewer"], by="test")
    app.accounts.disable("gone", "test")
    app.reviewer("grace").presence()
    clock.advance(150)
    app.reviewer("ada").claim_case(send.propose(to="x").id)
    app.reviewer("ada").hand_over(send.propose(to="y"), "eve")
    app.reviewer("ada").hand_over(send.propose(to="z"), "group:billing")
    app.reviewer("gone").claim_case(send.propose(to="v").id)
    people = {person.id: person for person in app.people()}
    assert list(people) == ["ada", "bob", "eve", "grace"]
    assert (people["bob"].roles, people["bob"].groups) == (["auditor"], ["billing"])
    assert {id for id, person in people.items() if person.here} == {"grace"}
    assert (people["ada"].claimed, people["eve"].assigned) == (1, 1)
    clock.advance(1)
    assert not any(person.here for person in app.people())


def test_verdicts_of_today_are_counted_until_midnight(
    app: Signoff, clock: FakeClock, send: CheckpointFunction[..., Any]
) -> None:
    grace = app.reviewer("grace")
    clock.advance(86_399)
    grace.approve(send.propose(to="x"))
    grace.reject(send.propose(to="y"))
    assert grace.presence().ruled_today == 2
    clock.advance(1)
    assert grace.presence().ruled_today == 0


def test_who_only_looks_leaves_no_trace(app: Signoff) -> None:
    auditor = app.reviewer("carl", roles=["auditor"])
    assert auditor.presence().seen_at is None
    for away in (True, False):
        with pytest.raises(NotAllowed, match="reviewer or lead"):
            auditor.presence(away)
    assert app.people() == []


def test_an_assigned_case_whose_deadline_is_near_is_anybodys(app: Signoff, clock: FakeClock) -> None:
    @app.checkpoint(deadline_s=4000, undo_s=60)
    def send(to: str) -> str:
        return "sent"

    @app.checkpoint(deadline_s=4000, opinions=2)
    def publish(title: str) -> str:
        return "published"

    case, split = send.propose(to="x"), publish.propose(title="x")
    ada, bob = app.reviewer("ada"), app.reviewer("bob")
    ada.hand_over(case, "grace")
    ada.approve(split)
    bob.reject(app.case(split.id))
    clock.advance(2999)
    with pytest.raises(NotAllowed, match="assigned to grace"):
        ada.approve(app.case(case.id))
    assert ada.claim(case_ids=[case]) == []
    clock.advance(1)
    carl = app.reviewer("carl")
    assert [each.id for each in carl.queue()] == [case.id], "what reviewers disagree on stays with the leads"
    with pytest.raises(NotAllowed, match="group:lead"):
        carl.approve(app.case(split.id))
    assert carl.approve(carl.claim_case(case.id)).state is State.HELD


def test_a_desk_shows_what_waits_and_what_is_stuck(
    app: Signoff, clock: FakeClock, send: CheckpointFunction[..., Any]
) -> None:
    @app.checkpoint(deadline_s=4000)
    def hurry(what: str) -> str:
        return "done"

    @app.checkpoint(undo_s=0)
    def lose(what: str) -> str:
        raise RuntimeError("the line went dead")

    began = clock.now()
    soon = hurry.propose(what="x")
    clock.advance(1800)
    app.reviewer("ada").approve(lose.propose(what="x"))
    app.run_due()
    ada, bob = app.reviewer("ada"), app.reviewer("bob")
    long, short, given, later = (send.propose(to=str(n)) for n in range(4))
    ada.claim_case(long.id, hold_s=600)
    bob.snooze(later, for_s=3600)
    bob.hand_over(given, "grace")
    for _ in range(3):
        clock.advance(400)
        ada.renew([long], hold_s=600)
    bob.claim_case(short.id)
    view = app.desk()
    assert view.queues == [
        DeskQueue(checkpoint="hurry", waiting=1, oldest_at=began),
        DeskQueue(checkpoint="lose"),
        DeskQueue(checkpoint="send", waiting=4, oldest_at=long.seen.created_at, claimed=2, assigned=1, snoozed=1),
    ]
    assert [(stuck.case.id, stuck.why) for stuck in view.stuck] == [
        (soon.id, Why.DEADLINE_NEAR),
        (long.id, Why.CLAIMED_LONG),
    ]
    assert [case.state for case in view.unknown] == [State.UNKNOWN]


def test_a_case_that_was_handed_over_while_somebody_went_away_is_shown_as_stuck(
    app: Signoff, send: CheckpointFunction[..., Any]
) -> None:
    """Two writes at once on PostgreSQL may cross: the hand-over did not see the absence, nor the absence the case."""
    case = send.propose(to="x")
    app.reviewer("ada").hand_over(case, "grace")
    presence = app.reviewer("grace").presence
    presence()
    since = app.clock.now()
    app.store.write(lambda tx: tx.change(Presence, ("grace",), expect={}, to={"away_since": since}))
    assert [(stuck.case.id, stuck.why) for stuck in app.desk().stuck] == [(case.id, Why.ASSIGNED_AWAY)]
    presence(away=True)
    assert app.desk().stuck == []
