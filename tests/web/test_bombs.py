"""Documents made to eat memory: a real server process stays within fifty megabytes of what it had."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from signoff import Signoff
from signoff.domain.account import Scope
from signoff.server.body import MOST_BYTES

MOST_EXTRA_MIB = 50
TIMEOUT_S = 60.0

BOMBS = {
    "brackets": b"[" * (MOST_BYTES - 1),
    "objects in objects": b'{"a":' * (MOST_BYTES // 5 - 1),
    "empty objects": b"[" + b"{}," * (MOST_BYTES // 3 - 2) + b"{}]",
    "empty texts": b"[" + b'"",' * (MOST_BYTES // 3 - 2) + b'""]',
    "small numbers": b"[" + b"1," * (MOST_BYTES // 2 - 2) + b"1]",
    "one number": b"1" * (MOST_BYTES - 1),
    "many keys": b"{" + b",".join(b'"%x":0' % n for n in range(MOST_BYTES // 12)) + b"}",
    "one text": b'"' + b"x" * (MOST_BYTES - 2) + b'"',
    "escapes": b'"' + b"\\u0041" * (MOST_BYTES // 6 - 1) + b'"',
    "emoji": b'"' + "\U0001f600".encode() * (MOST_BYTES // 4 - 1) + b'"',
    "a text without end": b'"' + b'\\"' * (MOST_BYTES // 2 - 1),
    "too large": b" " * (MOST_BYTES + 1),
}


class Process:
    """`signoff serve` in a process of its own."""

    def __init__(self, folder: Path) -> None:
        url = str(folder / "signoff.db")
        with Signoff(url, workers=0) as app:

            @app.checkpoint
            def publish(title: str) -> str:
                """Put a text online."""
                return title

            app.register()
            token = app.accounts.issue_token("agent", scopes=[Scope.PROPOSE], by="test")[0]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "signoff", "serve", url, "--port", "0"], stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        found = next(match for line in self._process.stdout if (match := re.search(r"http://[^/]+", line)))
        self.client = httpx2.Client(
            base_url=f"{found[0]}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT_S
        )

    def peak_mib(self) -> float:
        """Give the most memory it has ever had."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]

    def close(self) -> None:
        self.client.close()
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path)
    yield process
    process.close()


def document(bomb: bytes) -> bytes:
    """Put a bomb where a document may hold anything."""
    return b'{"checkpoint":"publish","arguments":{"title":"x"},"evidence":{"bomb":' + bomb + b"}}"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process's peak memory")
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_or_kept_within_fifty_megabytes(process: Process, name: str) -> None:
    ordinary = process.client.post("/proposals", content=document(b'"hello"'), headers=JSON)
    assert ordinary.status_code == 201
    before = process.peak_mib()
    for body in (BOMBS[name], document(BOMBS[name])[:MOST_BYTES]):
        answer = process.client.post("/proposals", content=body, headers=JSON)
        assert answer.status_code in (413, 422), (answer.status_code, answer.text[:300])
        assert answer.json()["detail"]
    line = process.client.post("/proposals/batch", content=BOMBS[name] + b"\n")
    assert line.status_code == 200
    assert all(json.loads(each)["problem"]["status"] in (413, 422) for each in line.text.splitlines())
    extra = process.peak_mib() - before
    assert extra < MOST_EXTRA_MIB, f"{extra:.0f} MiB"
    assert process.client.get("/health").json()["ready"] is True


JSON = {"Content-Type": "application/json"}
