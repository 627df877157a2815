"""
The peer's cycle: LangGraph stops at ``interrupt()``, a verdict resumes it, the next node has the effect.

Everything is at its default: SqliteSaver opens the file and chooses its own journal and durability, and
the graph runs with LangGraph's default durability mode. Each cycle is a new thread id.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypedDict, TypeVar
from uuid import uuid4

from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import END, START, StateGraph
from langgraph.types import Command, interrupt

PEER_NAME = f"LangGraph {version('langgraph')}, SqliteSaver {version('langgraph-checkpoint-sqlite')}"
THREADS = 16
WARM_UP = 10
MESSAGE = (
    "Hello, the blue kettle I ordered two weeks ago has not arrived yet. "
    "Could you tell me where it is, please? Thank you!"
)
CATEGORY = "shipping"
SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Threaded:
    """
    Cycles that ran side by side.

    Args:
        seconds: Seconds each cycle took.
        wall_s: Seconds from the first start to the last end.
    """

    seconds: list[float]
    wall_s: float

    @property
    def per_second(self) -> float:
        """Cycles finished per second of wall time."""
        return len(self.seconds) / self.wall_s


class Message(TypedDict):
    """The graph's state."""

    message: str
    category: str


def run(path: str | Path, cycles: int) -> list[float]:
    """
    Run cycles one after another on a file database and print the durability in force.

    A few cycles that are not counted come first.

    Args:
        path: Database file; made when it does not exist.
        cycles: How many cycles to run.

    Returns:
        Seconds each cycle took, opening the file and compiling the graph left out.
    """
    return _measure(path, cycles, lambda cycle: [cycle() for _ in range(cycles)])


def run_threads(path: str | Path, cycles: int, *, threads: int = THREADS) -> Threaded:
    """
    Run cycles from several threads that share one compiled graph and its saver.

    Args:
        path: Database file; made when it does not exist.
        cycles: How many cycles to run in all.
        threads: From how many threads.
    """

    def side_by_side(cycle: Callable[[], float]) -> Threaded:
        with ThreadPoolExecutor(threads) as pool:
            start = time.perf_counter()
            seconds = list(pool.map(lambda _: cycle(), range(cycles)))
            return Threaded(seconds=seconds, wall_s=time.perf_counter() - start)

    return _measure(path, cycles, side_by_side)


def durability(connection: sqlite3.Connection) -> str:
    """Say which durability a connection really has, as SQLite reports it."""
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    return f"journal_mode={journal}, synchronous={SYNCHRONOUS[synchronous]}"


def _measure(path: str | Path, cycles: int, drive: Callable[[Callable[[], float]], T]) -> T:
    sent: list[tuple[str, str]] = []

    def review(state: Message) -> dict[str, str]:
        verdict = interrupt({"message": state["message"], "suggestion": state["category"]})
        return {"category": verdict}

    def send(state: Message) -> dict[str, Any]:
        sent.append((state["message"], state["category"]))
        return {}

    builder = StateGraph(Message)
    builder.add_node("review", review)
    builder.add_node("send", send)
    builder.add_edge(START, "review")
    builder.add_edge("review", "send")
    builder.add_edge("send", END)

    with SqliteSaver.from_conn_string(str(path)) as saver:
        saver.setup()
        print(f"{PEER_NAME}: {durability(saver.conn)}, graph durability at its default")
        graph = builder.compile(checkpointer=saver)

        def cycle() -> float:
            start = time.perf_counter()
            config = {"configurable": {"thread_id": str(uuid4())}}
            stopped = graph.invoke({"message": MESSAGE, "category": CATEGORY}, config)
            if "__interrupt__" not in stopped:
                raise RuntimeError("the graph did not stop for a person")
            graph.invoke(Command(resume=CATEGORY), config)
            return time.perf_counter() - start

        for _ in range(WARM_UP):
            cycle()
        sent.clear()
        result = drive(cycle)
    if len(sent) != cycles:
        raise RuntimeError(f"{cycles} cycles had {len(sent)} effects")
    return result


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        alone = run(Path(folder) / "one.db", 300)
        print(f"1 thread: {len(alone) / sum(alone):,.0f} cycles/s")
        print(f"{THREADS} threads: {run_threads(Path(folder) / 'many.db', 600).per_second:,.0f} cycles/s")
