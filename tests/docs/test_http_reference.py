"""docs/reference/http.md says what the API says of itself."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from signoff import Signoff, wire
from signoff.domain import content
from signoff.domain.account import Scope
from signoff.server import body, gate, make_api, problems
from signoff.server.api import PREFIX, needed
from signoff.testing import MemoryStore
from tests.docs.test_snippets import FENCE, ROOT

TEXT = (ROOT / "docs" / "reference" / "http.md").read_text(encoding="utf-8")
ROUTES = re.findall(r"^\| (\w+) \| ([A-Z]+) \| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", TEXT, re.MULTILINE)


def section(heading: str) -> str:
    return TEXT.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    with Signoff(MemoryStore(), workers=0) as app:
        return make_api(app).openapi()


def scopes_of(cell: str) -> set[Scope] | None:
    return None if cell == "open" else set(Scope) if cell == "any" else {Scope(name) for name in cell.split(", ")}


def test_every_route_is_listed_with_what_it_takes(described: dict[str, Any]) -> None:
    listed = {(method.lower(), PREFIX + path): scopes_of(scope) for _, method, path, scope, _ in ROUTES}
    assert len(listed) == len(ROUTES)
    assert listed == {(method, path): None if needs is None else set(needs.scopes) for path, method, needs in needed()}
    assert listed.keys() == {(method, path) for path, found in described["paths"].items() for method in found}


def test_every_parameter_of_a_route_is_named(described: dict[str, Any]) -> None:
    unnamed = [
        (path, parameter["name"])
        for _, method, path, _, told in ROUTES
        for parameter in described["paths"][PREFIX + path][method.lower()].get("parameters", [])
        if parameter["in"] != "path" and f"`{parameter['name']}`" not in told
    ]
    assert unnamed == []


def test_the_documents_shown_have_the_fields_of_the_real_ones(described: dict[str, Any]) -> None:
    event, problem = (json.loads(found[2]) for found in FENCE.finditer(TEXT) if found[1] == "json")
    schemas = described["components"]["schemas"]
    assert event.keys() == schemas["Event"]["properties"].keys()
    assert schemas["Problem"]["properties"].keys() <= problem.keys()


def test_the_codes_of_http_alone_are_all_there() -> None:
    listed = re.findall(r"^\| `(\w+)` \| (\d+) \|", section("Problems"), re.MULTILINE)
    made = {(code, str(status)) for status, (code, _) in problems._HTTP.items() if code != "too_large"}
    assert set(listed) == made | {("internal_error", "500")}


def test_every_status_is_explained(described: dict[str, Any]) -> None:
    listed = set(re.findall(r"^\| (\d{3}) \|", section("Problems"), re.MULTILINE))
    given = {
        status
        for found in described["paths"].values()
        for operation in found.values()
        for status in operation["responses"]
    }
    unusual = {"415"}  # its code says it all
    assert listed | unusual == {status for status in given if status >= "400"} | {"500"}


@pytest.mark.parametrize(
    "number",
    [
        body.MOST_BYTES,
        body.MOST_VALUES,
        body.MOST_WIDE,
        content.MAX_BYTES,
        content.MAX_DEPTH,
        int(wire.MOST_WAIT_S),
        gate.MOST_AT_ONCE,
        gate.MOST_OF_ONE,
        gate.TURNS_OF_ONE,
        gate.MOST_LONG,
    ],
)
def test_a_limit_is_the_one_that_is_stated(number: int) -> None:
    assert re.search(rf"(?<![\d,]){number:,}(?![\d,])", section("Limits"))


def test_the_sizes_of_pages_and_claims_are_those_of_the_description(described: dict[str, Any]) -> None:
    (limit,) = [
        each["schema"] for each in described["paths"][f"{PREFIX}/cases"]["get"]["parameters"] if each["name"] == "limit"
    ]
    assert f"| {limit['maximum']}; {limit['default']} unless asked |" in section("Limits")
    schemas = described["components"]["schemas"]
    most = {
        schemas["ClaimTaken"]["properties"]["limit"]["maximum"],
        schemas["RenewTaken"]["properties"]["case_ids"]["maxItems"],
        schemas["ReleaseTaken"]["properties"]["case_ids"]["maxItems"],
    }
    (stated,) = re.findall(r"^\| cases in a claim, .*? \| ([\d,]+) \|", section("Limits"), re.MULTILINE)
    assert most == {int(stated.replace(",", ""))}
