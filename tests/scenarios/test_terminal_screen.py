"""`signoff review` at a real terminal: keys, completion, taking back, Ctrl+C, another size, no colour."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import runpy
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from signoff import Signoff
from signoff.cli.sitting import TOO_QUICK_S
from signoff.domain.case import Case, State

WAIT_S = 30.0
PROMPT = ">"
QUICK = "quicker than anybody reads"

# The child makes the terminal its own, so that Ctrl+C and a new size reach it as signals.
START = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execv(sys.executable, [sys.executable, '-m', 'signoff', 'review', *sys.argv[1:]])"
)

ROUTING = '''
from pathlib import Path
from signoff import Signoff

app = Signoff(Path(__file__).parent / "desk.db")


@app.checkpoint(label="team", undo_s=3600)
def route(message: str, team: str) -> str:
    """Hand a message to a team."""
    return team


@app.checkpoint(label="team")
def send(message: str, team: str) -> str:
    """Hand a message to a team at once."""
    with (Path(__file__).parent / "sent.txt").open("a") as log:
        log.write(f"{team}\\n")
    return team
'''

ESCAPES = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?<>=]*[ -/]*[@-~]|\x1b[ -/]*[0-~]")
COLOURS = re.compile(r"\x1b\[(?:[0-9;]*;)?(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m")


class Terminal:
    """A person's end of a terminal in which a sitting runs."""

    def __init__(self, end: int, process: subprocess.Popen[bytes]) -> None:
        self._end = end
        self._process = process
        self._seen = 0
        self.raw = b""

    @property
    def text(self) -> str:
        """All that was shown so far, without what steers the terminal."""
        return ESCAPES.sub("", self.raw.decode(errors="ignore"))

    def hear(self, text: str) -> str:
        """Read until the text is shown after what was heard before; give what came with it."""
        return self.hear_either(text)

    def hear_either(self, *texts: str) -> str:
        """Read until one of the texts is shown after what was heard before; give what came with it."""
        wanted = re.compile("|".join(map(re.escape, texts)))
        deadline = time.monotonic() + WAIT_S
        while (found := wanted.search(self.text, self._seen)) is None:
            assert self._read(deadline), f"none of {texts} in {self.text[self._seen :]!r}"
        heard = self.text[self._seen : found.end()]
        self._seen = found.end()
        return heard

    def case(self, text: str) -> str:
        """Read until a case with this text and the prompt below it are shown."""
        return self.hear(text) + self.hear(":q quit") + self.hear(PROMPT)

    def read_on(self, seconds: float) -> None:
        """Read as somebody reads: until so many seconds are over."""
        deadline = time.monotonic() + seconds
        while deadline > time.monotonic():
            self._read(deadline)

    def type(self, keys: str) -> None:
        os.write(self._end, keys.encode())

    def enter(self) -> None:
        """Press Enter after a moment of reading."""
        self.read_on(TOO_QUICK_S + 0.05)
        self.type("\r")

    def answer(self, text: str) -> None:
        """Type a text, and Enter once it is shown."""
        self.type(text)
        self.hear(text[-1])
        self.enter()

    def resize(self, rows: int, columns: int) -> None:
        """Give the terminal another size; the kernel tells the sitting."""
        fcntl.ioctl(self._end, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def interrupt(self) -> None:
        """Press Ctrl+C as a person does: once more if nothing happens, since it may have met the end of a prompt."""
        deadline = time.monotonic() + WAIT_S
        while self._process.poll() is None and time.monotonic() < deadline:
            self.type("\x03")
            pause = time.monotonic() + 3
            while self._process.poll() is None and time.monotonic() < pause:
                self._read(min(pause, time.monotonic() + 0.1))

    def ended(self) -> int:
        """Read all that is left, and give the exit code."""
        deadline = time.monotonic() + WAIT_S
        while self._read(deadline):
            continue
        return self._process.wait(WAIT_S)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._end], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            more = os.read(self._end, 65536)
        except OSError:
            # How Linux says that nobody has the other end open any more.
            return False
        self.raw += more
        return bool(more)


