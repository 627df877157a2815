"""Review: put a verdict on record, or a vote where several people have to agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from signoff.domain.actor import TIMER, Actor
from signoff.domain.case import Case, ClearedBy, Move, State, advance
from signoff.domain.checkpoint import Checkpoint, Oversight
from signoff.domain.claim import LEADS, held_by, obstacle, require_open_to
from signoff.domain.content import Content, difference, freeze, require_json
from signoff.domain.entry import Entry, EntryKind, act_entry, move_entry
from signoff.domain.grade import Grade, grade
from signoff.domain.verdict import (
    Approved,
    Edited,
    Rejected,
    Tally,
    Verdict,
    VerdictKind,
    VerdictRecord,
    Vote,
    kind_of,
    tally,
)
from signoff.engine.case import closed, load, rehash, require_person, swap, unclaimed, write
from signoff.errors import (
    CaseClosed,
    ClaimLost,
    ConflictError,
    ContentChanged,
    InvalidInput,
    KeyReused,
    LedgerBroken,
    NotAllowed,
    SameReviewer,
)
from signoff.ports import Reading, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    A verdict on its way in.

    Args:
        id: Chosen by the caller; sending it twice counts once.
        verdict: Approved, Edited with checked arguments, or Rejected.
        by: Who says so.
        fenced: Whether the answer stands on the claim it was shown under, so that a later claim voids it.
        seconds: How long it was on screen.
    """

    id: str
    verdict: Verdict
    by: Actor
    fenced: bool = False
    seconds: float | None = None


def rule(tx: Transaction, checkpoint: Checkpoint, seen: Case, answer: Answer, *, now: datetime) -> Case:
    """
    Put a verdict on record, if the case is still exactly what the person saw.

    One compare-and-swap on (state, revision, content hash, fence). Without a hold it settles in the same
    transaction. An edit that changes nothing is an approval. Where several opinions are needed, it is a vote.

    Args:
        tx: A transaction.
        checkpoint: The declaration of the case's version.
        seen: The case as it was on screen.
        answer: The verdict with its single-use id.
        now: The time, UTC.

    Returns:
        The case after the verdict; for an answer that was sent twice, the case as it is now.

    Raises:
        CaseClosed: If somebody else was faster; says who ruled.
        ClaimLost: If the claim expired or belongs to somebody else.
        ContentChanged: If the content is another one now; says what changed.
        KeyReused: If the id was used for another verdict.
        SameReviewer: If the person has voted on this revision.
        NotAllowed: If the actor may not rule on it, or approves a category that is withheld.
    """
    require_person(answer.by, seen, to="rule on it")
    if (
        seen.state is State.WAITING
        and seen.opinions == 1
        # Somebody else's claim may have been renewed since, which leaves the fence as it was.
        and seen.claimed_by in (None, answer.by.id)
        and not _expired(seen, now)
        and obstacle(seen, answer.by, now=now) is None
        and not _is_unseen(checkpoint, answer.verdict)
    ):
        _require_fresh_eyes(tx, checkpoint, seen, answer)
        ruled = _rule_once(tx, checkpoint, seen, answer, now=now)
        if ruled is not None:
            return ruled
    current = load(tx, seen.id)
    if _repeated(tx, seen, current, answer):
        return current
    _explain(tx, checkpoint, seen, current, answer, now=now)
    _require_fresh_eyes(tx, checkpoint, current, answer)
    if _is_unseen(checkpoint, answer.verdict):
        raise NotAllowed(
            f"the {checkpoint.label} proposed for case {seen.id} is not shown before the verdict, so it cannot be "
            "approved unseen; name it: send an edit with all arguments, which is an approval if it says the same",
            case_id=seen.id,
            label=checkpoint.label,
        )
    decide = _rule_once if current.opinions == 1 else _vote
    again = decide(tx, checkpoint, current, answer, now=now)
    if again is None:
        raise ConflictError(f"case {seen.id} changes too fast; reload it and answer again", case_id=seen.id)
    return again


