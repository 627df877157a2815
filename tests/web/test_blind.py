"""Blind checkpoints: nothing on the wire tells what the AI or a colleague thinks, until one has ruled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from signoff.domain.case import State
from signoff.errors import NotAllowed
from tests.web.conftest import Caller, Desk, open_desk, place_for, problem, stream, verdict

HIDDEN = ("xbilling", "becausex", "xreturns", "xlabels", "0.8125", "0.0625", "oversight_always")
"""What only the AI's opinion holds: category, rationale, alternative, drafter, confidences, rule."""


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    with open_desk(place_for(request, tmp_path)) as desk:

        @desk.app.checkpoint(label="category", blind=True, undo_s=60)
        def sort(category: str, reply: str = "Hello") -> str:
            return f"{category}: {reply}"

        @desk.app.checkpoint(label="category", blind=True, undo_s=60, opinions=2)
        def sort_twice(category: str, reply: str = "Hello") -> str:
            return f"{category}: {reply}"

        yield desk


on_each = pytest.mark.parametrize("desk", ["memory", "sqlite", "postgres"], indirect=True)


@pytest.fixture
def ada(desk: Desk) -> Caller:
    return desk.reviewer("ada")


@pytest.fixture
def bob(desk: Desk) -> Caller:
    return desk.reviewer("bob")


def propose(desk: Desk, checkpoint: str = "sort") -> dict[str, Any]:
    made: dict[str, Any] = desk.agent.post(
        "proposals",
        {
            "checkpoint": checkpoint,
            "arguments": {"category": "xbilling"},
            "evidence": {"mail": "Where is my kettle?"},
            "confidence": 0.8125,
            "rationale": "becausex",
            "alternatives": [{"arguments": {"category": "xreturns"}, "confidence": 0.0625}],
            "drafter": "xlabels@7",
        },
        status=201,
    )
    return made


def everything(desk: Desk, who: Caller, case_id: str) -> str:
    """All that a person can ask about a case, as it goes over the wire."""
    last = desk.app.store.read(lambda tx: tx.last_seq())
    events = stream(who, "/api/v1/events", query="after_seq=0", until=lambda body: f"id: {last}\n".encode() in body)
    paths = [
        f"cases/{case_id}",
        f"cases/{case_id}/history",
        f"cases/{case_id}/outcome",
        "cases",
        "queue?with_first=true",
        "counts",
    ]
    return "\n".join([events.text, *(who("GET", path).text for path in paths)])


def told(text: str) -> list[str]:
    return [each for each in HIDDEN if each in text]


@on_each
def test_a_reviewer_is_shown_a_case_without_the_opinion_of_the_ai(desk: Desk, ada: Caller) -> None:
    case = propose(desk)
    view = ada.get(f"cases/{case['id']}")
    assert view["withheld"] is True
    assert view["routing"] is None
    assert view["content"] == {
        "case_id": case["id"],
        "revision": 1,
        "arguments": {"reply": "Hello"},
        "author": "drafter",
        "rationale": None,
        "alternatives": [],
    }
    assert view["evidence"]["mail"]["value"] == "Where is my kettle?"
    assert view["case"]["title"] == "Where is my kettle?"
    assert told(everything(desk, ada, case["id"])) == []
    mine = desk.agent.get(f"cases/{case['id']}")
    assert (mine["withheld"], mine["content"]["arguments"]["category"]) == (False, "xbilling")


@on_each
def test_who_has_ruled_is_shown_everything_and_others_only_once_it_is_settled(
    desk: Desk, ada: Caller, bob: Caller
) -> None:
    case = propose(desk)
    right = {"category": "xbilling", "reply": "Hello"}
    held = ada.post(f"cases/{case['id']}/verdict", verdict(case, "v1", "edited", arguments=right))
    assert held["revision"] == 1, "equal to what was hidden, so it is an approval"
    mine = ada.get(f"cases/{case['id']}")
    assert (mine["withheld"], mine["content"]["rationale"], mine["routing"]["confidence"]) == (
        False,
        "becausex",
        0.8125,
    )
    history = ada.get(f"cases/{case['id']}/history")
    assert history["verdicts"][0]["kind"] == "approved"
    assert told(everything(desk, bob, case["id"])) == []
    assert "approved" not in everything(desk, bob, case["id"])
    ada.post(f"cases/{case['id']}/recall")
    assert told(everything(desk, ada, case["id"])) == []
    again = ada.get(f"cases/{case['id']}")["case"]
    ada.post(f"cases/{case['id']}/verdict", verdict(again, "v2", "edited", arguments=right))
    desk.clock.advance(60)
    desk.app.run_due()
    view = bob.get(f"cases/{case['id']}")
    assert (view["withheld"], view["content"]["arguments"]["category"]) == (False, "xbilling")
    assert [each["kind"] for each in bob.get(f"cases/{case['id']}/history")["verdicts"]] == ["approved", "approved"]


