"""Group commit: what many threads write at once is kept whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from signoff.storage.writer import GroupCommit
from tests.unit.storage.line import TIMEOUT_S, DriverSession, Line, Told, insert, spoil


def test_a_lone_write_is_kept_and_announced() -> None:
    line = Line()
    assert line.writer.write(insert("a")) == "a"
    assert line.session.kept == line.announced == ["a"]


def test_those_who_wait_share_one_transaction_and_get_their_own_results(line: Line) -> None:
    leader = line.lead()
    followers = line.queue(*[insert(n) for n in range(10)])
    line.go_on.set()
    assert leader.result(TIMEOUT_S) == "leader"
    assert [f.result(TIMEOUT_S) for f in followers] == list(range(10))
    assert line.session.batches == [1, 10]
    assert sorted(map(str, line.announced)) == sorted(map(str, line.session.kept))


def test_a_batch_is_bounded(line: Line) -> None:
    line.lead()
    followers = line.queue(*[insert(n) for n in range(70)])
    line.go_on.set()
    assert [f.result(TIMEOUT_S) for f in followers] == list(range(70))
    assert max(line.session.batches) <= 64


def test_many_threads_write_much_and_each_row_is_kept_once(line: Line) -> None:
    def many(thread: int) -> list[Any]:
        return [line.writer.write(insert((thread, n))) for n in range(200)]

    threads = [line.start(many, thread) for thread in range(16)]
    results = [thread.result(TIMEOUT_S) for thread in threads]
    rows = [(thread, n) for thread in range(16) for n in range(200)]
    assert sorted(row for result in results for row in result) == rows
    assert sorted(line.session.kept) == sorted(line.announced) == rows
    by_thread = [[row for row in line.session.kept if row[0] == thread] for thread in range(16)]
    assert all(kept == sorted(kept) for kept in by_thread), "a thread's writes are kept in its order"


def test_an_error_undoes_its_own_write_alone(line: Line) -> None:
    line.lead()
    good, bad, other = line.queue(insert("good"), spoil("bad", ValueError("no")), insert("other"))
    line.go_on.set()
    assert (good.result(TIMEOUT_S), other.result(TIMEOUT_S)) == ("good", "other")
    with pytest.raises(Told, match="no"):
        bad.result(TIMEOUT_S)
    assert line.session.kept == ["leader", "good", "other"]
    assert "bad" not in line.announced
    line.goes_on()


def test_an_error_that_ends_the_whole_transaction_fails_only_the_write_that_caused_it(line: Line) -> None:
    def fill_the_disk(tx: Any) -> None:
        tx.insert("huge")
        tx.lose()
        raise OSError("disk full")

    line.lead()
    before, huge, after = line.queue(insert("before"), fill_the_disk, insert("after"))
    line.go_on.set()
    assert (before.result(TIMEOUT_S), after.result(TIMEOUT_S)) == ("before", "after")
    with pytest.raises(Told, match="disk full"):
        huge.result(TIMEOUT_S)
    assert sorted(line.session.kept) == sorted(line.announced) == ["after", "before", "leader"]
    line.goes_on()


def test_an_error_of_a_lone_write_keeps_nothing(line: Line) -> None:
    with pytest.raises(Told, match="no"):
        line.writer.write(spoil("bad", ValueError("no")))
    assert line.session.kept == line.announced == []
    line.goes_on()


@pytest.mark.parametrize("where", ["begins", "commits"])
def test_a_transaction_that_fails_fails_for_all_in_it_and_keeps_nothing(line: Line, where: str) -> None:
    # The leader has begun already; its own commit works, the batch behind it fails.
    getattr(line.session, where).extend([None, OSError("disk full")] if where == "commits" else [])
    leader = line.lead()
    followers = line.queue(*[insert(n) for n in range(5)])
    if where == "begins":
        line.session.begins.append(OSError("disk full"))
    line.go_on.set()
    assert leader.result(TIMEOUT_S) == "leader"
    for follower in followers:
        with pytest.raises(Told, match="disk full"):
            follower.result(TIMEOUT_S)
    assert line.session.kept == line.announced == ["leader"]
    line.goes_on()


def test_who_failed_before_the_commit_did_is_told_its_own_error(line: Line) -> None:
    line.session.commits.extend([None, OSError("disk full")])
    line.lead()
    fine, bad = line.queue(insert("fine"), spoil("bad", ValueError("its own")))
    line.go_on.set()
    with pytest.raises(Told, match="its own"):
        bad.result(TIMEOUT_S)
    with pytest.raises(Told, match="disk full"):
        fine.result(TIMEOUT_S)
    assert line.session.kept == line.announced == ["leader"]
    line.goes_on()


def test_a_write_inside_a_write_is_refused_and_undone(line: Line) -> None:
    def nested(tx: Any) -> None:
        tx.insert("outer")
        line.writer.write(insert("inner"))

    with pytest.raises((RuntimeError, Told), match="inside another write"):
        line.writer.write(nested)
    assert line.session.kept == []
    line.goes_on()


def test_a_write_inside_the_write_of_a_follower_is_refused_too(line: Line) -> None:
    line.lead()
    follower, other = line.queue(lambda tx: line.writer.write(insert("inner")), insert("other"))
    line.go_on.set()
    with pytest.raises((RuntimeError, Told), match="inside another write"):
        follower.result(TIMEOUT_S)
    assert other.result(TIMEOUT_S) == "other"
    assert line.session.kept == ["leader", "other"]


def test_exclusive_waits_for_the_write_that_runs_and_for_those_in_line(line: Line) -> None:
    line.lead()
    followers = line.queue(insert("a"), insert("b"))
    closing = line.start(line.writer.exclusive)
    assert not closing.done()
    line.go_on.set()
    closing.result(TIMEOUT_S)
    assert [f.result(TIMEOUT_S) for f in followers] == ["a", "b"]
    assert line.session.kept == ["leader", "a", "b"]
    assert line.session.pending is None


def test_whoever_comes_after_exclusive_is_refused_and_does_not_wait_for_ever(line: Line) -> None:
    line.writer.exclusive()
    late = line.start(line.writer.write, insert("late"))
    with pytest.raises(Exception, match="closed"):
        late.result(TIMEOUT_S)
    assert line.session.kept == []


def test_a_listener_that_raises_does_not_make_a_kept_write_look_lost() -> None:
    session = DriverSession()

    def broken(entries: Sequence[Any]) -> None:
        raise RuntimeError("the event loop of a waiter is closed")

    writer = GroupCommit(session, broken)
    assert writer.write(insert("a")) == "a"
    assert session.kept == ["a"]
