"""`signoff triage`: a table in, the same table with labels out; killed and started again, each row once."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from signoff import Signoff
from signoff.cli import app

WAIT_S = 90.0
LABELS = ("--labels", "billing,shipping", "--undo", "0", "--as", "ada")

Ended = subprocess.CompletedProcess[str]


def command(file: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "signoff", "triage", file, "--text", "text", *options]


def triage(folder: Path, file: str, *options: str, answers: Sequence[str] = ()) -> Ended:
    return subprocess.run(
        command(file, *options),
        cwd=folder,
        input="".join(f"{answer}\n" for answer in answers),
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
        env=os.environ | {"PYTHONUTF8": "1"},
    )


def table(count: int) -> str:
    rows = [f"{n:04},where is parcel {n}\n" for n in range(count)]
    return "id,text\n" + "".join(rows)


def rows_in(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))


def refused(folder: Path, file: str, *options: str, words: Sequence[str], column: str = "text") -> None:
    """Run the command here, for speed, and see it refuse in one line."""
    with contextlib.chdir(folder):
        ended = CliRunner().invoke(app, ["triage", file, "--text", column, *options], env={"NO_COLOR": "1"})
    assert ended.exit_code == 2, ended.output
    assert ended.stdout == ""
    assert ended.stderr.startswith("error: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    for word in words:
        assert word in ended.stderr


# --- the sentence


def test_answers_are_routed_with_label_case_and_reviewer(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(table(4))
    ended = triage(tmp_path, "in.csv", *LABELS, answers=["shipping", "returns", "", ":r spam", "billing"])
    assert (ended.returncode, ended.stderr) == (0, "")

    assert "3 rows routed to in.routed.csv; 0 waiting; 1 rejected." in ended.stdout.splitlines()
    assert (tmp_path / "in.csv.signoff.db").exists()
    routed = rows_in(tmp_path / "in.routed.csv")
    assert {(row["id"], row["text"], row["signoff_label"], row["signoff_by"]) for row in routed} == {
        ("0000", "where is parcel 0", "shipping", "ada"),
        ("0001", "where is parcel 1", "returns", "ada"),
        ("0003", "where is parcel 3", "billing", "ada"),
    }
    with Signoff(tmp_path / "in.csv.signoff.db", workers=0) as opened:
        for row in routed:
            assert opened.case(row["signoff_case"]).outcome(0).value == {
                "case": row["signoff_case"],
                "label": row["signoff_label"],
            }
        assert opened.verify().contradictions == []


def test_it_goes_on_where_it_was(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(table(3))
    first = triage(tmp_path, "in.csv", *LABELS, answers=["shipping"])
    assert "1 row routed to in.routed.csv; 2 waiting; 0 rejected." in first.stdout
    second = triage(tmp_path, "in.csv", *LABELS, answers=["billing", "billing", "billing"])
    assert "3 rows of in.csv, 3 of them from before" in second.stdout
    assert "3 rows routed to in.routed.csv; 0 waiting; 0 rejected." in second.stdout
    third = triage(tmp_path, "in.csv", *LABELS)
    assert "3 rows routed to in.routed.csv; 0 waiting; 0 rejected." in third.stdout
    assert Counter(row["id"] for row in rows_in(tmp_path / "in.routed.csv")) == {"0000": 1, "0001": 1, "0002": 1}


def test_rows_that_are_added_or_moved_are_proposed_once(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("id,text\n1,a\n2,b\n2,b\n")
    assert "3 waiting" in triage(tmp_path, "in.csv", *LABELS).stdout
    path.write_text("id,text\n3,c\n2,b\n1,a\n2,b\n2,b\n")
    ended = triage(tmp_path, "in.csv", *LABELS)
    assert "5 rows of in.csv, 3 of them from before" in ended.stdout
    assert "5 waiting" in ended.stdout


def test_what_was_learned_does_not_disturb_rows_from_before(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text(table(12))
    triage(tmp_path, "in.csv", *LABELS, answers=["billing", "shipping"] * 5)
    path.write_text(table(13))
    ended = triage(tmp_path, "in.csv", *LABELS)
    assert ended.returncode == 0, ended.stderr
    assert "13 rows of in.csv, 12 of them from before" in ended.stdout
    assert "10 rows routed to in.routed.csv; 3 waiting; 0 rejected." in ended.stdout


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_cells_come_out_byte_for_byte(tmp_path: Path, bom: bytes) -> None:
    cells = ["0042", 'say "hi"', "a;b", "line\nbreak", "line\r\nbreak", " blanks ", "é😀", "=1+1", "x" * 100_000]
    written = io.StringIO()
    writer = csv.writer(written, delimiter=";", lineterminator="\r\n")
    writer.writerow(["gtin", "text", "note"])
    writer.writerows([["00042", cell, cell] for cell in cells])
    source = bom + written.getvalue().encode()
    (tmp_path / "in.csv").write_bytes(source)

    ended = triage(tmp_path, "in.csv", *LABELS, answers=["billing"] * len(cells))
    assert f"{len(cells)} rows routed" in ended.stdout, ended.stderr
    data = (tmp_path / "in.routed.csv").read_bytes()
    assert data.startswith(bom + b"gtin;text;note;signoff_case;signoff_label;signoff_by\r\n")
    records = list(csv.reader(io.StringIO(data[len(bom) :].decode(), newline=""), delimiter=";"))[1:]
    assert sorted(record[:3] for record in records) == sorted(["00042", cell, cell] for cell in cells)
    assert (tmp_path / "in.csv").read_bytes() == source


def test_jsonl_stays_jsonl(tmp_path: Path) -> None:
    rows = [{"text": "a\u2028😀", "n": 1.5, "deep": {"k": [None]}}, {"id": "007", "text": "b"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = triage(tmp_path, "in.jsonl", *LABELS, answers=["billing", "billing"])
    assert "2 rows routed to in.routed.jsonl" in ended.stdout, ended.stderr
    lines = (tmp_path / "in.routed.jsonl").read_text(encoding="utf-8").split("\n")[:-1]
    routed = [json.loads(line) for line in lines]
    assert all(row.pop("signoff_case") and row.pop("signoff_label") == "billing" for row in routed)
    assert all(row.pop("signoff_by") == "ada" for row in routed)
    assert sorted(routed, key=lambda row: row["text"]) == rows


def test_another_encoding_is_told_and_kept(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes("id,text\n1,Größe\n".encode("cp1252"))
    ended = triage(tmp_path, "in.csv", *LABELS, answers=["払い戻し", "y", "rückgabe", "y"])
    assert "it was read as cp1252" in ended.stderr
    assert "--encoding" in ended.stderr
    assert "category: it cannot be written in cp1252" in " ".join(ended.stdout.split())
    assert ",rückgabe,ada\n" in (tmp_path / "in.routed.csv").read_bytes().decode("cp1252")


def test_rows_without_a_text_are_told_and_shown(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n1,\n2,a\n3, \n")
    ended = triage(tmp_path, "in.csv", *LABELS)
    assert '2 rows have nothing in "text"' in ended.stderr
    assert "3 waiting" in ended.stdout


def test_rules_make_the_first_pass(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("id,text\n1,I want a refund\n")
    (tmp_path / "rules.json").write_text('{"shipping": ["parcel"], "billing": ["refund"]}')
    ended = triage(tmp_path, "in.csv", "--rules", "rules.json", "--as", "ada", "--undo", "0", answers=[""])
    assert "1 row routed" in ended.stdout, ended.stderr
    assert rows_in(tmp_path / "in.routed.csv")[0]["signoff_label"] == "billing"


# --- killed


def kill_after(folder: Path, answered: int, *, acknowledged: int) -> None:
    """Answer so many, and kill the command as soon as so many rows stand in the file."""
    out = folder / "in.routed.csv"
    child = subprocess.Popen(
        command("in.csv", *LABELS), cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        assert child.stdin is not None
        child.stdin.write("billing\n" * answered)
        child.stdin.flush()
        until = time.monotonic() + WAIT_S
        before = len(rows_in(out)) if out.exists() else 0
        while not out.exists() or out.read_bytes().count(b"\n") - 1 < before + acknowledged:
            assert child.poll() is None
            assert time.monotonic() < until
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
        if child.stdin is not None:
            child.stdin.close()


def test_killed_again_and_again_each_row_is_there_once(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(table(40))
    for acknowledged in (1, 4, 9):
        kill_after(tmp_path, 10, acknowledged=acknowledged)
    # Torn off in the middle of a row, as a kill of the machine would.
    with (tmp_path / "in.routed.csv").open("ab") as file:
        file.write(b'0039,"where is')
    ended = triage(tmp_path, "in.csv", *LABELS, answers=["billing"] * 40)
    assert ended.returncode == 0, ended.stderr
    while "on their way" in ended.stdout:
        ended = triage(tmp_path, "in.csv", *LABELS, answers=["billing"] * 40)

    routed = rows_in(tmp_path / "in.routed.csv")
    assert Counter(row["id"] for row in routed) == {f"{n:04}": 1 for n in range(40)}
    assert all(row["text"] == f"where is parcel {int(row['id'])}" for row in routed)
    with Signoff(tmp_path / "in.csv.signoff.db", workers=0) as opened:
        assert {case.id for case in opened.cases(limit=100)} == {row["signoff_case"] for row in routed}
        assert opened.verify().contradictions == []


def test_a_row_that_was_written_before_the_kill_is_not_written_again(tmp_path: Path) -> None:
    """The effect ran, the machine died before the database heard of it: the file itself is asked."""
    (tmp_path / "in.csv").write_text(table(1))
    triage(tmp_path, "in.csv", "--undo", "0", "--as", "ada", answers=["billing", "y"])
    before = (tmp_path / "in.routed.csv").read_bytes()
    with sqlite3.connect(tmp_path / "in.csv.signoff.db") as db:
        db.execute("UPDATE cases SET state = 'running', due_at = created_at")
        db.execute("UPDATE attempts SET finished_at = NULL, ending = NULL, receipt = NULL")
    db.close()
    ended = triage(tmp_path, "in.csv", "--undo", "0", "--as", "ada")
    assert "1 row routed" in ended.stdout, ended.stderr
    assert (tmp_path / "in.routed.csv").read_bytes() == before


def test_two_at_once_on_one_file(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(table(1200))
    children = [
        subprocess.Popen(
            command("in.csv", "--labels", labels, "--undo", "0", "--as", name),
            cwd=tmp_path,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name, labels in (("ada", "billing,shipping"), ("bob", "shipping,billing"))
    ]
    for child in children:
        _, errors = child.communicate("shipping\n" * 10, timeout=WAIT_S)
        assert (child.returncode, errors) == (0, "")
    with Signoff(tmp_path / "in.csv.signoff.db", workers=0) as opened:
        assert sum(opened.counts("triage").values()) == 1200
    routed = rows_in(tmp_path / "in.routed.csv")
    assert len({row["id"] for row in routed}) == len(routed) == 20
    assert Counter(row["signoff_by"] for row in routed) == {"ada": 10, "bob": 10}


# --- refused; nothing is left behind


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"id,message\n1,a\n", ['no column "text"', '"id", "message"']),
        (b"", ["is empty"]),
        (b"id,text\n", ["no rows"]),
        (b"id,text\n1,a\0\n", ["binary file"]),
        (b"id,text\n1,\xcf\xee\xf1\xfb\xeb\xea\xe0\n", ["--encoding"]),
        (b"id,text\n1,a\n2\n", ["line 3", "1 cell"]),
        (b"text,text\n1,a\n", ['2 columns are named "text"']),
        (b"signoff_case,text\n1,a\n", ['"signoff_case"', "rename"]),
    ],
)
def test_a_bad_file_leaves_nothing_behind(tmp_path: Path, data: bytes, words: list[str]) -> None:
    (tmp_path / "in.csv").write_bytes(data)
    refused(tmp_path, "in.csv", *LABELS, words=["in.csv", *words])
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--encoding", "klingon"], ['"klingon"', "cp1252"]),
        (["--out", "in.csv"], ["--out", "is the file that is read"]),
        (["--out", "./folder/../in.csv"], ["--out", "is the file that is read"]),
        (["--db", "in.csv"], ["--db", "is the file that is read"]),
        (["--out", "x", "--db", "x"], ["need a file each"]),
        (["--out", "folder"], ["is a folder"]),
        (["--out", "gone/out.csv"], ["there is no folder gone"]),
        (["--db", "gone/x.db"], ["there is no folder gone"]),
        (["--out", "other.csv"], ["other.csv", "other columns", "--out"]),
        (["--db", "other.csv"], ["other.csv", "not a Signoff database"]),
        (["--rules", "gone.json"], ["gone.json", "cannot be read"]),
        (["--rules", "folder"], ["folder", "cannot be read"]),
        (["--rules", "other.csv"], ["other.csv is not JSON"]),
        (["--rules", "list.json"], ["list.json", "one object"]),
        (["--rules", "words.json"], ["words.json", '"billing" needs a list of words']),
        (["--as", ""], ["--as"]),
        (["--out", os.devnull], ["is no regular file"]),
    ],
)
def test_a_bad_option_leaves_nothing_behind(tmp_path: Path, options: list[str], words: list[str]) -> None:
    (tmp_path / "in.csv").write_text(table(1))
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "words.json").write_text('{"billing": "refund"}')
    (tmp_path / "folder").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    refused(tmp_path, "in.csv", *options, words=words)
    assert {path: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    refused(tmp_path, "gone.csv", words=["there is no file gone.csv"])
    (tmp_path / "folder").mkdir()
    refused(tmp_path, "folder", words=["folder is a folder"])


def test_a_bad_jsonl_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n{"text": "b", "text": "c"}\n')
    refused(tmp_path, "in.jsonl", words=["line 2", '"text" twice'])
    (tmp_path / "in.jsonl").write_text('{"text": "a"}\n{"text": 7}\n')
    refused(tmp_path, "in.jsonl", words=["line 2", "not text"])
    # As deep as JSON may be here; deeper, where it is kept with the case.
    (tmp_path / "in.jsonl").write_text('{"text": "a", "deep": ' + "[" * 62 + "]" * 62 + "}\n")
    refused(tmp_path, "in.jsonl", words=["line 1", "nested deeper"])
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_what_may_just_be_read_can_be_kept(tmp_path: Path) -> None:
    deep, long = "[" * 61 + "]" * 61, "é" * 499_900
    with (tmp_path / "in.jsonl").open("w", encoding="utf-8") as file:
        file.write('{"text": "a", "deep": ' + deep + "}\n")
        file.write(json.dumps({"text": long, "b": long, "c": long}, ensure_ascii=False) + "\n")
    ended = triage(tmp_path, "in.jsonl", *LABELS, answers=["billing", "billing"])
    assert "2 rows routed" in ended.stdout, ended.stderr


def test_the_database_of_another_file_or_column_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("text,more\na,b\n")
    (tmp_path / "other.csv").write_text("text,more\na,b\n")
    triage(tmp_path, "in.csv", *LABELS)
    refused(tmp_path, "other.csv", "--db", "in.csv.signoff.db", words=["holds the rows of in.csv", "--db"])
    refused(tmp_path, "in.csv", column="more", words=['another column than "more"'])


def test_a_database_that_another_program_locks(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(table(1))
    triage(tmp_path, "in.csv", *LABELS)
    (tmp_path / "in.csv").write_text(table(2))
    locker = sqlite3.connect(tmp_path / "in.csv.signoff.db", isolation_level=None)
    try:
        locker.execute("BEGIN IMMEDIATE")
        ended = triage(tmp_path, "in.csv", *LABELS)
    finally:
        locker.close()
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
    assert "another program has held the write lock" in ended.stderr


def test_routed_rows_that_are_gone_are_told(tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text(table(2))
    triage(tmp_path, "in.csv", *LABELS, answers=["billing"])
    (tmp_path / "in.routed.csv").unlink()
    ended = triage(tmp_path, "in.csv", *LABELS)
    assert "1 row routed before is not in in.routed.csv" in ended.stdout
