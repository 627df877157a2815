"""The client of the HTTP API, against a real server, and against connections that break at every moment."""

from __future__ import annotations

import asyncio
import inspect
import json
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import signoff.client
import signoff.server.routes.events
from signoff import Client, Edited, Material, Move, Proposal, Rejected, Reviewer, Signoff, State, errors
from signoff.client import EventStream, RemoteCase
from signoff.domain.entry import Entry
from signoff.domain.verdict import VerdictRecord
from signoff.errors import (
    CaseClosed,
    ClaimLost,
    ConflictError,
    ContentChanged,
    InvalidArguments,
    InvalidInput,
    KeyReused,
    NotAllowed,
    NotSignedIn,
    OutsideError,
    Overloaded,
    PersonAway,
    RefusedError,
    SignoffError,
    StillWaiting,
    TooLarge,
    UnknownCase,
    UnknownCheckpoint,
    UsageError,
)
from signoff.server import make_api
from signoff.server.problems import problem_of
from tests.web.flaky import WAIT_S, Cut, Fault, Proxy, proxying

PEM = Path(__file__).parents[1] / "unit" / "effects" / "hooks.example.pem"


# --- a server in a thread


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.ready.set()


@contextmanager
def listening(app: Signoff, port: int = 0, **config: Any) -> Iterator[int]:
    """Serve the API of an app in a thread, and give the port."""
    listener = uvicorn.Config(make_api(app), port=port, log_config=None).bind_socket()
    made = uvicorn.Config(
        make_api(app), log_config=None, lifespan="on", ws="none", timeout_graceful_shutdown=1, **config
    )
    server = Server(made)
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert server.ready.wait(WAIT_S)
        assert server.started
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(WAIT_S)
        listener.close()


@dataclass
class Desk:
    """A desk, its server, and clients for whoever asks it."""

    app: Signoff
    port: int
    opened: list[Client] = field(default_factory=list)
    drafts: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, token: str | None, url: str | None = None, **more: Any) -> Client:
        self.opened.append(Client(url or self.url, token, **more))
        return self.opened[-1]

    def token(self, subject: str, scope: str) -> str:
        return self.app.accounts.issue_token(subject, scopes=[scope], by="test")[0]

    def agent(self, url: str | None = None, **more: Any) -> Client:
        return self.client(self.token("agent", "propose"), url, **more)

    def person(self, name: str = "grace", *roles: str, url: str | None = None, **more: Any) -> Client:
        if name not in {account.id for account in self.app.accounts.list()}:
            self.app.accounts.create(name, roles=roles or ["reviewer", "lead"], groups=["billing"], by="test")
        return self.client(self.token(name, "review"), url, **more)

    def entries(self, act: str | None = None) -> list[Entry]:
        found = self.app.store.read(lambda tx: tx.find(Entry))
        return [entry for entry in found if act in (None, entry.act)]

    def total(self) -> int:
        return sum(self.app.counts().values())


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Signoff(tmp_path / "signoff.db", workers=2) as app:
        desk = Desk(app, 0)

        @app.checkpoint(undo_s=0)
        def publish(title: str, price: int = 3) -> dict[str, Any]:
            """Put online."""
            return {"published": title, "price": price}

        @publish.reversal
        def unpublish(title: str) -> str:
            return f"took {title} down"

        @app.checkpoint(undo_s=3600)
        def send(to: str, at: datetime | None = None, amount: Decimal = Decimal(0)) -> str:
            return f"sent to {to}"

        @app.checkpoint
        def lose(what: str) -> None:
            raise RuntimeError("the line went dead")

        def label(evidence: dict[str, Any]) -> dict[str, Any]:
            # Another one each time, as a drafter does that has learned something since.
            desk.drafts += 1
            return {"label": f"draft {desk.drafts}"}

        @app.checkpoint(drafter=label)
        def sort(label: str) -> str:
            return label

        for function in (publish, send, lose, sort):
            assert function.declaration
        with listening(app) as port:
            desk.port = port
            yield desk
            for client in desk.opened:
                client.close()
        assert app.verify().contradictions == []


