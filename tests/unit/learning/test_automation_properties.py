"""What has to hold of a whole automation for any stream: small windows, so that everything happens in short streams."""

from __future__ import annotations

import json
from dataclasses import dataclass

from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.domain.policy import Route
from signoff.learning.automation import Automation
from signoff.learning.decision import Decision
from signoff.learning.settings import Settings

SMALL = Settings(
    alpha=0.4,
    alpha_hard=0.3,
    levels=(0.5, 1.0),
    window=8,
    window_least=3,
    ripe=4,
    coverage_window=5,
    epoch=6,
    first_cases=4,
    limit_least=3.0,
    limit_share=0.1,
    limit_pause=4,
    limit_slack=1.0,
    alarm_at=1.5,
    novelty_from=10,
    novelty_delay=2,
    novelty_at=3.0,
    novelty_cases=5,
)


@dataclass(frozen=True)
class Arrival:
    p_err: float | None
    coin: float
    loss: float
    lag: int


arrivals = st.builds(
    Arrival,
    p_err=st.one_of(st.none(), st.sampled_from([0.0, 0.05, 0.1]), st.floats(0, 1)),
    coin=st.floats(0, 1, exclude_max=True),
    loss=st.sampled_from([0.0] * 12 + [0.5, 1.0]),
    lag=st.sampled_from([0] * 6 + [1, 5, 200]),
)
streams = st.lists(arrivals, min_size=30, max_size=90)


def drive(stream: list[Arrival], *, start: Automation | None = None) -> tuple[Automation, list[Decision], list[int]]:
    automation = start or Automation(SMALL)
    decisions, order = [], []
    for number, arrival in enumerate(stream):
        decision = automation.decide(arrival.p_err, arrival.coin)
        automation.enter(decision)
        decisions.append(decision)
        for case in range(number + 1):
            if case + stream[case].lag <= number and automation.waits_for(case):
                automation.settle(case, stream[case].loss)
                order.append(case)
    return automation, decisions, order


@settings(deadline=None)
@given(streams, st.data())
def test_no_decision_depends_on_its_verdict_or_a_later_one(stream: list[Arrival], data: st.DataObject) -> None:
    since = data.draw(st.integers(0, len(stream) - 1))
    changed = [
        Arrival(each.p_err, each.coin, each.loss if number < since else 1.0 - each.loss, each.lag)
        for number, each in enumerate(stream)
    ]
    assert drive(stream)[1][: since + 1] == drive(changed)[1][: since + 1]


@settings(deadline=None)
@given(streams, st.randoms(use_true_random=False))
def test_replayed_in_any_order_evidence_ceiling_and_routes_are_the_same(stream: list[Arrival], random: object) -> None:
    automation, decisions, order = drive(stream)
    random.shuffle(order)  # type: ignore[attr-defined]
    again = Automation(SMALL)
    for decision in decisions:
        again.enter(Decision.from_dict(json.loads(json.dumps(decision.as_dict()))))
    for number in order:
        again.settle(number, stream[number].loss)
    assert again.state()["proofs"] == automation.state()["proofs"]
    assert again.state()["waiting"] == automation.state()["waiting"]


@settings(deadline=None, max_examples=50)
@given(streams, streams)
def test_restored_from_json_it_decides_the_same(first: list[Arrival], then: list[Arrival]) -> None:
    automation, _, _ = drive(first)
    restored = Automation.from_state(json.loads(json.dumps(automation.state(), allow_nan=False)))
    for each in then:
        one, other = (some.decide(each.p_err, each.coin) for some in (automation, restored))
        assert one == other
        for some in (automation, restored):
            some.enter(one)
            if one.judged:
                some.settle(one.number, each.loss)
    assert automation.state() == restored.state()


@settings(deadline=None, max_examples=60)
@given(streams, st.floats(0, 1), st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_a_larger_risk_is_never_let_through_where_a_smaller_one_is_not(
    stream: list[Arrival], one: float, other: float, coin: float
) -> None:
    automation, _, _ = drive(stream)
    low, high = sorted((one, other))
    if automation.decide(high, coin).eligible:
        assert automation.decide(low, coin).eligible
    assert not automation.decide(None, coin).eligible


@settings(deadline=None, max_examples=60)
@given(streams)
def test_what_a_decision_says_agrees_with_itself(stream: list[Arrival]) -> None:
    automation, decisions, _ = drive(stream)
    for decision in decisions:
        assert decision.level <= min(decision.certified, decision.cap)
        assert decision.eligible == (decision.route is not Route.REVIEW)
        assert decision.eligible == (decision.level >= 0 and decision.p_err <= decision.thresholds[decision.level])
        assert decision.judged == (decision.route is not Route.AUTOMATE)
        assert decision.audit_share == (1.0 if decision.route is Route.REVIEW else decision.due_share)
        assert json.loads(json.dumps(decision.as_dict())) == decision.as_dict()
    told = automation.report()
    alone = [decision for decision in decisions if decision.route is Route.AUTOMATE]
    assert told.slipped.automated == len(alone)
    assert told.slipped.at_most <= len(alone)
    assert told.certified == automation.decide(None, 0.0).certified


def test_small_streams_reach_everything() -> None:
    """Or the properties above would hold of nothing."""
    import random

    dice = random.Random(1)
    reached: set[str] = set()
    for _ in range(150):
        stream = [
            Arrival(
                dice.choice([0.0, 0.05, 0.1, 0.9]), dice.random(), float(dice.random() < 0.05), dice.choice([0, 0, 3])
            )
            for _ in range(80)
        ]
        _, decisions, _ = drive(stream)
        reached |= {decision.why.value for decision in decisions} | {f"cap {d.cap}" for d in decisions}
        reached |= {"boosted"} if any(decision.boosted for decision in decisions) else set()
        reached |= {f"epochs {max(decision.epochs for decision in decisions)}"}
    assert reached >= {
        "too_few_arrivals",
        "not_certified",
        "above_threshold",
        "below_threshold",
        "coin",
        "closed_by_limit",
        "closed_by_alarm",
        "boosted",
        "cap -1",
        "cap 0",
        "cap 1",
        "epochs 4",
    }
