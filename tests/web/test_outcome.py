"""Waiting for an outcome over HTTP: woken by whoever rules, in whatever process, and never longer than asked."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from signoff import Signoff
from signoff.testing import MemoryStore
from tests.web.conftest import Desk, Served, declare, open_desk, problem, verdict


@pytest.fixture
def desk() -> Iterator[Desk]:
    with open_desk(MemoryStore()) as desk:
        yield desk


def test_without_waiting_it_says_how_things_are(desk: Desk) -> None:
    case = desk.propose()
    assert desk.agent.get(f"cases/{case['id']}/outcome") == {
        "case_id": case["id"],
        "state": "waiting",
        "answered": False,
        "value": None,
        "verdict": None,
        "reviewer": None,
        "reason": None,
        "problem": None,
        "arguments": None,
    }
    desk.reviewer("ada").post(f"cases/{case['id']}/verdict", verdict(case, "v"))
    cleared = desk.agent.get(f"cases/{case['id']}/outcome", params={"wait_s": 0.01})
    assert (cleared["state"], cleared["answered"]) == ("cleared", False)


@pytest.mark.parametrize(
    "wait_s", ["-1", "-0.001", "55.001", "1e9", "inf", "nan", "x", "", "1,5", "99999999999999999999"]
)
def test_a_time_that_cannot_be_waited_is_refused(desk: Desk, wait_s: str) -> None:
    case = desk.propose()
    told = problem(desk.agent("GET", f"cases/{case['id']}/outcome?wait_s={wait_s}"), 422, "invalid_input")
    assert told["problems"][0]["field"] == "wait_s"


def test_the_longest_time_is_taken_and_an_answer_comes_at_once(desk: Desk) -> None:
    case = desk.propose()
    desk.agent.post(f"cases/{case['id']}/withdraw")
    outcome = desk.agent.get(f"cases/{case['id']}/outcome?wait_s=55")
    assert (outcome["state"], outcome["answered"]) == ("withdrawn", True)


def _wait(desk: Desk, case: dict[str, Any]) -> Any:
    return desk.agent.get(f"cases/{case['id']}/outcome?wait_s=55")


def _await_waiters(app: Signoff, case_id: str, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(app._waiters._wakes.get(case_id, ())) < count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("kind", ["approved", "rejected"])
def test_a_verdict_wakes_whoever_waits(desk: Desk, kind: str) -> None:
    case = desk.propose("publish", title="x")
    ada, bob = desk.reviewer("ada"), desk.reviewer("bob")
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(_wait, desk, case) for _ in range(8)]
        _await_waiters(desk.app, case["id"], 8)
        ada.post(f"cases/{case['id']}/verdict", verdict(case, "a", kind))
        now = bob.get(f"cases/{case['id']}")["case"]
        bob.post(f"cases/{case['id']}/verdict", verdict(now, "b", kind))
        desk.app.run_due()
        outcomes = [each.result(timeout=40) for each in waiting]
    assert {outcome["state"] for outcome in outcomes} == {"done" if kind == "approved" else "rejected"}
    assert {outcome["value"] for outcome in outcomes} == {"published x" if kind == "approved" else None}
    assert desk.app._waiters._wakes == {}


# --- in other processes


@pytest.fixture
def token(tmp_path: Path) -> str:
    with Signoff(tmp_path / "signoff.db", workers=0) as app:
        return app.accounts.issue_token("agent", scopes=["propose"], by="test")[0]


def test_a_verdict_in_another_process_wakes_many_who_wait(
    tmp_path: Path, token: str, serve: Callable[..., Served]
) -> None:
    served = serve()
    with Signoff(tmp_path / "signoff.db", workers=0) as here, served.client(token) as client:
        declare(here)
        cases = [
            client.post("/proposals", json={"checkpoint": "publish", "arguments": {"title": str(number)}}).json()
            for number in range(10)
        ]

        def wait(case: dict[str, Any]) -> Any:
            while not (outcome := client.get(f"/cases/{case['id']}/outcome?wait_s=50").json())["answered"]:
                pass
            return outcome

        with ThreadPoolExecutor(40) as pool:
            waiting: list[tuple[int, Future[Any]]] = [
                (number, pool.submit(wait, cases[number])) for number in range(10) for _ in range(4)
            ]
            for name in ("ada", "bob"):
                for case in cases:
                    here.reviewer(name).approve(here.case(case["id"]))
            # The effects run in the server, where the checkpoint is declared.
            assert [each.result(timeout=60)["value"] for _, each in waiting] == [
                f"published {number}" for number, _ in waiting
            ]
        assert here.verify().contradictions == []
    assert served.end() == 0


def test_who_waits_when_the_server_ends_is_let_go(tmp_path: Path, token: str, serve: Callable[..., Served]) -> None:
    served = serve()
    with served.client(token) as client:
        case = client.post("/proposals", json={"checkpoint": "send", "arguments": {"to": "x"}}).json()
        host, _, port = served.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as waiting:
            waiting.sendall(
                f"GET /api/v1/cases/{case['id']}/outcome?wait_s=55 HTTP/1.1\r\nHost: {host}:{port}\r\n"
                f"Authorization: Bearer {token}\r\n\r\n".encode()
            )
            for _ in range(20):
                # The server takes requests in the order in which they come.
                assert client.get("/health").status_code == 200
            assert served.end() == 0
            head, _, body = b"".join(iter(lambda: waiting.recv(65_536), b"")).partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0]
    outcome = json.loads(body)
    assert (outcome["state"], outcome["answered"]) == ("waiting", False)
    assert "Traceback" not in (tmp_path / "server.log").read_text()
