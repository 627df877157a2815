"""Reading tables: every format as it is, every bad file by name, line and column."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from signoff.errors import InvalidInput
from signoff.sources.table import MAX_CELL_BYTES, Format, Row, Table, read_table, row_keys


def read(folder: Path, data: bytes | str, *, name: str = "in.csv", encoding: str | None = None) -> Table:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_table(path, encoding=encoding)


def refusal(folder: Path, data: bytes | str, *, name: str = "in.csv", encoding: str | None = None) -> str:
    with pytest.raises(InvalidInput) as caught:
        read(folder, data, name=name, encoding=encoding).texts("text")
    assert name in caught.value.message or "encoding" in caught.value.message
    return caught.value.message


# --- formats


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    text = delimiter.join(["id", "text", "more"]) + "\n" + delimiter.join(["1", '"a, b; c | d"', "x"]) + "\n"
    table = read(tmp_path, text)
    assert (table.format, table.delimiter) == (Format.CSV, delimiter)
    assert table.columns == ("id", "text", "more")
    assert table.rows == (Row(number=2, cells={"id": "1", "text": "a, b; c | d", "more": "x"}),)


def test_commas_in_the_text_do_not_outvote_the_header(tmp_path: Path) -> None:
    table = read(tmp_path, "id;text\n1;a, b, c\n2;d, e, f\n")
    assert table.delimiter == ";"
    assert table.texts("text") == ["a, b, c", "d, e, f"]


def test_a_single_column_needs_no_delimiter(tmp_path: Path) -> None:
    assert read(tmp_path, "text\nhello\n\nworld\n").texts("text") == ["hello", "world"]


def test_cells_are_text_and_stay_as_they_are(tmp_path: Path) -> None:
    table = read(tmp_path, 'gtin,text,n\n0042," a ""b""\r\nc",1e5\n')
    assert table.rows[0].cells == {"gtin": "0042", "text": ' a "b"\r\nc', "n": "1e5"}


def test_rows_are_numbered_by_the_line_they_begin_on(tmp_path: Path) -> None:
    table = read(tmp_path, 'id,text\n1,"a\nb\nc"\n\n2,d\n')
    assert [row.number for row in table.rows] == [2, 6]


@pytest.mark.parametrize(("end", "newline"), [("\r\n", "\r\n"), ("\n", "\n"), ("\r", "\n")])
def test_the_line_end_is_kept_for_the_writer(tmp_path: Path, end: str, newline: str) -> None:
    table = read(tmp_path, f"id,text{end}1,a{end}2,b{end}")
    assert table.newline == newline
    assert table.texts("text") == ["a", "b"]


@pytest.mark.parametrize("name", ["in.jsonl", "in.ndjson", "in.txt", "in"])
def test_jsonl_by_name_or_by_content(tmp_path: Path, name: str) -> None:
    table = read(tmp_path, '\n{"text": "a\\u2028b", "n": 1}\n{"more": [null], "text": "c"}\n', name=name)
    assert table.format is Format.JSONL
    assert table.columns == ("text", "n", "more")
    assert table.rows[1] == Row(number=3, cells={"more": [None], "text": "c"})
    assert table.texts("text") == ["a\u2028b", "c"]


def test_a_line_separator_within_a_jsonl_text_ends_no_line(tmp_path: Path) -> None:
    assert read(tmp_path, '{"text": "a\u2028b\x85c"}\n', name="in.jsonl").texts("text") == ["a\u2028b\x85c"]


def test_a_csv_file_may_begin_with_a_brace(tmp_path: Path) -> None:
    assert read(tmp_path, "{id},text\n1,a\n").columns == ("{id}", "text")


# --- encodings


@pytest.mark.parametrize(
    ("encoding", "bom"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-32-le", b"\xff\xfe\0\0"),
    ],
)
def test_unicode_with_and_without_a_mark(tmp_path: Path, encoding: str, bom: bytes) -> None:
    table = read(tmp_path, bom + "id,text\n1,é😀\n".encode(encoding))
    assert (table.encoding, table.bom, table.guessed) == (encoding, bom, False)
    assert table.columns == ("id", "text")
    assert table.texts("text") == ["é😀"]


@pytest.mark.parametrize(
    ("named", "bom", "encoding"),
    [
        ("utf8", b"", "utf-8"),
        ("utf-8-sig", b"\xef\xbb\xbf", "utf-8"),
        ("utf-8", b"\xef\xbb\xbf", "utf-8"),
        ("utf-16", b"\xff\xfe", "utf-16-le"),
        ("UTF-16", b"\xfe\xff", "utf-16-be"),
        ("utf-16-le", b"", "utf-16-le"),
        ("koi8-r", b"", "koi8-r"),
    ],
)
def test_a_named_encoding_is_taken(tmp_path: Path, named: str, bom: bytes, encoding: str) -> None:
    table = read(tmp_path, bom + "id,text\n1,Где\n".encode(encoding), encoding=named)
    assert (table.encoding, table.bom) == (encoding, bom)
    assert table.columns == ("id", "text")
    assert table.texts("text") == ["Где"]


def test_another_encoding_is_guessed_and_told(tmp_path: Path) -> None:
    table = read(tmp_path, "id,text\n1,Größe\n".encode("cp1252"))
    assert (table.encoding, table.guessed) == ("cp1252", True)
    assert table.texts("text") == ["Größe"]


# --- bad files


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("", "is empty"),
        (" \n\n", "is empty"),
        ("\ufeff", "is empty"),
        ("id,text\n", "no rows"),
        ("id,text", "no rows"),
        ("id,message\n1,a\n", 'no column "text"; it has "id", "message"'),
        ("id,text\n1,a\n2,b,c\n", "line 3: 3 cells, but the header names 2 columns"),
        ('id,text\n1,"a\nb"\n2\n', "line 4: 1 cell, but the header names 2 columns"),
        ("id,text,text\n1,a,b\n", '2 columns are named "text"'),
        ("id,,text\n1,a,b\n", "column 2 has no name"),
        ('id,text\n1,a\n2,"b\n3,c\n', "line 3: a quote is opened and never closed"),
        ('id,text\n1,"a"b\n', "line 2: a closing quote is followed by something else than a comma"),
        (b"id,text\n1,a\0b\n", "is a binary file"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is a binary file"),
        ("id,text\n1,Где моя посылка\n".encode("cp1251"), "(line 2), and what else it is in cannot be told"),
        (b"\xff\xfeid,te", "is not utf-16-le"),
        ("id,text\n1," + "x" * (MAX_CELL_BYTES + 1) + "\n", "line 2: a cell has more than 1,000,000 characters"),
        ("a,b,c,text\n" + ",".join(["\x01" * 200_000] * 4) + "\n", "line 2: the row has more than 4,000,000 bytes"),
        ("id,text\n1," + "é" * (MAX_CELL_BYTES // 2 + 1) + "\n", 'line 2: "text" has more than 1,000,000 bytes'),
    ],
)
def test_a_bad_csv_file_is_refused(tmp_path: Path, data: bytes | str, says: str) -> None:
    assert says in refusal(tmp_path, data)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"text": "b", "text": "c"}', 'line 2 names the key "text" twice'),
        ('{"text": "b", "n": NaN}', "line 2 holds NaN"),
        ('{"text": "b", "n": ' + "[" * 70 + "]" * 70 + "}", "line 2"),
        ('{"text": "b", "n": 9007199254740993}', "line 2"),
        ('{"text": "\\ud800"}', "line 2"),
        ('["b"]', "line 2 is a list; each line must be an object"),
        ("null", "line 2 is null"),
        ('{"text": "b"', "line 2 is not JSON"),
        ('{"text": 5}', 'line 2: "text" is a number, not text'),
        ('{"text": null}', 'line 2: "text" is null, not text'),
        ('{"other": "b"}', 'line 2: "text" is missing'),
        ('{"text": "' + "x" * (MAX_CELL_BYTES + 1) + '"}', 'line 2: "text" has more than'),
    ],
)
def test_a_bad_jsonl_line_is_refused(tmp_path: Path, line: str, says: str) -> None:
    assert says in refusal(tmp_path, '{"text": "a"}\n' + line + "\n", name="in.jsonl")


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder"):
        read_table(tmp_path)
    with pytest.raises(InvalidInput, match="there is no file"):
        read_table(tmp_path / "in.csv")


@pytest.mark.parametrize("encoding", ["klingon", "rot13", "hex", "base64", ""])
def test_an_unknown_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    assert "there is no text encoding" in refusal(tmp_path, "id,text\n1,a\n", encoding=encoding)


def test_a_wrong_encoding_is_refused(tmp_path: Path) -> None:
    assert "is not utf-8 (byte 10)" in refusal(tmp_path, b"id,text\n1,\xe9\n", encoding="utf-8")


def test_the_limit_of_the_csv_module_is_left_as_it_was(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    assert len(read(tmp_path, "id,text\n1," + "x" * 500_000 + "\n").texts("text")[0]) == 500_000
    refusal(tmp_path, 'id,text\n1,"x\n')
    assert csv.field_size_limit() == before


# --- keys


def keys(*cells: dict[str, object]) -> list[str]:
    return list(row_keys(Row(number=n, cells=dict(c)) for n, c in enumerate(cells, start=2)))


A, B, C = {"id": "1", "text": "a"}, {"id": "2", "text": "b"}, {"id": "3", "text": "c"}


def test_keys_stay_when_rows_are_added_or_moved() -> None:
    first = keys(A, B)
    assert keys(A, B, C)[:2] == first
    assert keys(C, B, A)[1:] == first[::-1]
    assert len(set(keys(A, B, C))) == 3


def test_equal_rows_have_a_key_each() -> None:
    assert len(set(keys(A, A, B, A))) == 4
    assert set(keys(A, A)) < set(keys(B, A, A, A))


def test_keys_do_not_depend_on_the_order_of_columns() -> None:
    assert keys(A) == keys(dict(reversed(A.items())))
    assert keys(A) != keys({"id": "a", "text": "1"})
