"""Checkpoint: a named function with consequences; calls to it are proposed, not run."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from signoff.domain.content import canonical
from signoff.domain.moment import MAX_SECONDS
from signoff.errors import InvalidCheckpoint


class Oversight(StrEnum):
    """What a checkpoint demands before a proposal may take effect."""

    AUTOMATE = "automate"
    WHEN_UNCERTAIN = "when_uncertain"
    ALWAYS = "always"


class Criterion(StrEnum):
    """A reason why a mistake at this checkpoint weighs more than its price."""

    IRREVERSIBLE = "irreversible"
    AFFECTS_RIGHTS = "affects_rights"
    REGULATED = "regulated"
    LEGAL_LIABILITY = "legal_liability"


class Delivery(StrEnum):
    """What may be done after a crash or time-out in the middle of an effect."""

    IDEMPOTENT = "idempotent"
    CHECKABLE = "checkable"
    AT_MOST_ONCE = "at_most_once"


def allowed_oversight(criteria: tuple[Criterion, ...]) -> tuple[Oversight, ...]:
    """
    List the oversight a checkpoint with these criteria may have, loosest first.

    Examples:
        >>> [o.value for o in allowed_oversight((Criterion.IRREVERSIBLE,))]
        ['when_uncertain', 'always']
        >>> [o.value for o in allowed_oversight((Criterion.REGULATED,))]
        ['always']
    """
    if not criteria:
        return (Oversight.AUTOMATE, Oversight.WHEN_UNCERTAIN, Oversight.ALWAYS)
    if set(criteria) == {Criterion.IRREVERSIBLE}:
        return (Oversight.WHEN_UNCERTAIN, Oversight.ALWAYS)
    return (Oversight.ALWAYS,)


REASONS = ("Not correct", "Something is missing", "Wrong tone", "Should not happen")
"""What a checkpoint offers as reasons for a rejection, unless it names its own."""

MAX_REASONS = 9
"""One for each of the keys 1 to 9."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """
    The declaration of one checkpoint in one version.

    A case keeps the version it was proposed with; a changed declaration is a new version.

    Args:
        name: Unique within one database.
        version: 1, 2, … in the order of registration; 0 before it is registered.
        description: First lines of the function's docstring, shown to reviewers.
        arguments_schema: JSON Schema of the arguments.
        label: Name of the argument that is a category, on a label checkpoint.
        oversight: What it demands.
        criteria: What makes its mistakes weigh more.
        delivery: What may be done after a crash in the middle.
        undo_s: Hold in seconds, >= 0, between a verdict and its taking effect.
        opinions: Different reviewers, >= 1, who must agree.
        deadline_s: Seconds after which a waiting case expires; None for never.
        timeout_s: Seconds, > 0, a handler may take.
        max_tries: Tries, >= 1, before a retried effect is given up.
        backoff_s: Seconds before the second try; doubled each time, at most an hour.
        audit_share: Share, 0..1, of automated cases judged by a person afterwards.
        chosen_by: The lead who chose AUTOMATE.
        reverses: Name of the checkpoint whose done cases this one undoes.
        reasons: Up to nine reasons for a rejection, 1 to 80 characters each, that a reviewer picks with one key.
        blind: Whether reviewers see what the drafter and others think of a case only once they have ruled on it.
        alpha: Share, above 0 and at most .5, of mistakes that is aimed for among cases that could run alone; None for
            the usual. Only with WHEN_UNCERTAIN.
        registered_at: When this version was first seen.
        digest: SHA-256 of the declaration, hexadecimal.
    """

    name: str
    version: int = 0
    description: str = ""
    arguments_schema: dict[str, Any] = field(default_factory=dict)
    label: str | None = None
    oversight: Oversight = Oversight.ALWAYS
    criteria: tuple[Criterion, ...] = ()
    delivery: Delivery = Delivery.AT_MOST_ONCE
    undo_s: float = 0.0
    opinions: int = 1
    deadline_s: float | None = None
    timeout_s: float = 30.0
    max_tries: int = 5
    backoff_s: float = 1.0
    audit_share: float = 0.0
    chosen_by: str | None = None
    reverses: str | None = None
    reasons: tuple[str, ...] = REASONS
    blind: bool = False
    alpha: float | None = None
    registered_at: datetime | None = None
    digest: str = ""

    @property
    def target(self) -> float:
        """
        The share of mistakes that is aimed for: its own alpha, else 1 % of what cannot be undone and 2 % of the rest.

        Examples:
            >>> Checkpoint(name="x").target, Checkpoint(name="x", criteria=(Criterion.IRREVERSIBLE,)).target
            (0.02, 0.01)
        """
        if self.alpha is not None:
            return self.alpha
        return 0.01 if Criterion.IRREVERSIBLE in self.criteria else 0.02

    def retry_delay_s(self, tries: int) -> float:
        """
        Give the seconds to wait after `tries` failed tries.

        Examples:
            >>> [Checkpoint(name="x").retry_delay_s(n) for n in (1, 2, 3, 20)]
            [1.0, 2.0, 4.0, 3600.0]
        """
        return min(3600.0, self.backoff_s * 2.0 ** min(tries - 1, 40))


def declare(checkpoint: Checkpoint) -> Checkpoint:
    """
    Check a declaration and return it with its digest.

    Raises:
        InvalidCheckpoint: If a value is out of range or the oversight is looser than the criteria allow.
    """
    name = checkpoint.name
    if not name or len(name) > 200 or any(ord(c) < 33 or c in "/?#\\" for c in name):
        raise InvalidCheckpoint(
            f"checkpoint name {name!r} must be 1 to 200 printable characters without spaces, '/', '?' or '#'"
        )
    deadline_s = checkpoint.deadline_s
    ranges: tuple[tuple[str, float | None, bool, str], ...] = (
        ("undo_s", checkpoint.undo_s, checkpoint.undo_s >= 0, ">= 0"),
        ("opinions", checkpoint.opinions, checkpoint.opinions >= 1, ">= 1"),
        ("deadline_s", deadline_s, deadline_s is None or deadline_s > 0, "> 0 or None"),
        ("timeout_s", checkpoint.timeout_s, checkpoint.timeout_s > 0, "> 0"),
        ("max_tries", checkpoint.max_tries, checkpoint.max_tries >= 1, ">= 1"),
        ("backoff_s", checkpoint.backoff_s, checkpoint.backoff_s >= 0, ">= 0"),
        ("audit_share", checkpoint.audit_share, 0 <= checkpoint.audit_share <= 1, "in 0..1"),
    )
    for field_name, value, fits, wanted in ranges:
        if not fits or (value is not None and not value <= MAX_SECONDS):
            raise InvalidCheckpoint(f"checkpoint {name!r}: {field_name} is {value}, but must be {wanted}")
    allowed = allowed_oversight(checkpoint.criteria)
    if checkpoint.oversight not in allowed:
        reasons = ", ".join(c.value for c in checkpoint.criteria)
        raise InvalidCheckpoint(
            f"checkpoint {name!r} is {reasons}, so its oversight cannot be {checkpoint.oversight.value}; "
            f"choose {' or '.join(o.value for o in allowed)}"
        )
    if checkpoint.oversight is Oversight.AUTOMATE and not checkpoint.chosen_by:
        raise InvalidCheckpoint(
            f"checkpoint {name!r} automates: name the lead who chose that with chosen_by=..., it is recorded"
        )
    if checkpoint.alpha is not None:
        if checkpoint.oversight is not Oversight.WHEN_UNCERTAIN:
            raise InvalidCheckpoint(
                f"checkpoint {name!r}: alpha is the share of mistakes among cases that could run alone, and with "
                f"oversight='{checkpoint.oversight.value}' nothing asks for it; leave it out, or declare "
                "oversight='when_uncertain'"
            )
        if not 0 < checkpoint.alpha <= 0.5:
            raise InvalidCheckpoint(
                f"checkpoint {name!r}: alpha is {checkpoint.alpha}, but must be above 0 and at most 0.5, "
                "such as 0.02 for 2 in 100"
            )
    if checkpoint.label is not None and checkpoint.label not in checkpoint.arguments_schema.get("properties", {}):
        raise InvalidCheckpoint(f"checkpoint {name!r}: label={checkpoint.label!r} is not one of its arguments")
    _require_reasons(name, checkpoint.reasons)
    return replace(checkpoint, digest=_digest(checkpoint))


def _require_reasons(name: str, reasons: tuple[str, ...]) -> None:
    if len(reasons) > MAX_REASONS:
        raise InvalidCheckpoint(f"checkpoint {name!r} has {len(reasons)} reasons, but there are keys for {MAX_REASONS}")
    for reason in reasons:
        if not isinstance(reason, str) or not 1 <= len(reason) <= 80 or not reason.isprintable() or not reason.strip():
            raise InvalidCheckpoint(f"checkpoint {name!r}: reason {reason!r} must be 1 to 80 printable characters")
    if len(set(reasons)) < len(reasons):
        raise InvalidCheckpoint(f"checkpoint {name!r} has a reason twice; keep one of them")


_LATER = {"reasons": REASONS, "blind": False, "alpha": None}
"""Fields that came after digests were on record: one that is as it would be by itself is not part of the digest."""


def _digest(checkpoint: Checkpoint) -> str:
    declared = {
        name: getattr(checkpoint, name)
        for name in Checkpoint.__dataclass_fields__
        if name not in ("version", "registered_at", "digest")
        and (name not in _LATER or getattr(checkpoint, name) != _LATER[name])
    }
    declared["criteria"] = [c.value for c in checkpoint.criteria]
    if "reasons" in declared:
        declared["reasons"] = list(checkpoint.reasons)
    return hashlib.sha256(canonical(declared)).hexdigest()
