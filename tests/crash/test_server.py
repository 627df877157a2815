"""The server is killed while people review and agents propose; what it had acknowledged is there, once."""

from __future__ import annotations

import http.client
import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from signoff import Role, Signoff, State
from signoff.domain.account import Scope
from tests.crash.children import Child, running
from tests.crash.receiver import Receiver
from tests.crash.rounds import repeated
from tests.crash.served import declare
from tests.places import Place
from tests.postgres import Server

PEOPLE = 16
KILLS = 5
BETWEEN = 40
"""Acknowledged verdicts between two kills."""
TIMEOUT_S = 90.0


@dataclass
class Front:
    """Where the server is now, and what it has acknowledged."""

    address: str = ""
    verdicts: dict[str, str] = field(default_factory=dict)
    """Verdict ids with their case, as acknowledged."""
    proposals: dict[str, str] = field(default_factory=dict)
    """Keys with their case, as acknowledged."""
    over: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def moved_to(self, address: str) -> None:
        """Tell everybody the new address."""
        with self.changed:
            self.address = address
            self.changed.notify_all()

    def next_after(self, address: str) -> bool:
        """Wait a little for a server elsewhere; tell whether there is still work."""
        with self.changed:
            self.changed.wait_for(lambda: self.address != address or self.over, 5)
            return not self.over

    def acknowledge(self, book: dict[str, str], id: str, case_id: str) -> None:
        """Write down what was acknowledged; the same again must be about the same case."""
        with self.changed:
            assert book.setdefault(id, case_id) == case_id
            self.changed.notify_all()

    def wait_for(self, verdicts: int) -> None:
        """Wait until that many verdicts are acknowledged."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.verdicts) >= verdicts, TIMEOUT_S), len(self.verdicts)


class Seat:
    """Somebody who asks again, wherever the server is by then, until it answers."""

    def __init__(self, front: Front, token: str) -> None:
        self._front = front
        self._token = token

    def ask(self, method: str, path: str, document: Any = None) -> tuple[int, Any]:
        """Send until there is an answer; safe, since everything sent here has an id of its own."""
        while True:
            with self._front.changed:
                address = self._front.address
            try:
                return self._once(address, method, path, document)
            except (OSError, http.client.HTTPException):
                if not self._front.next_after(address):
                    return 0, None

    def _once(self, address: str, method: str, path: str, document: Any) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(address, timeout=30)
        try:
            connection.request(
                method,
                f"/api/v1{path}",
                json.dumps({} if document is None else document),
                {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
            )
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


def review(front: Front, token: str) -> None:
    """Claim and rule until it is over; every verdict is sent until it is answered."""
    seat = Seat(front, token)
    while not front.over:
        status, cases = seat.ask("POST", "/claims", {"limit": 1, "hold_s": 60})
        if status != 200:
            continue
        for case in cases:
            verdict = {
                "id": str(uuid.uuid4()),
                "kind": "approved",
                **{name: case[name] for name in ("revision", "content_hash", "fence")},
            }
            status, answer = seat.ask("POST", f"/cases/{case['id']}/verdict", verdict)
            if status == 200:
                front.acknowledge(front.verdicts, verdict["id"], answer["id"])
            else:
                assert status in (0, 409, 429, 503), (status, answer)


def propose(front: Front, token: str) -> None:
    """Propose until it is over, each with a key."""
    seat = Seat(front, token)
    number = 0
    while not front.over:
        number += 1
        key = f"{uuid.uuid4()}"
        document = {"checkpoint": "publish", "arguments": {"title": f"Kettle {number}"}, "key": key}
        status, answer = seat.ask("POST", "/proposals", document)
        if status == 201:
            front.acknowledge(front.proposals, key, answer["id"])
        else:
            assert status in (0, 429, 503), (status, answer)


class Crowd:
    """Sixteen people and two agents at work."""

    def __init__(self, front: Front, place: Place) -> None:
        self._front = front
        self._failed: list[BaseException] = []
        with Signoff(place.url, workers=0) as app:
            declare(app, Receiver(place.folder / "receiver.log"))
            app.function("publish").propose_many({"title": f"Kettle {n}"} for n in range(300))
            people = [f"reviewer-{n}" for n in range(PEOPLE)]
            for person in people:
                app.accounts.create(person, roles=[Role.REVIEWER], by="test")
            work: list[tuple[Callable[[Front, str], None], str]] = [
                (review, app.accounts.issue_token(person, scopes=[Scope.REVIEW], by="test")[0]) for person in people
            ]
            work += [
                (propose, app.accounts.issue_token(f"agent-{n}", scopes=[Scope.PROPOSE], by="test")[0])
                for n in range(2)
            ]
        self._threads = [threading.Thread(target=self._run, args=each) for each in work]

    def _run(self, work: Callable[[Front, str], None], token: str) -> None:
        try:
            work(self._front, token)
        except BaseException as error:
            self._failed.append(error)

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._front.changed:
            self._front.over = True
            self._front.changed.notify_all()
        for thread in self._threads:
            thread.join(TIMEOUT_S)
        assert self._failed == []


def listening(child: Child) -> str:
    """Wait until a served desk says where it is."""
    return urlsplit(child.hear()).netloc


def require_all_of_it_once(front: Front, place: Place) -> None:
    """Every acknowledged verdict and proposal is there, once, and every effect happened once."""
    with Signoff(place.url, workers=0) as app:
        receiver = Receiver(place.folder / "receiver.log")
        declare(app, receiver)
        app.start(workers=4)
        cases = {history.case.id: history for history in app.verdicts()}
        for verdict_id, case_id in front.verdicts.items():
            assert [verdict.id for verdict in cases[case_id].verdicts] == [verdict_id]
        for history in cases.values():
            assert len([v for v in history.verdicts if v.voided_at is None]) == 1
            assert app.case(history.case.id).outcome(TIMEOUT_S).state is State.DONE
        for case_id in front.proposals.values():
            assert app.case(case_id).id == case_id
        assert len(set(front.proposals.values())) == len(front.proposals)
        assert list(app.verify().contradictions) == []
    effects = receiver.effects()
    assert set(effects.values()) == {1}
    assert set(effects) == {history.case.idempotency_key for history in cases.values()}


def test_a_server_killed_among_sixteen_people_loses_and_doubles_nothing(shared: Place) -> None:
    front = Front()
    with Crowd(front, shared):
        for number in range(repeated(KILLS, of=40)):
            with running("tests.crash.served", shared.folder, shared.url, "0") as child:
                front.moved_to(listening(child))
                front.wait_for(BETWEEN * (number + 1))
                child.kill()
                assert child.was_killed()
        with running("tests.crash.served", shared.folder, shared.url, "0") as child:
            front.moved_to(listening(child))
            front.wait_for(len(front.verdicts) + BETWEEN)
            front.over = True
    require_all_of_it_once(front, shared)


@pytest.mark.timeout(240)
def test_postgresql_killed_and_restarted_under_load_loses_and_doubles_nothing(tmp_path: Any) -> None:
    front = Front()
    with Server(durable=True) as server, server.database() as url:
        place = Place(url, tmp_path)
        with running("tests.crash.served", tmp_path, url, "0") as child, Crowd(front, place):
            front.moved_to(listening(child))
            for number in range(3):
                front.wait_for(BETWEEN * (number + 1))
                server.kill()
                server.start()
            front.wait_for(len(front.verdicts) + BETWEEN)
        require_all_of_it_once(front, place)
