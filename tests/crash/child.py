"""
A process that works on a Signoff database and kills itself at a named point.

    python -m tests.crash.child point FOLDER URL DELIVERY POINT
    python -m tests.crash.child random FOLDER URL SEED STEPS
    python -m tests.crash.child migrate URL STATEMENT

Each line it prints is the acknowledgement of a public call that returned.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg

from signoff import Signoff
from signoff.app import CheckpointFunction, open_store
from signoff.app.upkeep import migrate
from signoff.engine.execute import current_effect
from signoff.ports import Store
from signoff.storage import postgres
from signoff.storage.postgres import PostgresStore
from signoff.storage.sqlite import SqliteStore
from signoff.testing import FakeClock
from tests.crash.receiver import Receiver

START = datetime(2026, 1, 1, tzinfo=UTC)
TIMEOUT_S = 30.0
UNDO_S = 10.0

POINTS = (
    "propose.before_begin",
    "propose.before_commit",
    "propose.after_commit",
    "rule.before_commit",
    "rule.after_commit",
    "settle.before_commit",
    "settle.after_commit",
    "start.before_commit",
    "start.after_commit",
    "handler.before_effect",
    "handler.after_effect",
    "finish.before_commit",
    "finish.after_commit",
)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    # The signal is delivered before the call returns; this is for a platform where it is not.
    threading.Event().wait()


def acknowledge(*words: str) -> None:
    """Print one line in one system call, so that what was printed is what was acknowledged."""
    os.write(1, (" ".join(words) + "\n").encode())


class Scene:
    """Where the process is, and at which point it dies."""

    def __init__(self, point: str | None = None) -> None:
        self.point = point
        self.act = "open"

    def at(self, moment: str) -> None:
        if f"{self.act}.{moment}" == self.point:
            die()


def watch(store: Store, at: Callable[[str], Any]) -> None:
    """Call `at` around every begin and commit of a write."""
    if isinstance(store, SqliteStore):
        _watch_session(type(store._session), at)
    else:
        assert isinstance(store, PostgresStore)
        _watch_statements(store, at)


def _watch_session(session: Any, at: Callable[[str], Any]) -> None:
    begin, commit = session.begin, session.commit

    def watched_begin(self: Any) -> None:
        at("before_begin")
        begin(self)

    def watched_commit(self: Any) -> None:
        at("before_commit")
        commit(self)
        at("after_commit")

    session.begin, session.commit = watched_begin, watched_commit


def _watch_statements(store: PostgresStore, at: Callable[[str], Any]) -> None:
    execute, committed = psycopg.Connection.execute, store._line.committed
    moments = {postgres._BEGIN: "before_begin", "COMMIT": "before_commit"}

    def watched_execute(self: Any, query: Any, *rest: Any, **options: Any) -> Any:
        if query in moments:
            at(moments[query])
        return execute(self, query, *rest, **options)

    def watched_committed() -> None:
        at("after_commit")
        committed()

    psycopg.Connection.execute = watched_execute  # type: ignore[method-assign]
    store._line.committed = watched_committed  # type: ignore[method-assign]


def declare(
    app: Signoff, receiver: Receiver, delivery: str, at: Callable[[str], Any], *, undo_s: float = UNDO_S
) -> CheckpointFunction[..., Any]:
    """Declare the checkpoint of that delivery, whose effect is a line at the receiver."""
    checkable = delivery == "checkable"

    @app.checkpoint(
        name=delivery,
        delivery=delivery,
        undo_s=undo_s,
        timeout_s=TIMEOUT_S,
        check=receiver.look_up if checkable else None,
    )
    def send(text: str) -> str:
        at("before_effect")
        receipt = receiver.send(current_effect().key, once=delivery == "idempotent")
        at("after_effect")
        return receipt

    return send


def run_to_point(folder: Path, url: str, delivery: str, point: str) -> None:
    """Take one case all the way, then another until the point."""
    scene = Scene()
    store = open_store(url)
    watch(store, scene.at)
    clock = FakeClock(START)
    app = Signoff(store, clock=clock, workers=0)

    def at_handler(moment: str) -> None:
        scene.act = "handler"
        scene.at(moment)
        scene.act = "finish"

    send = declare(app, Receiver(folder / "receiver.log"), delivery, at_handler)
    grace = app.reviewer("grace")
    for name in ("first", "second"):
        scene.point = point if name == "second" else None
        scene.act = "propose"
        case = send.propose(text=name, key=name)
        acknowledge("proposed", case.id)
        scene.act = "rule"
        grace.approve(case, verdict_id=f"verdict-{name}")
        acknowledge("ruled", case.id)
        clock.advance(UNDO_S)
        scene.act = "settle"
        store.write(lambda tx, id=case.id: settle(tx, id, clock.now()))
        acknowledge("settled", case.id)
        scene.act = "start"
        app.execute(case.id)
        acknowledge("executed", case.id)


def settle(tx: Any, case_id: str, now: datetime) -> None:
    from signoff.engine.execute import settle as settle_case

    settle_case(tx, case_id, now=now)


def run_at_random(folder: Path, url: str, seed: str, steps: int) -> None:
    """Let four threads run full cycles, and die at a step that the seed chooses."""
    dice = random.Random(seed)
    left = dice.randrange(1, steps)
    counting = threading.Lock()

    def at(_: str) -> None:
        nonlocal left
        with counting:
            left -= 1
            if left == 0:
                die()

    store = open_store(url)
    watch(store, at)
    receiver = Receiver(folder / "receiver.log")
    app = Signoff(store, clock=FakeClock(START), workers=0)
    functions = [declare(app, receiver, delivery, at, undo_s=0) for delivery in ("idempotent", "at_most_once")]

    def work(thread: int) -> None:
        reviewer = app.reviewer(f"reviewer-{thread}")
        for number in range(1_000_000):
            case = functions[number % 2].propose(text=f"{seed}, {thread}, {number}")
            acknowledge("proposed", case.id)
            reviewer.approve(case, verdict_id=f"verdict-{case.id}")
            acknowledge("ruled", case.id)
            app.execute(case.id)
            acknowledge("executed", case.id)

    for thread in range(4):
        threading.Thread(target=work, args=(thread,)).start()


def die_in_migration(url: str, statement: int) -> None:
    """Die inside the transaction that makes or changes the tables, before its n-th statement."""
    import sqlalchemy as sa

    count = 0

    def before(connection: Any, cursor: Any, sql: str, *rest: Any) -> None:
        nonlocal count
        if sql.lstrip().startswith(("CREATE", "ALTER", "DROP", "INSERT", "UPDATE", "COMMIT")):
            count += 1
            if count == statement:
                acknowledge("in", sql.split("(")[0].strip())
                die()

    sa.event.listen(sa.Engine, "before_cursor_execute", before)
    (migrate if "://" in url else open_store)(url)
    acknowledge("opened", str(count))


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["point", folder, url, delivery, point]:
            run_to_point(Path(folder), url, delivery, point)
        case ["random", folder, url, seed, steps]:
            run_at_random(Path(folder), url, seed, int(steps))
        case ["migrate", url, statement]:
            die_in_migration(url, int(statement))
        case _:
            sys.exit(__doc__)
