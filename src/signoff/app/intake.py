"""Intake: takes proposals in for one checkpoint, whether its function is here or only its registration."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from signoff.app.handle import new_id
from signoff.domain.case import Case
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.content import Content
from signoff.domain.proposal import Proposal
from signoff.engine import propose
from signoff.engine.propose import Prepared
from signoff.errors import KeyReused, SignoffError
from signoff.ports import Reading

if TYPE_CHECKING:
    from signoff.app.signoff import Signoff

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
    """

    def __init__(
        self,
        app: Signoff,
        declaration: Callable[[], Checkpoint],
        to_json: Callable[[Mapping[str, Any]], dict[str, Any]],
        drafted: Callable[[Proposal], Proposal] | None = None,
    ) -> None:
        self._app = app
        self._declaration = declaration
        self._to_json = to_json
        self._drafted = drafted

    def prepare(self, proposal: Proposal) -> Prepared:
        """
        Check, hash and route one proposal; nothing is written yet.

        Raises:
            InvalidArguments: If the arguments do not fit the checkpoint's schema.
            InvalidInput: If a value is not JSON, too deep or too large.
            DraftFailed: If the drafter made no proposal.
        """
        declaration = self._declaration()
        if proposal.arguments is None and self._drafted is not None:
            # Sent again, it is the case there is: another draft may differ, and would be another proposal.
            proposal = self._drafted_before(declaration, proposal) or self._drafted(proposal)
        return propose.prepare(
            declaration,
            proposal,
            arguments=self._to_json(proposal.arguments or {}),
            case_id=new_id(),
            now=self._app.clock.now(),
            coin=self._app._coin(),
        )

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
        case = self._app.store.write(lambda tx: propose.propose(tx, prepared))
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
                    lambda tx, tries=tries: propose.propose_many(tx, batch, keys_are_new=not tries)  # type: ignore[misc]
                )
            except KeyReused as error:
                # Without a number, another process made a case between the look for its key and this one's.
                if tries == _TRIES or (tries and "number" in error.facts):
                    raise
            tries += 1
