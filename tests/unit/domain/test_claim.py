"""Claims: a value with an expiry, checked when it is used."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from signoff.domain.actor import Actor, Role
from signoff.domain.case import Case, State
from signoff.domain.claim import held_by, offered_to, require_open_to
from signoff.errors import ClaimLost, NotAllowed

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
ALICE, BOB = Actor(id="alice"), Actor(id="bob")
FREE = Case(
    id="c1", checkpoint="send", version=1, state=State.WAITING, content_hash="h", proposer="app", created_at=NOW
)
ALICES = replace(FREE, claimed_by="alice", claim_expires_at=NOW + SECOND)
LAPSED = replace(FREE, claimed_by="alice", claim_expires_at=NOW)


def test_a_claim_lasts_until_its_expiry_and_not_at_it() -> None:
    assert held_by(FREE, now=NOW) is None
    assert held_by(ALICES, now=NOW) == "alice"
    assert held_by(ALICES, now=NOW + SECOND) is None
    assert held_by(LAPSED, now=NOW) is None


@pytest.mark.parametrize(
    ("case", "to_alice", "to_bob"),
    [
        (FREE, True, True),
        (ALICES, True, False),
        (LAPSED, True, True),
        (replace(FREE, snoozed_until=NOW + SECOND), False, False),
        (replace(FREE, snoozed_until=NOW), True, True),
        (replace(FREE, assigned_to="alice"), True, False),
        (replace(FREE, assigned_to="group:fraud"), False, False),
        (replace(ALICES, assigned_to="bob"), False, False),
    ],
)
def test_a_case_is_offered_to(case: Case, to_alice: bool, to_bob: bool) -> None:
    assert offered_to(case, ALICE, now=NOW) is to_alice
    assert offered_to(case, BOB, now=NOW) is to_bob


def test_a_group_hand_over_is_offered_to_its_members_and_a_role_is_a_group() -> None:
    member = Actor(id="eve", groups=frozenset({"fraud"}))
    lead = Actor(id="lea", roles=frozenset({Role.LEAD}))
    fraud, leads = replace(FREE, assigned_to="group:fraud"), replace(FREE, assigned_to="group:lead")
    assert offered_to(fraud, member, now=NOW)
    assert not offered_to(leads, member, now=NOW)
    assert offered_to(leads, lead, now=NOW)
    assert not offered_to(fraud, lead, now=NOW)


def test_an_open_case_may_be_answered() -> None:
    for case in (FREE, ALICES, replace(FREE, assigned_to="alice")):
        require_open_to(case, ALICE, now=NOW)
    require_open_to(LAPSED, BOB, now=NOW)


def test_another_persons_claim_is_named_with_its_end() -> None:
    with pytest.raises(ClaimLost, match=r"c1 is claimed by alice until 12:00:01 UTC") as caught:
        require_open_to(ALICES, BOB, now=NOW)
    assert caught.value.facts == {"case_id": "c1", "claimed_by": "alice"}


def test_ones_own_expired_claim_asks_for_another_look() -> None:
    with pytest.raises(ClaimLost, match=r"expired at 12:00:00 UTC; claim it again") as caught:
        require_open_to(LAPSED, ALICE, now=NOW)
    assert caught.value.facts["claimed_by"] is None


def test_an_assigned_case_is_refused_to_others_with_the_name() -> None:
    with pytest.raises(NotAllowed, match="assigned to alice") as caught:
        require_open_to(replace(FREE, assigned_to="alice"), BOB, now=NOW)
    assert caught.value.facts["assigned_to"] == "alice"
