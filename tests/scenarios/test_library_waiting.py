"""Waiting for an outcome: by call, by handle, by await; and what a direct call raises."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from signoff import EffectFailed, EffectUnknown, Reviewer, Signoff, State
from signoff.errors import InvalidArguments, NotApproved, StillWaiting, StoreUnavailable
from signoff.testing import RecordingHandler


def answer_proposals(app: Signoff, answer: Callable[[Reviewer, Any], Any]) -> None:
    """Let a reviewer answer each proposal as soon as it is kept, and run what that cleared."""

    def notice(entries: Sequence[Any]) -> None:
        for entry in entries:
            if entry.act == "propose":
                answer(app.reviewer("grace"), app.case(entry.case_id))
                app.run_due()

    app.store.on_commit(notice)


def test_an_outcome_that_is_there_is_given_without_waiting(app: Signoff, sent: RecordingHandler) -> None:
    @app.checkpoint
    def send(to: str) -> Any:
        return sent(to=to)

    case = send.propose(to="ada")
    app.reviewer("grace").edit(case, {"to": "bob"})
    app.run_due()
    outcome = case.outcome()
    assert (outcome.state, outcome.value, outcome.arguments) == (State.DONE, "ok", {"to": "bob"})
    assert (outcome.verdict, outcome.reviewer, outcome.case_id) == ("edited", "grace", case.id)


def test_without_an_answer_in_time_the_case_stays(app: Signoff) -> None:
    @app.checkpoint(wait_s=0)
    def send(to: str) -> None: ...

    case = send.propose(to="ada")
    with pytest.raises(StillWaiting) as caught:
        case.outcome(timeout_s=0)
    assert caught.value.facts["case_id"] == case.id
    assert case.state is State.WAITING
    with pytest.raises(StillWaiting) as direct:
        send("bob")
    assert app.case(direct.value.facts["case_id"]).state is State.WAITING


def test_a_direct_call_gives_what_the_function_returned(app: Signoff, sent: RecordingHandler) -> None:
    @app.checkpoint
    def send(to: str, count: int = 2) -> Any:
        return sent(to=to, count=count)

    answer_proposals(app, lambda grace, case: grace.approve(case))
    assert send("ada") == "ok"
    assert send(to="bob", count=3) == "ok"
    assert [call.arguments for call in sent.calls] == [{"to": "ada", "count": 2}, {"to": "bob", "count": 3}]


def test_a_direct_call_python_would_refuse_proposes_nothing(app: Signoff) -> None:
    @app.checkpoint
    def send(to: str) -> None: ...

    for call in (lambda: send(), lambda: send("a", "b"), lambda: send(cc="x"), lambda: send(to=7)):
        with pytest.raises(InvalidArguments):
            call()
    assert app.cases() == []


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (lambda grace, case: grace.reject(case, "rude"), State.REJECTED),
        (lambda grace, case: case.withdraw(), State.WITHDRAWN),
    ],
)
def test_a_direct_call_that_was_not_approved_raises_with_the_outcome(
    app: Signoff, sent: RecordingHandler, answer: Callable[[Reviewer, Any], Any], state: State
) -> None:
    @app.checkpoint
    def send(to: str) -> Any:
        return sent(to=to)

    answer_proposals(app, answer)
    with pytest.raises(NotApproved, match=state.value) as caught:
        send("ada")
    assert caught.value.facts["outcome"].state is state
    assert "rude" not in str(caught.value), "a message holds no content"
    assert sent.calls == []


@pytest.mark.parametrize(
    ("error", "raised"), [(EffectFailed("bounced"), EffectFailed), (ConnectionError("cut off"), EffectUnknown)]
)
def test_a_direct_call_tells_a_failed_effect_from_an_unknown_one(
    app: Signoff, sent: RecordingHandler, error: Exception, raised: type[Exception]
) -> None:
    @app.checkpoint
    def send(to: str) -> Any:
        return sent(to=to)

    sent.fail_next(error)
    answer_proposals(app, lambda grace, case: grace.approve(case))
    with pytest.raises(raised) as caught:
        send("ada")
    assert caught.value.facts["case_id"]  # type: ignore[attr-defined]


def test_a_case_can_be_awaited_while_others_go_on(app: Signoff, sent: RecordingHandler) -> None:
    @app.checkpoint
    def send(to: str) -> Any:
        return sent(to=to)

    async def scenario() -> list[Any]:
        cases = [send.propose(to=name) for name in ("ada", "bob")]
        waiting = [asyncio.ensure_future(wait_for(case)) for case in cases]
        await asyncio.sleep(0)
        grace = app.reviewer("grace")
        await asyncio.to_thread(grace.reject, cases[1])
        await asyncio.to_thread(grace.approve, cases[0])
        await asyncio.to_thread(app.run_due)
        return await asyncio.gather(*waiting)

    async def wait_for(case: Any) -> Any:
        return await case

    outcomes = asyncio.run(scenario())
    assert [outcome.state for outcome in outcomes] == [State.DONE, State.REJECTED]
    assert outcomes[0].value == "ok"


def test_an_async_function_is_awaited_and_runs_as_the_effect(app: Signoff, sent: RecordingHandler) -> None:
    @app.checkpoint(wait_s=30)
    async def send(to: str) -> Any:
        await asyncio.sleep(0)
        return sent(to=to)

    async def scenario() -> Any:
        call = asyncio.ensure_future(as_task())
        while not app.cases():
            await asyncio.sleep(0)
        await asyncio.to_thread(app.reviewer("grace").approve, app.case(app.cases()[0].id))
        await asyncio.to_thread(app.run_due)
        return await call

    async def as_task() -> Any:
        return await send("ada")

    assert asyncio.run(scenario()) == "ok"


def test_a_waiting_caller_is_woken_by_what_other_threads_do(place: Any, sent: RecordingHandler) -> None:
    with Signoff(place, workers=2) as app:

        @app.checkpoint
        def send(to: str) -> Any:
            return sent(to=to)

        answer_later = app.reviewer("grace")
        cases = [send.propose(to=f"a{i}") for i in range(10)]
        for case in cases:
            answer_later.approve(case)
        assert {case.outcome(30).value for case in cases} == {"ok"}
        assert app.verify().contradictions == []
    assert sorted(call.arguments["to"] for call in sent.calls) == [f"a{i}" for i in range(10)]


def test_a_closed_app_says_so(place: Any) -> None:
    app = Signoff(place, workers=0)

    @app.checkpoint
    def send(to: str) -> None: ...

    case = send.propose(to="ada")
    app.close()
    app.close()
    for use in (lambda: send.propose(to="bob"), lambda: case.state, lambda: app.reviewer("grace").approve(case)):
        with pytest.raises(StoreUnavailable, match="closed"):
            use()
