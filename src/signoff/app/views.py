"""Views: what the library tells about a case, as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from signoff.domain.actor import Role
from signoff.domain.audit import Audit
from signoff.domain.case import Case, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.content import Content
from signoff.domain.effect import Attempt
from signoff.domain.entry import Entry
from signoff.domain.note import Note
from signoff.domain.policy import Routing
from signoff.domain.verdict import VerdictKind, VerdictRecord, Vote
from signoff.engine import oversee
from signoff.learning.report import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """
    What became of a case.

    Args:
        case_id: The case.
        state: Where it stands; final, or `unknown` while a person finds out.
        value: What the function returned, as JSON, once it is done.
        verdict: Approved, edited or rejected; None where policy decided or nobody did.
        reviewer: Who ruled.
        reason: Why it was rejected, in the reviewer's words.
        problem: What went wrong with the effect, in short.
        arguments: What was approved, as JSON.
    """

    case_id: str
    state: State
    value: Any = None
    verdict: VerdictKind | None = None
    reviewer: str | None = None
    reason: str | None = None
    problem: str | None = None
    arguments: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """
    What a reviewer needs to judge a case.

    Args:
        case: The case; pass it to a verdict, which is bound to exactly this.
        checkpoint: The declaration it was proposed under.
        content: The current revision.
        evidence: By name, `{"media_type", "value"}`.
        routing: How this revision was routed, with the drafter's confidence.
        withheld: Whether what the drafter thinks is kept back until the person has ruled, as on a blind checkpoint:
            then there is no routing, rationale or alternative, and no category among the arguments.
    """

    case: Case
    checkpoint: Checkpoint
    content: Content
    evidence: Mapping[str, Mapping[str, Any]]
    routing: Routing | None
    withheld: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AutomationView:
    """
    Where the automation of a checkpoint stands, while people judge every case.

    Args:
        checkpoint: Its name.
        alpha: Share of mistakes that is aimed for among what could run alone.
        arrivals: New cases it has decided.
        judged: Those of them that are settled: ruled on with the hold over, expired or withdrawn.
        waiting: Those that are not.
        could_run: Cases that could have run without a person.
        audited: Those of them that would have been drawn for an audit.
        alone: Those that would have run, and nobody would have looked.
        alone_judged: Those of these that are settled by now.
        wrong: The sum of their losses: what automating would have cost.
        wrong_at_most: The same if all that are not settled yet turned out wrong.
        report: The evidence in full, with what it would take to prove more; None if none is collected.
    """

    checkpoint: str
    alpha: float
    arrivals: int
    judged: int
    waiting: int
    could_run: int
    audited: int
    alone: int
    alone_judged: int
    wrong: float
    wrong_at_most: float
    report: Report | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimilarCase:
    """
    A case that is like another one, and what a person made of it.

    Args:
        case_id: The case.
        title: Its title.
        verdict: What the person said.
        label: The category it got, on a label checkpoint; None for a rejection.
        edited: Names of the arguments that the person changed.
        reviewer: Who ruled.
        ruled_at: When, UTC.
        likeness: How alike the evidence of both is, 0..1.
    """

    case_id: str
    title: str
    verdict: VerdictKind
    label: str | None
    edited: Sequence[str]
    reviewer: str
    ruled_at: datetime
    likeness: float


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """
    Everything that is stored about one case, oldest first.

    Args:
        case: The case as it is now.
        checkpoint: The declaration it was proposed under.
        entries: What the ledger says of it.
        contents: Every revision.
        evidence: By name, `{"media_type", "value"}`.
        routings: How each revision was routed.
        verdicts: Every verdict, those taken back too.
        votes: Every opinion, where several are needed.
        attempts: Every try of its effect.
        audit: What came of its audit, if it was drawn.
        notes: What people wrote about it.
    """

    case: Case
    checkpoint: Checkpoint | None
    entries: Sequence[Entry]
    contents: Sequence[Content]
    evidence: Mapping[str, Mapping[str, Any]]
    routings: Sequence[Routing]
    verdicts: Sequence[VerdictRecord]
    votes: Sequence[Vote]
    attempts: Sequence[Attempt]
    audit: Audit | None
    notes: Sequence[Note]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """
    Somebody who may be at the desk, with what they have in hand.

    Args:
        id: Under which name the ledger knows them.
        roles: What they may do, as far as there is an account.
        groups: The groups whose hand-overs they get.
        here: Whether they were seen in the last 150 seconds and are not away.
        seen_at: When their screen last gave a sign.
        away_since: When they said that they are away; None while they are not.
        claimed: Waiting cases they hold.
        assigned: Waiting cases that are assigned to them.
        ruled_today: Verdicts of theirs since midnight UTC that stand.
    """

    id: str
    roles: Sequence[Role] = ()
    groups: Sequence[str] = ()
    here: bool = False
    seen_at: datetime | None = None
    away_since: datetime | None = None
    claimed: int = 0
    assigned: int = 0
    ruled_today: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskQueue:
    """
    What waits at one checkpoint.

    Args:
        checkpoint: Its name.
        waiting: Cases that wait for a person, in whatever hands they are.
        oldest_at: When the oldest of them was proposed; None if nothing waits.
        claimed: Those of them that somebody holds.
        assigned: Those that are assigned to a person or group.
        snoozed: Those that are offered to nobody for now.
    """

    checkpoint: str
    waiting: int = 0
    oldest_at: datetime | None = None
    claimed: int = 0
    assigned: int = 0
    snoozed: int = 0


class Why(StrEnum):
    """Why a waiting case needs somebody's eye."""

    CLAIMED_LONG = "claimed_long"
    """Somebody has held it without a break for more than 15 minutes."""
    ASSIGNED_AWAY = "assigned_away"
    """It is assigned to somebody who is away."""
    DEADLINE_NEAR = "deadline_near"
    """Three quarters of its time are over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """
    A waiting case that needs somebody's eye.

    Args:
        case: The case.
        why: What is the matter.
    """

    case: Case
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskView:
    """
    The desk as a whole: what waits, what is stuck, and what nobody can be sure of.

    Args:
        queues: One for each checkpoint at which anything was ever proposed, by name.
        stuck: Waiting cases that need somebody's eye, 200 at the most, near deadlines first.
        unknown: Cases whose effect may or may not have happened, oldest first, 200 at the most.
    """

    queues: Sequence[DeskQueue]
    stuck: Sequence[Stuck]
    unknown: Sequence[Case]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What `Signoff.verify` compared, and every contradiction it found."""

    cases: int
    entries: int
    verdicts: int
    effects: int
    contradictions: Sequence[oversee.Contradiction]
