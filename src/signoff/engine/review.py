"""Review: claim, rule, vote, recall, redraft, hand over, snooze, withdraw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from signoff.domain.actor import TIMER, Actor, ActorKind, Role
from signoff.domain.case import TABLE, Case, ClearedBy, Move, State, advance
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.claim import held_by, obstacle, require_open_to
from signoff.domain.content import Content, content_hash, difference, freeze, require_json
from signoff.domain.effect import Attempt, Ending
from signoff.domain.entry import Entry, EntryKind, act_entry, move_entry
from signoff.domain.moment import later
from signoff.domain.note import Note
from signoff.domain.policy import Route, Routing
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
    UnknownCase,
)
from signoff.ports import Draft, Reading, Record, Transaction

_LEAD = "group:lead"


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
        NotAllowed: If the actor is no reviewer or lead, or proposed the case.
    """
    actor.require(Role.REVIEWER, Role.LEAD, to=to)
    if actor.id == case.proposer:
        raise NotAllowed(f"{actor.id} proposed case {case.id} and so may not {to}; somebody else must", case_id=case.id)


def _swap(tx: Transaction, seen: Case, change: dict[str, Any]) -> bool:
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


def _write(tx: Transaction, before: Case, change: dict[str, Any], *records: Record) -> Case:
    """Change a case read in this transaction; a mismatch can only be a store that is not serial."""
    if not _swap(tx, before, change):
        raise ConflictError(f"case {before.id} changed while it was being moved; try again", case_id=before.id)
    tx.add(*records)
    return before.but(**change)


def _unclaimed(case: Case) -> dict[str, Any]:
    return {"claimed_by": None, "claim_expires_at": None, "fence": case.fence + 1}


# --- the queue -------------------------------------------------------------------------------------------


def claim(
    tx: Transaction,
    by: Actor,
    *,
    now: datetime,
    hold_s: float,
    limit: int,
    checkpoint: str | None = None,
) -> list[Case]:
    """
    Take the oldest cases that are offered to a person, for a limited time.

    Args:
        tx: A transaction.
        by: A reviewer.
        now: The time, UTC.
        hold_s: Seconds, > 0, until the claims lapse.
        limit: How many at most, 1..1000.
        checkpoint: Only cases of this checkpoint.

    Returns:
        The claimed cases, oldest first; those the person holds already are renewed and come too.
    """
    by.require(Role.REVIEWER, Role.LEAD, to="claim cases")
    if not 1 <= limit <= 1000:
        raise InvalidInput(f"a claim takes 1 to 1000 cases at a time, not {limit}")
    found = tx.queue(by, now=now, checkpoint=checkpoint, limit=limit)
    return [_claim_one(tx, case, by, now=now, hold_s=hold_s) for case in found]


def claim_case(tx: Transaction, case_id: str, by: Actor, *, now: datetime, hold_s: float) -> Case:
    """
    Take one case, for a limited time.

    Raises:
        CaseClosed: If it does not wait for a person.
        ClaimLost: If somebody else holds it.
        NotAllowed: If it is assigned to somebody else, or the person proposed it.
    """
    case = load(tx, case_id)
    require_person(by, case, to="claim it")
    if case.state is not State.WAITING:
        raise closed(tx, case, "be claimed")
    if held_by(case, now=now) != by.id:
        require_open_to(replace(case, claimed_by=None) if case.claimed_by == by.id else case, by, now=now)
    return _claim_one(tx, case, by, now=now, hold_s=hold_s)


def _claim_one(tx: Transaction, case: Case, by: Actor, *, now: datetime, hold_s: float) -> Case:
    renewed = held_by(case, now=now) == by.id
    change: dict[str, Any] = {"claim_expires_at": later(now, hold_s, what="the time to hold a claim, hold_s,")}
    if renewed:
        return _write(tx, case, change)
    change |= {"claimed_by": by.id, "fence": case.fence + 1, "snoozed_until": None}
    entry = act_entry(case, EntryKind.CLAIM, "claim", by=by, now=now, fence=case.fence + 1, hold_s=hold_s)
    return _write(tx, case, change, entry)


def renew(
    tx: Transaction, case_ids: Sequence[str], by: Actor, *, now: datetime, hold_s: float
) -> tuple[list[Case], list[str]]:
    """
    Hold claimed cases for longer.

    Args:
        tx: A transaction.
        case_ids: Cases the person has claimed.
        by: A reviewer.
        now: The time, UTC.
        hold_s: Seconds, > 0, from now.

    Returns:
        The cases that are held, and the ids of those whose claim is gone: lapsed, taken by somebody else, or answered.
    """
    kept: list[Case] = []
    gone: list[str] = []
    for case_id in sorted(set(case_ids)):
        case = tx.get(Case, case_id)
        if case is None or case.state is not State.WAITING or held_by(case, now=now) != by.id:
            gone.append(case_id)
        else:
            kept.append(_claim_one(tx, case, by, now=now, hold_s=hold_s))
    return kept, gone


