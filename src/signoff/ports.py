"""Protocols for all that is outside: the store, the clock, drafters, effects and schemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from signoff.domain.account import Account, Session, Token
from signoff.domain.actor import Actor
from signoff.domain.audit import Audit
from signoff.domain.automation import Arrivals, Snapshot
from signoff.domain.case import Case, Move, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.claim import Assigned
from signoff.domain.content import Content, Evidence
from signoff.domain.effect import Attempt
from signoff.domain.entry import Entry
from signoff.domain.note import Note
from signoff.domain.pace import Pace
from signoff.domain.policy import Routing
from signoff.domain.presence import Presence
from signoff.domain.verdict import VerdictRecord, Vote
from signoff.domain.webhook import Webhook

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Record = (
    Checkpoint
    | Case
    | Content
    | Evidence
    | Routing
    | VerdictRecord
    | Vote
    | Attempt
    | Audit
    | Note
    | Entry
    | Account
    | Token
    | Session
    | Presence
    | Pace
    | Webhook
    | Arrivals
    | Snapshot
)
"""Everything a store keeps: one record type is one table, one field one column."""

KEYS: dict[type, tuple[str, ...]] = {
    Checkpoint: ("name", "version"),
    Case: ("id",),
    Content: ("case_id", "revision"),
    Evidence: ("case_id",),
    Routing: ("case_id", "revision"),
    VerdictRecord: ("id",),
    Vote: ("id",),
    Attempt: ("case_id", "attempt"),
    Audit: ("case_id",),
    Note: ("case_id", "number"),
    Entry: ("seq",),
    Account: ("id",),
    Token: ("id",),
    Session: ("digest",),
    Presence: ("person",),
    Pace: ("checkpoint",),
    Webhook: ("id",),
    Arrivals: ("checkpoint",),
    Snapshot: ("checkpoint",),
}
"""The primary key of each record type."""

R = TypeVar(
    "R",
    Checkpoint,
    Case,
    Content,
    Evidence,
    Routing,
    VerdictRecord,
    Vote,
    Attempt,
    Audit,
    Note,
    Entry,
    Account,
    Token,
    Session,
    Presence,
    Pace,
    Webhook,
    Arrivals,
    Snapshot,
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """
    One settled human verdict, as a drafter learns from it.

    Args:
        seq: Where it stands in the ledger.
        case_id: The case.
        evidence: What the reviewer judged by, by name.
        proposed: The arguments the drafter had proposed.
        final: The arguments that were approved; None for a rejection.
    """

    seq: int
    case_id: str
    evidence: dict[str, Any]
    proposed: dict[str, Any]
    final: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """
    A case that has come to the end of its review, as the automation of its checkpoint takes it in.

    Args:
        seq: Where that stands in the ledger.
        case_id: The case.
        act: `clear` or `reject` when the hold of a verdict was over; `expire` or `withdraw` when nobody's word counts.
        loss: What its verdict says of the proposal, 0..1, as it was recorded; None where nothing is recorded.
    """

    seq: int
    case_id: str
    act: Move
    loss: float | None


NEAREST = 1000
"""Deadlines that are looked at to find those that are near; whatever comes later is not urgent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """
    What waits at one checkpoint.

    Args:
        waiting: Cases that wait, in whatever hands they are.
        oldest_at: When the oldest of them was proposed.
        snoozed: Those of them that are offered to nobody for now.
    """

    waiting: int
    oldest_at: datetime
    snoozed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """
    What one person or group has in hand at one checkpoint.

    Args:
        who: A person's id, or `group:NAME`.
        checkpoint: Its name.
        claimed: Waiting cases with a live claim of theirs.
        assigned: Waiting cases that are assigned to them.
    """

    who: str
    checkpoint: str
    claimed: int = 0
    assigned: int = 0


