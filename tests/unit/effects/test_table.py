"""The routed table: each row once, whole, and exactly as it came in."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from signoff.effects.table import RoutedTable, _end_of_rows
from signoff.errors import EffectFailed, InvalidInput
from signoff.sources.table import Format, read_table

HEAD = "gtin,text,signoff_case,signoff_label,signoff_by\n"


def open_table(path: Path, **more: Any) -> RoutedTable:
    return RoutedTable(path, columns=["gtin", "text"], **more)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.csv"


NASTY = [
    "0042",
    'say "hi"',
    "a;b,c|d\te",
    "line\nbreak",
    "line\r\nbreak",
    "bare\rreturn",
    " blanks ",
    "é😀",
    "",
    "=1+1",
]


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("encoding", "bom"), [("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe"), ("gb18030", b"")]
)
def test_csv_round_trip(out: Path, newline: str, delimiter: str, encoding: str, bom: bytes) -> None:
    table = open_table(out, newline=newline, delimiter=delimiter, encoding=encoding, bom=bom)
    for number, cell in enumerate(NASTY):
        table.append(f"c{number}", {"gtin": "007", "text": cell}, label="x", by="ada")
    assert out.read_bytes().startswith(bom)
    assert out.read_bytes().count(bom) == 1 or not bom
    back = read_table(out, encoding=encoding)
    assert (back.newline, back.delimiter, back.bom) == (newline, delimiter, bom)
    assert [row.cells["text"] for row in back.rows] == NASTY
    assert {row.cells["gtin"] for row in back.rows} == {"007"}
    assert open_table(out, newline=newline, delimiter=delimiter, encoding=encoding, bom=bom).check() == {
        f"c{number}" for number in range(len(NASTY))
    }


def test_jsonl_round_trip(out: Path) -> None:
    table = RoutedTable(out, columns=["text", "n", "deep"], jsonl=True)
    rows: list[dict[str, Any]] = [
        {"text": "é\u2028😀\n", "n": 1.5, "deep": {"a": [None, True]}},
        {"text": "no n", "deep": []},
    ]
    for number, row in enumerate(rows):
        table.append(f"c{number}", row, label="x", by="ada")
    back = read_table(out.rename(out.with_suffix(".jsonl")))
    assert back.format is Format.JSONL
    added = [{"signoff_case": f"c{n}", "signoff_label": "x", "signoff_by": "ada"} for n in range(2)]
    assert [row.cells for row in back.rows] == [{**row, **more} for row, more in zip(rows, added, strict=True)]


def test_a_case_is_written_once(out: Path) -> None:
    table, other = open_table(out), open_table(out)
    assert table.find("c1") is None
    table.append("c1", {"gtin": "1", "text": "a"}, label="x", by="ada")
    table.append("c1", {"gtin": "1", "text": "a"}, label="y", by="bob")
    other.append("c1", {"gtin": "1", "text": "a"}, label="z", by="cy")
    other.append("c2", {"gtin": "2", "text": "b"}, label="z", by="cy")
    assert out.read_text() == HEAD + "1,a,c1,x,ada\n2,b,c2,z,cy\n"
    assert (table.find("c1"), table.find("c2"), table.find("c3")) == ("x", "z", None)


def test_many_threads_through_several_handles(out: Path) -> None:
    tables = [open_table(out) for _ in range(4)]

    def write(table: RoutedTable) -> None:
        for number in range(50):
            table.append(f"c{number}", {"gtin": "1", "text": 'a\n"b"'}, label="x", by="ada")

    threads = [threading.Thread(target=write, args=(table,)) for table in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(row.cells["signoff_case"] for row in read_table(out).rows) == sorted(f"c{n}" for n in range(50))


@pytest.mark.parametrize("jsonl", [False, True])
@pytest.mark.parametrize(("encoding", "bom"), [("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe")])
def test_torn_anywhere_it_is_mended(out: Path, jsonl: bool, encoding: str, bom: bytes) -> None:
    def opened() -> RoutedTable:
        return open_table(out, jsonl=jsonl, encoding=encoding, bom=bom)

    first: dict[str, Any] = {"gtin": "0042", "text": 'a\n"é😀",'}
    opened().append("c1", first, label="x", by="ada")
    one = out.read_bytes()
    opened().append("c2", {"gtin": "2", "text": 'b\nc\n""'}, label="y", by="bob")
    whole = out.read_bytes()
    for size in range(len(whole)):
        out.write_bytes(whole[:size])
        assert opened().check() == ({"c1"} if size >= len(one) else set()), size
        opened().append("c1", first, label="x", by="ada")
        opened().append("c2", {"gtin": "2", "text": 'b\nc\n""'}, label="y", by="bob")
        assert out.read_bytes() == whole, size


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "notes without a line end", "gtin,text\n1,a\n", HEAD.upper()])
def test_another_file_is_not_touched(out: Path, content: str) -> None:
    out.write_text(content)
    if not content:
        assert open_table(out).check() == set()
        return
    with pytest.raises(InvalidInput, match=r"is there already.*--out"):
        open_table(out).check()
    with pytest.raises(EffectFailed, match="is there already"):
        open_table(out).append("c1", {"gtin": "1", "text": "a"}, label="x", by="ada")
    assert out.read_text() == content


@pytest.mark.parametrize(
    "content",
    [
        '{"gtin": "1"}\n',
        "gtin,text\n",
        "[1]\n",
        '{"other": 1, "signoff_case": "c", "signoff_label": "x", "signoff_by": "a"}\n',
        "half a line",
        '{"gtin": "1"}',
        '{"setting": tr',
    ],
)
def test_another_jsonl_file_is_not_touched(out: Path, content: str) -> None:
    out.write_text(content)
    with pytest.raises(InvalidInput, match="is there already"):
        open_table(out, jsonl=True).check()
    assert out.read_text() == content


def test_a_file_in_another_encoding_is_not_touched(out: Path) -> None:
    out.write_bytes((HEAD + "1,Größe,c1,x,ada\n").encode("cp1252"))
    with pytest.raises(InvalidInput, match="it is not in utf-8"):
        open_table(out).check()


def test_a_removed_file_is_begun_anew(out: Path) -> None:
    table = open_table(out)
    table.append("c1", {"gtin": "1", "text": "a"}, label="x", by="ada")
    out.unlink()
    assert table.find("c1") is None
    table.append("c2", {"gtin": "2", "text": "b"}, label="x", by="ada")
    assert out.read_text() == HEAD + "2,b,c2,x,ada\n"


def test_a_full_disk_leaves_no_part_of_a_row(out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = open_table(out)
    table.append("c1", {"gtin": "1", "text": "a"}, label="x", by="ada")
    before = out.read_bytes()
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda file, data: write(file, data[: len(data) // 2]))
        with pytest.raises(EffectFailed, match="No space left") as caught:
            table.append("c2", {"gtin": "2", "text": "b"}, label="x", by="ada")
    assert caught.value.retry_after_s
    assert out.read_bytes() == before
    table.append("c2", {"gtin": "2", "text": "b"}, label="x", by="ada")
    assert table.check() == {"c1", "c2"}


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    table = open_table(tmp_path / "gone" / "out.csv")
    assert table.check() == set()
    with pytest.raises(EffectFailed, match="cannot be written"):
        table.append("c1", {"gtin": "1", "text": "a"}, label="x", by="ada")


def test_what_an_encoding_takes(out: Path) -> None:
    assert open_table(out, encoding="cp1252").takes("Größe")
    assert not open_table(out, encoding="cp1252").takes("払い戻し")


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", ""),
        ("a\nb", "a\n"),
        ('"a\nb', ""),
        ('x\n"a\nb\nc', "x\n"),
        ('"a\nb"\n', '"a\nb"\n'),
        ('x\n"a""\n', "x\n"),
    ],
)
def test_where_the_last_whole_row_ends(text: str, kept: str) -> None:
    assert text[: _end_of_rows(text, quotes=True)] == kept


def test_a_quote_in_jsonl_hides_no_line_end() -> None:
    assert _end_of_rows('{"a": "\\""}\nx', quotes=False) == 12
    assert json.loads('{"a": "\\""}') == {"a": '"'}
