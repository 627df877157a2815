"""Proposing over HTTP: what is taken, what is refused and in which words, and how often it counts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2
import pytest

from signoff.server.body import MOST_BYTES, MOST_VALUES
from signoff.testing import MemoryStore
from tests.web.conftest import Caller, Desk, open_desk, place_for, problem

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def desk(tmp_path: Any, request: pytest.FixtureRequest) -> Iterator[Desk]:
    with open_desk(place_for(request, tmp_path)) as desk:
        yield desk


on_each = pytest.mark.parametrize("desk", ["memory", "sqlite", "postgres"], indirect=True)


def body(**more: Any) -> dict[str, Any]:
    return {"checkpoint": "send", "arguments": {"to": "grace"}, **more}


def sent(who: Caller, text: str | bytes, **headers: str) -> httpx2.Response:
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    return who("POST", "proposals", content=raw, headers={**JSON, **headers})


def cases(desk: Desk) -> list[Any]:
    return desk.stored()["Case"]


# --- what is taken


@on_each
def test_a_proposal_waits_for_a_person_with_all_that_was_said(desk: Desk) -> None:
    case = desk.agent.post(
        "proposals",
        {
            "checkpoint": "send",
            "arguments": {"to": "grace", "text": "Hello"},
            "evidence": {
                "mail": {"media_type": "message/rfc822", "value": "Subject: hi"},
                "score": {"media_type": "high", "value": 1, "more": 2},
                "plain": "text",
            },
            "confidence": 0.75,
            "rationale": "They asked.",
            "alternatives": [{"arguments": {"to": "ada"}, "confidence": 0.25}, {"arguments": {}}],
            "drafter": "model-7",
            "key": "mail-1",
            "deadline_s": 3600,
        },
        status=201,
    )
    assert (case["state"], case["proposer"], case["key"], case["revision"]) == ("waiting", "agent", "mail-1", 1)
    assert case["deadline_at"] == "2026-01-01T01:00:00Z"
    view = desk.agent.get(f"cases/{case['id']}")
    assert view["case"] == case
    assert view["content"]["arguments"] == {"to": "grace", "text": "Hello", "more": None}
    assert view["content"]["author"] == "model-7"
    assert view["content"]["rationale"] == "They asked."
    assert view["content"]["alternatives"] == [
        {"arguments": {"to": "ada"}, "confidence": 0.25},
        {"arguments": {}, "confidence": None},
    ]
    assert view["evidence"]["mail"].pop("mail")["subject"] == "hi"
    assert view["evidence"] == {
        "mail": {"media_type": "message/rfc822", "value": "Subject: hi"},
        "score": {"media_type": "application/json", "value": {"media_type": "high", "value": 1, "more": 2}},
        "plain": {"media_type": "text/plain", "value": "text"},
    }
    assert view["routing"]["confidence"] == 0.75


def test_a_case_can_be_found_by_whom_the_token_names_and_nobody_says_otherwise(desk: Desk) -> None:
    told = problem(desk.agent("POST", "proposals", json=body(proposer="somebody")), 422, "invalid_input")
    assert told["problems"] == [{"field": "proposer", "problem": "Extra inputs are not permitted"}]
    assert cases(desk) == []


STRANGE = {
    "NUL": "a\u0000b",
    "bidi": "pay \u202egnp.exe",
    "astral": "\U0001f600" * 10,
    "combining": "e\u0301" * 10,
    "controls": "\x01\x02\x1b[31m\x7f",
    "separators": "a\u2028b\u2029c",
    "markup": "<script>alert(1)</script>'\";--",
    "empty": "",
    "blank": " \t\n",
    "BOM inside": "a\ufeffb",
    "noncharacter": "\uffff",
}


@on_each
@pytest.mark.parametrize("text", STRANGE.values(), ids=STRANGE)
def test_any_text_comes_back_as_it_was_sent(desk: Desk, text: str) -> None:
    sends = body(arguments={"to": text, "more": {text: [text]}}, evidence={text or "x": text}, rationale=text)
    case = desk.agent.post("proposals", sends, status=201)
    view = desk.agent.get(f"cases/{case['id']}")
    assert view["content"]["arguments"] == {"to": text, "text": "", "more": {text: [text]}}
    assert view["evidence"] == {text or "x": {"media_type": "text/plain", "value": text}}
    assert desk.agent.post("proposals", sends, status=201)["content_hash"] == case["content_hash"]


@on_each
def test_a_key_may_hold_any_text_and_finds_its_case_again(desk: Desk) -> None:
    for text in STRANGE.values():
        if text:
            first = desk.agent.post("proposals", body(key=text), status=201)
            assert first["key"] == text
            assert desk.agent.post("proposals", body(key=text), status=201) == first
    assert len(cases(desk)) == len(STRANGE) - 1


def test_a_megabyte_in_one_field_is_taken_commas_and_all(desk: Desk) -> None:
    for text in ("x" * 1_000_000, "1,2,[3],{4}\n" * 80_000, '\\",[{' * 200_000):
        case = desk.agent.post("proposals", body(arguments={"to": "grace", "text": text}), status=201)
        assert desk.agent.get(f"cases/{case['id']}")["content"]["arguments"]["text"] == text


@pytest.mark.parametrize("number", [2**53 - 1, -(2**53) + 1, 0, -0.0, 0.1, 5e-324, 1.7976931348623157e308, 1e21])
def test_a_number_json_carries_exactly_is_taken(desk: Desk, number: float) -> None:
    case = desk.agent.post("proposals", body(arguments={"to": "x", "more": number}), status=201)
    assert desk.agent.get(f"cases/{case['id']}")["content"]["arguments"]["more"] == number


@pytest.mark.parametrize(
    "media", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"]
)
def test_json_by_any_of_its_names(desk: Desk, media: str) -> None:
    assert sent(desk.agent, json.dumps(body()), **{"Content-Type": media}).status_code == 201


def test_sixty_four_levels_are_taken_and_no_more(desk: Desk) -> None:
    def deep(levels: int) -> str:
        # The body and its arguments are two levels themselves.
        return '{"checkpoint":"send","arguments":{"to":"x","more":' + "[" * (levels - 2) + "]" * (levels - 2) + "}}"

    assert sent(desk.agent, deep(64)).status_code == 201
    told = problem(sent(desk.agent, deep(65)), 422, "invalid_input")
    assert "nested deeper than 64 levels; flatten it" in told["detail"]


# --- what is refused


UNREADABLE: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "missing|empty|Field required"),
    "blank": ("  \n", "is not JSON"),
    "half": ('{"checkpoint": "send"', "is not JSON"),
    "two": ("{} {}", "is not JSON"),
    "comment": ("{} // x", "is not JSON"),
    "single quotes": ("{'a': 1}", "is not JSON"),
    "trailing comma": ('{"a": 1,}', "is not JSON"),
    "duplicate key": ('{"checkpoint": "send", "checkpoint": "send"}', 'names the key "checkpoint" twice'),
    "duplicate inside": ('{"checkpoint":"send","arguments":{"to":"a","to":"b"}}', 'the key "to" twice'),
    "duplicate escaped": ('{"checkpoint":"send","arguments":{"to":"a","\\u0074o":"b"}}', 'the key "to" twice'),
    "NaN": ('{"checkpoint":"send","arguments":{"to":NaN}}', "holds NaN, which is not a JSON number"),
    "Infinity": ('{"checkpoint":"send","arguments":{"to":-Infinity}}', "holds -Infinity"),
    "1e400": ('{"checkpoint":"send","arguments":{"to":"x","more":1e400}}', "arguments.more is inf"),
    "2^53+1": ('{"checkpoint":"send","arguments":{"to":"x","more":9007199254740993}}', "send it as a string"),
    "-2^53": ('{"checkpoint":"send","arguments":{"to":"x","more":-9007199254740992}}', "send it as a string"),
    "long number": ('{"checkpoint":"send","arguments":{"more":' + "1" * 5000 + "}}", "thousands of digits"),
    "lone surrogate": ('{"checkpoint":"send","arguments":{"to":"\\ud800"}}', "half of a character pair"),
    "lone surrogate in a key": ('{"checkpoint":"send","arguments":{"\\udc00":1}}', "half of a character pair"),
    "surrogate as bytes": ('{"checkpoint":"send","arguments":{"to":"\ud800"}}', "is not UTF-8"),
    "BOM": ("\ufeff{}", "is not JSON"),
    "latin-1": ('{"checkpoint":"send","arguments":{"to":"Ren\u00e9"}}'.encode("latin-1"), "is not UTF-8"),
    "utf-16": ('{"checkpoint":"send"}'.encode("utf-16"), "is not UTF-8"),
    "raw NUL": (b'{"checkpoint":"se\x00nd"}', "is not JSON"),
    "raw newline": ('{"checkpoint":"se\nnd"}', "is not JSON"),
    "65 levels": ("[" * 65 + "]" * 65, "deeper than 64 levels"),
    "a hundred thousand levels": ("[" * 100_000, "deeper than 64 levels"),
    "a hundred thousand levels of objects": ('{"a":' * 100_000, "deeper than 64 levels"),
}


@pytest.mark.parametrize(("text", "words"), UNREADABLE.values(), ids=UNREADABLE)
def test_a_body_that_cannot_be_read_is_named_and_nothing_is_kept(desk: Desk, text: str | bytes, words: str) -> None:
    told = problem(sent(desk.agent, text), 422, "invalid_input")
    assert any(word in told["detail"] for word in words.split("|")), told["detail"]
    assert cases(desk) == []


UNFIT: dict[str, tuple[Any, str, str]] = {
    "a list": ([], "body", "dictionary"),
    "a text": ("x", "body", "dictionary"),
    "null": (None, "body", "dictionary"),
    "no checkpoint": ({"arguments": {}}, "checkpoint", "required"),
    "empty checkpoint": ({"checkpoint": ""}, "checkpoint", "at least 1 character"),
    "long checkpoint": ({"checkpoint": "x" * 201}, "checkpoint", "at most 200 characters"),
    "a number": ({"checkpoint": 7}, "checkpoint", "string"),
    "misspelt": (body(argument={}), "argument", "not permitted"),
    "arguments": (body(arguments=[1]), "arguments", "dictionary"),
    "evidence": (body(evidence="x"), "evidence", "dictionary"),
    "too sure": (body(confidence=1.01), "confidence", "less than or equal to 1"),
    "too unsure": (body(confidence=-1), "confidence", "greater than or equal to 0"),
    "confidence in words": (body(confidence="0.5"), "confidence", "number"),
    "confidence yes": (body(confidence=True), "confidence", "number"),
    "no time": (body(deadline_s=0), "deadline_s", "greater than 0"),
    "past": (body(deadline_s=-1), "deadline_s", "greater than 0"),
    "two years": (body(deadline_s=63_072_000), "deadline_s", "less than or equal to"),
    "time in words": (body(deadline_s="60"), "deadline_s", "number"),
    "empty key": (body(key=""), "key", "at least 1 character"),
    "long key": (body(key="x" * 201), "key", "at most 200 characters"),
    "key": (body(key=7), "key", "string"),
    "rationale": (body(rationale=7), "rationale", "string"),
    "long rationale": (body(rationale="x" * 100_001), "rationale", "at most 100000 characters"),
    "many alternatives": (body(alternatives=[{"arguments": {}}] * 101), "alternatives", "at most 100"),
    "alternative": (body(alternatives=[{"confidence": 1}]), "alternatives.0.arguments", "required"),
    "alternative misspelt": (body(alternatives=[{"arguments": {}, "x": 1}]), "alternatives.0.x", "not permitted"),
}


@pytest.mark.parametrize(("document", "field", "words"), UNFIT.values(), ids=UNFIT)
def test_a_body_that_does_not_fit_names_the_field_and_what_is_taken(
    desk: Desk, document: Any, field: str, words: str
) -> None:
    told = problem(sent(desk.agent, json.dumps(document)), 422, "invalid_input")
    assert [one["field"] for one in told["problems"]] == [field]
    assert words in told["problems"][0]["problem"], told
    assert f"{field}: {told['problems'][0]['problem']}" in told["detail"]
    assert cases(desk) == []


def test_what_was_sent_is_not_repeated_in_the_refusal(desk: Desk) -> None:
    answer = sent(desk.agent, json.dumps(body(confidence="4111 1111 1111 1111", key=["Ada Lovelace"], drafter=7)))
    problem(answer, 422, "invalid_input")
    assert "4111" not in answer.text
    assert "Lovelace" not in answer.text


def test_arguments_that_do_not_fit_the_checkpoint_are_named(desk: Desk) -> None:
    answer = desk.agent("POST", "proposals", json={"checkpoint": "refund", "arguments": {"amount": "lots", "x": 1}})
    told = problem(answer, 422, "invalid_arguments")
    assert {one["field"] for one in told["problems"]} == {"order", "amount", "x"}
    assert "lots" not in answer.text
    problem(desk.agent("POST", "proposals", json={"checkpoint": "refund"}), 422, "invalid_arguments")


@pytest.mark.parametrize("name", ["nothing", "\u0000", "send\u0000", "../send", "x" * 200])
def test_a_checkpoint_that_is_not_there_is_named_with_those_that_are(desk: Desk, name: str) -> None:
    told = problem(desk.agent("POST", "proposals", json=body(checkpoint=name)), 404, "unknown_checkpoint")
    assert "refund" in told["detail"]


@pytest.mark.parametrize(
    "media", [None, "", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml"]
)
def test_another_media_type_is_refused_before_it_is_read(desk: Desk, media: str | None) -> None:
    raw = desk.client.build_request("POST", "/api/v1/proposals", content=b"{}", headers=desk.agent.headers)
    raw.headers.pop("content-type", None)
    if media is not None:
        raw.headers["content-type"] = media
    told = problem(desk.client.send(raw), 415, "unsupported_media_type")
    assert "application/json" in told["detail"]


def test_a_body_that_is_too_large_is_refused_by_its_size(desk: Desk) -> None:
    text = json.dumps(body(arguments={"to": "x", "text": "x" * MOST_BYTES}))
    told = problem(sent(desk.agent, text), 413, "too_large")
    assert "send less" in told["detail"]

    def endless() -> Iterator[bytes]:
        for _ in range(MOST_BYTES // 65_536 + 2):
            yield b" " * 65_536

    problem(desk.agent("POST", "proposals", content=endless(), headers=JSON), 413, "too_large")
    assert cases(desk) == []


def test_arguments_and_evidence_have_a_limit_of_their_own(desk: Desk) -> None:
    for more in ({"arguments": {"to": "x" * 5_000_000}}, {"evidence": {"x": "x" * 5_000_000}}):
        told = problem(desk.agent("POST", "proposals", json=body(**more)), 422, "invalid_input")
        assert "at most 4,194,304 are taken" in told["detail"]


def test_a_body_of_very_many_values_is_refused(desk: Desk) -> None:
    for values in ("{}," * MOST_VALUES + "{}", "1," * (MOST_VALUES + 1) + "1", "[]," * 2_000_000 + "[]"):
        text = '{"checkpoint":"send","arguments":{"to":"x","more":[' + values + "]}}"
        told = problem(sent(desk.agent, text), 413, "too_large")
        assert "at most 100,000 are taken" in told["detail"]


@pytest.mark.parametrize("text", [b"{", b"[" * 100_000, b" " * (MOST_BYTES + 1), b"\xff"])
def test_who_may_not_propose_is_told_so_before_anything_is_read(desk: Desk, text: bytes) -> None:
    problem(sent(desk.nobody, text), 401, "not_signed_in")
    problem(sent(desk.bearer("signoff_x"), text), 401, "not_signed_in")
    problem(sent(desk.reviewer("ada"), text), 403, "not_allowed")
    problem(sent(desk.nobody, text, **{"Content-Type": "text/plain"}), 401, "not_signed_in")


def test_an_address_or_method_that_is_not_there(desk: Desk) -> None:
    problem(desk.agent("POST", "proposal", json=body()), 404, "not_found")
    answer = desk.agent("PUT", "proposals", json=body())
    problem(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
    problem(desk.agent("GET", "proposals"), 405, "method_not_allowed")


def test_too_much_at_once_is_told_to_come_back() -> None:
    from starlette.testclient import TestClient

    from signoff import Signoff
    from signoff.server.api import make_api

    with Signoff(MemoryStore(), workers=0) as app:
        api = make_api(app, most_at_once=0)
        with TestClient(api, base_url="http://localhost") as client:
            answer = client.get("/api/v1/me")
            problem(answer, 429, "overloaded")
            assert answer.headers["retry-after"] == "1"
            assert client.get("/api/v1/events").status_code == 401


# --- how often it counts


@on_each
def test_a_hundred_times_at_once_it_is_one_case(desk: Desk) -> None:
    agent = desk.agent
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: agent("POST", "proposals", json=body(key="k")), range(100)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(cases(desk)) == 1


@on_each
def test_a_key_that_stands_for_something_else_names_its_case(desk: Desk) -> None:
    first = desk.agent.post("proposals", body(key="k"), status=201)
    answer = desk.agent("POST", "proposals", json=body(key="k", arguments={"to": "somebody else"}))
    assert problem(answer, 409, "key_reused")["case_id"] == first["id"]
    other = desk.agent.post("proposals", {"checkpoint": "lose", "arguments": {"what": "x"}, "key": "k"}, status=201)
    assert other["id"] != first["id"]


def test_a_key_still_stands_for_its_case_when_that_has_ended(desk: Desk) -> None:
    first = desk.agent.post("proposals", body(key="k"), status=201)
    desk.agent.post(f"cases/{first['id']}/withdraw")
    again = desk.agent.post("proposals", body(key="k"), status=201)
    assert (again["id"], again["state"]) == (first["id"], "withdrawn")


def test_without_a_key_each_is_a_case_of_its_own(desk: Desk) -> None:
    assert len({desk.agent.post("proposals", body(), status=201)["id"] for _ in range(3)}) == 3


# --- taking it back


def test_a_proposal_is_taken_back_until_it_has_started(desk: Desk) -> None:
    case = desk.propose("refund")
    desk.app.reviewer("ada").approve(desk.app.case(case["id"]))
    assert desk.agent.post(f"cases/{case['id']}/withdraw")["state"] == "withdrawn"
    told = problem(desk.agent("POST", f"cases/{case['id']}/withdraw"), 409, "case_closed")
    assert (told["case_id"], told["state"]) == (case["id"], "withdrawn")

    done = desk.propose()
    desk.app.reviewer("ada").approve(desk.app.case(done["id"]))
    desk.app.run_due()
    told = problem(desk.agent("POST", f"cases/{done['id']}/withdraw"), 409, "case_closed")
    assert (told["state"], told["reviewer"], told["verdict"]) == ("done", "ada", "approved")


@pytest.mark.parametrize("id", ["none", "%00", "a%2Fb", "x" * 100, "%FF", "%F0%9F%98%80", "..", "%ED%A0%80"])
def test_a_case_that_is_not_there(desk: Desk, id: str) -> None:
    for who in (desk.agent, desk.reviewer("grace")):
        answer = who("GET", f"cases/{id}")
        assert answer.status_code == 404, answer.text
        assert answer.json()["code"] in ("unknown_case", "not_found")
    problem(desk.agent("GET", f"cases/{'x' * 101}"), 422, "invalid_input")


# --- features


def test_features_are_taken_where_they_are_asked_for_and_kept_nowhere_else(desk: Desk) -> None:
    @desk.app.checkpoint(oversight="when_uncertain")
    def sort(order: str) -> str:
        return order

    asked = {"checkpoint": "sort", "arguments": {"order": "7"}, "features": {"margin": 2, "about": 0.5}}
    case = desk.agent.post("proposals", asked, status=201)
    (entry,) = desk.app.store.read(lambda tx: tx.decisions("sort", after_seq=0, limit=9))
    assert (entry.case_id, entry.facts["features"]) == (case["id"], {"about": 0.5, "margin": 2.0})
    desk.agent.post("proposals", body(features={"margin": 1.0}), status=201)
    assert desk.app.store.read(lambda tx: tx.decisions("send", after_seq=0, limit=9)) == []


@pytest.mark.parametrize(
    "features",
    [{"x": "1"}, {"x": True}, {"x": None}, {"": 1}, {"x" * 101: 1}, {f"x{n}": 1 for n in range(65)}, [1], 1, "x"],
)
def test_features_that_are_none_are_refused_over_http(desk: Desk, features: Any) -> None:
    answer = sent(desk.agent, json.dumps(body(features=features)))
    assert answer.status_code == 422
    assert "feature" in json.dumps(answer.json())
    assert cases(desk) == []
