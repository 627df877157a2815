"""Every route lets in exactly whom it says, and nobody else learns or changes anything."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

from signoff import Material
from signoff.domain.account import Scope
from signoff.errors import KeyReused
from signoff.server.access import COOKIE, LocalDesk, Needs
from signoff.server.inbox import PAGES
from signoff.testing import MemoryStore
from tests.web.conftest import ORIGIN, ROLES, Caller, Desk, open_desk, problem, stream, verdict

OPEN = {
    *((method, path) for method in ("GET", "HEAD") for path in (*PAGES, "/assets/{name}", "/{name}.svg")),
    ("GET", "/api/docs"),
    ("GET", "/api/docs/{name}"),
    ("GET", "/api/openapi.json"),
    ("HEAD", "/api/openapi.json"),
    ("GET", "/api/v1/health"),
    ("POST", "/api/v1/session"),
}
"""Routes that take nobody's word; a new one has to be written down here, or say what it needs."""

BODIES: dict[str, Any] = {
    "POST /api/v1/proposals": {"checkpoint": "send", "arguments": {"to": "ada"}, "key": "again"},
    "POST /api/v1/proposals/batch": None,
    "POST /api/v1/claims": {},
    "POST /api/v1/claims/renew": {"case_ids": ["CASE"]},
    "POST /api/v1/claims/release": {"case_ids": ["CASE"]},
    "POST /api/v1/cases/{case_id}/claim": {},
    "POST /api/v1/cases/{case_id}/verdict": {"id": "v", "kind": "approved", "revision": 1, "content_hash": "x"},
    "POST /api/v1/cases/{case_id}/reason": {"verdict_id": "v", "reason": "Wrong tone"},
    "POST /api/v1/cases/{case_id}/recall": None,
    "POST /api/v1/cases/{case_id}/redraft": {"note": "shorter"},
    "POST /api/v1/cases/{case_id}/hand_over": {"to": "lead"},
    "POST /api/v1/cases/{case_id}/snooze": {},
    "POST /api/v1/cases/{case_id}/resolve": {"move": "confirm_done"},
    "POST /api/v1/cases/{case_id}/reverse": {},
    "POST /api/v1/cases/{case_id}/withdraw": None,
    "POST /api/v1/me/presence": {},
    "DELETE /api/v1/session": None,
}

OF_AN_AGENT = {
    "POST /api/v1/proposals",
    "POST /api/v1/proposals/batch",
    "POST /api/v1/cases/{case_id}/withdraw",
    "GET /api/v1/cases/{case_id}",
    "GET /api/v1/cases/{case_id}/frame",
    "GET /api/v1/cases/{case_id}/outcome",
    "GET /api/v1/checkpoints",
    "GET /api/v1/checkpoints/{name}",
    "GET /api/v1/me",
    "DELETE /api/v1/session",
}
"""All that a token with the scope `propose` is good for."""

RULED_BY = {
    "POST /api/v1/claims": {"reviewer", "lead"},
    "POST /api/v1/cases/{case_id}/claim": {"reviewer", "lead"},
    "POST /api/v1/cases/{case_id}/verdict": {"reviewer", "lead"},
    "POST /api/v1/cases/{case_id}/reason": {"reviewer", "lead"},
    "POST /api/v1/cases/{case_id}/redraft": {"reviewer", "lead"},
    "POST /api/v1/cases/{case_id}/hand_over": {"reviewer", "lead"},
    "POST /api/v1/cases/{case_id}/snooze": {"reviewer", "lead"},
    "POST /api/v1/cases/{case_id}/resolve": {"lead", "admin"},
}
"""Routes that the engine keeps for some roles, beside the scope."""

STRANGERS = ("nobody", "unknown token", "no token of ours", "expired", "revoked", "disabled", "unknown session")
PEOPLE = tuple(f"{how} of {role}" for how in ("token", "session") for role in ROLES)
OTHERS = ("propose token", "read token", "link cookie", "link token")


def every_route(api: FastAPI) -> Iterator[tuple[str, str, Dependant | None]]:
    for context in iter_route_contexts(api.routes):
        for method in sorted(context.methods or ()):
            yield method, context.path, getattr(context, "dependant", None)


def needs_of(dependant: Dependant | None) -> list[Needs]:
    if dependant is None:
        return []
    inner = [needs for each in dependant.dependencies for needs in needs_of(each)]
    return [*([dependant.call] if isinstance(dependant.call, Needs) else []), *inner]


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with open_desk(MemoryStore()) as desk:
        yield desk


