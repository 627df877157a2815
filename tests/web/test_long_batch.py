"""A batch may be longer than any one document; only its lines have a limit."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from signoff.server.body import MOST_BYTES
from tests.web.conftest import Desk

LETTER = "x" * (MOST_BYTES // 8)


def lines() -> Iterator[bytes]:
    for number in range(12):
        proposal = {"checkpoint": "send", "arguments": {"to": f"{number}"}, "evidence": {"letter": LETTER}}
        yield json.dumps(proposal).encode() + b"\n"


@pytest.mark.parametrize("length_is_known", [True, False])
def test_all_of_a_long_batch_is_kept(desk: Desk, length_is_known: bool) -> None:
    body = b"".join(lines()) if length_is_known else lines()
    answer = desk.agent("POST", "proposals/batch", content=body)
    answers = [json.loads(line) for line in answer.text.splitlines()]
    assert [found["case"]["state"] for found in answers] == ["waiting"] * 12
    assert sum(len(line) for line in lines()) > MOST_BYTES
