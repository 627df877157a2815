"""Table: a CSV or JSONL file read as rows whose cells are exactly what the file holds."""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from signoff.domain.content import canonical, parse_json, require_json
from signoff.errors import InvalidInput
from signoff.sources.encodings import guess_encoding

MAX_CELL_BYTES = 1_000_000
MAX_ROW_BYTES = 4_000_000

_DELIMITERS = ",;\t|"
_SAMPLE = 64 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Format(StrEnum):
    """How rows are written."""

    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """
    One row.

    Args:
        number: The line it begins on, from 1.
        cells: By column; text in CSV, any JSON in JSONL, where a row may lack a column.
    """

    number: int
    cells: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """
    A file of rows, with what a writer needs to write more of the same kind.

    Args:
        path: The file.
        columns: In the order in which they first appear.
        rows: In the order of the file.
        format: CSV or JSONL.
        encoding: As Python names it; without a byte order mark, which is `bom`.
        bom: The byte order mark at the start, or nothing.
        newline: What ends a line.
        delimiter: What stands between the cells of a CSV row.
        guessed: Whether the encoding was guessed from the bytes.
    """

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    format: Format
    encoding: str
    bom: bytes = b""
    newline: str = "\n"
    delimiter: str = ","
    guessed: bool = False

    def texts(self, column: str) -> list[str]:
        """
        Give the text of each row.

        Raises:
            InvalidInput: If there is no such column, or a row has no text in it.
        """
        if column not in self.columns:
            raise InvalidInput(
                f'{self.path} has no column "{column}"; it has {_listed(self.columns)}', column=column, path=self.path
            )
        for row in self.rows:
            value = row.cells.get(column)
            if not isinstance(value, str):
                found = f"is {_kind(value)}, not text" if column in row.cells else "is missing"
                raise InvalidInput(
                    f'{self.path}, line {row.number}: "{column}" {found}; put a text there, or take the line out',
                    line=row.number,
                    column=column,
                )
        return [row.cells[column] for row in self.rows]


def read_table(path: Path, *, encoding: str | None = None) -> Table:
    """
    Read a CSV file with a header, or a JSONL file with one object a line.

    JSONL is told by its name (`.jsonl`, `.ndjson`, `.json`), or by a first line that begins with `{`. The delimiter
    of a CSV file is found among comma, semicolon, tab and bar. No cell is trimmed, converted or dropped.

    Args:
        path: The file.
        encoding: As Python names it; by default a byte order mark decides, else it is UTF-8, or what
            `guess_encoding` makes of it.

    Raises:
        InvalidInput: With the line, if it cannot be read without guessing what is meant.
    """
    data = _bytes_of(path)
    text, found, bom, guessed = _decode(data, path, encoding)
    if "\0" in text:
        raise InvalidInput(f"{path} is a binary file; save it as CSV or JSONL first")
    if not text.strip():
        raise InvalidInput(f"{path} is empty; a CSV file needs a header and rows, a JSONL file one object a line")
    newline = "\r\n" if text.find("\r\n") == text.find("\n") - 1 >= 0 else "\n"
    suffix = path.suffix.lower()
    if suffix in (".jsonl", ".ndjson", ".json") or (suffix not in (".csv", ".tsv") and text.lstrip().startswith("{")):
        columns, rows = _read_jsonl(text, path)
        form, delimiter = Format.JSONL, ","
    else:
        delimiter = _delimiter(text)
        columns, rows = _read_csv(text, path, delimiter)
        form = Format.CSV
    if not rows:
        raise InvalidInput(f"{path} has a header, but no rows; there is nothing to do")
    return Table(
        path=path,
        columns=columns,
        rows=rows,
        format=form,
        encoding=found,
        bom=bom,
        newline=newline,
        delimiter=delimiter,
        guessed=guessed,
    )


def row_keys(rows: Iterable[Row]) -> Iterator[str]:
    """
    Give each row a key that stays when rows are added, moved or taken out.

    Equal rows are numbered, so that each of them has a key of its own.

    Examples:
        >>> first, second = row_keys([Row(number=2, cells={"a": "x"}), Row(number=3, cells={"a": "x"})])
        >>> first[:6], first[-2:], second[-2:]
        ('bac82b', ':1', ':2')
    """
    seen: Counter[str] = Counter()
    for row in rows:
        digest = hashlib.sha256(canonical(row.cells)).hexdigest()
        seen[digest] += 1
        yield f"{digest}:{seen[digest]}"


# --- bytes to text


def _bytes_of(path: Path) -> bytes:
    if path.is_dir():
        raise InvalidInput(f"{path} is a folder; name a CSV or JSONL file in it")
    if not path.exists():
        raise InvalidInput(f"there is no file {path}; check the name")
    if not path.is_file():
        raise InvalidInput(f"{path} is no regular file; save what it gives to a file first")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}; check its permissions") from None


def _decode(data: bytes, path: Path, encoding: str | None) -> tuple[str, str, bytes, bool]:
    """Give the text, its encoding, its byte order mark, and whether the encoding was guessed."""
    bom, marked = next(((bom, name) for bom, name in _BOMS if data.startswith(bom)), (b"", None))
    if encoding is not None:
        bom, name = _named(encoding, bom, marked)
        return _strictly(data[len(bom) :], name, path), name, bom, False
    if marked is not None:
        return _strictly(data[len(bom) :], marked, path), marked, bom, False
    if b"\0" in data:
        raise InvalidInput(
            f"{path} is a binary file; save it as CSV or JSONL first. If it is text in an encoding such as UTF-16, "
            "name that with --encoding"
        )
    try:
        return data.decode("utf-8"), "utf-8", b"", False
    except UnicodeDecodeError as error:
        guessed = guess_encoding(data)
        if guessed is None:
            line = 1 + data.count(b"\n", 0, error.start)
            raise InvalidInput(
                f"{path} is not UTF-8 (line {line}), and what else it is in cannot be told; name its encoding with "
                "--encoding, such as --encoding cp1252"
            ) from None
    return data.decode(guessed), guessed, b"", True


