"""Journal: a file that gets one whole line per effect, and survives being killed in the middle of one."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Journal:
    """
    An append-only text file; each line is written whole, once, and is on disk when `append` returns.

    A line that a kill tore off at the end is cut away before the next one is written. Several processes may append.

    Args:
        path: The file; made by the first line.

    Examples:
        >>> import tempfile
        >>> journal = Journal(Path(tempfile.mkdtemp()) / "routed.jsonl")
        >>> journal.append(b'{"to": "billing"}')
        >>> list(journal.lines())
        [b'{"to": "billing"}']
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.Lock()

    def append(self, line: bytes) -> None:
        """
        Write one line.

        Args:
            line: Without its end; may hold line breaks where the file's format quotes them.
        """
        with self._open() as file:
            rest = memoryview(line + b"\n")
            while rest:
                # A disk that fills up takes a part of it, and refuses only the next part.
                rest = rest[os.write(file, rest) :]
            os.fsync(file)

    def lines(self) -> Iterator[bytes]:
        """Go through the whole lines, without their ends."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]

    @contextmanager
    def _open(self) -> Iterator[int]:
        import fcntl

        with self._guard:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                self._mend(file)
                yield file
            finally:
                os.close(file)

    @staticmethod
    def _mend(file: int) -> None:
        end = size = os.fstat(file).st_size
        while end:
            start = max(0, end - 4096)
            found = os.pread(file, end - start, start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end != size:
            os.ftruncate(file, end)
