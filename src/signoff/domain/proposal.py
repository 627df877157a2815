"""Proposal: what the AI asks to do, with what a person needs to judge it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from signoff.errors import InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """
    What the AI asks to do.

    Args:
        arguments: What would run; None asks the checkpoint's drafter for a first pass.
        evidence: What a reviewer judges it by, by name: any JSON, or `Material` to say its media type.
        confidence: The drafter's own, 0..1.
        rationale: The drafter's own words about it.
        alternatives: `{"arguments", "confidence"}` each, best first.
        drafter: Who drafted it, with its version.
        proposer: Who proposes it.
        key: The proposer's idempotency key: the same key and arguments give the same case.
        deadline_s: Seconds, > 0, after which it expires unread; None for the checkpoint's own.
        features: What tells whether a person would accept it: at most 64 finite numbers by name, the same names each
            time; None if nothing does.
    """

    arguments: Mapping[str, Any] | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    confidence: float | None = None
    rationale: str | None = None
    alternatives: list[dict[str, Any]] = field(default_factory=list)
    drafter: str | None = None
    proposer: str = "app"
    key: str | None = None
    deadline_s: float | None = None
    features: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Material:
    """
    One piece of evidence with its media type.

    Args:
        value: Any JSON.
        media_type: Such as `text/plain`, `message/rfc822` or `text/markdown`.
    """

    value: Any
    media_type: str = "application/json"


def material(value: Any) -> dict[str, Any]:
    """
    Give evidence the form in which it is stored.

    Examples:
        >>> material("hello")
        {'media_type': 'text/plain', 'value': 'hello'}
        >>> material(Material("<p>", "text/html"))
        {'media_type': 'text/html', 'value': '<p>'}
    """
    if isinstance(value, Material):
        return {"media_type": value.media_type, "value": value.value}
    return {"media_type": "text/plain" if isinstance(value, str) else "application/json", "value": value}


def as_proposal(item: Proposal | Mapping[str, Any]) -> Proposal:
    """
    Take a proposal, or its arguments alone.

    Raises:
        InvalidInput: If it is neither.
    """
    if isinstance(item, Proposal):
        return item
    if not isinstance(item, Mapping) or not all(isinstance(name, str) for name in item):
        raise InvalidInput(f"a proposal is a Proposal or a mapping of arguments by name, not a {type(item).__name__}")
    return Proposal(arguments=item)
