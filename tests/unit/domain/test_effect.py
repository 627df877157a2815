"""What an ended attempt means, for each delivery: the full table, written out by hand."""

from __future__ import annotations

import pytest

from signoff.domain.case import Move, State, advance
from signoff.domain.checkpoint import Checkpoint, Delivery
from signoff.domain.effect import Ending, after

# ending -> (at_most_once, idempotent, checkable) with tries left, and with none left
EXPECTED = {
    "returned": (("finish", "finish", "finish"), ("finish", "finish", "finish")),
    "refused": (("give_up", "give_up", "give_up"), ("give_up", "give_up", "give_up")),
    "failed": (("retry", "retry", "retry"), ("give_up", "give_up", "give_up")),
    "in_doubt": (("lose_track", "lose_track", "lose_track"), ("lose_track", "lose_track", "lose_track")),
    "raised": (("lose_track", "retry", "retry"), ("lose_track", "lose_track", "lose_track")),
    "timed_out": (("lose_track", "retry", "retry"), ("lose_track", "lose_track", "lose_track")),
    "crashed": (("lose_track", "retry", "retry"), ("lose_track", "lose_track", "lose_track")),
}
DELIVERIES = ("at_most_once", "idempotent", "checkable")


def test_the_table_names_every_ending_and_delivery() -> None:
    assert {ending.value for ending in Ending} == set(EXPECTED)
    assert {delivery.value for delivery in Delivery} == set(DELIVERIES)


@pytest.mark.parametrize("ending", EXPECTED)
@pytest.mark.parametrize("delivery", DELIVERIES)
def test_an_ending_means_what_its_delivery_says(delivery: str, ending: str) -> None:
    left, out = (row[DELIVERIES.index(delivery)] for row in EXPECTED[ending])
    for tries, max_tries, expected in ((1, 2, left), (4, 5, left), (1, 1, out), (5, 5, out), (6, 5, out)):
        move = after(Delivery(delivery), Ending(ending), tries=tries, max_tries=max_tries)
        assert move.value == expected
        assert advance(State.RUNNING, move) is not State.RUNNING


@pytest.mark.parametrize("ending", [Ending.RAISED, Ending.TIMED_OUT, Ending.CRASHED, Ending.IN_DOUBT])
def test_an_at_most_once_effect_that_may_have_happened_is_never_sent_again_by_itself(ending: Ending) -> None:
    for tries in range(1, 10):
        assert after(Delivery.AT_MOST_ONCE, ending, tries=tries, max_tries=9) is Move.LOSE_TRACK


def test_the_wait_before_a_retry_doubles_up_to_an_hour() -> None:
    checkpoint = Checkpoint(name="send", backoff_s=0.5)
    assert [checkpoint.retry_delay_s(tries) for tries in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]
    assert checkpoint.retry_delay_s(1000) == 3600.0
    assert Checkpoint(name="send", backoff_s=0).retry_delay_s(1000) == 0.0
    assert Checkpoint(name="send", backoff_s=9999).retry_delay_s(1) == 3600.0