@contextmanager
def terminal(folder: Path, *arguments: str, **environment: str) -> Iterator[Terminal]:
    end, theirs = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS", "LINES")}
    # Nobody answers here when the program asks where the cursor is.
    settings = {"TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen(
        [sys.executable, "-c", START, *arguments, "--as", "grace"],
        cwd=folder,
        env=inherited | settings | environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield Terminal(end, process)
    finally:
        if process.poll() is None:
            process.kill()
        os.close(end)
        process.wait(WAIT_S)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """A folder with an application in the module `routing`."""
    (tmp_path / "routing.py").write_text(ROUTING)
    return tmp_path


def propose(folder: Path, name: str, *messages: str) -> list[str]:
    declared = runpy.run_path(str(folder / "routing.py"))
    others = [{"arguments": {"message": "", "team": team}, "confidence": 0.1} for team in ("billing", "shipping")]
    with declared["app"]:
        return [
            declared[name]
            .propose(message=message, team="sales", evidence={"message": message}, confidence=0.8, alternatives=others)
            .id
            for message in messages
        ]


def at(folder: Path, case_id: str) -> Case:
    with Signoff(folder / "desk.db", workers=0) as app:
        assert app.verify().contradictions == []
        return app.case(case_id).seen


def team(folder: Path, case_id: str) -> Any:
    with Signoff(folder / "desk.db", workers=0) as app:
        return app.view(case_id).content.arguments["team"]


def test_enter_accepts_what_was_read_and_a_held_key_accepts_nothing(desk: Path) -> None:
    cases = propose(desk, "send", *(f"message {n}" for n in range(1, 9)))

    accepted = 0
    with terminal(desk, "routing:app") as screen:
        screen.case("message 1")
        heard = ""
        while QUICK not in heard:
            screen.read_on(TOO_QUICK_S + 0.05)
            # The second Enter is there before the next case is.
            screen.type("\r\r")
            screen.hear("accepted: sales")
            accepted += 1
            heard = screen.hear_either(QUICK, "accepted: sales")
            if QUICK not in heard:
                # A machine so slow that it was not quick at all: try the next case.
                accepted += 1
                screen.case(f"message {accepted + 1}")
        screen.hear(PROMPT)
        screen.enter()
        screen.hear("accepted: sales")
        accepted += 1
        screen.case(f"message {accepted + 1}")
        screen.type(":q\r")
        assert screen.ended() == 0

    assert [at(desk, case_id).state for case_id in cases] == (
        [State.DONE] * accepted + [State.WAITING] * (len(cases) - accepted)
    )
    assert (desk / "sent.txt").read_text() == "sales\n" * accepted
    assert all(at(desk, case_id).claimed_by is None for case_id in cases)


def test_a_word_begun_is_completed(desk: Path) -> None:
    [first, _] = propose(desk, "route", "message 1", "message 2")

    with terminal(desk, "routing:app") as screen:
        screen.case("message 1")
        screen.type("shi")
        # The menu below the prompt offers it.
        screen.hear("shipping")
        screen.type("\t")
        screen.enter()
        screen.hear("corrected: shipping")
        screen.case("message 2")
        screen.interrupt()
        assert screen.ended() == 130

    assert (at(desk, first).state, team(desk, first)) == (State.HELD, "shipping")


def test_a_new_category_asks_once_and_is_known_from_then_on(desk: Path) -> None:
    first, second, third = propose(desk, "route", "message 1", "message 2", "message 3")

    with terminal(desk, "routing:app") as screen:
        screen.case("message 1")
        screen.answer("kitchenware")
        screen.hear("New category")
        screen.hear(PROMPT)
        screen.answer("y")
        screen.hear("corrected: kitchenware")
        screen.case("message 2")
        screen.answer("kitchenware")
        assert "New category" not in screen.hear("corrected: kitchenware")
        screen.case("message 3")
        screen.answer("skip")
        screen.hear("New category")
        screen.hear(PROMPT)
        screen.answer("n")
        screen.hear(PROMPT)
        screen.interrupt()
        assert screen.ended() == 130

    assert [team(desk, case_id) for case_id in (first, second, third)] == ["kitchenware", "kitchenware", "sales"]
    assert at(desk, third).state is State.WAITING


def test_a_verdict_is_taken_back_and_the_case_comes_back_with_the_edit(desk: Path) -> None:
    first, second = propose(desk, "route", "message 1", "message 2")

    with terminal(desk, "routing:app") as screen:
        screen.case("message 1")
        screen.answer("billing")
        screen.hear("corrected: billing")
        screen.case("message 2")
        screen.answer(":u")
        screen.hear("Taken back")
        shown = screen.case("message 1")
        assert "your edit   billing" in shown
        screen.enter()
        # Their own words, accepted, are still a correction of the first pass.
        screen.hear("corrected: billing")
        screen.case("message 2")
        screen.interrupt()
        assert screen.ended() == 130

    assert (at(desk, first).state, team(desk, first)) == (State.HELD, "billing")
    assert (at(desk, second).state, at(desk, second).claimed_by) == (State.WAITING, None)


def test_ctrl_c_gives_every_claim_back_and_keeps_every_verdict(desk: Path) -> None:
    cases = propose(desk, "route", *(f"message {n}" for n in range(1, 8)))

    with terminal(desk, "routing:app") as screen:
        screen.case("message 1")
        screen.answer(":r not ours")
        screen.hear("rejected")
        screen.case("message 2")
        # In the middle of a word.
        screen.type("ship")
        screen.hear("ship")
        screen.interrupt()
        assert screen.ended() == 130

    assert "1 verdict" in screen.text
    assert "Traceback" not in screen.text
    assert at(desk, cases[0]).state is State.HELD
    for case_id in cases[1:]:
        assert (at(desk, case_id).state, at(desk, case_id).claimed_by) == (State.WAITING, None)


def test_the_end_of_input_ends_it_as_quitting_does(desk: Path) -> None:
    [case_id] = propose(desk, "route", "message 1")

    with terminal(desk, "routing:app") as screen:
        screen.case("message 1")
        screen.type("\x04")
        assert screen.ended() == 0

    assert (at(desk, case_id).state, at(desk, case_id).claimed_by) == (State.WAITING, None)


@pytest.mark.parametrize(("rows", "columns"), [(50, 160), (10, 30), (2, 3), (0, 0)])
def test_another_size_of_the_window_changes_nothing_that_was_typed(desk: Path, rows: int, columns: int) -> None:
    first, _ = propose(desk, "route", "message 1", "message 2")

    with terminal(desk, "routing:app") as screen:
        screen.case("message 1")
        screen.type("billi")
        screen.hear("billi")
        screen.resize(rows, columns)
        screen.read_on(0.1)
        screen.resize(40, 100)
        screen.type("ng")
        screen.enter()
        screen.hear("corrected: billing")
        # The next case is drawn for the size that there is now.
        screen.resize(30, 60)
        screen.case("message 2")
        screen.interrupt()
        assert screen.ended() == 130

    assert "Traceback" not in screen.text
    assert team(desk, first) == "billing"


def test_a_case_fits_a_narrow_window(desk: Path) -> None:
    propose(desk, "route", "message one " + "with many words " * 20)

    with terminal(desk, "routing:app") as screen:
        screen.resize(24, 30)
        screen.hear("message one")
        screen.hear(PROMPT)
        screen.interrupt()
        assert screen.ended() == 130

    assert "Traceback" not in screen.text


def test_colour_is_used_unless_it_is_declined(desk: Path) -> None:
    propose(desk, "route", "message 1", "message 2")

    def sit(**environment: str) -> str:
        with terminal(desk, "routing:app", **environment) as screen:
            screen.case("message 1")
            screen.type("bil")
            screen.hear("billing")
            screen.type("\x15")
            screen.answer(":?")
            screen.hear("hand over")
            screen.hear(PROMPT)
            screen.interrupt()
            assert screen.ended() == 130
            return screen.raw.decode(errors="ignore")

    assert COLOURS.search(sit())
    assert not COLOURS.search(sit(NO_COLOR="1"))


@pytest.mark.parametrize("kind", ["dumb", "unknown-terminal", ""])
def test_a_terminal_that_can_do_little_is_enough(desk: Path, kind: str) -> None:
    [first, _] = propose(desk, "route", "message 1", "message 2")

    with terminal(desk, "routing:app", TERM=kind) as screen:
        screen.case("message 1")
        screen.answer("billing")
        screen.hear("corrected: billing")
        screen.case("message 2")
        screen.answer(":q")
        # Leaving waits for the hold, unless it is told not to.
        screen.hear("Letting the last verdicts take effect")
        screen.type("\x03")
        assert screen.ended() == 0

    assert "Traceback" not in screen.text
    assert (at(desk, first).state, team(desk, first)) == (State.HELD, "billing")


def test_what_a_message_holds_cannot_steer_a_terminal(desk: Path) -> None:
    propose(desk, "route", "message [bold]x[/bold] \x1b]0;title\x07 \x1b[2J end")

    with terminal(desk, "routing:app") as screen:
        screen.case("message [bold]x[/bold] ␛]0;title␇ ␛[2J end")
        screen.interrupt()
        assert screen.ended() == 130

    assert b"\x1b]0;title" not in screen.raw
