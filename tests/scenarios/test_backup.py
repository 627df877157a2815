"""Backups taken while four threads write hold every verdict that was acknowledged before, and can be worked on with."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from signoff import Signoff, State
from tests.postgres import Server

TIMEOUT_S = 60.0
THREADS = 4


def open_desk(url: str | Path) -> Signoff:
    app = Signoff(url, workers=0)

    @app.checkpoint(delivery="idempotent")
    def publish(title: str) -> str:
        """Put a product page online."""
        return f"published {title}"

    return app


class Load:
    """Threads that propose, rule and run effects, and remember which verdicts were acknowledged."""

    def __init__(self, app: Signoff) -> None:
        self._app = app
        self._ruled: list[str] = []
        self._more = threading.Condition()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._work, args=(f"grace-{n}",)) for n in range(THREADS)]

    def _work(self, name: str) -> None:
        desk = self._app.reviewer(name)
        while not self._stop.is_set():
            case = self._app.function("publish").propose(title="Steel kettle", evidence={"sku": "K-17"})
            desk.approve(case)
            with self._more:
                self._ruled.append(case.id)
                self._more.notify_all()
            self._app.execute(case.id)

    def acknowledged(self, *, more: int) -> list[str]:
        """Wait for so many more verdicts, and give all."""
        with self._more:
            wanted = len(self._ruled) + more
            assert self._more.wait_for(lambda: len(self._ruled) >= wanted, TIMEOUT_S)
            return list(self._ruled)

    @contextmanager
    def running(self) -> Iterator[Load]:
        for thread in self._threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join(TIMEOUT_S)


def require_restored(url: str | Path, *, before: list[str]) -> None:
    with open_desk(url) as app:
        found = app.verify()
        assert found.contradictions == []
        ruled = {history.case.id for history in app.verdicts()}
        assert set(before) <= ruled
        app.run_due(limit=10_000)  # what was approved and had not run in the copy
        # What ran in the copy is found out by its lease, as after a crash.
        assert set(app.counts()) <= {State.DONE, State.WAITING, State.RUNNING}
        case = app.function("publish").propose(title="after the restore")
        app.reviewer("grace").approve(case)
        app.execute(case.id)
        assert app.verify().contradictions == []


def by_api(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def by_vacuum(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old:
        old.execute("VACUUM INTO ?", (str(target),))


def by_command(source: Path, target: Path) -> None:
    if shutil.which("sqlite3") is None:
        pytest.skip("the command sqlite3 is not installed; the two other ways are tested")
    subprocess.run(["sqlite3", str(source), ".timeout 60000", f".backup {target}"], check=True, timeout=TIMEOUT_S)


@pytest.mark.parametrize("back_up", [by_api, by_vacuum, by_command])
def test_a_file_is_backed_up_while_it_is_written(tmp_path: Path, back_up: Callable[[Path, Path], None]) -> None:
    source, target = tmp_path / "signoff.db", tmp_path / "copy.db"
    with open_desk(source) as app, Load(app).running() as load:
        before = load.acknowledged(more=40)
        back_up(source, target)
        after = load.acknowledged(more=40)
    assert len(after) > len(before)
    require_restored(target, before=before)


def test_the_file_alone_is_no_backup(tmp_path: Path) -> None:
    source = tmp_path / "signoff.db"
    with open_desk(source) as app:
        app.function("publish").propose(title="Steel kettle")
        shutil.copyfile(source, tmp_path / "copy.db")
        assert app.counts() == {State.WAITING: 1}
    with open_desk(tmp_path / "copy.db") as copy:
        assert copy.counts() == {}


def test_postgresql_is_dumped_and_restored(postgres: Server, postgres_url: str) -> None:
    dump = str(postgres.folder / f"dump-{postgres_url.partition('?')[0].rpartition('/')[2]}")
    with open_desk(postgres_url) as app, Load(app).running() as load:
        before = load.acknowledged(more=40)
        postgres._run("pg_dump", "--format=custom", f"--file={dump}", postgres_url)
        load.acknowledged(more=40)
    with postgres.empty() as restored:
        postgres._run("pg_restore", "--exit-on-error", "--no-owner", f"--dbname={restored}", dump)
        require_restored(restored, before=before)
