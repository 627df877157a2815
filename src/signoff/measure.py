"""Measure: what Signoff costs on this machine and disk; shared by `signoff bench` and the repository's benchmarks."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from signoff.app import CheckpointFunction, Reviewer, Signoff
from signoff.domain.case import State
from signoff.domain.proposal import Proposal

MESSAGE = (
    "Hello, the blue kettle I ordered two weeks ago has not arrived yet. "
    "Could you tell me where it is, please? Thank you!"
)
CATEGORY = "shipping"
WARM_UP = 20


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """
    Full cycles: propose, verdict, execute, done; no hold.

    Args:
        wall_s: Seconds from the first start to the last end.
        steps: By step, the seconds each took.
    """

    wall_s: float
    steps: dict[str, list[float]] = field(default_factory=dict)

    @property
    def per_second(self) -> float:
        """Cycles finished per second of wall time."""
        return len(self.steps["execute"]) / self.wall_s


def percentile(seconds: Sequence[float], share: float) -> float:
    """
    Give the value that `share` of the measurements do not exceed.

    Args:
        seconds: At least one measurement.
        share: 0..1.

    Examples:
        >>> percentile([3.0, 1.0, 2.0, 4.0], 0.5)
        2.0
    """
    ordered = sorted(seconds)
    return ordered[max(0, min(len(ordered) - 1, round(share * len(ordered)) - 1))]


def commit_seconds(folder: Path, commits: int) -> list[float]:
    """Time commits of one small row at `synchronous=FULL` in that folder: what the disk itself takes."""
    path = folder / "commit-latency.db"
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE written (row BLOB)")
        seconds = []
        for _ in range(commits):
            start = time.perf_counter()
            connection.execute("INSERT INTO written VALUES (?)", (os.urandom(200),))
            seconds.append(time.perf_counter() - start)
        return seconds
    finally:
        connection.close()


def desk(url: Path | str, *, workers: int = 0) -> tuple[Signoff, CheckpointFunction[..., str], Reviewer]:
    """Open a desk as a user would: schema, hash, ledger and all."""
    app = Signoff(url, workers=workers)

    @app.checkpoint(delivery="idempotent")
    def route(message: str, category: str) -> str:
        """Hand a message to the team of its category."""
        return f"{category} got {len(message)} characters"

    return app, route, app.reviewer("grace")


def full_cycles(url: Path | str, cycles: int, *, threads: int = 1) -> Cycles:
    """
    Run full cycles on a database.

    Args:
        url: The database; a file is made when it does not exist.
        cycles: How many in all.
        threads: From how many threads, >= 1.
    """
    app, route, grace = desk(url)
    steps: dict[str, list[float]] = {"propose": [], "verdict": [], "execute": []}

    def cycle() -> None:
        start = time.perf_counter()
        case = route.propose(message=MESSAGE, category=CATEGORY, evidence={"message": MESSAGE}, confidence=0.8)
        proposed = time.perf_counter()
        grace.approve(case)
        ruled = time.perf_counter()
        app.execute(case.id)
        done = time.perf_counter()
        steps["propose"].append(proposed - start)
        steps["verdict"].append(ruled - proposed)
        steps["execute"].append(done - ruled)

    with app:
        for _ in range(WARM_UP):
            cycle()
        for seconds in steps.values():
            seconds.clear()
        wall_s = _side_by_side(cycle, cycles, threads)
        _require_done(app, cycles + WARM_UP)
    return Cycles(wall_s=wall_s, steps=steps)


def _side_by_side(work: Callable[[], None], times: int, threads: int) -> float:
    def several(count: int) -> None:
        for _ in range(count):
            work()

    if threads == 1:
        start = time.perf_counter()
        several(times)
        return time.perf_counter() - start
    runners = [threading.Thread(target=several, args=(times // threads,)) for _ in range(threads)]
    start = time.perf_counter()
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    return time.perf_counter() - start


def _require_done(app: Signoff, expected: int) -> None:
    done = app.counts().get(State.DONE, 0)
    if done != expected:
        raise RuntimeError(f"{expected} cycles ended with {done} cases done")


def propose_seconds(path: Path, count: int) -> float:
    """Time `propose_many` of that many proposals, each with evidence and a key."""
    app, route, _ = desk(path)
    with app:
        route.propose(message=MESSAGE, category=CATEGORY)
        proposals = [
            Proposal(
                arguments={"message": f"{MESSAGE} ({n})", "category": CATEGORY},
                evidence={"message": MESSAGE},
                confidence=0.8,
                key=f"message-{n}",
            )
            for n in range(count)
        ]
        start = time.perf_counter()
        route.propose_many(proposals)
        return time.perf_counter() - start


def handler_seconds(path: Path, verdicts: int) -> list[float]:
    """Time from the call of a verdict without a hold to the call of the handler, in a worker of this process."""
    called = threading.Event()
    moment = 0.0
    seconds: list[float] = []
    with Signoff(path, workers=2) as app:

        @app.checkpoint(delivery="idempotent")
        def route(message: str) -> int:
            nonlocal moment
            moment = time.perf_counter()
            called.set()
            return len(message)

        grace = app.reviewer("grace")
        for _ in range(verdicts):
            case = route.propose(message=MESSAGE)
            called.clear()
            start = time.perf_counter()
            grace.approve(case)
            if not called.wait(10):
                raise RuntimeError("the handler was not called within 10 s")
            seconds.append(moment - start)
            case.outcome(timeout_s=10)
    return seconds
