"""What a benchmark reports: figures, each with its bar, printed and written in one form."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

RESULTS = Path(__file__).parent / "results"
HEADER = ("figure", "ours", "peer", "ratio", "bar", "")


@dataclass(frozen=True, kw_only=True)
class Bar:
    """
    What a figure has to reach; every requirement that is set must hold.

    Args:
        better: Which way is better.
        absolute: The least (higher is better) or most (lower is better) that ours may be.
        ratio: The least or most that ours divided by the peer's may be.

    Raises:
        ValueError: If neither requirement is set, or one is not a finite number.

    Examples:
        >>> print(Bar(better="higher", absolute=1000, ratio=4))
        >= 1,000 and >= 4.00x
        >>> print(Bar(better="lower", absolute=5))
        <= 5.00
    """

    better: Literal["higher", "lower"]
    absolute: float | None = None
    ratio: float | None = None

    def __post_init__(self) -> None:
        required = [number for number in (self.absolute, self.ratio) if number is not None]
        if not required:
            raise ValueError("a bar needs an absolute requirement, a ratio, or both")
        if not all(math.isfinite(number) for number in required):
            raise ValueError(f"a bar needs finite numbers, not {required}")

    def met(self, *, ours: float, ratio: float | None) -> bool:
        """Tell whether a measurement reaches the bar; a required ratio that is missing does not."""
        return self._reached(ours, self.absolute) and self._reached(ratio, self.ratio)

    def _reached(self, measured: float | None, required: float | None) -> bool:
        if required is None:
            return True
        if measured is None:
            return False
        return measured >= required if self.better == "higher" else measured <= required

    def __str__(self) -> str:
        sign = ">=" if self.better == "higher" else "<="
        parts = []
        if self.absolute is not None:
            parts.append(f"{sign} {number(self.absolute)}")
        if self.ratio is not None:
            parts.append(f"{sign} {number(self.ratio)}x")
        return " and ".join(parts)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """
    One measured quantity of ours, beside the peer's where there is one.

    Args:
        figure: What was measured, in a few words.
        unit: Unit of ``ours`` and ``peer``.
        ours: The measurement.
        bar: What it has to reach.
        peer: The peer's measurement, in the same unit; not 0.
        peer_name: What the peer is; set exactly when ``peer`` is.

    Raises:
        ValueError: If a measurement is not finite, or the peer and its name are not given together.

    Examples:
        >>> bar = Bar(better="higher", absolute=1000, ratio=4)
        >>> cycle = Figure(figure="cycle", unit="/s", ours=1200, peer=400, peer_name="other", bar=bar)
        >>> cycle.ratio, cycle.met
        (3.0, False)
    """

    figure: str
    unit: str
    ours: float
    bar: Bar
    peer: float | None = None
    peer_name: str | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.ours):
            raise ValueError(f"{self.figure}: ours is {self.ours}")
        if (self.peer is None) != (self.peer_name is None):
            raise ValueError(f"{self.figure}: peer and peer_name go together")
        if self.peer is not None and (not math.isfinite(self.peer) or self.peer == 0):
            raise ValueError(f"{self.figure}: peer is {self.peer}")

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's."""
        return None if self.peer is None else self.ours / self.peer

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        return self.bar.met(ours=self.ours, ratio=self.ratio)

    def row(self) -> dict[str, str | float | bool | None]:
        """Return what the results file holds about this figure."""
        return {
            "figure": self.figure,
            "unit": self.unit,
            "ours": self.ours,
            "peer": self.peer,
            "peer_name": self.peer_name,
            "ratio": self.ratio,
            "bar": str(self.bar),
            "met": self.met,
        }

    def cells(self) -> tuple[str, ...]:
        """Return what a person reads about this figure, one text per column of the table."""
        return (
            self.figure,
            f"{number(self.ours)} {self.unit}",
            "-" if self.peer is None else f"{number(self.peer)} ({self.peer_name})",
            "-" if self.ratio is None else f"{number(self.ratio)}x",
            str(self.bar),
            "met" if self.met else "short",
        )


def report(name: str, figures: Sequence[Figure]) -> Path:
    """
    Print one line per figure and write ``benchmarks/results/NAME.json``.

    Returns:
        The file that was written.
    """
    print(table(figures))
    path = RESULTS / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([figure.row() for figure in figures], indent=2) + "\n", encoding="utf-8")
    return path


def table(figures: Sequence[Figure]) -> str:
    """
    Align the figures in columns, under a line that names the columns.

    Examples:
        >>> page = Figure(figure="first page", unit="ms", ours=2.5, bar=Bar(better="lower", absolute=5))
        >>> print(table([page]))
        figure      ours     peer  ratio  bar
        first page  2.50 ms  -     -      <= 5.00  met
    """
    rows = [HEADER, *(figure.cells() for figure in figures)]
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def number(value: float) -> str:
    """
    Write a number with the digits that matter.

    Examples:
        >>> number(12345.6), number(42.42), number(1.5), number(0.0123)
        ('12,346', '42.4', '1.50', '0.0123')
    """
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    if size >= 1 or size == 0:
        return f"{value:.2f}"
    return f"{value:.3g}"
