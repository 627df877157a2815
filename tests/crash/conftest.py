"""After a run with many kills, a table of how many each crash point survived."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.crash.child import POINTS
from tests.crash.rounds import KILLS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count kills by crash point and database."""
    if not KILLS:
        return
    survived: Counter[tuple[str, str]] = Counter()
    for report in terminalreporter.stats.get("passed", ()):
        for point in POINTS:
            for database in ("sqlite", "postgres"):
                if report.when == "call" and {point, database} <= set(re.split(r"[-\[\]]", report.nodeid)):
                    survived[point, database] += 1
    terminalreporter.section("kills survived")
    terminalreporter.line(f"{'crash point':<28}{'sqlite':>8}{'postgres':>10}")
    for point in POINTS:
        terminalreporter.line(f"{point:<28}{survived[point, 'sqlite']:>8}{survived[point, 'postgres']:>10}")
    terminalreporter.line(f"{'in all':<28}{survived.total():>18}")
