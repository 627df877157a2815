"""Several processes work on one database: each case is decided once and executed once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from contextlib import ExitStack
from typing import Any

import pytest

from signoff import Signoff
from signoff.app.upkeep import migrate
from signoff.domain.case import State
from signoff.domain.checkpoint import Checkpoint
from signoff.storage.migrations import HEAD
from tests.crash.children import TIMEOUT_S, running, running_many
from tests.crash.racer import declare, opened
from tests.crash.receiver import Receiver
from tests.places import Place


def propose(shared: Place, count: int) -> list[str]:
    with Signoff(shared.url, workers=0) as app:
        return [
            case.id for case in declare(app, shared.folder).propose_many({"text": f"case {n}"} for n in range(count))
        ]


def race(shared: Place, *, processes: int, cases: int, store: str) -> tuple[list[str], dict[str, list[dict[str, Any]]]]:
    """Let every process rule on every case from what it saw before, and execute it; give the ids and what each said."""
    ids = propose(shared, cases)
    names = [f"reviewer {n}" for n in range(processes)]
    with running_many(
        "tests.crash.racer", [["race", shared.folder, shared.url, name, store] for name in names]
    ) as children:
        for child in children:
            child.hear(json.dumps({"seen": cases}))
        for child in children:
            child.say("go")
        said = {name: [json.loads(line) for line in child.rest()] for name, child in zip(names, children, strict=True)}
        assert all(child.ended_well() for child in children)
    return ids, said


def require_each_decided_and_executed_once(shared: Place, ids: list[str]) -> dict[str, str]:
    """Compare receiver, ledger and verdicts; give who won each case."""
    winners: dict[str, str] = {}
    receiver = Receiver(shared.folder / "receiver.log")
    with Signoff(shared.url, workers=0) as app:
        verification = app.verify()
        assert list(verification.contradictions) == []
        assert verification.cases == verification.verdicts == verification.effects == len(ids)
        for case_id in ids:
            history = app.history(case_id)
            acts = Counter(entry.act for entry in history.entries)
            assert acts == {"propose": 1, "rule": 1, "clear": 1, "start": 1, "finish": 1}
            assert history.case.state is State.DONE
            assert len(history.verdicts) == 1
            assert [entry.actor for entry in history.entries if entry.act == "rule"] == [history.verdicts[0].reviewer]
            winners[case_id] = history.verdicts[0].reviewer
    assert receiver.effects() == receiver.requests() == Counter(f"{case_id}.1" for case_id in ids)
    return winners


def test_eight_processes_race_for_five_hundred_cases(shared: Place) -> None:
    ids, said = race(shared, processes=8, cases=500, store="real")
    winners = require_each_decided_and_executed_once(shared, ids)
    for name, lines in said.items():
        assert [line["case"] for line in lines] == ids
        for line in lines:
            if line["won"]:
                assert winners[line["case"]] == name
            else:
                assert (line["error"], line["told"]) == ("case_closed", winners[line["case"]]), "told who won"
    assert sum(line["won"] for lines in said.values() for line in lines) == len(ids)
    assert len(set(winners.values())) > 1, "one process was alone; that was no race"


def test_without_the_compare_and_swap_the_same_race_ends_in_doubled_verdicts(shared: Place) -> None:
    ids, _ = race(shared, processes=4, cases=50, store="careless")
    with pytest.raises(AssertionError):
        require_each_decided_and_executed_once(shared, ids)
    with Signoff(shared.url, workers=0) as app:
        assert max(len(app.history(case_id).verdicts) for case_id in ids) > 1
        assert list(app.verify().contradictions)


@pytest.mark.parametrize("attempt", range(3))
def test_processes_that_open_an_empty_database_at_once_make_the_tables_once(bare: Place, attempt: int) -> None:
    names = [str(number) for number in range(8)]
    with running_many("tests.crash.racer", [["open", bare.folder, bare.url, name] for name in names]) as children:
        for child, name in zip(children, names, strict=True):
            child.hear(json.dumps({"ready": name}))
        for child in children:
            child.say("go")
        said = [json.loads(child.hear()) for child in children]
        assert all(child.ended_well() for child in children)
    assert [line["state"] for line in said] == ["done"] * len(names)
    require_each_decided_and_executed_once(bare, [line["case"] for line in said])
    store = opened(bare.url)
    assert store.read(lambda tx: [checkpoint.version for checkpoint in tx.find(Checkpoint)]) == [1]
    store.close()
    assert migrate(bare.url) == (HEAD, HEAD)


def test_who_waits_here_is_woken_by_a_verdict_and_an_effect_elsewhere(shared: Place) -> None:
    with Signoff(shared.url, workers=0) as app:
        case = declare(app, shared.folder).propose(text="hello")
        with running("tests.crash.racer", "rule", shared.folder, shared.url, case.id) as child:
            child.hear(json.dumps({"ready": case.id}))

            async def wait() -> Any:
                waiting = asyncio.ensure_future(_awaited(case))
                await asyncio.sleep(0)
                child.say("go")
                return await asyncio.wait_for(waiting, TIMEOUT_S)

            awaited = asyncio.run(wait())
            waited = case.outcome(timeout_s=TIMEOUT_S)
            assert child.ended_well()
    assert awaited == waited
    assert (waited.state, waited.reviewer, waited.value) == (State.DONE, "grace", f"receipt of {case.id}.1")


async def _awaited(case: Any) -> Any:
    return await case


def test_a_worker_elsewhere_runs_what_is_cleared_here(shared: Place) -> None:
    with Signoff(shared.url, workers=0) as app:
        send = declare(app, shared.folder)
        with running("tests.crash.racer", "work", shared.folder, shared.url) as child:
            child.hear(json.dumps({"ready": "worker"}))
            cases = [send.propose(text=str(n)) for n in range(5)]
            for case in cases:
                app.reviewer("grace").approve(case)
            assert [case.outcome(timeout_s=TIMEOUT_S).state for case in cases] == [State.DONE] * 5
            child.say("stop")
            assert child.ended_well()
        workers = {app.history(case.id).attempts[0].worker for case in cases}
    assert len(workers) == 1
    require_each_decided_and_executed_once(shared, [case.id for case in cases])


def test_several_apps_of_one_process_share_a_file(shared: Place) -> None:
    with ExitStack() as stack:
        proposer, desk, worker = (stack.enter_context(Signoff(shared.url, workers=0)) for _ in range(3))
        send, _, _ = (declare(app, shared.folder) for app in (proposer, desk, worker))
        cases = [send.propose(text=str(n)) for n in range(20)]
        outcomes: list[State] = []
        waiter = threading.Thread(
            target=lambda: outcomes.extend(case.outcome(timeout_s=TIMEOUT_S).state for case in cases), daemon=True
        )
        waiter.start()
        for case in desk.reviewer("grace").queue():
            desk.reviewer("grace").approve(case)
        assert worker.run_due() == 20
        waiter.join(TIMEOUT_S)
        assert outcomes == [State.DONE] * 20
    require_each_decided_and_executed_once(shared, [case.id for case in cases])


def test_several_threads_with_an_app_each_race_without_an_error(shared: Place) -> None:
    ids = propose(shared, 60)
    lost: list[str] = []
    barrier = threading.Barrier(4)

    def work(name: str) -> None:
        with Signoff(opened(shared.url), workers=0) as app:
            declare(app, shared.folder)
            seen = app.cases(limit=100)
            barrier.wait(TIMEOUT_S)
            for case in seen:
                try:
                    app.reviewer(name).approve(case)
                except Exception as error:
                    lost.append(type(error).__name__)
                app.execute(case.id)

    threads = [threading.Thread(target=work, args=(f"reviewer {n}",), daemon=True) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert lost == ["CaseClosed"] * (3 * len(ids))
    require_each_decided_and_executed_once(shared, ids)
