"""Child processes that always end: whatever a test does, and however long they would like to take."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 60.0


class Child:
    """
    A Python module that runs in a process of its own, with lines in and out.

    Args:
        module: Run as `python -m module arguments`.
        arguments: Its command line.
    """

    def __init__(self, module: str, *arguments: str | Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-X", "utf8", "-m", module, *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._errors: list[str] = []
        self._readers = [threading.Thread(target=read, daemon=True) for read in (self._read_out, self._read_errors)]
        for reader in self._readers:
            reader.start()

    def _read_out(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        self._errors.extend(self._process.stderr)

    def say(self, line: str) -> None:
        """Write it a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def hear(self, expected: str | None = None) -> str:
        """
        Wait for its next line.

        Args:
            expected: What the line must be.
        """
        line = self._lines.get(timeout=TIMEOUT_S)
        if line is None:
            self._process.wait(TIMEOUT_S)
            raise AssertionError(f"the child ended with {self._process.returncode}: {''.join(self._errors)}")
        assert expected is None or line == expected, f"{line!r}, not {expected!r}; {''.join(self._errors)}"
        return line

    def rest(self) -> list[str]:
        """Wait until it ends by itself, and give the lines it left."""
        lines = []
        while (line := self._lines.get(timeout=TIMEOUT_S)) is not None:
            lines.append(line)
        self._process.wait(TIMEOUT_S)
        return lines

    def ended_by(self) -> int:
        """Give how it ended: 0, an exit code, or the negative number of the signal that killed it."""
        return self._process.wait(TIMEOUT_S)

    def was_killed(self) -> bool:
        """Tell whether it ended by SIGKILL; anything else is an error of the test, so show what it said."""
        code = self.ended_by()
        self._readers[1].join(TIMEOUT_S)
        assert code == -signal.SIGKILL, f"the child ended with {code}: {''.join(self._errors)}"
        return True

    def ended_well(self) -> bool:
        """Tell whether it ended with 0 and no complaint."""
        code = self.ended_by()
        self._readers[1].join(TIMEOUT_S)
        assert (code, self._errors) == (0, []), f"the child ended with {code}: {''.join(self._errors)}"
        return True

    def kill(self) -> None:
        """Kill it, by its id, unless it has ended."""
        if self._process.poll() is None:
            self._process.kill()

    def end(self) -> None:
        """Leave nothing behind."""
        self.kill()
        self._process.wait(TIMEOUT_S)
        for reader in self._readers:
            reader.join(TIMEOUT_S)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue


@contextmanager
def running(module: str, *arguments: str | Path) -> Iterator[Child]:
    """Run a child while the block runs, at the most."""
    child = Child(module, *arguments)
    try:
        yield child
    finally:
        child.end()


@contextmanager
def running_many(module: str, lines: list[list[str | Path]]) -> Iterator[list[Child]]:
    """Run several children while the block runs, one for each command line."""
    children: list[Child] = []
    try:
        for arguments in lines:
            children.append(Child(module, *arguments))
        yield children
    finally:
        for child in children:
            child.kill()
        for child in children:
            child.end()
