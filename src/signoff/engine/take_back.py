"""Take back: recall a verdict, ask for another draft, withdraw a proposal."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from signoff.domain.actor import Actor, ActorKind
from signoff.domain.case import TABLE, Case, Move, State, advance
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.claim import require_open_to
from signoff.domain.content import Content, freeze
from signoff.domain.effect import Attempt, Ending
from signoff.domain.entry import move_entry
from signoff.domain.policy import Route, Routing
from signoff.domain.verdict import VerdictRecord, Vote
from signoff.engine.case import closed, load, rehash, remark, require_person, unclaimed, write
from signoff.errors import CaseClosed, LedgerBroken, NotAllowed
from signoff.ports import Draft, Reading, Transaction, as_alternative


def recall(tx: Transaction, case_id: str, by: Actor, *, now: datetime) -> Case:
    """
    Take one's own verdict back while it is held; the case waits again, with its edits.

    Raises:
        CaseClosed: If the hold is over.
        NotAllowed: If somebody else ruled.
    """
    case = load(tx, case_id)
    if case.state is not State.HELD or case.verdict_id is None:
        raise closed(tx, case, "be recalled")
    if case.due_at is not None and case.due_at <= now:
        raise CaseClosed(
            f"the hold of case {case_id} ended at {case.due_at:%H:%M:%S} UTC, so it can no longer be recalled",
            case_id=case_id,
            state=case.state.value,
        )
    record = tx.get(VerdictRecord, case.verdict_id)
    if record is None or record.reviewer != by.id:
        raise NotAllowed(
            f"only {record.reviewer if record else 'the reviewer'} can recall the verdict on case {case_id}",
            case_id=case_id,
        )
    change = _unruled(case) | {"state": advance(case.state, Move.RECALL), "fence": case.fence + 1}
    _void(tx, case, now=now)
    for vote in tx.find(Vote, case_id=case_id, revision=case.revision, reviewer=by.id, voided_at=None):
        tx.change(Vote, (vote.id,), expect={"voided_at": None}, to={"voided_at": now})
    entry = move_entry(case, case.but(**change), Move.RECALL, by=by, now=now, verdict=record.id)
    return write(tx, case, change, entry)


def redraft(
    tx: Transaction,
    case_id: str,
    by: Actor,
    *,
    now: datetime,
    draft: Draft | None = None,
    note: str | None = None,
    reason: str = "asked",
    expect_revision: int | None = None,
) -> Case:
    """
    Void what was approved and put a new revision before the reviewers; never a verdict.

    Args:
        tx: A transaction.
        case_id: A case that waits, is held, or is cleared but not started.
        by: The reviewer who asks, or the drafter who answers.
        now: The time, UTC.
        draft: The new proposal; None keeps the arguments.
        note: What the reviewer asked for.
        reason: Why, as a name.
        expect_revision: Leave the case alone, and return it, unless it waits unclaimed by others at this
            revision.

    Raises:
        CaseClosed: If it has started or ended.
    """
    case = load(tx, case_id)
    if expect_revision is not None and (case.state is not State.WAITING or case.revision != expect_revision):
        return case
    if by.kind is ActorKind.PERSON:
        require_person(by, case, to="ask for a redraft")
        if case.state is State.WAITING:
            require_open_to(case, by, now=now)
    if (case.state, Move.REDRAFT) not in TABLE:
        raise closed(tx, case, "be redrafted")
    if by.kind is ActorKind.PERSON:
        _require_certain(tx, case)
    current = tx.get(Content, case_id, case.revision)
    if current is None:
        raise LedgerBroken(f"case {case_id} has no content for revision {case.revision}", case_id=case_id)
    arguments = current.arguments if draft is None else dict(draft.arguments)
    revision = case.revision + 1
    change = _unruled(case) | {
        "state": advance(case.state, Move.REDRAFT),
        "revision": revision,
        "draft_revision": case.draft_revision if draft is None else revision,
        "content_hash": rehash(case, freeze(arguments, where="redrafted arguments"), revision),
        "fence": case.fence if expect_revision is not None else case.fence + 1,
    }
    if case.attempt:
        # Other words never go out under a key the receiver has seen.
        change |= {"generation": case.generation + 1, "tries": 0}
    checkpoint = tx.get(Checkpoint, case.checkpoint, case.version)
    if checkpoint is not None and checkpoint.opinions != case.opinions:
        # A lead was to settle a split about words that are gone; the new ones need all opinions again.
        change |= {"opinions": checkpoint.opinions, "assigned_to": None}
    content = Content(
        case_id=case_id,
        revision=revision,
        arguments=arguments,
        author=by.id if draft is None else (draft.drafter or by.id),
        rationale=current.rationale if draft is None else draft.rationale,
        alternatives=current.alternatives if draft is None else alternatives_of(draft),
    )
    routing = tx.get(Routing, case_id, case.revision)
    confidence = (routing.confidence if routing else None) if draft is None else draft.confidence
    drafter = (routing.drafter if routing else None) if draft is None else draft.drafter
    _void(tx, case, now=now)
    remark(tx, case, by, "redraft", note, now=now)
    tx.add(
        content,
        Routing(
            case_id=case_id,
            revision=revision,
            route=Route.REVIEW,
            reason=reason,
            confidence=confidence,
            drafter=drafter,
            routed_at=now,
        ),
    )
    return write(tx, case, change, move_entry(case, case.but(**change), Move.REDRAFT, by=by, now=now, reason=reason))


def _require_certain(tx: Reading, case: Case) -> None:
    """Refuse to take back what may have happened."""
    attempt = in_doubt(tx, case)
    if attempt is not None:
        raise CaseClosed(
            f"the effect of case {case.id} may have happened in attempt {attempt}; it is tried again "
            "or looked up, so wait for its end, and reverse it then",
            case_id=case.id,
            state=case.state.value,
        )


def in_doubt(tx: Reading, case: Case) -> int | None:
    """Give the number of an attempt of a cleared case that did not say that it certainly did not happen; or None."""
    certain = (Ending.FAILED, Ending.REFUSED)
    if case.state is State.CLEARED and case.tries:
        for attempt in tx.find(Attempt, case_id=case.id, generation=case.generation):
            if attempt.ending not in certain:
                return attempt.attempt
    return None


def alternatives_of(draft: Draft) -> list[dict[str, Any]]:
    """Give a draft's alternatives in the form in which they are stored."""
    return [as_alternative(each) for each in draft.alternatives]


