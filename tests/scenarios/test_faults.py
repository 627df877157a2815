"""Handlers that fail and databases that refuse: every effect ends as its delivery says, and the worker goes on."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from signoff import Signoff
from signoff.app import CaseHandle, CheckpointFunction
from signoff.domain.case import State
from signoff.engine.execute import current_effect
from signoff.errors import EffectFailed, EffectUnknown, StoreUnavailable
from signoff.ports import Transaction
from signoff.storage.sqlite import SqliteStore
from signoff.testing import RecordingHandler

TIMEOUT_S = 20.0
"""Seconds after which something that should have happened did not."""


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Signoff]:
    with Signoff(tmp_path / "signoff.db", workers=1) as app:
        yield app


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Hold handlers that hang; lets them go at the end of the test, whatever happens."""
    event = threading.Event()
    yield event
    event.set()


def approved(app: Signoff, function: CheckpointFunction[..., Any], text: str = "hello") -> CaseHandle:
    case = function.propose(text=text)
    app.reviewer("grace").approve(case)
    return case


def declare(app: Signoff, name: str, handler: Callable[[str], Any], **options: Any) -> CheckpointFunction[..., Any]:
    @app.checkpoint(name=name, backoff_s=0.01, **options)
    def send(text: str) -> Any:
        return handler(text)

    return send


def require_a_living_worker(app: Signoff) -> None:
    """The one thread that runs handlers takes the next one."""
    name = f"probe-{len(app._functions)}"
    assert approved(app, declare(app, name, str.upper)).outcome(TIMEOUT_S).value == "HELLO"
    assert list(app.verify().contradictions) == []


# --- handlers that raise


@pytest.mark.parametrize(
    ("delivery", "error", "state", "calls"),
    [
        ("at_most_once", ValueError("no"), State.UNKNOWN, 1),
        ("at_most_once", EffectFailed("refused"), State.FAILED, 1),
        ("at_most_once", EffectFailed("later", retry=True), State.DONE, 2),
        ("at_most_once", EffectUnknown("lost the line"), State.UNKNOWN, 1),
        ("idempotent", ValueError("no"), State.DONE, 2),
        ("idempotent", EffectFailed("refused"), State.FAILED, 1),
        ("idempotent", EffectUnknown("lost the line"), State.UNKNOWN, 1),
        ("checkable", ValueError("no"), State.DONE, 1),
        ("checkable", EffectFailed("later", retry=True), State.DONE, 1),
    ],
)
def test_a_handler_that_raises_once_ends_as_its_delivery_says(
    app: Signoff, delivery: str, error: Exception, state: State, calls: int
) -> None:
    handler = RecordingHandler("receipt")
    handler.fail_next(error)
    check = {"check": handler.receipts} if delivery == "checkable" else {}
    send = declare(app, "send", lambda text: handler(text=text), delivery=delivery, **check)
    outcome = approved(app, send).outcome(TIMEOUT_S)
    assert outcome.state is state
    # A checkable effect is asked about first: the call that raised was written down, so it had happened.
    assert len(handler.calls) == calls
    assert len({call.key for call in handler.calls}) == 1
    assert outcome.value == ("receipt" if state is State.DONE else None)
    require_a_living_worker(app)


@pytest.mark.parametrize(("delivery", "state"), [("at_most_once", State.UNKNOWN), ("idempotent", State.UNKNOWN)])
def test_a_handler_that_always_raises_ends_with_a_person(app: Signoff, delivery: str, state: State) -> None:
    def broken(text: str) -> str:
        raise ValueError("never works")

    outcome = approved(app, declare(app, "send", broken, delivery=delivery, max_tries=3)).outcome(TIMEOUT_S)
    assert (outcome.state, outcome.problem) == (state, "ValueError: never works")
    require_a_living_worker(app)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
@pytest.mark.parametrize(("delivery", "state"), [("at_most_once", State.UNKNOWN), ("idempotent", State.DONE)])
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_handler_that_wants_to_exit_does_not_take_the_worker_with_it(
    app: Signoff, kind: type[BaseException], delivery: str, state: State
) -> None:
    handler = RecordingHandler("receipt")
    handler.fail_next(kind())
    send = declare(app, "send", lambda text: handler(text=text), delivery=delivery)
    assert approved(app, send).outcome(TIMEOUT_S / 4).state is state
    require_a_living_worker(app)


def test_an_exit_by_a_library_is_an_error_of_the_handler(app: Signoff) -> None:
    assert (
        approved(app, declare(app, "send", lambda text: sys.exit(text))).outcome(TIMEOUT_S / 4).state is State.UNKNOWN
    )
    require_a_living_worker(app)


