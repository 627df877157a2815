"""Who may do what."""

from __future__ import annotations

import pytest

from signoff.domain.actor import POLICY, TIMER, WORKER, Actor, ActorKind, Role
from signoff.errors import NotAllowed


@pytest.mark.parametrize("role", Role)
def test_a_person_with_one_of_the_roles_may(role: Role) -> None:
    Actor(id="ada", roles=frozenset({role})).require(role, to="do it")
    Actor(id="ada", roles=frozenset({role, Role.AUDITOR})).require(Role.ADMIN, role, to="do it")


@pytest.mark.parametrize("role", Role)
def test_a_person_without_the_role_may_not_and_is_told_what_is_missing(role: Role) -> None:
    ada = Actor(id="ada", roles=frozenset(Role) - {role})
    with pytest.raises(NotAllowed, match=f"ada may not do it: that takes a person who is {role.value}") as caught:
        ada.require(role, to="do it")
    assert caught.value.facts == {"actor": "ada", "needs": role.value}


@pytest.mark.parametrize("kind", [kind for kind in ActorKind if kind is not ActorKind.PERSON])
def test_whoever_is_no_person_may_not_whatever_roles_it_claims(kind: ActorKind) -> None:
    with pytest.raises(NotAllowed, match="takes a person"):
        Actor(id="agent", kind=kind, roles=frozenset(Role)).require(*Role, to="rule on it")


@pytest.mark.parametrize("actor", [POLICY, TIMER, WORKER], ids=lambda actor: actor.id)
def test_the_house_itself_is_no_person(actor: Actor) -> None:
    assert actor.kind is not ActorKind.PERSON
    assert actor.roles == frozenset()


def test_a_person_is_addressed_by_id_groups_and_roles() -> None:
    ada = Actor(id="ada", roles=frozenset({Role.REVIEWER, Role.LEAD}), groups=frozenset({"fraud"}))
    assert ada.addresses == {"ada", "group:fraud", "group:reviewer", "group:lead"}