def withdraw(tx: Transaction, case_id: str, *, proposer: str, now: datetime) -> Case:
    """
    Take one's own proposal back before it has started.

    Raises:
        CaseClosed: If it has started or ended.
        NotAllowed: If somebody else proposed it.
    """
    case = load(tx, case_id)
    if case.proposer != proposer:
        raise NotAllowed(f"only its proposer can withdraw case {case_id}", case_id=case_id)
    if (case.state, Move.WITHDRAW) not in TABLE:
        raise closed(tx, case, "be withdrawn")
    _require_certain(tx, case)
    change = unclaimed(case) | {"state": advance(case.state, Move.WITHDRAW), "due_at": None}
    _void(tx, case, now=now)
    by = Actor(id=proposer, kind=ActorKind.SERVICE, roles=frozenset())
    return write(tx, case, change, move_entry(case, case.but(**change), Move.WITHDRAW, by=by, now=now))


def _unruled(case: Case) -> dict[str, Any]:
    return {"due_at": case.deadline_at, "verdict_id": None, "cleared_by": None}


def _void(tx: Transaction, case: Case, *, now: datetime) -> None:
    if case.verdict_id is not None:
        tx.change(VerdictRecord, (case.verdict_id,), expect={"voided_at": None}, to={"voided_at": now})