class Reading(Protocol):
    """A consistent look at the store."""

    def get(self, kind: type[R], *key: str | int) -> R | None:
        """
        Give the record with that primary key.

        In a write, nobody else changes a `Case`, `Pace`, `Account` or `Arrivals` that was read until the write ends.
        """
        ...

    def free(self, kind: type[R], *key: str | int) -> R | None:
        """Do as `get`, but give None rather than wait, in a write, for another write that is changing the record."""
        ...

    def find(self, kind: type[R], **equal: str | int | None) -> list[R]:
        """List the records whose fields have these values, in the order of their primary key."""
        ...

    def cases(
        self,
        *,
        states: Sequence[State] | None = None,
        checkpoint: str | None = None,
        after: str | None = None,
        limit: int = 50,
        newest_first: bool = False,
        text: str | None = None,
    ) -> list[Case]:
        """
        List cases by id, a page at a time: pass the last id of a page as `after`.

        With `text`, only those that hold it in their current arguments, their evidence or their key; upper and lower
        case of A to Z are one. The arguments of an open case of a blind checkpoint are not looked into.
        """
        ...

    def queue(
        self,
        actor: Actor,
        *,
        now: datetime,
        checkpoint: str | None = None,
        after: str | None = None,
        limit: int,
        assigned: Assigned | None = None,
        text: str | None = None,
    ) -> list[Case]:
        """
        List waiting cases that are offered to the actor now, oldest first, a page at a time.

        A case that is assigned to somebody else is offered as well in the last quarter of its time; see
        `claim.passes_on`.

        In a write, cases that another write is changing at the moment are left out.
        """
        ...

    def due(self, state: State, *, now: datetime, limit: int, checkpoint: str | None = None) -> list[Case]:
        """
        List cases in that state whose `due_at` has come, earliest first.

        In a write, cases that another write is changing at the moment are left out.
        """
        ...

    def running(self, checkpoint: str) -> int:
        """Count the running effects of a checkpoint."""
        ...

    def next_due(self, *, after: datetime) -> datetime | None:
        """Give the earliest `due_at` later than that, of any waiting, held, cleared or running case."""
        ...

    def counts(self, *, checkpoint: str | None = None) -> dict[State, int]:
        """Count cases by state."""
        ...

    def queues(self, *, now: datetime) -> dict[str, Queue]:
        """Count what waits, by checkpoint; one where nothing waits is left out."""
        ...

    def loads(self, *, now: datetime) -> list[Load]:
        """Count what is in whose hands, in the order of their names."""
        ...

    def rulings(self, *, since: datetime) -> dict[str, int]:
        """Count the verdicts that stand, by who ruled, from that time on."""
        ...

    def claimed_before(self, before: datetime, *, now: datetime, limit: int) -> list[Case]:
        """List waiting cases with a live claim that began before that time and has not lapsed since, by id."""
        ...

    def nearing(self, *, now: datetime, limit: int) -> list[Case]:
        """List waiting cases whose deadline is near, the nearest first, out of the `NEAREST` next ones to expire."""
        ...

    def latest_checkpoint(self, name: str) -> Checkpoint | None:
        """Give the newest version of a checkpoint."""
        ...

    def checkpoint_names(self) -> list[str]:
        """List the checkpoints that were ever registered, by name."""
        ...

    def examples(self, checkpoint: str, *, after_seq: int, limit: int) -> list[Example]:
        """List settled human verdicts in the order of the ledger; none appears later before one that was listed."""
        ...

    def decisions(self, checkpoint: str, *, after_seq: int, limit: int) -> list[Entry]:
        """
        List the entries of what the automation of a checkpoint decided, in the order of the ledger.

        Whoever holds the `Arrivals` of the checkpoint sees all that are in its count.
        """
        ...

    def settlements(self, checkpoint: str, *, after_seq: int, limit: int, up_to: int | None = None) -> list[Settlement]:
        """
        List settled cases of a checkpoint in the order of the ledger; none appears later before one that was listed.

        Args:
            checkpoint: Its name.
            after_seq: Only later ones.
            limit: How many at most.
            up_to: A number that was listed before, in whatever process: then those up to it are listed.
        """
        ...

    def ledger(self, *, after_seq: int, limit: int) -> list[Entry]:
        """List entries in the order of the ledger; none appears later before one that was listed."""
        ...

    def last_seq(self) -> int:
        """Give the number of the last entry `ledger` would list, 0 for an empty ledger."""
        ...


class Transaction(Reading, Protocol):
    """A look at the store that may also write; all of it is kept, or nothing."""

    def add(self, *records: Record) -> None:
        """
        Add records.

        Raises:
            KeyReused: If one with that primary or unique key is there already.
        """
        ...

    def change(
        self,
        kind: type[Record],
        key: Sequence[str | int],
        *,
        expect: Mapping[str, Any],
        to: Mapping[str, Any],
    ) -> bool:
        """
        Compare and swap: change the record if its fields have the expected values.

        Returns:
            Whether it was changed.
        """
        ...