@pytest.fixture(scope="module")
def local() -> LocalDesk:
    return LocalDesk("grace")


@pytest.fixture(scope="module")
def alone(local: LocalDesk) -> Iterator[Desk]:
    """A desk without accounts, with a printed link."""
    with open_desk(MemoryStore(), local=local) as desk:
        yield desk


def _as(desk: Desk, alone: Desk, local: LocalDesk) -> dict[str, tuple[Desk, Caller, frozenset[Scope] | None]]:
    """Everybody there is, by name: where they ask, how, and with what scopes; None for a stranger."""
    everybody: dict[str, tuple[Desk, Caller, frozenset[Scope] | None]] = {}
    accounts = desk.app.accounts
    person = frozenset({Scope.REVIEW, Scope.READ})
    for role in ROLES:
        desk.account(role, role)
        everybody[f"token of {role}"] = (desk, desk.token(role, "review"), frozenset({Scope.REVIEW}))
        everybody[f"session of {role}"] = (desk, desk.browser(role), person)
    everybody["propose token"] = (desk, desk.agent, frozenset({Scope.PROPOSE}))
    everybody["read token"] = (desk, desk.token("auditor", "read"), frozenset({Scope.READ}))
    everybody["nobody"] = (desk, desk.nobody, None)
    everybody["unknown token"] = (desk, desk.bearer("signoff_" + "x" * 43), None)
    everybody["no token of ours"] = (desk, desk.bearer("x"), None)
    everybody["unknown session"] = (desk, Caller(desk.client, {"Cookie": f"{COOKIE}=x", "Origin": ORIGIN}), None)
    everybody["expired"] = (desk, desk.token("reviewer", "review", expires_s=1), None)
    desk.clock.advance(1)
    secret, token = accounts.issue_token("reviewer", scopes=["review"], by="test")
    accounts.revoke_token(token.id, "test")
    everybody["revoked"] = (desk, desk.bearer(secret), None)
    desk.account("gone")
    everybody["disabled"] = (desk, desk.token("gone", "review"), None)
    accounts.disable("gone", "test")
    cookie = {"Cookie": f"{COOKIE}={local.cookie}", "Origin": ORIGIN}
    everybody["link cookie"] = (alone, Caller(alone.client, cookie), person)
    everybody["link token"] = (alone, alone.bearer(local.token), person)
    return everybody


@pytest.fixture(scope="module")
def everybody(desk: Desk, alone: Desk, local: LocalDesk) -> dict[str, tuple[Desk, Caller, frozenset[Scope] | None]]:
    return _as(desk, alone, local)


def test_every_route_says_whom_it_lets_in(desk: Desk) -> None:
    open_to_all = {(method, path) for method, path, dependant in every_route(desk.api) if not needs_of(dependant)}
    assert open_to_all == OPEN


def test_every_route_that_is_sent_something_is_tried(desk: Desk) -> None:
    sent = {f"{method} {path}" for method, path, _ in every_route(desk.api) if method not in ("GET", "HEAD")}
    assert sent == {*BODIES, "POST /api/v1/session"}


def test_an_agent_proposes_waits_and_looks_at_its_own(desk: Desk) -> None:
    lets_in = {
        f"{method} {path}"
        for method, path, dependant in every_route(desk.api)
        if any(Scope.PROPOSE in needs.scopes for needs in needs_of(dependant))
    }
    assert lets_in == OF_AN_AGENT


def filled(value: Any, case_id: str) -> Any:
    """Put the id of a case where the table says so."""
    if isinstance(value, dict):
        return {name: filled(inner, case_id) for name, inner in value.items()}
    if isinstance(value, list):
        return [filled(inner, case_id) for inner in value]
    return case_id if value == "CASE" else value


def asked(who: Caller, method: str, path: str, case_id: str) -> httpx2.Response:
    where = path.replace("{case_id}", case_id).replace("{name}", "send")
    if path.endswith("/events"):
        return stream(who, where)
    if path.endswith("/frame"):
        where += "?evidence=page"
    body = filled(BODIES.get(f"{method} {path}"), case_id)
    return who(method, where, json=body) if body is not None else who(method, where)


