"""Report: what is proved at a moment, what it would take to prove more, and what may have slipped through."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from signoff.domain.policy import Route
from signoff.learning.decision import Decision, Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """
    One level of strictness.

    Args:
        level: Its index, 0 for the strictest.
        strictness: Fraction of alpha that the mean predicted risk of its members may reach.
        threshold: Largest predicted risk, 0..1, it lets through now; None if nobody's.
        log_evidence: Natural logarithm of the evidence for it.
        needed: What that has to reach.
        since: Number of the case since which it is proved, if it is; None before there is an epoch.
        clean_labels: Reviewed members in a row without a mistake until it is certified; 0 if it is.
    """

    level: int
    strictness: float
    threshold: float | None
    log_evidence: float
    needed: float
    since: int | None
    clean_labels: int

    @property
    def certified(self) -> bool:
        """Whether it is proved at this moment."""
        return self.log_evidence >= self.needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """
    Whether the average risk of what could run alone is proved to be below alpha.

    Args:
        epoch: Number of the named epoch since which it is, from 1; 0 if it is not, and the level is provisional.
        since: Number of the case with which that epoch began; None if it is not.
        deployed: Cases that could run alone in this cycle.
        log_evidence: Natural logarithm of the evidence.
        needed: What that has to reach.
        clean_cases: Cases in a row that could run alone, none found wrong, until it is confirmed.
    """

    epoch: int
    since: int | None
    deployed: int
    log_evidence: float
    needed: float
    clean_cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slipped:
    """
    The mistakes that slipped through in this cycle.

    Args:
        automated: Cases that ran without a person and were not audited.
        at_most: The ceiling, a sum of losses.
        estimate: The likely sum; no bound.
        found: The sum that audits found.
        limit: What the ceiling may reach before automation narrows.
        waiting: Audits still to be judged.
        delta: Chance that the ceiling is ever exceeded.
    """

    automated: int
    at_most: float
    estimate: float
    found: float
    limit: float
    waiting: int
    delta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """
    What would have been done while everything was judged by a person.

    Args:
        cases: Cases that were decided in shadow mode.
        eligible: Those that could have run alone.
        automated: Those that would have run without being audited.
        judged: Those of them whose verdict has settled.
        slipped: The sum of their losses: what automating would have cost.
    """

    cases: int = 0
    eligible: int = 0
    automated: int = 0
    judged: int = 0
    slipped: float = 0.0

    def entered(self, decision: Decision) -> Shadow:
        """Give the same with one case more."""
        return replace(
            self,
            cases=self.cases + 1,
            eligible=self.eligible + decision.eligible,
            automated=self.automated + (decision.route is Route.AUTOMATE),
        )

    def settled(self, decision: Decision, loss: float, *, cases: int = 1) -> Shadow:
        """Give the same with the verdict on one case more, or with another verdict on no case more."""
        if decision.route is not Route.AUTOMATE:
            return self
        return replace(self, judged=self.judged + cases, slipped=self.slipped + loss)

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """
    Where the automation of one checkpoint and stratum stands.

    Args:
        arrivals: Cases decided so far.
        waiting: Cases that wait for their verdict.
        certified: Loosest level, from 0, that the evidence certifies; -1 for none.
        cap: Loosest level that the limit leaves.
        closed: Why it is closed until a new cycle is signed; None if it is not.
        boosted_until: Number of the last case with more audits because arrivals look new; None if none.
        novelty_alarms: How often they did.
        detector: Evidence that audits find more mistakes than alpha allows.
        gate_cycle: Cycle, from 0, of the evidence for the gate.
        ceiling_cycle: Cycle, from 0, of the ceiling.
        levels: The levels, strictest first.
        confirmed: Whether what was deployed is confirmed.
        slipped: What slipped through.
        slipped_hard: The same for hard errors; None if there is no bound for them.
        confirmed_hard: The same for hard errors; None if there is no bound for them.
        shadow: What would have been done in shadow mode.
    """

    arrivals: int
    waiting: int
    certified: int
    cap: int
    closed: Why | None
    boosted_until: int | None
    novelty_alarms: int
    detector: float
    gate_cycle: int
    ceiling_cycle: int
    levels: tuple[Level, ...]
    confirmed: Confirmed
    slipped: Slipped
    slipped_hard: Slipped | None = None
    confirmed_hard: Confirmed | None = None
    shadow: Shadow = field(default_factory=Shadow)

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        values = asdict(self)
        values["levels"] = [asdict(level) | {"certified": level.certified} for level in self.levels]
        values["closed"] = None if self.closed is None else self.closed.value
        return values
