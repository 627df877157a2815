"""What the tests of the writer share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.unit.storage.line import Line


@pytest.fixture
def line() -> Iterator[Line]:
    line = Line()
    yield line
    line.go_on.set()
