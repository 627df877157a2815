"""Policy: where a proposal goes, decided by values, with its reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from signoff.domain.checkpoint import Checkpoint, Oversight


class Route(StrEnum):
    """Where a proposal goes."""

    REVIEW = "review"
    AUTOMATE = "automate"
    AUDIT = "audit"
    """Automated, and drawn by the coin to be judged by a person afterwards."""


@dataclass(frozen=True, kw_only=True)
class Routing:
    """
    How one revision was routed; holds numbers and names of rules, nothing personal.

    Args:
        case_id: The case.
        revision: The revision that was routed.
        route: Where it went.
        reason: Which rule decided.
        confidence: The drafter's own, 0..1, where it gave one.
        drafter: Who drafted it, with its version.
        coin: The recorded draw, 0..1, where one was made.
        audit_share: Probability, 0..1, with which it would be audited.
        routed_at: When, UTC.
        numbers: What else the decision used.
    """

    case_id: str
    revision: int
    route: Route
    reason: str
    confidence: float | None = None
    drafter: str | None = None
    coin: float | None = None
    audit_share: float | None = None
    routed_at: datetime
    numbers: dict[str, Any] = field(default_factory=dict)


def route(checkpoint: Checkpoint, *, coin: float) -> tuple[Route, str]:
    """
    Decide where a proposal goes.

    Args:
        checkpoint: The declaration in force.
        coin: A fair draw, 0..1, made for this proposal alone.

    Returns:
        The route and the rule that decided it. On doubt: review.
    """
    match checkpoint.oversight:
        case Oversight.ALWAYS:
            return Route.REVIEW, "oversight_always"
        case Oversight.WHEN_UNCERTAIN:
            return Route.REVIEW, "no_delegation"
        case Oversight.AUTOMATE:
            if coin < checkpoint.audit_share:
                return Route.AUDIT, "automate_audited"
            return Route.AUTOMATE, "automate"


def automated(routing: Routing | None, checkpoint: Checkpoint) -> bool:
    """Tell whether a recorded routing let a case through without a person, and the checkpoint allows that."""
    return (
        routing is not None
        and routing.route in (Route.AUTOMATE, Route.AUDIT)
        and checkpoint.oversight is Oversight.AUTOMATE
    )