def _require_fresh_eyes(tx: Reading, checkpoint: Checkpoint, case: Case, answer: Answer) -> None:
    """Where several opinions are needed, nobody counts twice; nor may a voter settle the split."""
    if checkpoint.opinions > 1 and tx.find(
        Vote, case_id=case.id, revision=case.revision, reviewer=answer.by.id, voided_at=None
    ):
        raise SameReviewer(
            f"{answer.by.id} has already given an opinion on case {case.id}; somebody else must give the next",
            case_id=case.id,
        )


def _is_unseen(checkpoint: Checkpoint, verdict: Verdict) -> bool:
    """Tell whether somebody would approve a category that they were not shown."""
    return checkpoint.blind and checkpoint.label is not None and isinstance(verdict, Approved)


def _expired(case: Case, now: datetime) -> bool:
    return case.deadline_at is not None and case.deadline_at <= now


def _rule_once(tx: Transaction, checkpoint: Checkpoint, seen: Case, answer: Answer, *, now: datetime) -> Case | None:
    verdict, content, revised = _take_edit(seen, answer)
    rejected = isinstance(verdict, Rejected)
    change = revised | {
        "state": advance(seen.state, Move.RULE),
        "due_at": now + timedelta(seconds=checkpoint.undo_s),
        "claimed_by": None,
        "claim_expires_at": None,
        "snoozed_until": None,
        "fence": seen.fence + 1,
        "verdict_id": answer.id,
        "cleared_by": ClearedBy.PERSON,
    }
    held = after = seen.but(**change)
    record = VerdictRecord(
        id=answer.id,
        case_id=seen.id,
        revision=seen.revision,
        draft_revision=seen.draft_revision,
        kind=kind_of(verdict),
        content_hash=held.content_hash,
        reviewer=answer.by.id,
        reason=verdict.reason if isinstance(verdict, Rejected) else None,
        ruled_at=now,
        seconds=answer.seconds,
    )
    facts = {"verdict": answer.id, "kind": record.kind.value} | _graded(tx, checkpoint, seen, verdict)
    entries = [move_entry(seen, held, Move.RULE, by=answer.by, now=now, **facts)]
    if checkpoint.undo_s == 0:
        settling = settled(held, rejected=rejected, now=now)
        change |= settling
        after = held.but(**settling)
        entries.append(settle_entry(held, after, by=TIMER, now=now))
    if not swap(tx, seen, change):
        return None
    _add_answer(tx, answer, record)
    tx.add(*([content] if content else []), *entries)
    return after


def _graded(tx: Reading, checkpoint: Checkpoint, seen: Case, verdict: Verdict) -> dict[str, Any]:
    """Say how wrong what was proposed first has turned out, where automation is to learn from it."""
    if checkpoint.oversight is not Oversight.WHEN_UNCERTAIN:
        return {}
    if isinstance(verdict, Rejected):
        return {"loss": Grade.WRONG.value}
    if isinstance(verdict, Approved) and seen.revision == 1:
        return {"loss": Grade.ACCEPTED.value}
    first, shown = tx.get(Content, seen.id, 1), tx.get(Content, seen.id, seen.revision)
    if first is None or shown is None:
        raise LedgerBroken(f"case {seen.id} lacks the content of a revision; run signoff verify", case_id=seen.id)
    final = verdict.arguments if isinstance(verdict, Edited) else shown.arguments
    return {"loss": grade(first.arguments, final, label=checkpoint.label).value}


def _add_answer(tx: Transaction, answer: Answer, record: VerdictRecord | Vote) -> None:
    try:
        tx.add(record)
    except KeyReused:
        used = tx.get(Vote, answer.id) if isinstance(record, Vote) else tx.get(VerdictRecord, answer.id)
        raise _reused(answer, used.case_id if used else record.case_id) from None


def _take_edit(seen: Case, answer: Answer) -> tuple[Verdict, Content | None, dict[str, Any]]:
    """Give the verdict, the new content if it edits, and what that changes in the case."""
    if not isinstance(answer.verdict, Edited):
        return answer.verdict, None, {}
    frozen = freeze(answer.verdict.arguments, where="edited arguments")
    if rehash(seen, frozen, seen.revision) == seen.content_hash:
        return Approved(), None, {}
    revision = seen.revision + 1
    content = Content(case_id=seen.id, revision=revision, arguments=answer.verdict.arguments, author=answer.by.id)
    return answer.verdict, content, {"revision": revision, "content_hash": rehash(seen, frozen, revision)}


