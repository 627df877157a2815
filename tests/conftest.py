"""What all tests share: a PostgreSQL server, one for each process of tests, started by the first that needs it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from signoff.storage.sqlite import SqliteStore
from tests.places import Place
from tests.postgres import Server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """
    A server.

    Not one for all processes of pytest-xdist: what a ledger's reader may list depends on the oldest transaction of the
    whole server, so tests that share one would wait for each other's.
    """
    with Server() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Server) -> Iterator[str]:
    """A database of the test's own, with the tables in it."""
    with postgres.database() as url:
        yield url


@pytest.fixture(scope="session")
def empty_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a file with the tables in it, once."""
    path = tmp_path_factory.mktemp("empty") / "signoff.db"
    SqliteStore(path).close()
    return path


@pytest.fixture(params=["sqlite", "postgres"])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A database of each kind."""
    if request.param == "postgres":
        return Place(request.getfixturevalue("postgres_url"), tmp_path)
    path = tmp_path / "signoff.db"
    shutil.copy(request.getfixturevalue("empty_file"), path)
    return Place(str(path), tmp_path)


@pytest.fixture(params=["sqlite", "postgres"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """A database of each kind that nobody has set up."""
    if request.param == "sqlite":
        yield Place(str(tmp_path / "signoff.db"), tmp_path)
        return
    server: Server = request.getfixturevalue("postgres")
    with server.empty() as url:
        yield Place(url, tmp_path)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Let no test of PostgreSQL be left out without anybody noticing: one that was skipped is a failure."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = reporter.stats.get("skipped", ()) if reporter is not None else ()
    missing = [report.nodeid for report in skipped if "postgres" in report.nodeid]
    if missing:
        reporter.write_line(f"skipped, which counts as failed: {', '.join(missing)}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
