"""Ways in that were once open: each is tried, and stays shut."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import Any

import pytest

from signoff import State
from signoff.errors import InvalidInput
from signoff.server.access import LocalDesk
from signoff.server.api import THREADS
from signoff.server.gate import MOST_LONG_OF_ONE
from signoff.testing import MemoryStore
from tests.web.conftest import Desk, open_desk, problem, verdict
from tests.web.test_gate import Slow, a_gate


def in_the_loop(desk: Desk, work: Any) -> Any:
    assert desk.client.portal is not None
    return desk.client.portal.call(work)


def scope_of(method: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in {"Host": "localhost", **headers}.items()],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
        "state": {},
    }


def test_a_stream_of_proposals_ends_with_its_token(desk: Desk) -> None:
    secret, token = desk.app.accounts.issue_token("bot", scopes=["propose"], by="test")

    def lines(numbers: range) -> bytes:
        documents = [{"checkpoint": "send", "arguments": {"to": f"x{n}"}, "key": f"k{n}"} for n in numbers]
        return b"".join(json.dumps(document).encode() + b"\n" for document in documents)

    async def run() -> list[dict[str, Any]]:
        sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        answered = asyncio.Event()
        body = bytearray()

        async def send(message: dict[str, Any]) -> None:
            body.extend(message.get("body", b""))
            if body:
                answered.set()

        headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/x-ndjson"}
        scope = scope_of("POST", "/api/v1/proposals/batch", headers)
        task = asyncio.ensure_future(desk.client.app(scope, sent.get, send))  # type: ignore[arg-type]
        sent.put_nowait({"type": "http.request", "body": lines(range(500)), "more_body": True})
        await asyncio.wait_for(answered.wait(), 30)
        await asyncio.to_thread(desk.app.accounts.revoke_token, token.id, "test")
        sent.put_nowait({"type": "http.request", "body": lines(range(500, 1100)), "more_body": False})
        await asyncio.wait_for(task, 30)
        return [json.loads(line) for line in body.splitlines()]

    answers = in_the_loop(desk, run)
    assert all("case" in answer for answer in answers[:500])
    assert {answer["problem"]["code"] for answer in answers[500:]} == {"not_signed_in"}
    assert len(desk.app.cases(limit=2000)) == 500


def test_an_event_stream_ends_with_its_account(desk: Desk) -> None:
    desk.account("ada")
    secret, _ = desk.app.accounts.issue_token("ada", scopes=["read"], by="test")

    async def run() -> bytes:
        body = bytearray()
        began, never = asyncio.Event(), asyncio.Event()

        async def send(message: dict[str, Any]) -> None:
            body.extend(message.get("body", b""))
            began.set()

        async def receive() -> dict[str, Any]:
            await never.wait()
            return {"type": "http.disconnect"}

        scope = scope_of("GET", "/api/v1/events", {"Authorization": f"Bearer {secret}"})
        task = asyncio.ensure_future(desk.client.app(scope, receive, send))  # type: ignore[arg-type]
        await asyncio.wait_for(began.wait(), 30)
        await asyncio.to_thread(desk.app.accounts.disable, "ada", "test")
        # It ends by itself at the next entry, which the disabling is.
        await asyncio.wait_for(task, 30)
        return bytes(body)

    assert b'"act":"disable"' not in in_the_loop(desk, run)


def test_nobody_rewrites_what_a_webhook_is_told(desk: Desk) -> None:
    root = desk.app.reviewer("root", roles=["admin"]).actor
    desk.app.deliver_webhooks(allow=["127.0.0.1:9"])
    desk.app.webhooks.add("http://127.0.0.1:9/", events=["case.settled"], by=root, allow=["127.0.0.1:9"])
    eve = desk.reviewer("eve", "reviewer", "lead", "admin")
    case = desk.propose("send")
    eve.post(f"cases/{case['id']}/verdict", verdict(case, "v1", "rejected"))
    desk.app.webhooks.notify()
    desk.app.run_due()
    (delivery,) = eve.get("cases?checkpoint=signoff.webhook")["items"]
    arguments = eve.get(f"cases/{delivery['id']}")["content"]["arguments"]
    forged = {"note": "x", "arguments": {**arguments, "message_id": "msg_forged"}}
    for verb, body in (
        ("redraft", forged),
        ("verdict", verdict(delivery, "v2")),
        ("claim", {}),
        ("snooze", {}),
        ("hand_over", {"to": "eve"}),
    ):
        refused = eve("POST", f"cases/{delivery['id']}/{verb}", json=body)
        assert refused.status_code in (403, 409), (verb, refused.text)
    assert eve.get(f"cases/{delivery['id']}")["content"]["arguments"] == arguments


@pytest.mark.parametrize("recalled", [False, True])
def test_opinions_stay_blind_until_an_agreement_has_taken_effect(desk: Desk, recalled: bool) -> None:
    @desk.app.checkpoint(opinions=2, undo_s=60)
    def announce(title: str) -> str:
        return title

    ada, bob, cy = (desk.reviewer(name) for name in ("ada", "bob", "cy"))
    case = desk.propose("announce", title="Kettle")
    ada.post(f"cases/{case['id']}/verdict", verdict(case, "a"))
    bob.post(f"cases/{case['id']}/verdict", verdict(case, "b"))
    if recalled:
        bob.post(f"cases/{case['id']}/recall")
    told = json.dumps(cy.get(f"cases/{case['id']}/history"))
    assert '"approved"' not in told
    mine = ada.get(f"cases/{case['id']}/history")
    assert [vote["reviewer"] for vote in mine["votes"]] == ["ada"]
    if not recalled:
        desk.clock.advance(61)
        desk.app.run_due()
        assert {vote["reviewer"] for vote in cy.get(f"cases/{case['id']}/history")["votes"]} == {"ada", "bob"}


def test_a_verdict_id_holds_for_the_content_it_was_given_on(desk: Desk) -> None:
    ada, bob = desk.reviewer("ada"), desk.reviewer("bob")
    case = desk.propose("publish")
    ada.post(f"cases/{case['id']}/verdict", verdict(case, "same"))
    other = bob.post(f"cases/{case['id']}/redraft", {"note": "louder", "arguments": {"title": "KETTLE"}})
    problem(ada("POST", f"cases/{case['id']}/verdict", json=verdict(other, "same")), 409, "key_reused")
    again = ada("POST", f"cases/{case['id']}/verdict", json=verdict(case, "same"))
    assert again.status_code == 200, "what was sent twice counts once"
    assert desk.app.case(case["id"]).state is State.WAITING


def test_the_printed_link_is_over_with_the_first_account() -> None:
    local = LocalDesk("ada")
    with open_desk(MemoryStore(), local=local) as desk:
        link = desk.bearer(local.token)
        assert link.get("me")["id"] == "ada"
        desk.account("ada", "auditor")
        case = desk.propose("send")
        problem(link("POST", f"cases/{case['id']}/verdict", json=verdict(case, "v")), 401, "not_signed_in")
        assert desk.client.get(f"/?token={local.token}").status_code == 403


@pytest.mark.parametrize("name", ["signoff", "app", "drafter", "timer", "policy", "worker"])
def test_no_service_takes_a_name_the_ledger_uses_itself(desk: Desk, name: str) -> None:
    with pytest.raises(InvalidInput, match="ledger"):
        desk.app.accounts.issue_token(name, scopes=["propose"], by="test")
    with pytest.raises(InvalidInput, match="ledger"):
        desk.account(name)


def test_a_stranger_is_refused_before_the_body_is_read(desk: Desk) -> None:
    async def run() -> int:
        status = 0

        async def never() -> dict[str, Any]:
            raise AssertionError("the body was read")

        async def send(message: dict[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)

        headers = {"Authorization": "Bearer x", "Content-Type": "application/json", "Content-Length": "1000000"}
        await desk.client.app(scope_of("POST", "/api/v1/proposals", headers), never, send)  # type: ignore[arg-type]
        return status

    assert in_the_loop(desk, run) == 401
    large = {"account": "x" * 70_000, "password": "y"}
    problem(desk.nobody("POST", "session", json=large, headers={"Origin": "http://localhost"}), 413, "too_large")


def test_a_slow_drafter_holds_up_no_reviewer(desk: Desk) -> None:
    """Sixteen proposals wait for a drafter; who reviews is answered meanwhile."""
    entered, go = threading.Semaphore(0), threading.Event()

    def slow(_: Any) -> dict[str, Any]:
        entered.release()
        assert go.wait(30)
        return {"text": "x"}

    @desk.app.checkpoint(drafter=slow)
    def reply(text: str) -> str:
        return text

    grace = desk.reviewer("grace")
    grace.get("queue")
    agent = desk.agent
    threads = [
        threading.Thread(target=lambda: agent("POST", "proposals", json={"checkpoint": "reply"})) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for _ in range(THREADS):
        assert entered.acquire(timeout=30)
    assert grace.get("queue")["items"] == []
    assert desk.nobody.get("health")["ready"]
    go.set()
    for thread in threads:
        thread.join(30)
    assert len(grace.get("queue")["items"]) == 16


def test_one_caller_takes_no_more_than_its_share_of_waiting_requests() -> None:
    async def run() -> None:
        slow = Slow()
        gate = a_gate(slow)
        statuses: list[int] = []

        async def ask(token: str) -> None:
            async def send(message: Any) -> None:
                if message["type"] == "http.response.start":
                    statuses.append(message["status"])

            scope = scope_of("GET", "/api/v1/cases/x/outcome", {"Authorization": f"Bearer {token}"})
            await gate(scope, None, send)  # type: ignore[arg-type]

        waiting = [asyncio.create_task(ask("a")) for _ in range(MOST_LONG_OF_ONE)]
        async with slow.entered:
            await slow.entered.wait_for(lambda: slow.inside == MOST_LONG_OF_ONE)
        await ask("a")
        assert statuses == [429]
        other = asyncio.create_task(ask("b"))
        async with slow.entered:
            await slow.entered.wait_for(lambda: slow.inside == MOST_LONG_OF_ONE + 1)
        slow.go.set()
        await asyncio.gather(*waiting, other)
        assert set(statuses[1:]) == {200}

    asyncio.run(run())
