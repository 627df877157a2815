"""Decision: everything that was fixed about a case when it was routed, before anyone judged it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any

from signoff.domain.policy import Route

CLOSED = -1
"""The level at which no case may run alone."""


class Why(StrEnum):
    """Which rule decided the route."""

    DOUBT = "doubt"
    """There is no usable prediction of the risk."""
    TOO_FEW_ARRIVALS = "too_few_arrivals"
    """There are no thresholds yet."""
    NOT_CERTIFIED = "not_certified"
    """The evidence certifies no level."""
    CLOSED_BY_LIMIT = "closed_by_limit"
    """Too many mistakes may have slipped through; a new cycle has to be signed."""
    CLOSED_BY_ALARM = "closed_by_alarm"
    """Audits found too many mistakes; a new cycle has to be signed."""
    CLOSED_BY_NOVELTY = "closed_by_novelty"
    """Arrivals look new; closed for some hundred of them."""
    ABOVE_THRESHOLD = "above_threshold"
    """The predicted risk is too high for the level."""
    COIN = "coin"
    """It may run alone, and the coin drew it to be judged."""
    BELOW_THRESHOLD = "below_threshold"
    """It may run alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """
    How one case is routed, with everything that the evidence will need of it; goes into the record as it is.

    Args:
        number: Place, from 0, of the case among the arrivals of its checkpoint and stratum.
        p_err: Predicted chance, 0..1, that a person would not accept it as it is; 1 stands for doubt.
        thresholds: Largest predicted risk that each level lets through, ascending; -1 for none.
        certified: Loosest level, from 0, that the evidence certifies; -1 for none.
        cap: Loosest level that the limit leaves; -1 for none.
        level: The level in force; -1 is closed.
        eligible: Whether it may run alone by the level in force.
        boosted: Whether audits are boosted because the arrivals look new.
        due_share: Chance, above 0 and at most 1, with which the rules have it judged.
        audit_share: Chance with which it is judged indeed; in shadow mode 1, else `due_share`.
        coin: Its draw, 0 up to but not including 1.
        weight: Its weight, 0..1, in the average that is bounded.
        epochs: Named epochs that had begun for its kind of evidence; 0 if it counts for none.
        route: Where the rules have it go; in shadow mode where they would.
        why: Which rule decided.
        shadow: Whether everything is judged by a person whatever the route.
        gate_cycle: Cycle, from 0, of the evidence that it belongs to.
        ceiling_cycle: Cycle, from 0, of the ceiling that it belongs to.
    """

    number: int
    p_err: float
    thresholds: tuple[float, ...]
    certified: int
    cap: int
    level: int
    eligible: bool
    boosted: bool
    due_share: float
    audit_share: float
    coin: float
    weight: float
    epochs: int
    route: Route
    why: Why
    shadow: bool = False
    gate_cycle: int = 0
    ceiling_cycle: int = 0

    @property
    def judged(self) -> bool:
        """Whether a verdict on it counts: its coin fell below its chance."""
        return self.coin < self.audit_share

    @property
    def sure(self) -> bool:
        """Whether it was certain beforehand that a person judges it."""
        return self.audit_share == 1

    @property
    def strictest(self) -> int:
        """Strictest level, from 0, that it is a member of; the number of levels if of none."""
        return bisect_left(self.thresholds, self.p_err)

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON has it; `from_dict` reads it."""
        values = {name: getattr(self, name) for name in _NAMES}
        values.update(thresholds=list(self.thresholds), route=self.route.value, why=self.why.value)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Decision:
        """
        Read what `as_dict` gave.

        Raises:
            ValueError: If something is missing, unknown or no such route.
        """
        if set(values) != set(_NAMES):
            raise ValueError(
                f"a recorded decision has {', '.join(sorted(values))}; it needs {', '.join(_NAMES)}, and nothing else"
            )
        read = dict(values)
        read.update(thresholds=tuple(values["thresholds"]), route=Route(values["route"]), why=Why(values["why"]))
        return cls(**read)


_NAMES = tuple(field.name for field in fields(Decision))


def check_loss(loss: float, number: int) -> None:
    """Raise a ValueError if a loss is not in 0..1."""
    if not 0 <= loss <= 1:
        raise ValueError(f"the loss of case {number} is {loss}; give 0 for right, 1 for wrong, or a severity between")
