"""`signoff copy` and `signoff migrate`: a desk moves to another database, row by row, and goes on there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest
from typer.testing import CliRunner, Result

from signoff import Signoff, State
from signoff.app import open_store
from signoff.cli import app as command
from signoff.domain.entry import Entry
from signoff.errors import InvalidInput, StoreUnavailable
from signoff.ports import KEYS, Store
from signoff.storage import copying
from signoff.storage.migrations import HEAD
from signoff.storage.migrations.upgrade import upgrade_sqlite
from signoff.storage.rows import Rows
from tests.conformance.records import ENTRIES, RECORDS, an_entry
from tests.postgres import Server


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, [str(each) for each in arguments])


def rows(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, as it is stored."""

    def look(tx: Any) -> dict[str, list[tuple[Any, ...]]]:
        read = cast(Rows, tx)
        return {kind.__name__: [tuple(r) for r in read.rows_of(kind, after=None, limit=10**6)] for kind in KEYS}

    return store.read(look)


def desk(url: str) -> Signoff:
    app = Signoff(url, workers=0)

    @app.checkpoint(undo_s=0)
    def send(to: str, text: str = "grüß dich") -> str:
        return "sent"

    return app


def fill(url: str) -> None:
    """Leave cases in every state behind, and some that came after."""
    with desk(url) as app:
        send = app.function("send")
        cases = [send.propose(to=f"ada \x00 {n}", evidence={"mail": {"n": n}}, key=f"key-{n}") for n in range(12)]
        grace = app.reviewer("grace")
        grace.edit(cases[0], {"to": "eve", "text": "☃"})
        grace.approve(cases[1])
        grace.reject(cases[2], "no")
        grace.claim_case(cases[3].id)
        grace.hand_over(cases[4].id, "ada", note="you know her")
        cases[5].withdraw()
        app.run_due()


@pytest.fixture(params=["sqlite to postgres", "postgres to sqlite", "postgres to postgres", "sqlite to sqlite"])
def urls(request: pytest.FixtureRequest, tmp_path: Path, postgres: Server) -> Any:
    """Two databases that nobody has set up."""
    first, _, second = request.param.partition(" to ")
    with postgres.empty() as one, postgres.empty() as two:
        yield (
            str(tmp_path / "from.db") if first == "sqlite" else one,
            str(tmp_path / "to.db") if second == "sqlite" else two,
        )


def test_a_desk_is_copied_row_by_row_and_goes_on_with_higher_numbers(urls: tuple[str, str]) -> None:
    source, target = urls
    fill(source)
    ended = run("copy", source, target)
    assert ended.exit_code == 0, ended.output
    assert "copied 12 cases" in ended.output
    assert "SIGNOFF_URL" in ended.output
    old, new = open_store(source), open_store(target)
    assert rows(old) == rows(new)
    assert any(rows(new).values())
    numbers = [entry.seq for entry in new.read(lambda tx: tx.ledger(after_seq=0, limit=1000))]
    assert numbers == [entry.seq for entry in old.read(lambda tx: tx.find(Entry))]
    old.close()
    new.close()
    with desk(target) as app:
        case = app.case(next(case.id for case in app.cases() if case.key == "key-6"))
        assert app.function("send").propose(to="ada \x00 6", evidence={"mail": {"n": 6}}, key="key-6").id == case.id
        app.reviewer("grace").approve(case)
        app.run_due()
        assert case.state is State.DONE
        fresh = app.store.read(lambda tx: tx.ledger(after_seq=numbers[-1], limit=100))
        assert [entry.act for entry in fresh] == ["rule", "clear", "start", "finish"]
        assert list(app.verify().contradictions) == []


def test_every_kind_of_record_is_copied_in_pages(urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "PAGE", 3)
    source, target = (open_store(url) for url in urls)
    source.write(lambda tx: tx.add(*RECORDS, *ENTRIES))
    # A number that was given to a write which came to nothing is a gap, and stays one.
    with pytest.raises(ZeroDivisionError):
        source.write(lambda tx: (tx.add(an_entry("never")), 1 / 0))
    source.write(lambda tx: tx.add(an_entry("last")))
    pages: list[int] = []
    counts = copying.copy(source, target, copied=pages.append)
    assert rows(source) == rows(target)
    assert sum(pages) == sum(counts.values()) == len(RECORDS) + len(ENTRIES) + 1
    assert max(pages) == 3
    last = source.read(lambda tx: tx.last_seq())
    target.write(lambda tx: tx.add(an_entry("next")))
    assert [e.act for e in target.read(lambda tx: tx.ledger(after_seq=last, limit=9))] == ["next"]
    source.close()
    target.close()


