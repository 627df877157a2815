"""Intake: takes proposals in for one checkpoint, whether its function is here or only its registration."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from signoff.app.handle import new_id
from signoff.domain.case import Case
from signoff.domain.checkpoint import Checkpoint, Oversight
from signoff.domain.content import Content
from signoff.domain.features import checked_features, features_of_confidence
from signoff.domain.proposal import Proposal
from signoff.engine import propose
from signoff.engine.propose import Prepared
from signoff.errors import InvalidInput, KeyReused, SignoffError
from signoff.learning.features_draft import draft_features
from signoff.ports import FeaturesOf, Reading

if TYPE_CHECKING:
    from signoff.app.signoff import Signoff

log = logging.getLogger("signoff")

BATCH = 500
"""Proposals in one transaction, so that others can write in between."""

_TRIES = 5
"""How often a batch is tried again because others make cases with its keys at the same moment."""


class Intake:
    """
    Checks, routes and keeps proposals for one checkpoint.

    Args:
        app: Whose store keeps them.
        declaration: Gives the registered declaration.
        to_json: Checks arguments against the checkpoint's schema and gives them as JSON values.
        drafted: Gives a proposal without arguments those its drafter makes; None where there is no drafter.
        add_features: The checkpoint's own function of arguments and evidence that gives more features; None for none.
    """

    def __init__(
        self,
        app: Signoff,
        declaration: Callable[[], Checkpoint],
        to_json: Callable[[Mapping[str, Any]], dict[str, Any]],
        drafted: Callable[[Proposal], Proposal] | None = None,
        add_features: FeaturesOf | None = None,
    ) -> None:
        self._app = app
        self._declaration = declaration
        self._to_json = to_json
        self._drafted = drafted
        self._add_features = add_features

    def prepare(self, proposal: Proposal) -> Prepared:
        """
        Check, hash and route one proposal; nothing is written yet.

        Raises:
            InvalidArguments: If the arguments do not fit the checkpoint's schema.
            InvalidInput: If a value is not JSON, too deep or too large.
            DraftFailed: If the drafter made no proposal.
        """
        declaration = self._declaration()
        if proposal.features is not None:
            proposal = replace(proposal, features=checked_features(proposal.features))
        if proposal.arguments is None and self._drafted is not None:
            # Sent again, it is the case there is: another draft may differ, and would be another proposal.
            proposal = self._drafted_before(declaration, proposal) or self._drafted(proposal)
        arguments = self._to_json(proposal.arguments or {})
        features, doubt = self._features(declaration, proposal, arguments)
        return propose.prepare(
            declaration,
            proposal,
            arguments=arguments,
            case_id=new_id(),
            now=self._app.clock.now(),
            coin=self._app._coin(),
            features=features,
            doubt=doubt,
        )

    def _features(
        self, declaration: Checkpoint, proposal: Proposal, arguments: dict[str, Any]
    ) -> tuple[dict[str, float] | None, str | None]:
        """Give what is known of a proposal, or why nothing is; what is wrong with it never costs the proposal."""
        if declaration.oversight is not Oversight.WHEN_UNCERTAIN:
            return None, None
        known: Mapping[str, float] | None = proposal.features
        if known is None and declaration.label is None:
            known = draft_features(
                _written(arguments),
                _written({name: getattr(value, "value", value) for name, value in proposal.evidence.items()}),
                confidence=proposal.confidence,
                others=[float(other.get("confidence") or 0.0) for other in proposal.alternatives],
            )
        elif known is None:
            known = features_of_confidence(proposal.confidence)
        if self._add_features is not None:
            plain = {name: getattr(value, "value", value) for name, value in proposal.evidence.items()}
            try:
                # Copies: what runs, and what is shown, is not for it to change.
                added = self._add_features(deepcopy(arguments), deepcopy(plain))
                known = {**(known or {}), **checked_features(added)}
            except Exception as error:
                log.warning("the features of checkpoint %r fail: %s: %s", declaration.name, type(error).__name__, error)
                return None, "features_failed"
        if not known:
            return None, "no_features"
        try:
            return checked_features(known), None
        except InvalidInput as error:
            log.warning("a drafter's features at checkpoint %r are left out: %s", declaration.name, error)
            return None, "features_unusable"

    def _drafted_before(self, declaration: Checkpoint, proposal: Proposal) -> Proposal | None:
        if proposal.key is None:
            return None

        def look(tx: Reading) -> Content | None:
            same = tx.find(Case, checkpoint=declaration.name, proposer=proposal.proposer, key=proposal.key)
            return tx.get(Content, same[0].id, 1) if same else None

        first = self._app.store.read(look)
        return None if first is None else replace(proposal, arguments=first.arguments)

    def one(self, proposal: Proposal) -> Case:
        """
        Keep one proposal, or give the case its key already stands for.

        Raises:
            KeyReused: If the key stands for other arguments.
        """
        prepared = self.prepare(proposal)
        case = self._app.store.write(lambda tx: propose.propose(tx, prepared, automations=self._app._automations))
        self._app._need_worker()
        return case

    def many(self, proposals: Iterable[Proposal]) -> list[Case]:
        """
        Keep a lot, in batches that are kept whole or not at all.

        Raises:
            SignoffError: As `one`; `facts["index"]` is the number of the proposal, from 0, and `facts["kept"]` how many
                before it are kept.
        """
        kept: list[Case] = []
        batch: list[Prepared] = []
        try:
            for proposal in proposals:
                batch.append(self.prepare(proposal))
                if len(batch) == BATCH:
                    kept += self._keep(batch)
                    batch.clear()
            if batch:
                kept += self._keep(batch)
        except SignoffError as error:
            # The engine numbers within the batch it was given; before that, the batch itself tells.
            index = len(kept) + error.facts.get("number", len(batch))
            error.facts = {**error.facts, "index": index, "kept": len(kept)}
            error.add_note(f"proposal number {index}, counted from 0; the first {len(kept)} are kept")
            raise
        finally:
            self._app._need_worker()
        return kept

    def each(self, batch: Iterable[Prepared]) -> Iterator[Case | KeyReused]:
        """Keep one batch in one transaction, but for those whose key stands for other arguments; in the same order."""
        left = dict(enumerate(batch))
        results: dict[int, Case | KeyReused] = {}
        while left:
            numbers = list(left)
            try:
                cases = self._keep(list(left.values()))
            except KeyReused as error:
                if "number" not in error.facts:
                    results |= self._one_by_one(left)
                    break
                refused = numbers[error.facts["number"]]
                results[refused] = error
                del left[refused]
                continue
            results.update(zip(numbers, cases, strict=True))
            break
        self._app._need_worker()
        for number in sorted(results):
            yield results[number]

    def _one_by_one(self, left: Mapping[int, Prepared]) -> dict[int, Case | KeyReused]:
        results: dict[int, Case | KeyReused] = {}
        for number, prepared in left.items():
            try:
                (results[number],) = self._keep([prepared])
            except KeyReused as error:
                results[number] = error
        return results

    def _keep(self, batch: list[Prepared]) -> list[Case]:
        tries = 0
        while True:
            try:
                # Looking each key up first would cost every import a third.
                return self._app.store.write(
                    lambda tx, tries=tries: propose.propose_many(  # type: ignore[misc]
                        tx, batch, keys_are_new=not tries, automations=self._app._automations
                    )
                )
            except KeyReused as error:
                # Without a number, another process made a case between the look for its key and this one's.
                if tries == _TRIES or (tries and "number" in error.facts):
                    raise
            tries += 1


def _written(value: Any) -> str:
    """Give all that is said in a document, one piece a line."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "\n".join(map(_written, value.values()))
    if isinstance(value, list | tuple):
        return "\n".join(map(_written, value))
    return "" if value is None else str(value)