def test_a_result_that_is_no_json_is_kept_as_its_description(app: Signoff) -> None:
    class Receipt:
        def __repr__(self) -> str:
            return "<receipt 7>"

    outcome = approved(app, declare(app, "send", lambda text: Receipt())).outcome(TIMEOUT_S)
    assert outcome.state is State.DONE
    assert "<receipt 7>" in str(outcome.value)
    plain = approved(app, declare(app, "plain", lambda text: object())).outcome(TIMEOUT_S)
    assert plain.state is State.DONE
    assert "object object" in str(plain.value)


@pytest.mark.parametrize(
    "result", [float("nan"), {1: 2}, b"\xff\x00", "\ud800", 2**70, {"deep": [[[object()]]]}], ids=lambda r: repr(r)[:20]
)
def test_whatever_a_handler_returns_the_effect_is_done(app: Signoff, result: object) -> None:
    assert approved(app, declare(app, "send", lambda text: result)).outcome(TIMEOUT_S).state is State.DONE
    require_a_living_worker(app)


def test_a_result_whose_description_raises_is_done_all_the_same(app: Signoff) -> None:
    class Rude:
        def __repr__(self) -> str:
            raise RuntimeError("no description")

    assert approved(app, declare(app, "send", lambda text: Rude())).outcome(TIMEOUT_S).state is State.DONE
    require_a_living_worker(app)


# --- handlers that hang


def test_a_handler_that_hangs_holds_up_nothing_else_and_its_late_answer_changes_no_state(
    app: Signoff, release: threading.Event
) -> None:
    late = threading.Event()
    app.store.on_commit(lambda entries: late.set() if any(entry.act == "late" for entry in entries) else None)

    def hang(text: str) -> str:
        assert release.wait(TIMEOUT_S)
        return "late receipt"

    hanging = approved(app, declare(app, "hang", hang, timeout_s=0.2))
    quick = declare(app, "quick", str.upper)
    others = [approved(app, quick, f"case {n}") for n in range(10)]
    assert [case.outcome(TIMEOUT_S).value for case in others] == [f"CASE {n}" for n in range(10)]
    assert hanging.outcome(TIMEOUT_S).state is State.UNKNOWN
    assert not release.is_set()

    release.set()
    assert late.wait(TIMEOUT_S)
    history = app.history(hanging.id)
    assert history.case.state is State.UNKNOWN
    assert history.attempts[0].receipt == {"value": "late receipt"}, "kept for whoever resolves it"
    require_a_living_worker(app)


def test_many_handlers_that_hang_are_all_replaced(app: Signoff, release: threading.Event) -> None:
    hang = declare(app, "hang", lambda text: release.wait(TIMEOUT_S), timeout_s=0.1)
    hanging = [approved(app, hang, str(n)) for n in range(6)]
    assert [case.outcome(TIMEOUT_S).state for case in hanging] == [State.UNKNOWN] * 6
    require_a_living_worker(app)


def test_an_idempotent_handler_that_hangs_once_is_sent_again_with_the_same_key(
    app: Signoff, release: threading.Event
) -> None:
    keys: list[str] = []

    def hang_once(text: str) -> str:
        keys.append(current_effect().key)
        if len(keys) == 1:
            release.wait(TIMEOUT_S)
            return "late"
        return "in time"

    case = approved(app, declare(app, "send", hang_once, delivery="idempotent", timeout_s=0.2))
    outcome = case.outcome(TIMEOUT_S)
    assert (outcome.state, outcome.value) == (State.DONE, "in time")
    assert keys == [f"{case.id}.1"] * 2
    require_a_living_worker(app)


def test_a_late_answer_does_not_end_the_attempt_that_runs_now(app: Signoff, release: threading.Event) -> None:
    second, late = threading.Event(), threading.Event()
    app.store.on_commit(lambda entries: late.set() if any(entry.act == "late" for entry in entries) else None)
    states: list[State] = []

    def hang_once(text: str) -> str:
        if current_effect().attempt == 1:
            release.wait(TIMEOUT_S)
            return "late"
        second.set()
        assert late.wait(TIMEOUT_S)
        states.append(app.case(current_effect().case_id).state)
        return "in time"

    send = declare(app, "send", hang_once, delivery="idempotent", timeout_s=1.0)
    case = approved(app, send)
    assert second.wait(TIMEOUT_S)
    release.set()
    outcome = case.outcome(TIMEOUT_S)
    assert (outcome.state, outcome.value, states) == (State.DONE, "in time", [State.RUNNING])
    assert [a.receipt for a in app.history(case.id).attempts] == [{"value": "late"}, {"value": "in time"}]
    require_a_living_worker(app)