def settled(held: Case, *, rejected: bool, now: datetime) -> dict[str, Any]:
    """Give what changes when a held verdict takes effect: cleared to run, or rejected."""
    move = Move.REJECT if rejected else Move.CLEAR
    return {"state": advance(held.state, move), "due_at": None if rejected else now}


def settle_entry(held: Case, after: Case, *, by: Actor, now: datetime) -> Entry:
    """Tell that a hold is over."""
    move = Move.CLEAR if after.state is State.CLEARED else Move.REJECT
    facts = {"verdict": held.verdict_id} if held.verdict_id else {}
    return move_entry(held, after, move, by=by, now=now, **facts)


def _vote(tx: Transaction, checkpoint: Checkpoint, current: Case, answer: Answer, *, now: datetime) -> Case:
    before = tx.find(Vote, case_id=current.id, revision=current.revision, voided_at=None)
    verdict, content, revised = _take_edit(current, answer)
    change = unclaimed(current) | revised
    open_case = current.but(**change)
    kind = kind_of(verdict)
    vote = Vote(
        id=answer.id,
        case_id=current.id,
        revision=open_case.revision,
        reviewer=answer.by.id,
        kind=kind,
        content_hash=open_case.content_hash,
        reason=verdict.reason if isinstance(verdict, Rejected) else None,
        voted_at=now,
    )
    # An edit is a new revision, so the votes on the one before it no longer count.
    votes = [vote] if content else [*before, vote]
    result = tally(votes, opinions=current.opinions)
    entries = [act_entry(open_case, EntryKind.VOTE, kind.value, by=answer.by, now=now, votes=len(votes))]
    if result is Tally.SPLIT:
        change |= {"opinions": 1, "assigned_to": LEADS}
        entries.append(act_entry(open_case, EntryKind.HANDOVER, "disagree", by=answer.by, now=now, to=LEADS))
    _add_answer(tx, answer, vote)
    voted = write(tx, current, change, *([content] if content else []), *entries)
    if result is not Tally.AGREED:
        return voted
    # An edited text is the current revision by now: who agrees on it approves it.
    final = replace(answer, verdict=verdict if isinstance(verdict, Rejected) else Approved())
    ruled = _rule_once(tx, checkpoint, voted, final, now=now)
    if ruled is None:
        raise LedgerBroken(f"case {current.id} changed inside one transaction", case_id=current.id)
    return ruled


def give_reason(tx: Transaction, case_id: str, verdict_id: str, reason: str, by: Actor, *, now: datetime) -> Case:
    """
    Say why one has rejected a case, or say it in other words, while the rejection may still be taken back.

    Args:
        tx: A transaction.
        case_id: The case.
        verdict_id: The id of one's own rejection; where several opinions are needed, of one's own vote.
        reason: In the person's words, not empty.
        by: A reviewer.
        now: The time, UTC.

    Raises:
        CaseClosed: If the hold is over.
        ConflictError: If the rejection was taken back, or the content it was about has changed.
        InvalidInput: If that is no rejection of this case, or the reason is empty.
        NotAllowed: If it is somebody else's.
    """
    case = load(tx, case_id)
    require_person(by, case, to="give a reason")
    require_json(reason, where="the reason")
    if not reason.strip():
        raise InvalidInput("the reason is empty; say in a word why it was rejected")
    record, vote = tx.get(VerdictRecord, verdict_id), tx.get(Vote, verdict_id)
    given = [each for each in (record, vote) if each is not None and each.case_id == case_id]
    if not given:
        raise InvalidInput(f"there is no verdict {verdict_id} on case {case_id}; check the id")
    if any(each.reviewer != by.id for each in given):
        raise NotAllowed(
            f"verdict {verdict_id} on case {case_id} is somebody else's, so {by.id} gives no reason for it",
            case_id=case_id,
        )
    if any(each.kind is not VerdictKind.REJECTED for each in given):
        raise InvalidInput(f"verdict {verdict_id} on case {case_id} is no rejection, and only that has a reason")
    late = case.state is State.HELD and case.due_at is not None and case.due_at <= now
    if late or case.state not in (State.WAITING, State.HELD):
        raise closed(tx, case, "be given a reason")
    if any(not _stands(case, each) for each in given):
        raise ConflictError(
            f"verdict {verdict_id} on case {case_id} does not stand any more; reload the case", case_id=case_id
        )
    for each in given:
        tx.change(type(each), (each.id,), expect={"reviewer": by.id, "voided_at": None}, to={"reason": reason.strip()})
    kind = EntryKind.VERDICT if record is not None else EntryKind.VOTE
    tx.add(act_entry(case, kind, "reason", by=by, now=now, verdict=verdict_id))
    return case


