"""docs/howto/server.md: its module is served, its commands run one after the other, and answer what it shows."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.test_snippets import FENCE, ROOT

PAGE = ROOT / "docs" / "howto" / "server.md"
TIMEOUT_S = 60.0
STARTED = "Start the server. Is it there?"


def blocks(kind: str, text: str) -> list[str]:
    return [found[2] for found in FENCE.finditer(text) if found[1] == kind]


def steps(block: str) -> list[tuple[str, str]]:
    """The commands of a console block, each with what it is shown to print."""
    found: list[tuple[str, str]] = []
    for line in block.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif line.startswith("> "):
            command, shown = found[-1]
            assert not shown
            found[-1] = command + line[2:], ""
        else:
            found[-1] = found[-1][0], found[-1][1] + line
    return found


TEXT = PAGE.read_text(encoding="utf-8")
SESSION = TEXT.partition("## A session with curl")[2]
BEFORE = [step for block in blocks("console", SESSION.partition(STARTED)[0]) for step in steps(block)]
AFTER = [step for block in blocks("console", SESSION.partition(STARTED)[2]) for step in steps(block)]


def fits(shown: str, printed: str) -> bool:
    """Whether it is what the page shows, `…` standing for anything within a line."""
    return re.fullmatch(".*?".join(map(re.escape, shown.rstrip("\n").split("…"))), printed.rstrip("\n")) is not None


class Shell:
    """One bash, as somebody who follows the page has it open."""

    def __init__(self, folder: Path, path: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SIGNOFF_")}
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env={**clean, "PATH": path, "NO_PROXY": "*", "no_proxy": "*"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str) -> str:
        """Run a command and give what it printed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        end = "-- end of the answer --"
        self._process.stdin.write(f"{command}\necho {shlex.quote(end)}\n")
        self._process.stdin.flush()
        printed = ""
        for line in self._process.stdout:
            if line.endswith(f"{end}\n"):
                return printed + line.removesuffix(f"{end}\n")
            printed += line
        raise AssertionError(f"the shell ended after:\n{command}\n{printed}")

    def close(self) -> None:
        self._process.communicate(timeout=TIMEOUT_S)


def installed() -> bool:
    """Whether the page's own tools are here, curl new enough for --json."""
    if shutil.which("curl") is None or shutil.which("jq") is None:
        return False
    said = subprocess.run(["curl", "--version"], capture_output=True, text=True, check=True).stdout
    major, minor = said.split()[1].split(".")[:2]
    return (int(major), int(minor)) >= (7, 82)


@pytest.fixture(params=["installed", "stand_ins"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    """A shell in a folder with the page's module, with curl and jq as they are here or stood in for."""
    if request.param == "installed" and not installed():
        pytest.skip("curl 7.82 and jq are not installed; the stand-ins run the same session")
    tools = tmp_path / "bin"
    tools.mkdir()
    commands = {"signoff": [sys.executable, "-m", "signoff"]}
    if request.param == "stand_ins":
        script = str(Path(__file__).with_name("stand_ins.py"))
        commands |= {name: [sys.executable, script, name] for name in ("curl", "jq")}
    for name, command in commands.items():
        (tools / name).write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
        (tools / name).chmod(0o755)
    (tmp_path / "desk.py").write_text(blocks("python", TEXT)[0])
    made = Shell(tmp_path, f"{tools}:{os.environ['PATH']}")
    yield made
    made.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Give a function that starts the page's server and tells what it says first."""
    started: list[subprocess.Popen[str]] = []

    def start() -> str:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SIGNOFF_")}
        process = subprocess.Popen(
            [sys.executable, "-m", "signoff", "serve", "desk:app", "--port", "0"],
            cwd=tmp_path,
            env=clean,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        return process.stdout.readline()

    yield start
    for process in started:
        process.terminate()
        assert process.wait(TIMEOUT_S) == 0
        assert process.stdout is not None
        process.stdout.close()


def test_the_session_goes_as_the_page_shows(shell: Shell, serve: Callable[[], str]) -> None:
    def follow(session: list[tuple[str, str]]) -> None:
        for command, shown in session:
            printed = shell.run(command)
            assert fits(shown, printed), f"$ {command}{printed}\nthe page shows:\n{shown}"

    assert len([command for command, _ in AFTER if command.startswith("curl ")]) > 12
    shell.run("exec 2>/dev/null")
    follow(BEFORE[:-1])
    at = serve().partition("http://")[2].strip()
    shell.run(f"DESK=http://{at}api/v1")
    follow([*BEFORE[-1:], *AFTER])


def test_without_accounts_the_server_prints_a_link(shell: Shell, serve: Callable[[], str]) -> None:
    (shown,) = [
        printed for block in blocks("console", TEXT) for command, printed in steps(block) if "?token=" in printed
    ]
    said = serve()
    assert fits(shown.splitlines()[0].replace("127.0.0.1:8642", "127.0.0.1:…"), said.strip())
    address, _, token = said.partition("http://")[2].strip().partition("?token=")
    printed = shell.run(f"curl -sS -H 'Authorization: Bearer {token}' http://{address}api/v1/me")
    assert '"roles":["admin","lead","reviewer"]' in printed
