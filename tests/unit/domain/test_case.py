"""The state table: every pair of state and move, against design page 2 written out by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from signoff.domain.case import ANSWERED, FINAL, Case, Move, State, advance, moves_from
from signoff.errors import CaseClosed

# One line per line of the design's table. `settle` is clear or reject, `resolve` is confirm_done, send_again or
# confirm_failed; `route` is what an automatic route does in place of a verdict.
EXPECTED = """
new       propose        waiting
waiting   route          held
waiting   rule           held
waiting   redraft        waiting
waiting   withdraw       withdrawn
waiting   expire         expired
held      recall         waiting
held      clear          cleared
held      reject         rejected
held      withdraw       withdrawn
held      redraft        waiting
held      halt           waiting
cleared   start          running
cleared   withdraw       withdrawn
cleared   redraft        waiting
cleared   halt           waiting
cleared   lose_track     unknown
running   finish         done
running   retry          cleared
running   give_up        failed
running   lose_track     unknown
unknown   confirm_done   done
unknown   send_again     cleared
unknown   confirm_failed failed
done      reverse        reversed
"""
ALLOWED = {(start, move): end for start, move, end in (line.split() for line in EXPECTED.split("\n") if line)}
STATES = [
    "new",
    "waiting",
    "held",
    "cleared",
    "running",
    "unknown",
    "done",
    "rejected",
    "expired",
    "withdrawn",
    "failed",
    "reversed",
]
MOVES = [
    "propose",
    "route",
    "rule",
    "recall",
    "clear",
    "reject",
    "redraft",
    "withdraw",
    "expire",
    "halt",
    "start",
    "finish",
    "retry",
    "give_up",
    "lose_track",
    "confirm_done",
    "send_again",
    "confirm_failed",
    "reverse",
]
PAIRS = [(state, move) for state in STATES for move in MOVES]


def state_named(name: str) -> State | None:
    return None if name == "new" else State(name)


def test_the_states_and_moves_are_those_of_the_design() -> None:
    assert {state.value for state in State} == set(STATES) - {"new"}
    assert {move.value for move in Move} == set(MOVES)
    assert set(ALLOWED) <= set(PAIRS)


@pytest.mark.parametrize(("state", "move"), PAIRS)
def test_a_move_leads_where_the_table_says_and_nowhere_else(state: str, move: str) -> None:
    start = state_named(state)
    if (state, move) in ALLOWED:
        assert advance(start, Move(move)) is State(ALLOWED[state, move])
        return
    with pytest.raises(CaseClosed) as caught:
        advance(start, Move(move))
    assert state in str(caught.value)
    assert f'"{move}"' in str(caught.value)
    assert caught.value.facts["state"] == start
    assert caught.value.facts["move"] == move


@pytest.mark.parametrize("state", STATES)
def test_a_refused_move_names_the_moves_there_are(state: str) -> None:
    possible = [move for start, move in ALLOWED if start == state]
    assert [move.value for move in moves_from(state_named(state))] == possible
    refused = next(move for move in MOVES if move not in possible)
    with pytest.raises(CaseClosed) as caught:
        advance(state_named(state), Move(refused))
    for move in possible or ["nothing, it is final"]:
        assert move in str(caught.value)


def test_final_states_are_exactly_those_no_move_leaves() -> None:
    left = {start for start, _ in ALLOWED}
    assert {state.value for state in FINAL} == set(STATES) - left
    assert {State.DONE, State.UNKNOWN} == ANSWERED - FINAL


def test_only_a_person_saying_send_again_changes_the_idempotency_key() -> None:
    case = Case(
        id="c1",
        checkpoint="send",
        version=1,
        state=State.CLEARED,
        content_hash="h",
        proposer="app",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        attempt=4,
        tries=4,
        fence=9,
    )
    assert case.idempotency_key == "c1.1"
