"""A process is killed between every two steps of propose, rule and execute; afterwards the delivery table holds."""

from __future__ import annotations

import pytest

from signoff import Signoff
from signoff.app import CaseHandle, CheckpointFunction
from signoff.domain.case import State
from signoff.domain.entry import EntryKind
from signoff.testing import FakeClock
from tests.crash.child import POINTS, START, TIMEOUT_S, UNDO_S, declare
from tests.crash.children import running
from tests.crash.receiver import Receiver
from tests.crash.rounds import repeated
from tests.places import Place

DELIVERIES = ("at_most_once", "idempotent", "checkable")


class Desk:
    """The same file, opened again by somebody else after the crash."""

    def __init__(self, shared: Place, delivery: str) -> None:
        self.clock = FakeClock(START)
        self.clock.advance(2 * UNDO_S)
        self.app = Signoff(shared.url, clock=self.clock, workers=0)
        self.receiver = Receiver(shared.folder / "receiver.log")
        self.send: CheckpointFunction[..., str] = declare(self.app, self.receiver, delivery, lambda _: None)

    def cases(self) -> dict[str, CaseHandle]:
        """Every case, by the text that was proposed."""
        found = [self.app.history(case.id) for case in self.app.cases()]
        return {h.contents[0].arguments["text"]: self.app.case(h.case.id) for h in found}

    def run_what_is_due(self) -> None:
        """Let leases, holds and retries run out, one after another, until nothing more happens by itself."""
        for _ in range(8):
            self.app.run_due()
            self.clock.advance(TIMEOUT_S + 60)

    def verify(self) -> None:
        """The rows tell one story, and there is one entry for each move."""
        verification = self.app.verify()
        assert list(verification.contradictions) == []
        for case in self.app.cases():
            history = self.app.history(case.id)
            moves = [entry for entry in history.entries if entry.kind is EntryKind.MOVE]
            assert moves[0].from_state is None
            assert [m.from_state for m in moves[1:]] == [m.to_state for m in moves[:-1]]
            assert moves[-1].to_state is case.state
            assert len([m for m in moves if m.act == "rule"]) == len(history.verdicts)
            assert len([m for m in moves if m.act == "start"]) == len(history.attempts)


def kill_at(shared: Place, delivery: str, point: str) -> list[list[str]]:
    """Run a child until it dies at the point; give what it had acknowledged."""
    with running("tests.crash.child", "point", shared.folder, shared.url, delivery, point) as child:
        lines = [line.split() for line in child.rest()]
        assert child.was_killed()
    return lines


def reached(point: str, step: str) -> bool:
    """Tell whether what ends at `step` was committed, or done outside, when the process died at `point`."""
    return POINTS.index(point) >= POINTS.index(step)


DATABASES = 2
PASSES = repeated(1, of=DATABASES * len(DELIVERIES) * len(POINTS))


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.parametrize("again", range(PASSES))
def test_a_process_killed_at(shared: Place, delivery: str, point: str, again: int) -> None:
    acknowledged = kill_at(shared, delivery, point)
    desk = Desk(shared, delivery)
    with desk.app:
        require_what_was_acknowledged(desk, acknowledged, point)
        require_the_delivery_table(desk, delivery, point)


def require_what_was_acknowledged(desk: Desk, acknowledged: list[list[str]], point: str) -> None:
    """What was acknowledged is there; the rest is there wholly, or not at all."""
    desk.verify()
    cases = desk.cases()
    first = acknowledged[0][1]
    assert [line for line in acknowledged if line[1] == first] == [
        [act, first] for act in ("proposed", "ruled", "settled", "executed")
    ]
    assert cases["first"].id == first
    assert cases["first"].state is State.DONE

    assert ("second" in cases) == reached(point, "propose.after_commit")
    if "second" not in cases:
        assert not [line for line in acknowledged if line[1] != first]
        return
    second = desk.app.history(cases["second"].id)
    assert {line[1] for line in acknowledged} <= {first, second.case.id}
    assert [v.id for v in second.verdicts] == (["verdict-second"] if reached(point, "rule.after_commit") else [])
    expected = State.WAITING
    for step, state in (
        ("rule.after_commit", State.HELD),
        ("settle.after_commit", State.CLEARED),
        ("start.after_commit", State.RUNNING),
        ("finish.after_commit", State.DONE),
    ):
        if reached(point, step):
            expected = state
    assert second.case.state is expected
    for act, state in (("proposed", State.WAITING), ("ruled", State.HELD), ("settled", State.CLEARED)):
        if [act, second.case.id] in acknowledged:
            order = [State.WAITING, State.HELD, State.CLEARED, State.RUNNING, State.DONE]
            assert order.index(second.case.state) >= order.index(state)


def require_the_delivery_table(desk: Desk, delivery: str, point: str) -> None:
    """Once leases and retries have run out, every effect ends as its delivery says."""
    happened = reached(point, "handler.after_effect")
    started = reached(point, "start.after_commit")
    finished = reached(point, "finish.after_commit")

    # Whoever was not told sends the same again: the key makes it one case, the verdict id one verdict.
    again = desk.send.propose(text="second", key="second")
    if not started:
        desk.app.reviewer("grace").approve(again, verdict_id="verdict-second")
    if started and not finished:
        # As far as anybody can know, the worker may still be at it until its lease has run out.
        sent = desk.receiver.requests()
        assert desk.app.run_due() == 0
        assert (again.state, desk.receiver.requests()) == (State.RUNNING, sent)
    desk.run_what_is_due()

    assert set(desk.cases()) == {"first", "second"}
    second = desk.app.history(again.id)
    key = second.attempts[0].key
    assert {attempt.key for attempt in second.attempts} == {key}
    assert [v.id for v in second.verdicts] == ["verdict-second"]
    effects, requests = desk.receiver.effects()[key], desk.receiver.requests()[key]

    if delivery == "at_most_once" and started and not finished:
        assert second.case.state is State.UNKNOWN
        assert effects == requests == happened, "never sent again by itself"
        assert len(second.attempts) == 1
        assert desk.app.case(again.id).outcome(0).state is State.UNKNOWN, "a person is told"
    else:
        assert second.case.state is State.DONE
        assert effects == 1
        assert second.attempts[-1].receipt == {"value": f"receipt of {key}"}
        crashed = started and not finished
        assert [a.ending for a in second.attempts] == (["crashed"] if crashed else []) + ["returned"]
        if delivery == "idempotent":
            assert requests == 1 + (crashed and happened), "retried with the same key"
        if delivery == "checkable":
            assert requests == 1
            assert desk.receiver.questions()[key] == crashed, "asked before it is sent again, and only then"
    assert desk.receiver.effects()[desk.app.history(desk.cases()["first"].id).attempts[0].key] == 1
    desk.verify()


def test_an_unknown_effect_is_resolved_by_a_person_and_sent_again_only_on_their_word(shared: Place) -> None:
    kill_at(shared, "at_most_once", "handler.before_effect")
    desk = Desk(shared, "at_most_once")
    with desk.app:
        desk.run_what_is_due()
        case = desk.cases()["second"]
        assert case.state is State.UNKNOWN
        old = desk.app.history(case.id).attempts[0].key
        lead = desk.app.reviewer("lena", roles=["lead"])
        lead.resolve(case, "send_again", note="nothing in the log of the receiver")
        desk.run_what_is_due()
        assert case.state is State.DONE
        new = desk.app.history(case.id).attempts[-1].key
        assert new != old
        assert desk.receiver.effects()[new] == 1
        assert desk.receiver.effects()[old] == 0
        desk.verify()
