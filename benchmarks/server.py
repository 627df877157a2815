"""
The server's figures: a real `signoff serve` process, asked over HTTP, on SQLite and, beside it, PostgreSQL.

Ours is as shipped, with synchronous=FULL. Server, worker and load share this machine's processors.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.figures import Bar, Figure, report
from benchmarks.load import Connection, Tally, crowd, timed
from signoff import Role, Signoff, State, measure
from signoff.domain.account import Scope
from signoff.measure import percentile
from tests.postgres import Server

ROUNDS = 3
WAITING = 100_000
LABEL_STUDIO = 7.5
"""Annotations a second of Label Studio 1.x, measured with the same hardware; it is not run here again."""


def main() -> None:
    """Measure, print and write `results/server.json`."""
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        figures = [*proposals(folder), *flood(folder), *reviewing(folder), *postgres(folder)]
    report("server", figures)


# --- the server


class Desk:
    """
    A served database.

    Args:
        url: The database.
        workers: Handlers at a time in the server.
    """

    def __init__(self, url: str, *, workers: int = 0) -> None:
        self.url = url
        self._environment = {**os.environ, "SIGNOFF_URL": url, "SIGNOFF_BENCH_WORKERS": str(workers)}
        with Signoff(url, workers=0) as app:
            people = [f"reviewer-{n}" for n in range(16)]
            for person in people:
                app.accounts.create(person, roles=[Role.REVIEWER], by="bench")
            self.people = [app.accounts.issue_token(p, scopes=[Scope.REVIEW], by="bench")[0] for p in people]
            self.agent = app.accounts.issue_token("agent", scopes=[Scope.PROPOSE], by="bench")[0]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "signoff", "serve", "benchmarks.desk:app", "--port", "0"],
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        line = next(line for line in self._process.stdout if "http://" in line)
        at = urlsplit(line.partition("http://")[2].join(("http://", "")).split()[0])
        self.address = (at.hostname or "127.0.0.1", at.port or 0)

    def connection(self, token: str) -> Connection:
        """Open one connection."""
        return Connection(self.address, token)

    def memory_mib(self, what: str = "VmRSS") -> float:
        """Give the server's memory."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith(what))
        return int(line.split()[1]) / 1024

    def close(self) -> None:
        """End it as systemd would."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)


@contextmanager
def served(url: str, *, workers: int = 0) -> Iterator[Desk]:
    """Serve a database for the block."""
    desk = Desk(url, workers=workers)
    try:
        yield desk
    finally:
        desk.close()


def fill(url: str, count: int) -> None:
    """Let cases wait."""
    with Signoff(url, workers=0) as app:

        @app.checkpoint(undo_s=0, delivery="idempotent")
        def publish(sku: str, title: str, cents: int) -> str:
            """Put a product text online."""
            return f"{sku}: {title} at {cents}"

        publish.propose_many(an_argument(n) for n in range(count))


def an_argument(n: int) -> dict[str, Any]:
    """Make arguments of an ordinary size."""
    return {"sku": f"A{n:06}", "title": f"Steel kettle number {n}, 1.7 litres, with a lid that stays cool", "cents": n}


def a_proposal(n: int) -> dict[str, Any]:
    """Make a proposal as an agent sends it."""
    return {
        "checkpoint": "publish",
        "arguments": an_argument(n),
        "evidence": {"row": {"sku": f"A{n:06}", "supplier": "Kettles & Co", "material": "steel"}},
        "confidence": 0.9,
        "key": str(uuid.uuid4()),
    }


# --- proposing


def proposals(folder: Path) -> list[Figure]:
    """`POST /proposals` from sixteen connections, and NDJSON of 10,000."""
    rates, tails, streams, idle = [], [], [], []
    for n in range(ROUNDS):
        with served(str(folder / f"propose{n}.db")) as desk:
            idle.append(desk.memory_mib())
            tally = _propose(desk, connections=16, each=200)
            tally = _propose(desk, connections=16, each=250)
            rates.append(len(tally.seconds["propose"]) / tally.wall_s)
            tails.append(1e3 * percentile(tally.seconds["propose"], 0.99))
            streams.append(10_000 / _stream(desk, 10_000))
    return [
        Figure(
            figure="POST /proposals, 16 connections",
            unit="/s",
            ours=statistics.median(rates),
            bar=Bar(better="higher", absolute=800),
        ),
        Figure(figure="the same, p99", unit="ms", ours=statistics.median(tails), bar=Bar(better="lower", absolute=60)),
        Figure(
            figure="NDJSON of 10,000 proposals",
            unit="/s",
            ours=statistics.median(streams),
            bar=Bar(better="higher", absolute=5_000),
        ),
        Figure(figure="server, idle", unit="MiB", ours=max(idle), bar=Bar(better="lower", absolute=160)),
    ]


def _propose(desk: Desk, *, connections: int, each: int) -> Tally:
    tally = Tally()
    open_ = [desk.connection(desk.agent) for _ in range(connections)]

    def one(number: int) -> None:
        for n in range(each):
            timed(tally, "propose", open_[number], "POST", "/proposals", a_proposal(n))

    with tally.timed():
        crowd(connections, one)
    for connection in open_:
        connection.close()
    return tally


def _stream(desk: Desk, count: int) -> float:
    body = b"".join(json.dumps(a_proposal(n)).encode() + b"\n" for n in range(count))
    with socket.create_connection(desk.address, timeout=120) as connection:
        head = (
            f"POST /api/v1/proposals/batch HTTP/1.1\r\nHost: {desk.address[0]}\r\nConnection: close\r\n"
            f"Authorization: Bearer {desk.agent}\r\nContent-Type: application/x-ndjson\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        began = time.perf_counter()
        connection.sendall(head.encode() + body)
        answer = b"".join(iter(lambda: connection.recv(1 << 20), b""))
        took = time.perf_counter() - began
    kept = answer.count(b'"state":"waiting"')
    if kept != count:
        raise RuntimeError(f"{kept} of {count} lines were kept")
    return took


def flood(folder: Path) -> list[Figure]:
    """10,000 proposals at the same moment, each on a connection of its own."""
    with served(str(folder / "flood.db")) as desk:
        counted = asyncio.run(_flood(desk, 10_000))
        peak = desk.memory_mib("VmHWM")
        strange = {what: n for what, n in counted.items() if what not in ("201", "429")}
        print(f"10,000 proposals at once: {dict(sorted(counted.items()))}, peak {peak:,.0f} MiB")
        with Signoff(desk.url, workers=0) as app:
            kept = sum(app.counts().values())
        if kept != counted.get("201", 0):
            raise RuntimeError(f"{counted} but {kept} are kept")
    return [
        Figure(
            figure="10,000 proposals at once: neither 201 nor 429 with Retry-After",
            unit="",
            ours=float(sum(strange.values())),
            bar=Bar(better="lower", absolute=0),
        ),
        Figure(figure="the same, peak memory", unit="MiB", ours=peak, bar=Bar(better="lower", absolute=1024)),
    ]


async def _flood(desk: Desk, count: int) -> dict[str, int]:
    counted: dict[str, int] = {}
    gate = asyncio.Event()

    async def one(n: int) -> None:
        body = json.dumps(a_proposal(n)).encode()
        head = (
            f"POST /api/v1/proposals HTTP/1.1\r\nHost: {desk.address[0]}\r\nConnection: close\r\n"
            f"Authorization: Bearer {desk.agent}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        await gate.wait()
        try:
            reader, writer = await asyncio.open_connection(*desk.address)
            writer.write(head.encode() + body)
            answer = await reader.read()
            what = answer[9:12].decode() or "closed"
            if what == "429" and b"retry-after" not in answer.lower():
                what = "429 without Retry-After"
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        except OSError as error:
            what = type(error).__name__
        counted[what] = counted.get(what, 0) + 1

    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 65_536)), hard))
    tasks = [asyncio.create_task(one(n)) for n in range(count)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*tasks)
    return counted


# --- reviewing


def reviewing(folder: Path) -> list[Figure]:
    """Next and verdict with 100,000 cases waiting, for one, four and sixteen people."""
    url = str(folder / "review.db")
    with served(url) as desk:
        fill(url, WAITING)
        alone = [_review(desk, people=1, each=100) for _ in range(ROUNDS)]
        four = [_review(desk, people=4, each=100) for _ in range(ROUNDS)]
        sixteen = [_review(desk, people=16, each=50) for _ in range(ROUNDS)]
        memory = desk.memory_mib()
        doubled = _doubled(url, expected=ROUNDS * (100 + 400 + 800))

    def p95(what: str) -> float:
        return 1e3 * statistics.median(percentile(tally.seconds[what], 0.95) for tally in alone)

    def rate(tallies: list[Tally]) -> float:
        return statistics.median(len(tally.seconds["verdict"]) / tally.wall_s for tally in tallies)

    peer = {"peer": LABEL_STUDIO, "peer_name": "Label Studio, as stated"}
    return [
        Figure(
            figure=f"next, {WAITING:,} waiting, one person, p95",
            unit="ms",
            ours=p95("next"),
            bar=Bar(better="lower", absolute=8),
        ),
        Figure(figure="verdict, p95", unit="ms", ours=p95("verdict"), bar=Bar(better="lower", absolute=12)),
        Figure(
            figure="4 people at once, no think time",
            unit="verdicts/s",
            ours=rate(four),
            bar=Bar(better="higher", absolute=75),
            **peer,
        ),
        Figure(
            figure="16 people at once",
            unit="verdicts/s",
            ours=rate(sixteen),
            bar=Bar(better="higher", absolute=150),
            **peer,
        ),
        Figure(figure="cases ruled on twice", unit="", ours=doubled, bar=Bar(better="lower", absolute=0)),
        Figure(figure=f"server with {WAITING:,} cases", unit="MiB", ours=memory, bar=Bar(better="lower", absolute=300)),
    ]


def _review(desk: Desk, *, people: int, each: int) -> Tally:
    tally = Tally()
    seats = [desk.connection(token) for token in desk.people[:people]]

    def one(number: int) -> None:
        seat = seats[number]
        for _ in range(each):
            began = time.perf_counter()
            (case,) = timed(tally, "claim", seat, "POST", "/claims", {"limit": 1})
            timed(tally, "view", seat, "GET", f"/cases/{case['id']}")
            tally.add("next", time.perf_counter() - began, 200)
            verdict = {
                "id": str(uuid.uuid4()),
                "kind": "approved",
                "revision": case["revision"],
                "content_hash": case["content_hash"],
                "fence": case["fence"],
            }
            timed(tally, "verdict", seat, "POST", f"/cases/{case['id']}/verdict", verdict)

    with tally.timed():
        crowd(people, one)
    for seat in seats:
        seat.close()
    return tally


def _doubled(url: str, *, expected: int) -> float:
    with Signoff(url, workers=0) as app:
        ruled = list(app.verdicts())
        if len(ruled) != expected:
            raise RuntimeError(f"{len(ruled)} cases were ruled on, {expected} verdicts were acknowledged")
        return float(sum(len(history.verdicts) != 1 for history in ruled))


# --- PostgreSQL beside SQLite


def postgres(folder: Path) -> list[Figure]:
    """Full cycles from sixteen threads, and two worker processes that drain 10,000 effects."""
    with Server(durable=True) as server, contextlib.ExitStack() as databases:

        def fresh() -> str:
            return databases.enter_context(server.database())

        on_lite = [measure.full_cycles(folder / f"cycles{n}.db", 1_600, threads=16).per_second for n in range(ROUNDS)]
        on_pg = [measure.full_cycles(fresh(), 1_600, threads=16).per_second for _ in range(ROUNDS)]
        drained_lite = [_drain(str(folder / f"drain{n}.db")) for n in range(ROUNDS)]
        drained_pg = [_drain(fresh()) for _ in range(ROUNDS)]
        with served(fresh()) as desk:
            fill(desk.url, 10_000)
            people = [_review(desk, people=16, each=50) for _ in range(ROUNDS)]
    any_rate = Bar(better="higher", absolute=0)
    beside = {"peer_name": "SQLite, ours"}
    return [
        Figure(
            figure="PostgreSQL: full cycles, 16 threads",
            unit="cycles/s",
            ours=statistics.median(on_pg),
            peer=statistics.median(on_lite),
            bar=any_rate,
            **beside,
        ),
        Figure(
            figure="PostgreSQL: 2 worker processes drain 10,000 effects",
            unit="effects/s",
            ours=statistics.median(drained_pg),
            peer=statistics.median(drained_lite),
            bar=any_rate,
            **beside,
        ),
        Figure(
            figure="PostgreSQL: 16 people at once",
            unit="verdicts/s",
            ours=statistics.median(len(t.seconds["verdict"]) / t.wall_s for t in people),
            bar=any_rate,
        ),
    ]


def _drain(url: str) -> float:
    """Let two processes run 10,000 effects; each must have run once."""
    count = 10_000
    with Signoff(url, workers=0) as app:

        @app.checkpoint(undo_s=0, oversight="automate", chosen_by="lead", delivery="idempotent")
        def sort(sku: str, folder: str) -> str:
            """File a product; it needs nobody."""
            return f"{sku} in {folder}"

        sort.propose_many({"sku": f"A{n}", "folder": "kettles"} for n in range(count))
        environment = {**os.environ, "SIGNOFF_URL": url}
        command = [sys.executable, "-m", "signoff", "worker", "benchmarks.desk:app"]
        began = time.perf_counter()
        workers = [
            subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(2)
        ]
        try:
            _until(lambda: app.counts().get(State.DONE, 0) == count)
            took = time.perf_counter() - began
        finally:
            for worker in workers:
                worker.terminate()
            for worker in workers:
                worker.wait(30)
        found = app.verify()
        if found.contradictions or found.effects != count:
            raise RuntimeError(f"{found.effects} effects, {found.contradictions[:3]}")
    return count / took


def _until(done: Callable[[], bool], *, most_s: float = 300) -> None:
    end = time.monotonic() + most_s
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(f"not done after {most_s:g} s")
        time.sleep(0.05)


if __name__ == "__main__":
    main()
