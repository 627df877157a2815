"""
Wire: the documents of the HTTP API that are not records of the domain.

What the API gives out are the domain's own values (`Case`, `Checkpoint`, `Entry` ...), so a word means the same in
Python, SQL and JSON. What it takes in are the models here; they refuse fields they do not know.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from signoff.app.views import CaseView, Outcome, Person
from signoff.domain.account import Scope
from signoff.domain.actor import ActorKind, Role
from signoff.domain.case import ANSWERED, Case, State
from signoff.domain.entry import Entry, EntryKind
from signoff.domain.features import MOST_FEATURES
from signoff.domain.proposal import Material, Proposal
from signoff.domain.verdict import Approved, Edited, Rejected, Verdict, VerdictKind

T = TypeVar("T")

MOST_WAIT_S = 55.0
"""Seconds one request may wait for an outcome; less than proxies usually allow."""

_MOST_FIELDS = 100

Name = Annotated[StrictStr, Field(min_length=1, max_length=200)]
Id = Annotated[StrictStr, Field(min_length=1, max_length=100)]
Onscreen = Annotated[StrictFloat, Field(ge=0, le=1e9)]
Seconds = Annotated[StrictFloat, Field(gt=0, le=31_536_000)]
Confidence = Annotated[StrictFloat, Field(ge=0, le=1)]
Document = dict[str, Any]


class Taken(BaseModel):
    """What is sent in; an unknown field is an error, since it is usually a misspelt one."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _is_no_bomb(cls, value: Any) -> Any:
        # Each unknown field is an error of its own, with all that belongs to it.
        if isinstance(value, dict) and len(value) > _MOST_FIELDS:
            raise ValueError(f"there are {len(value):,} fields; no document here has as many, so send those it has")
        return value


# --- proposals


class AlternativeTaken(Taken):
    """Other arguments the drafter thought of."""

    arguments: Document = Field(description="All arguments, as they would run.")
    confidence: Confidence | None = Field(default=None, description="The drafter's own, 0..1.")


class ProposalTaken(Taken):
    """What the AI asks to do. The proposer is whom the token speaks for."""

    checkpoint: Name = Field(description="Name of the checkpoint.")
    arguments: Document | None = Field(
        default=None,
        description="What would run. Left out, the checkpoint's drafter makes a first pass from the evidence.",
    )
    evidence: Document = Field(
        default_factory=dict,
        description="What a reviewer judges it by, by name: any JSON, or "
        '{"media_type": "message/rfc822", "value": ...} to say what it is.',
    )
    confidence: Confidence | None = Field(default=None, description="The drafter's own, 0..1.")
    rationale: Annotated[str, Field(max_length=100_000)] | None = Field(
        default=None, description="The drafter's own words."
    )
    alternatives: list[AlternativeTaken] = Field(
        default_factory=list, max_length=100, description="Other arguments, best first."
    )
    drafter: Name | None = Field(default=None, description="Who drafted it, with its version.")
    key: Name | None = Field(
        default=None,
        description="Idempotency key: sent twice with the same arguments, it is one case. Always send one.",
    )
    deadline_s: Seconds | None = Field(default=None, description="Seconds after which it expires unexecuted.")
    features: dict[str, StrictFloat] | None = Field(
        default=None,
        max_length=MOST_FEATURES,
        description="What tells whether a person would accept it: numbers by name, the same names each time.",
    )

    def proposal(self, *, proposer: str) -> Proposal:
        """Give it as the library takes it."""
        return Proposal(
            arguments=self.arguments,
            evidence={name: _material(value) for name, value in self.evidence.items()},
            confidence=self.confidence,
            rationale=self.rationale,
            alternatives=[each.model_dump() for each in self.alternatives],
            drafter=self.drafter,
            proposer=proposer,
            key=self.key,
            deadline_s=self.deadline_s,
            features=self.features,
        )


