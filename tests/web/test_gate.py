"""The gate: a flood of one caller is told to come back, and slows down nobody else."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from signoff import Signoff
from signoff.server.gate import MOST_OF_ONE, TURNS_OF_ONE, Gate
from signoff.server.metrics import Metrics
from signoff.testing import MemoryStore


class Slow:
    """What is behind the gate: answers when it is let go."""

    def __init__(self) -> None:
        self.inside = 0
        self.most_inside = 0
        self.entered = asyncio.Condition()
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async with self.entered:
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
            self.entered.notify_all()
        await self.go.wait()
        self.inside -= 1
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})


class Answer:
    """What one request got."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message["body"]


async def ask(gate: Gate, *, token: str = "a", host: str = "localhost") -> Answer:
    answer = Answer()
    headers = [(b"host", host.encode()), (b"authorization", f"Bearer {token}".encode())]
    scope = {"type": "http", "method": "POST", "path": "/api/v1/proposals", "headers": headers, "client": ("::1", 1)}
    await gate(scope, None, answer.send)  # type: ignore[arg-type]
    return answer


def a_gate(behind: Any, **options: Any) -> Gate:
    app = Signoff(MemoryStore(), workers=0)
    return Gate(behind, metrics=Metrics(app), hosts=("localhost", "::1"), **options)


def test_a_flood_of_one_caller_waits_its_turn_and_the_rest_of_it_is_told_to_come_back() -> None:
    async def run() -> None:
        slow = Slow()
        gate = a_gate(slow)
        flood = [asyncio.create_task(ask(gate)) for _ in range(MOST_OF_ONE + 88)]
        async with slow.entered:
            await slow.entered.wait_for(lambda: slow.inside == TURNS_OF_ONE)
        refused = [await task for task in flood[MOST_OF_ONE:]]
        assert {answer.status for answer in refused} == {429}
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert json.loads(refused[0].body)["code"] == "overloaded"
        assert refused[0].headers["x-content-type-options"] == "nosniff"

        # Somebody else goes past all of them.
        other = asyncio.create_task(ask(gate, token="b"))
        async with slow.entered:
            await slow.entered.wait_for(lambda: slow.inside == TURNS_OF_ONE + 1)
        slow.go.set()
        assert (await other).status == 200
        assert {(await task).status for task in flood[:MOST_OF_ONE]} == {200}
        assert slow.most_inside == TURNS_OF_ONE + 1
        assert (await ask(gate)).status == 200, "afterwards everything is as it was"

    asyncio.run(run())


def test_with_too_much_of_everybody_everybody_is_told_to_come_back() -> None:
    async def run() -> None:
        slow = Slow()
        gate = a_gate(slow, most_at_once=3)
        under_way = [asyncio.create_task(ask(gate, token=str(n))) for n in range(3)]
        async with slow.entered:
            await slow.entered.wait_for(lambda: slow.inside == 3)
        assert (await ask(gate, token="late")).status == 429
        slow.go.set()
        assert [(await task).status for task in under_way] == [200, 200, 200]

    asyncio.run(run())


def test_a_name_that_is_not_ours_gets_nothing() -> None:
    async def run() -> None:
        slow = Slow()
        slow.go.set()
        gate = a_gate(slow)
        for host in ("evil.example", "localhost.evil.example", "evil.example:8642", "[::2]:8642", ""):
            answer = await ask(gate, host=host)
            assert answer.status == 403, host
            assert answer.headers["cache-control"] == "no-store"
        for host in ("localhost", "LOCALHOST:8642", "[::1]", "[::1]:8642"):
            assert (await ask(gate, host=host)).status == 200, host

    asyncio.run(run())
