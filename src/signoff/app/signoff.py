"""Signoff: the object a user holds. It wires the store, the clock, the worker and the drafters together."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import SystemRandom
from types import TracebackType
from typing import Any, NoReturn, ParamSpec, TypeVar, cast, overload
from urllib.parse import unquote, urlsplit

from signoff.app import oversight
from signoff.app.accounts import Accounts
from signoff.app.automation import view_of
from signoff.app.function import OPTIONS, CheckpointFunction
from signoff.app.handle import CaseHandle, case_id, new_id
from signoff.app.intake import Intake
from signoff.app.labels import LabelCounts, choices
from signoff.app.reviewer import Reviewer
from signoff.app.similar import MOST_INDEXES, SimilarCases
from signoff.app.views import AutomationView, CaseView, DeskView, History, Outcome, Person, SimilarCase, Verification
from signoff.app.webhooks import Webhooks
from signoff.app.withholding import blind_history, blind_view, is_withheld, others_opinions_withheld
from signoff.domain.actor import Actor, ActorKind, Role
from signoff.domain.audit import Audit
from signoff.domain.case import ANSWERED, Case, ClearedBy, State
from signoff.domain.checkpoint import REASONS, Checkpoint, Criterion, Delivery, Oversight, declare
from signoff.domain.content import Content, Evidence
from signoff.domain.effect import Attempt
from signoff.domain.entry import Entry
from signoff.domain.note import Note
from signoff.domain.pace import limit
from signoff.domain.policy import Routing
from signoff.domain.verdict import VerdictRecord, Vote
from signoff.domain.webhook import DELIVERY_CHECKPOINT
from signoff.engine import execute, oversee, take_back
from signoff.engine.automate import Automations
from signoff.engine.case import load
from signoff.engine.execute import Handling, Taken
from signoff.errors import (
    DraftFailed,
    InvalidCheckpoint,
    InvalidInput,
    NotAllowed,
    SignoffError,
    StillWaiting,
    UnknownCheckpoint,
    UsageError,
)
from signoff.ports import Check, Clock, Draft, Drafter, FeaturesOf, LearningDrafter, Reading, Store, Transaction
from signoff.runtime.clock import SystemClock
from signoff.runtime.learner import Learner
from signoff.runtime.leases import Leases
from signoff.runtime.waiting import Deadline, Waiters
from signoff.runtime.worker import POLL_S, Worker, tick, worker_name
from signoff.signature import Signature, check_schema

P = ParamSpec("P")
T = TypeVar("T")

log = logging.getLogger("signoff")


class Signoff:
    """
    Checkpoints, cases and their ledger, on one database.

    Args:
        url: A file such as `signoff.db`, `sqlite:///path`, `postgresql://user@host/database`, or a `Store`. Missing
            files are created and older ones brought up to date; so are empty databases of PostgreSQL set up.
        clock: The time; by default the database's where it has a clock, else the machine's.
        workers: Handlers at a time of each checkpoint, run in threads of this process from the first proposal
            or verdict on; 0 for none, then call `run_due`.

    Raises:
        UsageError: If the URL names no supported database.
        SchemaTooNew: If a newer Signoff wrote the database.
        SchemaTooOld: If a PostgreSQL database waits for `signoff migrate`.
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
        self.store: Store = open_store(url) if isinstance(url, str | Path) else url
        self.clock: Clock = clock or self.store.clock or SystemClock()
        self._accounts = Accounts(self.store, self.clock)
        self._database = shown(url)
        self._functions: dict[str, CheckpointFunction[..., Any]] = {}
        self._handlings: dict[str, Handling] = {}
        self._declarations: dict[tuple[str, int], Checkpoint] = {}
        self._coin: Callable[[], float] = SystemRandom().random
        self._waiters = Waiters(self.store)
        self._leases = Leases(self.store, self.clock)
        self._workers = workers
        self._worker: Worker | None = None
        self._learner = Learner(self.store, self._learning)
        self._automations = Automations()
        self.webhooks = Webhooks(self)
        self._guard = threading.Lock()
        self._similar: dict[str, SimilarCases] = {}
        self._label_counts: dict[tuple[str, str], LabelCounts] = {}
        self._only: frozenset[str] | None = None
        self._stopped = False
        self._closed = False

    @property
    def database(self) -> str:
        """Where the cases are kept, as it may be shown: without a password."""
        return self._database

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
        concurrency: int | None = None,
        rate_per_s: float | None = None,
        wait_s: float = 60.0,
        label: str | None = None,
        drafter: Drafter | None = None,
        audit_share: float = 0.0,
        chosen_by: str | None = None,
        reasons: Sequence[str] = REASONS,
        blind: bool = False,
        alpha: float | None = None,
        features: FeaturesOf | None = None,
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
        concurrency: int | None = None,
        rate_per_s: float | None = None,
        wait_s: float = 60.0,
        label: str | None = None,
        drafter: Drafter | None = None,
        audit_share: float = 0.0,
        chosen_by: str | None = None,
        reasons: Sequence[str] = REASONS,
        blind: bool = False,
        alpha: float | None = None,
        features: FeaturesOf | None = None,
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
            concurrency: Effects, >= 1, that may run at the same moment, over all processes; None for any number.
            rate_per_s: Effects, > 0, that may start in any second, over all processes, evenly spaced; None for any
                number.
            wait_s: Seconds, >= 0, a direct call waits.
            label: The argument that is a category; makes it a label checkpoint.
            drafter: Makes the first pass from the evidence.
            audit_share: Share, 0..1, of automated cases that a person judges afterwards.
            chosen_by: The lead who chose `automate`; recorded.
            reasons: Reasons for a rejection, at most nine of 1 to 80 characters, which reviewers pick with one key.
            blind: Reviewers rule before they see what the drafter and others think of a case: its rule, confidence,
                rationale and alternatives, on a label checkpoint the category too.
            alpha: With `when_uncertain`: share of mistakes, above 0 and at most .5, that is aimed for among the cases
                that could run alone; by default .01 if it is irreversible, else .02.
            features: With `when_uncertain`: gives from arguments and evidence what may tell whether a person would
                accept the proposal, as numbers by name, besides those of the drafter. If it raises, the case is
                reviewed like any other.

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
            taken = OPTIONS.intersection(signature.names)
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
            if features is not None and kinds[0] is not Oversight.WHEN_UNCERTAIN:
                raise InvalidCheckpoint(
                    f"checkpoint {called!r}: features tell which cases could run alone, and with "
                    f"oversight='{kinds[0].value}' nothing asks for them; leave them out, or declare "
                    "oversight='when_uncertain'"
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
                    reasons=_as_reasons(called, reasons),
                    blind=bool(blind),
                    alpha=None if alpha is None else float(alpha),
                )
            )
            made = CheckpointFunction(
                self,
                function,
                declaration,
                signature,
                check=check,
                drafter=drafter,
                wait_s=wait_s,
                limits=limit(called, concurrency=concurrency, rate_per_s=rate_per_s),
                features=features,
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

    def register(self) -> None:
        """Register every checkpoint declared here, so that other processes see it; otherwise its first use does."""
        for name in list(self._functions):
            self.declaration(name)

    def intake(self, checkpoint: str) -> Intake:
        """
        Give what takes proposals in for a checkpoint: declared here, or registered in the database by another process.

        Without the function there is no drafter, and arguments are checked against the registered schema.

        Raises:
            UnknownCheckpoint: If it is neither.
            NotAllowed: If only Signoff itself proposes there: deliveries to webhooks, and reversals.
        """
        function = self._functions.get(checkpoint)
        registered = self.declaration(checkpoint)
        if checkpoint == DELIVERY_CHECKPOINT or registered.reverses is not None:
            raise NotAllowed(
                f"checkpoint {checkpoint!r} takes no proposals: only Signoff itself proposes there",
                checkpoint=checkpoint,
            )
        if function is not None:
            return function.intake
        return Intake(
            self,
            lambda: registered,
            partial(check_schema, registered.arguments_schema, name=checkpoint),
        )

    def declaration(self, checkpoint: str) -> Checkpoint:
        """
        Give the newest declaration of a checkpoint: the one made here, else the last one registered.

        Raises:
            UnknownCheckpoint: If there is none.
        """
        function = self._functions.get(checkpoint)
        if function is not None:
            return function.declaration
        found = self.store.read(partial(_latest, name=checkpoint))
        if found is None:
            known = ", ".join(sorted({*self._functions, *self.checkpoint_names()})) or "none yet"
            raise UnknownCheckpoint(
                f"there is no checkpoint {checkpoint!r} in this database; there are: {known}", checkpoint=checkpoint
            )
        return found

    # --- people and cases

    @property
    def accounts(self) -> Accounts:
        """People who may sign in, and the tokens that speak for them or for a service."""
        return self._accounts

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
        return CaseHandle(self, self.store.read(lambda tx: load(tx, case_id)))

    def withdraw(self, case: Case | CaseHandle | str, *, proposer: str) -> Case:
        """
        Take a proposal back before it has started.

        Raises:
            NotAllowed: If somebody else proposed it.
            CaseClosed: If it has started or ended.
        """
        return self._write(take_back.withdraw, case_id(case), proposer=proposer)

    def view(self, case: Case | CaseHandle | str) -> CaseView:
        """
        Give what a reviewer needs to judge the case as it is now, on a blind checkpoint more than they may see yet.

        Raises:
            UnknownCase: If there is none of that id.
        """

        return self._view(case_id(case))

    def _view(self, id: str, *, seen_by: str | None = None) -> CaseView:
        def look(tx: Reading) -> CaseView:
            now = load(tx, id)
            content = tx.get(Content, now.id, now.revision)
            checkpoint = tx.get(Checkpoint, now.checkpoint, now.version)
            if content is None or checkpoint is None:
                raise UnknownCheckpoint(f"case {now.id} lacks its content or checkpoint; run signoff verify")
            found = tx.get(Evidence, now.id)
            view = CaseView(
                case=now,
                checkpoint=checkpoint,
                content=content,
                evidence=found.items if found else {},
                routing=tx.get(Routing, now.id, now.revision),
            )
            return blind_view(view) if seen_by and is_withheld(tx, now, checkpoint, seen_by) else view

        return self.store.read(look)

    def similar(self, case: Case | CaseHandle | str, *, limit: int = 5, wait: bool = True) -> list[SimilarCase]:
        """
        List the cases most like this one, of the last 5,000 that people have ruled on at its checkpoint.

        Alike is what the evidence says, or, without any, the arguments. A verdict counts once it has settled. They
        are read once in a process, at the first call, which takes seconds if they are many.

        Args:
            case: The case; it is never among them, nor is its reversal.
            limit: How many at most, >= 1.
            wait: Whether the first call waits until they are read; otherwise a thread reads them, and there are none
                until it has.

        Raises:
            UnknownCase: If there is none of that id.
        """
        view = self.view(case)
        name = view.case.checkpoint
        with self._guard:
            index = self._similar.pop(name, None) or SimilarCases(self.store, name)
            self._similar[name] = index
            if len(self._similar) > MOST_INDEXES:
                self._similar.pop(next(iter(self._similar))).stop()
        return index.find(view, limit=limit, wait=wait)

    def cases(
        self,
        *,
        states: Sequence[State | str] | None = None,
        checkpoint: str | None = None,
        after: str | None = None,
        limit: int = 50,
        newest_first: bool = False,
        text: str | None = None,
    ) -> list[Case]:
        """
        List cases by id, a page at a time.

        Args:
            states: Only cases in these states.
            checkpoint: Only cases of this checkpoint.
            after: The last id of the page before.
            limit: Cases on a page, >= 1.
            newest_first: Whether the newest comes first.
            text: Only cases that hold this text in their current arguments, evidence or key.
        """
        wanted = None if states is None else [State(state) for state in states]
        return self.store.read(
            lambda tx: tx.cases(
                states=wanted,
                checkpoint=checkpoint,
                after=after,
                limit=limit,
                newest_first=newest_first,
                text=text,
            )
        )

    def counts(self, checkpoint: str | None = None) -> dict[State, int]:
        """Count cases by state."""
        return self.store.read(lambda tx: tx.counts(checkpoint=checkpoint))

    def checkpoint_names(self) -> list[str]:
        """List the checkpoints that were ever registered in the database."""
        return self.store.read(lambda tx: tx.checkpoint_names())

    def declared(self) -> list[str]:
        """List the checkpoints declared in this process, by name."""
        return sorted(self._functions)

    def runs(self, checkpoint: str) -> bool:
        """Tell whether effects of that checkpoint run in this process."""
        return checkpoint in self._run_here() and self._workers > 0

    def _run_here(self) -> dict[str, Handling]:
        if self._only is None:
            return self._handlings
        return {name: handling for name, handling in self._handlings.items() if name in self._only}

    def labels(self, checkpoint: str | None = None) -> list[str]:
        """List every label that the schema, a drafter declared here, or the verdicts name; most used first."""
        names = {**self._functions, **dict.fromkeys(self.checkpoint_names())} if checkpoint is None else [checkpoint]
        found: dict[str, None] = {}
        for name in names:
            function = self._functions.get(name)
            # A drafter that learns has read the history already.
            learned = function is not None and hasattr(function.drafter, "known_labels")
            with suppress(UnknownCheckpoint):
                found |= dict.fromkeys(self.label_counts(name, whole=not learned))
        return list(found)

    def label_counts(self, checkpoint: str, *, whole: bool = False) -> dict[str, int]:
        """
        Tell how many cases people gave each label of a checkpoint, most used first; known labels without a case too.

        Args:
            checkpoint: Its name; one without labels gives none.
            whole: Read the history to its start first; otherwise one call reads some ten thousand verdicts, newest
                first, and the next ones the rest.

        Raises:
            UnknownCheckpoint: If there is none of that name.
        """
        declared = self.declaration(checkpoint)
        if declared.label is None:
            return {}
        function = self._functions.get(checkpoint)
        drafter = function.drafter if function else None
        known = [*choices(declared), *getattr(drafter, "known_labels", ())]
        counted = self._given_labels(checkpoint, declared.label).count(whole=whole)
        order = {label: number for number, label in enumerate(dict.fromkeys([*known, *counted]))}
        return {label: counted[label] for label in sorted(order, key=lambda each: (-counted[each], order[each]))}

    def _given_labels(self, checkpoint: str, label: str) -> LabelCounts:
        with self._guard:
            found = self._label_counts.get((checkpoint, label))
            if found is None:
                found = self._label_counts[checkpoint, label] = LabelCounts(self.store, checkpoint, label)
            return found

    def history(self, case_id: str) -> History:
        """
        Give everything that is stored about a case.

        Raises:
            UnknownCase: If there is none of that id.
        """

        return self._history(case_id)

    def _history(self, case_id: str, *, seen_by: str | None = None) -> History:
        def look(tx: Reading) -> History:
            case = load(tx, case_id)
            found = tx.get(Evidence, case_id)
            history = History(
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
            if seen_by is None:
                return history
            if is_withheld(tx, case, history.checkpoint, seen_by):
                return blind_history(history, seen_by)
            return others_opinions_withheld(history, seen_by)

        return self.store.read(look)

    def verify(self, *, progress: Callable[[int], object] = int) -> Verification:
        """
        Compare every case with its ledger entries, contents, verdicts and attempts, and the count of what was decided.

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
        for name in self.checkpoint_names():
            found += self.store.read(lambda tx, name=name: list(oversee.verify_arrivals(tx, name)))  # type: ignore[misc]
        return Verification(cases=cases, entries=entries, verdicts=verdicts, effects=effects, contradictions=found)

    def automation(self, checkpoint: str) -> AutomationView:
        """
        Tell where the automation of a `when_uncertain` checkpoint stands, by all that is on record.

        Nothing is automated by it: people judge every case, and this says what would have been done.

        Args:
            checkpoint: Its name.

        Raises:
            UnknownCheckpoint: If there is none of that name.
            InvalidInput: If its oversight is another one, or nothing was proposed there yet.
        """
        declared = self.declaration(checkpoint)
        if declared.oversight is not Oversight.WHEN_UNCERTAIN:
            raise InvalidInput(
                f"checkpoint {checkpoint!r} has oversight {declared.oversight.value!r}, so nothing is learned about "
                "what could run alone; declare it with oversight='when_uncertain'"
            )
        found = self.store.read(
            lambda tx: self._automations.look(tx, checkpoint, lambda track: view_of(declared, track))
        )
        if found is None:
            raise InvalidInput(
                f"nothing was proposed at checkpoint {checkpoint!r} yet, so there is nothing to tell; it begins with "
                "the first case"
            )
        return found

    def verdicts(self, checkpoint: str | None = None) -> Iterator[History]:
        """Go through the history of every case a person has ruled on, oldest first."""
        after: str | None = None
        while page := self.cases(checkpoint=checkpoint, after=after, limit=200):
            for case in page:
                if case.verdict_id is not None and case.cleared_by is ClearedBy.PERSON:
                    yield self.history(case.id)
            after = page[-1].id

    # --- the desk as a whole

    def people(self, *, also: Iterable[Actor] = ()) -> list[Person]:
        """
        List who may be at the desk, by name, with what they have in hand and whether they are here.

        These are the accounts that work, and whoever has a case in hand or was seen without one.

        Args:
            also: People without an account who are to be listed too.
        """
        now = self.clock.now()
        return self.store.read(lambda tx: oversight.people(tx, now=now, also=also))

    def desk(self) -> DeskView:
        """Count what waits at each checkpoint, and list what is stuck and what nobody can be sure of."""
        now = self.clock.now()
        return self.store.read(lambda tx: oversight.desk(tx, now=now))

    # --- running

    def start(self, *, only: Collection[str] | None = None, workers: int | None = None) -> None:
        """
        Start this process's worker and learner; otherwise the first proposal or verdict does.

        Args:
            only: Run the effects of these checkpoints here, and of no others; by default of all declared.
            workers: Handlers at a time of each checkpoint, >= 0; by default as the app was made with.

        Raises:
            UnknownCheckpoint: If one of `only` is not declared here.
        """
        if only is not None:
            self._only = frozenset(self.function(name).name for name in only)
        if workers is not None:
            if workers < 0:
                raise UsageError(f"workers is {workers}, but must be >= 0")
            self._workers = workers
            if self._worker is not None:
                self._worker.threads = workers
        self._need_worker()

    def deliver_webhooks(self, *, allow: Collection[str] = ()) -> None:
        """
        Tell webhooks what happens, from this process: follow the ledger, and run the deliveries.

        Without workers nothing runs by itself; call `webhooks.notify` and `run_due`.

        Args:
            allow: Hosts, or HOST:PORT, that may be on private addresses or without https, besides those in
                $SIGNOFF_WEBHOOK_ALLOW.

        Raises:
            InvalidInput: If a name in `allow` is no host.
        """
        self.webhooks._deliver(allow)
        self._need_worker()

    def stop(self, *, timeout_s: float = 5.0) -> int:
        """
        Take on no more effects in this process and wait for those that run; a worker does not start again.

        Args:
            timeout_s: Seconds, >= 0, to wait for handlers.

        Returns:
            How many handlers still run; each ends as its delivery says.
        """
        with self._guard:
            self._stopped = True
            worker = self._worker
        return 0 if worker is None else worker.stop(timeout_s=timeout_s)

    def run_due(self, *, limit: int = 1000) -> int:
        """
        Do all that is due now, in the calling thread: settle, expire, recover, run effects.

        Args:
            limit: Effects to run at most, >= 1.

        Returns:
            How many effects were run.

        Raises:
            SignoffError: If a case was not run because it is not what was approved; after all others. It is looked
                at again a minute later.
        """
        ran = 0
        refused: dict[str, SignoffError] = {}
        while (tended := tick(self.store, self.clock.now())).moved or tended.refused:
            refused |= tended.refused
        for name in list(self._handlings):
            while ran < limit:
                taken = execute.taking(self.store, partial(self._take_one, name))
                refused |= taken.refused
                for started in taken.started:
                    ran += 1
                    execute.conclude(self.store, self.clock, started, holding=self._leases.holding)
                if not taken.looked:
                    break
        if refused:
            raise next(iter(refused.values()))
        return ran

    def _take_one(self, name: str, tx: Transaction) -> Taken:
        return execute.take(
            tx,
            name,
            handling=self._handlings[name],
            worker=worker_name(),
            clock=self.clock,
            limit=1,
            lease_s=self._leases.lease_s,
        )

    def execute(self, case_id: str) -> Case | None:
        """
        Run one cleared effect here and now; safe to call any number of times from anywhere.

        Returns:
            The case afterwards, or None if there was nothing to run: not cleared, not due, taken, or held back by
            a limit of its checkpoint.
        """
        return execute.run(
            self.store,
            self.clock,
            case_id,
            handling_of=self._handlings.get,
            worker=worker_name(),
            lease_s=self._leases.lease_s,
            holding=self._leases.holding,
        )

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
        self.webhooks._stop()
        self.stop(timeout_s=timeout_s)
        self._learner.stop()
        self._leases.stop()
        for index in self._similar.values():
            index.stop()
            index.ended()
        self.store.close()

    def __enter__(self) -> Signoff:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # --- inside

    def _write(self, verb: Callable[..., T], *args: Any, first: Iterable[str] = (), **kwargs: Any) -> T:
        # Where several hosts write at once, it may wait for cases that somebody else is changing; what a verb grants is
        # counted from after that. A store of one host has waited for its turn by then.
        waited_for = [] if self.store.clock is None else sorted(set(first))

        def work(tx: Transaction) -> T:
            for id in waited_for:
                tx.get(Case, id)
            return verb(tx, *args, now=self.clock.now(), **kwargs)

        return self.store.write(work)

    def _need_worker(self) -> None:
        if self._worker is not None or self._workers < 1:
            return
        with self._guard:
            if self._worker is None and not self._stopped:
                worker = Worker(
                    self.store,
                    self.clock,
                    self._run_here,
                    leases=self._leases,
                    threads=self._workers,
                )
                worker.start()
                self._worker = worker
                self._learner.start()
                self.webhooks._start()

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
            take_back.redraft, case.id, by, draft=draft, reason="drafter_learned", expect_revision=case.revision
        )

    def _redraft(self, case_id: str, by: Actor, note: str, arguments: Mapping[str, Any] | None) -> Case:
        current = self.case(case_id).seen
        function = self._functions.get(current.checkpoint)
        if arguments is not None:
            given = Draft(arguments=self._checked(current, arguments), drafter=by.id)
            return self._write(take_back.redraft, case_id, by, draft=given, note=note)
        # The approval is void before the drafter is asked, so that nothing can run meanwhile.
        voided = self._write(take_back.redraft, case_id, by, note=note)
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
            take_back.redraft,
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
            case = load(tx, case_id)
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

    def noticed(self, entries: Sequence[Entry]) -> None:
        """Wake whoever waits for the cases of these entries, which another process may have written."""
        self._waiters.notice(entries)

    async def _wait_async(self, case_id: str, timeout_s: float | None = None, *, poll_s: float = 4 * POLL_S) -> Outcome:
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
                    await asyncio.wait_for(changed.wait(), deadline.left(poll_s))
                except TimeoutError:
                    continue
                changed.clear()

    def _still_waiting(self, case_id: str, timeout_s: float | None) -> NoReturn:
        raise StillWaiting(
            f"case {case_id} has no outcome after {timeout_s:g} s; it stays, so wait again with "
            "app.case(case_id).outcome()",
            case_id=case_id,
        )


def _as_reasons(checkpoint: str, reasons: Sequence[str]) -> tuple[str, ...]:
    # A text is a sequence of its letters, which nobody means.
    if isinstance(reasons, str):
        raise InvalidCheckpoint(f"checkpoint {checkpoint!r}: reasons is one text; give a list of them")
    return tuple(reasons)


def _latest(tx: Reading, *, name: str) -> Checkpoint | None:
    return tx.latest_checkpoint(name)


def shown(url: str | Path | Store) -> str:
    """
    Give the name of a database as it may be shown: without a password.

    Examples:
        >>> shown("postgresql://desk:secret@db.example.org:5433/signoff?sslmode=require&password=secret")
        'postgresql://desk@db.example.org:5433/signoff'
        >>> shown("sqlite:////var/lib/signoff.db")
        'sqlite:////var/lib/signoff.db'
    """
    if not isinstance(url, str | Path):
        return str(getattr(url, "path", type(url).__name__))
    if isinstance(url, Path) or "://" not in url:
        return str(url)
    parts = urlsplit(url)
    user = parts.username
    place = parts.netloc.rpartition("@")[2]
    return f"{parts.scheme}://{f'{user}@' if user else ''}{place}{parts.path}"


def open_store(url: str | Path, *, create: bool = True) -> Store:
    """
    Open the database behind a file name or URL.

    Args:
        url: `signoff.db`, a path, `sqlite:///path`, or `postgresql://user@host/database`.
        create: Whether a missing file is made, or an empty database set up.

    Raises:
        UsageError: If the URL names no supported database, or its driver is not installed.
        InvalidInput: If there is nothing in it and it is not to be made.
    """
    if isinstance(url, str) and "://" in url:
        scheme = url.partition(":")[0].lower()
        if scheme in ("postgresql", "postgres"):
            from signoff.storage.postgres import PostgresStore

            return PostgresStore(url, create=create)
        if scheme != "sqlite" or not url.startswith("sqlite:///"):
            raise UsageError(
                f"{scheme!r} is not a database this version opens; name a file, sqlite:///path/to/signoff.db, "
                "or postgresql://user@host/database"
            )
        url = unquote(url.removeprefix("sqlite:///"))
    from signoff.storage.sqlite import SqliteStore

    path = Path(url)
    if not create and not path.exists():
        raise InvalidInput(f"there is no database {path}; name one that exists")
    if not create and path.is_file() and not path.stat().st_size:
        raise InvalidInput(f"{path} is empty, so it holds no cases; name another file")
    return SqliteStore(path)
