"""The inbox's own tests, which stand beside its code in `web/src`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(600)
def test_the_inboxs_own_tests_pass(capsys: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run(
        [sys.executable, "hatch_build.py", "npm", "run", "--silent", "test"],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    told = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    assert done.returncode == 0, told
    summary = re.findall(r"^ +(?:Test Files|Tests) .*", told, re.MULTILINE)
    assert len(summary) == 2, told
    with capsys.disabled():
        print("", "web/src (vitest)", *summary, sep="\n")
