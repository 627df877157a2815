"""Anything, in any order: the promises hold on each store, as the model of a desk says."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.scenarios.desk_model import ENDINGS, FINAL, PEOPLE, WORDS, Desk, DeskOnSqlite


# Seconds when all is well; a failure is first made as short as it can be, which Hypothesis gives up after 300 s.
@pytest.mark.timeout(400)
@pytest.mark.parametrize(("desk", "examples"), [(Desk, 40), (DeskOnSqlite, 40)], ids=["memory", "sqlite"])
def test_whatever_happens_in_whatever_order_the_promises_hold(desk: type[Desk], examples: int) -> None:
    run_state_machine_as_test(
        desk,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def sit(machine: Desk, dice: Random, steps: int) -> None:
    """Play a long sitting: Hypothesis finds short surprises, dice get further from the start."""
    number, person, word = (lambda: dice.randrange(10**6)), (lambda: dice.choice(PEOPLE)), (lambda: dice.choice(WORDS))
    acts: list[tuple[int, Callable[[], None]]] = [
        (3, lambda: machine.propose(dice.choice(["at_once", "held"]), word(), dice.choice([None, "k1", "k2"]))),
        (2, lambda: machine.claim(person(), dice.randint(1, 3))),
        (4, lambda: machine.answer(person(), number(), number(), dice.choice([*WORDS, None]), dice.random() < 0.5)),
        (3, lambda: machine.approve_and_let_the_hold_pass(word(), number())),
        (1, lambda: machine.answer_once_more()),
        (2, lambda: machine.recall(person(), number())),
        (1, lambda: machine.redraft(person(), number(), word())),
        (1, lambda: machine.withdraw(number())),
        (1, lambda: machine.hand_over(person(), number(), dice.choice([*PEOPLE, "group:lead"]))),
        (1, lambda: machine.snooze(person(), number())),
        (2, lambda: machine.wait(dice.choice([0.5, 4, 10, 31]))),
        (4, lambda: machine.run_due([dice.choice(list(ENDINGS)) for _ in range(3)])),
    ]
    for step in range(steps):
        moving = sum(model.state not in FINAL for model in machine.models.values())
        if moving < 4:
            machine.propose(dice.choice(["at_once", "held"]), word(), None)
        if any(model.state == "unknown" for model in machine.models.values()) and dice.random() < 0.2:
            machine.resolve(person(), dice.choice(["confirm_done", "send_again", "confirm_failed"]))
        act = dice.choices([act for _, act in acts], [weight for weight, _ in acts])[0]
        if act is not acts[4][1] or machine.last_answer is not None:
            act()
        machine.every_case_is_where_the_model_says()
        if step % 20 == 19:
            machine.the_rows_tell_one_story()
            machine.nothing_takes_effect_twice_under_one_key()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("desk", [Desk, DeskOnSqlite], ids=["memory", "sqlite"])
def test_after_a_long_sitting_the_promises_still_hold(desk: type[Desk], seed: int) -> None:
    machine = desk()
    try:
        sit(machine, Random(seed), steps=200)
        # It got somewhere: every ending came up, and cases ended in every way there is.
        assert {ending for _, ending in machine.ended} == set(ENDINGS)
        assert {model.state for model in machine.models.values()} >= {"done", "failed", "rejected", "withdrawn"}
    finally:
        machine.teardown()
