"""Bodies made to cost much: each is refused or taken, and costs no more memory than is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from signoff import Signoff
from signoff.server.body import MOST_BYTES
from tests.web.conftest import Served

MEGABYTE = 1024 * 1024
MOST_EXTRA = 50 * MEGABYTE
FULL = MOST_BYTES - 100


def proposal(value: bytes) -> bytes:
    return b'{"checkpoint":"send","arguments":{"to":"x","more":' + value + b"}}"


def many(piece: bytes, count: int) -> bytes:
    return b"[" + b",".join([piece] * count) + b"]"


BOMBS: dict[str, Callable[[], bytes]] = {
    "brackets": lambda: b"[" * FULL,
    "braces": lambda: b'{"a":' * (FULL // 5),
    "2M empty objects": lambda: proposal(many(b"{}", 2_000_000)),
    "2M empty lists": lambda: proposal(many(b"[]", 2_000_000)),
    "as many objects as are taken": lambda: proposal(many(b"{}", 49_000)),
    "as many small objects as are taken": lambda: proposal(many(b'{"a":1}', 49_000)),
    "as many lists as are taken": lambda: proposal(many(b"[0]", 49_000)),
    "lists in lists": lambda: proposal(many(b"[" * 60 + b"]" * 60, 1_600)),
    "as many keys as are taken": lambda: proposal(b"{" + b",".join(b'"k%d":0' % n for n in range(99_000)) + b"}"),
    "a million keys": lambda: proposal(b"{" + b",".join(b'"%d":0' % n for n in range(600_000)) + b"}"),
    "long keys": lambda: proposal(b"{" + b",".join(b'"%036d":0' % n for n in range(99_000)) + b"}"),
    "long numbers": lambda: proposal(many(b"1" * 4_000, 1_900)),
    "one long number": lambda: proposal(b"1" * (FULL - 200)),
    "one long fraction": lambda: proposal(b"0." + b"1" * (FULL - 200)),
    "exponents": lambda: proposal(many(b"1e308", 99_000)),
    "one long text": lambda: proposal(b'"' + b"x" * (FULL - 200) + b'"'),
    "wide text": lambda: proposal(b'"' + b"x" * (FULL - 200) + b'\xf0\x9f\x98\x80"'),
    "wide text as it is taken": lambda: proposal(b'"' + b"x" * 1_990_000 + b'\xf0\x9f\x98\x80"'),
    "nothing but wide text": lambda: proposal(b'"' + b"\xf0\x9f\x98\x80" * 2_000_000 + b'"'),
    "escapes": lambda: proposal(b'"' + b"\\u00e9" * ((FULL - 200) // 6) + b'"'),
    "four megabytes of evidence": lambda: (
        b'{"checkpoint":"send","arguments":{"to":"x"},"evidence":{"t":"' + b"x" * 4_000_000 + b'"}}'
    ),
    "quotes": lambda: proposal(b'"' * (FULL - 200)),
    "alternatives": lambda: (
        b'{"checkpoint":"send","arguments":{"to":"x"},"alternatives":' + many(b'{"arguments":{}}', 45_000) + b"}"
    ),
    "unknown fields": lambda: b"{" + b",".join(b'"x%d":0' % n for n in range(99_000)) + b"}",
    "unknown fields in alternatives": lambda: (
        b'{"checkpoint":"send","alternatives":'
        + many(b"{" + b",".join(b'"x%d":0' % n for n in range(900)) + b"}", 100)
        + b"}"
    ),
    "alternatives that are none": lambda: b'{"checkpoint":"send","alternatives":' + many(b"0", 99_000) + b"}",
    "empty texts": lambda: proposal(b"[" + b'"",' * (FULL // 3 - 100) + b'""]'),
    "small numbers": lambda: proposal(many(b"1", FULL // 2 - 100)),
    "a text without end": lambda: b'"' + b'\\"' * (FULL // 2),
    "objects in evidence": lambda: (
        b'{"checkpoint":"send","arguments":{"to":"x"},"evidence":{"t":' + many(b'{"a":1}', 49_000) + b"}}"
    ),
    "nothing but a text": lambda: b'"' + b"x" * FULL + b'"',
    "blanks": lambda: b" " * FULL,
}


def peak(served: Served) -> int:
    """The most memory the process had at once since `forget_peak`, in bytes."""
    return _status(served, "VmHWM")


def _status(served: Served, name: str) -> int:
    for line in Path(f"/proc/{served.pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)


def forget_peak(served: Served) -> int:
    """Begin to measure, and give what the process has now."""
    Path(f"/proc/{served.pid}/clear_refs").write_text("5")
    return _status(served, "VmRSS")


pytestmark = pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="measured by Linux")


@pytest.fixture
def served(tmp_path: Path, serve: Callable[..., Served]) -> Iterator[tuple[Served, httpx2.Client]]:
    with Signoff(tmp_path / "signoff.db", workers=0) as app:
        secret, _ = app.accounts.issue_token("agent", scopes=["propose"], by="test")
    # Memory that is free goes back at once, so that what one body cost does not hide what the next one does.
    served = serve(env={"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "0"})
    with served.client(secret) as client:
        assert propose(client, proposal(b"1")).status_code == 201
        propose(client, proposal(b'"' + b"x" * 1_000_000 + b'"'))
        yield served, client
        assert client.get("/me").status_code == 200
    assert served.end() == 0
    assert "Traceback" not in (tmp_path / "server.log").read_text()


def propose(client: httpx2.Client, body: bytes) -> httpx2.Response:
    return client.post("/proposals", content=body, headers={"Content-Type": "application/json"})


def test_no_body_costs_more_than_fifty_megabytes(served: tuple[Served, httpx2.Client]) -> None:
    server, client = served
    costs: dict[str, int] = {}
    for name, bomb in BOMBS.items():
        body = bomb()
        assert len(body) < MOST_BYTES, name
        before = forget_peak(server)
        answer = propose(client, body)
        costs[name] = peak(server) - before
        assert answer.status_code in (201, 413, 422), (name, answer.text[:300])
        assert len(answer.content) < 20_000, name
    assert {name: cost // MEGABYTE for name, cost in costs.items() if cost > MOST_EXTRA} == {}


def test_nor_does_a_line_of_a_batch(served: tuple[Served, httpx2.Client]) -> None:
    server, client = served
    costs: dict[str, int] = {}
    lines = {name: bomb() + b"\n" for name, bomb in BOMBS.items() if name != "blanks"}
    lines |= {"endless line": b"y" * (3 * MOST_BYTES) + b"\n", "no end": b"z" * MOST_BYTES}
    for name, line in lines.items():
        before = forget_peak(server)
        [answer] = client.post("/proposals/batch", content=pieces(line)).text.splitlines()
        costs[name] = peak(server) - before
        assert len(answer) < 20_000, name
    before = forget_peak(server)
    answers = client.post("/proposals/batch", content=(line.strip() + b"\n" for line in lines.values())).text
    costs["all of them"] = peak(server) - before
    assert len(answers.splitlines()) == len(lines)
    # What is kept together may hold half a megabyte of lines besides the last one.
    costs["all of them"] //= 2
    assert {name: cost // MEGABYTE for name, cost in costs.items() if cost > MOST_EXTRA} == {}


def pieces(line: bytes) -> Iterator[bytes]:
    for start in range(0, len(line), 1 << 16):
        yield line[start : start + (1 << 16)]
