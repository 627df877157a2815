"""Looking over HTTP: the queue, lists a page at a time, search, one case, and what there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from signoff.testing import MemoryStore
from tests.web.conftest import Caller, Desk, open_desk, place_for, problem, verdict


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def desk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Desk]:
    with open_desk(place_for(request, tmp_path)) as desk:
        yield desk


@pytest.fixture
def ada(desk: Desk) -> Caller:
    return desk.reviewer("ada")


def pages(who: Caller, path: str, *, between: Any = lambda: None, **query: Any) -> list[list[str]]:
    """Turn pages to the end."""
    found: list[list[str]] = []
    after: str | None = None
    while True:
        page = who.get(path, params={**query, **({"after": after} if after else {})})
        found.append([case["id"] for case in page["items"]])
        after = page["after"]
        if after is None:
            return found
        assert len(found) < 100
        between()


@pytest.mark.parametrize("path", ["queue", "cases"])
def test_pages_leave_nothing_out_and_tell_nothing_twice(desk: Desk, ada: Caller, path: str) -> None:
    cases = [desk.propose()["id"] for _ in range(23)]
    found = pages(ada, path, limit=5)
    assert [len(page) for page in found] == [5, 5, 5, 5, 3]
    assert [id for page in found for id in page] == cases
    assert [len(page) for page in pages(ada, path, limit=23)] == [23]


@pytest.mark.parametrize("path", ["queue", "cases"])
def test_pages_hold_still_while_cases_come_and_go(desk: Desk, ada: Caller, path: str) -> None:
    cases = [desk.propose()["id"] for _ in range(12)]
    gone = iter(cases)

    def meanwhile() -> None:
        desk.propose()
        desk.agent.post(f"cases/{next(gone)}/withdraw")

    found = [id for page in pages(ada, path, limit=3, between=meanwhile) for id in page]
    assert [id for id in found if id in cases] == cases
    assert len(set(found)) == len(found)


def test_the_newest_come_first_where_asked(desk: Desk, ada: Caller) -> None:
    cases = [desk.propose()["id"] for _ in range(7)]
    found = pages(ada, "cases", limit=3, newest_first=True)
    assert [id for page in found for id in page] == cases[::-1]


def test_lists_by_state_and_checkpoint(desk: Desk, ada: Caller) -> None:
    waiting, gone, held = desk.propose(), desk.propose(), desk.propose("refund")
    desk.agent.post(f"cases/{gone['id']}/withdraw")
    ada.post(f"cases/{held['id']}/verdict", verdict(held, "v"))
    ids = {name: [case["id"] for case in ada.get(f"cases?{query}")["items"]] for name, query in {
        "waiting": "state=waiting",
        "two": "state=withdrawn&state=held",
        "refund": "checkpoint=refund",
        "both": "checkpoint=send&state=withdrawn",
        "none": "checkpoint=nothing",
    }.items()}  # fmt: skip
    assert ids == {
        "waiting": [waiting["id"]],
        "two": [gone["id"], held["id"]],
        "refund": [held["id"]],
        "both": [gone["id"]],
        "none": [],
    }
    counts = ada.get("counts")["checkpoints"]
    assert (counts["send"], counts["refund"]) == ({"waiting": 1, "withdrawn": 1}, {"held": 1})


@pytest.mark.parametrize(
    "text", ["Kettle 100%", "a_b", "\\", "'; --", "Ren\u00e9", "\u202e", "\x00", '"', "[1,", "\U0001f600"]
)
def test_search_finds_the_text_itself_and_nothing_like_it(desk: Desk, ada: Caller, text: str) -> None:
    desk.propose(to="Kettle 100 axb Rene")
    wanted = {
        desk.propose(to=f"before {text} after")["id"],
        desk.propose(key=f"key {text}")["id"],
        desk.agent.post(
            "proposals",
            {"checkpoint": "publish", "arguments": {"title": "x"}, "evidence": {"mail": f"see {text}"}},
            status=201,
        )["id"],
    }
    for path in ("cases", "queue"):
        found = ada.get(path, params={"text": text})["items"]
        assert {case["id"] for case in found} == wanted


def test_search_looks_at_what_is_current(desk: Desk, ada: Caller) -> None:
    case = desk.propose(to="teapot")
    ada.post(f"cases/{case['id']}/redraft", {"note": "x", "arguments": {"to": "kettle"}})
    assert ada.get("cases?text=teapot")["items"] == []
    assert [each["id"] for each in ada.get("cases?text=KETTLE")["items"]] == [case["id"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=x", "limit"),
        ("limit=1e2", "limit"),
        ("limit=99999999999999999999999", "limit"),
        ("limit=", "limit"),
        ("state=open", "state.0"),
        ("text=", "text"),
        ("text=" + "x" * 201, "text"),
        ("after=" + "x" * 101, "after"),
        ("checkpoint=" + "x" * 201, "checkpoint"),
        ("newest_first=perhaps", "newest_first"),
        ("sate=waiting", "sate"),
        ("limit=1&limit=2", "limit"),
        ("text=a&text=b", "text"),
        ("State=waiting", "State"),
    ],
)
def test_a_query_that_does_not_fit_is_named(desk: Desk, ada: Caller, query: str, field: str) -> None:
    told = problem(ada("GET", f"cases?{query}"), 422, "invalid_input")
    assert [one["field"] for one in told["problems"]] == [field]


@pytest.mark.parametrize("after", ["x", "", "%00", "zzzz", "%F0%9F%98%80", "%FF", "'"])
def test_any_place_to_go_on_from_is_one(desk: Desk, ada: Caller, after: str) -> None:
    desk.propose()
    for path in ("cases", "queue"):
        assert ada("GET", f"{path}?after={after}&checkpoint={after}").status_code == 200


def test_a_queue_offers_what_one_may_rule_on(desk: Desk, ada: Caller) -> None:
    free, mine, grouped, others = (desk.propose()["id"] for _ in range(4))
    lead = desk.reviewer("lee", "lead")
    for id, to in ((mine, "ada"), (grouped, "group:reviewer"), (others, "bob")):
        lead.post(f"cases/{id}/hand_over", {"to": to})
    for assigned, ids in (("me", [mine]), ("group", [grouped]), ("anyone", [free]), (None, [free, mine, grouped])):
        query = {"assigned": assigned} if assigned else {}
        assert [case["id"] for case in ada.get("queue", params=query)["items"]] == ids
    problem(ada("GET", "queue?assigned=all"), 422, "invalid_input")


def test_a_queue_gives_its_first_case_as_a_whole_where_that_is_asked_for(desk: Desk, ada: Caller) -> None:
    assert ada.get("queue?with_first=true") == {"items": [], "after": None, "first": None}
    first, second = (desk.propose()["id"] for _ in range(2))
    assert ada.get("queue")["first"] is None
    assert ada.get("queue?with_first=true&limit=1")["first"] == ada.get(f"cases/{first}")
    assert ada.get(f"queue?with_first=true&after={first}")["first"] == ada.get(f"cases/{second}")


def test_a_case_is_shown_as_it_is_now(desk: Desk, ada: Caller) -> None:
    case = desk.propose("refund", order="A-1", amount=3)
    view = ada.get(f"cases/{case['id']}")
    assert view["case"] == case
    assert view["checkpoint"]["arguments_schema"]["properties"]["amount"]["type"] == "integer"
    assert view["content"]["arguments"] == {"order": "A-1", "amount": 3, "note": None}
    history = ada.get(f"cases/{case['id']}/history")
    assert [entry["act"] for entry in history["entries"]] == ["propose"]
    for path in ("cases/none", "cases/none/history", "cases/none/outcome"):
        told = problem(ada("GET", path), 404, "unknown_case")
        assert told["case_id"] == "none"


def test_checkpoints_are_listed_with_their_schemas(desk: Desk, ada: Caller) -> None:
    listed = {each["name"]: each for each in ada.get("checkpoints")}
    assert {"refund", "refund.reversal", "send", "publish", "lose"} <= set(listed)
    assert listed["refund"]["description"] == "Pay money back."
    assert ada.get("checkpoints/refund") == listed["refund"]
    told = problem(ada("GET", "checkpoints/nothing"), 404, "unknown_checkpoint")
    assert "refund" in told["detail"]
    for name in ("%00", "%FF", "x" * 200):
        problem(ada("GET", f"checkpoints/{name}"), 404, "unknown_checkpoint")
    problem(ada("GET", "checkpoints/" + "x" * 201), 422, "invalid_input")


def test_metrics_count_cases_and_requests(desk: Desk, ada: Caller) -> None:
    desk.propose()
    desk.clock.advance(90)
    answer = ada("GET", "metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    lines = answer.text.splitlines()
    assert 'signoff_cases{checkpoint="send",state="waiting"} 1.0' in lines
    assert 'signoff_oldest_waiting_seconds{checkpoint="send"} 90.0' in lines
    assert 'signoff_http_request_seconds_count{method="POST",route="/proposals",status="201"} 1.0' in lines
    problem(desk.agent("GET", "metrics"), 403, "not_allowed")


def test_health_says_so_when_the_database_does_not_answer(tmp_path: Path) -> None:
    with open_desk(MemoryStore()) as desk:
        healthy = desk.nobody("GET", "health")
        assert (healthy.status_code, healthy.json()["ready"], healthy.json()["database"]) == (200, True, "ok")
    with open_desk(tmp_path / "signoff.db") as desk:
        kept = desk.app.store.read

        def down(_: Any) -> Any:
            from signoff.errors import StoreUnavailable

            raise StoreUnavailable("the database is away; try again")

        desk.app.store.read = down  # type: ignore[method-assign]
        try:
            sick = desk.nobody("GET", "health")
            assert (sick.status_code, sick.json()["ready"], sick.json()["database"]) == (503, False, "unavailable")
            answer = desk.bearer("signoff_x")("GET", "me")
            problem(answer, 503, "store_unavailable")
            assert answer.headers["retry-after"] == "1"
        finally:
            desk.app.store.read = kept  # type: ignore[method-assign]
