"""The automation of one checkpoint: what it lets through, what closes it, what it remembers, and what it refuses."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from signoff.domain.policy import Route
from signoff.learning.automation import Automation
from signoff.learning.decision import Decision, Why
from signoff.learning.settings import Settings
from tests.unit.learning.made import Run, rebuilt, run

FIVE = Settings(alpha=0.05)


@pytest.fixture(scope="module")
def easy() -> Run:
    return run(FIVE, 4_000)


def proofs(automation: Automation) -> object:
    """Everything about evidence and ceilings, to the last bit."""
    return automation.state()["proofs"]


# --- what it lets through


def test_it_starts_with_review_then_automates_and_stays_below_alpha(easy: Run) -> None:
    alone = easy.of(Route.AUTOMATE)
    assert {decision.route for decision in easy.decisions[:600]} == {Route.REVIEW}
    assert len(alone) > 1_500
    assert sum(easy.losses[decision.number] for decision in alone) / len(alone) < 0.05


def test_audits_are_thirty_per_cent_at_first_and_ten_later(easy: Run) -> None:
    could = [decision for decision in easy.decisions if decision.eligible]
    assert {decision.audit_share for decision in could[:300]} == {0.3}
    assert {decision.audit_share for decision in could[300:]} == {0.1}


def test_each_decision_says_which_rule_decided(easy: Run) -> None:
    whys = Counter(decision.why for decision in easy.decisions)
    assert set(whys) == {
        Why.TOO_FEW_ARRIVALS,
        Why.NOT_CERTIFIED,
        Why.ABOVE_THRESHOLD,
        Why.COIN,
        Why.BELOW_THRESHOLD,
    }
    assert whys[Why.TOO_FEW_ARRIVALS] == 200
    for decision in easy.decisions:
        assert (decision.why is Why.COIN) == (decision.route is Route.AUDIT)
        assert (decision.why is Why.BELOW_THRESHOLD) == (decision.route is Route.AUTOMATE)
        assert decision.judged == (decision.route is not Route.AUTOMATE)


def test_deciding_changes_nothing(easy: Run) -> None:
    before = easy.automation.state()
    assert easy.automation.decide(0.01, 0.5) == easy.automation.decide(0.01, 0.5)
    assert easy.automation.state() == before


@pytest.mark.parametrize("p_err", [None, math.nan, math.inf, -math.inf, -0.1, 1.5, 1.0])
def test_a_case_of_which_nothing_is_known_is_reviewed(easy: Run, p_err: float | None) -> None:
    decision = easy.automation.decide(p_err, 0.99)
    assert (decision.route, decision.why, decision.p_err) == (Route.REVIEW, Why.DOUBT, 1.0)


def test_doubt_is_reviewed_even_where_the_mean_would_allow_it() -> None:
    automation = Automation(Settings(alpha=0.5, window=20, window_least=5, novelty_from=1000, levels=(1.0, 2.0)))
    for number in range(20):
        automation.enter(automation.decide(None if number % 4 == 0 else 0.001, 0.5))
    assert automation.decide(0.3, 0.5).thresholds == (0.001, 0.001)


@pytest.mark.parametrize("coin", [-0.1, 1.0, math.nan])
def test_a_coin_outside_its_range_is_refused(coin: float) -> None:
    with pytest.raises(ValueError, match=r"the coin of case 0 is .*draw one from 0 up to"):
        Automation(FIVE).decide(0.1, coin)


def test_shadow_mode_reviews_everything_and_says_what_it_would_have_cost() -> None:
    made = run(FIVE, 3_000, shadow=True)
    alone = made.of(Route.AUTOMATE)
    told = made.automation.report().shadow
    assert all(decision.judged and decision.audit_share == 1 for decision in made.decisions)
    assert (told.cases, told.automated, told.judged) == (3_000, len(alone), len(alone))
    assert told.slipped == sum(made.losses[decision.number] for decision in alone)
    assert len(alone) > 1_000
    # All of it is evidence for the gate, and none for a ceiling on what nobody looked at.
    slipped = made.automation.report().slipped
    assert (slipped.automated, slipped.at_most) == (0, 0.0)


# --- what closes it


def test_when_everything_turns_bad_it_closes_and_stays_closed() -> None:
    made = run(FIVE, 6_000, turns_bad_at=3_000)
    assert made.automation.closed in {Why.CLOSED_BY_ALARM, Why.CLOSED_BY_LIMIT}
    last = made.automation.decide(0.0, 0.99)
    assert (last.route, last.why, last.level) == (Route.REVIEW, made.automation.closed, -1)
    assert made.of(Route.AUTOMATE)[-1].number < 4_000


def test_a_new_cycle_opens_again_with_half_the_chance_of_error() -> None:
    made = run(FIVE, 4_000, turns_bad_at=3_000)
    made.automation.closed = Why.CLOSED_BY_ALARM
    with pytest.raises(ValueError, match="has to begin anew"):
        made.automation.renew(gate=False)
    made.automation.renew()
    told = made.automation.report()
    assert told.closed is None
    assert told.slipped.delta == 0.05
    assert told.levels[0].needed == pytest.approx(math.log(6 / 0.05))
    assert (told.slipped.automated, told.slipped.at_most, told.confirmed.deployed) == (0, 0.0, 0)
    assert told.levels[0].log_evidence == pytest.approx(-math.log(2))


def test_after_the_limit_the_evidence_of_the_gate_may_stand(easy: Run) -> None:
    automation = Automation.from_state(easy.automation.state())
    before = automation.report()
    automation.renew(gate=False)
    after = automation.report()
    assert after.levels == before.levels
    assert (after.slipped.automated, after.slipped.delta) == (0, 0.05)
    assert automation.decide(0.0, 0.99).route is Route.AUTOMATE


def test_a_verdict_of_an_old_cycle_counts_for_nothing_in_the_new_one(easy: Run) -> None:
    automation = Automation.from_state(easy.automation.state())
    audit = automation.decide(0.0, 0.0)
    automation.enter(audit)
    automation.renew()
    before = proofs(automation)
    assert automation.settle(audit.number, 1.0)
    assert proofs(automation) == before
    assert automation.report().detector == 0


def test_the_limit_narrows_by_a_level_once_and_again_only_after_a_pause() -> None:
    # The ceiling is above this limit as soon as there is one.
    made = run(replace(FIVE, limit_least=0.0, limit_share=1e-9), 2_500)
    caps = [decision.cap for decision in made.decisions]
    moves = [number for number in range(1, len(caps)) if caps[number] != caps[number - 1]]
    first = made.decisions[moves[0]]
    assert first.cap == made.decisions[moves[0] - 1].level - 1
    assert all(later - earlier >= 300 for earlier, later in itertools.pairwise(moves))
    assert made.automation.closed is Why.CLOSED_BY_LIMIT
    assert made.automation.decide(0.0, 0.9).why is Why.CLOSED_BY_LIMIT


def test_the_cap_is_raised_again_when_the_ceiling_is_well_below() -> None:
    automation = Automation.from_state(run(FIVE, 2_000).automation.state() | {"cap": 0, "cap_moved": 1_700})
    for number in range(700):
        decision = automation.decide(0.0, 0.99)
        automation.enter(decision)
        assert decision.cap == number // 300 + 1
    assert automation.closed is None


def test_arrivals_that_look_new_are_audited_more() -> None:
    made = run(FIVE, 2_500)
    for number in range(2_500, 2_600):
        decision = made.automation.decide(0.9, 0.5)
        made.automation.enter(decision)
        made.automation.settle(number, 0.0)
        if made.automation.report().boosted_until:
            break
    boosted = made.automation.decide(0.0, 0.5)
    assert number < 2_540
    assert (boosted.boosted, boosted.audit_share) == (True, 0.5)
    assert boosted.level <= 1
    assert made.automation.report().boosted_until == number + 600


def test_the_signer_may_have_it_closed_while_arrivals_look_new() -> None:
    made = run(replace(FIVE, novelty_level=-1), 2_500)
    while made.automation.report().boosted_until is None:
        made.automation.enter(made.automation.decide(0.9, 0.5))
    decision = made.automation.decide(0.0, 0.99)
    assert (decision.route, decision.why) == (Route.REVIEW, Why.CLOSED_BY_NOVELTY)


def test_hard_errors_have_a_bound_of_their_own() -> None:
    with_hard = Settings(alpha=0.05, alpha_hard=0.01)
    stream = run(FIVE, 1_500)
    automation, strict = Automation(with_hard), Automation(with_hard)
    for decision in run(FIVE, 1_500, shadow=True).decisions:
        for one, hard in ((automation, 0.0), (strict, None)):
            made = one.decide(decision.p_err, decision.coin, shadow=True)
            one.enter(made)
            one.settle(made.number, stream.losses[made.number], hard=hard)
    told = automation.report()
    assert told.certified >= 0
    # What is not said to be harmless is hard, and then the smaller bound rules.
    assert strict.report().certified == -1
    assert told.slipped_hard is not None


# --- verdicts that are odd


def test_a_verdict_on_a_case_that_was_never_entered_is_refused(easy: Run) -> None:
    with pytest.raises(ValueError, match=r"a verdict on case 4000, which was never entered; the last one is 3999"):
        easy.automation.settle(4_000, 0.0)
    with pytest.raises(ValueError, match=r"case -1"):
        easy.automation.settle(-1, 0.0)


@pytest.mark.parametrize("loss", [-0.1, 1.1, math.nan, math.inf])
def test_a_loss_outside_its_range_is_refused_and_the_case_goes_on_waiting(loss: float) -> None:
    automation = Automation(FIVE)
    automation.enter(automation.decide(0.1, 0.5))
    with pytest.raises(ValueError, match="the loss of case 0 is"):
        automation.settle(0, loss)
    with pytest.raises(ValueError, match="the loss of case 0 is"):
        automation.settle(0, 0.0, hard=loss)
    assert automation.waits_for(0)


def test_a_second_verdict_does_not_count() -> None:
    made = run(FIVE, 1_500)
    before = made.automation.state()
    assert not made.automation.settle(700, 1.0)
    assert made.automation.state() == before


def test_a_complaint_about_a_case_nobody_judged_does_not_count(easy: Run) -> None:
    before = easy.automation.state()
    assert not easy.automation.settle(easy.of(Route.AUTOMATE)[0].number, 1.0)
    assert easy.automation.state() == before


def test_an_expired_case_counts_as_wrong() -> None:
    one, other = run(FIVE, 1_200).automation, run(FIVE, 1_200).automation
    for automation in (one, other):
        automation.enter(automation.decide(0.0, 0.0))
    assert one.expire(1_200)
    assert other.settle(1_200, 1.0)
    assert one.state() == other.state()
    assert not one.expire(1_200)


def test_a_case_that_waits_holds_up_what_comes_after_it() -> None:
    automation = Automation(FIVE)
    for number in range(2_000):
        automation.enter(automation.decide(0.001 if number % 2 else 0.9, 0.5))
        if number != 651:
            automation.settle(number, 0.0)
    assert automation.report().certified == -1
    assert automation.settle(651, 0.0)
    assert automation.report().certified == 5


def test_a_corrected_verdict_leaves_no_trace_of_the_old_one(easy: Run) -> None:
    audits = [decision for decision in easy.of(Route.AUDIT) if not easy.losses[decision.number]]
    reviewed = [d for d in easy.of(Route.REVIEW) if d.epochs and d.strictest < 6 and not easy.losses[d.number]]
    for decision in (audits[3], reviewed[3]):
        automation = Automation.from_state(easy.automation.state())
        before, bound = proofs(automation), automation.report().slipped.at_most
        automation.amend(decision, 0.0, None)
        recalled = proofs(automation)
        assert recalled != before
        assert automation.report().slipped.at_most >= bound
        automation.amend(decision, None, 1.0)
        direct = Automation.from_state(easy.automation.state())
        direct.amend(decision, 0.0, 1.0)
        assert proofs(automation) == proofs(direct)
        automation.amend(decision, 1.0, 0.0)
        assert proofs(automation) == before


def test_only_a_settled_verdict_can_be_corrected(easy: Run) -> None:
    automation = Automation.from_state(easy.automation.state())
    waiting = automation.decide(0.9, 0.5)
    automation.enter(waiting)
    for decision in (waiting, easy.of(Route.AUTOMATE)[0], replace(waiting, number=99_999)):
        with pytest.raises(ValueError, match="has no settled verdict to amend"):
            automation.amend(decision, 0.0, 1.0)
    with pytest.raises(ValueError, match="the loss of case"):
        automation.amend(easy.of(Route.AUDIT)[0], 0.0, math.nan)


# --- decisions that are odd


def test_decisions_come_in_order_and_without_a_gap() -> None:
    automation = Automation(FIVE)
    first = automation.decide(0.1, 0.5)
    with pytest.raises(ValueError, match="decision 1 is not the next one, which is 0"):
        automation.enter(replace(first, number=1))
    automation.enter(first)
    with pytest.raises(ValueError, match="decision 0 is not the next one, which is 1"):
        automation.enter(first)


@pytest.mark.parametrize(
    "change",
    [
        {"gate_cycle": 1},
        {"ceiling_cycle": 1},
        {"thresholds": (0.1,)},
        {"thresholds": (0.6, 0.5, 0.4, 0.3, 0.2, 0.1)},
        {"thresholds": (0.1, 0.2, 0.3, 0.4, 0.5, 1.0)},
        {"audit_share": 0.05},
        {"audit_share": math.nan},
        {"coin": 1.0},
        {"p_err": math.nan},
        {"weight": 0.5},
        {"epochs": 13},
    ],
)
def test_a_record_that_contradicts_the_settings_is_refused_and_changes_nothing(change: dict[str, object]) -> None:
    automation = Automation(FIVE)
    before = automation.state()
    with pytest.raises(ValueError, match="decision 0 "):
        automation.enter(replace(automation.decide(0.1, 0.5), **change))  # type: ignore[arg-type]
    assert automation.state() == before


def test_a_decision_travels_as_json(easy: Run) -> None:
    for decision in (easy.decisions[0], easy.of(Route.AUDIT)[0], easy.of(Route.AUTOMATE)[0]):
        assert Decision.from_dict(json.loads(json.dumps(decision.as_dict()))) == decision
    with pytest.raises(ValueError, match="it needs number, p_err"):
        Decision.from_dict({"number": 1})


# --- what survives


def test_a_restored_state_decides_the_same_from_there_on(easy: Run) -> None:
    whole = run(FIVE, 5_000, lag=40)
    half = run(FIVE, 2_500, lag=40)
    text = json.dumps(half.automation.state(), allow_nan=False)
    restored = Automation.from_state(json.loads(text))
    assert restored.state() == half.automation.state()
    late = [n for n in range(2_500) if half.decisions[n].judged and n not in set(half.order)]
    assert late
    for number in range(2_500, 5_000):
        decision = restored.decide(whole.decisions[number].p_err, whole.decisions[number].coin)
        assert decision == whole.decisions[number]
        restored.enter(decision)
        for case in [case for case in late if case <= number - 40]:
            restored.settle(case, whole.losses[case])
            late.remove(case)
        if decision.judged and whole.losses[number]:
            late.append(number)
        elif decision.judged:
            restored.settle(number, 0.0)
    assert restored.state() == whole.automation.state()


def test_a_state_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match=r"has format 99, this version reads 1; rebuild it"):
        Automation.from_state(Automation(FIVE).state() | {"format": 99})


def test_replayed_as_recorded_it_is_the_same_to_the_last_bit() -> None:
    made = run(FIVE, 3_000, lag=60)
    again = Automation(FIVE)
    settled = iter(made.order)
    number = next(settled)
    # Each verdict after the case during which it settled.
    for decision in made.decisions:
        again.enter(decision)
        while number is not None and number <= decision.number - (60 if made.losses[number] else 0):
            again.settle(number, made.losses[number])
            number = next(settled, None)  # type: ignore[arg-type]
    assert again.state() == made.automation.state()


@pytest.mark.parametrize("seed", [None, 3, 4])
def test_replayed_in_any_order_of_arrival_evidence_and_ceiling_are_the_same_to_the_last_bit(seed: int | None) -> None:
    made = run(FIVE, 3_000)
    order = list(reversed(made.order)) if seed is None else np.random.default_rng(seed).permutation(made.order).tolist()
    again = rebuilt(made, order)
    assert proofs(again) == proofs(made.automation)
    assert again.report().levels == made.automation.report().levels
    assert again.report().slipped == made.automation.report().slipped


@pytest.mark.parametrize("flipped_from", [700, 1_500, 2_300])
@pytest.mark.parametrize("lag", [0, 60])
def test_nothing_decided_for_a_case_depends_on_its_verdict_or_a_later_one(flipped_from: int, lag: int) -> None:
    plain, flipped = run(FIVE, 2_600, lag=lag), run(FIVE, 2_600, lag=lag, flipped_from=flipped_from)
    assert plain.decisions[: flipped_from + 1] == flipped.decisions[: flipped_from + 1]
    assert plain.decisions != flipped.decisions


def test_memory_grows_with_what_waits_and_not_with_what_is_settled() -> None:
    # With as many decimals in both, and windows that are full.
    few, many = (len(json.dumps(run(FIVE, cases).automation.state())) for cases in (3_000, 12_000))
    assert many < 1.02 * few


def test_the_report_travels_as_json(easy: Run) -> None:
    told = json.loads(json.dumps(easy.automation.report().as_dict(), allow_nan=False))
    proved = told["levels"][told["certified"]]
    assert (proved["certified"], proved["clean_labels"]) == (True, 0)
    assert told["levels"][5]["clean_labels"] > 0
    assert told["confirmed"]["epoch"] == 1
    assert 0 < told["slipped"]["at_most"] < told["slipped"]["limit"]
    assert proved["since"] >= 600


def test_a_report_of_nothing_gives_the_prices() -> None:
    told = Automation(FIVE).report()
    assert [level.clean_labels for level in told.levels] == [122] * 6
    assert told.confirmed.clean_cases == 827
    assert told.certified == -1
