"""Every store answers the same questions alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from signoff.domain.actor import Actor, ActorKind, Role
from signoff.domain.case import Case, ClearedBy, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.claim import Assigned
from signoff.domain.content import Content, Evidence
from signoff.domain.entry import Entry, EntryKind
from signoff.domain.verdict import VerdictKind
from signoff.ports import Example, Load, Queue, Store
from tests.conformance.records import NOW, VERDICT, a_case, an_entry

SECOND = timedelta(seconds=1)
ADA = Actor(id="ada", groups=frozenset({"fraud"}))
LEA = Actor(id="lea", roles=frozenset({Role.LEAD, Role.REVIEWER}))


def add(store: Store, *records: Any) -> None:
    store.write(lambda tx: tx.add(*records))


def ids(cases: list[Case]) -> list[str]:
    return [case.id for case in cases]


# --- the queue

OFFERED = {
    "c01": {},
    "c02": {"assigned_to": "ada"},
    "c03": {"assigned_to": "group:fraud"},
    "c04": {"assigned_to": "group:reviewer"},
    "c05": {"snoozed_until": NOW},
    "c06": {"claimed_by": "ada", "claim_expires_at": NOW + SECOND},
    "c07": {"claimed_by": "bob", "claim_expires_at": NOW},
    "c08": {"deadline_at": NOW + SECOND, "due_at": NOW + SECOND},
    "c09": {"checkpoint": "publish"},
}
WITHHELD = {
    "c11": {"assigned_to": "bob"},
    "c12": {"assigned_to": "group:lead"},
    "c13": {"snoozed_until": NOW + SECOND},
    "c14": {"claimed_by": "bob", "claim_expires_at": NOW + SECOND},
    "c15": {"deadline_at": NOW, "due_at": NOW},
    **{f"c2{i}": {"state": state} for i, state in enumerate(State) if state is not State.WAITING},
}


@pytest.fixture
def desk(store: Store) -> Store:
    everything = {**WITHHELD, **OFFERED}
    add(store, Checkpoint(name="send"), Checkpoint(name="publish"), Checkpoint(name="publish", version=2))
    add(store, *(a_case(id, **fields) for id, fields in everything.items()))
    return store


def queue(store: Store, actor: Actor = ADA, *, at: Any = NOW, limit: int = 50, **how: Any) -> list[str]:
    return store.read(lambda tx: ids(tx.queue(actor, now=at, limit=limit, **how)))


def test_the_queue_offers_oldest_first_what_the_person_may_answer_now(desk: Store) -> None:
    assert queue(desk) == list(OFFERED)


def test_the_queue_of_a_lead_holds_what_is_handed_to_leads(desk: Store) -> None:
    assert queue(desk, LEA) == ["c01", "c04", "c05", "c07", "c08", "c09", "c12"]


def test_time_ends_snoozes_and_claims_and_takes_what_expires(desk: Store) -> None:
    assert queue(desk, at=NOW + SECOND) == sorted({*OFFERED, "c13", "c14"} - {"c08"})


def test_the_queue_can_be_cut_to_a_checkpoint_and_into_pages(desk: Store) -> None:
    assert queue(desk, checkpoint="publish") == ["c09"]
    assert queue(desk, checkpoint="send") == [id for id in OFFERED if id != "c09"]
    assert queue(desk, checkpoint="nothing") == []
    pages, after = [], None
    while page := queue(desk, limit=4, after=after):
        pages.append(page)
        after = page[-1]
    assert pages == [list(OFFERED)[:4], list(OFFERED)[4:8], list(OFFERED)[8:]]
    assert queue(desk, limit=1, checkpoint="send", after="c04") == ["c05"]


def test_the_queue_of_a_person_without_groups_or_roles_holds_what_is_anybodys(desk: Store) -> None:
    nobody = Actor(id="eve", roles=frozenset())
    assert queue(desk, nobody) == ["c01", "c05", "c07", "c08", "c09"]


NEAR = {"created_at": NOW - 3 * SECOND, "deadline_at": NOW + SECOND, "due_at": NOW + SECOND}
"""In the last quarter of its time, from this moment on."""
NOT_YET = {**NEAR, "created_at": NOW - 3 * SECOND + timedelta(microseconds=1)}


def test_an_assigned_case_whose_deadline_is_near_is_offered_to_everybody(store: Store) -> None:
    add(store, Checkpoint(name="send"))
    add(
        store,
        a_case("c1", assigned_to="bob", **NEAR),
        a_case("c2", assigned_to="bob", **NOT_YET),
        a_case("c3", assigned_to="group:legal", **NEAR),
        a_case("c4", assigned_to="group:lead", **NEAR),
        a_case("c5", assigned_to="bob", **NEAR, claimed_by="bob", claim_expires_at=NOW + SECOND),
        a_case("c6", assigned_to="bob", **NEAR, snoozed_until=NOW + SECOND),
        a_case("c7", assigned_to="ada", **NEAR),
        a_case("c8", assigned_to="group:fraud", **NEAR),
        a_case("c9", **NEAR),
    )
    assert queue(store) == ["c1", "c3", "c7", "c8", "c9"]
    assert queue(store, assigned=Assigned.ANYONE) == ["c1", "c3", "c9"]
    assert queue(store, assigned=Assigned.ME) == ["c7"]
    assert queue(store, assigned=Assigned.GROUP) == ["c8"]
    assert queue(store, LEA) == ["c1", "c3", "c4", "c7", "c8", "c9"]
    assert queue(store, checkpoint="send", limit=2, after="c1") == ["c3", "c7"]
    assert queue(store, at=NOW + timedelta(microseconds=1), limit=2) == ["c1", "c2"]


# --- the desk as a whole


def test_what_waits_is_counted_by_checkpoint(store: Store) -> None:
    add(
        store,
        a_case("c1", created_at=NOW - SECOND),
        a_case("c2", snoozed_until=NOW + SECOND),
        a_case("c3", snoozed_until=NOW),
        a_case("c4", checkpoint="publish", state=State.HELD),
        a_case("c5", checkpoint="sort", assigned_to="ada"),
    )
    assert store.read(lambda tx: tx.queues(now=NOW)) == {
        "send": Queue(waiting=3, oldest_at=NOW - SECOND, snoozed=1),
        "sort": Queue(waiting=1, oldest_at=NOW, snoozed=0),
    }


def test_what_everybody_has_in_hand_is_counted(store: Store) -> None:
    held = {"claimed_by": "ada", "claim_expires_at": NOW + SECOND}
    add(
        store,
        a_case("c1", **held),
        a_case("c2", **held, assigned_to="ada"),
        a_case("c3", **held, checkpoint="publish"),
        a_case("c4", claimed_by="ada", claim_expires_at=NOW),
        a_case("c5", assigned_to="group:fraud"),
        a_case("c6", assigned_to="bob", state=State.HELD),
        a_case("c7"),
    )
    assert store.read(lambda tx: tx.loads(now=NOW)) == [
        Load(who="ada", checkpoint="publish", claimed=1),
        Load(who="ada", checkpoint="send", claimed=2, assigned=1),
        Load(who="group:fraud", checkpoint="send", assigned=1),
    ]


def test_verdicts_that_stand_are_counted_by_who_ruled(store: Store) -> None:
    add(
        store,
        replace(VERDICT, id="v1", ruled_at=NOW - SECOND),
        replace(VERDICT, id="v2"),
        replace(VERDICT, id="v3"),
        replace(VERDICT, id="v4", reviewer="bob"),
        replace(VERDICT, id="v5", reviewer="bob", voided_at=NOW),
    )
    assert store.read(lambda tx: tx.rulings(since=NOW)) == {"ada": 2, "bob": 1}


def test_a_claim_has_lasted_since_it_was_last_taken(store: Store) -> None:
    held = {"claimed_by": "ada", "claim_expires_at": NOW + SECOND}
    add(
        store,
        a_case("c1", **held),
        a_case("c2", **held),
        a_case("c3", claimed_by="ada", claim_expires_at=NOW),
        a_case("c4", **held),
        a_case("c5"),
    )
    claims = {"c1": [-9], "c2": [-9, -1], "c3": [-9], "c4": [-9, -5], "c5": [-9]}
    for case_id, times in claims.items():
        for seconds in times:
            at = NOW + seconds * SECOND
            add(store, an_entry("claim", kind=EntryKind.CLAIM, case_id=case_id, at=at))
    add(store, an_entry("release", kind=EntryKind.CLAIM, case_id="c1", at=NOW))

    def since(seconds: int, limit: int = 9) -> list[str]:
        return store.read(lambda tx: ids(tx.claimed_before(NOW + seconds * SECOND, now=NOW, limit=limit)))

    assert since(-4) == ["c1", "c4"]
    assert since(-4, limit=1) == ["c1"]
    assert since(-5) == ["c1"]
    assert since(0) == ["c1", "c2", "c4"]


def test_the_nearest_deadlines_come_first(store: Store) -> None:
    add(
        store,
        a_case("c1", **NEAR),
        a_case("c2", **{**NEAR, "deadline_at": NOW + SECOND / 2, "due_at": NOW + SECOND / 2}),
        a_case("c3", **NOT_YET),
        a_case("c4", **{**NEAR, "deadline_at": NOW, "due_at": NOW}),
        a_case("c5", **NEAR, state=State.HELD),
        a_case("c6"),
    )
    assert store.read(lambda tx: ids(tx.nearing(now=NOW, limit=9))) == ["c2", "c1"]
    assert store.read(lambda tx: ids(tx.nearing(now=NOW, limit=1))) == ["c2"]


# --- lists


def cases(store: Store, **how: Any) -> list[str]:
    return store.read(lambda tx: ids(tx.cases(**how)))


def test_cases_come_in_pages_both_ways(store: Store) -> None:
    names = [f"c{i}" for i in range(7)]
    add(store, *(a_case(name) for name in reversed(names)))
    assert cases(store) == names
    assert cases(store, newest_first=True) == names[::-1]
    assert cases(store, limit=3) == names[:3]
    assert cases(store, limit=3, after="c2") == ["c3", "c4", "c5"]
    assert cases(store, limit=3, after="c5") == ["c6"]
    assert cases(store, limit=3, after="c6") == []
    assert cases(store, limit=3, newest_first=True) == ["c6", "c5", "c4"]
    assert cases(store, limit=3, newest_first=True, after="c4") == ["c3", "c2", "c1"]
    assert cases(store, limit=3, newest_first=True, after="c1") == ["c0"]
    assert cases(store, newest_first=True, after="c0") == []


def test_a_page_of_cases_has_fifty_unless_told(store: Store) -> None:
    add(store, *(a_case(f"c{i:02}") for i in range(60)))
    assert cases(store) == [f"c{i:02}" for i in range(50)]


def test_cases_can_be_cut_to_states_and_a_checkpoint(store: Store) -> None:
    add(store, *(a_case(f"{i:02}-{state}", state=state) for i, state in enumerate(State)))
    add(store, a_case("99-other", checkpoint="publish", state=State.DONE))
    assert cases(store, states=[State.DONE]) == ["05-done", "99-other"]
    assert cases(store, states=[State.HELD, State.WAITING]) == ["00-waiting", "01-held"]
    assert cases(store, states=[State.DONE], checkpoint="publish") == ["99-other"]
    assert cases(store, states=[State.DONE], after="05-done") == ["99-other"]
    assert cases(store, states=[]) == []
    assert len(cases(store, states=list(State))) == 12


def test_counts_are_by_state_and_leave_out_what_there_is_none_of(store: Store) -> None:
    add(store, a_case("c1"), a_case("c2"), a_case("c3", state=State.DONE), a_case("c4", checkpoint="publish"))
    assert store.read(lambda tx: tx.counts()) == {State.WAITING: 3, State.DONE: 1}
    assert store.read(lambda tx: tx.counts(checkpoint="send")) == {State.WAITING: 2, State.DONE: 1}
    assert store.read(lambda tx: tx.counts(checkpoint="nothing")) == {}


# --- what is due


def test_due_cases_come_earliest_first_and_not_before_their_time(store: Store) -> None:
    add(
        store,
        a_case("c1", state=State.CLEARED, due_at=NOW),
        a_case("c2", state=State.CLEARED, due_at=NOW - SECOND),
        a_case("c3", state=State.CLEARED, due_at=NOW + timedelta(microseconds=1)),
        a_case("c4", state=State.CLEARED),
        a_case("c5", state=State.HELD, due_at=NOW - SECOND),
        a_case("c6", state=State.CLEARED, due_at=NOW - 2 * SECOND, checkpoint="publish"),
    )

    def due(state: State = State.CLEARED, limit: int = 10, **how: Any) -> list[str]:
        return store.read(lambda tx: ids(tx.due(state, now=how.pop("now", NOW), limit=limit, **how)))

    assert due() == ["c6", "c2", "c1"]
    assert due(limit=2) == ["c6", "c2"]
    assert due(checkpoint="send") == ["c2", "c1"]
    assert due(checkpoint="nothing") == []
    assert due(State.HELD) == ["c5"]
    assert due(State.WAITING) == []
    assert due(now=NOW + SECOND) == ["c6", "c2", "c1", "c3"]


@pytest.mark.parametrize("state", State)
def test_the_next_due_time_is_the_earliest_of_a_case_that_is_not_at_rest(store: Store, state: State) -> None:
    add(store, a_case("c1", state=State.HELD, due_at=NOW), a_case("c2", state=state, due_at=NOW - SECOND))
    moving = state in (State.WAITING, State.HELD, State.CLEARED, State.RUNNING)
    assert store.read(lambda tx: tx.next_due(after=NOW - 2 * SECOND)) == (NOW - SECOND if moving else NOW)
    # What is overdue does not hide what comes after it.
    assert store.read(lambda tx: tx.next_due(after=NOW - SECOND)) == NOW
    assert store.read(lambda tx: tx.next_due(after=NOW)) is None


def test_without_anything_due_there_is_no_next_time(store: Store) -> None:
    add(store, a_case("c1"), a_case("c2", state=State.DONE, due_at=NOW))
    assert store.read(lambda tx: tx.next_due(after=NOW - SECOND)) is None


# --- what a drafter learns from


def settled(id: str, kind: VerdictKind, act: str = "clear", **case: Any) -> list[Any]:
    """Make the rows of one verdict on revision 1 that settled."""
    edited = kind is VerdictKind.EDITED
    fields = {"state": State.CLEARED, "cleared_by": ClearedBy.PERSON, "verdict_id": f"v-{id}", **case}
    return [
        a_case(id, revision=1 + edited, **fields),
        Content(case_id=id, revision=1, arguments={"label": f"draft {id}"}, author="drafter"),
        *([Content(case_id=id, revision=2, arguments={"label": f"final {id}"}, author="ada")] if edited else []),
        replace(VERDICT, id=f"v-{id}", case_id=id, kind=kind),
        an_entry("rule", case_id=id, checkpoint="send"),
        *([an_entry(act, case_id=id, checkpoint="send", facts={"verdict": f"v-{id}"})] if act else []),
    ]


def examples(store: Store, checkpoint: str = "send", *, after_seq: int = 0, limit: int = 100) -> list[Example]:
    return store.read(lambda tx: tx.examples(checkpoint, after_seq=after_seq, limit=limit))


def test_examples_tell_what_was_proposed_and_what_was_approved(store: Store) -> None:
    add(store, *settled("c1", VerdictKind.APPROVED), Evidence(case_id="c1", items={"mail": {"value": {"a": [1]}}}))
    add(store, *settled("c2", VerdictKind.EDITED))
    add(store, *settled("c3", VerdictKind.REJECTED, "reject"))
    found = examples(store)
    assert [(e.case_id, e.evidence, e.proposed, e.final) for e in found] == [
        ("c1", {"mail": {"a": [1]}}, {"label": "draft c1"}, {"label": "draft c1"}),
        ("c2", {}, {"label": "draft c2"}, {"label": "final c2"}),
        ("c3", {}, {"label": "draft c3"}, None),
    ]
    assert [e.seq for e in found] == sorted({e.seq for e in found})


def test_examples_come_in_the_order_of_the_ledger_from_where_the_last_look_ended(store: Store) -> None:
    for id in ("c3", "c1", "c2"):
        add(store, *settled(id, VerdictKind.APPROVED))
    found = examples(store)
    assert [e.case_id for e in found] == ["c3", "c1", "c2"]
    assert examples(store, limit=2) == found[:2]
    assert examples(store, after_seq=found[0].seq) == found[1:]
    assert examples(store, after_seq=found[-1].seq) == []
    assert examples(store, "publish") == []


def test_there_is_nothing_to_learn_from_before_a_verdict_settles(store: Store) -> None:
    add(store, *settled("c1", VerdictKind.APPROVED, act="", state=State.HELD))
    assert examples(store) == []


def test_there_is_nothing_to_learn_from_what_policy_let_through(store: Store) -> None:
    add(
        store,
        a_case("c1", state=State.CLEARED, cleared_by=ClearedBy.POLICY),
        Content(case_id="c1", revision=1, arguments={}, author="app"),
        an_entry("clear", case_id="c1", checkpoint="send", actor_kind=ActorKind.POLICY),
    )
    assert examples(store) == []


def test_a_verdict_that_was_taken_back_after_it_settled_teaches_nothing(store: Store) -> None:
    add(store, *settled("c1", VerdictKind.APPROVED, state=State.WAITING, verdict_id=None, cleared_by=None))
    assert examples(store) == []


def test_a_case_that_settled_twice_is_one_example_of_its_last_verdict(store: Store) -> None:
    add(store, *settled("c1", VerdictKind.APPROVED))
    # A redraft voided it after it had settled; a second verdict stands now.
    store.write(lambda tx: tx.change(Case, ("c1",), expect={}, to={"revision": 2, "verdict_id": "v2"}))
    add(
        store,
        Content(case_id="c1", revision=2, arguments={"label": "redrafted"}, author="drafter"),
        replace(VERDICT, id="v2", case_id="c1", revision=2, draft_revision=2),
        an_entry("redraft", case_id="c1", checkpoint="send"),
        an_entry("clear", case_id="c1", checkpoint="send", facts={"verdict": "v2"}),
    )
    found = examples(store)
    assert [(e.proposed, e.final) for e in found] == [({"label": "redrafted"}, {"label": "redrafted"})]
    assert examples(store, after_seq=found[0].seq) == []


def test_no_text_finds_what_is_kept_from_reviewers(store: Store) -> None:
    add(store, Checkpoint(name="send", version=1, blind=True), Checkpoint(name="send", version=2))
    for id, state, version in (("c1", "waiting", 1), ("c2", "held", 1), ("c3", "done", 1), ("c4", "waiting", 2)):
        add(
            store,
            a_case(id, state=State(state), version=version, key=f"key-{id}"),
            Content(case_id=id, revision=1, arguments={"category": "billing"}, author="app"),
            Evidence(case_id=id, items={"mail": {"media_type": "text/plain", "value": "hello"}}),
        )
    assert cases(store, text="billing") == ["c3", "c4"]
    assert cases(store, text="hello") == ["c1", "c2", "c3", "c4"]
    assert cases(store, text="key-c1") == ["c1"]
    assert store.read(lambda tx: ids(tx.queue(ADA, now=NOW, limit=9, text="billing"))) == ["c4"]


# --- automation


def test_settlements_tell_what_the_last_verdict_before_them_was_worth(store: Store) -> None:
    def moved(case_id: str, act: str, checkpoint: str = "send", **facts: Any) -> Entry:
        return an_entry(act, case_id=case_id, checkpoint=checkpoint, facts=facts)

    add(store, moved("c1", "propose"), moved("c1", "rule", loss=1.0), moved("c1", "recall"))
    add(store, moved("c1", "rule", loss=0.1), moved("c2", "rule", loss=0.5), moved("c1", "clear"))
    add(store, moved("c3", "clear", "publish"), moved("c2", "reject"), moved("c1", "redraft"))
    add(store, moved("c1", "rule", loss=0.0), moved("c1", "clear"), moved("c4", "expire"), moved("c5", "rule"))
    add(store, moved("c5", "withdraw"), moved("c6", "start"))

    def listed(after: int = 0, limit: int = 100, up_to: int | None = None) -> list[tuple[int, str, str, float | None]]:
        found = store.read(lambda tx: tx.settlements("send", after_seq=after, limit=limit, up_to=up_to))
        return [(each.seq, each.case_id, each.act.value, each.loss) for each in found]

    everything = [
        (6, "c1", "clear", 0.1),
        (8, "c2", "reject", 0.5),
        (11, "c1", "clear", 0.0),
        (12, "c4", "expire", None),
        (14, "c5", "withdraw", None),
    ]
    assert listed() == everything
    assert listed(after=6, limit=2) == everything[1:3]
    assert listed(up_to=11) == everything[:3]
    assert listed(after=8, up_to=8) == []
    inside = store.write(lambda tx: [each.seq for each in tx.settlements("send", after_seq=0, limit=9, up_to=14)])
    assert inside == [seq for seq, *_ in everything]


def test_decisions_are_those_of_one_checkpoint_in_order(store: Store) -> None:
    def decide(case_id: str, checkpoint: str) -> Entry:
        return an_entry("decide", kind=EntryKind.AUTOMATION, case_id=case_id, checkpoint=checkpoint, facts={"n": 1.5})

    add(store, decide("c1", "send"), decide("c2", "publish"), an_entry("decide", checkpoint="send"))
    add(store, decide("c3", "send"))
    found = store.read(lambda tx: tx.decisions("send", after_seq=0, limit=10))
    assert [(entry.case_id, entry.facts) for entry in found] == [("c1", {"n": 1.5}), ("c3", {"n": 1.5})]
    assert store.read(lambda tx: tx.decisions("send", after_seq=found[0].seq, limit=10)) == found[1:]
    assert len(store.read(lambda tx: tx.decisions("send", after_seq=0, limit=1))) == 1
