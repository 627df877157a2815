"""Function: what a checkpoint makes of the function it is put on."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

from signoff.app.handle import CaseHandle
from signoff.app.intake import Intake
from signoff.app.views import Outcome
from signoff.domain.case import State
from signoff.domain.checkpoint import Checkpoint, Delivery, Oversight, declare
from signoff.domain.pace import Limits
from signoff.domain.proposal import Proposal, as_proposal
from signoff.engine import propose, take_back
from signoff.engine.execute import Handling
from signoff.errors import (
    DraftFailed,
    EffectFailed,
    EffectUnknown,
    InvalidArguments,
    InvalidCheckpoint,
    KeyReused,
    NotApproved,
    UsageError,
)
from signoff.ports import Alternative, Check, Draft, Drafter, FeaturesOf, as_alternative
from signoff.signature import Signature, receipt

if TYPE_CHECKING:
    from signoff.app.signoff import Signoff


P = ParamSpec("P")
T = TypeVar("T")

OPTIONS = frozenset(
    {
        "evidence",
        "confidence",
        "rationale",
        "alternatives",
        "drafter",
        "proposer",
        "key",
        "deadline_s",
        "features",
    }
)
"""Names `propose` keeps for itself."""

_TRIES = 30
"""How many declarations of one checkpoint may be registered by others at the very moment of ours."""


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
        limits: Limits,
        features: FeaturesOf | None = None,
    ) -> None:
        self._app = app
        self._function = function
        self._declaration = declaration
        self._registered: Checkpoint | None = None
        self._wait_s = wait_s
        self._check = check
        self._limits = limits
        self._reversal: CheckpointFunction[..., Any] | None = None
        self.signature = signature
        self.drafter = drafter
        self.name = declaration.name
        self.__name__ = getattr(function, "__name__", declaration.name)
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        self.intake = Intake(
            app,
            lambda: self.declaration,
            signature.to_json,
            self._drafted if drafter is not None else None,
            features,
        )
        """Takes whole `Proposal`s."""

    @property
    def declaration(self) -> Checkpoint:
        """The declaration, registered in the database with its version."""
        if self._registered is None:
            self._registered = self._register()
        return self._registered

    def _register(self) -> Checkpoint:
        for _ in range(_TRIES):
            with suppress(KeyReused):
                return self._app._write(propose.register, self._declaration)
            # Another process took that version for another declaration at the same moment; the next is free.
        return self._app._write(propose.register, self._declaration)

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
        features: Mapping[str, float] | None = None,
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
            features: What tells whether a person would accept it, as numbers by name; a drafter gives its own.
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
            alternatives=[as_alternative(a) for a in alternatives],
            drafter=drafter,
            proposer=proposer,
            key=key,
            deadline_s=deadline_s,
            features=features,
        )
        return CaseHandle(self._app, self.intake.one(proposal))

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
        return [CaseHandle(self._app, case) for case in self.intake.many(map(as_proposal, proposals))]

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
                alpha=None,
                delivery=Delivery.AT_MOST_ONCE,
                reverses=self.name,
            )
        )
        self._reversal = CheckpointFunction(
            self._app,
            function,
            declaration,
            signature,
            check=None,
            drafter=None,
            wait_s=self._wait_s,
            limits=Limits(),
        )
        self._app._add(self._reversal)
        return function

    def _drafted(self, proposal: Proposal) -> Proposal:
        draft = self.draft(proposal.evidence)
        return replace(
            proposal,
            arguments=draft.arguments,
            confidence=draft.confidence,
            rationale=draft.rationale,
            alternatives=take_back.alternatives_of(draft),
            drafter=draft.drafter,
            features=proposal.features if proposal.features is not None else draft.features,
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
            limits=self._limits,
        )

    def __repr__(self) -> str:
        return f"<checkpoint {self.name}>"


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
