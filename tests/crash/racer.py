"""
A process that shares a Signoff database with others.

    python -m tests.crash.racer race FOLDER URL NAME STORE     rule on every case and execute it, at "go"
    python -m tests.crash.racer open FOLDER URL NAME           open the database at "go", and do a whole cycle
    python -m tests.crash.racer rule FOLDER URL CASE           approve one case, and run it, at "go"
    python -m tests.crash.racer work FOLDER URL                run a worker until told to stop

STORE is `real`, or `careless` for one that changes records without comparing them first.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from signoff import Signoff
from signoff.app import CheckpointFunction
from signoff.domain.case import Case
from signoff.engine.execute import current_effect
from signoff.errors import SignoffError, StoreUnavailable
from signoff.ports import Store
from signoff.storage.postgres import PostgresStore
from signoff.storage.sqlite import SqliteStore
from tests.crash.receiver import Receiver

PATIENT_S = 30.0
"""Seconds to wait for the other processes' writes."""


def opened(url: str, *, careless: bool = False) -> Store:
    """Open a database that waits long for others; a careless one does not compare before it swaps."""
    store = (PostgresStore if "://" in url else SqliteStore)(url, busy_s=PATIENT_S)
    if careless:
        write = store.write
        store.write = lambda work: write(lambda tx: work(_Careless(tx)))  # type: ignore[method-assign,arg-type,return-value]
    return store


class _Careless:
    def __init__(self, tx: Any) -> None:
        self._tx = tx

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tx, name)

    def change(self, kind: Any, key: Any, *, expect: Any, to: Any) -> bool:
        return bool(self._tx.change(kind, key, expect={}, to=to))


def declare(app: Signoff, folder: Path) -> CheckpointFunction[..., str]:
    """Declare the checkpoint all processes share; its receiver doubles what it is sent twice."""
    receiver = Receiver(folder / "receiver.log")

    @app.checkpoint(name="send")
    def send(text: str) -> str:
        return receiver.send(current_effect().key, once=False)

    return send


def tell(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def wait_for(word: str) -> None:
    assert sys.stdin.readline().strip() == word


def patiently(call: Callable[[], Any]) -> Any:
    """Try again when the others held the file for too long; nothing was kept then."""
    while True:
        try:
            return call()
        except StoreUnavailable:
            continue


def race(folder: Path, url: str, name: str, kind: str) -> None:
    with Signoff(opened(url, careless=kind == "careless"), workers=0) as app:
        declare(app, folder)
        reviewer = app.reviewer(name)
        seen: list[Case] = []
        while page := app.cases(states=["waiting"], after=seen[-1].id if seen else None, limit=200):
            seen += page
        tell(seen=len(seen))
        wait_for("go")
        for case in seen:
            try:
                patiently(lambda case=case: reviewer.approve(case, verdict_id=f"{name} on {case.id}"))
                tell(case=case.id, won=True)
            except SignoffError as error:
                tell(case=case.id, won=False, error=error.code, told=error.facts.get("reviewer"))
            try:
                patiently(lambda case=case: app.execute(case.id))
            except SignoffError as error:
                tell(case=case.id, error=error.code)


def open_at_once(folder: Path, url: str, name: str) -> None:
    tell(ready=name)
    wait_for("go")
    with Signoff(url, workers=0) as app:
        case = declare(app, folder).propose(text=name, key=name)
        app.reviewer("grace").approve(case)
        app.execute(case.id)
        tell(case=case.id, state=case.state.value)


def rule(folder: Path, url: str, case_id: str) -> None:
    with Signoff(url, workers=0) as app:
        declare(app, folder)
        tell(ready=case_id)
        wait_for("go")
        app.reviewer("grace").approve(app.case(case_id))
        app.run_due()


def work(folder: Path, url: str) -> None:
    with Signoff(url, workers=2) as app:
        declare(app, folder)
        app.start()
        tell(ready="worker")
        wait_for("stop")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["race", folder, url, name, kind]:
            race(Path(folder), url, name, kind)
        case ["open", folder, url, name]:
            open_at_once(Path(folder), url, name)
        case ["rule", folder, url, case_id]:
            rule(Path(folder), url, case_id)
        case ["work", folder, url]:
            work(Path(folder), url)
        case _:
            sys.exit(__doc__)
