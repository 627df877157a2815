"""The world outside: an append-only file that keeps what it was sent, whoever is killed meanwhile."""

from __future__ import annotations

import fcntl
import os
from collections import Counter
from pathlib import Path


class Receiver:
    """
    What effects arrive at: one line for each request, each effect and each question, synced before it answers.

    Args:
        path: The file; shared by processes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def send(self, key: str, *, once: bool) -> str:
        """
        Take a request, and let the effect happen.

        Args:
            key: The idempotency key.
            once: Whether the receiver lets the effect of a key happen only once, as an idempotent one does.
        """
        with self.path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            known = once and f"effect {key}\n".encode() in file.readlines()
            os.write(file.fileno(), f"request {key}\n".encode() + (b"" if known else f"effect {key}\n".encode()))
            os.fsync(file.fileno())
        return f"receipt of {key}"

    def look_up(self, key: str) -> str | None:
        """Tell whether an effect with that key has happened; a checkpoint's `check`."""
        with self.path.open("ab", buffering=0) as file:
            os.write(file.fileno(), f"question {key}\n".encode())
        return f"receipt of {key}" if self.effects()[key] else None

    def note(self, kind: str, key: str) -> None:
        """Write down one line, in one system call, in the order of arrival."""
        with self.path.open("ab", buffering=0) as file:
            os.write(file.fileno(), f"{kind} {key}\n".encode())

    def notes(self) -> list[tuple[str, str]]:
        """Give all lines, in the order of arrival."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [(kind, key) for kind, key in map(str.split, lines)]

    def effects(self) -> Counter[str]:
        """How often the effect of each key happened."""
        return self._count("effect")

    def requests(self) -> Counter[str]:
        """How often each key was sent."""
        return self._count("request")

    def questions(self) -> Counter[str]:
        """How often each key was asked about."""
        return self._count("question")

    def _count(self, kind: str) -> Counter[str]:
        if not self.path.exists():
            return Counter()
        lines = [line.split() for line in self.path.read_text().splitlines()]
        return Counter(key for found, key in lines if found == kind)
