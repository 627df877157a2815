"""Withholding: what a person is not shown before their own verdict, on a blind checkpoint."""

from __future__ import annotations

from dataclasses import replace

from signoff.app.views import CaseView, History
from signoff.domain.actor import ActorKind
from signoff.domain.case import Case, Move, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.content import Content
from signoff.domain.entry import Entry, EntryKind
from signoff.domain.verdict import VerdictRecord, Vote
from signoff.ports import Reading

OPEN = frozenset({State.WAITING, State.HELD})
"""States in which somebody may still rule, or rule anew."""

_OPINIONS = frozenset({EntryKind.VOTE, EntryKind.VERDICT, EntryKind.AUDIT, EntryKind.AUTOMATION})
_UNSAID = "drafter"
"""Stands for whoever wrote what is withheld: a drafter's name and version are part of what it thinks."""


def is_withheld(tx: Reading, case: Case, checkpoint: Checkpoint | None, person: str) -> bool:
    """
    Tell whether what the drafter and others think of a case is kept from a person for now.

    It is while a case of a blind checkpoint is open, but not from whoever proposed it, nor from who has ruled or voted
    on it, as long as that stands.

    Args:
        tx: A look at the store.
        case: As it is now.
        checkpoint: The declaration it was proposed under.
        person: Who wants to see it.
    """
    if checkpoint is None or not checkpoint.blind or case.state not in OPEN or case.proposer == person:
        return False
    if case.verdict_id is not None:
        record = tx.get(VerdictRecord, case.verdict_id)
        if record is not None and record.voided_at is None and record.reviewer == person:
            return False
    return not tx.find(Vote, case_id=case.id, revision=case.revision, reviewer=person, voided_at=None)


def blind_view(view: CaseView) -> CaseView:
    """Give a view without what the drafter thinks: rule, confidence, rationale, alternatives, and the category."""
    content = _blind_content(view.content, view.checkpoint)
    return replace(view, content=content, routing=None, withheld=True)


def _blind_content(content: Content, checkpoint: Checkpoint | None) -> Content:
    hidden = checkpoint.label if checkpoint else None
    said = {name: value for name, value in content.arguments.items() if name != hidden}
    return replace(content, arguments=said, author=_UNSAID, rationale=None, alternatives=[])


def blind_history(history: History, person: str) -> History:
    """Give a history with what happened, and without what anybody but this person thinks of it."""
    current = [content for content in history.contents if content.revision == history.case.revision]
    return replace(
        history,
        entries=[
            _blind_entry(entry, person)
            for entry in history.entries
            if entry.kind not in _OPINIONS or entry.actor == person
        ],
        contents=[_blind_content(content, history.checkpoint) for content in current],
        routings=[],
        verdicts=[verdict for verdict in history.verdicts if verdict.reviewer == person],
        votes=[vote for vote in history.votes if vote.reviewer == person],
        attempts=[],
        audit=None,
        # A note to the next one is meant for them; what somebody wanted changed is an opinion.
        notes=[note for note in history.notes if note.author == person or note.about == "hand_over"],
    )


def _blind_entry(entry: Entry, person: str) -> Entry:
    if entry.actor == person:
        return entry
    actor = _UNSAID if entry.actor_kind is ActorKind.DRAFTER else entry.actor
    return replace(entry, actor=actor, content_hash=None, facts={})


def others_opinions_withheld(history: History, person: str) -> History:
    """Give a history without what others have voted or ruled, where several people have to agree and may yet."""
    several = history.checkpoint is not None and history.checkpoint.opinions > 1
    if not several or history.case.state not in OPEN:
        return history
    # A verdict that was or may be recalled tells how those have voted whose votes still stand.
    return replace(
        history,
        votes=[vote for vote in history.votes if vote.reviewer == person],
        verdicts=[verdict for verdict in history.verdicts if verdict.reviewer == person],
        entries=[
            entry if entry.act != Move.RULE or entry.actor == person else replace(entry, facts={})
            for entry in history.entries
            if entry.kind not in (EntryKind.VOTE, EntryKind.VERDICT) or entry.actor == person
        ],
    )