def release(tx: Transaction, case_id: str, by: Actor, *, now: datetime) -> Case:
    """Give a claim back early; without a live claim of that person it changes nothing."""
    case = load(tx, case_id)
    if held_by(case, now=now) != by.id:
        return case
    return _write(tx, case, _unclaimed(case), act_entry(case, EntryKind.CLAIM, "release", by=by, now=now))


def snooze(tx: Transaction, case_id: str, by: Actor, *, for_s: float, now: datetime) -> Case:
    """
    Offer a waiting case to nobody for so many seconds, and give the claim back.

    Raises:
        CaseClosed: If it does not wait for a person.
        InvalidInput: If the seconds are not above 0.
    """
    case = load(tx, case_id)
    require_person(by, case, to="snooze it")
    if case.state is not State.WAITING:
        raise closed(tx, case, "be snoozed")
    require_open_to(case, by, now=now)
    until = later(now, for_s, what="the time to snooze, for_s,")
    entry = act_entry(case, EntryKind.CLAIM, "snooze", by=by, now=now, until=until.isoformat())
    return _write(tx, case, _unclaimed(case) | {"snoozed_until": until}, entry)


def hand_over(tx: Transaction, case_id: str, by: Actor, *, to: str, now: datetime, note: str | None = None) -> Case:
    """
    Pass a waiting case on to a person or, as `group:NAME`, to a group.

    A lead may pass on any case; a reviewer one that is not somebody else's.

    Raises:
        CaseClosed: If it does not wait for a person.
        InvalidInput: If the name is empty.
    """
    case = load(tx, case_id)
    if Role.LEAD not in by.roles:
        require_person(by, case, to="hand it over")
        require_open_to(case, by, now=now)
    else:
        by.require(Role.LEAD, to="hand it over")
    if case.state is not State.WAITING:
        raise closed(tx, case, "be handed over")
    to = to.strip()
    if not to or to == "group:" or len(to) > 200:
        raise InvalidInput("a hand-over needs a name of 1 to 200 characters: a person's id, or group:NAME")
    remark(tx, case, by, "hand_over", note, now=now)
    entry = act_entry(case, EntryKind.HANDOVER, "hand_over", by=by, now=now, to=to)
    return _write(tx, case, _unclaimed(case) | {"assigned_to": to, "snoozed_until": None}, entry)


def remark(tx: Transaction, case: Case, by: Actor, about: str, text: str | None, *, now: datetime) -> None:
    """Keep what somebody wrote about a case; an empty text keeps nothing."""
    if not text or not text.strip():
        return
    require_json(text, where="the note")
    number = len(tx.find(Note, case_id=case.id)) + 1
    tx.add(Note(case_id=case.id, number=number, about=about, author=by.id, written_at=now, text=text.strip()))