def _named(encoding: str, bom: bytes, marked: str | None) -> tuple[bytes, str]:
    """Give the byte order mark to skip and the encoding after it, for a name somebody typed."""
    try:
        # Not empty, for then the codec is not asked; it may be one that makes no text.
        b"aaaa".decode(encoding, "ignore")
        name = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        raise InvalidInput(
            f'there is no text encoding "{encoding}"; use a name such as utf-8, utf-16, cp1252 or iso-8859-15'
        ) from None
    if marked is not None and (name == marked or marked.startswith(name) or name == "utf-8-sig"):
        return bom, marked
    # Without a mark these would add one to every line that is written.
    return b"", {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(name, name)


def _strictly(data: bytes, encoding: str, path: Path) -> str:
    try:
        return data.decode(encoding)
    except UnicodeError as error:
        start = error.start if isinstance(error, UnicodeDecodeError) else 0
        raise InvalidInput(
            f"{path} is not {encoding} (byte {start}); name another encoding with --encoding, or save it as UTF-8"
        ) from None


# --- text to rows


def _read_jsonl(text: str, path: Path) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    columns: dict[str, None] = {}
    rows: list[Row] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        where = f"{path}, line {number}"
        cells = parse_json(line, where=where, max_bytes=MAX_ROW_BYTES)
        if not isinstance(cells, dict):
            raise InvalidInput(f"{where} is {_kind(cells)}; each line must be an object", line=number)
        _require_small(cells, where)
        # A case keeps the row as evidence, two levels down.
        require_json({"row": {"value": cells}}, where=where)
        columns |= dict.fromkeys(cells)
        rows.append(Row(number=number, cells=cells))
    return tuple(columns), tuple(rows)


def _read_csv(text: str, path: Path, delimiter: str) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    records = _records(text, path, delimiter)
    _, columns = next(records)
    _require_names(columns, path)
    rows: list[Row] = []
    for number, cells in records:
        if len(cells) != len(columns):
            raise InvalidInput(
                f"{path}, line {number}: {_many(len(cells), 'cell')}, but the header names "
                f"{_many(len(columns), 'column')}; a cell that holds {_called(delimiter)}, a quote or a line break "
                "goes in quotes",
                line=number,
            )
        row = dict(zip(columns, cells, strict=True))
        _require_small(row, f"{path}, line {number}")
        rows.append(Row(number=number, cells=row))
    return tuple(columns), tuple(rows)


def _records(text: str, path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Go through the records that are not blank, each with the line it begins on."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    # The limit belongs to the whole process, so it is put back.
    before = csv.field_size_limit(MAX_CELL_BYTES)
    number = 1
    try:
        for cells in reader:
            if cells:
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise InvalidInput(f"{path}, line {number}: {_explained(str(error), delimiter)}", line=number) from None
    finally:
        csv.field_size_limit(before)


def _explained(problem: str, delimiter: str) -> str:
    if "field larger" in problem:
        return f"a cell has more than {MAX_CELL_BYTES:,} characters; make it shorter"
    if "unexpected end" in problem:
        return "a quote is opened and never closed; close it"
    if "expected after" in problem:
        return (
            f"a closing quote is followed by something else than {_called(delimiter)}; "
            'write a quote inside a quoted cell twice, ""'
        )
    return f"{problem}; mend the line"


def _delimiter(text: str) -> str:
    """Choose the delimiter that splits the header, and then the most rows into as many cells."""
    sample = text if len(text) <= _SAMPLE else text[: text.rfind("\n", 0, _SAMPLE) + 1] or text[:_SAMPLE]
    best, best_score = ",", (0.0, 1)
    for delimiter in _DELIMITERS:
        widths: list[int] = []
        try:
            reader = csv.reader(io.StringIO(sample, newline=""), delimiter=delimiter)
            widths.extend(len(cells) for cells in reader if cells)
        except csv.Error:
            # A cell that is too long, here or with the right delimiter; the header tells enough.
            pass
        if not widths or widths[0] < 2:
            continue
        score = (sum(width == widths[0] for width in widths) / len(widths), widths[0])
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _require_names(columns: Sequence[str], path: Path) -> None:
    for place, name in enumerate(columns, start=1):
        if not name.strip():
            raise InvalidInput(f"{path}: column {place} has no name in the header; give it one")
    for name, count in Counter(columns).items():
        if count > 1:
            raise InvalidInput(f'{path}: {count} columns are named "{name}"; give each a name of its own')


def _require_small(cells: dict[str, Any], where: str) -> None:
    characters = 0
    for name, value in cells.items():
        if not isinstance(value, str):
            continue
        characters += len(value)
        # Four bytes at most for each character, so that most need not be encoded.
        if 4 * len(value) > MAX_CELL_BYTES and len(value.encode()) > MAX_CELL_BYTES:
            raise InvalidInput(f'{where}: "{name}" has more than {MAX_CELL_BYTES:,} bytes; make it shorter')
    # Six bytes at most for each character in JSON.
    if 6 * characters > MAX_ROW_BYTES and len(canonical(cells)) > MAX_ROW_BYTES:
        raise InvalidInput(f"{where}: the row has more than {MAX_ROW_BYTES:,} bytes; make it shorter")


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case _:
            return "an object"


def _listed(names: Sequence[str], most: int = 30) -> str:
    if not names:
        return "none"
    shown = ", ".join(f'"{name}"' for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _called(delimiter: str) -> str:
    return {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}[delimiter]


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" + ("" if count == 1 else "s")
