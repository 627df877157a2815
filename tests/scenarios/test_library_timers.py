"""Time: a worker settles what is due, whatever else is overdue and not its own."""

from __future__ import annotations

from pathlib import Path

from signoff import Signoff, State
from signoff.testing import MemoryStore


def test_a_case_that_nobody_here_can_run_does_not_keep_a_hold_from_ending(place: MemoryStore | Path) -> None:
    elsewhere = Signoff(place, workers=0)

    @elsewhere.checkpoint
    def foreign(to: str) -> None: ...

    stuck = elsewhere.reviewer("grace").approve(foreign.propose(to="ada"))
    assert stuck.state is State.CLEARED

    here = Signoff(elsewhere.store, workers=1)

    @here.checkpoint(undo_s=0.3)
    def mine(to: str) -> str:
        return to

    held = mine.propose(to="bob")
    here.reviewer("grace").approve(held)
    # Nothing is written meanwhile that could wake the worker by chance.
    assert held.outcome(timeout_s=20).value == "bob"
    assert elsewhere.case(stuck.id).state is State.CLEARED
    here.close()