def test_closing_does_not_wait_for_ever_for_a_handler_that_hangs(tmp_path: Path, release: threading.Event) -> None:
    inside = threading.Event()

    def hang(text: str) -> str:
        inside.set()
        release.wait(TIMEOUT_S)
        return "too late"

    app = Signoff(tmp_path / "signoff.db", workers=1)
    case = approved(app, declare(app, "hang", hang))
    assert inside.wait(TIMEOUT_S)
    app.close(timeout_s=0.05)
    with Signoff(tmp_path / "signoff.db", workers=0) as again:
        assert again.case(case.id).state is State.RUNNING, "the lease says what becomes of it"


# --- many


def test_a_thousand_effects_through_four_workers_happen_once_each(tmp_path: Path) -> None:
    handler = RecordingHandler("ok")
    with Signoff(tmp_path / "signoff.db", workers=4) as app:
        send = declare(app, "send", lambda text: handler(text=text))
        cases = send.propose_many({"text": str(n)} for n in range(1000))
        grace = app.reviewer("grace")
        for case in cases:
            grace.approve(case)
        assert {case.outcome(TIMEOUT_S * 2).state for case in cases} == {State.DONE}
        assert list(app.verify().contradictions) == []
    assert Counter(call.case_id for call in handler.calls) == Counter(case.id for case in cases)
    assert Counter(call.arguments["text"] for call in handler.calls) == Counter(str(n) for n in range(1000))


# --- a database that refuses


class WatchedStore(SqliteStore):
    """Tells when a write was refused."""

    def __init__(self, path: Path) -> None:
        self.refused = threading.Semaphore(0)
        super().__init__(path, busy_s=0.05)

    def write(self, work: Callable[[Transaction], Any]) -> Any:
        try:
            return super().write(work)
        except StoreUnavailable:
            self.refused.release()
            raise


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Signoff, WatchedStore, sqlite3.Connection]]:
    """Give an app, its store, and another program's connection to the same file."""
    store = WatchedStore(tmp_path / "signoff.db")
    other = sqlite3.connect(tmp_path / "signoff.db", isolation_level=None, check_same_thread=False)
    with closing(other), Signoff(store, workers=1) as app:
        yield app, store, other


def test_an_ending_that_cannot_be_recorded_is_recorded_later_and_the_effect_is_not_repeated(
    watched: tuple[Signoff, WatchedStore, sqlite3.Connection],
) -> None:
    app, store, other = watched
    handler = RecordingHandler("receipt")

    def lock_meanwhile(text: str) -> Any:
        other.execute("BEGIN IMMEDIATE")
        return handler(text=text)

    case = approved(app, declare(app, "send", lock_meanwhile))
    for _ in range(3):
        assert store.refused.acquire(timeout=TIMEOUT_S)
    assert case.state is State.RUNNING
    other.execute("ROLLBACK")
    assert case.outcome(TIMEOUT_S).value == "receipt"
    assert len(handler.calls) == 1
    require_a_living_worker(app)


def test_a_start_that_is_refused_is_tried_again(watched: tuple[Signoff, WatchedStore, sqlite3.Connection]) -> None:
    app, store, other = watched
    handler = RecordingHandler("receipt")
    send = declare(app, "send", lambda text: handler(text=text), undo_s=0.05)
    case = approved(app, send)
    # The hold ends while the file is locked, so settling and starting are refused.
    other.execute("BEGIN IMMEDIATE")
    if case.state is not State.DONE:
        for _ in range(2):
            assert store.refused.acquire(timeout=TIMEOUT_S)
        assert handler.calls == []
    other.execute("ROLLBACK")
    assert case.outcome(TIMEOUT_S).value == "receipt"
    assert len(handler.calls) == 1
    require_a_living_worker(app)


def test_a_locked_file_refuses_each_verb_and_keeps_nothing_of_it(
    watched: tuple[Signoff, WatchedStore, sqlite3.Connection],
) -> None:
    app, _, other = watched
    send = declare(app, "send", str.upper, undo_s=3600)
    case = send.propose(text="before", key="before")
    other.execute("BEGIN IMMEDIATE")
    grace = app.reviewer("grace")
    verbs: list[Callable[[], Any]] = [
        lambda: send.propose(text="refused", key="refused"),
        lambda: send.propose_many([{"text": "refused"}]),
        lambda: grace.claim(),
        lambda: grace.approve(case, verdict_id="verdict"),
        lambda: grace.hand_over(case, "ada"),
        lambda: case.withdraw(),
    ]
    for verb in verbs:
        with pytest.raises(StoreUnavailable, match="another program") as caught:
            verb()
        assert "signoff.db" in str(caught.value)
    other.execute("ROLLBACK")
    history = app.history(case.id)
    assert (history.case, len(history.entries), history.verdicts) == (case.seen, 1, [])
    assert len(app.cases()) == 1
    assert send.propose(text="refused", key="refused").state is State.WAITING
    assert grace.approve(case, verdict_id="verdict").state is State.HELD