# --- the verdict -----------------------------------------------------------------------------------------


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
        NotAllowed: If the actor may not rule on it.
    """
    require_person(answer.by, seen, to="rule on it")
    if (
        seen.state is State.WAITING
        and seen.opinions == 1
        # Somebody else's claim may have been renewed since, which leaves the fence as it was.
        and seen.claimed_by in (None, answer.by.id)
        and not _expired(seen, now)
        and obstacle(seen, answer.by, now=now) is None
    ):
        _require_fresh_eyes(tx, checkpoint, seen, answer)
        ruled = _rule_once(tx, checkpoint, seen, answer, now=now)
        if ruled is not None:
            return ruled
    current = load(tx, seen.id)
    if _repeated(tx, current, answer):
        return current
    _explain(tx, seen, current, answer, now=now)
    _require_fresh_eyes(tx, checkpoint, current, answer)
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
    entries = [move_entry(seen, held, Move.RULE, by=answer.by, now=now, verdict=answer.id, kind=record.kind.value)]
    if checkpoint.undo_s == 0:
        settling = settled(held, rejected=rejected, now=now)
        change |= settling
        after = held.but(**settling)
        entries.append(settle_entry(held, after, by=TIMER, now=now))
    if not _swap(tx, seen, change):
        return None
    _add_answer(tx, answer, record)
    tx.add(*([content] if content else []), *entries)
    return after


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
    if _hash(seen, frozen, seen.revision) == seen.content_hash:
        return Approved(), None, {}
    revision = seen.revision + 1
    content = Content(case_id=seen.id, revision=revision, arguments=answer.verdict.arguments, author=answer.by.id)
    return answer.verdict, content, {"revision": revision, "content_hash": _hash(seen, frozen, revision)}


def _hash(case: Case, frozen: bytes, revision: int) -> str:
    return content_hash(checkpoint=case.checkpoint, version=case.version, arguments=frozen, revision=revision)


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
    change = _unclaimed(current) | revised
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
        change |= {"opinions": 1, "assigned_to": _LEAD}
        entries.append(act_entry(open_case, EntryKind.HANDOVER, "disagree", by=answer.by, now=now, to=_LEAD))
    _add_answer(tx, answer, vote)
    voted = _write(tx, current, change, *([content] if content else []), *entries)
    if result is not Tally.AGREED:
        return voted
    # An edited text is the current revision by now: who agrees on it approves it.
    final = replace(answer, verdict=verdict if isinstance(verdict, Rejected) else Approved())
    ruled = _rule_once(tx, checkpoint, voted, final, now=now)
    if ruled is None:
        raise LedgerBroken(f"case {current.id} changed inside one transaction", case_id=current.id)
    return ruled


def _explain(tx: Reading, seen: Case, current: Case, answer: Answer, *, now: datetime) -> None:
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


def _repeated(tx: Reading, current: Case, answer: Answer) -> bool:
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
        same = same and kind is not VerdictKind.REJECTED and _hash(current, frozen, revision) == bound
    else:
        same = same and kind is kind_of(answer.verdict)
    if not same:
        raise _reused(answer, used.case_id)
    return True


def _reused(answer: Answer, case_id: str) -> KeyReused:
    return KeyReused(
        f"verdict id {answer.id} was already used, on case {case_id}; make a new id for a new verdict",
        case_id=case_id,
    )


def closed(tx: Reading, case: Case, verb: str) -> CaseClosed:
    """Say why a case is no longer open, and who ruled on it."""
    record = tx.get(VerdictRecord, case.verdict_id) if case.verdict_id else None
    facts: dict[str, Any] = {"case_id": case.id, "state": case.state.value}
    who = ""
    if record is not None:
        facts |= {
            "verdict": record.kind.value,
            "reviewer": record.reviewer,
            "ruled_at": record.ruled_at.isoformat(),
        }
        who = f": {record.reviewer} {record.kind.value} it at {record.ruled_at:%H:%M:%S} UTC"
    elif case.cleared_by is ClearedBy.POLICY:
        who = ": the checkpoint's policy let it through"
    return CaseClosed(f"case {case.id} is {case.state.value} and can no longer {verb}{who}", **facts)


# --- taking back and asking again ------------------------------------------------------------------------


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
    return _write(tx, case, change, entry)


def _unruled(case: Case) -> dict[str, Any]:
    return {"due_at": case.deadline_at, "verdict_id": None, "cleared_by": None}


def _void(tx: Transaction, case: Case, *, now: datetime) -> None:
    if case.verdict_id is not None:
        tx.change(VerdictRecord, (case.verdict_id,), expect={"voided_at": None}, to={"voided_at": now})


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
        "content_hash": _hash(case, freeze(arguments, where="redrafted arguments"), revision),
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
    return _write(tx, case, change, move_entry(case, case.but(**change), Move.REDRAFT, by=by, now=now, reason=reason))


def _require_certain(tx: Reading, case: Case) -> None:
    """Refuse to take back what may have happened: an attempt that did not say that it certainly did not."""
    certain = (Ending.FAILED, Ending.REFUSED)
    if case.state is State.CLEARED and case.tries:
        for attempt in tx.find(Attempt, case_id=case.id, generation=case.generation):
            if attempt.ending not in certain:
                raise CaseClosed(
                    f"the effect of case {case.id} may have happened in attempt {attempt.attempt}; it is tried again "
                    "or looked up, so wait for its end, and reverse it then",
                    case_id=case.id,
                    state=case.state.value,
                )


def alternatives_of(draft: Draft) -> list[dict[str, Any]]:
    """Give a draft's alternatives in the form in which they are stored."""
    return [{"arguments": dict(a.arguments), "confidence": a.confidence} for a in draft.alternatives]


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
    change = _unclaimed(case) | {"state": advance(case.state, Move.WITHDRAW), "due_at": None}
    _void(tx, case, now=now)
    by = Actor(id=proposer, kind=ActorKind.SERVICE, roles=frozenset())
    return _write(tx, case, change, move_entry(case, case.but(**change), Move.WITHDRAW, by=by, now=now))