def test_an_empty_desk_is_copied_too(urls: tuple[str, str]) -> None:
    desk(urls[0]).close()
    ended = run("copy", *urls)
    assert ended.exit_code == 0, ended.output
    with desk(urls[1]) as app:
        app.function("send").propose(to="ada")
        assert app.store.read(lambda tx: tx.last_seq()) > 0


def test_a_target_that_holds_anything_is_refused_and_left_as_it_is(urls: tuple[str, str]) -> None:
    for url in urls:
        fill(url)
    target = open_store(urls[1])
    before = rows(target)
    ended = run("copy", *urls)
    assert ended.exit_code == 2
    assert "not empty" in ended.output
    assert rows(target) == before
    target.close()


def test_a_copy_that_is_stopped_leaves_nothing_and_can_be_made_again(urls: tuple[str, str]) -> None:
    fill(urls[0])
    source, target = (open_store(url) for url in urls)
    pages: list[int] = []
    with pytest.raises(copying.Stopped):
        copying.copy(source, target, copied=pages.append, stopped=lambda: len(pages) >= 2)
    assert not any(rows(target).values())
    copying.copy(source, target)
    assert rows(source) == rows(target)
    source.close()
    target.close()


def test_a_source_that_is_written_to_meanwhile_is_told(urls: tuple[str, str]) -> None:
    fill(urls[0])
    source, target = (open_store(url) for url in urls)
    other = open_store(urls[0])
    wrote = threading.Event()

    def copied(_: int) -> None:
        if not wrote.is_set():
            wrote.set()
            other.write(lambda tx: tx.add(an_entry("meanwhile")))

    with pytest.raises(StoreUnavailable, match="written to while"):
        copying.copy(source, target, copied=copied)
    for store in (source, target, other):
        store.close()


def test_a_missing_source_is_an_error_and_makes_no_file(tmp_path: Path) -> None:
    ended = run("copy", tmp_path / "missing.db", tmp_path / "to.db")
    assert ended.exit_code == 2
    assert "missing.db" in ended.output
    assert list(tmp_path.iterdir()) == []


# --- migrate


def test_migrate_tells_from_which_schema_to_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "signoff.db"
    upgrade_sqlite(path, busy_s=1, to="0001")
    monkeypatch.setenv("SIGNOFF_URL", str(path))
    ended = run("migrate")
    assert (ended.exit_code, ended.output) == (0, f"schema 0001 → {HEAD}\n")
    ended = run("migrate", f"sqlite:///{path}")
    assert (ended.exit_code, ended.output) == (0, f"schema {HEAD} already; nothing to do\n")


def test_migrate_sets_up_an_empty_database(postgres: Server) -> None:
    with postgres.empty() as url:
        ended = run("migrate", url)
        assert (ended.exit_code, ended.output) == (0, f"an empty database, now with schema {HEAD}\n")


@pytest.mark.parametrize(
    ("url", "said"),
    [("missing.db", "missing.db"), ("text.txt", "not a Signoff database"), ("mysql://x/y", "mysql")],
)
def test_migrate_refuses_what_it_cannot_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text("This is no database.\n" * 100)
    ended = run("migrate", url)
    assert ended.exit_code == 2
    assert said in ended.output
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


def test_the_address_of_a_database_is_enough_to_copy_it_back(tmp_path: Path, postgres_url: str) -> None:
    """There and back again is the same file."""
    fill(str(tmp_path / "a.db"))
    with pytest.raises(InvalidInput):
        open_store(tmp_path / "b.db", create=False)
    assert run("copy", tmp_path / "a.db", postgres_url).exit_code == 0
    assert run("copy", postgres_url, tmp_path / "b.db").exit_code == 0
    first, second = open_store(tmp_path / "a.db"), open_store(tmp_path / "b.db")
    assert rows(first) == rows(second)
    first.close()
    second.close()
