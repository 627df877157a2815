"""Proposing many at once: answered line by line while more is being sent, each line for itself."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from signoff import Signoff
from signoff.app.intake import BATCH
from signoff.server.body import MOST_BYTES
from tests.web.conftest import Caller, Desk, Served, open_desk, problem

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with open_desk(tmp_path / "signoff.db") as desk:
        yield desk


def line(number: int, **more: Any) -> bytes:
    document = {"checkpoint": "send", "arguments": {"to": f"p-{number}"}, "key": f"k-{number}", **more}
    return json.dumps(document).encode() + b"\n"


def sent(who: Caller, *lines: bytes) -> list[dict[str, Any]]:
    answer = who("POST", "proposals/batch", content=b"".join(lines), headers=NDJSON)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(each) for each in answer.text.splitlines()]


def test_every_line_is_answered_in_its_place(desk: Desk) -> None:
    count = 2 * BATCH + 7
    answers = sent(desk.agent, *map(line, range(count)))
    assert [answer["index"] for answer in answers] == list(range(count))
    assert [answer["case"]["key"] for answer in answers] == [f"k-{number}" for number in range(count)]
    assert {answer["case"]["proposer"] for answer in answers} == {"agent"}
    assert len(desk.stored()["Case"]) == count


def test_lines_to_several_checkpoints_are_answered_in_their_order(desk: Desk) -> None:
    names = ["send", "publish", "lose", "send", "publish"]
    arguments = {"send": {"to": "x"}, "publish": {"title": "x"}, "lose": {"what": "x"}}
    answers = sent(
        desk.agent,
        *(json.dumps({"checkpoint": name, "arguments": arguments[name]}).encode() + b"\n" for name in names),
    )
    assert [answer["case"]["checkpoint"] for answer in answers] == names


BAD: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{\n", "invalid_input"),
    "not UTF-8": (b'{"checkpoint": "\xff"}\n', "invalid_input"),
    "a list": (b"[1]\n", "invalid_input"),
    "twice": (b'{"checkpoint":"send","checkpoint":"send"}\n', "invalid_input"),
    "NaN": (b'{"checkpoint":"send","arguments":{"to":NaN}}\n', "invalid_input"),
    "misspelt": (b'{"checkpoint":"send","argument":{}}\n', "invalid_input"),
    "proposer": (line(0, proposer="ada"), "invalid_input"),
    "unknown": (line(0, checkpoint="nothing"), "unknown_checkpoint"),
    "unfit": (line(0, arguments={"to": 7}), "invalid_arguments"),
    "reused key": (line(1, arguments={"to": "other"}), "key_reused"),
    "deep": (b"[" * 100_000 + b"\n", "invalid_input"),
    "many values": (b'{"checkpoint":"send","arguments":{"to":[' + b"{}," * 300_000 + b"{}]}}\n", "too_large"),
    "large": (line(0, rationale="x" * MOST_BYTES), "too_large"),
    "very large": (line(0, rationale="x" * (3 * MOST_BYTES)), "too_large"),
}


@pytest.mark.parametrize(("bad", "code"), BAD.values(), ids=BAD)
def test_a_line_that_cannot_be_taken_hinders_no_other(desk: Desk, bad: bytes, code: str) -> None:
    answers = sent(desk.agent, line(1), bad, line(2), bad, line(3))
    assert [answer["index"] for answer in answers] == [0, 1, 2, 3, 4]
    assert [answer.get("case", {}).get("key") for answer in answers] == ["k-1", None, "k-2", None, "k-3"]
    for number in (1, 3):
        told = answers[number]["problem"]
        assert told["code"] == code
        assert told["type"] == f"urn:signoff:problem:{code}"
        assert len(told["detail"]) > 20
        assert len(json.dumps(told)) < 3000
    assert len(desk.stored()["Case"]) == 3


def test_empty_lines_and_odd_ends_do_not_count(desk: Desk) -> None:
    body = [b"\n", line(1).rstrip(), b"\r\n", b"  \n\n", line(2).rstrip()]
    assert [(answer["index"], answer["case"]["key"]) for answer in sent(desk.agent, *body)] == [(0, "k-1"), (1, "k-2")]
    assert sent(desk.agent) == []
    assert sent(desk.agent, b"\n\n") == []


def test_sent_again_it_is_the_same_cases(desk: Desk) -> None:
    lines = [line(number) for number in range(BATCH + 20)]
    first, again = sent(desk.agent, *lines), sent(desk.agent, *lines)
    assert again == first
    assert (
        sent(desk.agent, *lines[::-1])[::-1]
        == [answer | {"index": len(lines) - 1 - answer["index"]} for answer in first[::-1]][::-1]
    )
    assert len(desk.stored()["Case"]) == len(lines)


def test_one_key_twice_in_one_batch_is_one_case(desk: Desk) -> None:
    answers = sent(desk.agent, line(1), line(1), line(1, arguments={"to": "other"}))
    assert answers[0]["case"] == answers[1]["case"]
    assert answers[2]["problem"]["case_id"] == answers[0]["case"]["id"]


def test_many_long_lines_are_taken_however_much_they_are_together(desk: Desk) -> None:
    text = "x" * 1_000_000
    answers = sent(desk.agent, *(line(number, rationale=text[:100_000], evidence={"t": text}) for number in range(20)))
    assert [answer["case"]["key"] for answer in answers] == [f"k-{number}" for number in range(20)]


def test_who_may_not_propose_is_told_so_at_once(desk: Desk) -> None:
    problem(desk.nobody("POST", "proposals/batch", content=line(1)), 401, "not_signed_in")
    problem(desk.reviewer("ada")("POST", "proposals/batch", content=line(1)), 403, "not_allowed")
    assert desk.stored()["Case"] == []


# --- on a wire


@pytest.fixture
def served(tmp_path: Path, serve: Callable[..., Served]) -> tuple[Served, str]:
    with Signoff(tmp_path / "signoff.db", workers=0) as app:
        secret, _ = app.accounts.issue_token("agent", scopes=["propose"], by="test")
    return serve(), secret


class Wire:
    """A connection that sends a body in pieces and reads what comes meanwhile."""

    def __init__(self, served: Served, secret: str) -> None:
        host, _, port = served.url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)), timeout=30)
        self._read = self._socket.makefile("rb")
        self._socket.sendall(
            (
                f"POST /api/v1/proposals/batch HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {secret}\r\n"
                "Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"
            ).encode()
        )

    def send(self, data: bytes) -> None:
        self._socket.sendall(b"%x\r\n%b\r\n" % (len(data), data) if data else b"0\r\n\r\n")

    def head(self) -> bytes:
        return b"".join(iter(self._read.readline, b"\r\n"))

    def chunk(self) -> bytes:
        """Read the next piece of the answer; an empty one at its end."""
        size = int(self._read.readline(), 16)
        data = self._read.read(size)
        self._read.readline()
        return data

    def answers(self, count: int) -> list[dict[str, Any]]:
        text = b""
        while text.count(b"\n") < count:
            text += self.chunk()
        return [json.loads(each) for each in text.splitlines()]

    def close(self) -> None:
        self._read.close()
        self._socket.close()


def test_answers_come_while_more_is_being_sent(served: tuple[Served, str]) -> None:
    wire = Wire(*served)
    try:
        wire.send(b"".join(map(line, range(BATCH))))
        assert b" 200 " in wire.head()
        assert [answer["index"] for answer in wire.answers(BATCH)] == list(range(BATCH))
        for start in range(BATCH, 2 * BATCH, 100):
            pieces = b"".join(map(line, range(start, start + 100)))
            # A line may be cut anywhere.
            wire.send(pieces[:3333])
            wire.send(pieces[3333:])
        assert [answer["index"] for answer in wire.answers(BATCH)] == list(range(BATCH, 2 * BATCH))
        wire.send(line(9999))
        wire.send(b"")
        assert [answer["case"]["key"] for answer in wire.answers(1)] == ["k-9999"]
        assert wire.chunk() == b""
    finally:
        wire.close()


def test_what_was_answered_is_kept_when_the_sender_leaves(
    served: tuple[Served, str], tmp_path: Path, serve: Callable[..., Served]
) -> None:
    wire = Wire(*served)
    wire.send(b"".join(map(line, range(BATCH))))
    wire.head()
    first = wire.answers(BATCH)
    wire.send(b"".join(map(line, range(BATCH, BATCH + 10))) + line(7)[:20])
    wire.close()

    server, secret = served
    with server.client(secret) as client:
        again = client.post(
            "/proposals/batch", content=b"".join(map(line, range(BATCH + 10))), headers=NDJSON
        ).text.splitlines()
    assert [json.loads(each) for each in again][:BATCH] == first
    assert server.end() == 0
    assert "Traceback" not in (tmp_path / "server.log").read_text()
    with Signoff(tmp_path / "signoff.db", workers=0) as app:
        assert sum(app.counts("send").values()) == BATCH + 10
        assert app.verify().contradictions == []