@pytest.mark.parametrize("name", [*STRANGERS, *OTHERS, *PEOPLE])
def test_every_route_lets_in_exactly_whom_it_says(
    name: str, everybody: dict[str, tuple[Desk, Caller, frozenset[Scope] | None]]
) -> None:
    desk, who, scopes = everybody[name]
    role = name.rpartition(" of ")[2]
    wrong: list[str] = []
    case = _case(desk)
    for method, path, dependant in every_route(desk.api):
        if f"{method} {path}" == "DELETE /api/v1/session" and name.startswith(("session", "link cookie")):
            continue  # The session is needed for the rest; see test_session.
        before = desk.stored()
        answer = asked(who, method, path, case)
        told = answer.json() if answer.content and "problem" in answer.headers.get("content-type", "") else {}
        expected = _expected(f"{method} {path}", dependant, scopes, role)
        refused = answer.status_code if answer.status_code in (401, 403) else None
        if refused != expected:
            wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:200]}, expected {expected}")
        elif expected is not None and desk.stored() != before:
            wrong.append(f"{method} {path}: refused, and changed something all the same")
        elif expected == 401 and answer.headers.get("www-authenticate") != "Bearer":
            wrong.append(f"{method} {path}: does not say how to sign in")
        elif expected == 403 and told.get("code") != "not_allowed":
            wrong.append(f"{method} {path}: {told}")
        elif expected is None and method not in ("GET", "HEAD"):
            case = _case(desk)
    assert wrong == []


def _case(desk: Desk) -> str:
    """A waiting case of the agent's own."""
    page = Material("<p>Hi</p>", "text/html")
    return desk.app.function("send").propose(to="grace", proposer="agent", evidence={"page": page}).id


def _expected(route: str, dependant: Dependant | None, scopes: frozenset[Scope] | None, role: str) -> int | None:
    if tuple(route.split(" ")) in OPEN:
        return None
    if scopes is None:
        return 401
    if not all(needs.scopes & scopes for needs in needs_of(dependant)):
        return 403
    if role in ROLES and role not in RULED_BY.get(route, set(ROLES)):
        return 403
    return None


@pytest.mark.parametrize("name", ["read token", "token of auditor", "token of officer", "token of legal"])
def test_who_only_looks_changes_nothing(
    name: str, everybody: dict[str, tuple[Desk, Caller, frozenset[Scope] | None]]
) -> None:
    desk, who, _ = everybody[name]
    case = _case(desk)
    before = desk.stored()
    for method, path, _ in every_route(desk.api):
        if path != "/api/v1/events":
            asked(who, method, path, case)
    assert desk.stored() == before


@pytest.mark.parametrize("state", ["waiting", "held", "done", "unknown"])
def test_who_only_looks_changes_no_case_however_far_it_is(
    state: str, everybody: dict[str, tuple[Desk, Caller, frozenset[Scope] | None]]
) -> None:
    desk, who, _ = everybody["token of auditor"]
    function = desk.app.function({"held": "refund", "done": "refund", "unknown": "lose"}.get(state, "send"))
    case = function.propose(**{"refund": {"order": "A"}, "lose": {"what": "A"}}.get(function.name, {"to": "ada"}))
    if state != "waiting":
        desk.app.reviewer("reviewer").approve(case)
    if state in ("done", "unknown"):
        desk.clock.advance(60)
        desk.app.run_due()
    assert case.state.value == state
    before = desk.stored()
    for verb in (
        "claim",
        "verdict",
        "reason",
        "recall",
        "redraft",
        "hand_over",
        "snooze",
        "resolve",
        "reverse",
        "withdraw",
    ):
        path = f"/api/v1/cases/{{case_id}}/{verb}"
        problem(asked(who, "POST", path, case.id), *_refusal(verb, state))
    assert desk.stored() == before


def _refusal(verb: str, state: str) -> tuple[int, str]:
    if verb == "reverse" and state in ("waiting", "unknown"):
        return 422, "usage"  # These checkpoints declare no reversal at all.
    if verb == "recall" and state != "held":
        return 409, "case_closed"
    return 403, "not_allowed"


# --- proposers


def _seen_by_its_proposer(who: Caller, case_id: str) -> list[httpx2.Response]:
    return [
        who("GET", f"cases/{case_id}"),
        who("GET", f"cases/{case_id}/frame?evidence=page"),
        who("GET", f"cases/{case_id}/outcome"),
        who("POST", f"cases/{case_id}/withdraw"),
    ]


