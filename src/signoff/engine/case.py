"""Case: what every verb does with one: load it, change it if it is as it was seen, say why it is closed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from signoff.domain.actor import Actor, Role
from signoff.domain.case import Case, ClearedBy, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.content import content_hash, require_json
from signoff.domain.note import Note
from signoff.domain.verdict import VerdictRecord
from signoff.domain.webhook import DELIVERY_CHECKPOINT
from signoff.errors import CaseClosed, ConflictError, NotAllowed, UnknownCase
from signoff.ports import Reading, Record, Transaction


def load(tx: Reading, case_id: str) -> Case:
    """
    Give the case.

    Raises:
        UnknownCase: If there is none of that id.
    """
    case = tx.get(Case, case_id)
    if case is None:
        raise UnknownCase(f"there is no case {case_id} here; check the id and the database", case_id=case_id)
    return case


def require_person(actor: Actor, case: Case, *, to: str) -> None:
    """
    Refuse anybody who is not a person with a say on this case.

    Raises:
        NotAllowed: If the actor is no reviewer or lead, or proposed the case, or it is a delivery to a webhook: what
            Signoff signs is what happened, not what somebody wrote.
    """
    actor.require(Role.REVIEWER, Role.LEAD, to=to)
    if case.checkpoint == DELIVERY_CHECKPOINT:
        raise NotAllowed(
            f"case {case.id} is a delivery to a webhook, so nobody may {to}; a lead resolves it if it is unknown",
            case_id=case.id,
        )
    if actor.id == case.proposer:
        raise NotAllowed(f"{actor.id} proposed case {case.id} and so may not {to}; somebody else must", case_id=case.id)


def swap(tx: Transaction, seen: Case, change: dict[str, Any]) -> bool:
    """Change the case only if it is still exactly as seen, in state, revision, hash and fence."""
    return tx.change(
        Case,
        (seen.id,),
        expect={
            "state": seen.state,
            "revision": seen.revision,
            "content_hash": seen.content_hash,
            "fence": seen.fence,
        },
        to=change,
    )


def write(tx: Transaction, before: Case, change: dict[str, Any], *records: Record) -> Case:
    """Change a case read in this transaction; a mismatch can only be a store that is not serial."""
    if not swap(tx, before, change):
        raise ConflictError(f"case {before.id} changed while it was being moved; try again", case_id=before.id)
    tx.add(*records)
    return before.but(**change)


def unclaimed(case: Case) -> dict[str, Any]:
    """Give what changes when nobody holds the case any more; whoever did is fenced off."""
    return {"claimed_by": None, "claim_expires_at": None, "fence": case.fence + 1}


def remark(tx: Transaction, case: Case, by: Actor, about: str, text: str | None, *, now: datetime) -> None:
    """Keep what somebody wrote about a case; an empty text keeps nothing."""
    if not text or not text.strip():
        return
    require_json(text, where="the note")
    number = len(tx.find(Note, case_id=case.id)) + 1
    tx.add(Note(case_id=case.id, number=number, about=about, author=by.id, written_at=now, text=text.strip()))


def closed(tx: Reading, case: Case, verb: str) -> CaseClosed:
    """Say why a case is no longer open, and who ruled on it."""
    record = tx.get(VerdictRecord, case.verdict_id) if case.verdict_id else None
    facts: dict[str, Any] = {"case_id": case.id, "state": case.state.value}
    who = ""
    checkpoint = tx.get(Checkpoint, case.checkpoint, case.version) if case.state is State.HELD else None
    if record is not None and checkpoint is not None and checkpoint.blind:
        # It may be recalled, and whoever is told then would no longer be blind.
        facts |= {"reviewer": record.reviewer, "ruled_at": record.ruled_at.isoformat()}
        who = f": {record.reviewer} ruled on it at {record.ruled_at:%H:%M:%S} UTC"
    elif record is not None:
        facts |= {
            "verdict": record.kind.value,
            "reviewer": record.reviewer,
            "ruled_at": record.ruled_at.isoformat(),
        }
        who = f": {record.reviewer} {record.kind.value} it at {record.ruled_at:%H:%M:%S} UTC"
    elif case.cleared_by is ClearedBy.POLICY:
        who = ": the checkpoint's policy let it through"
    return CaseClosed(f"case {case.id} is {case.state.value} and can no longer {verb}{who}", **facts)


def rehash(case: Case, frozen: bytes, revision: int) -> str:
    """Hash what the case would run with these arguments, in canonical bytes, as that revision."""
    return content_hash(checkpoint=case.checkpoint, version=case.version, arguments=frozen, revision=revision)
