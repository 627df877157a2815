"""`signoff serve`: a process of its own, which tells what there is, and ends well when it is told to."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from signoff import Signoff, State

TIMEOUT_S = 60.0
TOKEN = "the-link"

DESK = """
    import time
    from pathlib import Path
    from signoff import Signoff

    app = Signoff("signoff.db")
    here = Path(__file__).parent

    @app.checkpoint
    def slow(text: str) -> str:
        (here / "inside").touch()
        while not (here / "go").exists():
            time.sleep(0.01)
        return text.upper()
"""


class Server:
    """`signoff serve` in a process of its own, on a desk in that folder."""

    def __init__(self, folder: Path) -> None:
        (folder / "desk.py").write_text(textwrap.dedent(DESK))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "signoff", "serve", "desk:app", "--port", "0"],
            cwd=folder,
            env={**os.environ, "SIGNOFF_LINK_TOKEN": TOKEN},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = urlsplit(self.process.stdout.readline().removeprefix("Signoff is at ")).netloc

    def get(self, path: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        """Begin to read an answer."""
        connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_S)
        connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        return connection, connection.getresponse()

    def listens(self) -> bool:
        """Whether it takes connections."""
        host, _, port = self.address.partition(":")
        try:
            socket.create_connection((host, int(port)), timeout=TIMEOUT_S).close()
        except OSError:
            return False
        return True

    def end(self) -> tuple[int, str]:
        """Wait until it ends; give its exit code and what it said on stderr."""
        _, errors = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, errors


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    yield server
    if server.process.poll() is None:
        server.process.kill()
    server.process.communicate(timeout=TIMEOUT_S)


@pytest.fixture
def running(tmp_path: Path, server: Server) -> Iterator[Callable[[], State]]:
    """Have the server run an effect, and give a function that tells where its case stands."""
    with Signoff(tmp_path / "signoff.db", workers=0) as app:

        @app.checkpoint
        def slow(text: str) -> str:
            raise AssertionError("it runs in the server")

        case = slow.propose(text="x")
        app.reviewer("grace").approve(case)
        while not (tmp_path / "inside").exists():
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(0.02)
        yield lambda: app.case(case.id).state


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_a_handler_that_runs_may_end(
    tmp_path: Path, server: Server, running: Callable[[], State], told: signal.Signals
) -> None:
    server.process.send_signal(told)
    while server.listens():
        pass
    assert running() is State.RUNNING
    (tmp_path / "go").touch()
    assert server.end() == (0, "")
    assert running() is State.DONE


def test_what_is_declared_is_listed_before_its_first_proposal(server: Server) -> None:
    connection, answer = server.get("/api/v1/checkpoints")
    assert "slow" in [found["name"] for found in json.load(answer)]
    connection.close()


def test_a_second_signal_ends_it_at_once(server: Server, running: Callable[[], State]) -> None:
    server.process.send_signal(signal.SIGTERM)
    while server.process.poll() is None:
        server.process.send_signal(signal.SIGTERM)
        try:
            server.process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
    assert server.end()[0] == -signal.SIGTERM
    assert running() is State.RUNNING  # until its lease is over, and somebody finds out


def test_those_who_follow_the_ledger_are_let_go(server: Server) -> None:
    connection, stream = server.get("/api/v1/events")
    assert stream.readline() == b": following\n"
    server.process.send_signal(signal.SIGTERM)
    assert stream.read().endswith(b"\n\n")
    connection.close()
    assert server.end() == (0, "")