def _stands(case: Case, given: VerdictRecord | Vote) -> bool:
    if isinstance(given, VerdictRecord):
        return given.voided_at is None and case.verdict_id == given.id
    return given.voided_at is None and case.revision == given.revision


def _explain(tx: Reading, checkpoint: Checkpoint, seen: Case, current: Case, answer: Answer, *, now: datetime) -> None:
    """Raise what stands in the way of the answer; return only if the same content still waits for it."""
    if current.state is not State.WAITING:
        raise closed(tx, current, "be ruled on")
    if _expired(current, now):
        raise CaseClosed(
            f"case {current.id} expired at {current.deadline_at:%Y-%m-%d %H:%M:%S} UTC and did not run",
            case_id=current.id,
            state=State.EXPIRED.value,
        )
    if (current.revision, current.content_hash) != (seen.revision, seen.content_hash):
        before, after = (tx.get(Content, seen.id, case.revision) for case in (seen, current))
        changed = difference(before.arguments if before else {}, after.arguments if after else {})
        if checkpoint.blind and checkpoint.label is not None:
            changed.pop(checkpoint.label, None)
        what = ", ".join(changed) or "a new revision with the same values"
        raise ContentChanged(
            f"case {seen.id} changed since you saw it, from revision {seen.revision} to {current.revision} "
            f"({what}); look at it again",
            case_id=seen.id,
            difference=changed,
            seen_revision=seen.revision,
            revision=current.revision,
        )
    if answer.fenced and current.fence != seen.fence:
        holder = held_by(current, now=now)
        raise ClaimLost(
            f"your claim on case {seen.id} is gone"
            + (f": {holder} holds it now; take another one" if holder not in (None, answer.by.id) else "")
            + ("; claim it again and look once more before you answer" if holder in (None, answer.by.id) else ""),
            case_id=seen.id,
            claimed_by=holder,
        )
    require_open_to(current, answer.by, now=now)


def _repeated(tx: Reading, seen: Case, current: Case, answer: Answer) -> bool:
    """Tell whether the answer is on record already; refuse one whose id stands for another answer."""
    record = tx.get(VerdictRecord, answer.id)
    vote = tx.get(Vote, answer.id)
    if vote is not None:
        kind, bound, revision = vote.kind, vote.content_hash, vote.revision
    elif record is not None:
        kind, bound, revision = record.kind, record.content_hash, record.revision
        revision += kind is VerdictKind.EDITED
    else:
        return False
    used = vote or record
    assert used is not None
    same = (used.case_id, used.reviewer) == (current.id, answer.by.id)
    if isinstance(answer.verdict, Edited):
        frozen = freeze(answer.verdict.arguments, where="edited arguments")
        same = same and kind is not VerdictKind.REJECTED and rehash(current, frozen, revision) == bound
    else:
        # Another revision with the same id is another verdict, which must not be taken for given.
        same = same and kind is kind_of(answer.verdict) and (seen.revision, seen.content_hash) == (revision, bound)
    if not same:
        raise _reused(answer, used.case_id)
    return True


def _reused(answer: Answer, case_id: str) -> KeyReused:
    return KeyReused(
        f"verdict id {answer.id} was already used, on case {case_id}; make a new id for a new verdict",
        case_id=case_id,
    )
