"""Every example runs as its reader would run it, and comes out as it says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name), str(folder / "example.db")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_support_triage_routes_every_message_once_and_learns_a_new_category(tmp_path: Path) -> None:
    *messages, last = run("support_triage.py", tmp_path)
    assert len(messages) == 6
    assert last == "6 routed; the drafter knows billing, shipping, technical"


def test_the_second_person_is_told_what_changed_and_the_refund_is_undone(tmp_path: Path) -> None:
    told, state, undone = run("refund_tool.py", tmp_path)
    assert told == "grace is told: {'amount': {'seen': '600.00', 'now': '300.00'}}"
    assert state == "done"
    assert undone == ("reversed ['refunded 300.00 for HP-20417', 'took back HP-20417 (receipt for HP-20417)']")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_every_example_is_listed_in_the_readme(path: Path) -> None:
    assert f"`{path.name}`" in (EXAMPLES / "README.md").read_text(encoding="utf-8")
