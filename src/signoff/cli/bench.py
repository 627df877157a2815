"""`signoff bench`: what a decision costs on this machine and this disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from signoff.cli.output import fail, print_json, progress, told

_THREADS = 16
_ASIDE = 0.2
"""Share of the time for opening databases and for first guesses."""
_FIRST_GUESS = 30
"""Repetitions by which the duration of one is estimated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """
    One measurement.

    Args:
        figure: What was measured.
        unit: In what.
        ours: The value.
    """

    figure: str
    unit: str
    ours: float


@told
def bench(
    seconds: Annotated[float, typer.Option(min=1.0, max=600.0, help="How long to measure, roughly.")] = 5.0,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> None:
    """Measure Signoff on this machine, in a folder beside you that is removed afterwards."""
    import tempfile

    try:
        with tempfile.TemporaryDirectory(prefix=".signoff-bench-", dir=Path.cwd()) as name:
            folder = Path(name)
            parts: tuple[Callable[[Path, float], list[Figure]], ...] = (_disk, _one, _many, _proposing, _handling)
            figures = [
                figure
                for part in progress(parts, what="measuring", total=len(parts))
                for figure in part(folder, (1 - _ASIDE) * seconds / len(parts))
            ]
    except OSError as error:
        fail(f"the current folder cannot be measured: {error.strerror or error}; go to one you may write to", code=1)
    if json:
        print_json(figures)
        return
    width = max(len(figure.figure) for figure in figures)
    for figure in figures:
        value = f"{figure.ours:,.0f}" if figure.ours >= 100 else f"{figure.ours:,.2f}"
        typer.echo(f"{figure.figure:<{width}}  {value:>9} {figure.unit}")
    typer.echo("Each write is on disk (synchronous=FULL) before it counts. These are Signoff's figures alone;")
    typer.echo("`make bench` in the repository measures a peer beside it.")


def _disk(folder: Path, seconds: float) -> list[Figure]:
    from signoff.measure import commit_seconds, percentile

    each = percentile(commit_seconds(folder, _FIRST_GUESS), 0.5)
    (folder / "commit-latency.db").unlink()
    measured = commit_seconds(folder, _times(seconds / 2, each, most=5_000))
    return [Figure(figure="commit of this disk, median", unit="ms", ours=1000 * percentile(measured, 0.5))]


def _one(folder: Path, seconds: float) -> list[Figure]:
    from signoff.measure import full_cycles

    guess = full_cycles(folder / "one-guess.db", _FIRST_GUESS)
    measured = full_cycles(folder / "one.db", _times(seconds, 1 / guess.per_second, most=50_000))
    return [Figure(figure="full cycles, 1 thread", unit="per second", ours=measured.per_second)]


def _many(folder: Path, seconds: float) -> list[Figure]:
    from signoff.measure import full_cycles, percentile

    guess = full_cycles(folder / "many-guess.db", 2 * _THREADS, threads=_THREADS)
    times = _times(seconds, 1 / guess.per_second, most=100_000) // _THREADS * _THREADS
    measured = full_cycles(folder / "many.db", max(times, 2 * _THREADS), threads=_THREADS)
    steps = [taken for step in measured.steps.values() for taken in step]
    return [
        Figure(figure=f"full cycles, {_THREADS} threads", unit="per second", ours=measured.per_second),
        Figure(figure=f"one step of {_THREADS} threads, p99", unit="ms", ours=1000 * percentile(steps, 0.99)),
    ]


def _proposing(folder: Path, seconds: float) -> list[Figure]:
    from signoff.measure import propose_seconds

    guess = 500
    each = propose_seconds(folder / "propose-guess.db", guess) / guess
    times = max(guess, _times(seconds, each, most=10_000))
    taken = propose_seconds(folder / "propose.db", times)
    return [Figure(figure="proposals by propose_many", unit="per second", ours=times / taken)]


def _handling(folder: Path, seconds: float) -> list[Figure]:
    from signoff.measure import handler_seconds, percentile

    each = max(handler_seconds(folder / "handle-guess.db", 10))
    measured = handler_seconds(folder / "handle.db", _times(seconds, each + 0.005, most=2_000))
    return [Figure(figure="verdict to handler, p95", unit="ms", ours=1000 * percentile(measured, 0.95))]


def _times(seconds: float, each: float, *, most: int) -> int:
    return max(_FIRST_GUESS, min(most, int(seconds / each)))
