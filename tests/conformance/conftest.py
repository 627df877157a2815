"""The stores that must behave alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from signoff.ports import Store
from signoff.storage.memory import MemoryStore
from signoff.storage.postgres import PostgresStore
from signoff.storage.sqlite import SqliteStore

OPENERS: dict[str, Callable[[pytest.FixtureRequest, Path], Store]] = {
    "memory": lambda request, _: MemoryStore(),
    "sqlite": lambda request, folder: SqliteStore(folder / "signoff.db"),
    "postgres": lambda request, _: PostgresStore(request.getfixturevalue("postgres_url")),
}


@pytest.fixture(params=OPENERS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    opened = OPENERS[request.param](request, tmp_path)
    yield opened
    opened.close()
