"""Several threads and processes propose at one WHEN_UNCERTAIN checkpoint: one line of decisions, whoever dies."""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from typing import Any

from signoff import Signoff
from signoff.domain.automation import Arrivals
from signoff.engine.automate import Automations
from signoff.engine.track import Track
from tests.crash.arriving import declare
from tests.crash.children import running, running_many
from tests.places import Place
from tests.scenarios.test_shadow import decided, replayed, state_of


def require_one_line(app: Signoff, *, count: int | None = None) -> None:
    """Check that decisions are numbered without a gap, each with what the ledger gives anybody."""
    entries = decided(app)
    assert [entry.facts["arrival"] for entry in entries] == list(range(len(entries)))
    assert count is None or len(entries) == count
    assert len({entry.case_id for entry in entries}) == len(entries) == sum(app.counts().values())
    row = app.store.read(lambda tx: tx.get(Arrivals, "route"))
    assert row is not None
    assert (row.count, row.newest) == (len(entries), entries[-1].case_id)
    assert list(app.verify().contradictions) == []
    again = Track()

    def compare(tx: Any) -> None:
        """Make every decision again from what came before it."""
        for entry in entries:
            facts = entry.facts
            for each in tx.settlements("route", after_seq=again.mark, limit=10_000, up_to=facts["mark"]):
                again.settle(each)
            made = again.decide(alpha=0.05, coin=facts["decision"]["coin"], features=facts["features"])
            assert made["decision"].as_dict() == facts["decision"]
            again.enter(entry.case_id or "", facts)

    app.store.read(compare)
    plain = Track()
    app.store.read(lambda tx: replayed(tx, plain))
    assert json.dumps(plain.state()) == json.dumps(again.state())
    assert state_of(Automations(), app) == state_of(app._automations, app)


def test_threads_that_propose_at_once_are_decided_one_after_the_other(shared: Place) -> None:
    with Signoff(shared.url, workers=0) as app, Signoff(shared.url, workers=0) as other:
        routes = [declare(app), declare(other)]
        begin = threading.Barrier(8)

        def work(number: int) -> None:
            route = routes[number % 2]
            begin.wait(30)
            for n in range(6):
                case = route.propose(text=f"{number} {n}", features={"x": float(n % 2)})
                route.propose_many([{"text": f"{number} {n} {m}"} for m in range(2)])
                (app, other)[n % 2].reviewer("grace").approve(case)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        require_one_line(app, count=8 * 6 * 3)


def test_writes_of_others_that_fail_half_way_leave_no_gap(shared: Place) -> None:
    """On SQLite they share a transaction with those that decide, and undo it; memory must not be ahead then."""

    class Broken(Exception):
        pass

    with Signoff(shared.url, workers=0) as app:
        route = declare(app)
        begin, over = threading.Barrier(6), threading.Event()

        def fail(tx: Any) -> None:
            tx.add(Arrivals(checkpoint="another"))
            raise Broken

        def spoil() -> None:
            begin.wait(30)
            while not over.is_set():
                with suppress(Broken):
                    app.store.write(fail)

        def work(number: int) -> None:
            begin.wait(30)
            for n in range(15):
                case = route.propose(text=f"{number} {n}", features={"x": float(n % 2)})
                app.reviewer("grace").approve(case)

        spoilers = [threading.Thread(target=spoil) for _ in range(2)]
        workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in (*spoilers, *workers):
            thread.start()
        for thread in workers:
            thread.join(60)
        over.set()
        for thread in spoilers:
            thread.join(60)
        require_one_line(app, count=4 * 15)


def test_processes_that_meet_at_the_first_case_both_end_well(shared: Place) -> None:
    with running_many("tests.crash.arriving", [[shared.url, name, "5"] for name in ("a", "b", "c")]) as children:
        for child in children:
            child.hear("ready")
        for child in children:
            child.say("go")
        said = [child.rest() for child in children]
        assert all(child.ended_well() for child in children)
    assert said == [[str(number) for number in range(5)]] * 3
    with Signoff(shared.url, workers=0) as app:
        declare(app)
        require_one_line(app, count=3 * 5 * 4)


def test_whoever_comes_after_a_killed_process_goes_on(shared: Place) -> None:
    with Signoff(shared.url, workers=0) as app:
        route = declare(app)
        for round_ in range(2):
            with running("tests.crash.arriving", shared.url, f"victim {round_}", "100000") as child:
                child.hear("ready")
                child.say("go")
                for number in range(3 + round_):
                    child.hear(str(number))
                child.kill()
                assert child.was_killed()
            route.propose(text=f"after {round_}", features={"x": 1.0})
        require_one_line(app)
