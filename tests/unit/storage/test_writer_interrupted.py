"""Group commit under Ctrl+C: the write is kept or undone, and those behind it in line go on."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import pytest

from signoff.storage import writer
from tests.unit.storage.line import TIMEOUT_S, Line, insert


@contextmanager
def ctrl_c_when(ready: Callable[[], object]) -> Iterator[None]:
    """Send this thread, which must be the main one, a Ctrl+C as soon as `ready` returns, in another thread."""
    main = threading.main_thread()
    assert threading.current_thread() is main
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def send() -> None:
        ready()
        signal.pthread_kill(main.ident or 0, signal.SIGINT)

    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    try:
        yield
    finally:
        sender.join(TIMEOUT_S)
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_in_a_thread_that_waits_leaves_the_line_whole(line: Line) -> None:
    leader = line.lead()
    others: list[Future[Any]] = []

    def ready() -> None:
        line.wait_for(1)
        others.append(line.start(line.writer.write, insert("other")))
        line.wait_for(2)
        # The write may be waited for or given up; either way it must not be waited for here.
        threading.Timer(0.05, line.go_on.set).start()

    with ctrl_c_when(ready), pytest.raises(KeyboardInterrupt):
        line.writer.write(insert("interrupted"))
    assert (leader.result(TIMEOUT_S), others[0].result(TIMEOUT_S)) == ("leader", "other")
    assert [row for row in line.session.kept if row != "interrupted"] == ["leader", "other"]
    assert line.session.kept.count("interrupted") == line.announced.count("interrupted") <= 1
    line.goes_on()


def test_ctrl_c_in_the_thread_that_leads_leaves_the_line_whole(line: Line) -> None:
    queued: list[Future[Any]] = []

    def ready() -> None:
        assert line.inside.wait(TIMEOUT_S)
        queued.extend(line.queue(insert("a"), insert("b")))
        threading.Timer(0.05, line.go_on.set).start()

    with ctrl_c_when(ready), pytest.raises(KeyboardInterrupt):
        line.writer.write(line.hold)
    assert [f.result(TIMEOUT_S) for f in queued] == ["a", "b"]
    assert [row for row in line.session.kept if row != "leader"] == ["a", "b"]
    assert line.session.kept.count("leader") == line.announced.count("leader") <= 1
    line.goes_on()


@pytest.mark.parametrize("contended", [False, True])
def test_ctrl_c_at_any_line_of_the_writer_leaves_the_line_whole(contended: bool) -> None:
    number = 1
    while _interrupted_at(number, contended):
        number += 1
    assert number > 20, "the lines of the writer were not seen"


def _interrupted_at(number: int, contended: bool) -> bool:
    """Write with a Ctrl+C at the n-th line the writer runs in this thread; tell whether there was such a line."""
    line = Line()
    seen = 0

    def at_line(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal seen
        if event == "line":
            seen += 1
            if seen == number:
                signal.raise_signal(signal.SIGINT)
        return at_line

    def at_call(frame: FrameType, event: str, arg: Any) -> Any:
        return at_line if frame.f_code.co_filename == writer.__file__ else None

    def own(tx: Any) -> str:
        tx.insert("own")
        if contended:
            queued.extend(line.queue(insert("queued")))
        return "own"

    queued: list[Future[Any]] = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    traced = sys.gettrace()
    try:
        sys.settrace(at_call)
        with suppress(KeyboardInterrupt):
            line.writer.write(own)
    finally:
        sys.settrace(traced)
        signal.signal(signal.SIGINT, before)
    assert [f.result(TIMEOUT_S) for f in queued] == ["queued"] * len(queued)
    assert line.session.kept in ([], ["own"], ["own", "queued"])
    line.goes_on()
    return seen >= number


def lead_a_batch(line: Line, works: Sequence[Callable[[Any], Any]]) -> tuple[list[Any], BaseException | None]:
    """Let this thread lead a batch with those works behind its own; give their futures and what it raised."""
    first = line.lead()
    raised: BaseException | None = None
    queued: list[Any] = []
    done = threading.Event()

    def others() -> None:
        line.wait_for(1)
        queued.extend(line.start(line.writer.write, work) for work in works)
        line.wait_for(1 + len(works))
        line.go_on.set()
        done.set()

    helper = threading.Thread(target=others, daemon=True)
    helper.start()
    try:
        line.writer.write(insert("own"))
    except BaseException as error:
        raised = error
    assert done.wait(TIMEOUT_S)
    first.result(TIMEOUT_S)
    return queued, raised


def test_ctrl_c_in_the_middle_of_a_batch_runs_the_others_again_once(line: Line) -> None:
    interrupts = [KeyboardInterrupt()]

    def interrupt_once(tx: Any) -> str:
        tx.insert("b")
        if interrupts:
            raise interrupts.pop()
        return "b"

    queued, raised = lead_a_batch(line, [insert("a"), interrupt_once, insert("c")])
    assert isinstance(raised, KeyboardInterrupt)
    assert [f.result(TIMEOUT_S) for f in queued] == ["a", "b", "c"]
    assert sorted(line.session.kept) == ["a", "b", "c", "leader"]
    assert sorted(line.announced) == ["a", "b", "c", "leader"]
    line.goes_on()


def test_an_interrupt_in_place_of_a_commit_runs_the_others_again_once(line: Line) -> None:
    line.session.commits = [None, KeyboardInterrupt()]
    queued, raised = lead_a_batch(line, [insert("a"), insert("b")])
    assert isinstance(raised, KeyboardInterrupt)
    assert [f.result(TIMEOUT_S) for f in queued] == ["a", "b"]
    assert sorted(line.session.kept) == sorted(line.announced) == ["a", "b", "leader"]
    line.goes_on()


def test_ctrl_c_right_after_a_commit_does_not_run_the_others_a_second_time(line: Line) -> None:
    """A signal that arrives during the driver's COMMIT is raised by Python right after it, when all is kept."""
    line.session.committed = [None, KeyboardInterrupt()]
    queued, raised = lead_a_batch(line, [insert("a"), insert("b")])
    assert isinstance(raised, KeyboardInterrupt)
    assert [f.result(TIMEOUT_S) for f in queued] == ["a", "b"]
    assert sorted(line.session.kept) == ["a", "b", "leader", "own"]
    assert sorted(line.announced) in (["a", "b", "leader"], ["a", "b", "leader", "own"])
    line.goes_on()
