"""The journal: whole lines only, whatever was killed in the middle, and from several processes."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from signoff.effects.journal import Journal

WAIT_S = 30.0


def test_a_journal_without_a_file_has_no_lines_and_makes_none_by_reading(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "missing.jsonl")

    assert list(journal.lines()) == []
    assert not journal.path.exists()


def test_lines_come_back_whole_and_in_order(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "routed.jsonl")
    written = [b"first", b"", "Straße 配送".encode(), b"\x00\xff", b"x" * 100_000, b"last"]

    for line in written:
        journal.append(line)

    assert list(journal.lines()) == written
    assert journal.path.read_bytes() == b"".join(line + b"\n" for line in written)


def test_another_journal_on_the_same_file_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "routed.jsonl"
    Journal(path).append(b"one")
    Journal(path).append(b"two")

    assert list(Journal(path).lines()) == [b"one", b"two"]


# 4096 is what is read at a time when the end of the last whole line is looked for.
@pytest.mark.parametrize("torn", [b"t", b"t" * 4095, b"t" * 4096, b"t" * 4097, b"t" * 50_000])
@pytest.mark.parametrize("whole", [b"", b"\n", b"whole\n", b"one\n" + b"w" * 4096 + b"\n"])
def test_a_line_torn_at_the_end_is_not_read_and_cut_by_the_next(tmp_path: Path, whole: bytes, torn: bytes) -> None:
    journal = Journal(tmp_path / "routed.jsonl")
    journal.path.write_bytes(whole + torn)

    assert list(journal.lines()) == whole.split(b"\n")[:-1]
    assert journal.path.read_bytes() == whole + torn

    journal.append(b"next")
    assert journal.path.read_bytes() == whole + b"next\n"


def test_a_line_that_finds_no_room_is_an_error_and_never_half_a_line(tmp_path: Path) -> None:
    # A file size limit is the full disk that a test can have: the first write is cut short, not refused.
    path = tmp_path / "routed.jsonl"
    program = """
import resource, signal, sys
from pathlib import Path
from signoff.effects.journal import Journal
journal = Journal(Path(sys.argv[1]))
journal.append(b"first")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, unlimited[1]))
try:
    journal.append(b"x" * 1000)
except OSError:
    print("refused")
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
journal.append(b"last")
"""
    run = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, timeout=WAIT_S, check=False
    )

    assert (run.returncode, run.stdout, run.stderr) == (0, "refused\n", "")
    assert list(Journal(path).lines()) == [b"first", b"last"]


def test_threads_of_one_process_do_not_mix_their_lines(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "routed.jsonl")

    def write(name: str) -> None:
        for number in range(25):
            journal.append(f"{name} {number}".encode())

    threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)

    assert Counter(journal.lines()) == Counter(f"{name} {number}".encode() for name in "abcd" for number in range(25))


def test_several_processes_append_to_one_file(tmp_path: Path) -> None:
    path = tmp_path / "routed.jsonl"
    path.write_bytes(b"torn")
    program = """
import sys
from pathlib import Path
from signoff.effects.journal import Journal
journal = Journal(Path(sys.argv[1]))
for number in range(50):
    journal.append(f"{sys.argv[2]} {number} {'x' * 5000}".encode())
"""
    children = [subprocess.Popen([sys.executable, "-c", program, path, name]) for name in "ab"]
    try:
        assert [child.wait(WAIT_S) for child in children] == [0, 0]
    finally:
        for child in children:
            child.kill()
            child.wait(WAIT_S)

    lines = [line.split() for line in Journal(path).lines()]
    assert all(line[2] == b"x" * 5000 for line in lines)
    for name in (b"a", b"b"):
        assert [int(line[1]) for line in lines if line[0] == name] == list(range(50))
    assert len(lines) == 100
