"""Verdicts and the counting of votes."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signoff.domain.verdict import (
    Approved,
    Edited,
    Rejected,
    Tally,
    Verdict,
    VerdictKind,
    Vote,
    kind_of,
    tally,
)

# A vote in short: "a" approves, "e" is the edit's author, "r" rejects; the digit says which content.
KINDS = {"a": VerdictKind.APPROVED, "e": VerdictKind.EDITED, "r": VerdictKind.REJECTED}


def votes(*given: str) -> list[Vote]:
    return [
        Vote(
            id=f"v{i}",
            case_id="c",
            revision=1,
            reviewer=f"p{i}",
            kind=KINDS[short[0]],
            content_hash=short[1],
            voted_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        for i, short in enumerate(given)
    ]


@pytest.mark.parametrize(
    ("given", "opinions", "expected"),
    [
        ((), 1, Tally.OPEN),
        ((), 2, Tally.OPEN),
        (("a1",), 1, Tally.AGREED),
        (("a1",), 2, Tally.OPEN),
        (("a1", "a1"), 2, Tally.AGREED),
        (("a1", "a1"), 3, Tally.OPEN),
        (("a1", "a1", "a1"), 3, Tally.AGREED),
        (("r1", "r1"), 2, Tally.AGREED),
        (("a1", "r1"), 2, Tally.SPLIT),
        (("r1", "a1"), 3, Tally.SPLIT),
        (("a1", "a2"), 2, Tally.SPLIT),
        # Who edited wants what the approver wants: the same content.
        (("e2", "a2"), 2, Tally.AGREED),
        (("e2", "r2"), 2, Tally.SPLIT),
        (("a1", "a1", "r1"), 2, Tally.SPLIT),
    ],
)
def test_votes_amount_to(given: tuple[str, ...], opinions: int, expected: Tally) -> None:
    assert tally(votes(*given), opinions=opinions) is expected


@settings(deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(["a1", "a2", "r1", "r2", "e2"]), max_size=6), st.integers(1, 5), st.randoms())
def test_the_order_of_votes_does_not_matter(given: list[str], opinions: int, dice: object) -> None:
    cast = votes(*given)
    assert tally(cast, opinions=opinions) is tally(cast[::-1], opinions=opinions)


@pytest.mark.parametrize(
    ("verdict", "kind"),
    [(Approved(), "approved"), (Edited({"a": 1}), "edited"), (Rejected(), "rejected"), (Rejected("no"), "rejected")],
)
def test_a_verdict_has_one_stored_name(verdict: Verdict, kind: str) -> None:
    assert kind_of(verdict).value == kind