def test_a_proposer_learns_nothing_of_the_cases_of_others(desk: Desk) -> None:
    mine, other = desk.token("mine", "propose"), desk.token("other", "propose")
    page = {"media_type": "text/html", "value": "<p>Hi</p>"}
    body = {"checkpoint": "send", "arguments": {"to": "grace"}, "evidence": {"page": page}}
    case = mine.post("proposals", body, status=201)
    missing = "00000000-0000-7000-8000-000000000000"
    before = desk.stored()
    for hidden, unknown in zip(
        _seen_by_its_proposer(other, case["id"]), _seen_by_its_proposer(other, missing), strict=True
    ):
        told = problem(hidden, 404, "unknown_case")
        assert told == {
            name: fact.replace(missing, case["id"]) if isinstance(fact, str) else fact
            for name, fact in problem(unknown, 404, "unknown_case").items()
        }
    assert desk.stored() == before
    assert [answer.status_code for answer in _seen_by_its_proposer(mine, case["id"])] == [200] * 4


def test_a_key_is_the_proposers_own(desk: Desk) -> None:
    body = {"checkpoint": "send", "arguments": {"to": "ada"}, "key": "k-1"}
    mine, other = (desk.token(name, "propose").post("proposals", body, status=201) for name in ("p-1", "p-2"))
    assert mine["id"] != other["id"]
    assert (mine["proposer"], other["proposer"]) == ("p-1", "p-2")


def test_nobody_rules_on_what_they_proposed(desk: Desk) -> None:
    lead = desk.reviewer("hopper", "reviewer", "lead", "admin")
    handle = desk.app.function("send").propose(to="grace", proposer="hopper")
    case = lead.get(f"cases/{handle.id}")["case"]
    before = desk.stored()
    assert case["id"] not in [each["id"] for each in lead.get("queue?limit=500")["items"]]
    assert case["id"] not in [each["id"] for each in lead.post("claims", {"limit": 1000})]
    lead.post("claims/release", {"case_ids": [each["id"] for each in lead.get("queue?limit=500")["items"]]})
    for verb, body in (
        ("claim", {}),
        ("verdict", verdict(case, "own")),
        ("verdict", verdict(case, "own", fence=case["fence"])),
        ("redraft", {"note": "x", "arguments": {"to": "me"}}),
        ("snooze", {}),
    ):
        told = problem(lead("POST", f"cases/{case['id']}/{verb}", json=body), 403, "not_allowed")
        assert "hopper proposed case" in told["detail"]
    after = desk.stored()
    assert [each for each in after["Case"] if each.id == handle.id] == [
        each for each in before["Case"] if each.id == handle.id
    ]
    assert (after["VerdictRecord"], after["Content"]) == (before["VerdictRecord"], before["Content"])


def test_a_token_that_proposes_speaks_for_no_account(desk: Desk) -> None:
    agent = desk.token("later-a-person", "propose")
    assert agent.get("me") == {"id": "later-a-person", "roles": [], "groups": [], "scopes": ["propose"]}
    desk.app.accounts.issue_token("reviewer", scopes=["review"], by="test")
    with pytest.raises(KeyReused):
        desk.account("later-a-person", "reviewer")


# --- the printed link


def test_the_link_lets_one_person_in(alone: Desk, local: LocalDesk) -> None:
    answer = alone.nobody("GET", f"/?token={local.token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}={local.cookie};")
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    alone.client.cookies.clear()
    browser = Caller(alone.client, {"Cookie": cookie.partition(";")[0], "Origin": ORIGIN})
    assert browser.get("me") == {
        "id": "grace",
        "roles": ["admin", "lead", "reviewer"],
        "groups": [],
        "scopes": ["read", "review"],
    }


@pytest.mark.parametrize("token", ["", "wrong", "\u00e9\u2603", "%00", "x" * 10_000])
def test_another_link_lets_nobody_in(alone: Desk, token: str) -> None:
    answer = alone.nobody("GET", "/", params={"token": token})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert "Each start of the server prints a new one" in answer.text


def test_with_accounts_there_is_no_link(desk: Desk, local: LocalDesk) -> None:
    assert desk.nobody("GET", f"/?token={local.token}").status_code == 403
    problem(desk.bearer(local.token)("GET", "me"), 401, "not_signed_in")
    cookie = {"Cookie": f"{COOKIE}={local.cookie}", "Origin": ORIGIN}
    problem(Caller(desk.client, cookie)("GET", "me"), 401, "not_signed_in")


def test_signing_out_ends_what_the_link_gave(alone: Desk, local: LocalDesk) -> None:
    browser = Caller(alone.client, {"Cookie": f"{COOKIE}={local.cookie}", "Origin": ORIGIN})
    assert browser("DELETE", "session").status_code == 204
    problem(browser("GET", "me"), 401, "not_signed_in")
    assert alone.nobody("GET", f"/?token={local.token}").status_code == 303