@pytest.fixture
def proxy(desk: Desk) -> Iterator[Proxy]:
    with proxying(desk.port) as proxy:
        yield proxy


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send again without much of a pause."""
    monkeypatch.setattr("signoff.client.sending._FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(signoff.server.routes.events, "_RETRY_MS", 1)


# --- the shape


def test_it_loads_no_server_and_no_database() -> None:
    heavy = ["signoff.server", "signoff.storage", "fastapi", "sqlalchemy", "sklearn", "numpy", "jsonschema"]
    code = f"import sys, signoff; signoff.Client; print([name for name in {heavy} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"


def test_a_bare_import_does_not_load_it() -> None:
    code = "import sys, signoff; print([n for n in ('httpx2', 'pydantic', 'signoff.client') if n in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "[]"


WITHOUT_A_ROUTE = {"audits", "judge_audit"}


def public(kind: type) -> dict[str, Any]:
    return {name: f for name, f in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


@pytest.mark.parametrize("name", sorted(public(Reviewer).keys() - WITHOUT_A_ROUTE))
def test_a_verb_of_the_reviewer_has_the_same_parameters_here(name: str) -> None:
    """So that code moves from the library to the client, and back, without being written anew."""
    here = inspect.signature(getattr(Client, name))
    there = inspect.signature(getattr(Reviewer, name))
    assert list(here.parameters) == list(there.parameters)
    for one, other in zip(here.parameters.values(), there.parameters.values(), strict=True):
        assert (one.kind, one.default) == (other.kind, other.default), one.name
        assert str(one.annotation) == str(other.annotation).replace("CaseHandle", "RemoteCase"), one.name
    assert here.return_annotation == there.return_annotation.replace("CaseHandle", "RemoteCase")


def test_looking_takes_the_parameters_of_the_library() -> None:
    for name in ("cases", "counts", "history", "case"):
        assert (
            inspect.signature(getattr(Client, name)).parameters == inspect.signature(getattr(Signoff, name)).parameters
        )


# --- proposing


def test_a_proposal_is_what_the_library_would_have_kept(desk: Desk) -> None:
    agent = desk.agent()
    evidence = {
        "mail": Material("<p>Hi</p>", "text/html"),
        "text": "Kettle",
        "row": {"number": 7},
        "looks like one": {"media_type": "text/html", "value": "no"},
    }
    options: dict[str, Any] = {
        "confidence": 0.75,
        "rationale": "It is in the catalogue.",
        "alternatives": [{"arguments": {"title": "Pot"}, "confidence": 0.2}],
        "drafter": "gpt 5",
        "deadline_s": 3600,
    }
    case = agent.propose("publish", evidence=evidence, key="row-7", title="Kettle", **options)
    assert (case.state, case.seen.proposer, case.seen.key) == (State.WAITING, "agent", "row-7")
    assert repr(case) == f"<RemoteCase {case.id} at publish>"

    publish = desk.app.function("publish")
    same = publish.propose(evidence=evidence, key="row-7", title="Kettle", proposer="local", **options)
    ours, theirs = desk.app.view(case.id), desk.app.view(same.id)
    assert ours.evidence == theirs.evidence
    assert ours.content.arguments == theirs.content.arguments == {"title": "Kettle", "price": 3}
    assert ours.content.alternatives == theirs.content.alternatives
    assert (ours.content.rationale, ours.routing and ours.routing.confidence) == ("It is in the catalogue.", 0.75)
    assert ours.content.author == theirs.content.author == "gpt 5"
    assert ours.case.deadline_at is not None


def test_values_of_python_go_as_json(desk: Desk) -> None:
    at = datetime(2030, 1, 2, tzinfo=UTC)
    case = desk.agent().propose("send", to="ada", at=at, amount=Decimal("3.10"), evidence={"when": at})
    view = desk.app.view(case.id)
    assert view.content.arguments == {"to": "ada", "at": "2030-01-02T00:00:00Z", "amount": "3.10"}
    assert view.evidence["when"]["value"] == "2030-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (float("nan"), "nan"),
        (2**53, "string"),
        ("\ud800", "pair"),
        ({"a": object()}, "JSON"),
        ("x" * 9_000_000, "bytes"),
    ],
)
def test_what_json_cannot_carry_is_refused_before_it_is_sent(proxy: Proxy, desk: Desk, value: Any, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        desk.agent(proxy.url).propose("publish", title=value)
    assert proxy.requests == []


def test_a_key_stands_for_one_case(desk: Desk) -> None:
    agent = desk.agent()
    first = agent.propose("publish", key="k", title="Kettle")
    assert agent.propose("publish", key="k", title="Kettle").id == first.id
    with pytest.raises(KeyReused) as refused:
        agent.propose("publish", key="k", title="Pot")
    assert refused.value.facts["case_id"] == first.id
    assert agent.propose("publish", title="Kettle").seen.key != agent.propose("publish", title="Kettle").seen.key


def test_a_key_given_twice_to_a_drafter_that_changed_its_mind_is_the_case_there_is(desk: Desk) -> None:
    agent = desk.agent()
    first = agent.propose("sort", key="k", evidence={"mail": "x"})
    (row,) = agent.propose_many("sort", [Proposal(key="k", evidence={"mail": "x"})])
    assert agent.propose("sort", key="k", evidence={"mail": "x"}).id == row.id == first.id
    assert desk.drafts == 1


def test_errors_are_those_of_the_library(desk: Desk) -> None:
    agent = desk.agent()
    with pytest.raises(InvalidArguments) as refused:
        agent.propose("publish", titel="Kettle")
    with pytest.raises(InvalidArguments) as expected:
        desk.app.function("publish").propose(titel="Kettle")
    assert (refused.value.message, dict(refused.value.facts)) == (expected.value.message, dict(expected.value.facts))
    with pytest.raises(UnknownCheckpoint):
        agent.propose("nothing", title="Kettle")
    with pytest.raises(InvalidInput, match="confidence"):
        agent.propose("publish", title="Kettle", confidence=2)
    with pytest.raises(NotAllowed, match="review"):
        agent.queue()


def test_waiting_for_the_outcome(desk: Desk) -> None:
    agent, grace = desk.agent(), desk.person()
    case = agent.propose("publish", title="Kettle")
    with pytest.raises(StillWaiting) as waits:
        case.outcome(timeout_s=0)
    assert waits.value.facts["case_id"] == case.id
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(case.outcome)
        grace.approve(case)
        assert waiting.result(WAIT_S).value == {"published": "Kettle", "price": 3}
    assert case.outcome() == desk.app.case(case.id).outcome()
    assert (case.state, case.seen.state) == (State.DONE, State.WAITING)


def test_awaiting_many_at_once(desk: Desk) -> None:
    agent, grace = desk.agent(), desk.person()
    cases = [agent.propose("publish", title=f"Kettle {n}") for n in range(40)]

    async def all_of_them() -> list[Any]:
        waiting = asyncio.gather(*[_outcome(case) for case in cases])
        for case in reversed(cases):
            await asyncio.to_thread(grace.approve, case)
        return await waiting

    values = [outcome.value["published"] for outcome in asyncio.run(all_of_them())]
    assert values == [f"Kettle {n}" for n in range(40)]


async def _outcome(case: RemoteCase) -> Any:
    return await case


def test_awaiting_can_be_given_up(desk: Desk) -> None:
    case = desk.agent().propose("publish", title="Kettle")

    async def give_up() -> None:
        task = asyncio.ensure_future(_outcome(case))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(give_up())
    assert case.state is State.WAITING


def test_withdrawing(desk: Desk) -> None:
    agent = desk.agent()
    case = agent.propose("publish", title="Kettle")
    assert case.withdraw().state is State.WITHDRAWN
    with pytest.raises(CaseClosed) as refused:
        agent.withdraw(case)
    assert refused.value.facts["state"] == "withdrawn"
    other = desk.client(desk.token("other", "propose"))
    with pytest.raises(UnknownCase):
        other.case(case.id)


# --- proposing a lot


def test_a_lot_is_read_from_a_generator_as_it_is_sent(desk: Desk, proxy: Proxy) -> None:
    agent = desk.agent(proxy.url)
    ahead: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(1234):
            if number % 100 == 0:
                ahead.append(number - desk.total())
            yield {"title": f"Kettle {number}"}

    cases = agent.propose_many("publish", rows())
    assert max(ahead) <= 500
    assert len(proxy.requests) == 3
    assert [desk.app.view(case.id).content.arguments["title"] for case in (cases[0], cases[777], cases[-1])] == [
        "Kettle 0",
        "Kettle 777",
        "Kettle 1233",
    ]
    assert len({case.id for case in cases}) == desk.total() == 1234


def test_large_proposals_go_in_smaller_requests(desk: Desk, proxy: Proxy) -> None:
    mail = "x" * 1_500_000
    cases = desk.agent(proxy.url).propose_many(
        "publish", (Proposal(arguments={"title": f"{n}"}, evidence={"mail": mail}) for n in range(5))
    )
    assert [case.seen.checkpoint for case in cases] == ["publish"] * 5
    assert len(proxy.requests) == 3
    assert desk.app.view(cases[4].id).evidence["mail"]["value"] == mail


def test_nothing_to_propose_asks_nobody(desk: Desk, proxy: Proxy) -> None:
    assert desk.agent(proxy.url).propose_many("publish", []) == []
    assert proxy.requests == []


def test_what_the_server_refuses_of_a_lot_is_named(desk: Desk) -> None:
    rows = [Proposal(arguments={"title": f"Kettle {n}"}, key=f"k{n}") for n in range(700)]
    bad = [*rows[:600], Proposal(arguments={"titel": "x"}), *rows[601:]]
    with pytest.raises(InvalidArguments) as refused:
        desk.agent().propose_many("publish", bad)
    facts = refused.value.facts
    assert (facts["index"], facts["kept"], facts["kept_after"]) == (600, 600, list(range(601, 700)))
    assert facts["problems"]
    assert "number" not in facts
    assert "600" in refused.value.__notes__[0]
    # With keys it is safe to send all again.
    assert len({case.id for case in desk.agent().propose_many("publish", rows)}) == 700
    assert desk.total() == 700


def test_a_key_that_stands_for_something_else_is_named_in_a_lot(desk: Desk) -> None:
    agent = desk.agent()
    first = agent.propose("publish", key="k3", title="Another")
    rows = [Proposal(arguments={"title": f"{n}"}, key=f"k{n}") for n in range(6)]
    with pytest.raises(KeyReused) as refused:
        agent.propose_many("publish", rows)
    facts = refused.value.facts
    assert (facts["case_id"], facts["index"], facts["kept"], facts["kept_after"]) == (first.id, 3, 3, [4, 5])


def test_what_cannot_be_sent_of_a_lot_is_named_as_by_the_library(desk: Desk) -> None:
    def rows() -> Iterator[Any]:
        yield from ({"title": f"Kettle {n}"} for n in range(510))
        yield 7

    with pytest.raises(InvalidInput) as refused:
        desk.agent().propose_many("publish", rows())
    with pytest.raises(InvalidInput) as expected:
        desk.app.function("publish").propose_many(rows())
    assert refused.value.message == expected.value.message
    for name in ("index", "kept"):
        assert refused.value.facts[name] == expected.value.facts[name], name
    assert desk.total() == 500 + 500


def test_an_unknown_checkpoint_keeps_nothing(desk: Desk) -> None:
    with pytest.raises(UnknownCheckpoint) as refused:
        desk.agent().propose_many("nothing", [{"title": "x"}, {"title": "y"}])
    assert (refused.value.facts["index"], refused.value.facts["kept"]) == (0, 0)


# --- reviewing


def test_the_queue_and_claims(desk: Desk) -> None:
    agent, grace, ada = desk.agent(), desk.person(), desk.person("ada", "reviewer")
    cases = [agent.propose("publish", title=f"Kettle {n}") for n in range(4)]
    assert [case.id for case in grace.queue()] == [case.id for case in cases]
    assert grace.queue(limit=2) == grace.queue()[:2]
    assert [case.id for case in grace.queue("publish", after=cases[1].id, text="Kettle 3")] == [cases[3].id]
    assert grace.queue("send") == grace.queue(assigned="me") == []

    claimed = grace.claim(2, checkpoint="publish", hold_s=60)
    assert [(case.id, case.claimed_by) for case in claimed] == [(cases[0].id, "grace"), (cases[1].id, "grace")]
    assert ada.claim_case(cases[2].id).claimed_by == "ada"
    with pytest.raises(ClaimLost) as lost:
        grace.claim_case(cases[2].id)
    assert lost.value.facts["claimed_by"] == "ada"
    held, gone = grace.renew([*claimed, cases[3]], hold_s=600)
    assert ([case.id for case in held], gone) == ([case.id for case in claimed], [cases[3].id])
    assert grace.release(claimed[0]).claimed_by is None
    with pytest.raises(ClaimLost):
        grace.approve(claimed[0])
    assert grace.approve(held[1]).verdict_id is not None


def test_more_than_a_page_is_put_together(desk: Desk) -> None:
    desk.app.function("publish").propose_many({"title": f"{n}"} for n in range(1203))
    grace = desk.person()
    assert grace.queue(limit=1100) == desk.app.reviewer("grace").queue(limit=1100)
    assert len(grace.cases(limit=5000)) == 1203
    assert len(grace.cases(limit=1000)) == 1000


def test_verdicts(desk: Desk) -> None:
    agent, grace = desk.agent(), desk.person()
    approved, edited, rejected = (agent.propose("publish", title=f"Kettle {n}") for n in range(3))
    assert grace.approve(approved, seconds=1.5).cleared_by == "person"
    grace.edit(edited, {"title": "Steel", "price": 9}, verdict_id="mine")
    grace.reject(rejected, "too dear")
    assert edited.outcome(WAIT_S).value == {"published": "Steel", "price": 9}
    outcome = rejected.outcome(WAIT_S)
    assert (outcome.state, outcome.reason, outcome.reviewer) == (State.REJECTED, "too dear", "grace")
    record = desk.app.history(edited.id).verdicts[0]
    assert (record.id, record.kind.value, record.reviewer) == ("mine", "edited", "grace")
    assert desk.app.history(approved.id).verdicts[0].seconds == 1.5

    with pytest.raises(CaseClosed) as closed:
        grace.rule(rejected, Edited({"title": "x"}))
    assert (closed.value.facts["reviewer"], closed.value.facts["verdict"]) == ("grace", "rejected")
    fresh = agent.propose("publish", title="Pot")
    with pytest.raises(KeyReused):
        grace.rule(fresh, Rejected(), verdict_id="mine")
    with pytest.raises(InvalidArguments):
        grace.edit(fresh, {"titel": "x"})


def test_a_verdict_on_what_changed_meanwhile_is_told_the_difference(desk: Desk) -> None:
    case, grace = desk.agent().propose("publish", title="Kettle"), desk.person()
    grace.redraft(case, "shorter", arguments={"title": "Pot"})
    with pytest.raises(ContentChanged) as changed:
        grace.approve(case)
    assert changed.value.facts["difference"] == {"title": {"seen": "Kettle", "now": "Pot"}}


def test_a_claim_that_was_lost_is_not_mistaken_for_a_later_one(desk: Desk) -> None:
    case, grace, ada = desk.agent().propose("publish", title="Kettle"), desk.person(), desk.person("ada")
    mine = grace.claim_case(case.id)
    grace.release(mine)
    ada.claim_case(case.id)
    ada.release(case)
    with pytest.raises(ClaimLost):
        grace.approve(mine)
    assert grace.approve(case).verdict_id is not None


def test_passing_on_and_taking_back(desk: Desk) -> None:
    agent, grace = desk.agent(), desk.person()
    case = agent.propose("send", to="ada")
    assert grace.snooze(case, for_s=60).snoozed_until is not None
    until = datetime.now(UTC) + timedelta(days=2)
    snoozed = grace.snooze(case, until=until).snoozed_until
    assert snoozed is not None and abs(snoozed - until) < timedelta(minutes=1)
    with pytest.raises(InvalidInput, match="time zone"):
        grace.snooze(case, until=datetime(2030, 1, 1))
    assert grace.hand_over(case, "group:billing", note="yours").assigned_to == "group:billing"
    assert [note.text for note in grace.history(case.id).notes] == ["yours"]
    assert grace.queue(assigned="group")[0].id == case.id
    assert grace.approve(case).state is State.HELD
    assert grace.recall(case).state is State.WAITING
    with pytest.raises(CaseClosed):
        grace.recall(case)


def test_resolving_and_reversing(desk: Desk) -> None:
    agent, grace = desk.agent(), desk.person("grace", "reviewer", "lead")
    lost = agent.propose("lose", what="x")
    grace.approve(lost)
    assert lost.outcome(WAIT_S).state is State.UNKNOWN
    with pytest.raises(UsageError):
        grace.resolve(lost, "guess")
    assert grace.resolve(lost, Move.CONFIRM_DONE, receipt={"id": 7}, note="I called").state is State.DONE

    done = agent.propose("publish", title="Kettle")
    grace.approve(done)
    done.outcome(WAIT_S)
    undone = grace.reverse(done, "recalled by the maker")
    assert isinstance(undone, RemoteCase)
    assert undone.outcome(WAIT_S).value == "took Kettle down"
    assert done.state is State.REVERSED
    with pytest.raises(CaseClosed):
        grace.reverse(done)


# --- looking


def test_what_one_sees_is_what_the_library_shows(desk: Desk) -> None:
    agent, grace = desk.agent(), desk.person()
    case = agent.propose("publish", title="Kettle", evidence={"row": {"n": 1}}, confidence=0.5)
    grace.edit(case, {"title": "Steel"})
    case.outcome(WAIT_S)
    agent.propose("send", to="ada")
    app = desk.app
    assert grace.case(case.id).seen == app.case(case.id).seen
    assert grace.view(case) == app.view(case.id)
    assert grace.history(case.id) == app.history(case.id)
    assert grace.cases() == app.cases()
    assert grace.cases(states=[State.DONE, "held"], checkpoint="publish", newest_first=True) == [app.case(case.id).seen]
    assert grace.cases(states=[]) == []
    assert grace.counts() == app.counts()
    assert grace.counts("publish") == app.counts("publish")
    declared = {name: app.function(name).declaration for name in app.checkpoint_names()}
    assert grace.checkpoints() == list(declared.values())
    assert grace.checkpoint("send") == declared["send"]
    me = grace.me()
    assert (me.id, me.groups, [role.value for role in me.roles]) == ("grace", ["billing"], ["lead", "reviewer"])
    assert (grace.health().ready, desk.client(None).health().database) == (True, "ok")


def test_the_desk_and_its_people_are_those_of_the_library(desk: Desk) -> None:
    agent, grace, app = desk.agent(), desk.person(), desk.app
    cases = [agent.propose("publish", title=title) for title in "abc"]
    claimed = grace.claim(case_ids=[cases[2], cases[0].id, "none"])
    assert [case.id for case in claimed] == [cases[2].id, cases[0].id]
    assert grace.presence().claimed == 2
    assert grace.people() == app.people()
    assert grace.desk() == app.desk()
    gone = grace.presence(away=True)
    assert (gone.id, gone.claimed, gone.away_since is None) == ("grace", 0, False)
    with pytest.raises(PersonAway, match="grace has been away since"):
        desk.person("ada").hand_over(cases[1], "grace")
    assert grace.presence(False).here


def test_a_reason_follows_the_rejection(desk: Desk) -> None:
    grace = desk.person()
    case = desk.agent().propose("send", to="ada")
    grace.reject(case, verdict_id="v-1")
    assert grace.give_reason(case, "v-1", "Wrong tone").verdict_id == "v-1"
    assert [verdict.reason for verdict in grace.history(case.id).verdicts] == ["Wrong tone"]


@pytest.mark.parametrize("id", ["nope", "", "a/b", "..", "x" * 200, "a?b", "ü", "\ud800"])
def test_a_case_that_is_not_there(desk: Desk, id: str) -> None:
    with pytest.raises(UnknownCase):
        desk.person().case(id)


@pytest.mark.parametrize("name", ["nope", "", "a/b", "..", "a?b", "ü", "\ud800"])
def test_a_checkpoint_that_is_not_there(desk: Desk, name: str) -> None:
    with pytest.raises(UnknownCheckpoint):
        desk.person().checkpoint(name)


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_holds_at_least_one(desk: Desk, limit: int) -> None:
    with pytest.raises(InvalidInput, match="limit"):
        desk.person().cases(limit=limit)


# --- what goes wrong


class Told:
    """A server that answers everything with one document."""

    def __init__(self, status: int, body: bytes, media_type: str, **headers: str) -> None:
        told = self
        self.requests = 0

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", 0)))
                told.requests += 1
                self.send_response(status)
                for name, value in {"content-type": media_type, "content-length": str(len(body)), **headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                return

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                # The client went away without reading all of it.
                return

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(WAIT_S)


@pytest.fixture
def tell() -> Iterator[Callable[..., Told]]:
    started: list[Told] = []

    def start(status: int, body: bytes | dict[str, Any], media_type: str = "application/json", **headers: str) -> Told:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        started.append(Told(status, content, media_type, **headers))
        return started[-1]

    yield start
    for told in started:
        told.close()


@contextmanager
def asking(url: str, token: str | None = "signoff_secret", **more: Any) -> Iterator[Client]:
    with Client(url, token, **{"retries": 0, **more}) as client:
        yield client


def contexts(error: BaseException) -> Iterator[BaseException]:
    """Everything that hangs on an error."""
    waiting: list[BaseException | None] = [error]
    while waiting:
        one = waiting.pop()
        if one is not None:
            yield one
            waiting += [one.__cause__, one.__context__]


def require_no_secret(error: BaseException, secret: str = "signoff_secret") -> None:
    text = "".join(traceback.format_exception(error))
    for one in contexts(error):
        text += f"{one!r} {one} {vars(one)}"
        request = getattr(one, "_request", None)
        text += "" if request is None else f"{request.headers.raw}"
    assert secret not in text


@pytest.mark.parametrize("name", errors.__all__)
def test_a_problem_is_the_error_it_was_on_the_server(tell: Callable[..., Told], name: str) -> None:
    kind: type[SignoffError] = getattr(errors, name)
    error = kind("what happened, and what to do")
    error.facts = {"case_id": "c1", "message": "a fact", "self": "a fact", "problems": [{"field": "a"}]}
    problem = problem_of(error)
    told = tell(problem.status, problem.model_dump_json().encode(), "application/problem+json")
    with asking(told.url) as client, pytest.raises(kind) as raised:
        client.me()
    assert type(raised.value) is kind
    assert raised.value.message == str(raised.value) == "what happened, and what to do"
    facts = dict(raised.value.facts)
    assert {name: facts[name] for name in error.facts} == error.facts
    require_no_secret(raised.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, UsageError),
        (401, NotSignedIn),
        (403, RefusedError),
        (404, OutsideError),
        (405, OutsideError),
        (409, ConflictError),
        (413, TooLarge),
        (415, UsageError),
        (422, UsageError),
        (429, Overloaded),
        (500, OutsideError),
        (503, OutsideError),
    ],
)
def test_an_unknown_kind_of_problem_is_told_by_its_status(
    tell: Callable[..., Told], status: int, kind: type[SignoffError]
) -> None:
    document = {"title": "New", "status": status, "detail": "of a later version", "code": "brand_new", "fact": 7}
    told = tell(status, document)
    with asking(told.url) as client, pytest.raises(SignoffError) as raised:
        client.me()
    assert type(raised.value) is kind
    assert (raised.value.facts["code"], raised.value.facts["fact"]) == ("brand_new", 7)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (200, b"<h1>Welcome</h1>", OutsideError, "Signoff server"),
        (200, b'{"hello": "world"}', OutsideError, "Signoff server"),
        (200, b"\xff\xfe", OutsideError, "Signoff server"),
        (204, b"", OutsideError, "Signoff server"),
        (301, b"", OutsideError, "points elsewhere to https://desk.example.org"),
        (401, b"<h1>Who are you?</h1>", OutsideError, "answered 401"),
        (404, b"<h1>Nothing here</h1>", OutsideError, "answered 404"),
        (413, b"<h1>Too large</h1>", TooLarge, "too large"),
        (429, b"slow down", Overloaded, "later"),
        (500, b"Traceback", OutsideError, "answered 500"),
        (502, b"Bad gateway", OutsideError, "answered 502"),
        (503, b"Unavailable", OutsideError, "answered 503"),
    ],
)
def test_what_is_no_signoff_server_is_called_that(
    tell: Callable[..., Told], status: int, body: bytes, kind: type[SignoffError], words: str
) -> None:
    told = tell(status, body, "text/html", location="https://desk.example.org/x?token=signoff_secret")
    with asking(told.url) as client, pytest.raises(kind, match=words) as raised:
        client.cases()
    require_no_secret(raised.value)


def test_an_address_where_nobody_listens(tell: Callable[..., Told]) -> None:
    told = tell(200, b"")
    told._server.server_close()
    for ask in (lambda c: c.me(), lambda c: c.snooze("c1"), lambda c: c.events(), lambda c: c.propose("x", a=1)):
        with (
            asking(told.url) as client,
            pytest.raises(OutsideError, match="no connection to") as raised,
        ):
            ask(client)
        require_no_secret(raised.value)


def test_a_server_that_speaks_something_else() -> None:
    listener = socket.socket()
    with listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        done = threading.Event()

        def greet() -> None:
            while not done.is_set():
                there, _ = listener.accept()
                with there:
                    there.sendall(b"220 mail.example.org ESMTP\r\n")

        thread = threading.Thread(target=greet, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with asking(url) as client, pytest.raises(OutsideError, match="Signoff server") as raised:
            client.me()
        require_no_secret(raised.value)
        done.set()
        with pytest.raises(OutsideError), asking(url) as client:
            client.me()
        thread.join(WAIT_S)


def test_the_wrong_path_on_the_right_server(desk: Desk) -> None:
    with asking(f"{desk.url}/api/v1") as client, pytest.raises(OutsideError, match="start page"):
        client.cases()


def test_a_path_in_front_is_kept(desk: Desk) -> None:
    with proxying(desk.port, "/tools/desk") as proxy:
        for url in (proxy.url, proxy.url + "/", f" {proxy.url}// "):
            client = desk.person(url=url)
            assert client.url == proxy.url
            assert client.me().id == "grace"
            with client.events(after_seq=0) as events:
                assert next(events).seq == 1
        with asking(proxy.url.removesuffix("/desk")) as client, pytest.raises(OutsideError, match="answered 404"):
            client.me()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "desk.example.org",
        "ftp://desk.example.org",
        "https://",
        "https://desk:port",
        "https://grace:signoff_secret@desk.example.org",
        "https://grace:signoff_secret@desk.example.org:port",
        "https://desk.example.org/?token=signoff_secret",
        "https://desk.example.org/#signoff_secret",
        "signoff_secret",
        "http://[::1",
        "https://desk\x00.example.org",
    ],
)
def test_a_url_that_cannot_be(url: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        Client(url)
    require_no_secret(raised.value)


@pytest.mark.parametrize(
    "token", ["signoff_secret\nHost: x", "signoff_secret ü", "signoff secret", "signoff_secret" * 99]
)
def test_a_token_that_cannot_be(token: str) -> None:
    with pytest.raises(InvalidInput, match="token") as raised:
        Client("https://desk.example.org", token)
    require_no_secret(raised.value, token[:9])


@pytest.mark.parametrize("more", [{"timeout_s": 0}, {"timeout_s": -1}, {"timeout_s": float("nan")}, {"retries": -1}])
def test_a_number_that_cannot_be(more: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match=next(iter(more))):
        Client("https://desk.example.org", **more)


def test_the_token_comes_from_the_environment_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNOFF_TOKEN", desk.token("agent", "propose") + "\n")
    assert desk.client(None).me().id == "agent"
    monkeypatch.setenv("SIGNOFF_TOKEN", "")
    with pytest.raises(NotSignedIn, match="SIGNOFF_TOKEN"):
        desk.client(None).me()


def test_a_token_that_no_longer_works(desk: Desk) -> None:
    client = desk.agent()
    client.me()
    desk.app.accounts.revoke_token(desk.app.accounts.tokens()[0].id, by="test")
    with pytest.raises(NotSignedIn) as raised:
        client.propose("publish", title="Kettle")
    assert "SIGNOFF_TOKEN" not in raised.value.message
    require_no_secret(raised.value, client._secret or "none")


def test_the_token_is_in_no_repr(desk: Desk) -> None:
    client = desk.agent()
    case = client.propose("publish", title="Kettle")
    with desk.person().events() as events:
        for thing in (client, case, events, client._http):
            assert "signoff_" not in repr(thing).replace("signoff_at", "")
        assert repr(events).startswith("<EventStream of http://127.0.0.1")


def test_a_closed_client_says_so(desk: Desk) -> None:
    client = desk.agent()
    case = client.propose("publish", title="Kettle")
    with client:
        pass
    client.close()
    for ask in (lambda: client.me(), case.outcome, lambda: asyncio.run(_outcome(case)), client.events):
        with pytest.raises(UsageError, match="closed"):
            ask()


def test_a_server_of_another_version_is_told_from_a_wrong_answer(tell: Callable[..., Told], desk: Desk) -> None:
    """Fields that came later are passed over; what is missing is an error."""
    case = desk.agent().propose("publish", title="Kettle")
    document = json.loads(desk.client(desk.token("agent", "propose"))._send("GET", f"/cases/{case.id}").content)
    document["later"] = document["case"]["later"] = "x"
    with asking(tell(200, document).url) as client:
        assert client.case(case.id).seen == case.seen
    del document["case"]["content_hash"]
    with asking(tell(200, document).url) as client, pytest.raises(OutsideError, match="version"):
        client.case(case.id)


def test_certificates_are_verified(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    case = desk.agent().propose("publish", title="Kettle").seen
    asks: list[Callable[[Client], Any]] = [
        lambda client: client.me(),
        lambda client: client.snooze(case),
        lambda client: client.events(),
        lambda client: asyncio.run(_outcome(RemoteCase(client, case))),
    ]
    with listening(desk.app, ssl_certfile=str(PEM)) as port:
        for _ in range(2):
            for ask in asks:
                with asking(f"https://127.0.0.1:{port}", retries=3) as client:
                    with pytest.raises(OutsideError, match="certificate") as raised:
                        ask(client)
                    require_no_secret(raised.value)
            # The second time it is trusted, but for another name.
            monkeypatch.setenv("SSL_CERT_FILE", str(PEM))


# --- what is sent again


@dataclass
class Way:
    """Something that is done once, however often it is sent."""

    do: Callable[[Client, RemoteCase], Any]
    entries: dict[str, int]
    """How many entries of these acts there are for it."""


def _propose(client: Client, _: RemoteCase) -> None:
    assert client.propose("publish", title="Pot").seen.state is State.WAITING


def _propose_many(client: Client, _: RemoteCase) -> None:
    rows = [{"title": f"{n}"} for n in range(7)]
    cases = client.propose_many("publish", rows)
    assert len({case.id for case in cases}) == 7


def _draft(client: Client, _: RemoteCase) -> None:
    assert client.propose("sort", evidence={"mail": "x"}).seen.key


def _draft_many(client: Client, _: RemoteCase) -> None:
    rows = [Proposal(evidence={"mail": f"{n}"}) for n in range(3)]
    assert len({case.id for case in client.propose_many("sort", rows)}) == 3


def _approve(client: Client, case: RemoteCase) -> None:
    assert client.approve(case).verdict_id


def _edit(client: Client, case: RemoteCase) -> None:
    assert client.edit(case, {"title": "Steel"}).verdict_id


def _claim(client: Client, case: RemoteCase) -> None:
    assert [one.id for one in client.claim()] == [case.id]


def _claim_case(client: Client, case: RemoteCase) -> None:
    assert client.claim_case(case.id).claimed_by == "grace"


def _renew(client: Client, case: RemoteCase) -> None:
    assert client.renew([case]) == ([], [case.id])


def _view(client: Client, case: RemoteCase) -> None:
    assert client.view(case).case.id == case.id


def _outcome_now(client: Client, case: RemoteCase) -> None:
    with pytest.raises(StillWaiting):
        RemoteCase(client, case.seen).outcome(0)


WAYS = {
    "propose": Way(_propose, {"propose": 2}),
    "propose_many": Way(_propose_many, {"propose": 8}),
    "draft": Way(_draft, {"propose": 2}),
    "draft_many": Way(_draft_many, {"propose": 4}),
    "approve": Way(_approve, {"rule": 1}),
    "edit": Way(_edit, {"rule": 1}),
    "claim": Way(_claim, {"claim": 1}),
    "claim_case": Way(_claim_case, {"claim": 1}),
    "renew": Way(_renew, {"propose": 1}),
    "view": Way(_view, {"propose": 1}),
    "outcome": Way(_outcome_now, {"propose": 1}),
}
OF_AGENTS = ("propose", "propose_many", "draft", "draft_many", "outcome")


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("way", WAYS)
def test_what_is_sent_again_is_done_once(desk: Desk, proxy: Proxy, way: str) -> None:
    agent = desk.agent()
    client = desk.agent(proxy.url) if way in OF_AGENTS else desk.person(url=proxy.url)
    for fault in Fault:
        before = {act: len(desk.entries(act)) for act in WAYS[way].entries}
        case = agent.propose("publish", title="Kettle")
        proxy.plan = [fault]
        proxy.requests.clear()
        WAYS[way].do(client, case)
        assert proxy.requests.count(proxy.requests[0]) == 2, f"{fault}: sent once more, and that was it"
        assert {act: len(desk.entries(act)) - n for act, n in before.items()} == WAYS[way].entries, fault
        with suppress(ConflictError):
            agent.withdraw(case)


@pytest.mark.usefixtures("at_once")
def test_every_fault_one_after_the_other(desk: Desk, proxy: Proxy) -> None:
    proxy.plan = list(Fault)
    agent = desk.agent(proxy.url, retries=len(Fault))
    agent.propose_many("publish", ({"title": f"{n}"} for n in range(501)))
    assert desk.total() == 501
    assert len(proxy.requests) == len(Fault) + 2


@pytest.mark.usefixtures("at_once")
def test_it_is_not_sent_again_for_ever(desk: Desk, proxy: Proxy) -> None:
    proxy.plan = [Fault.UNANSWERED] * 10
    with pytest.raises(OutsideError, match="3 times") as raised:
        desk.agent(proxy.url, retries=2).propose("publish", title="Kettle")
    require_no_secret(raised.value, "signoff_")
    assert len(proxy.requests) == 3
    assert desk.total() == 1
    proxy.plan = [Fault.BUSY] * 10
    with pytest.raises(Overloaded):
        desk.agent(proxy.url, retries=2).propose("publish", title="Kettle")
    assert len(proxy.requests) == 6


ONCE: dict[str, tuple[Callable[[Client, str], Any], str]] = {
    "snooze": (lambda client, id: client.snooze(id), "snooze"),
    "hand_over": (lambda client, id: client.hand_over(id, "ada"), "hand_over"),
    "redraft": (lambda client, id: client.redraft(id, "shorter", arguments={"title": "Pot"}), "redraft"),
}


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("fault", [Fault.UNANSWERED, Fault.CUT, Fault.UNSENT, Fault.GATEWAY])
@pytest.mark.parametrize("verb", ONCE)
def test_what_would_be_done_twice_is_not_sent_again(desk: Desk, proxy: Proxy, verb: str, fault: Fault) -> None:
    case, grace = desk.agent().propose("publish", title="Kettle"), desk.person(url=proxy.url)
    proxy.plan = [fault]
    do, act = ONCE[verb]
    with pytest.raises(OutsideError, match="may or may not"):
        do(grace, case.id)
    assert len(proxy.requests) == 1
    assert len(desk.entries(act)) == (fault is not Fault.UNSENT)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("verb", ONCE)
def test_what_was_turned_away_is_sent_again(desk: Desk, proxy: Proxy, verb: str) -> None:
    case, grace = desk.agent().propose("publish", title="Kettle"), desk.person(url=proxy.url)
    proxy.plan = [Fault.FULL]
    do, act = ONCE[verb]
    do(grace, case.id)
    assert (len(proxy.requests), len(desk.entries(act))) == (2, 1)


@pytest.mark.parametrize("fault", [Fault.BUSY, Fault.FULL])
def test_a_server_that_asks_for_long_is_left_to_the_caller(desk: Desk, proxy: Proxy, fault: Fault) -> None:
    proxy.plan, proxy.retry_after = [fault], "3600"
    with pytest.raises(Overloaded) as raised:
        desk.agent(proxy.url).propose("publish", title="Kettle")
    assert raised.value.facts["retry_after_s"] == 3600
    assert len(proxy.requests) == 1


def test_retry_after_is_waited_for(desk: Desk, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("signoff.client.client.time.sleep", pauses.append)
    proxy.plan, proxy.retry_after = [Fault.BUSY, Fault.FULL], "7"
    desk.agent(proxy.url).propose("publish", title="Kettle")
    assert pauses == [7, 7]


def test_pauses_grow_and_end(desk: Desk, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("signoff.client.client.time.sleep", pauses.append)
    proxy.plan = [Fault.UNSENT] * 12
    desk.agent(proxy.url, retries=12).propose("publish", title="Kettle")
    longest = [min(30.0, 0.2 * 2**n) for n in range(12)]
    assert all(most / 2 <= pause <= most for pause, most in zip(pauses, longest, strict=True))


def test_a_failed_draft_is_not_asked_for_again(desk: Desk, proxy: Proxy) -> None:
    def refuse(evidence: dict[str, Any]) -> dict[str, Any]:
        desk.drafts += 1
        raise ValueError("no idea")

    @desk.app.checkpoint(drafter=refuse)
    def guess(label: str) -> str:
        return label

    with pytest.raises(errors.DraftFailed):
        desk.agent(proxy.url).propose("guess", evidence={"mail": "x"})
    assert (desk.drafts, len(proxy.requests)) == (1, 1)


@pytest.mark.usefixtures("at_once")
def test_what_the_server_could_not_keep_of_a_lot_is_sent_again(desk: Desk, tell: Callable[..., Told]) -> None:
    """The lines that were not kept, and no others."""
    busy = {"title": "x", "status": 503, "code": "store_unavailable", "detail": "the database is locked; try again"}
    case = json.loads(
        desk.client(desk.token("agent", "propose"))
        ._send("GET", f"/cases/{desk.agent().propose('publish', title='Kettle').id}")
        .content
    )["case"]
    lines = b"\n".join(
        json.dumps({"index": n, **({"case": case} if n == 0 else {"problem": busy})}).encode() for n in range(2)
    )
    told = tell(200, lines, "application/x-ndjson")
    with asking(told.url, retries=2) as client, pytest.raises(SignoffError) as raised:
        client.propose_many("publish", [{"title": "a"}, {"title": "b"}])
    # The second time it gives two answers to one line.
    assert told.requests == 2
    assert (raised.value.facts["index"], raised.value.facts["kept"]) == (1, 1)


@pytest.mark.usefixtures("at_once")
def test_waiting_goes_on_after_a_break(desk: Desk, proxy: Proxy) -> None:
    case = desk.agent(proxy.url).propose("publish", title="Kettle")
    desk.person().approve(case)
    desk.app.case(case.id).outcome(WAIT_S)
    proxy.plan = [Fault.UNSENT, Fault.CUT, Fault.GATEWAY]
    assert case.outcome(WAIT_S).value["published"] == "Kettle"
    proxy.plan = [Fault.UNSENT, Fault.CUT, Fault.GATEWAY]
    assert asyncio.run(_outcome(case)).value["published"] == "Kettle"


def test_one_connection_is_used_again(desk: Desk, proxy: Proxy) -> None:
    agent = desk.agent(proxy.url)
    for n in range(20):
        agent.propose("publish", title=f"{n}")
    assert (len(proxy.requests), proxy.connections) == (20, 1)


def test_threads_share_a_client(desk: Desk) -> None:
    agent, grace = desk.agent(), desk.person()

    def work(number: int) -> Any:
        case = agent.propose("publish", title=f"{number}")
        grace.approve(case)
        return case.outcome(WAIT_S).value["published"]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(80))) == [f"{n}" for n in range(80)]
    assert desk.app.counts() == {State.DONE: 80}


# --- events


def seqs(desk: Desk, checkpoint: str | None = None) -> list[int]:
    return [entry.seq for entry in desk.entries() if checkpoint in (None, entry.checkpoint)]


def take(events: EventStream, number: int) -> list[int]:
    return [next(events).seq for _ in range(number)]


def test_the_ledger_as_it_grows(desk: Desk) -> None:
    agent, grace = desk.agent(), desk.person()
    before = len(seqs(desk))
    with grace.events() as live, grace.events(after_seq=0) as whole, grace.events(0, checkpoint="send") as sends:
        case = agent.propose("publish", title="Kettle")
        agent.propose("send", to="ada")
        event = next(live)
        assert (event.act, event.case_id, event.checkpoint, event.actor) == ("propose", case.id, "publish", "agent")
        assert event.state is State.WAITING
        assert next(live).checkpoint == "send"
        assert take(whole, before + 2) == seqs(desk)
        assert next(sends).checkpoint == "send"
        assert whole.seq == seqs(desk)[-1]
    assert list(live) == []


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("start", [0, None], ids=["from the beginning", "from now on"])
def test_a_broken_stream_leaves_nothing_out_and_repeats_nothing(desk: Desk, proxy: Proxy, start: int | None) -> None:
    agent = desk.agent()
    if start == 0:
        agent.propose_many("publish", ({"title": f"{n}"} for n in range(50)))
    proxy.plan = [Cut(0), Cut(1), Fault.UNSENT, Cut(0), Fault.BUSY, Fault.GATEWAY, Cut(7), Fault.MAINTENANCE, Cut(20)]
    watcher = desk.person(url=proxy.url)
    with watcher.events(after_seq=start) as events:
        first = seqs(desk)[-1] if start is None else 0
        agent.propose_many("publish", ({"title": f"more {n}"} for n in range(50)))
        expected = [seq for seq in seqs(desk) if seq > first]
        assert take(events, len(expected)) == expected
    assert proxy.plan == []


@pytest.mark.usefixtures("at_once")
def test_what_happens_while_a_stream_is_broken_before_its_first_event_is_in_it(desk: Desk, proxy: Proxy) -> None:
    agent, watcher = desk.agent(), desk.person(url=proxy.url)
    proxy.plan = [Cut(0), Fault.UNSENT]
    with watcher.events() as events:
        first = agent.propose("publish", title="Kettle")
        second = agent.propose("publish", title="Pot")
        assert [next(events).case_id, next(events).case_id] == [first.id, second.id]
    assert len(proxy.requests) == 3


@pytest.mark.usefixtures("at_once")
def test_a_stream_goes_on_with_another_server_on_the_same_desk(desk: Desk) -> None:
    """As when the server is restarted."""
    agent, watcher = desk.agent(), desk.person()
    token = watcher._secret
    with listening(desk.app) as port:
        client = desk.client(token, f"http://127.0.0.1:{port}", retries=20)
        events = client.events()
        first = agent.propose("publish", title="Kettle")
        assert next(events).case_id == first.id
    second = agent.propose("publish", title="Pot")
    with listening(desk.app, port), events:
        assert next(events).case_id == second.id


@pytest.mark.usefixtures("at_once")
def test_a_stream_gives_up_when_the_server_stays_away(desk: Desk) -> None:
    with proxying(desk.port) as proxy:
        client = desk.person(url=proxy.url, retries=2)
        desk.agent().propose("publish", title="Kettle")
        events = client.events(after_seq=0)
        last = take(events, len(seqs(desk)))[-1]
        proxy.plan = [Fault.UNSENT] * 10
        proxy.cut_streams()
        with pytest.raises(OutsideError):
            next(events)
        assert events.seq == last
        assert len(proxy.requests) == 3


def test_a_stream_is_for_those_who_may_look(desk: Desk) -> None:
    with pytest.raises(NotAllowed):
        desk.agent().events()
    with pytest.raises(InvalidInput):
        desk.person().events(after_seq=-1)


def test_a_page_is_no_stream(tell: Callable[..., Told]) -> None:
    with asking(tell(200, b"<h1>Welcome</h1>", "text/html").url) as client, pytest.raises(OutsideError, match="URL"):
        client.events()


@pytest.mark.usefixtures("at_once")
def test_no_verdict_is_lost_under_everything_at_once(desk: Desk, proxy: Proxy) -> None:
    """Four threads propose, rule and wait over connections that break all the time; each case has one verdict."""
    proxy.plan = [list(Fault)[n % 7] if n % 3 else None for n in range(300)]
    agent, grace = desk.agent(proxy.url, retries=30), desk.person(url=proxy.url, retries=30)

    def work(number: int) -> Any:
        case = agent.propose("publish", title=f"{number}")
        grace.approve(case)
        return case.outcome(WAIT_S).state

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(work, range(60))) == {State.DONE}
    assert desk.app.counts() == {State.DONE: 60}
    verdicts = desk.app.store.read(lambda tx: tx.find(VerdictRecord))
    assert len(verdicts) == len({verdict.case_id for verdict in verdicts}) == 60
