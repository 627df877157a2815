"""A desk to play scenarios at: one app without threads, on each store, at a clock that stands still."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from signoff import Signoff
from signoff.testing import FakeClock, MemoryStore, RecordingHandler


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> MemoryStore | Path | str:
    """Where the cases are kept: what `Signoff` takes as its first argument."""
    if request.param == "postgres":
        url: str = request.getfixturevalue("postgres_url")
        return url
    return MemoryStore() if request.param == "memory" else tmp_path / "signoff.db"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def app(place: MemoryStore | Path | str, clock: FakeClock) -> Iterator[Signoff]:
    """An app whose rows must tell one story when the scenario ends."""
    with Signoff(place, clock=clock, workers=0) as app:
        yield app
        assert app.verify().contradictions == []


@pytest.fixture
def sent() -> RecordingHandler:
    """The receiver of effects, which keeps its own log."""
    return RecordingHandler("ok")
