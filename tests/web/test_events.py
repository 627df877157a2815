"""The event stream: every entry once and in order, whoever wrote it, across breaks and restarts."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from signoff import Signoff
from signoff.server import gate
from signoff.server.routes import events
from signoff.testing import MemoryStore
from tests.web.conftest import Desk, Served, declare, open_desk, problem, stream, verdict


def read(text: str) -> list[dict[str, Any]]:
    """Read a stream as browsers do; only what has data is an event."""
    events = []
    for block in text.split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in block.splitlines() if line and not line.startswith(":"))
        if "data" in fields:
            events.append({"id": int(fields["id"]), "event": fields["event"], **json.loads(fields["data"])})
    return events


def told(desk: Desk, *, query: str = "", headers: dict[str, str] | None = None, last: int) -> list[dict[str, Any]]:
    who = desk.reviewer("ada")
    ends = f"id: {last}\n".encode()
    answer = stream(who, "/api/v1/events", query=query, headers=headers, until=lambda body: ends in body)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    return read(answer.text)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path / "signoff.db") as desk:
        desk.reviewer("ada")
        yield desk


def last(desk: Desk) -> int:
    return desk.app.store.read(lambda tx: tx.last_seq())


def test_the_whole_ledger_is_told_in_order(desk: Desk) -> None:
    case = desk.propose("refund")
    desk.reviewer("ada").post(f"cases/{case['id']}/verdict", verdict(case, "v"))
    entries = desk.app.store.read(lambda tx: tx.ledger(after_seq=0, limit=1000))
    events = told(desk, query="after_seq=0", last=last(desk))
    assert [event["seq"] for event in events] == [entry.seq for entry in entries]
    assert [event["id"] for event in events] == [event["seq"] for event in events]
    rule = next(event for event in events if event["act"] == "rule")
    assert rule == {
        "id": rule["seq"],
        "event": "move",
        "seq": rule["seq"],
        "at": "2026-01-01T00:00:00Z",
        "kind": "move",
        "act": "rule",
        "case_id": case["id"],
        "checkpoint": "refund",
        "revision": 1,
        "state": "held",
        "actor": "ada",
        "actor_kind": "person",
    }


def test_after_a_break_it_goes_on_where_it_was(desk: Desk) -> None:
    for _ in range(5):
        desk.propose()
    everything = told(desk, query="after_seq=0", last=last(desk))
    for seen in (everything[0]["seq"], everything[-2]["seq"]):
        rest = told(desk, headers={"Last-Event-ID": str(seen)}, last=last(desk))
        assert rest == [event for event in everything if event["seq"] > seen]
    # What a browser sends by itself is newer than what the page asked for at first.
    both = told(desk, query="after_seq=0", headers={"Last-Event-ID": str(everything[-2]["seq"])}, last=last(desk))
    assert both == everything[-1:]


def test_one_checkpoint_is_followed_alone_and_breaks_lose_nothing(desk: Desk) -> None:
    case = desk.propose("refund")
    for _ in range(3):
        desk.propose()
    events = told(desk, query="after_seq=0&checkpoint=refund", last=last(desk))
    assert {event["checkpoint"] for event in events} == {"refund"}
    assert case["id"] in {event["case_id"] for event in events}


def test_an_event_tells_nothing_that_was_proposed_or_said(desk: Desk) -> None:
    case = desk.propose("refund", order="very-private")
    desk.reviewer("ada").post(
        f"cases/{case['id']}/verdict", verdict(case, "v", "rejected", reason="very-private-reason")
    )
    desk.reviewer("bob").post(f"cases/{desk.propose()['id']}/redraft", {"note": "very-private-note"})
    assert "very-private" not in json.dumps(told(desk, query="after_seq=0", last=last(desk)))


@pytest.mark.parametrize(
    ("query", "headers", "field"),
    [
        ("after_seq=-1", {}, "after_seq"),
        ("after_seq=x", {}, "after_seq"),
        ("after_seq=1.5", {}, "after_seq"),
        (f"after_seq={2**63}", {}, "after_seq"),
        ("checkpoint=" + "x" * 201, {}, "checkpoint"),
        ("", {"Last-Event-ID": "x"}, "last-event-id"),
        ("", {"Last-Event-ID": "-1"}, "last-event-id"),
    ],
)
def test_a_place_that_cannot_be_is_refused(desk: Desk, query: str, headers: dict[str, str], field: str) -> None:
    answer = stream(desk.reviewer("ada"), "/api/v1/events", query=query, headers=headers)
    assert problem(answer, 422, "invalid_input")["problems"][0]["field"] == field


# --- on a wire


@contextmanager
def following(client: httpx2.Client, **more: Any) -> Iterator[Iterator[dict[str, Any]]]:
    """Follow on a connection; events come as they are told."""
    with client.stream("GET", "/events", **more) as answer:
        assert answer.status_code == 200
        lines = answer.iter_lines()
        assert next(lines).startswith(":")

        def events() -> Iterator[dict[str, Any]]:
            block: list[str] = []
            for line in lines:
                if line:
                    block.append(line)
                    continue
                yield from read("\n".join(block))
                block.clear()

        yield events()


@pytest.fixture
def token(tmp_path: Path) -> str:
    with Signoff(tmp_path / "signoff.db", workers=0) as app:
        app.accounts.create("ada", roles=["reviewer"], by="test")
        return app.accounts.issue_token("ada", scopes=["review"], by="test")[0]


def test_what_another_process_writes_is_told(tmp_path: Path, token: str, serve: Callable[..., Served]) -> None:
    served = serve()
    with Signoff(tmp_path / "signoff.db", workers=0) as here:
        declare(here)
        with served.client(token) as client, following(client) as events:
            case = here.function("send").propose(to="grace")
            event = next(event for event in events if event["case_id"])
            assert (event["act"], event["case_id"]) == ("propose", case.id)
            here.reviewer("ada").approve(case)
            assert [next(events)["act"] for _ in range(2)] == ["rule", "clear"]


def test_over_restarts_nothing_is_left_out_or_told_twice(
    tmp_path: Path, token: str, serve: Callable[..., Served]
) -> None:
    stop, seen = threading.Event(), list[dict[str, Any]]()
    with Signoff(tmp_path / "signoff.db", workers=0) as here:
        declare(here)
        start = here.store.read(lambda tx: tx.last_seq())

        def write() -> int:
            count = 0
            while not stop.is_set() and count < 3000:
                here.function("send").propose(to=str(count))
                count += 1
            return count

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            after = start
            try:
                for turn in range(3):
                    served = serve()
                    headers = {"Last-Event-ID": str(after)}
                    with served.client(token) as client, following(client, headers=headers) as events:
                        for event in events:
                            seen.append(event)
                            after = event["seq"]
                            if len(seen) >= 150 * (turn + 1):
                                break
                    served.end()
            finally:
                stop.set()
            written = writing.result()
        final = here.store.read(lambda tx: tx.last_seq())
        served = serve()
        with served.client(token) as client, following(client, headers={"Last-Event-ID": str(after)}) as events:
            while after < final:
                seen.append(next(events))
                after = seen[-1]["seq"]
        entries = here.store.read(lambda tx: tx.ledger(after_seq=start, limit=100_000))
    assert [event["seq"] for event in seen] == [entry.seq for entry in entries]
    assert len([event for event in seen if event["act"] == "propose"]) == written


def test_who_follows_when_the_server_ends_is_let_go_and_goes_on(
    tmp_path: Path, token: str, serve: Callable[..., Served]
) -> None:
    served = serve()
    with served.client(token) as client, following(client) as events, ThreadPoolExecutor(1) as pool:
        ended = pool.submit(list, events)
        assert served.end() == 0
        assert ended.result(timeout=30) == []
    assert "Traceback" not in (tmp_path / "server.log").read_text()


# --- those who leave


@pytest.mark.parametrize("end", ["revoked", "disabled", "signed out"])
def test_a_stream_ends_with_the_token_or_session_it_was_opened_with(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(events, "_ALIVE_S", 0.05)
    accounts = desk.app.accounts
    secret, token = accounts.issue_token("ada", scopes=["review"], by="test")
    desk.account("eve")
    who = desk.browser("eve") if end == "signed out" else desk.bearer(secret)

    def once_it_goes_on(body: bytes) -> bool:
        if body.count(b": alive") == 2:
            match end:
                case "revoked":
                    accounts.revoke_token(token.id, "test")
                case "disabled":
                    accounts.disable("ada", "test")
                case _:
                    accounts.sign_out(who.headers["Cookie"].partition("=")[2])
        return False

    # It is never left: it ends by itself, or the test does.
    assert stream(who, "/api/v1/events", until=once_it_goes_on).status_code == 200


def test_who_leaves_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "MOST_LONG", 1)
    with open_desk(MemoryStore()) as desk:
        ada = desk.reviewer("ada")
        for _ in range(5):
            # Each is let in only if the one before was forgotten.
            assert stream(ada, "/api/v1/events").status_code == 200
        monkeypatch.setattr(gate, "MOST_LONG", 0)
        answer = stream(ada, "/api/v1/events")
        problem(answer, 429, "overloaded")
        assert answer.headers["retry-after"] == "1"
        assert ada.get("me")["id"] == "ada"


def test_many_follow_at_once_and_each_is_told_all(tmp_path: Path, token: str, serve: Callable[..., Served]) -> None:
    served = serve()
    with Signoff(tmp_path / "signoff.db", workers=0) as here:
        declare(here)
        here.register()
        ready = threading.Barrier(21)

        def follow(_: int) -> list[str]:
            with served.client(token) as client, following(client) as events:
                ready.wait(30)
                found: list[str] = []
                for event in events:
                    found += [event["case_id"]] if event["act"] == "propose" else []
                    if len(found) == 30:
                        return found
                return found

        with ThreadPoolExecutor(20) as pool:
            following_all = [pool.submit(follow, number) for number in range(20)]
            ready.wait(30)
            cases = [here.function("send").propose(to="x").id for _ in range(30)]
            assert [each.result(timeout=60) for each in following_all] == [cases] * 20
    with served.client(token) as client:
        assert client.get("/me").status_code == 200
    assert served.end() == 0
    assert "Traceback" not in (tmp_path / "server.log").read_text()
