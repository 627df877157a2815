"""
A process that works on a Signoff file, until it is told to stop, has nothing left to do, or dies.

    python -m tests.crash.worker hang FOLDER LEASE_S       propose a case, and hang in its handler
    python -m tests.crash.worker deadly FOLDER HOUR HOW    work at that hour, with a handler that ends the process
    python -m tests.crash.worker limited FOLDER LIMITS     run effects within these limits, given as JSON
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from signoff import CheckpointFunction, Signoff, current_effect
from signoff.runtime.leases import Leases
from signoff.storage.sqlite import SqliteStore
from signoff.testing import FakeClock
from tests.crash.receiver import Receiver

START = datetime(2026, 1, 1, tzinfo=UTC)
TIMEOUT_S = 30.0
MAX_TRIES = 3

DEATHS: dict[str, Callable[[], Any]] = {
    "exit": lambda: os._exit(7),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": lambda: ctypes.string_at(0),
}


def tell(**facts: Any) -> None:
    os.write(1, (json.dumps(facts) + "\n").encode())


def hang(folder: Path, lease_s: float) -> None:
    app = Signoff(folder / "signoff.db", workers=1)
    app._leases = Leases(app.store, app.clock, lease_s=lease_s)

    @app.checkpoint(timeout_s=3600)
    def send(text: str) -> None:
        tell(inside=current_effect().case_id)
        threading.Event().wait()

    send.propose(text="hello")
    tell(ready="hang")
    threading.Event().wait()


def deadly(folder: Path, hour: int, how: str) -> None:
    """Take one case of each delivery, whose handlers end the process, and one that is harmless, as far as it gets."""
    receiver = Receiver(folder / "receiver.log")
    app = Signoff(folder / "signoff.db", clock=FakeClock(START + timedelta(hours=hour)), workers=2)

    def declare(name: str, handler: Callable[[], Any], **declared: Any) -> CheckpointFunction[..., Any]:
        @app.checkpoint(name=name, max_tries=MAX_TRIES, backoff_s=0, **declared)
        def run(text: str) -> Any:
            receiver.send(f"{name}.{current_effect().attempt}", once=False)
            return handler()

        return run

    functions = [
        declare("idempotent", DEATHS[how], delivery="idempotent"),
        declare("at_most_once", DEATHS[how]),
        declare("harmless", lambda: "ok", delivery="idempotent"),
    ]
    # One after the other, so that it is clear whose death it was.
    for function in functions:
        case = function.propose(text="x", key="x")
        if case.state.value == "waiting":
            app.reviewer("grace").approve(case)
        tell(checkpoint=function.name, state=case.outcome(TIMEOUT_S).state.value)
    app.close()


def limited(folder: Path, limits: dict[str, Any]) -> None:
    with Signoff(SqliteStore(folder / "signoff.db", busy_s=TIMEOUT_S), workers=1) as app:
        declare_limited(app, folder, **limits)
        tell(ready="limited")
        assert sys.stdin.readline().strip() == "go"
        app.start()
        assert sys.stdin.readline().strip() == "stop"


def declare_limited(app: Signoff, folder: Path, **limits: Any) -> CheckpointFunction[..., Any]:
    """Declare an effect that tells its receiver when it begins and when it ends."""
    receiver = Receiver(folder / "receiver.log")

    @app.checkpoint(name="send", **limits)
    def send(text: str) -> None:
        key = current_effect().key
        receiver.note("begin", key)
        # The work itself: long enough that others begin meanwhile if they may.
        threading.Event().wait(0.02)
        receiver.note("end", key)

    return send


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["hang", folder, lease_s]:
            hang(Path(folder), float(lease_s))
        case ["deadly", folder, hour, how]:
            deadly(Path(folder), int(hour), how)
        case ["limited", folder, given]:
            limited(Path(folder), json.loads(given))
        case _:
            sys.exit(__doc__)
