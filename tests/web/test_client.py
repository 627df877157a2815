"""The client of the HTTP API, against a real server, and against connections that break at every moment."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import uvicorn

import signoff.client
from signoff import Client, Edited, Material, Move, Proposal, Rejected, Reviewer, Signoff, State
from signoff.client import RemoteCase
from signoff.domain.entry import Entry
from signoff.errors import (
    CaseClosed,
    ClaimLost,
    ContentChanged,
    InvalidArguments,
    InvalidInput,
    KeyReused,
    NotAllowed,
    StillWaiting,
    UnknownCase,
    UnknownCheckpoint,
    UsageError,
)
from signoff.server import make_api
from tests.web.flaky import WAIT_S, Proxy, proxying

PEM = Path(__file__).parents[1] / "unit" / "effects" / "hooks.example.pem"


# --- a server in a thread


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
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
    monkeypatch.setattr(signoff.client, "_FIRST_PAUSE_S", 0.001)


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
        ([[]] * 3_000_000, "MB|bytes"),
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
