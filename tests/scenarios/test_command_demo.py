"""`signoff demo`: the whole sample desk without interaction, counted by the receiver's own file."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from signoff import Signoff
from signoff.domain.case import State
from signoff.samples.support import messages

WAIT_S = 60.0
LAST_LINE = re.compile(
    r"first-pass accuracy (\d+)% -> (\d+)% after (\d+) verdicts; (\d+) effects, (\d+) lost, (\d+) doubled"
)
BLOCK_LINE = re.compile(r" *(\d+)-(\d+) +(\d+)% +(\d+)%")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "signoff", "demo", *arguments],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )


def arrived(log: Path) -> Counter[str]:
    return Counter(json.loads(line)["key"] for line in log.read_text(encoding="utf-8").splitlines())


def test_the_last_line_says_what_the_receiver_got(tmp_path: Path) -> None:
    ended = run(tmp_path, "--db", "kept.db")

    assert (ended.returncode, ended.stderr) == (0, "")
    *lines, last = ended.stdout.splitlines()
    found = LAST_LINE.fullmatch(last)
    assert found, last
    first, later, verdicts, effects, lost, doubled = map(int, found.groups())
    count = len(messages())
    assert (verdicts, effects, lost, doubled) == (count, count, 0, 0)
    assert 0 < first <= 100
    assert 0 < later <= 100

    log = arrived(tmp_path / "kept.routed.jsonl")
    assert log.total() == effects
    assert max(log.values()) == 1
    with Signoff(tmp_path / "kept.db", workers=0) as app:
        cases = app.cases(limit=count + 1)
        assert {case.idempotency_key for case in cases} == set(log)
        assert {case.state for case in cases} == {State.DONE}
        assert app.verify().contradictions == []
        gold = {message.id: message.category for message in messages()}
        assert all(app.view(case).content.arguments["category"] == gold[case.key] for case in cases)

    blocks = [tuple(map(int, found.groups())) for line in lines if (found := BLOCK_LINE.fullmatch(line))]
    assert blocks[0][:3] == (1, 50, first)
    assert [block[0] for block in blocks[1:]] == [block[1] + 1 for block in blocks[:-1]]
    assert blocks[-1][1] == count

    # The demo shows a desk from its beginning, so it refuses one that has been worked at.
    before = {path.name: path.read_bytes() for path in tmp_path.glob("kept*")}
    again = run(tmp_path, "--db", "kept.db")
    assert again.returncode == 2
    assert again.stdout == ""
    assert again.stderr.count("\n") == 1
    assert "kept.db is there already" in again.stderr
    assert {path.name: path.read_bytes() for path in tmp_path.glob("kept*")} == before


def test_as_json_it_is_one_document_and_leaves_nothing_behind(tmp_path: Path) -> None:
    ended = run(tmp_path, "--json")

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("\n") == 1
    document = json.loads(ended.stdout)
    count = len(messages())
    assert (document["verdicts"], document["effects"]) == (count, count)
    assert (document["lost"], document["doubled"]) == (0, 0)
    blocks = document["blocks"]
    assert [block["last"] for block in blocks] == [*range(50, count, 50), count]
    assert document["accuracy_first"] == blocks[0]["accuracy"]
    assert all(0 <= block[share] <= 1 for block in blocks for share in ("accuracy", "accepted"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["there", "missing/new.db"])
def test_a_place_that_cannot_be_a_new_file_is_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / "there").mkdir()

    ended = run(tmp_path, "--db", name)

    assert ended.returncode in (1, 2)
    assert ended.stdout == ""
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1
