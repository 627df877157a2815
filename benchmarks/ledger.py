"""
The ledger's figures, ours beside LangGraph's interrupt and resume in the same run.

Ours is as shipped: schema, canonical bytes, hash, ledger and group commit, on a file with synchronous=FULL. The
two take turns, and the median of the rounds counts, because the machine's disk and neighbours change within minutes.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from benchmarks.figures import Bar, Figure, report
from benchmarks.peers import langgraph_cycles as peer
from signoff import measure

ROUNDS = 3
THREADS = 16
T = TypeVar("T")


def main() -> None:
    """Measure, print and write `results/ledger.json`."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        report("ledger", [*cycles(Path(folder)), *bulk(Path(folder)), *queues(Path(folder)), *starts()])


def cycles(folder: Path) -> list[Figure]:
    """Full cycles, from one thread and from sixteen."""
    ours, theirs, ours_many, theirs_many, p99 = [], [], [], [], []
    for n in range(ROUNDS):
        commit = statistics.median(measure.commit_seconds(_fresh(folder / f"commit{n}"), 500))
        print(f"round {n + 1}: a commit of one row at FULL takes {1e6 * commit:,.0f} µs on this disk")
        one = measure.full_cycles(folder / f"one{n}.db", 1_000)
        alone = peer.run(folder / f"peer-one{n}.db", 200)
        many = measure.full_cycles(folder / f"many{n}.db", 3_200, threads=THREADS)
        crowd = peer.run_threads(folder / f"peer-many{n}.db", 400, threads=THREADS)
        ours.append(one.per_second)
        theirs.append(len(alone) / sum(alone))
        ours_many.append(many.per_second)
        theirs_many.append(crowd.per_second)
        p99.append(max(measure.percentile(seconds, 0.99) for seconds in many.steps.values()))
    return [
        Figure(
            figure="propose → verdict → execute → done, 1 thread",
            unit="cycles/s",
            ours=statistics.median(ours),
            peer=statistics.median(theirs),
            peer_name=peer.PEER_NAME,
            bar=Bar(better="higher", absolute=1_000, ratio=4),
        ),
        Figure(
            figure=f"the same, {THREADS} threads",
            unit="cycles/s",
            ours=statistics.median(ours_many),
            peer=statistics.median(theirs_many),
            peer_name=peer.PEER_NAME,
            bar=Bar(better="higher", absolute=2_000),
        ),
        Figure(
            figure=f"slowest step, {THREADS} threads, p99",
            unit="ms",
            ours=1e3 * statistics.median(p99),
            bar=Bar(better="lower", absolute=25),
        ),
    ]


def bulk(folder: Path) -> list[Figure]:
    """`propose_many` of 10,000, and the way from a verdict to the handler."""
    many = [10_000 / measure.propose_seconds(folder / f"bulk{n}.db", 10_000) for n in range(ROUNDS)]
    waits = [measure.percentile(measure.handler_seconds(folder / f"handler{n}.db", 300), 0.95) for n in range(ROUNDS)]
    return [
        Figure(
            figure="propose_many of 10,000",
            unit="proposals/s",
            ours=statistics.median(many),
            bar=Bar(better="higher", absolute=12_000),
        ),
        Figure(
            figure="verdict → handler called, p95",
            unit="ms",
            ours=1e3 * statistics.median(waits),
            bar=Bar(better="lower", absolute=20),
        ),
    ]


def queues(folder: Path) -> list[Figure]:
    """The first page of a queue and a batch of claims, at 1,000 and at 100,000 waiting cases."""
    pages, claims = {}, {}
    for waiting in (1_000, 100_000):
        app, route, grace = measure.desk(folder / f"queue{waiting}.db")
        with app:
            message = {"message": measure.MESSAGE, "category": measure.CATEGORY}
            route.propose_many(message for _ in range(waiting))
            pages[waiting] = _rounds(200, lambda grace=grace: grace.queue("route", limit=50))
            held: list[str] = []

            def claim(grace: measure.Reviewer = grace, held: list[str] = held) -> None:
                held[:] = [case.id for case in grace.claim(10, checkpoint="route")]

            def release(grace: measure.Reviewer = grace, held: list[str] = held) -> None:
                for case_id in held:
                    grace.release(case_id)

            claims[waiting] = _rounds(200, claim, after=release)
    return [
        Figure(
            figure=f"{what} at 100,000 waiting, p95; peer: at 1,000",
            unit="ms",
            ours=1e3 * seconds[100_000],
            peer=1e3 * seconds[1_000],
            peer_name="ours at 1,000",
            bar=Bar(better="lower", absolute=5, ratio=1.5),
        )
        for what, seconds in (("first queue page of 50", pages), ("one claim batch of 10", claims))
    ]


def starts() -> list[Figure]:
    """How long a program waits for the import, and a person for the help."""
    bare = _process([sys.executable, "-c", "pass"])
    imported = _process([sys.executable, "-c", "import signoff; signoff.Signoff"]) - bare
    shown = _process([str(Path(sys.executable).with_name("signoff")), "--help"])
    light = _process([sys.executable, "-c", "import signoff"]) - bare
    return [
        Figure(figure="import signoff", unit="s", ours=light, bar=Bar(better="lower", absolute=0.3)),
        Figure(
            figure="import signoff, and Signoff loaded",
            unit="s",
            ours=imported,
            bar=Bar(better="lower", absolute=0.3),
        ),
        Figure(figure="signoff --help", unit="s", ours=shown, bar=Bar(better="lower", absolute=0.4)),
    ]


def _rounds(times: int, work: Callable[[], object], *, after: Callable[[], object] = int) -> float:
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
        after()
    return measure.percentile(seconds, 0.95)


def _process(command: list[str]) -> float:
    seconds = []
    for _ in range(9):
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _fresh(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
