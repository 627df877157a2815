"""Actor: whoever an entry names, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from signoff.errors import NotAllowed


class ActorKind(StrEnum):
    """What an actor is; only a person rules."""

    PERSON = "person"
    POLICY = "policy"
    DRAFTER = "drafter"
    SERVICE = "service"


class Role(StrEnum):
    """What a person may do. One person may hold several, never both signatures on one act."""

    REVIEWER = "reviewer"
    LEAD = "lead"
    OFFICER = "officer"
    LEGAL = "legal"
    AUDITOR = "auditor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """
    Whoever an entry names.

    Args:
        id: Unique among actors; an account name, never a free text.
        kind: Person, policy, drafter or service.
        roles: What a person may do.
        groups: The groups a person belongs to, for hand-overs to `group:NAME`.
    """

    id: str
    kind: ActorKind = ActorKind.PERSON
    roles: frozenset[Role] = frozenset({Role.REVIEWER})
    groups: frozenset[str] = frozenset()

    @property
    def addresses(self) -> frozenset[str]:
        """Every `assigned_to` that means this actor; a lead is also `group:lead`."""
        return frozenset({self.id, *(f"group:{g}" for g in self.groups), *(f"group:{r}" for r in self.roles)})

    def require(self, *roles: Role, to: str) -> None:
        """
        Refuse an actor who is no person or holds none of the roles.

        Raises:
            NotAllowed: With what is missing.
        """
        if self.kind is not ActorKind.PERSON or not self.roles.intersection(roles):
            wanted = " or ".join(role.value for role in roles)
            raise NotAllowed(
                f"{self.id} may not {to}: that takes a person who is {wanted}", actor=self.id, needs=wanted
            )


POLICY = Actor(id="policy", kind=ActorKind.POLICY, roles=frozenset())
"""The checkpoint's own policy."""

TIMER = Actor(id="timer", kind=ActorKind.SERVICE, roles=frozenset())
"""Time itself: a hold, deadline or lease that ran out."""

WORKER = Actor(id="worker", kind=ActorKind.SERVICE, roles=frozenset())
"""Whoever runs effects."""
