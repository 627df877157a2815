"""RoutedTable: a CSV or JSONL file that gets each routed row once."""

from __future__ import annotations

import codecs
import csv
import errno
import io
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from signoff.errors import EffectFailed, InvalidInput

ADDED = ("signoff_case", "signoff_label", "signoff_by")
"""The columns that are added to each row."""

_PAUSE_S = 2.0
"""Seconds in which somebody may make room on a disk, or give a file back."""


class RoutedTable:
    """
    An append-only table; each row is written whole, once for each case, and is on disk when `append` returns.

    A row that a kill tore off at the end is cut away before the next one is written. Several threads and
    processes may append. The file is made by the first row.

    Args:
        path: The file.
        columns: Of the rows, in the order in which they are written; `ADDED` follow.
        jsonl: Whether rows are written as JSON objects, one a line, rather than as CSV.
        encoding: As Python names it, one that writes no byte order mark by itself.
        bom: The byte order mark to begin with.
        newline: What ends a line.
        delimiter: What stands between cells in CSV.

    Examples:
        >>> import tempfile
        >>> table = RoutedTable(Path(tempfile.mkdtemp()) / "out.csv", columns=["gtin"])
        >>> table.append("c1", {"gtin": "0042"}, label="toys", by="ada")
        >>> table.append("c1", {"gtin": "0042"}, label="toys", by="ada")
        >>> table.path.read_text().splitlines()
        ['gtin,signoff_case,signoff_label,signoff_by', '0042,c1,toys,ada']
    """

    def __init__(
        self,
        path: Path,
        *,
        columns: Sequence[str],
        jsonl: bool = False,
        encoding: str = "utf-8",
        bom: bytes = b"",
        newline: str = "\n",
        delimiter: str = ",",
    ) -> None:
        self.path = path
        self._columns = tuple(columns)
        self._jsonl = jsonl
        self._encoding = encoding
        self._bom = bom
        self._newline = newline
        self._delimiter = delimiter
        self._guard = threading.Lock()
        self._size = 0
        self._whole = 0
        self._labels: dict[str, str] = {}

    def append(self, case_id: str, row: Mapping[str, Any], *, label: str, by: str) -> None:
        """
        Write the row of a case, unless it is there already.

        Raises:
            EffectFailed: If the file did not take it; nothing of it is kept, and another try may help.
        """
        with self._locked() as file:
            if case_id in self._labels:
                return
            added = dict(zip(ADDED, (case_id, label, by), strict=True))
            line = self._line({**row, **added}).encode(self._encoding)
            if self._whole == 0:
                line = self._head() + line
            self._write(file, line)
            self._whole = self._size = self._whole + len(line)
            self._labels[case_id] = label

    def find(self, case_id: str) -> str | None:
        """Give the label a case was routed with, or None if its row is not there."""
        self.check()
        return self._labels.get(case_id)

    def check(self) -> set[str]:
        """
        Read the file, if it is there; nothing is written.

        Returns:
            The cases whose rows are there.

        Raises:
            InvalidInput: If it is not a file that these rows may be added to.
        """
        with self._guard:
            try:
                size = self.path.stat().st_size
            except FileNotFoundError:
                self._size, self._whole, self._labels = 0, 0, {}
            except OSError as error:
                raise InvalidInput(f"{self.path} cannot be read: {error.strerror}; name another --out") from None
            else:
                if size != self._size:
                    self._scan()
                    # What is torn off is cut away by whoever writes next.
                    self._size = self._whole
            return set(self._labels)

    def takes(self, text: str) -> bool:
        """Tell whether the file's encoding has a sign for every character of a text."""
        try:
            text.encode(self._encoding)
        except UnicodeEncodeError:
            return False
        return True

    def require_writable(self) -> None:
        """
        Make sure that rows could be written; nothing is.

        Raises:
            InvalidInput: If they could not.
        """
        if self.path.exists() and not self.path.is_file():
            raise InvalidInput(f"{self.path} is no regular file; name another file with --out")
        place = self.path if self.path.exists() else self.path.absolute().parent
        if not os.access(place, os.W_OK):
            raise InvalidInput(f"{place} is read-only; change its permissions, or name another file with --out")

    # --- writing

    def _write(self, file: int, line: bytes) -> None:
        try:
            written = os.write(file, line)
            if written != len(line):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file)
        except OSError as error:
            os.ftruncate(file, self._whole)
            raise EffectFailed(f"{self.path} did not take the row: {error.strerror}", retry_after_s=_PAUSE_S) from None

    @contextmanager
    def _locked(self) -> Iterator[int]:
        import fcntl

        with self._guard:
            try:
                file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            except OSError as error:
                raise EffectFailed(f"{self.path} cannot be written: {error.strerror}", retry_after_s=_PAUSE_S) from None
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file).st_size != self._size:
                    try:
                        self._scan()
                    except InvalidInput as error:
                        raise EffectFailed(error.message, retry_after_s=_PAUSE_S) from None
                    os.ftruncate(file, self._whole)
                    self._size = self._whole
                yield file
            finally:
                os.close(file)

    def _head(self) -> bytes:
        if self._jsonl:
            return self._bom
        names = {name: name for name in (*self._columns, *ADDED)}
        return self._bom + self._line(names).encode(self._encoding)

    def _line(self, cells: Mapping[str, Any]) -> str:
        names = (*self._columns, *ADDED)
        if self._jsonl:
            ordered = {name: cells[name] for name in names if name in cells}
            return json.dumps(ordered, ensure_ascii=False) + self._newline
        return self._delimiter.join(self._quoted(cells[name]) for name in names) + self._newline

    def _quoted(self, cell: str) -> str:
        if cell.strip() == cell and not any(sign in cell for sign in (self._delimiter, '"', "\n", "\r")):
            return cell
        return '"' + cell.replace('"', '""') + '"'

    # --- reading what is there

    def _scan(self) -> None:
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise InvalidInput(f"{self.path} cannot be read: {error.strerror}; name another --out") from None
        if len(data) <= len(self._head()) and self._head().startswith(data):
            # Torn within the header, or nothing but the header.
            self._labels = {}
            self._whole = len(data) if data and data == self._head() and not self._jsonl else 0
            return
        if not data.startswith(self._bom):
            raise self._foreign("it begins with another byte order mark")
        text = self._decoded(data[len(self._bom) :])
        rest, text = text, text[: _end_of_rows(text, quotes=not self._jsonl)]
        if self._jsonl and not text:
            self._require_torn_row(rest)
        self._labels = self._read_jsonl(text) if self._jsonl else self._read_csv(text)
        self._whole = len(self._bom) + len(text.encode(self._encoding)) if text else 0

    def _decoded(self, data: bytes) -> str:
        try:
            # Not to its end: a kill may have torn a character.
            return codecs.getincrementaldecoder(self._encoding)().decode(data)
        except UnicodeError:
            raise self._foreign(f"it is not in {self._encoding}") from None

    def _read_csv(self, text: str) -> dict[str, str]:
        names = [*self._columns, *ADDED]
        before = csv.field_size_limit(2**31 - 1)
        try:
            records = list(csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter))
        except csv.Error as error:
            raise self._foreign(str(error)) from None
        finally:
            csv.field_size_limit(before)
        if not records or records[0] != names:
            raise self._foreign("it has other columns")
        return {cells[-3]: cells[-2] for cells in records[1:] if len(cells) == len(names)}

    def _read_jsonl(self, text: str) -> dict[str, str]:
        found: dict[str, str] = {}
        for line in text.split("\n"):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError:
                raise self._foreign("it holds a line that is not JSON") from None
            if not isinstance(row, dict) or not set(ADDED) <= row.keys():
                raise self._foreign("it holds rows without " + ", ".join(ADDED))
            if not set(self._columns) & row.keys():
                raise self._foreign("it has other columns")
            found[str(row[ADDED[0]])] = str(row[ADDED[1]])
        return found

    def _require_torn_row(self, rest: str) -> None:
        """Refuse what stands in a JSONL file without any whole row, unless a row of ours begins like that."""
        starts = [json.dumps({name: None}, ensure_ascii=False)[: -len("null}")] for name in (*self._columns, ADDED[0])]
        if not any(rest.startswith(start) or start.startswith(rest) for start in starts):
            raise self._foreign("it holds something else")
        try:
            row = json.loads(rest)
        except ValueError:
            return
        if not set(ADDED) <= row.keys():
            raise self._foreign("it holds rows without " + ", ".join(ADDED))

    def _foreign(self, why: str) -> InvalidInput:
        return InvalidInput(
            f"{self.path} is there already, and the routed rows cannot be added to it: {why}; name another file "
            "with --out, or move that one away"
        )


def _end_of_rows(text: str, *, quotes: bool) -> int:
    """
    Find where the last whole row ends.

    Examples:
        >>> text = 'a,"b\\nb"\\nc,"d\\n'
        >>> text[: _end_of_rows(text, quotes=True)]
        'a,"b\\nb"\\n'
    """
    end = text.rfind("\n") + 1
    # Within quotes, a line break is part of a cell: an odd number of quotes has been opened before it.
    inside = quotes and text.count('"', 0, end) % 2 == 1
    while inside:
        before = text.rfind("\n", 0, end - 1) + 1
        inside = bool(text.count('"', before, end) % 2) != inside
        end = before
        if end == 0:
            break
    return end
