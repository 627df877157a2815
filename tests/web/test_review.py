"""Reviewing over HTTP: claims, verdicts bound to what was shown, and what the one who comes second is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import iter_route_contexts

from signoff.testing import MemoryStore
from tests.web.conftest import Caller, Desk, open_desk, place_for, problem, stream, verdict


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    with open_desk(place_for(request, tmp_path)) as desk:
        yield desk


on_each = pytest.mark.parametrize("desk", ["memory", "sqlite", "postgres"], indirect=True)


@pytest.fixture
def ada(desk: Desk) -> Caller:
    return desk.reviewer("ada")


@pytest.fixture
def bob(desk: Desk) -> Caller:
    return desk.reviewer("bob")


@pytest.fixture
def lead(desk: Desk) -> Caller:
    return desk.reviewer("lee", "lead")


def shown(who: Caller, case: dict[str, Any]) -> dict[str, Any]:
    now: dict[str, Any] = who.get(f"cases/{case['id']}")["case"]
    return now


def verdicts(desk: Desk) -> list[tuple[str, str]]:
    return [(each.reviewer, each.kind.value) for each in desk.stored()["VerdictRecord"]]


# --- claims


def test_a_claim_takes_the_oldest_and_offers_them_to_nobody_else(desk: Desk, ada: Caller, bob: Caller) -> None:
    cases = [desk.propose() for _ in range(4)]
    claimed = ada.post("claims", {"limit": 2, "hold_s": 60})
    assert [case["id"] for case in claimed] == [case["id"] for case in cases[:2]]
    assert {(case["claimed_by"], case["fence"], case["claim_expires_at"]) for case in claimed} == {
        ("ada", 1, "2026-01-01T00:01:00Z")
    }
    assert [case["id"] for case in bob.post("claims", {})] == [case["id"] for case in cases[2:]]
    assert [case["id"] for case in ada.post("claims", {"limit": 3})] == [case["id"] for case in cases[:2]]


def test_a_claim_of_one_checkpoint(desk: Desk, ada: Caller) -> None:
    desk.propose()
    wanted = desk.propose("publish")
    assert [case["id"] for case in ada.post("claims", {"checkpoint": "publish"})] == [wanted["id"]]
    assert ada.post("claims", {"checkpoint": "nothing"}) == []


@on_each
def test_a_claim_of_named_cases_takes_those_that_are_offered(desk: Desk, ada: Caller, bob: Caller) -> None:
    one, two, taken, ruled, given, asleep, mine, gone = (desk.propose()["id"] for _ in range(8))
    bob.post(f"cases/{taken}/claim", {})
    bob.post(f"cases/{ruled}/verdict", verdict(shown(bob, {"id": ruled}), "v1"))
    bob.post(f"cases/{given}/hand_over", {"to": "bob"})
    bob.post(f"cases/{asleep}/snooze", {"for_s": 60})
    desk.agent.post(f"cases/{gone}/withdraw")
    voted = desk.propose("publish")
    ada.post(f"cases/{voted['id']}/verdict", verdict(voted, "v2"))
    ada.post(f"cases/{mine}/claim", {"hold_s": 60})
    named = [two, taken, one, ruled, given, "none", asleep, mine, gone, voted["id"], two]
    claimed = ada.post("claims", {"case_ids": named, "limit": 1, "checkpoint": "publish", "hold_s": 120})
    assert [case["id"] for case in claimed] == [two, one, mine]
    assert {(case["claimed_by"], case["fence"], case["claim_expires_at"]) for case in claimed} == {
        ("ada", 1, "2026-01-01T00:02:00Z")
    }
    assert shown(bob, {"id": taken})["claimed_by"] == "bob"
    assert ada.post("claims", {"case_ids": []}) == []
    problem(ada("POST", "claims", json={"case_ids": ["x"] * 1001}), 422, "invalid_input")


def test_a_claim_lapses_and_a_renewed_one_does_not(desk: Desk, ada: Caller, bob: Caller) -> None:
    first, second = (desk.propose()["id"] for _ in range(2))
    ada.post("claims", {"hold_s": 60})
    desk.clock.advance(59)
    renewed = ada.post("claims/renew", {"case_ids": [second, "none", second], "hold_s": 60})
    assert ([case["id"] for case in renewed["held"]], renewed["lost"]) == ([second], ["none"])
    desk.clock.advance(1)
    assert [case["id"] for case in bob.post("claims", {})] == [first]
    assert ada.post("claims/renew", {"case_ids": [first, second]})["lost"] == [first]
    assert bob.post("claims/renew", {"case_ids": [second]}) == {"held": [], "lost": [second]}


def test_a_released_claim_is_free_for_others(desk: Desk, ada: Caller, bob: Caller) -> None:
    ids = [desk.propose()["id"] for _ in range(3)]
    ada.post("claims", {})
    assert bob.post("claims/release", {"case_ids": ids})[0]["claimed_by"] == "ada"
    assert {case["claimed_by"] for case in ada.post("claims/release", {"case_ids": ids[:2]})} == {None}
    assert [case["id"] for case in bob.post("claims", {})] == ids[:2]
    problem(ada("POST", "claims/release", json={"case_ids": ["none"]}), 404, "unknown_case")
    assert ada.post("claims/release", {"case_ids": []}) == []


def test_one_case_is_claimed_by_its_id(desk: Desk, ada: Caller, bob: Caller) -> None:
    case = desk.propose()
    assert ada.post(f"cases/{case['id']}/claim", {"hold_s": 10})["claimed_by"] == "ada"
    told = problem(bob("POST", f"cases/{case['id']}/claim", json={}), 409, "claim_lost")
    assert (told["claimed_by"], told["case_id"]) == ("ada", case["id"])
    desk.clock.advance(10)
    assert bob.post(f"cases/{case['id']}/claim", {})["claimed_by"] == "bob"
    problem(bob("POST", "cases/none/claim", json={}), 404, "unknown_case")


@on_each
def test_everybody_who_claims_at_once_gets_others(desk: Desk) -> None:
    for _ in range(60):
        desk.app.function("send").propose(to="x", proposer="agent")
    people = [desk.reviewer(f"person-{number}") for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        claimed = list(pool.map(lambda who: [case["id"] for case in who.post("claims", {"limit": 5})], people))
    assert sorted(id for ids in claimed for id in ids) == sorted(each.id for each in desk.stored()["Case"])


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("claims", {"limit": 0}, "limit"),
        ("claims", {"limit": 1001}, "limit"),
        ("claims", {"limit": "5"}, "limit"),
        ("claims", {"limit": 2.5}, "limit"),
        ("claims", {"limit": True}, "limit"),
        ("claims", {"limit": None}, "limit"),
        ("claims", {"hold_s": 0}, "hold_s"),
        ("claims", {"hold_s": -1}, "hold_s"),
        ("claims", {"hold_s": 1e12}, "hold_s"),
        ("claims", {"hold_s": "long"}, "hold_s"),
        ("claims", {"who": "ada"}, "who"),
        ("claims", {"checkpoint": ""}, "checkpoint"),
        ("claims", [], "body"),
        ("claims/renew", {}, "case_ids"),
        ("claims/renew", {"case_ids": "x"}, "case_ids"),
        ("claims/renew", {"case_ids": [""]}, "case_ids.0"),
        ("claims/renew", {"case_ids": ["x" * 101]}, "case_ids.0"),
        ("claims/renew", {"case_ids": ["x"] * 1001}, "case_ids"),
        ("claims/release", {"case_ids": [7]}, "case_ids.0"),
        ("cases/CASE/claim", {"hold_s": 0}, "hold_s"),
        ("cases/CASE/verdict", {"kind": "approved", "revision": 1, "content_hash": "x"}, "id"),
        ("cases/CASE/verdict", {"id": "", "kind": "approved", "revision": 1, "content_hash": "x"}, "id"),
        ("cases/CASE/verdict", {"id": "v", "kind": "ok", "revision": 1, "content_hash": "x"}, "kind"),
        ("cases/CASE/verdict", {"id": "v", "kind": "approved", "revision": 0, "content_hash": "x"}, "revision"),
        ("cases/CASE/verdict", {"id": "v", "kind": "approved", "revision": 2**31, "content_hash": "x"}, "revision"),
        ("cases/CASE/verdict", {"id": "v", "kind": "approved", "revision": "1", "content_hash": "x"}, "revision"),
        ("cases/CASE/verdict", {"id": "v", "kind": "approved", "revision": 1}, "content_hash"),
        ("cases/CASE/redraft", {}, "note"),
        ("cases/CASE/redraft", {"note": ""}, "note"),
        ("cases/CASE/redraft", {"note": "x" * 10_001}, "note"),
        ("cases/CASE/hand_over", {}, "to"),
        ("cases/CASE/hand_over", {"to": ""}, "to"),
        ("cases/CASE/hand_over", {"to": "x" * 201}, "to"),
        ("cases/CASE/snooze", {"for_s": 0}, "for_s"),
        ("cases/CASE/snooze", {"until": "tomorrow"}, "until"),
        ("cases/CASE/snooze", {"until": "2026-02-01T00:00:00"}, "until"),
        ("cases/CASE/resolve", {"move": "reverse"}, "move"),
        ("cases/CASE/resolve", {}, "move"),
        ("cases/CASE/reverse", {"reason": 7}, "reason"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(
    desk: Desk, ada: Caller, path: str, body: Any, field: str
) -> None:
    case = desk.propose()
    before = desk.stored()
    told = problem(ada("POST", path.replace("CASE", case["id"]), json=body), 422, "invalid_input")
    assert told["problems"][0]["field"] == field
    assert field in told["detail"]
    assert desk.stored() == before


# --- verdicts


@on_each
def test_a_verdict_binds_what_was_shown_and_its_effect_runs_once(desk: Desk, ada: Caller) -> None:
    case = desk.propose(to="grace")
    [claimed] = ada.post("claims", {})
    ruled = ada.post(f"cases/{case['id']}/verdict", verdict(claimed, "v-1", fence=claimed["fence"], seconds=3.5))
    assert (ruled["state"], ruled["verdict_id"], ruled["cleared_by"]) == ("cleared", "v-1", "person")
    desk.app.run_due()
    outcome = desk.agent.get(f"cases/{case['id']}/outcome")
    assert outcome == {
        "case_id": case["id"],
        "state": "done",
        "answered": True,
        "value": "sent to grace",
        "verdict": "approved",
        "reviewer": "ada",
        "reason": None,
        "problem": None,
        "arguments": {"to": "grace", "text": "", "more": None},
    }
    [record] = ada.get(f"cases/{case['id']}/history")["verdicts"]
    assert (record["seconds"], record["content_hash"], record["revision"]) == (3.5, case["content_hash"], 1)


def test_an_edit_runs_as_edited(desk: Desk, ada: Caller) -> None:
    case = desk.propose("refund", order="A-1", amount=10)
    edited = verdict(case, "v", "edited", arguments={"order": "A-1", "amount": 7, "note": "partly"})
    held = ada.post(f"cases/{case['id']}/verdict", edited)
    assert (held["state"], held["revision"]) == ("held", 2)
    desk.clock.advance(60)
    desk.app.run_due()
    outcome = ada.get(f"cases/{case['id']}/outcome")
    assert (outcome["value"], outcome["verdict"]) == ("refunded 7 for A-1", "edited")


def test_a_rejection_runs_nothing_and_tells_why(desk: Desk, ada: Caller) -> None:
    case = desk.propose()
    ada.post(f"cases/{case['id']}/verdict", verdict(case, "v", "rejected", reason="No \u0000 such \u202e order"))
    outcome = desk.agent.get(f"cases/{case['id']}/outcome")
    assert (outcome["state"], outcome["reason"]) == ("rejected", "No \u0000 such \u202e order")
    assert desk.app.run_due() == 0


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"kind": "edited"}, "arguments"),
        ({"kind": "edited", "arguments": None}, "arguments"),
        ({"kind": "approved", "arguments": {"order": "B"}}, "arguments"),
        ({"kind": "rejected", "arguments": {"order": "B"}}, "arguments"),
        ({"kind": "approved", "reason": "looks good"}, "reason"),
        ({"kind": "edited", "arguments": {"order": "B"}, "reason": "x"}, "reason"),
    ],
)
def test_a_verdict_that_says_two_things_is_none(desk: Desk, ada: Caller, more: dict[str, Any], field: str) -> None:
    case = desk.propose("refund")
    told = problem(ada("POST", f"cases/{case['id']}/verdict", json=verdict(case, "v") | more), 422, "invalid_input")
    assert field in told["detail"]
    assert verdicts(desk) == []


def test_an_edit_that_does_not_fit_names_the_field(desk: Desk, ada: Caller) -> None:
    case = desk.propose("refund")
    sent = verdict(case, "v", "edited", arguments={"amount": "lots"})
    told = problem(ada("POST", f"cases/{case['id']}/verdict", json=sent), 422, "invalid_arguments")
    assert {one["field"] for one in told["problems"]} == {"order", "amount"}
    assert verdicts(desk) == []


@on_each
def test_a_verdict_sent_a_hundred_times_counts_once(desk: Desk, ada: Caller) -> None:
    case = desk.propose("refund")
    [claimed] = ada.post("claims", {})
    sent = verdict(claimed, "v", fence=claimed["fence"])
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: ada("POST", f"cases/{case['id']}/verdict", json=sent), range(100)))
    assert {(answer.status_code, answer.json()["state"]) for answer in answers} == {(200, "held")}
    assert verdicts(desk) == [("ada", "approved")]
    desk.clock.advance(60)
    assert desk.app.run_due() == 1
    assert ada.post(f"cases/{case['id']}/verdict", sent)["state"] == "done"


def test_an_id_stands_for_one_verdict(desk: Desk, ada: Caller, bob: Caller) -> None:
    case, other = desk.propose("refund"), desk.propose("refund")
    ada.post(f"cases/{case['id']}/verdict", verdict(case, "v"))
    for who, which, sent in (
        (ada, case, verdict(case, "v", "rejected")),
        (ada, other, verdict(other, "v")),
        (bob, case, verdict(case, "v")),
    ):
        told = problem(who("POST", f"cases/{which['id']}/verdict", json=sent), 409, "key_reused")
        assert told["case_id"] == case["id"]
    assert verdicts(desk) == [("ada", "approved")]


@on_each
def test_two_browsers_rule_at_once_and_one_is_told_who_won(desk: Desk) -> None:
    for name in ("ada", "bob"):
        desk.account(name)
    for turn in range(10):
        case = desk.propose("refund")
        browsers = {name: desk.browser(name) for name in ("ada", "bob")}
        both = threading.Barrier(2)

        def rule(name: str, turn: int = turn, case: Any = case, browsers: Any = browsers, both: Any = both) -> Any:
            sent = verdict(case, f"{name}-{turn}", "approved" if name == "ada" else "rejected")
            both.wait()
            return name, browsers[name]("POST", f"cases/{case['id']}/verdict", json=sent)

        with ThreadPoolExecutor(2) as pool:
            answers = dict(pool.map(rule, browsers))
        [winner] = [name for name, answer in answers.items() if answer.status_code == 200]
        [loser] = [name for name in answers if name != winner]
        told = problem(answers[loser], 409, "case_closed")
        assert (told["reviewer"], told["case_id"], told["state"]) == (winner, case["id"], "held")
        assert told["verdict"] == ("approved" if winner == "ada" else "rejected")
        assert winner in told["detail"]


def test_what_was_redrafted_meanwhile_is_not_approved_unseen(desk: Desk, ada: Caller, bob: Caller) -> None:
    case = desk.propose("refund", order="A-1", amount=10)
    bob.post(f"cases/{case['id']}/redraft", {"note": "less", "arguments": {"order": "A-1", "amount": 5}})
    told = problem(ada("POST", f"cases/{case['id']}/verdict", json=verdict(case, "v")), 409, "content_changed")
    assert told["difference"] == {"amount": {"seen": 10, "now": 5}}
    assert (told["seen_revision"], told["revision"]) == (1, 2)
    now = shown(ada, case)
    assert ada.post(f"cases/{case['id']}/verdict", verdict(now, "v"))["state"] == "held"


def test_what_was_edited_and_recalled_meanwhile_is_not_approved_unseen(desk: Desk, ada: Caller, bob: Caller) -> None:
    case = desk.propose("refund", order="A-1", amount=10)
    bob.post(f"cases/{case['id']}/verdict", verdict(case, "b", "edited", arguments={"order": "A-1", "amount": 5}))
    problem(ada("POST", f"cases/{case['id']}/verdict", json=verdict(case, "a")), 409, "case_closed")
    assert bob.post(f"cases/{case['id']}/recall")["state"] == "waiting"
    told = problem(ada("POST", f"cases/{case['id']}/verdict", json=verdict(case, "a")), 409, "content_changed")
    assert told["difference"] == {"amount": {"seen": 10, "now": 5}}


@pytest.mark.parametrize("revision", [1, 2, 2**31 - 1])
def test_a_hash_or_revision_that_was_never_shown_binds_nothing(desk: Desk, ada: Caller, revision: int) -> None:
    case = desk.propose("refund")
    for hash in ("", "x", "0" * 64, case["content_hash"].upper(), case["content_hash"] + "\u0000"):
        sent = verdict(case, "v") | {"revision": revision, "content_hash": hash}
        problem(ada("POST", f"cases/{case['id']}/verdict", json=sent), 409, "content_changed")
    if revision != 1:
        sent = verdict(case, "v") | {"revision": revision}
        problem(ada("POST", f"cases/{case['id']}/verdict", json=sent), 409, "content_changed")
    assert verdicts(desk) == []


# --- claims and verdicts


def test_a_verdict_needs_no_claim_but_respects_those_of_others(desk: Desk, ada: Caller, bob: Caller) -> None:
    case = desk.propose("refund")
    ada.post("claims", {"hold_s": 60})
    now = shown(bob, case)
    told = problem(bob("POST", f"cases/{case['id']}/verdict", json=verdict(now, "b")), 409, "claim_lost")
    assert told["claimed_by"] == "ada"
    desk.clock.advance(60)
    assert bob.post(f"cases/{case['id']}/verdict", verdict(now, "b"))["state"] == "held"


@on_each
@pytest.mark.parametrize("fence", [0, 1, 2, 2**53 - 1])
def test_nobody_rules_with_somebody_elses_claim(desk: Desk, ada: Caller, bob: Caller, fence: int) -> None:
    case = desk.propose("refund")
    [claimed] = ada.post("claims", {})
    assert claimed["fence"] == 1
    answer = bob("POST", f"cases/{case['id']}/verdict", json=verdict(claimed, "b", fence=fence))
    assert problem(answer, 409, "claim_lost")["claimed_by"] == "ada"
    assert verdicts(desk) == []
    assert ada.post(f"cases/{case['id']}/verdict", verdict(claimed, "a", fence=1))["state"] == "held"


@on_each
def test_a_claim_that_lapsed_and_was_taken_by_another_is_gone(desk: Desk, ada: Caller, bob: Caller) -> None:
    case = desk.propose("refund")
    [old] = ada.post("claims", {"hold_s": 10})
    desk.clock.advance(10)
    told = problem(ada("POST", f"cases/{case['id']}/verdict", json=verdict(old, "a", fence=1)), 409, "claim_lost")
    assert "expired" in told["detail"]
    [taken] = bob.post("claims", {})
    told = problem(ada("POST", f"cases/{case['id']}/verdict", json=verdict(old, "a", fence=1)), 409, "claim_lost")
    assert told["claimed_by"] == "bob"
    bob.post("claims/release", {"case_ids": [case["id"]]})
    told = problem(ada("POST", f"cases/{case['id']}/verdict", json=verdict(old, "a", fence=1)), 409, "claim_lost")
    assert "claim it again" in told["detail"]
    [again] = ada.post("claims", {})
    assert again["fence"] > taken["fence"] > old["fence"]
    assert ada.post(f"cases/{case['id']}/verdict", verdict(again, "a", fence=again["fence"]))["state"] == "held"


def test_a_claim_that_lapsed_still_keeps_its_late_answer_out_without_a_fence(desk: Desk, ada: Caller) -> None:
    case = desk.propose("refund")
    ada.post("claims", {"hold_s": 10})
    desk.clock.advance(10)
    assert ada.post(f"cases/{case['id']}/verdict", verdict(case, "a"))["state"] == "held"


# --- taking back, passing on, asking again


def test_a_verdict_is_taken_back_while_it_is_held_by_who_gave_it(desk: Desk, ada: Caller, bob: Caller) -> None:
    case = desk.propose("refund")
    ada.post(f"cases/{case['id']}/verdict", verdict(case, "v"))
    assert problem(bob("POST", f"cases/{case['id']}/recall"), 403, "not_allowed")["case_id"] == case["id"]
    assert ada.post(f"cases/{case['id']}/recall")["state"] == "waiting"
    problem(ada("POST", f"cases/{case['id']}/recall"), 409, "case_closed")
    problem(ada("POST", "cases/none/recall"), 404, "unknown_case")
    told = problem(ada("POST", f"cases/{case['id']}/verdict", json=verdict(case, "v", "rejected")), 409, "key_reused")
    assert "make a new id" in told["detail"]
    ada.post(f"cases/{case['id']}/verdict", verdict(case, "v-2"))
    desk.clock.advance(60)
    told = problem(ada("POST", f"cases/{case['id']}/recall"), 409, "case_closed")
    assert "can no longer be recalled" in told["detail"]


def test_a_case_is_passed_on_to_a_person_or_group(desk: Desk, ada: Caller, bob: Caller) -> None:
    eve = desk.reviewer("eve", groups=("billing",))
    case = desk.propose()
    passed = ada.post(f"cases/{case['id']}/hand_over", {"to": "group:billing", "note": "yours?"})
    assert passed["assigned_to"] == "group:billing"
    assert [each["id"] for each in eve.get("queue?assigned=group")["items"]] == [case["id"]]
    assert bob.get("queue")["items"] == []
    told = problem(bob("POST", f"cases/{case['id']}/verdict", json=verdict(passed, "b")), 403, "not_allowed")
    assert told["assigned_to"] == "group:billing"
    assert eve.get(f"cases/{case['id']}/history")["notes"][0]["text"] == "yours?"
    assert eve.post(f"cases/{case['id']}/verdict", verdict(passed, "e"))["state"] == "cleared"
    problem(eve("POST", f"cases/{case['id']}/hand_over", json={"to": "bob"}), 409, "case_closed")


def test_a_snoozed_case_comes_back_when_it_was_told_to(desk: Desk, ada: Caller) -> None:
    case = desk.propose()
    ada.post(f"cases/{case['id']}/snooze", {"for_s": 60})
    assert ada.get("queue")["items"] == []
    desk.clock.advance(60)
    assert len(ada.get("queue")["items"]) == 1
    ada.post(f"cases/{case['id']}/snooze", {"until": "2026-01-01T01:00:00+00:00"})
    desk.clock.advance(3539)
    assert ada.get("queue")["items"] == []
    desk.clock.advance(1)
    assert len(ada.get("queue")["items"]) == 1
    problem(ada("POST", f"cases/{case['id']}/snooze", json={"until": "2020-01-01T00:00:00Z"}), 422, "invalid_input")
    problem(
        ada("POST", f"cases/{case['id']}/snooze", json={"until": "9999-12-31T23:59:59+00:00"}), 422, "invalid_input"
    )


def test_a_redraft_voids_the_approval_and_is_never_one(desk: Desk, ada: Caller, bob: Caller) -> None:
    case = desk.propose("refund", order="A-1", amount=10)
    ada.post(f"cases/{case['id']}/verdict", verdict(case, "v"))
    again = bob.post(f"cases/{case['id']}/redraft", {"note": "why so much?"})
    assert (again["state"], again["revision"], again["verdict_id"]) == ("waiting", 2, None)
    desk.clock.advance(3600)
    assert desk.app.run_due() == 0
    told = problem(
        bob("POST", f"cases/{case['id']}/redraft", json={"note": "x", "arguments": {"amount": 1}}),
        422,
        "invalid_arguments",
    )
    assert told["problems"][0]["field"] == "order"


def test_an_unknown_effect_is_resolved_by_a_lead_once(desk: Desk, ada: Caller, lead: Caller) -> None:
    ids = []
    for _ in range(3):
        case = desk.propose("lose")
        ada.post(f"cases/{case['id']}/verdict", verdict(case, case["id"]))
        ids.append(case["id"])
    desk.app.run_due()
    assert desk.agent.get(f"cases/{ids[0]}/outcome")["state"] == "unknown"
    problem(ada("POST", f"cases/{ids[0]}/resolve", json={"move": "confirm_done"}), 403, "not_allowed")
    done = lead.post(f"cases/{ids[0]}/resolve", {"move": "confirm_done", "receipt": {"n": 1}, "note": "bank says so"})
    assert done["state"] == "done"
    assert desk.agent.get(f"cases/{ids[0]}/outcome")["value"] == {"n": 1}
    problem(lead("POST", f"cases/{ids[0]}/resolve", json={"move": "confirm_failed"}), 409, "case_closed")
    assert lead.post(f"cases/{ids[1]}/resolve", {"move": "confirm_failed"})["state"] == "failed"
    assert lead.post(f"cases/{ids[2]}/resolve", {"move": "send_again"})["state"] == "cleared"
    problem(lead("POST", "cases/none/resolve", json={"move": "confirm_done"}), 404, "unknown_case")


def test_what_is_done_is_undone_once(desk: Desk, ada: Caller, lead: Caller) -> None:
    case = desk.propose("refund", order="A-1", amount=10)
    problem(lead("POST", f"cases/{case['id']}/reverse", json={}), 409, "case_closed")
    ada.post(f"cases/{case['id']}/verdict", verdict(case, "v"))
    desk.clock.advance(60)
    desk.app.run_due()
    reversal = lead.post(f"cases/{case['id']}/reverse", {"reason": "twice"}, status=201)
    assert (reversal["reverses"], reversal["checkpoint"]) == (case["id"], "refund.reversal")
    problem(lead("POST", f"cases/{case['id']}/reverse", json={}), 409, "case_closed")
    desk.app.run_due()
    assert shown(lead, case)["state"] == "reversed"
    problem(lead("POST", "cases/none/reverse", json={}), 404, "unknown_case")


# --- opinions


def test_nobody_learns_the_opinion_of_another_before_giving_theirs() -> None:
    """Two worlds that differ in nothing but what ada thinks look the same to everybody else."""
    looks = {}
    for kind in ("approved", "rejected"):
        with open_desk(MemoryStore()) as world:
            case = world.propose("publish")
            more = {"reason": "secret words"} if kind == "rejected" else {}
            world.reviewer("ada").post(f"cases/{case['id']}/verdict", verdict(case, f"ada-{kind}", kind, **more))
            looks[kind] = [look(world, who, case["id"]) for who in (world.reviewer("bob"), world.agent)]
            looks[kind] += [look(world, world.token("bob", "read"), case["id"])]
            seen_by_ada = json.dumps(look(world, world.reviewer("ada"), case["id"]))
            assert kind in seen_by_ada
    assert looks["approved"] == looks["rejected"]


def look(world: Desk, who: Caller, case_id: str) -> list[Any]:
    """Everything one can see, with what is never the same in two worlds made the same."""
    seen = []
    paths = sorted(
        route.path
        for route in iter_route_contexts(world.api.routes)
        if "GET" in (route.methods or set()) and not route.path.endswith(("/events", "/metrics", "/{name}"))
    )
    for path in [*paths, "/api/v1/cases?text=secret", "/api/v1/cases?text=approved", "/api/v1/queue?text=rejected"]:
        answer = who("GET", path.replace("{case_id}", case_id))
        seen.append((path, answer.status_code, answer.text.replace(case_id, "CASE")))
    last = world.app.store.read(lambda tx: tx.last_seq())
    if who is not world.agent:
        told = stream(who, "/api/v1/events", query="after_seq=0", until=lambda body: f"id: {last}\n".encode() in body)
        seen.append(("events", told.status_code, told.text.replace(case_id, "CASE")))
    return seen


def test_agreement_takes_two_people(desk: Desk, ada: Caller, bob: Caller) -> None:
    case = desk.propose("publish")
    first = ada.post(f"cases/{case['id']}/verdict", verdict(case, "a"))
    assert first["state"] == "waiting"
    assert ada.post(f"cases/{case['id']}/verdict", verdict(case, "a")) == first
    told = problem(ada("POST", f"cases/{case['id']}/verdict", json=verdict(case, "a-2")), 403, "same_reviewer")
    assert "somebody else" in told["detail"]
    assert bob.post(f"cases/{case['id']}/verdict", verdict(shown(bob, case), "b"))["state"] == "cleared"


def test_a_split_goes_to_a_lead_who_was_none_of_them(desk: Desk, ada: Caller, bob: Caller, lead: Caller) -> None:
    case = desk.propose("publish")
    ada.post(f"cases/{case['id']}/verdict", verdict(case, "a"))
    split = bob.post(f"cases/{case['id']}/verdict", verdict(shown(bob, case), "b", "rejected"))
    assert (split["state"], split["assigned_to"], split["opinions"]) == ("waiting", "group:lead", 1)
    problem(ada("POST", f"cases/{case['id']}/verdict", json=verdict(split, "a-2")), 403, "not_allowed")
    assert lead.post(f"cases/{case['id']}/verdict", verdict(split, "l"))["state"] == "cleared"


# --- the reason of a rejection


@on_each
def test_a_reason_may_come_after_the_rejection_while_it_is_held(desk: Desk, ada: Caller, bob: Caller) -> None:
    case = desk.propose("refund")
    ada.post(f"cases/{case['id']}/verdict", verdict(case, "v1", "rejected"))
    bare = {"verdict_id": "v1", "reason": "Not correct"}
    held = ada.post(f"cases/{case['id']}/reason", bare)
    assert (held["state"], held["verdict_id"]) == ("held", "v1")
    ada.post(f"cases/{case['id']}/reason", {**bare, "reason": " Wrong tone "})
    problem(bob("POST", f"cases/{case['id']}/reason", json=bare), 403, "not_allowed")
    problem(ada("POST", f"cases/{case['id']}/reason", json={**bare, "reason": " "}), 422, "invalid_input")
    problem(ada("POST", f"cases/{case['id']}/reason", json={**bare, "verdict_id": "v9"}), 422, "invalid_input")
    entries = [entry for entry in desk.stored()["Entry"] if entry.act == "reason"]
    assert [(entry.kind.value, entry.actor, entry.facts) for entry in entries] == [
        ("verdict", "ada", {"verdict": "v1"})
    ] * 2
    desk.clock.advance(60)
    problem(ada("POST", f"cases/{case['id']}/reason", json=bare), 409, "case_closed")
    desk.app.run_due()
    problem(ada("POST", f"cases/{case['id']}/reason", json=bare), 409, "case_closed")
    assert ada.get(f"cases/{case['id']}/outcome")["reason"] == "Wrong tone"


def test_only_a_rejection_that_stands_has_a_reason(desk: Desk, ada: Caller) -> None:
    case = desk.propose("refund")
    ada.post(f"cases/{case['id']}/verdict", verdict(case, "v1"))
    bare = {"verdict_id": "v1", "reason": "Not correct"}
    assert (
        "no rejection" in problem(ada("POST", f"cases/{case['id']}/reason", json=bare), 422, "invalid_input")["detail"]
    )
    waiting = ada.post(f"cases/{case['id']}/recall")
    held = ada.post(f"cases/{case['id']}/verdict", verdict(waiting, "v2", "rejected"))
    other = desk.propose("refund")
    problem(ada("POST", f"cases/{other['id']}/reason", json={**bare, "verdict_id": "v2"}), 422, "invalid_input")
    ada.post(f"cases/{held['id']}/recall")
    told = problem(ada("POST", f"cases/{case['id']}/reason", json={**bare, "verdict_id": "v2"}), 409, "conflict")
    assert "does not stand any more" in told["detail"]
    assert [each.reason for each in desk.stored()["VerdictRecord"]] == [None, None]


def test_a_vote_to_reject_takes_a_reason_that_the_others_do_not_hear_of(desk: Desk, ada: Caller, bob: Caller) -> None:
    case = desk.propose("publish")
    ada.post(f"cases/{case['id']}/verdict", verdict(case, "v1", "rejected"))
    ada.post(f"cases/{case['id']}/reason", {"verdict_id": "v1", "reason": "Not correct"})
    history = bob.get(f"cases/{case['id']}/history")
    assert (history["votes"], [entry["act"] for entry in history["entries"]]) == ([], ["propose"])
    assert [each.reason for each in desk.stored()["Vote"]] == ["Not correct"]
    seen = stream(bob, "/api/v1/events", query="after_seq=0", until=lambda body: body.count(b"event: vote") == 2)
    assert '"reason"' not in seen.text
    bob.post(f"cases/{case['id']}/verdict", verdict(case, "v2", "rejected"))
    told = ada("POST", f"cases/{case['id']}/reason", json={"verdict_id": "v1", "reason": "Wrong tone"})
    problem(told, 409, "case_closed")
