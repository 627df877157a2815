"""Handlers that take their process with them: each death is a try, and after the last one a person is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from signoff import Signoff, State
from tests.crash.children import running
from tests.crash.receiver import Receiver
from tests.crash.worker import DEATHS, MAX_TRIES


def work(folder: Path, hour: int, how: str) -> tuple[int, dict[str, str]]:
    """Run a worker as its supervisor would; give how it ended and what it got done."""
    with running("tests.crash.worker", "deadly", folder, str(hour), how) as child:
        said = [json.loads(line) for line in child.rest()]
        return child.ended_by(), {line["checkpoint"]: line["state"] for line in said}


@pytest.mark.parametrize("how", DEATHS)
def test_a_handler_that_ends_its_process_kills_no_more_workers_than_it_has_tries(tmp_path: Path, how: str) -> None:
    ended = [work(tmp_path, hour, how) for hour in range(MAX_TRIES + 2)]
    codes = [code for code, _ in ended]
    # Its three tries, the one of the at-most-once effect, and then a worker that lives.
    assert all(code != 0 for code in codes[:-1])
    assert codes[-1] == 0
    assert ended[-1][1] == {"idempotent": "unknown", "at_most_once": "unknown", "harmless": "done"}
    requests = Receiver(tmp_path / "receiver.log").requests()
    assert requests == {
        **{f"idempotent.{number}": 1 for number in range(1, MAX_TRIES + 1)},
        "at_most_once.1": 1,
        "harmless.1": 1,
    }
    with Signoff(tmp_path / "signoff.db", workers=0) as app:
        for case in app.cases():
            endings = [attempt.ending for attempt in app.history(case.id).attempts]
            deaths = {"idempotent": MAX_TRIES, "at_most_once": 1}.get(case.checkpoint, 0)
            assert endings == (["crashed"] * deaths or ["returned"])
            assert case.state is (State.UNKNOWN if deaths else State.DONE)
        assert app.verify().contradictions == []
