"""Signoff: the object a user holds. It wires the store, the clock, the worker and the drafters together."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from random import SystemRandom
from types import TracebackType
from typing import Any, Generic, NoReturn, ParamSpec, TypeVar, cast, overload
from urllib.parse import unquote, urlsplit

import uuid_utils

from signoff.domain.actor import Actor, ActorKind, Role
from signoff.domain.audit import Audit, Finding
from signoff.domain.case import ANSWERED, Case, ClearedBy, Move, State
from signoff.domain.checkpoint import Checkpoint, Criterion, Delivery, Oversight, declare
from signoff.domain.content import Content, Evidence, require_json
from signoff.domain.effect import Attempt
from signoff.domain.entry import Entry
from signoff.domain.note import Note
from signoff.domain.policy import Routing
from signoff.domain.proposal import Proposal
from signoff.domain.verdict import Approved, Edited, Rejected, Verdict, VerdictKind, VerdictRecord, Vote
from signoff.engine import execute, oversee, propose, review
from signoff.engine.execute import Handling
from signoff.engine.propose import Prepared
from signoff.errors import (
    DraftFailed,
    EffectFailed,
    EffectUnknown,
    InvalidArguments,
    InvalidCheckpoint,
    InvalidInput,
    KeyReused,
    LedgerBroken,
    NotApproved,
    SignoffError,
    StillWaiting,
    UnknownCheckpoint,
    UsageError,
)
from signoff.ports import Alternative, Check, Clock, Draft, Drafter, Example, LearningDrafter, Reading, Store
from signoff.runtime.clock import SystemClock
from signoff.runtime.learner import Learner
from signoff.runtime.waiting import Deadline, Waiters
from signoff.runtime.worker import POLL_S, Worker, tick, worker_name
from signoff.signature import Signature, check_schema, receipt

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("signoff")

_BATCH = 500
"""Proposals in one transaction of `propose_many`, so that others can write in between."""

_OPTIONS = frozenset(
    {
        "evidence",
        "confidence",
        "rationale",
        "alternatives",
        "drafter",
        "proposer",
        "key",
        "deadline_s",
    }
)
"""Names `propose` keeps for itself."""


def new_id() -> str:
    """Give a new UUIDv7 as text; later ones sort after earlier ones."""
    return str(uuid_utils.uuid7())


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
    """

    case: Case
    checkpoint: Checkpoint
    content: Content
    evidence: Mapping[str, Mapping[str, Any]]
    routing: Routing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Everything that is stored about one case, oldest first."""

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
class Verification:
    """What `Signoff.verify` compared, and every contradiction it found."""

    cases: int
    entries: int
    verdicts: int
    effects: int
    contradictions: Sequence[oversee.Contradiction]


class CaseHandle:
    """
    A proposed case, to wait for.

    Examples:
        >>> from signoff.testing import MemoryStore
        >>> app = Signoff(MemoryStore(), workers=0)
        >>> @app.checkpoint()
        ... def greet(name: str) -> str:
        ...     return f"hello {name}"
        >>> case = greet.propose(name="Ada")
        >>> case.state.value
        'waiting'
        >>> _ = app.reviewer("grace").approve(case)
        >>> app.run_due()
        1
        >>> case.outcome().value
        'hello Ada'
    """

    __slots__ = ("_app", "seen")

    def __init__(self, app: Signoff, seen: Case) -> None:
        self._app = app
        self.seen = seen
        """The case as it was when this handle was made; verdicts on the handle are bound to it."""

    @property
    def id(self) -> str:
        """The id, to find the case again later or elsewhere."""
        return self.seen.id

    @property
    def state(self) -> State:
        """Where the case stands now."""
        return self._app.case(self.id).seen.state

    def outcome(self, timeout_s: float | None = None) -> Outcome:
        """
        Wait until nothing more happens to the case by itself, and tell what became of it.

        Args:
            timeout_s: Seconds, >= 0, to wait at most; None for as long as it takes.

        Raises:
            StillWaiting: If the time is over; the case stays.
        """
        return self._app._wait(self.id, timeout_s)

    def withdraw(self) -> Case:
        """
        Take the proposal back before it has started.

        Raises:
            CaseClosed: If it has started or ended.
        """
        return self._app._write(review.withdraw, self.id, proposer=self.seen.proposer)

    def __await__(self) -> Generator[Any, None, Outcome]:
        return self._app._wait_async(self.id).__await__()

    def __repr__(self) -> str:
        return f"<CaseHandle {self.id} at {self.seen.checkpoint}>"


class CheckpointFunction(Generic[P, T]):
    """
    A function behind a checkpoint: calling it proposes and waits, `propose` proposes and returns at once.

    Made by `Signoff.checkpoint`.
    """

    def __init__(
        self,
        app: Signoff,
        function: Callable[P, T],
        declaration: Checkpoint,
        signature: Signature,
        *,
        check: Check | None,
        drafter: Drafter | None,
        wait_s: float,
    ) -> None:
        self._app = app
        self._function = function
        self._declaration = declaration
        self._registered: Checkpoint | None = None
        self._wait_s = wait_s
        self._check = check
        self._reversal: CheckpointFunction[..., Any] | None = None
        self.signature = signature
        self.drafter = drafter
        self.name = declaration.name
        self.__name__ = getattr(function, "__name__", declaration.name)
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    @property
    def declaration(self) -> Checkpoint:
        """The declaration, registered in the database with its version."""
        if self._registered is None:
            self._registered = self._app._write(propose.register, self._declaration)
        return self._registered

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """
        Propose, wait for the outcome, and return what the function returned, as JSON.

        In an `async def` function it gives an awaitable.

        Raises:
            StillWaiting: If nobody answered in time; `facts["case_id"]` finds the case again.
            NotApproved: If it was rejected, withdrawn or expired.
            EffectFailed: If it was approved, but did not happen.
            EffectUnknown: If it may or may not have happened; a person has to look.
        """
        case = self.propose(**self.signature.bind(*args, **kwargs))
        if inspect.iscoroutinefunction(self._function):
            return cast(T, self._call_async(case))
        return cast(T, _value(case.outcome(self._wait_s)))

    async def _call_async(self, case: CaseHandle) -> Any:
        return _value(await self._app._wait_async(case.id, self._wait_s))

    def propose(
        self,
        *,
        evidence: Mapping[str, Any] | None = None,
        confidence: float | None = None,
        rationale: str | None = None,
        alternatives: Iterable[Alternative | Mapping[str, Any]] = (),
        drafter: str | None = None,
        proposer: str = "app",
        key: str | None = None,
        deadline_s: float | None = None,
        **arguments: Any,
    ) -> CaseHandle:
        """
        Ask for these arguments to be run, and return at once.

        Without arguments, the checkpoint's drafter makes them from the evidence.

        Args:
            evidence: What a reviewer judges it by, by name: any JSON, or `Material` to say its media type.
            confidence: The drafter's own, 0..1.
            rationale: The drafter's own words about it; never executed.
            alternatives: Other arguments, best first.
            drafter: Who drafted it, with its version.
            proposer: Who proposes it; may not rule on it.
            key: Idempotency key, unique per checkpoint and proposer: sent twice, it is one case.
            deadline_s: Seconds, > 0, after which it expires unexecuted.
            arguments: The function's arguments.

        Raises:
            InvalidArguments: If they do not fit the function's signature.
            InvalidInput: If a value is not JSON, too deep or too large.
            KeyReused: If the key stands for other arguments.
            DraftFailed: If the drafter made no proposal.
        """
        proposal = Proposal(
            arguments=arguments or None,
            evidence=evidence or {},
            confidence=confidence,
            rationale=rationale,
            alternatives=[_alternative(a) for a in alternatives],
            drafter=drafter,
            proposer=proposer,
            key=key,
            deadline_s=deadline_s,
        )
        prepared = self._prepare(proposal)
        case = self._app.store.write(lambda tx: propose.propose(tx, prepared))
        self._app._need_worker()
        return CaseHandle(self._app, case)

    def propose_many(self, proposals: Iterable[Proposal | Mapping[str, Any]]) -> list[CaseHandle]:
        """
        Propose a lot at once, in batches of 500 that are kept whole or not at all.

        Args:
            proposals: `Proposal`s, or mappings of arguments.

        Returns:
            A handle for each, in the same order.

        Raises:
            SignoffError: As `propose`; names the number of the proposal, from 0, in `facts["index"]`, and
                in `facts["kept"]` how many before it are kept. With keys it is safe to send all again.
        """
        handles: list[CaseHandle] = []
        batch: list[Prepared] = []

        def flush() -> None:
            try:
                cases = self._app.store.write(lambda tx: propose.propose_many(tx, batch, keys_are_new=True))
            except KeyReused:
                # Seldom, as when an import is run again; looking each key up first would cost every import a third.
                cases = self._app.store.write(lambda tx: propose.propose_many(tx, batch))
            handles.extend(CaseHandle(self._app, case) for case in cases)
            batch.clear()

        try:
            for item in proposals:
                batch.append(self._prepare(_as_proposal(item)))
                if len(batch) == _BATCH:
                    flush()
            if batch:
                flush()
        except SignoffError as error:
            # The engine numbers within the batch it was given; before that, the batch itself tells.
            index = len(handles) + error.facts.get("number", len(batch))
            error.facts = {**error.facts, "index": index, "kept": len(handles)}
            error.add_note(f"proposal number {index}, counted from 0; the first {len(handles)} are kept")
            raise
        finally:
            self._app._need_worker()
        return handles

    def reversal(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """
        Declare the function that undoes a done effect; a decorator.

        Its parameters are any of this checkpoint's own, and `receipt` for what the effect returned.

        Raises:
            InvalidCheckpoint: If it has another parameter.
        """
        signature = Signature(function, name=f"{self.name}.reversal")
        strange = set(signature.names) - {*self.signature.names, "receipt"}
        if strange:
            raise InvalidCheckpoint(
                f"the reversal of {self.name!r} may take its arguments and receipt, not {', '.join(sorted(strange))}"
            )
        declaration = declare(
            replace(
                self._declaration,
                name=f"{self.name}.reversal",
                description=inspect.getdoc(function) or "",
                arguments_schema=signature.json_schema,
                label=None,
                undo_s=0.0,
                opinions=1,
                oversight=Oversight.ALWAYS,
                chosen_by=None,
                audit_share=0.0,
                delivery=Delivery.AT_MOST_ONCE,
                reverses=self.name,
            )
        )
        self._reversal = CheckpointFunction(
            self._app, function, declaration, signature, check=None, drafter=None, wait_s=self._wait_s
        )
        self._app._add(self._reversal)
        return function

    def _prepare(self, proposal: Proposal) -> Prepared:
        if proposal.arguments is None and self.drafter is not None:
            proposal = self._drafted(proposal)
        return propose.prepare(
            self.declaration,
            proposal,
            arguments=self.signature.to_json(proposal.arguments or {}),
            case_id=new_id(),
            now=self._app.clock.now(),
            coin=self._app._coin(),
        )

    def _drafted(self, proposal: Proposal) -> Proposal:
        draft = self.draft(proposal.evidence)
        return replace(
            proposal,
            arguments=draft.arguments,
            confidence=draft.confidence,
            rationale=draft.rationale,
            alternatives=review.alternatives_of(draft),
            drafter=draft.drafter,
        )

    def draft(self, evidence: Mapping[str, Any]) -> Draft:
        """
        Ask the drafter for a first pass; nothing is proposed.

        Raises:
            DraftFailed: If it raises, or its arguments do not fit the signature.
        """
        if self.drafter is None:
            raise UsageError(f"checkpoint {self.name!r} has no drafter; declare it with drafter=...")
        self._app._learner.catch_up()
        plain = {name: getattr(value, "value", value) for name, value in evidence.items()}
        try:
            made = self.drafter(plain)
        except Exception as error:
            raise DraftFailed(
                f"the drafter of {self.name!r} raised {type(error).__name__}: {error}; nothing was proposed. "
                "Propose with arguments, or mend the drafter"
            ) from error
        draft = made if isinstance(made, Draft) else Draft(arguments=dict(made))
        try:
            checked = self.signature.to_json(draft.arguments)
        except InvalidArguments as error:
            raise DraftFailed(
                f"the drafter of {self.name!r} made arguments that do not fit: {error}; nothing was proposed"
            ) from None
        return replace(
            draft,
            arguments=checked,
            drafter=draft.drafter or _name_of(self.drafter),
        )

    def _handling(self) -> Handling:
        function: Callable[..., Any] = self._function
        if inspect.iscoroutinefunction(function):
            coroutine = function

            def function(**arguments: Any) -> Any:
                return asyncio.run(coroutine(**arguments))

        return Handling(
            declaration_of=partial(self._app._declaration, self.name),
            schema=self.signature,
            handler=function,
            check=self._check,
            to_receipt=receipt,
        )

    def __repr__(self) -> str:
        return f"<checkpoint {self.name}>"


def _as_proposal(item: Proposal | Mapping[str, Any]) -> Proposal:
    if isinstance(item, Proposal):
        return item
    if not isinstance(item, Mapping) or not all(isinstance(name, str) for name in item):
        raise InvalidInput(f"a proposal is a Proposal or a mapping of arguments by name, not a {type(item).__name__}")
    return Proposal(arguments=item)


def _alternative(given: Alternative | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(given, Alternative):
        return {"arguments": dict(given.arguments), "confidence": given.confidence}
    return {"arguments": dict(given["arguments"]), "confidence": given.get("confidence")}


def _name_of(drafter: Drafter) -> str:
    named = getattr(drafter, "version", None) or getattr(drafter, "__name__", None)
    return str(named or type(drafter).__name__)


def _value(outcome: Outcome) -> Any:
    facts: dict[str, Any] = {"case_id": outcome.case_id, "outcome": outcome}
    match outcome.state:
        case State.DONE | State.REVERSED:
            return outcome.value
        case State.UNKNOWN:
            raise EffectUnknown(
                f"the effect of case {outcome.case_id} may or may not have happened; a lead has to find out "
                "and resolve it",
                **facts,
            )
        case State.FAILED:
            raise EffectFailed(
                f"case {outcome.case_id} was approved, but its effect failed: {outcome.problem}", **facts
            )
        case _:
            raise NotApproved(
                f"case {outcome.case_id} was {outcome.state.value}, so it did not run"
                + (f" ({outcome.reviewer})" if outcome.reviewer else ""),
                **facts,
            )


class Reviewer:
    """
    A person at the desk: takes cases and rules on them. Made by `Signoff.reviewer`.

    Every verdict takes a `Case` or `CaseHandle` as it was shown, and holds for exactly that.
    """

    def __init__(self, app: Signoff, actor: Actor) -> None:
        self._app = app
        self.actor = actor

    def queue(self, checkpoint: str | None = None, *, after: str | None = None, limit: int = 50) -> list[Case]:
        """List the waiting cases offered to this person, oldest first, a page at a time."""
        now = self._app.clock.now()
        return self._app.store.read(
            lambda tx: tx.queue(self.actor, now=now, checkpoint=checkpoint, after=after, limit=limit)
        )

    def claim(self, limit: int = 5, *, checkpoint: str | None = None, hold_s: float = 180.0) -> list[Case]:
        """
        Take the oldest cases, for a limited time; nobody else is offered them meanwhile.

        Drafts that a learning drafter would make anew by now are made anew first.

        Args:
            limit: How many at most, 1..1000; those held already count.
            checkpoint: Only cases of this checkpoint.
            hold_s: Seconds, > 0, until the claims lapse.
        """
        claimed = self._app._write(review.claim, self.actor, hold_s=hold_s, limit=limit, checkpoint=checkpoint)
        return [self._app._freshen(case) for case in claimed]

    def claim_case(self, case_id: str, *, hold_s: float = 180.0) -> Case:
        """
        Take one case, for a limited time.

        Raises:
            CaseClosed: If it does not wait for a person.
            ClaimLost: If somebody else holds it.
        """
        case = self._app._write(review.claim_case, case_id, self.actor, hold_s=hold_s)
        return self._app._freshen(case)

    def release(self, case: Case | CaseHandle | str) -> Case:
        """Give a claim back early."""
        return self._app._write(review.release, _id(case), self.actor)

    def approve(self, case: Case | CaseHandle, *, verdict_id: str | None = None, seconds: float | None = None) -> Case:
        """Approve exactly what was shown; see `rule`."""
        return self.rule(case, Approved(), verdict_id=verdict_id, seconds=seconds)

    def edit(
        self,
        case: Case | CaseHandle,
        arguments: Mapping[str, Any],
        *,
        verdict_id: str | None = None,
        seconds: float | None = None,
    ) -> Case:
        """
        Approve other arguments than those proposed; see `rule`.

        Args:
            case: As it was shown.
            arguments: All arguments, as they shall run; equal to those shown, it is an approval.
            verdict_id: See `rule`.
            seconds: See `rule`.

        Raises:
            InvalidArguments: If they do not fit the checkpoint's schema.
        """
        return self.rule(case, Edited(dict(arguments)), verdict_id=verdict_id, seconds=seconds)

    def reject(
        self,
        case: Case | CaseHandle,
        reason: str | None = None,
        *,
        verdict_id: str | None = None,
        seconds: float | None = None,
    ) -> Case:
        """Refuse it; it does not run. See `rule`."""
        return self.rule(case, Rejected(reason), verdict_id=verdict_id, seconds=seconds)

    def rule(
        self,
        case: Case | CaseHandle,
        verdict: Verdict,
        *,
        verdict_id: str | None = None,
        seconds: float | None = None,
    ) -> Case:
        """
        Put a verdict on record. It takes effect when the checkpoint's hold is over.

        Args:
            case: As it was shown.
            verdict: Approved, Edited or Rejected.
            verdict_id: Single-use id; sending the same verdict twice with it counts once.
            seconds: How long it was on screen.

        Returns:
            The case after the verdict.

        Raises:
            CaseClosed: If somebody else was faster; says who ruled.
            ClaimLost: If the claim expired or belongs to somebody else.
            ContentChanged: If the content is another one now; says what changed.
            SameReviewer: If this person has already given an opinion.
            NotAllowed: If this person may not rule on it.
        """
        seen = case.seen if isinstance(case, CaseHandle) else case
        if isinstance(verdict, Edited):
            verdict = Edited(self._app._checked(seen, verdict.arguments))
        if isinstance(verdict, Rejected) and verdict.reason is not None:
            require_json(verdict.reason, where="the reason")
        answer = review.Answer(
            id=verdict_id or new_id(),
            verdict=verdict,
            by=self.actor,
            fenced=seen.claimed_by == self.actor.id,
            seconds=seconds,
        )
        checkpoint = self._app._declaration(seen.checkpoint, seen.version)
        now = self._app.clock.now()
        ruled = self._app.store.write(lambda tx: review.rule(tx, checkpoint, seen, answer, now=now))
        self._app._need_worker()
        return ruled

    def recall(self, case: Case | CaseHandle | str) -> Case:
        """
        Take this person's own verdict back while it is held; the case waits again, with its edits.

        Raises:
            CaseClosed: If the hold is over.
        """
        return self._app._write(review.recall, _id(case), self.actor)

    def redraft(self, case: Case | CaseHandle | str, note: str, *, arguments: Mapping[str, Any] | None = None) -> Case:
        """
        Void what was approved and ask for another draft; never a verdict.

        Args:
            case: A case that has not started.
            note: What should be different; the drafter gets it as evidence `note`.
            arguments: The new arguments, where they are known; else the checkpoint's drafter makes them. If
                it cannot, the case waits with the arguments it had.
        """
        return self._app._redraft(_id(case), self.actor, note, arguments)

    def hand_over(self, case: Case | CaseHandle | str, to: str, *, note: str | None = None) -> Case:
        """Pass a waiting case on to a person or, as `group:NAME`, to a group."""
        return self._app._write(review.hand_over, _id(case), self.actor, to=to, note=note)

    def snooze(self, case: Case | CaseHandle | str, *, for_s: float = 3600.0, until: datetime | None = None) -> Case:
        """
        Offer a waiting case to nobody for a while, and give the claim back.

        Args:
            case: A waiting case.
            for_s: Seconds, > 0.
            until: The time itself, aware and in the future; `for_s` then has no meaning.
        """
        if until is not None:
            if until.tzinfo is None:
                raise InvalidInput(f"until={until.isoformat()} names no time zone; pass an aware datetime")
            for_s = (until - self._app.clock.now()).total_seconds()
        return self._app._write(review.snooze, _id(case), self.actor, for_s=for_s)

    def reverse(self, case: Case | CaseHandle | str, reason: str | None = None) -> CaseHandle:
        """
        Order the effect that undoes a done one.

        Returns:
            The case of the reversal. The done case becomes `reversed` when it is done.

        Raises:
            CaseClosed: If the case is not done, or is being reversed.
            UsageError: If its checkpoint declares no reversal.
        """
        return self._app._reverse(_id(case), self.actor, reason)

    def resolve(
        self, case: Case | CaseHandle | str, move: Move | str, *, receipt: Any = None, note: str | None = None
    ) -> Case:
        """
        Say what became of an unknown effect: `confirm_done`, `send_again` or `confirm_failed`.

        Raises:
            NotAllowed: If this person is no lead or admin, or proposed it.
        """
        try:
            move = Move(move)
        except ValueError:
            raise InvalidInput(
                f'"{move}" does not resolve a case; use confirm_done, send_again or confirm_failed'
            ) from None
        if receipt is not None:
            require_json(receipt, where="the receipt")
        resolved = self._app._write(execute.resolve, _id(case), self.actor, move, receipt=receipt, note=note)
        self._app._need_worker()
        return resolved

    def audits(self, checkpoint: str) -> list[Audit]:
        """List the drawn cases of a checkpoint that nobody has judged."""
        return self._app.store.read(lambda tx: tx.find(Audit, checkpoint=checkpoint, finding=None))

    def judge_audit(
        self, case: Case | CaseHandle | str, *, wrong: bool, severity: float = 1.0, note: str | None = None
    ) -> Audit:
        """
        Say whether an automated case was right; wrong is an incident.

        Args:
            case: A case that was drawn.
            wrong: Whether it should not have run as it did.
            severity: How bad, above 0 and at most 1; without meaning when it was right.
            note: What should have been.
        """
        return self._app._write(
            oversee.judge_audit,
            _id(case),
            self.actor,
            Finding.WRONG if wrong else Finding.RIGHT,
            severity=severity if wrong else 0.0,
            note=note,
        )


def _id(case: Case | CaseHandle | str) -> str:
    return case if isinstance(case, str) else case.id


class Signoff:
    """
    Checkpoints, cases and their ledger, on one database.

    Args:
        url: A file such as `signoff.db`, `sqlite:///path`, or a `Store`. Missing files are created, older
            schemas are brought up to date.
        clock: The time; the machine's by default.
        workers: Handlers at a time, run in threads of this process from the first proposal or verdict on; 0
            for none, then call `run_due`.

    Raises:
        UsageError: If the URL names no supported database.
        SchemaTooNew: If a newer Signoff wrote the database.
        StoreUnavailable: If it cannot be opened.

    Examples:
        >>> from signoff.testing import MemoryStore
        >>> with Signoff(MemoryStore()) as app:
        ...     @app.checkpoint(undo_s=0)
        ...     def publish(title: str) -> str:
        ...         return f"published {title}"
        ...     case = publish.propose(title="Kettle", evidence={"source": "catalogue row 7"})
        ...     _ = app.reviewer("grace").edit(case, {"title": "Steel kettle"})
        ...     case.outcome(timeout_s=10).value
        'published Steel kettle'
    """

    def __init__(self, url: str | Path | Store = "signoff.db", *, clock: Clock | None = None, workers: int = 4) -> None:
        self.clock: Clock = clock or SystemClock()
        self.store: Store = open_store(url) if isinstance(url, str | Path) else url
        self._functions: dict[str, CheckpointFunction[..., Any]] = {}
        self._handlings: dict[str, Handling] = {}
        self._declarations: dict[tuple[str, int], Checkpoint] = {}
        self._coin: Callable[[], float] = SystemRandom().random
        self._waiters = Waiters(self.store)
        self._workers = workers
        self._worker: Worker | None = None
        self._learner = Learner(self.store, self._learning)
        self._guard = threading.Lock()
        self._closed = False

    # --- declaring

    @overload
    def checkpoint(self, function: Callable[P, T], /) -> CheckpointFunction[P, T]: ...

    @overload
    def checkpoint(
        self,
        /,
        *,
        name: str | None = None,
        oversight: Oversight | str = Oversight.ALWAYS,
        irreversible: bool = False,
        affects_rights: bool = False,
        regulated: bool = False,
        legal_liability: bool = False,
        delivery: Delivery | str = Delivery.AT_MOST_ONCE,
        check: Check | None = None,
        undo_s: float = 0.0,
        opinions: int = 1,
        deadline_s: float | None = None,
        timeout_s: float = 30.0,
        max_tries: int = 5,
        backoff_s: float = 1.0,
        wait_s: float = 60.0,
        label: str | None = None,
        drafter: Drafter | None = None,
        audit_share: float = 0.0,
        chosen_by: str | None = None,
    ) -> Callable[[Callable[P, T]], CheckpointFunction[P, T]]: ...

    def checkpoint(
        self,
        function: Callable[..., Any] | None = None,
        /,
        *,
        name: str | None = None,
        oversight: Oversight | str = Oversight.ALWAYS,
        irreversible: bool = False,
        affects_rights: bool = False,
        regulated: bool = False,
        legal_liability: bool = False,
        delivery: Delivery | str = Delivery.AT_MOST_ONCE,
        check: Check | None = None,
        undo_s: float = 0.0,
        opinions: int = 1,
        deadline_s: float | None = None,
        timeout_s: float = 30.0,
        max_tries: int = 5,
        backoff_s: float = 1.0,
        wait_s: float = 60.0,
        label: str | None = None,
        drafter: Drafter | None = None,
        audit_share: float = 0.0,
        chosen_by: str | None = None,
    ) -> Any:
        """
        Put a function behind a checkpoint: calls to it are proposed, not run; a decorator.

        Args:
            function: With named, typed parameters; they are the schema that reviewers see and edit.
            name: Unique in the database; the function's own by default.
            oversight: `always`, `when_uncertain` (always, as long as nobody has signed a delegation) or
                `automate`.
            irreversible: It cannot be undone.
            affects_rights: It touches somebody's rights or livelihood.
            regulated: A regulation asks for a person.
            legal_liability: A mistake is a legal matter.
            delivery: What may be done after a crash in the middle: `at_most_once`, `idempotent`, `checkable`.
            check: For `checkable`: gives the receipt of an idempotency key, or None if it did not happen.
            undo_s: Seconds, >= 0, in which a verdict can be recalled before it takes effect.
            opinions: Different reviewers, >= 1, who must agree.
            deadline_s: Seconds, > 0, after which a waiting case expires unexecuted.
            timeout_s: Seconds, > 0, the function may take.
            max_tries: Tries, >= 1, of an effect that may be retried.
            backoff_s: Seconds before the second try, doubled each time.
            wait_s: Seconds, >= 0, a direct call waits.
            label: The argument that is a category; makes it a label checkpoint.
            drafter: Makes the first pass from the evidence.
            audit_share: Share, 0..1, of automated cases that a person judges afterwards.
            chosen_by: The lead who chose `automate`; recorded.

        Raises:
            InvalidCheckpoint: If the declaration cannot work; the message says why.
        """
        if function is not None:
            return self.checkpoint()(function)
        criteria = tuple(
            criterion
            for criterion, given in zip(
                Criterion, (irreversible, affects_rights, regulated, legal_liability), strict=True
            )
            if given
        )

        def decorate(function: Callable[..., Any]) -> CheckpointFunction[..., Any]:
            called: str = name or str(getattr(function, "__name__", ""))
            signature = Signature(function, name=called)
            taken = _OPTIONS.intersection(signature.names)
            if taken:
                raise InvalidCheckpoint(
                    f"checkpoint {called!r}: propose() keeps the name {', '.join(sorted(taken))} for itself; "
                    "rename the parameter"
                )
            try:
                kinds = Oversight(oversight), Delivery(delivery)
            except ValueError as error:
                raise InvalidCheckpoint(f"checkpoint {called!r}: {error}") from None
            if (kinds[1] is Delivery.CHECKABLE) != (check is not None):
                raise InvalidCheckpoint(
                    f"checkpoint {called!r}: delivery='checkable' and check=... go together; "
                    "check(key) gives the receipt, or None if the effect did not happen"
                )
            declaration = declare(
                Checkpoint(
                    name=called,
                    description=inspect.getdoc(function) or "",
                    arguments_schema=signature.json_schema,
                    label=label,
                    oversight=kinds[0],
                    criteria=criteria,
                    delivery=kinds[1],
                    undo_s=float(undo_s),
                    opinions=opinions,
                    deadline_s=deadline_s,
                    timeout_s=float(timeout_s),
                    max_tries=max_tries,
                    backoff_s=float(backoff_s),
                    audit_share=float(audit_share),
                    chosen_by=chosen_by,
                )
            )
            made = CheckpointFunction(
                self, function, declaration, signature, check=check, drafter=drafter, wait_s=wait_s
            )
            self._add(made)
            return made

        return decorate

    def _add(self, function: CheckpointFunction[..., Any]) -> None:
        if function.name in self._functions:
            raise InvalidCheckpoint(f"there are two checkpoints named {function.name!r}; give one name=...")
        self._functions[function.name] = function
        self._handlings[function.name] = function._handling()
        if self._worker is not None:
            self._learner.start()

    def function(self, name: str) -> CheckpointFunction[..., Any]:
        """
        Give the checkpoint declared here under that name.

        Raises:
            UnknownCheckpoint: If none is.
        """
        found = self._functions.get(name)
        if found is None:
            known = ", ".join(sorted(self._functions)) or "none"
            raise UnknownCheckpoint(
                f"there is no checkpoint {name!r} in this process; known here: {known}", checkpoint=name
            )
        return found

    # --- people and cases

    def reviewer(
        self, id: str, *, roles: Collection[Role | str] = (Role.REVIEWER,), groups: Collection[str] = ()
    ) -> Reviewer:
        """
        Give the desk of a person. In the library the caller vouches for who it is.

        Args:
            id: The person's account name.
            roles: `reviewer`, `lead`, `officer`, `legal`, `auditor`, `admin`.
            groups: The groups whose hand-overs they get.
        """
        if not id or len(id) > 200:
            raise InvalidInput("a reviewer needs a name of 1 to 200 characters")
        try:
            held = frozenset(Role(role) for role in roles)
        except ValueError as error:
            raise InvalidInput(f"{error}; roles are {', '.join(role.value for role in Role)}") from None
        return Reviewer(self, Actor(id=id, kind=ActorKind.PERSON, roles=held, groups=frozenset(groups)))

    def case(self, case_id: str) -> CaseHandle:
        """
        Give the case as it is now.

        Raises:
            UnknownCase: If there is none of that id.
        """
        return CaseHandle(self, self.store.read(lambda tx: review.load(tx, case_id)))

    def view(self, case: Case | CaseHandle | str) -> CaseView:
        """
        Give what a reviewer needs to judge the case as it is now.

        Raises:
            UnknownCase: If there is none of that id.
        """

        def look(tx: Reading) -> CaseView:
            now = review.load(tx, _id(case))
            content = tx.get(Content, now.id, now.revision)
            checkpoint = tx.get(Checkpoint, now.checkpoint, now.version)
            if content is None or checkpoint is None:
                raise UnknownCheckpoint(f"case {now.id} lacks its content or checkpoint; run signoff verify")
            found = tx.get(Evidence, now.id)
            return CaseView(
                case=now,
                checkpoint=checkpoint,
                content=content,
                evidence=found.items if found else {},
                routing=tx.get(Routing, now.id, now.revision),
            )

        return self.store.read(look)

    def cases(
        self,
        *,
        states: Sequence[State | str] | None = None,
        checkpoint: str | None = None,
        after: str | None = None,
        limit: int = 50,
        newest_first: bool = False,
    ) -> list[Case]:
        """
        List cases by id, a page at a time.

        Args:
            states: Only cases in these states.
            checkpoint: Only cases of this checkpoint.
            after: The last id of the page before.
            limit: Cases on a page, >= 1.
            newest_first: Whether the newest comes first.
        """
        wanted = None if states is None else [State(state) for state in states]
        return self.store.read(
            lambda tx: tx.cases(
                states=wanted, checkpoint=checkpoint, after=after, limit=limit, newest_first=newest_first
            )
        )

    def counts(self, checkpoint: str | None = None) -> dict[State, int]:
        """Count cases by state."""
        return self.store.read(lambda tx: tx.counts(checkpoint=checkpoint))

    def checkpoint_names(self) -> list[str]:
        """List the checkpoints that were ever registered in the database."""
        return self.store.read(lambda tx: tx.checkpoint_names())

    def runs(self, checkpoint: str) -> bool:
        """Tell whether effects of that checkpoint run in this process."""
        return checkpoint in self._handlings and self._workers > 0

    def labels(self, checkpoint: str | None = None) -> list[str]:
        """List the labels that label drafters declared here know, or else those that people have approved."""
        known: dict[str, None] = {}
        for name in (
            {**self._functions, **dict.fromkeys(self.checkpoint_names())} if checkpoint is None else [checkpoint]
        ):
            function = self._functions.get(name)
            labels = getattr(function.drafter, "known_labels", None) if function else None
            declared = self.store.read(partial(_latest, name=name)) if labels is None else None
            if declared is not None and declared.label is not None:
                labels = self._approved_labels(name, declared.label)
            known |= dict.fromkeys(labels or ())
        return list(known)

    def _approved_labels(self, checkpoint: str, label: str) -> list[str]:
        found: dict[str, None] = {}
        after_seq = 0
        while page := self.store.read(partial(_settled, checkpoint=checkpoint, after_seq=after_seq)):
            found |= {str(e.final[label]): None for e in page if e.final is not None and label in e.final}
            after_seq = page[-1].seq
        return list(found)

    def history(self, case_id: str) -> History:
        """
        Give everything that is stored about a case.

        Raises:
            UnknownCase: If there is none of that id.
        """

        def look(tx: Reading) -> History:
            case = review.load(tx, case_id)
            found = tx.get(Evidence, case_id)
            return History(
                case=case,
                checkpoint=tx.get(Checkpoint, case.checkpoint, case.version),
                entries=tx.find(Entry, case_id=case_id),
                contents=tx.find(Content, case_id=case_id),
                evidence=found.items if found else {},
                routings=tx.find(Routing, case_id=case_id),
                verdicts=sorted(tx.find(VerdictRecord, case_id=case_id), key=lambda v: v.ruled_at),
                votes=sorted(tx.find(Vote, case_id=case_id), key=lambda v: v.voted_at),
                attempts=tx.find(Attempt, case_id=case_id),
                audit=tx.get(Audit, case_id),
                notes=tx.find(Note, case_id=case_id),
            )

        return self.store.read(look)

    def verify(self, *, progress: Callable[[int], object] = int) -> Verification:
        """
        Compare every case with its ledger entries, contents, verdicts and attempts.

        Args:
            progress: Called with the number of cases compared so far.
        """
        cases = entries = verdicts = effects = 0
        found: list[oversee.Contradiction] = []

        def look(tx: Reading, after: str | None) -> list[Case]:
            nonlocal entries, verdicts, effects
            page = tx.cases(after=after, limit=200)
            for case in page:
                found.extend(oversee.verify_case(tx, case))
                entries += len(tx.find(Entry, case_id=case.id))
                verdicts += len(tx.find(VerdictRecord, case_id=case.id))
                effects += case.state in (State.DONE, State.REVERSED)
            return page

        after: str | None = None
        while page := self.store.read(partial(look, after=after)):
            cases += len(page)
            after = page[-1].id
            progress(cases)
        return Verification(cases=cases, entries=entries, verdicts=verdicts, effects=effects, contradictions=found)

    def verdicts(self, checkpoint: str | None = None) -> Iterator[History]:
        """Go through the history of every case a person has ruled on, oldest first."""
        after: str | None = None
        while page := self.cases(checkpoint=checkpoint, after=after, limit=200):
            for case in page:
                if case.verdict_id is not None and case.cleared_by is ClearedBy.PERSON:
                    yield self.history(case.id)
            after = page[-1].id

    # --- running

    def start(self) -> None:
        """Start this process's worker and learner; otherwise the first proposal or verdict does."""
        self._need_worker()

    def run_due(self, *, limit: int = 1000) -> int:
        """
        Do all that is due now, in the calling thread: settle, expire, recover, run effects.

        Args:
            limit: Effects to run at most, >= 1.

        Returns:
            How many effects were run.

        Raises:
            LedgerBroken: If a case was not run because it is not what was approved; after all others.
        """
        ran = 0
        broken: dict[str, LedgerBroken] = {}
        while tick(self.store, self.clock.now()):
            pass
        for name in list(self._handlings):
            while ran < limit:
                now = self.clock.now()
                page = partial(_cleared, now=now, limit=min(100, limit - ran) + len(broken), checkpoint=name)
                before = ran
                for case in self.store.read(page):
                    if case.id in broken:
                        continue
                    try:
                        ran += self.execute(case.id) is not None
                    except LedgerBroken as error:
                        broken[case.id] = error
                if ran == before:
                    break
        if broken:
            raise next(iter(broken.values()))
        return ran

    def execute(self, case_id: str) -> Case | None:
        """
        Run one cleared effect here and now; safe to call any number of times from anywhere.

        Returns:
            The case afterwards, or None if there was nothing to run: not cleared, not due, or taken.
        """
        return execute.run(self.store, self.clock, case_id, handling_of=self._handlings.get, worker=worker_name())

    def teach(self) -> None:
        """Hand every settled verdict to the drafters now; otherwise a thread does as they settle."""
        self._learner.teach_now()

    def close(self, *, timeout_s: float = 5.0) -> None:
        """
        Let running handlers end, stop the threads and let go of the database; a second call does nothing.

        Args:
            timeout_s: Seconds, >= 0, to wait for handlers; what still runs then ends as its delivery says.
        """
        with self._guard:
            if self._closed:
                return
            self._closed = True
        if self._worker is not None:
            self._worker.stop(timeout_s=timeout_s)
        self._learner.stop()
        self.store.close()

    def __enter__(self) -> Signoff:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside

    def _write(self, verb: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        now = self.clock.now()
        return self.store.write(lambda tx: verb(tx, *args, now=now, **kwargs))

    def _need_worker(self) -> None:
        if self._worker is not None or self._workers < 1:
            return
        with self._guard:
            if self._worker is None and not self._closed:
                worker = Worker(self.store, self.clock, lambda: self._handlings, threads=self._workers)
                worker.start()
                self._worker = worker
                self._learner.start()

    def _learning(self) -> dict[str, LearningDrafter]:
        return {
            name: cast(LearningDrafter, function.drafter)
            for name, function in self._functions.items()
            if hasattr(function.drafter, "learn")
        }

    def _declaration(self, name: str, version: int) -> Checkpoint:
        found = self._declarations.get((name, version))
        if found is None:
            found = self.store.read(lambda tx: tx.get(Checkpoint, name, version))
            if found is None:
                raise UnknownCheckpoint(
                    f"checkpoint {name!r} has no version {version} in this database", checkpoint=name
                )
            self._declarations[name, version] = found
        return found

    def _takes(self, function: CheckpointFunction[..., Any], case: Case) -> bool:
        """Tell whether the function still has the signature the case was proposed with."""
        proposed_with = self._declaration(case.checkpoint, case.version)
        return proposed_with.arguments_schema == function.declaration.arguments_schema

    def _checked(self, seen: Case, arguments: Mapping[str, Any]) -> dict[str, Any]:
        function = self._functions.get(seen.checkpoint)
        if function is not None and self._takes(function, seen):
            return function.signature.to_json(arguments)
        # Without the function, as in a terminal on the bare file, the stored schema has the say.
        schema = self._declaration(seen.checkpoint, seen.version).arguments_schema
        return check_schema(schema, arguments, name=seen.checkpoint)

    def _freshen(self, case: Case) -> Case:
        """Draft a claimed case anew if its drafter has learned something since; on any trouble keep it."""
        function = self._functions.get(case.checkpoint)
        drafter = function.drafter if function else None
        if function is None or drafter is None or not hasattr(drafter, "learn"):
            return case
        if case.revision != case.draft_revision or not self._takes(function, case):
            return case
        self._learner.catch_up()
        view = self.view(case)
        version = cast(LearningDrafter, drafter).version
        if view.routing is None or view.routing.drafter in (None, version) or view.case.revision != case.revision:
            return case
        try:
            draft = function.draft({name: item["value"] for name, item in view.evidence.items()})
        except DraftFailed as error:
            log.warning("case %s keeps its draft: %s", case.id, error)
            return case
        by = Actor(id=draft.drafter or "drafter", kind=ActorKind.DRAFTER, roles=frozenset())
        return self._write(
            review.redraft, case.id, by, draft=draft, reason="drafter_learned", expect_revision=case.revision
        )

    def _redraft(self, case_id: str, by: Actor, note: str, arguments: Mapping[str, Any] | None) -> Case:
        current = self.case(case_id).seen
        function = self._functions.get(current.checkpoint)
        if arguments is not None:
            given = Draft(arguments=self._checked(current, arguments), drafter=by.id)
            return self._write(review.redraft, case_id, by, draft=given, note=note)
        # The approval is void before the drafter is asked, so that nothing can run meanwhile.
        voided = self._write(review.redraft, case_id, by, note=note)
        if function is None or function.drafter is None:
            return voided
        view = self.view(case_id)
        evidence = {name: item["value"] for name, item in view.evidence.items()} | {"note": note}
        try:
            draft = function.draft(evidence)
        except DraftFailed as error:
            log.warning("case %s keeps its draft: %s", case_id, error)
            return voided
        drafter = Actor(id=draft.drafter or "drafter", kind=ActorKind.DRAFTER, roles=frozenset())
        return self._write(
            review.redraft,
            case_id,
            drafter,
            draft=draft,
            reason="answered",
            expect_revision=voided.revision,
        )

    def _reverse(self, case_id: str, by: Actor, reason: str | None) -> CaseHandle:
        done = self.case(case_id).seen
        function = self._functions.get(done.checkpoint)
        reversal = function._reversal if function else None
        if function is None or reversal is None:
            raise UsageError(
                f"checkpoint {done.checkpoint!r} declares no reversal here; case {case_id} stays {done.state.value}"
            )
        names = reversal.signature.names
        signature = reversal.signature

        def arguments_of(arguments: dict[str, Any], kept: Any) -> dict[str, Any]:
            known = {**arguments, "receipt": (kept or {}).get("value")}
            return signature.to_json({name: known[name] for name in names if name in known})

        case = self._write(
            execute.reverse,
            reversal.declaration,
            case_id=case_id,
            by=by,
            arguments_of=arguments_of,
            reversal_id=new_id(),
            verdict_id=new_id(),
            reason=reason,
        )
        self._need_worker()
        return CaseHandle(self, case)

    def _outcome(self, case_id: str) -> Outcome | None:
        def look(tx: Reading) -> Outcome | None:
            case = review.load(tx, case_id)
            if case.state not in ANSWERED:
                return None
            record = tx.get(VerdictRecord, case.verdict_id) if case.verdict_id else None
            attempt = tx.get(Attempt, case_id, case.attempt) if case.attempt else None
            content = tx.get(Content, case_id, case.revision)
            live = record if record and record.voided_at is None else None
            done = case.state in (State.DONE, State.REVERSED)
            return Outcome(
                case_id=case_id,
                state=case.state,
                value=(attempt.receipt or {}).get("value") if attempt and done else None,
                verdict=live.kind if live else None,
                reviewer=live.reviewer if live else None,
                reason=live.reason if live else None,
                problem=attempt.problem if attempt and not done else None,
                arguments=content.arguments if content else None,
            )

        return self.store.read(look)

    def _wait(self, case_id: str, timeout_s: float | None) -> Outcome:
        with self._waiters.on(case_id) as changed:
            found = self._outcome(case_id)
            deadline = Deadline(timeout_s)
            while found is None:
                if deadline.over():
                    self._still_waiting(case_id, timeout_s)
                changed.wait(deadline.left(POLL_S))
                changed.clear()
                found = self._outcome(case_id)
            return found

    async def _wait_async(self, case_id: str, timeout_s: float | None = None) -> Outcome:
        loop = asyncio.get_running_loop()
        changed = asyncio.Event()
        deadline = Deadline(timeout_s)
        with self._waiters.on(case_id, lambda: loop.call_soon_threadsafe(changed.set)):
            while True:
                found = await asyncio.to_thread(self._outcome, case_id)
                if found is not None:
                    return found
                if deadline.over():
                    self._still_waiting(case_id, timeout_s)
                try:
                    await asyncio.wait_for(changed.wait(), deadline.left(4 * POLL_S))
                except TimeoutError:
                    continue
                changed.clear()

    def _still_waiting(self, case_id: str, timeout_s: float | None) -> NoReturn:
        raise StillWaiting(
            f"case {case_id} has no outcome after {timeout_s:g} s; it stays, so wait again with "
            "app.case(case_id).outcome()",
            case_id=case_id,
        )


def _latest(tx: Reading, *, name: str) -> Checkpoint | None:
    return tx.latest_checkpoint(name)


def _settled(tx: Reading, *, checkpoint: str, after_seq: int) -> list[Example]:
    return tx.examples(checkpoint, after_seq=after_seq, limit=1000)


def _cleared(tx: Reading, *, now: datetime, limit: int, checkpoint: str) -> list[Case]:
    return tx.due(State.CLEARED, now=now, limit=limit, checkpoint=checkpoint)


def open_store(url: str | Path, *, create: bool = True) -> Store:
    """
    Open the database behind a file name or URL.

    Args:
        url: `signoff.db`, a path, or `sqlite:///path`.
        create: Whether a missing file is made.

    Raises:
        UsageError: If the URL names no supported database.
        InvalidInput: If the file is missing and is not to be made.
    """
    from signoff.storage.sqlite import SqliteStore

    if isinstance(url, str) and "://" in url:
        scheme = urlsplit(url).scheme
        if scheme != "sqlite" or not url.startswith("sqlite:///"):
            raise UsageError(
                f"{scheme!r} is not a database this version opens; name a file, or sqlite:///path/to/signoff.db"
            )
        url = unquote(url.removeprefix("sqlite:///"))
    path = Path(url)
    if not create and not path.exists():
        raise InvalidInput(f"there is no database {path}; name one that exists")
    if not create and path.is_file() and not path.stat().st_size:
        raise InvalidInput(f"{path} is empty, so it holds no cases; name another file")
    return SqliteStore(path)
