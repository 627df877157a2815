"""Batch: proposals that are sent together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from signoff.app.handle import new_id
from signoff.client.documents import as_sent
from signoff.domain.proposal import Proposal, material
from signoff.errors import SignoffError

_BATCH = 500


_BATCH_BYTES = 4 * 1024 * 1024


_BATCH_DRAFTS = 25
"""Proposals in one request that the server's drafter has to make: none is answered before all are drafted."""


class Line(NamedTuple):
    """One proposal as it is sent."""

    body: bytes
    drafts: bool
    """Whether the server has to make its arguments."""

    @classmethod
    def of(cls, checkpoint: str, proposal: Proposal) -> Line:
        """Write a proposal down as it is sent."""
        document = {
            "checkpoint": checkpoint,
            "arguments": proposal.arguments,
            "evidence": {name: material(value) for name, value in proposal.evidence.items()},
            "confidence": proposal.confidence,
            "rationale": proposal.rationale,
            "alternatives": proposal.alternatives,
            "drafter": proposal.drafter,
            "key": new_id() if proposal.key is None else proposal.key,
            "deadline_s": proposal.deadline_s,
            "features": None if proposal.features is None else dict(proposal.features),
        }
        return cls(as_sent(document), proposal.arguments is None)


class Batch:
    """Proposals that are sent together."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self._bytes = 0
        self._drafts = 0

    def takes(self, line: Line) -> bool:
        """Tell whether there is room for one more; there always is for the first."""
        return not self.lines or (
            len(self.lines) < _BATCH
            and self._bytes + len(line.body) <= _BATCH_BYTES
            and self._drafts + line.drafts <= _BATCH_DRAFTS
        )

    def add(self, line: Line) -> None:
        """Put one more in."""
        self.lines.append(line)
        self._bytes += len(line.body) + 1
        self._drafts += line.drafts


def numbered(error: SignoffError, *, index: int, kept: int, kept_after: Sequence[int] = ()) -> None:
    """Say in an error which proposal it is about, and which are kept."""
    # The server numbers within what it was sent.
    facts = {name: fact for name, fact in error.facts.items() if name != "number"}
    error.facts = {**facts, "index": index, "kept": kept, "kept_after": list(kept_after)}
    error.add_note(f"proposal number {index}, counted from 0; the first {kept} are kept")
