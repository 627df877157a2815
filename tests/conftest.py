"""What all tests share: a PostgreSQL server, one for each process of tests, started by the first that needs it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

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
