"""Proposing: what is taken, under which key, and what is refused by name with nothing half-written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from pydantic import BaseModel

from signoff import CheckpointFunction, Material, Proposal, Signoff, State
from signoff.errors import InvalidArguments, InvalidCheckpoint, InvalidInput, KeyReused, SignoffError, UnknownCase
from signoff.testing import RecordingHandler


class Size(Enum):
    LARGE = "L"


class Line(BaseModel):
    size: Size
    price: Decimal


class Order(BaseModel):
    lines: list[Line]
    placed: datetime


@pytest.fixture
def send(app: Signoff, sent: RecordingHandler) -> CheckpointFunction[..., Any]:
    @app.checkpoint
    def send(to: str, count: int = 1, extra: Any = None) -> Any:
        return sent(to=to, count=count, extra=extra)

    return send


# --- the caller's key


def test_the_same_key_and_arguments_are_the_same_case(app: Signoff, send: CheckpointFunction[..., Any]) -> None:
    first = send.propose(to="ada", key="k", evidence={"a": 1})
    assert send.propose(to="ada", count=1, key="k").id == first.id
    app.reviewer("grace").approve(first)
    app.run_due()
    again = send.propose(to="ada", key="k")
    assert (again.id, again.state) == (first.id, State.DONE)
    assert len(app.cases()) == 1


def test_the_same_key_with_other_arguments_is_refused_with_the_case_that_has_it(
    app: Signoff, send: CheckpointFunction[..., Any]
) -> None:
    first = send.propose(to="ada", key="k")
    with pytest.raises(KeyReused, match="'k'") as caught:
        send.propose(to="eve", key="k")
    assert caught.value.facts["case_id"] == first.id
    assert len(app.cases()) == 1


def test_a_key_stands_for_the_first_proposal_even_after_an_edit(
    app: Signoff, send: CheckpointFunction[..., Any]
) -> None:
    first = send.propose(to="ada", key="k")
    app.reviewer("grace").edit(first, {"to": "bob"})
    assert send.propose(to="ada", key="k").id == first.id
    with pytest.raises(KeyReused):
        send.propose(to="bob", key="k")


def test_a_key_is_each_proposers_and_each_checkpoints_own(app: Signoff, send: CheckpointFunction[..., Any]) -> None:
    @app.checkpoint
    def publish(to: str) -> None: ...

    cases = [
        send.propose(to="ada", key="k"),
        send.propose(to="bob", key="k", proposer="agent-7"),
        publish.propose(to="eve", key="k"),
        send.propose(to="ada"),
        send.propose(to="ada"),
    ]
    assert len({case.id for case in cases}) == 5


@pytest.mark.parametrize("text", ["", "x" * 201, "\ud800"])
@pytest.mark.parametrize("field", ["key", "proposer"])
def test_a_key_or_proposer_that_cannot_be_kept_is_refused(
    app: Signoff, send: CheckpointFunction[..., Any], field: str, text: str
) -> None:
    with pytest.raises(InvalidInput, match=field):
        send.propose(to="ada", **{field: text})
    assert app.cases() == []


# --- many


def test_many_are_kept_in_order_and_known_keys_give_their_cases(
    app: Signoff, send: CheckpointFunction[..., Any]
) -> None:
    known = send.propose(to="a1", key="k1")
    batch = [Proposal(arguments={"to": f"a{i}"}, key=f"k{i}") for i in range(4)]
    handles = send.propose_many([*batch, {"to": "x"}, batch[2], batch[1]])
    assert [app.view(case).content.arguments["to"] for case in handles] == ["a0", "a1", "a2", "a3", "x", "a2", "a1"]
    assert handles[1].id == handles[6].id == known.id
    assert handles[5].id == handles[2].id
    assert len(app.cases()) == 5
    assert [case.id for case in send.propose_many(batch)] == [case.id for case in handles[:4]]
    assert send.propose_many([]) == []


@pytest.mark.parametrize("bad", [3, 500, 700])
def test_an_item_that_fails_is_named_with_how_many_before_it_are_kept(
    app: Signoff, send: CheckpointFunction[..., Any], bad: int
) -> None:
    items: list[Any] = [{"to": f"a{i}"} for i in range(800)]
    items[bad] = {"to": 7}
    with pytest.raises(InvalidArguments, match="to") as caught:
        send.propose_many(items)
    kept = bad // 500 * 500
    assert (caught.value.facts["index"], caught.value.facts["kept"]) == (bad, kept)
    assert sum(app.counts().values()) == kept


@pytest.mark.parametrize("count", [5, 500, 700])
@pytest.mark.parametrize("within", [True, False], ids=["in the batch", "in the database"])
def test_a_key_that_clashes_is_named_with_how_many_before_it_are_kept(
    app: Signoff, send: CheckpointFunction[..., Any], count: int, within: bool
) -> None:
    if not within:
        send.propose(to="other", key="k3")
    items = [Proposal(arguments={"to": f"a{i}"}, key=f"k{i}") for i in range(count)]
    bad = 3
    if within:
        items[4] = replace(items[4], key="k3")
        bad = 4
    with pytest.raises(KeyReused) as caught:
        send.propose_many(items)
    assert (caught.value.facts["index"], caught.value.facts["kept"]) == (bad, 0)
    assert sum(app.counts().values()) == (0 if within else 1)


@pytest.mark.parametrize("item", [7, "text", None, ["to"], {1: 2}])
def test_an_item_that_is_no_proposal_is_refused_by_its_number(
    app: Signoff, send: CheckpointFunction[..., Any], item: Any
) -> None:
    with pytest.raises(SignoffError) as caught:
        send.propose_many([{"to": "ada"}, item])
    assert caught.value.facts["index"] == 1


# --- arguments


def test_typed_arguments_reach_the_handler_as_they_were_proposed(app: Signoff) -> None:
    got: dict[str, Any] = {}

    @app.checkpoint
    def ship(order: Order, size: Size, total: Decimal, when: datetime, photo: bytes, note: str | None = None) -> None:
        got.update(order=order, size=size, total=total, when=when, photo=photo, note=note)

    given: dict[str, Any] = {
        "order": Order(
            lines=[Line(size=Size.LARGE, price=Decimal("0.10"))], placed=datetime(2026, 1, 1, 0, 0, 0, 1, UTC)
        ),
        "size": Size.LARGE,
        "total": Decimal("600.00"),
        "when": datetime(2026, 2, 28, 23, 59, 59, 999999, UTC),
        "photo": bytes(range(256)),
    }
    case = ship.propose(**given)
    shown = app.view(case).content.arguments
    # Money and times travel as strings; nothing is rounded.
    assert (shown["total"], shown["order"]["lines"][0]["price"], shown["size"]) == ("600.00", "0.10", "L")
    assert shown["when"] == "2026-02-28T23:59:59.999999Z"
    app.reviewer("grace").edit(case, shown | {"note": "fragile"})
    app.run_due()
    assert case.outcome(0).state is State.DONE
    assert got == {**given, "note": "fragile"}


@pytest.mark.parametrize(
    ("extra", "told"),
    [
        (float("nan"), "extra"),
        ({"a": [float("inf")]}, "extra"),
        (2**53 + 1, "extra is 9007199254740993"),
        ({"ids": [1, 2**53]}, r"extra\.ids\[1\]"),
        ("a\ud800", "extra"),
        ({"k": {"\udfff": 1}}, "extra"),
        (object(), "extra"),
    ],
)
def test_an_argument_json_cannot_carry_is_refused_by_name(
    app: Signoff, send: CheckpointFunction[..., Any], extra: Any, told: str
) -> None:
    with pytest.raises((InvalidInput, InvalidArguments), match=told):
        send.propose(to="ada", extra=extra)
    assert app.cases() == []


def test_a_number_json_cannot_carry_is_refused_in_a_typed_field_too(
    app: Signoff, send: CheckpointFunction[..., Any]
) -> None:
    with pytest.raises(InvalidInput, match=r"count is 9007199254740993.*send it as a string"):
        send.propose(to="ada", count=2**53 + 1)
    assert send.propose(to="ada", count=2**53 - 1).state is State.WAITING


@pytest.mark.parametrize(("levels", "fits"), [(63, True), (70, False), (5000, False)])
def test_arguments_may_be_nested_so_deep_and_no_deeper(
    app: Signoff, send: CheckpointFunction[..., Any], levels: int, fits: bool
) -> None:
    deep: Any = 1
    for _ in range(levels):
        deep = [deep]
    if fits:
        case = send.propose(to="ada", extra=deep)
        assert app.view(case).content.arguments["extra"] == deep
        return
    with pytest.raises((InvalidInput, InvalidArguments)):
        send.propose(to="ada", extra=deep)
    with pytest.raises(InvalidInput, match="nested"):
        send.propose(to="ada", evidence={"deep": deep})
    assert app.cases() == []


def test_a_body_over_the_cap_is_refused(app: Signoff, send: CheckpointFunction[..., Any]) -> None:
    for how in ({"extra": "x" * 5_000_000}, {"evidence": {"mail": "x" * 5_000_000}}):
        with pytest.raises(InvalidInput, match="bytes; at most"):
            send.propose(to="ada", **how)
    assert app.cases() == []


@pytest.mark.parametrize(
    ("arguments", "field"),
    [({}, "to"), ({"to": 7}, "to"), ({"to": "a", "cc": "b"}, "cc"), ({"to": "a", "count": "x"}, "count")],
)
def test_arguments_that_do_not_fit_are_refused_by_name(
    app: Signoff, send: CheckpointFunction[..., Any], arguments: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidArguments, match=field) as caught:
        send.propose(**arguments)
    assert [problem["field"] for problem in caught.value.facts["problems"]] == [field]
    assert app.cases() == []


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_confidence_outside_its_range_is_refused(
    app: Signoff, send: CheckpointFunction[..., Any], confidence: float
) -> None:
    with pytest.raises(InvalidInput, match="confidence"):
        send.propose(to="ada", confidence=confidence)


# --- evidence


def test_evidence_is_kept_with_its_media_type(app: Signoff, send: CheckpointFunction[..., Any]) -> None:
    case = send.propose(
        to="ada",
        evidence={
            "mail": Material("From: a\n\nhi", "message/rfc822"),
            "text": "plain",
            "row": {"id": 7, "tags": ["a"]},
            "nothing": None,
        },
        confidence=0.82,
        rationale="asked before",
        alternatives=[{"arguments": {"to": "bob"}, "confidence": 0.1}],
        drafter="llm-1",
    )
    view = app.view(case)
    assert {name: (item["media_type"], item["value"]) for name, item in view.evidence.items()} == {
        "mail": ("message/rfc822", "From: a\n\nhi"),
        "text": ("text/plain", "plain"),
        "row": ("application/json", {"id": 7, "tags": ["a"]}),
        "nothing": ("application/json", None),
    }
    assert view.routing is not None
    assert (view.routing.confidence, view.routing.drafter) == (0.82, "llm-1")
    assert (view.content.rationale, view.content.alternatives[0]["arguments"]) == ("asked before", {"to": "bob"})


@pytest.mark.parametrize(
    "evidence",
    [
        {"score": float("nan")},
        {"raw": b"x"},
        {"n": 2**60},
        {"t": "\ud800"},
        {1: "x"},
        {"\ud800": "x"},
        {"m": Material("x", "\ud800")},
    ],
)
def test_evidence_json_cannot_carry_is_refused(
    app: Signoff, send: CheckpointFunction[..., Any], evidence: dict[Any, Any]
) -> None:
    with pytest.raises(InvalidInput, match="evidence"):
        send.propose(to="ada", evidence=evidence)
    assert app.cases() == []


# --- declarations and names


def test_a_declaration_that_cannot_work_is_refused(app: Signoff) -> None:
    def send(to: str) -> None: ...

    for bad in (
        {"delivery": "checkable"},
        {"check": lambda key: None},
        {"delivery": "twice"},
        {"oversight": "sometimes"},
        {"oversight": "automate"},
        {"irreversible": True, "oversight": "automate", "chosen_by": "lea"},
        {"regulated": True, "oversight": "when_uncertain"},
        {"opinions": 0},
        {"label": "colour"},
    ):
        with pytest.raises(InvalidCheckpoint, match="'send'"):
            app.checkpoint(**bad)(send)
    app.checkpoint(send)
    with pytest.raises(InvalidCheckpoint, match="two checkpoints"):
        app.checkpoint(send)


def test_a_parameter_cannot_take_a_name_that_propose_keeps(app: Signoff) -> None:
    with pytest.raises(InvalidCheckpoint, match="evidence"):

        @app.checkpoint
        def send(evidence: str) -> None: ...


def test_an_unknown_case_or_checkpoint_is_named(app: Signoff, send: CheckpointFunction[..., Any]) -> None:
    for look in (app.case, app.view, app.history, app.execute):
        with pytest.raises(UnknownCase, match="no-such-case"):
            look("no-such-case")
    with pytest.raises(SignoffError, match="known here: send"):
        app.function("publish")


def test_a_key_sent_again_without_arguments_is_the_case_there_is_and_is_not_drafted_anew(app: Signoff) -> None:
    drafts = iter(("first", "second"))

    @app.checkpoint(drafter=lambda _: {"text": next(drafts)})
    def draft_and_send(text: str) -> str:
        return text

    case = draft_and_send.propose(evidence={"mail": "hello"}, key="k")
    again = draft_and_send.propose(evidence={"mail": "hello"}, key="k")
    other = draft_and_send.propose(evidence={"mail": "hello"}, key="k", proposer="somebody else")
    assert again.id == case.id != other.id
    assert app.view(again).content.arguments == {"text": "first"}
    assert app.view(other).content.arguments == {"text": "second"}


def test_a_case_has_a_title_that_stays_and_never_names_the_category(app: Signoff, sent: RecordingHandler) -> None:
    @app.checkpoint(label="category", undo_s=10, reasons=["Wrong team"], blind=True)
    def route(category: str, reply: str) -> Any:
        return sent(category=category, reply=reply)

    mail = Material("Subject: Charged twice\r\n\r\nHi", "message/rfc822")
    one = route.propose(category="billing", reply="We are on it.", evidence={"mail": mail})
    two, three = route.propose_many(
        [{"category": "billing", "reply": "Dear Ada,\nwe"}, {"category": "x", "reply": " "}]
    )
    assert [case.title for case in app.cases()] == ["Charged twice", "Dear Ada,", ""]
    grace = app.reviewer("grace")
    grace.edit(one, {"category": "returns", "reply": "Another subject"})
    assert app.case(one.id).seen.title == "Charged twice"
    assert (two.seen.title, three.seen.title) == ("Dear Ada,", "")
    assert (route.declaration.reasons, route.declaration.blind) == (("Wrong team",), True)
    with pytest.raises(InvalidCheckpoint, match="give a list"):
        app.checkpoint(name="other", reasons="Wrong team")(lambda to: None)
