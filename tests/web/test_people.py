"""People and the desk over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from signoff.server.access import LocalDesk
from signoff.testing import MemoryStore
from tests.web.conftest import Caller, Desk, open_desk, place_for, problem


@pytest.fixture
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    with open_desk(place_for(request, tmp_path)) as desk:
        yield desk


@pytest.fixture
def ada(desk: Desk) -> Caller:
    return desk.reviewer("ada", "reviewer", groups=("billing",))


def test_a_page_says_each_minute_that_somebody_is_there(desk: Desk, ada: Caller) -> None:
    assert ada.post("me/presence", {}) == {
        "id": "ada",
        "roles": ["reviewer"],
        "groups": ["billing"],
        "here": True,
        "seen_at": "2026-01-01T00:00:00Z",
        "away_since": None,
        "claimed": 0,
        "assigned": 0,
        "ruled_today": 0,
    }
    desk.reviewer("bob")
    desk.clock.advance(60)
    assert [(each["id"], each["here"]) for each in ada.get("people")["items"]] == [("ada", True), ("bob", False)]
    assert ada.post("me/presence", {"away": None})["seen_at"] == "2026-01-01T00:01:00Z"
    problem(ada("POST", "me/presence", json={"away": "yes"}), 422, "invalid_input")


@pytest.mark.parametrize("desk", ["memory", "sqlite", "postgres"], indirect=True)
def test_who_goes_away_is_handed_nothing(desk: Desk, ada: Caller) -> None:
    bob = desk.reviewer("bob")
    case = desk.propose()
    bob.post(f"cases/{case['id']}/hand_over", {"to": "ada"})
    assert bob.get("queue")["items"] == []
    assert ada.post("me/presence", {"away": True})["away_since"] == "2026-01-01T00:00:00Z"
    assert [each["id"] for each in bob.get("queue")["items"]] == [case["id"]]
    told = problem(bob("POST", f"cases/{case['id']}/hand_over", json={"to": "ada"}), 403, "person_away")
    assert (told["person"], told["away_since"]) == ("ada", "2026-01-01T00:00:00+00:00")
    assert ada.post("me/presence", {"away": False})["here"] is True
    bob.post(f"cases/{case['id']}/hand_over", {"to": "ada"})


def test_whoever_the_link_lets_in_is_one_of_the_people() -> None:
    local = LocalDesk("grace")
    with open_desk(MemoryStore(), local=local) as alone:
        grace = alone.bearer(local.token)
        (person,) = grace.get("people")["items"]
        assert (person["id"], person["roles"], person["here"]) == ("grace", ["admin", "lead", "reviewer"], False)
        assert grace.post("me/presence", {})["here"] is True
        case = alone.app.function("send").propose(to="x")
        alone.app.reviewer("bob").claim_case(case.id)
        assert [(each["id"], each["claimed"]) for each in grace.get("people")["items"]] == [("bob", 1), ("grace", 0)]


def test_the_desk_shows_its_queues_and_what_is_stuck(desk: Desk, ada: Caller) -> None:
    case = desk.propose("refund")
    desk.clock.advance(64_799)
    empty = {"waiting": 0, "oldest_at": None, "claimed": 0, "assigned": 0, "snoozed": 0}
    view = ada.get("desk")
    assert (view["stuck"], view["unknown"]) == ([], [])
    assert {each.pop("checkpoint"): each for each in view["queues"]} == {
        "refund.reversal": empty,
        "lose": empty,
        "publish": empty,
        "refund": {**empty, "waiting": 1, "oldest_at": "2026-01-01T00:00:00Z"},
        "send": empty,
    }
    desk.clock.advance(1)
    (stuck,) = ada.get("desk")["stuck"]
    assert (stuck["case"]["id"], stuck["why"]) == (case["id"], "deadline_near")