def test_what_a_colleague_did_to_it_is_withheld_too(desk: Desk, ada: Caller, bob: Caller) -> None:
    case = propose(desk)
    ada.post(f"cases/{case['id']}/redraft", {"note": "xxnotexx", "arguments": {"category": "xreturns"}})
    case = desk.app.case(case["id"]).seen
    now = {"id": case.id, "revision": case.revision, "content_hash": case.content_hash}
    bob.post(f"cases/{case.id}/verdict", verdict(now, "v1", "rejected", reason="xxreasonxx"))
    for who in (ada, desk.token("ada", "read")):
        text = everything(desk, who, case.id)
        assert "rejected" not in text.replace("rejected_at", "")
        assert "xxreasonxx" not in text
    carl = desk.reviewer("carl")
    assert "xxnotexx" not in everything(desk, carl, case.id)
    history = carl.get(f"cases/{case.id}/history")
    assert [each["revision"] for each in history["contents"]] == [2]
    assert (history["routings"], history["verdicts"], history["votes"], history["attempts"]) == ([], [], [], [])
    assert {entry["act"]: entry["facts"] for entry in history["entries"]} == {"propose": {}, "redraft": {}, "rule": {}}
    assert told(everything(desk, carl, case.id)) == []


def test_a_conflict_tells_no_more(desk: Desk, ada: Caller, bob: Caller) -> None:
    case = propose(desk)
    wrong = {**case, "revision": 7}
    changed = problem(ada("POST", f"cases/{case['id']}/verdict", json=verdict(wrong, "v1")), 409, "content_changed")
    assert changed["difference"] == {"reply": {"seen": None, "now": "Hello"}}
    bob.post(f"cases/{case['id']}/verdict", verdict(case, "v2", "rejected"))
    late = problem(ada("POST", f"cases/{case['id']}/verdict", json=verdict(case, "v3")), 409, "case_closed")
    assert (late["reviewer"], "verdict" in late) == ("bob", False)
    assert "rejected" not in late["detail"]
    bob.post(f"cases/{case['id']}/reason", {"verdict_id": "v2", "reason": "xxreasonxx"})
    text = everything(desk, ada, case["id"])
    assert "xxreasonxx" not in text
    assert '"act":"reason"' not in text


def test_a_search_does_not_find_what_is_withheld(desk: Desk, ada: Caller) -> None:
    case = propose(desk)
    for path in ("queue?text=xbilling", "cases?text=xbilling"):
        assert ada.get(path)["items"] == []
    assert [each["id"] for each in ada.get("queue?text=kettle")["items"]] == [case["id"]]


def test_where_several_have_to_agree_a_voter_sees_the_ai_but_not_the_others(
    desk: Desk, ada: Caller, bob: Caller
) -> None:
    case = propose(desk, "sort_twice")
    right = {"category": "xbilling", "reply": "Hello"}
    ada.post(f"cases/{case['id']}/verdict", verdict(case, "v1", "edited", arguments=right))
    assert ada.get(f"cases/{case['id']}")["withheld"] is False
    assert told(everything(desk, bob, case["id"])) == []
    assert bob.get(f"cases/{case['id']}/history")["votes"] == []
    bob.post(f"cases/{case['id']}/verdict", verdict(case, "v2", "edited", arguments=right))
    assert bob.get(f"cases/{case['id']}")["withheld"] is False
    assert [vote["reviewer"] for vote in bob.get(f"cases/{case['id']}/history")["votes"]] == ["bob"]


@on_each
def test_nobody_approves_a_category_they_were_not_shown(desk: Desk, ada: Caller) -> None:
    for checkpoint in ("sort", "sort_twice"):
        case = propose(desk, checkpoint)
        claimed = ada.post(f"cases/{case['id']}/claim", {})
        for shown in (case, claimed):
            refused = ada("POST", f"cases/{case['id']}/verdict", json=verdict(shown, "v1"))
            told_so = problem(refused, 403, "not_allowed")
            assert told_so["label"] == "category"
            assert "xbilling" not in refused.text
        with pytest.raises(NotAllowed, match="name it: send an edit with all arguments"):
            desk.app.reviewer("grace").approve(desk.app.case(propose(desk, checkpoint)["id"]))
        assert desk.app.case(case["id"]).state is State.WAITING
        assert ada.get(f"cases/{case['id']}")["withheld"] is True


def test_where_there_is_no_category_a_blind_case_is_approved_as_it_is(desk: Desk, ada: Caller) -> None:
    @desk.app.checkpoint(blind=True, undo_s=60)
    def answer(reply: str) -> str:
        return reply

    case = desk.agent.post("proposals", {"checkpoint": "answer", "arguments": {"reply": "Hello"}}, status=201)
    assert ada.post(f"cases/{case['id']}/verdict", verdict(case, "v1"))["state"] == "held"


def test_nothing_is_withheld_elsewhere(desk: Desk, ada: Caller) -> None:
    case = desk.propose()
    view = ada.get(f"cases/{case['id']}")
    assert (view["withheld"], view["routing"]["reason"]) == (False, "oversight_always")


def test_the_library_shows_a_reviewer_the_same(desk: Desk) -> None:
    case = propose(desk)
    grace = desk.app.reviewer("grace")
    assert grace.view(case["id"]).withheld
    assert grace.view(case["id"]).content.arguments == {"reply": "Hello"}
    assert grace.history(case["id"]).routings == []
    assert desk.app.view(case["id"]).content.arguments["category"] == "xbilling"
    grace.edit(grace.view(case["id"]).case, {"category": "xbilling", "reply": "Hello"})
    assert not grace.view(case["id"]).withheld