def _material(value: Any) -> Any:
    """Tell evidence that says what it is from evidence that is just JSON."""
    if isinstance(value, dict) and value.keys() == {"media_type", "value"} and isinstance(value["media_type"], str):
        return Material(value["value"], value["media_type"])
    return value


class Problem(BaseModel):
    """What went wrong, as RFC 9457 has it; `code` is the stable name, further members are facts about this error."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(default="about:blank", description="A URN that names the kind of problem.")
    title: str = Field(description="The kind of problem in a few words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened, to which case, and what to do next.")
    code: str = Field(description="Stable name of the kind of problem.")


class ProposalAnswer(BaseModel):
    """What became of one line of a batch: a case, or a problem."""

    index: int = Field(description="Number of the line, from 0; empty lines do not count.")
    case: Case | None = Field(default=None, description="The case, where the line was taken.")
    problem: Problem | None = Field(default=None, description="Why it was not, where it was not.")


# --- cases


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    items: Sequence[T] = Field(description="What is on this page, in the order of the list.")
    after: str | None = Field(description="Pass it as `after` for the next page; null on the last one.")


class QueuePage(Page[Case]):
    """One page of the queue."""

    first: CaseView | None = Field(
        default=None, description="What there is to judge the first case by, where `with_first` asks for it."
    )


class Few(BaseModel, Generic[T]):
    """A list that is given whole."""

    items: Sequence[T] = Field(description="All there is, in the order of the list.")


class LabelGiven(BaseModel):
    """A category, and how often it was given."""

    label: str = Field(description="The category.")
    cases: int = Field(description="Cases that people gave it, by the verdicts that have settled.")


class OutcomeGiven(BaseModel):
    """What became of a case, or that it is still open."""

    case_id: str = Field(description="The case.")
    state: State = Field(description="Where it stands.")
    answered: bool = Field(description="Whether nothing more happens by itself; false means: ask again.")
    value: Any = Field(default=None, description="What the function returned, once it is done.")
    verdict: VerdictKind | None = Field(default=None, description="The verdict, where a person ruled.")
    reviewer: str | None = Field(default=None, description="Who ruled.")
    reason: str | None = Field(default=None, description="Why it was rejected, in the reviewer's words.")
    problem: str | None = Field(default=None, description="What went wrong with the effect, in short.")
    arguments: Document | None = Field(default=None, description="What was approved.")

    @classmethod
    def of(cls, outcome: Outcome) -> OutcomeGiven:
        """Give an outcome as it is sent."""
        arguments = None if outcome.arguments is None else dict(outcome.arguments)
        return cls(
            case_id=outcome.case_id,
            state=outcome.state,
            answered=outcome.state in ANSWERED,
            value=outcome.value,
            verdict=outcome.verdict,
            reviewer=outcome.reviewer,
            reason=outcome.reason,
            problem=outcome.problem,
            arguments=arguments,
        )

    def outcome(self) -> Outcome:
        """Give it as the library does."""
        return Outcome(**{name: value for name, value in self if name != "answered"})


class Counts(BaseModel):
    """Cases by checkpoint and state; what there is none of is left out."""

    checkpoints: Mapping[str, Mapping[State, int]] = Field(description="By checkpoint, then by state.")


class AttachmentGiven(BaseModel):
    """A file that came with an e-mail."""

    name: str = Field(description="Its name, as the sender gave it.")
    media_type: str = Field(description="What it says it is.")
    bytes: int = Field(description="Its size, decoded.")


class MailGiven(BaseModel):
    """What an e-mail says; evidence of the type `message/rfc822` has it as `mail`, beside the raw `value`."""

    sender: str = Field(alias="from", description="Who says they sent it, as `Name <address>`.")
    to: Sequence[str] = Field(description="To whom, one by one.")
    cc: Sequence[str] = Field(description="Who got a copy, one by one.")
    subject: str = Field(description="Its subject.")
    date: str | None = Field(description="When it says it was sent, ISO 8601; null if that cannot be read.")
    text: str = Field(description="Its words; of HTML alone, the words of that.")
    html: bool = Field(description="Whether it has HTML, to be had from `frame`.")
    attachments: Sequence[AttachmentGiven] = Field(description="Files that came with it.")
    remote_images: int = Field(description="Pictures on https addresses that `frame` shows with `images=true`.")
    problems: Sequence[str] = Field(description="What is broken in it or looks like a trick, in plain words.")


# --- review


class ClaimTaken(Taken):
    """Take the oldest cases that are offered, or some by name."""

    limit: StrictInt = Field(default=5, ge=1, le=1000, description="How many at most; those held already count.")
    checkpoint: Name | None = Field(default=None, description="Only cases of this checkpoint.")
    case_ids: list[Id] | None = Field(
        default=None,
        max_length=1000,
        description="These, as far as they are offered to you; `limit` and `checkpoint` do not apply.",
    )
    hold_s: Seconds = Field(default=180.0, description="Seconds until the claims lapse, unless they are renewed.")


class HoldTaken(Taken):
    """Take one case."""

    hold_s: Seconds = Field(default=180.0, description="Seconds until the claim lapses, unless it is renewed.")


class RenewTaken(Taken):
    """Hold claimed cases for longer."""

    case_ids: list[Id] = Field(max_length=1000, description="The cases; one that is named twice counts once.")
    hold_s: Seconds = Field(default=180.0, description="Seconds from now until the claims lapse.")


class Renewed(BaseModel):
    """What is still held, and what is not."""

    held: Sequence[Case] = Field(description="The cases that are held.")
    lost: Sequence[str] = Field(description="Ids of cases whose claim is gone: lapsed, taken, or answered.")


class ReleaseTaken(Taken):
    """Give claims back early."""

    case_ids: list[Id] = Field(max_length=1000, description="The cases; one that is named twice counts once.")


class VerdictTaken(Taken):
    """
    A verdict on exactly what was shown. Where several opinions are needed, it is one vote.

    It is bound to `revision` and `content_hash` of the case as it was on screen, and to `fence` where it stood on a
    claim.
    """

    id: Id = Field(description="Chosen by you, usable once; sent again with the same verdict, it counts once.")
    kind: VerdictKind = Field(description="What the person says to it.")
    arguments: Document | None = Field(default=None, description="For `edited`: all arguments, as they shall run.")
    reason: Annotated[str, Field(max_length=10_000)] | None = Field(default=None, description="For `rejected`: why.")
    revision: StrictInt = Field(ge=1, le=2**31 - 1, description="The revision that was on screen.")
    content_hash: Annotated[StrictStr, Field(max_length=200)] = Field(description="The hash of what was on screen.")
    fence: StrictInt | None = Field(
        default=None, ge=0, le=2**53 - 1, description="The claim's number, if you hold one."
    )
    seconds: Onscreen | None = Field(default=None, description="How long it was on screen, in seconds.")

    @model_validator(mode="after")
    def _says_one_thing(self) -> VerdictTaken:
        if (self.kind is VerdictKind.EDITED) != (self.arguments is not None):
            raise ValueError("arguments belong to the kind edited, and to it alone; leave them out, or send edited")
        if self.reason is not None and self.kind is not VerdictKind.REJECTED:
            raise ValueError("a reason belongs to the kind rejected; leave it out, or send rejected")
        return self

    def verdict(self) -> Verdict:
        """Give it as the library takes it."""
        match self.kind:
            case VerdictKind.APPROVED:
                return Approved()
            case VerdictKind.EDITED:
                return Edited(self.arguments or {})
            case VerdictKind.REJECTED:
                return Rejected(self.reason)


class ReasonTaken(Taken):
    """Say why you rejected a case."""

    verdict_id: Id = Field(description="The id of your rejection, or of your vote to reject.")
    reason: Annotated[StrictStr, Field(min_length=1, max_length=10_000)] = Field(description="Why.")


class RedraftTaken(Taken):
    """Ask for another draft."""

    note: Annotated[StrictStr, Field(min_length=1, max_length=10_000)] = Field(description="What should be different.")
    arguments: Document | None = Field(default=None, description="The new arguments, where they are known.")


class HandoverTaken(Taken):
    """Pass a case on."""

    to: Name = Field(description="A person's id, or `group:NAME`.")
    note: Annotated[StrictStr, Field(max_length=10_000)] | None = Field(
        default=None, description="What the next one should know."
    )


class SnoozeTaken(Taken):
    """Offer a case to nobody for a while: `for_s` or `until`."""

    for_s: Seconds = Field(default=3600.0, description="Seconds until it is offered again.")
    until: AwareDatetime | None = Field(default=None, description="The time itself; `for_s` then has no meaning.")


class ResolveTaken(Taken):
    """Say what became of an unknown effect."""

    move: Literal["confirm_done", "send_again", "confirm_failed"] = Field(
        description="It happened; it did not and shall be tried again; or it did not and shall not."
    )
    receipt: Any = Field(default=None, description="Proof that it happened, where there is one.")
    note: Annotated[StrictStr, Field(max_length=10_000)] | None = Field(default=None, description="How you know.")


class ReverseTaken(Taken):
    """Order the effect that undoes a done one."""

    reason: Annotated[StrictStr, Field(max_length=10_000)] | None = Field(default=None, description="Why.")


# --- who


class SignInTaken(Taken):
    """Sign in with a browser."""

    account: Name = Field(description="The name of the account.")
    password: Annotated[StrictStr, Field(max_length=1024)] = Field(description="As it was typed.")


class Me(BaseModel):
    """Who asks, and what they may do."""

    id: str = Field(description="Under which name the ledger knows you.")
    roles: Sequence[Role] = Field(description="What you may do as a person; none for a token that proposes.")
    groups: Sequence[str] = Field(description="The groups whose hand-overs you get.")
    scopes: Sequence[Scope] = Field(description="What this session or token may do.")


class PresenceTaken(Taken):
    """Give a sign that you are at the desk."""

    away: StrictBool | None = Field(
        default=None, description="True to go away, false to be back; null leaves that as it is."
    )


class People(BaseModel):
    """Who may be at the desk."""

    items: Sequence[Person] = Field(description="By name.")


# --- events and health


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """
    One entry of the ledger, as the event stream tells it.

    Args:
        seq: Its number; the id of the event.
        at: When, UTC.
        kind: What it tells of.
        act: The move, or what else was done; of a vote not how it went, as the others are to vote blind.
        case_id: The case, where it is about one.
        checkpoint: The checkpoint, where it is about one.
        revision: The revision it was about.
        state: Where the case stands after it, where it moved.
        actor: Who did it; nobody for a vote.
        actor_kind: What they are.
    """

    seq: int
    at: datetime
    kind: EntryKind
    act: str
    case_id: str | None
    checkpoint: str | None
    revision: int | None
    state: State | None
    actor: str | None
    actor_kind: ActorKind

    @classmethod
    def of(cls, entry: Entry) -> Event:
        """Give an entry as it is told."""
        blind = entry.kind is EntryKind.VOTE
        return cls(
            seq=entry.seq,
            at=entry.at,
            kind=entry.kind,
            act="vote" if blind else entry.act,
            case_id=entry.case_id,
            checkpoint=entry.checkpoint,
            revision=entry.revision,
            state=entry.to_state,
            actor=None if blind else entry.actor,
            actor_kind=entry.actor_kind,
        )


class Health(BaseModel):
    """Whether the server can do its work."""

    ready: StrictBool = Field(description="Whether it can.")
    version: str = Field(description="The version of Signoff.")
    database: Literal["ok", "unavailable"] = Field(description="Whether the database answers.")
