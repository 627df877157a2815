"""The description of the API holds: whatever is sent, the answer is one that it promises."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any

import httpx2
import pytest
import requests
import schemathesis
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.generation import GenerationMode

from signoff import Signoff
from signoff.server.api import make_api
from signoff.testing import MemoryStore
from tests.web.conftest import ORIGIN, PASSWORD, Caller, Desk, open_desk, verdict

EXAMPLES = 20
"""Of each operation and kind; with the edge cases of the coverage phase about a minute in all."""

CHECKED = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with open_desk(MemoryStore()) as desk:
        yield desk


@pytest.fixture(scope="module")
def lead(desk: Desk) -> Caller:
    return desk.reviewer("lee", "reviewer", "lead", "admin")


def described() -> Any:
    config = SchemathesisConfig.from_dict(
        {
            "generation": {"deterministic": True, "max-examples": EXAMPLES, "database": "none"},
            "phases": {"coverage": {"unexpected-methods": ["PUT", "PATCH", "TRACE"]}},
        }
    )
    with Signoff(MemoryStore(), workers=0) as app:
        document = make_api(app).openapi()
    # The stream never ends; see test_events. And lines are no JSON document; see test_batch.
    return schemathesis.openapi.from_dict(document, config=config).exclude(path_regex="/events$|/batch$")


schema = described()


def some_case(desk: Desk, number: int) -> str:
    """A case as there may be any: waiting, held, done, unknown."""
    case = desk.propose("lose" if number % 4 == 3 else "refund")
    if number % 4:
        desk.app.reviewer("ada").approve(desk.app.case(case["id"]))
    if number % 4 > 1:
        desk.clock.advance(60)
        desk.app.run_due()
    return str(case["id"])


def aimed(desk: Desk, case: schemathesis.Case, number: int) -> None:
    """Let a request that fits the description reach something, more often than chance would."""
    if "case_id" in case.path_parameters:
        case.path_parameters["case_id"] = some_case(desk, number)
    if "name" in case.path_parameters and number % 2:
        case.path_parameters["name"] = "refund"
    if "wait_s" in case.query:
        case.query["wait_s"] = 0
    if not isinstance(case.body, dict) or not number % 3:
        return
    if "case_ids" in case.body:
        case.body["case_ids"] = [some_case(desk, number)]
    if "content_hash" in case.body:
        now = desk.app.case(case.path_parameters["case_id"]).seen
        case.body.update(revision=now.revision, content_hash=now.content_hash, arguments={"order": "B"}, kind="edited")
        case.body.pop("reason", None)
    if "checkpoint" in case.body and "evidence" in case.body:
        case.body.update(checkpoint="send", arguments={"to": "x", "more": case.body["evidence"]})
    if "account" in case.body:
        case.body = {"account": "lee", "password": PASSWORD}


numbers = count()


@schema.parametrize()
def test_every_answer_is_one_that_was_described(case: schemathesis.Case, desk: Desk, lead: Caller) -> None:
    if case.meta is None or case.meta.generation.mode is GenerationMode.POSITIVE:
        aimed(desk, case, next(numbers))
    tag = case.operation.definition.raw["tags"][0]
    who = {"propose": desk.agent, "who": desk.browser("lee") if tag == "who" else lead}.get(tag, lead)
    answer = sent(who, case)
    case.validate_response(answer, checks=[CHECKS.get_one(name) for name in CHECKED])
    if answer.status_code >= 400:
        assert answer.json()["code"]


def sent(who: Caller, case: schemathesis.Case) -> httpx2.Response:
    """Send it as it was made, to the application in this process."""
    made = requests.Request(**case.as_transport_kwargs(base_url=ORIGIN, headers=who.headers)).prepare()
    assert made.url is not None
    request = who.client.build_request(made.method or "GET", made.url, content=made.body)  # type: ignore[arg-type]
    request.headers.update(dict(made.headers))
    try:
        return who.client.send(request)
    finally:
        who.client.cookies.clear()


# --- the document


@pytest.fixture(scope="module")
def document(desk: Desk) -> dict[str, Any]:
    made: dict[str, Any] = desk.nobody("GET", "/api/openapi.json").json()
    return made


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_it_is_openapi_3_1_and_always_the_same(document: dict[str, Any]) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "Signoff"
    assert document["info"]["version"]
    with Signoff(MemoryStore(), workers=0) as app:
        assert make_api(app).openapi() == document


def test_every_operation_says_what_it_does_for_whom_and_what_may_go_wrong(document: dict[str, Any]) -> None:
    tags = {tag["name"] for tag in document["tags"]}
    ids = set()
    for name, operation in operations(document):
        assert operation["summary"], name
        assert operation["description"], name
        assert len(operation["tags"]) == 1, name
        assert set(operation["tags"]) <= tags, name
        ids.add(operation["operationId"])
        for status in ("401", "403", "404", "405", "409", "413", "415", "422", "429"):
            answer = operation["responses"][status]
            assert answer["description"], name
            assert answer["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert any(status.startswith("2") for status in operation["responses"]), name
        for parameter in operation.get("parameters", ()):
            assert parameter.get("description") or parameter["name"] in ("newest_first",), (name, parameter["name"])
    assert len(ids) == len(list(operations(document)))


def test_what_is_open_and_what_takes_whom_is_said(document: dict[str, Any]) -> None:
    open_to_all = {name for name, operation in operations(document) if not operation.get("security")}
    assert open_to_all == {"GET /api/v1/health", "POST /api/v1/session"}
    assert set(document["components"]["securitySchemes"]) == {"token", "session"}


def test_every_property_is_explained(document: dict[str, Any]) -> None:
    unexplained = [
        f"{name}.{property}"
        for name, schema in document["components"]["schemas"].items()
        for property, about in schema.get("properties", {}).items()
        if not about.get("description")
    ]
    assert unexplained == []
    assert [name for name, schema in document["components"]["schemas"].items() if not schema.get("description")] == []


def test_nothing_refers_to_what_is_not_there(document: dict[str, Any]) -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for inner in value.values():
                yield from references(inner)
        elif isinstance(value, list):
            for inner in value:
                yield from references(inner)

    found = set(references(document))
    assert found
    named = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert found <= named
    assert named - found == set(), "a schema that nothing uses"


def test_what_is_taken_in_refuses_fields_it_does_not_know(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        if name.endswith("Taken"):
            assert schema["additionalProperties"] is False, name


def test_the_page_that_describes_it_loads_nothing_from_elsewhere(desk: Desk) -> None:
    page = desk.nobody("GET", "/api/docs")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert re.findall(r"https?://[^\s'\"<>]*|(?<=[\"'])//[^\s'\"<>]*", page.text) == []
    assets = re.findall(r"(?:src|href)=\"([^\"]+)\"", page.text)
    assert len(assets) == 3
    for asset in assets:
        loaded = desk.nobody("GET", asset)
        assert loaded.status_code == 200
        assert len(loaded.content) > 100
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "unsafe-eval" not in policy
    assert desk.nobody("GET", "/api/docs/..%2f..%2fsecret").status_code == 404
    assert desk.nobody("GET", "/api/docs/nothing.js").status_code == 404


def test_the_examples_a_reader_would_try_first_work(desk: Desk, document: dict[str, Any]) -> None:
    case = desk.propose()
    ada = desk.reviewer("first-try")
    assert ada.post("claims", {"limit": 1000})
    now = ada.get(f"cases/{case['id']}")["case"]
    assert ada.post(f"cases/{case['id']}/verdict", verdict(now, "first"))["state"] == "cleared"
