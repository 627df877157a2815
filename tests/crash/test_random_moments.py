"""A process is killed at random moments while four threads work; the database loses and doubles nothing."""

from __future__ import annotations

from collections import defaultdict

from signoff import Signoff
from signoff.domain.case import State
from signoff.testing import FakeClock
from tests.crash.child import START, TIMEOUT_S, declare
from tests.crash.children import running
from tests.crash.receiver import Receiver
from tests.crash.rounds import repeated
from tests.places import Place

ROUNDS = repeated(20, of=20)
STEPS = 160
"""Begins, commits and handler steps among which the seed chooses one to die at."""


def test_kills_at_random_moments_lose_no_acknowledged_verdict_and_double_no_effect(shared: Place) -> None:
    acknowledged: dict[str, set[str]] = defaultdict(set)
    receiver = Receiver(shared.folder / "receiver.log")
    clock = FakeClock(START)
    for number in range(ROUNDS):
        with running("tests.crash.child", "random", shared.folder, shared.url, f"seed {number}", str(STEPS)) as child:
            for line in child.rest():
                act, case_id = line.split()
                acknowledged[act].add(case_id)
            assert child.was_killed()

        clock.advance(TIMEOUT_S + 60)
        with Signoff(shared.url, clock=clock, workers=0) as app:
            for delivery in ("idempotent", "at_most_once"):
                declare(app, receiver, delivery, lambda _: None, undo_s=0)
            assert list(app.verify().contradictions) == [], f"right after kill {number}"
            for _ in range(3):
                app.run_due()
                clock.advance(TIMEOUT_S + 60)

    with Signoff(shared.url, clock=clock, workers=0) as app:
        assert list(app.verify().contradictions) == [], "after the last recovery"
        histories = {h.case.id: h for h in app.verdicts()}
        known = {case.id for page in pages(app) for case in page}
    effects, requests = receiver.effects(), receiver.requests()

    assert len(acknowledged["ruled"]) > ROUNDS, "the children got nowhere"
    assert acknowledged["proposed"] <= known
    for case_id in acknowledged["ruled"]:
        assert [v.id for v in histories[case_id].verdicts] == [f"verdict-{case_id}"]
    for history in histories.values():
        key = history.case.idempotency_key
        if history.case.checkpoint == "idempotent":
            assert history.case.state is State.DONE
            assert effects[key] == 1
        else:
            assert history.case.state in (State.DONE, State.UNKNOWN)
            assert requests[key] <= 1, "never sent again by itself"
            assert requests[key] == 1 or history.case.state is State.UNKNOWN
        if history.case.id in acknowledged["executed"]:
            assert history.case.state is State.DONE
    assert set(effects) <= {h.case.idempotency_key for h in histories.values()}, "an effect without an approval"


def pages(app: Signoff) -> list[list[object]]:
    found: list[list[object]] = []
    after = None
    while page := app.cases(after=after, limit=500):
        found.append(list(page))
        after = page[-1].id
    return found