class Store(Protocol):
    """Where the truth is kept."""

    @property
    def clock(self) -> Clock | None:
        """The database's own clock, which all its clients share; None where the machine's is that clock."""
        ...

    def write(self, work: Callable[[Transaction], T]) -> T:
        """
        Run `work` as one transaction and return once it is durable.

        `work` must not call the outside world; it runs again if the database asks for it.

        Raises:
            StoreUnavailable: If the database did not take it; then nothing was kept.
        """
        ...

    def read(self, work: Callable[[Reading], T]) -> T:
        """Run `work` on a consistent look at what is committed."""
        ...

    def on_commit(self, listener: Callable[[Sequence[Entry]], None]) -> None:
        """Call `listener` with the entries of each write of this process, after its commit."""
        ...

    def version(self) -> int:
        """Give a number that changes whenever anything was committed, by whatever process; cheap to ask."""
        ...

    def close(self) -> None:
        """Let go of the database; a second call does nothing."""
        ...


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """Give the time, aware, in UTC."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Other arguments the drafter thought of, with its confidence, 0..1, in them."""

    arguments: dict[str, Any]
    confidence: float


def as_alternative(given: Alternative | Mapping[str, Any]) -> dict[str, Any]:
    """Give an alternative in the form in which it is stored and sent."""
    if isinstance(given, Alternative):
        return {"arguments": dict(given.arguments), "confidence": given.confidence}
    return {"arguments": dict(given["arguments"]), "confidence": given.get("confidence")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """
    What a drafter makes of an input.

    Args:
        arguments: What it proposes to run.
        confidence: How sure it is, 0..1; None where it cannot say.
        rationale: Why, in its own words.
        alternatives: What else it thought of, best first.
        drafter: Its name and version.
        features: What it knew that tells whether a person would accept it: numbers by name, the same names each time;
            None if it cannot say.
    """

    arguments: dict[str, Any]
    confidence: float | None = None
    rationale: str | None = None
    alternatives: Sequence[Alternative] = ()
    drafter: str | None = None
    features: Mapping[str, float] | None = None


FeaturesOf = Callable[[dict[str, Any], dict[str, Any]], Mapping[str, float]]
"""Tells from the arguments and the evidence of a proposal what may tell whether a person would accept it."""


class Drafter(Protocol):
    """Whatever makes the first pass: any function of the evidence."""

    def __call__(self, evidence: Mapping[str, Any], /) -> Draft | Mapping[str, Any]:
        """Propose arguments for this evidence."""
        ...


class LearningDrafter(Drafter, Protocol):
    """
    A drafter that gets better by verdicts.

    It may also have `wait(timeout_s)`, which returns once all it was given is in its drafts; then the first draft
    of a process waits for what the ledger holds.
    """

    @property
    def version(self) -> str:
        """Name of what it has learned so far; another one when its drafts may differ."""
        ...

    def learn(self, examples: Sequence[Example]) -> None:
        """Take in settled verdicts; returns at once, fitting goes on elsewhere."""
        ...


class Embedder(Protocol):
    """
    Turns texts into vectors whose cosine says how alike the texts are.

    The same text has to get the same vector whenever and beside whatever it is asked for.
    """

    @property
    def name(self) -> str:
        """Name and version, recorded with each draft; another one when its vectors may differ."""
        ...

    def __call__(self, texts: Sequence[str], /) -> npt.NDArray[np.float32]:
        """
        Embed texts: float32, shape (texts, dimensions), each row of length 1.

        Raises:
            OutsideError: If it cannot at this time.
        """
        ...


class EffectHandler(Protocol):
    """The act outside, run once per approval."""

    def __call__(self, **arguments: Any) -> Any:
        """Act on the approved arguments and return a receipt."""
        ...


class Check(Protocol):
    """Asks the receiver whether an effect has happened."""

    def __call__(self, key: str, /) -> Any | None:
        """Give the receipt of the effect with that idempotency key, or None if it certainly did not happen."""
        ...


class ArgumentsSchema(Protocol):
    """What a checkpoint takes, from its typed signature."""

    @property
    def json_schema(self) -> dict[str, Any]:
        """Give the JSON Schema reviewers see and edit."""
        ...

    def to_json(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """
        Check arguments and give them as JSON values, with defaults filled in.

        Raises:
            InvalidArguments: With every field that does not fit.
        """
        ...

    def to_python(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """
        Give stored arguments back as the types of the signature.

        Raises:
            InvalidArguments: If the signature no longer takes them.
        """
        ...
