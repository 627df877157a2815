"""`signoff worker`: a process of its own that runs effects until it is told to stop."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from signoff import Signoff, State
from signoff.domain.proposal import Proposal

TIMEOUT_S = 60.0

DESK = """
    import os, time
    from pathlib import Path
    from signoff import Signoff

    app = Signoff("signoff.db", workers=0)
    here = Path(__file__).parent

    @app.checkpoint
    def quick(text: str) -> str:
        return text.upper()

    @app.checkpoint
    def slow(text: str) -> str:
        (here / "inside").write_text(text)
        while not (here / "go").exists():
            time.sleep(0.01)
        return text.upper()

    @app.checkpoint
    def pooled(text: str) -> str:
        from concurrent.futures import ThreadPoolExecutor
        return ThreadPoolExecutor().submit(slow.__wrapped__, text).result()
"""


class Command:
    """`signoff worker` in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from signoff.cli import main; main()", "worker", *arguments],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def hear(self, words: str) -> str:
        """Wait for the next line on stderr and require words in it."""
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert words in line, line + self.process.stderr.read()
        return line

    def end(self) -> tuple[int, str, str]:
        """Wait until it ends; give its exit code and what else it said."""
        out, errors = self.process.communicate(timeout=TIMEOUT_S)
        return self.process.returncode, out, errors


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Start workers on a desk in the test's folder; leaves none behind."""
    (tmp_path / "desk.py").write_text(textwrap.dedent(DESK))
    commands: list[Command] = []

    def start(*arguments: str) -> Command:
        commands.append(Command(tmp_path, *arguments))
        return commands[-1]

    yield start
    for command in commands:
        if command.process.poll() is None:
            command.process.kill()
        command.process.communicate(timeout=TIMEOUT_S)


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Signoff]:
    with Signoff(tmp_path / "signoff.db", workers=0) as app:
        for name in ("quick", "slow", "pooled"):

            @app.checkpoint(name=name)
            def declared(text: str) -> str:
                raise AssertionError("it runs elsewhere")

        yield app


def approved(app: Signoff, name: str, text: str = "x") -> str:
    case = app.function(name).propose(text=text)
    app.reviewer("grace").approve(case)
    return case.id


def wait_until_inside(folder: Path, command: Command) -> None:
    while not (folder / "inside").exists():
        with pytest.raises(subprocess.TimeoutExpired):
            command.process.wait(0.02)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_effects_and_ends_well_when_told_to(
    tmp_path: Path, run: Callable[..., Command], app: Signoff, stop: signal.Signals
) -> None:
    command = run("desk:app", "--workers", "2")
    said = command.hear("running effects of pooled, quick, slow, up to 2 at a time each, and all holds and deadlines")
    assert said.rstrip().endswith("on signoff.db")
    case = app.case(approved(app, "quick"))
    assert case.outcome(TIMEOUT_S).value == "X"
    command.process.send_signal(stop)
    command.hear(f"{stop.name}: taking on nothing more; handlers that run have 30 s to end")
    command.hear("stopped")
    assert command.end() == (0, "", "")


def test_when_told_to_stop_it_lets_handlers_end_and_takes_on_nothing_more(
    tmp_path: Path, run: Callable[..., Command], app: Signoff
) -> None:
    command = run("desk:app")
    command.hear("running effects")
    slow = app.case(approved(app, "slow"))
    wait_until_inside(tmp_path, command)
    command.process.send_signal(signal.SIGTERM)
    command.hear("SIGTERM")
    later = app.case(approved(app, "quick"))
    (tmp_path / "go").touch()
    command.hear("stopped")
    assert command.end() == (0, "", "")
    assert slow.outcome(0).value == "X"
    assert later.state is State.CLEARED
    again = run("desk:app")
    again.hear("running effects")
    assert later.outcome(TIMEOUT_S).value == "X"


def test_a_handler_that_outlives_the_grace_is_left_whatever_it_left_running(
    tmp_path: Path, run: Callable[..., Command], app: Signoff
) -> None:
    command = run("desk:app", "--grace", "0")
    command.hear("running effects")
    case = app.case(approved(app, "pooled"))
    wait_until_inside(tmp_path, command)
    command.process.send_signal(signal.SIGTERM)
    command.hear("SIGTERM")
    command.hear("1 handlers still run and are left")
    assert command.end()[0] == 0
    assert case.state is State.RUNNING, "the lease says what becomes of it"


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(
    tmp_path: Path, run: Callable[..., Command], app: Signoff, second: signal.Signals
) -> None:
    command = run("desk:app")
    command.hear("running effects")
    case = app.case(approved(app, "slow"))
    wait_until_inside(tmp_path, command)
    command.process.send_signal(signal.SIGTERM)
    command.hear("SIGTERM")
    command.process.send_signal(second)
    assert command.end()[0] == -second
    assert case.state is State.RUNNING


def test_it_runs_only_the_checkpoints_it_is_told_to_and_the_holds_of_all(
    tmp_path: Path, run: Callable[..., Command], app: Signoff
) -> None:
    @app.checkpoint(undo_s=0.01)
    def elsewhere(text: str) -> None: ...

    command = run("desk:app", "--only", "quick")
    command.hear("running effects of quick, up to 4")
    held, other = app.case(approved(app, "elsewhere")), app.case(approved(app, "slow"))
    assert app.case(approved(app, "quick")).outcome(TIMEOUT_S).value == "X"
    while held.state is State.HELD:
        with pytest.raises(subprocess.TimeoutExpired):
            command.process.wait(0.02)
    assert (held.state, other.state) == (State.CLEARED, State.CLEARED)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["signoff.db"], "signoff.db is no module:app; a worker needs the functions"),
        (["nowhere:app"], "nowhere:app: there is no module 'nowhere' here"),
        (["desk:nothing"], "desk:nothing: module 'desk' has no 'nothing'"),
        (["desk:here"], "Path, not a Signoff"),
        (["desk:app", "--only", "quack"], "desk:app declares no checkpoint 'quack'; it declares: pooled, quick, slow"),
        (["empty:app"], "empty:app declares no checkpoint, so there is nothing it could run"),
    ],
)
def test_what_it_cannot_run_is_an_error_of_the_call(
    tmp_path: Path, run: Callable[..., Command], arguments: list[str], told: str
) -> None:
    (tmp_path / "empty.py").write_text('from signoff import Signoff\napp = Signoff("signoff.db")\n')
    code, out, errors = run(*arguments).end()
    assert (code, out) == (2, "")
    assert errors.startswith("error: ")
    assert told in errors
    assert errors.count("\n") == 1


def test_it_registers_what_it_declares_so_that_others_may_propose_it(
    tmp_path: Path, run: Callable[..., Command]
) -> None:
    command = run("desk:app", "--only", "quick")
    command.hear("running effects of")
    with Signoff(tmp_path / "signoff.db", workers=0) as other:
        assert {"pooled", "quick", "slow"} <= {*other.checkpoint_names()}
        case = other.intake("quick").one(Proposal(arguments={"text": "x"}, proposer="shop"))
        other.reviewer("grace").approve(case)
        assert other.case(case.id).outcome(TIMEOUT_S).value == "X"
