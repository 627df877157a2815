"""The description of the API is true: whatever is sent, the answers are those it names, and never a 5xx."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from signoff import Role, Signoff
from signoff.domain.account import Scope
from signoff.server.api import make_api, needed
from signoff.testing import MemoryStore

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


class Desk:
    """A desk with a case in every state somebody may ask about, and somebody with every right."""

    def __init__(self) -> None:
        self.app = Signoff(MemoryStore(), workers=0)

        @self.app.checkpoint(delivery="at_most_once")
        def pay(to: str, cents: int, note: str | None = None) -> str:
            """Pay it out."""
            raise RuntimeError("nobody knows")

        @self.app.checkpoint(undo_s=3600, opinions=2)
        def publish(title: str) -> str:
            """Put a text online."""
            return title

        self.app.register()
        grace = self.app.reviewer("grace")
        unknown = pay.propose(to="ada", cents=1, proposer="agent")
        grace.approve(unknown)
        self.app.run_due()
        rejected = pay.propose(to="ada", cents=2, proposer="agent")
        grace.reject(rejected, "too much")
        voted = publish.propose(title="Kettle", proposer="agent")
        grace.approve(voted)
        waiting = pay.propose(to="ada", cents=3, proposer="agent", evidence={"mail": "please"}, key="k")
        self.cases = [unknown.id, rejected.id, voted.id, waiting.id]
        self.app.accounts.create("eve", roles=list(Role), by="test")
        issue = self.app.accounts.issue_token
        self.person = issue("eve", scopes=[Scope.REVIEW], by="test")[0]
        self.agent = issue("agent", scopes=[Scope.PROPOSE], by="test")[0]
        self.api = make_api(self.app, hosts={"*"})


DESK = Desk()
"""Made while the tests are collected: each operation of its description is a test."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Where the desk is served."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(DESK.api, log_config=None, ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


@schemathesis.serializer("application/x-ndjson")
def ndjson(_: Any, value: Any) -> bytes:
    """Send a document as two lines, with a line between that is none."""
    line = json.dumps(value).encode()
    return b"\n".join((line, b"{", line))


# The event stream has no end; it is tested in test_events.py.
described = schemathesis.openapi.from_dict(DESK.api.openapi()).exclude(path="/api/v1/events")


@described.parametrize()
@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_whatever_is_sent_the_answer_is_one_that_is_described(url: str, case: Any) -> None:
    needs = {path + method: needs for path, method, needs in needed()}[
        case.operation.path + case.operation.method.lower()
    ]
    agent = needs is not None and needs.scopes == {Scope.PROPOSE}
    case_id = (case.path_parameters or {}).get("case_id")
    if case_id is not None and len(str(case_id)) > 2:
        # Otherwise hardly any would be about a case that is there.
        case.path_parameters["case_id"] = DESK.cases[len(str(case_id)) % len(DESK.cases)]
    if isinstance(case.query, dict) and "wait_s" in case.query:
        case.query["wait_s"] = 0
    headers = {"Authorization": f"Bearer {DESK.agent if agent else DESK.person}"}
    response = case.call(base_url=url, headers=headers)
    if case.method.lower() != case.operation.method.lower():
        assert response.status_code < 500, "another operation, or none"
        return
    case.validate_response(response, checks=CHECKS)


# --- what a reader of the description needs


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    found: dict[str, Any] = DESK.api.openapi()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_it_is_openapi_3_1_and_every_operation_says_what_it_does_and_takes(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    tags = {tag["name"] for tag in document["tags"]}
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert set(operation["tags"]) <= tags and operation["tags"], name
        assert "security" in operation, name
        assert (operation["security"] == []) == (name in {"GET /api/v1/health", "POST /api/v1/session"}), name


def test_every_operation_names_its_problems_as_problem_documents(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for status in ("401", "403", "404", "409", "413", "415", "422", "429", "503"):
            if (name, status) == ("GET /api/v1/health", "503"):
                continue
            content = operation["responses"][status]["content"]
            assert list(content) == ["application/problem+json"], (name, status)


def test_every_field_of_a_record_is_described_and_no_secret_is_among_them(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for name in ("Case", "Checkpoint", "Content", "Entry", "VerdictRecord", "Vote", "Attempt", "Event"):
        for field, schema in schemas[name]["properties"].items():
            assert schema.get("description"), f"{name}.{field}"
        assert "Args:" not in schemas[name]["description"]
    named = {field for schema in schemas.values() for field in schema.get("properties", {})}
    assert not named & {"password_hash", "digest_of_token", "secret"}
    for schema in schemas:
        assert schema not in ("Account", "Token", "Session", "Webhook")


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if isinstance(part.get("$ref"), str):
                yield part["$ref"]
            for inner in part.values():
                yield from references(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from references(inner)

    found = set(references(document))
    assert found
    for reference in found:
        assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"], reference


def test_the_page_that_shows_it_loads_nothing_from_elsewhere(url: str) -> None:
    page = httpx2.get(f"{url}/api/docs")
    assert page.status_code == 200
    assert "http://" not in page.text and "https://" not in page.text
    policy = page.headers["content-security-policy"]
    assert "unsafe-eval" not in policy and "default-src 'none'" in policy
    for name in ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"):
        assert name in page.text
        assert httpx2.get(f"{url}/api/docs/{name}").status_code == 200
    assert httpx2.get(f"{url}/api/docs/nothing").status_code == 404
