"""Handlers that hang: with the real worker, tiny time-outs, and events in place of sleeps."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from signoff import Signoff, State
from signoff.testing import FakeClock, MemoryStore

LONG_S = 5.0


class Hanging:
    """A handler whose first call hangs until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.calls = 0

    def __call__(self) -> str:
        self.calls += 1
        if self.calls == 1:
            assert self.let_go.wait(LONG_S)
            return "late"
        return "in time"


def declare(app: Signoff, hanging: Hanging, delivery: str, **declared: Any) -> Any:
    if delivery == "checkable":
        declared.setdefault("check", lambda key: None)

    @app.checkpoint(delivery=delivery, timeout_s=0.05, backoff_s=0, **declared)
    def send(to: str) -> str:
        return hanging()

    return send


@pytest.mark.parametrize("delivery", ["at_most_once", "idempotent", "checkable"])
def test_a_handler_that_hangs_ends_as_its_delivery_says_and_its_late_answer_changes_nothing(
    place: MemoryStore | Path, delivery: str
) -> None:
    hanging, kept = Hanging(), threading.Event()

    def notice(entries: Sequence[Any]) -> None:
        if any(entry.act == "late" for entry in entries):
            kept.set()

    with Signoff(place, clock=FakeClock(), workers=1) as app:
        app.store.on_commit(notice)
        case = declare(app, hanging, delivery).propose(to="ada")
        app.reviewer("grace").approve(case)
        outcome = case.outcome(LONG_S)
        expected = State.UNKNOWN if delivery == "at_most_once" else State.DONE
        assert outcome.state is expected
        assert outcome.value == (None if delivery == "at_most_once" else "in time")
        hanging.let_go.set()
        assert kept.wait(LONG_S)
        assert case.state is expected
        first = app.history(case.id).attempts[0]
        assert (first.ending, first.receipt) == ("timed_out", {"value": "late"})
        assert app.verify().contradictions == []
    assert hanging.calls == (1 if delivery == "at_most_once" else 2)


def test_a_check_finds_what_a_hanging_handler_did(place: MemoryStore | Path) -> None:
    hanging = Hanging()
    with Signoff(place, clock=FakeClock(), workers=1) as app:
        case = declare(app, hanging, "checkable", check=lambda key: f"found {key}").propose(to="ada")
        app.reviewer("grace").approve(case)
        assert case.outcome(LONG_S).value == f"found {case.id}.1"
        hanging.let_go.set()
    assert hanging.calls == 1


def test_a_hanging_handler_holds_up_nobody_else(place: MemoryStore | Path) -> None:
    hanging = Hanging()
    with Signoff(place, clock=FakeClock(), workers=1) as app:
        send = declare(app, hanging, "at_most_once")

        @app.checkpoint
        def publish(title: str) -> str:
            return title

        grace = app.reviewer("grace")
        grace.approve(send.propose(to="ada"))
        other = publish.propose(title="x")
        grace.approve(other)
        # One thread, and it hangs: another one took its place.
        assert other.outcome(LONG_S).value == "x"
        hanging.let_go.set()


def test_out_of_tries_a_handler_that_always_hangs_is_unknown(place: MemoryStore | Path) -> None:
    let_go = threading.Event()
    with Signoff(place, clock=FakeClock(), workers=2) as app:

        @app.checkpoint(delivery="idempotent", timeout_s=0.02, backoff_s=0, max_tries=2)
        def send(to: str) -> None:
            assert let_go.wait(LONG_S)

        case = send.propose(to="ada")
        app.reviewer("grace").approve(case)
        assert case.outcome(LONG_S).state is State.UNKNOWN
        assert len(app.history(case.id).attempts) == 2
        let_go.set()
