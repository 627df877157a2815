"""Reviewing: claim, rule, take back, pass on. Identity comes from the session or token alone."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from signoff.domain.case import Case, State
from signoff.server.access import Reviewing
from signoff.server.body import StrictRoute
from signoff.server.routes.cases import CaseId
from signoff.wire import (
    ClaimTaken,
    HandoverTaken,
    HoldTaken,
    ReasonTaken,
    RedraftTaken,
    ReleaseTaken,
    Renewed,
    RenewTaken,
    ResolveTaken,
    ReverseTaken,
    SnoozeTaken,
    VerdictTaken,
)

router = APIRouter(route_class=StrictRoute, tags=["review"])


@router.post("/claims")
def claim(body: ClaimTaken, caller: Reviewing) -> Sequence[Case]:
    """
    Take the oldest cases offered to you, or those you name, for a limited time; nobody else is offered them meanwhile.

    Of named ones, those that are somebody else's, closed or not offered are left out.
    """
    return caller.desk.claim(body.limit, checkpoint=body.checkpoint, case_ids=body.case_ids, hold_s=body.hold_s)


@router.post("/claims/renew")
def renew(body: RenewTaken, caller: Reviewing) -> Renewed:
    """Hold claimed cases for longer, and learn which are lost."""
    held, lost = caller.desk.renew(body.case_ids, hold_s=body.hold_s)
    return Renewed(held=held, lost=lost)


@router.post("/claims/release")
def release(body: ReleaseTaken, caller: Reviewing) -> Sequence[Case]:
    """Give claims back early; what is not held any more is left alone."""
    return [caller.desk.release(case_id) for case_id in body.case_ids]


@router.post("/cases/{case_id}/claim")
def claim_case(case_id: CaseId, body: HoldTaken, caller: Reviewing) -> Case:
    """Take one case, for a limited time."""
    return caller.desk.claim_case(case_id, hold_s=body.hold_s)


@router.post("/cases/{case_id}/verdict")
def rule(case_id: CaseId, body: VerdictTaken, caller: Reviewing) -> Case:
    """
    Put a verdict on record, bound to exactly what was shown.

    It takes effect when the checkpoint's hold is over. Where several people have to agree, it is one vote. Sent again
    with the same `id` it counts once. Whoever is too late gets a 409 that names the winner or the difference.
    """
    current = caller.app.case(case_id).seen
    shown = current.but(revision=body.revision, content_hash=body.content_hash)
    if body.fence is not None:
        shown = shown.but(fence=body.fence, claimed_by=caller.id)
        if current.claimed_by != caller.id:
            # Whoever knows the number of a claim does not hold it: as one that is over, it is looked into.
            shown = shown.but(claim_expires_at=current.created_at)
    elif current.state is State.WAITING:
        # It does not stand on a claim, so only somebody else's may be in its way.
        shown = shown.but(claimed_by=None if current.claimed_by == caller.id else current.claimed_by)
    return caller.desk.rule(shown, body.verdict(), verdict_id=body.id, seconds=body.seconds)


@router.post("/cases/{case_id}/reason")
def give_reason(case_id: CaseId, body: ReasonTaken, caller: Reviewing) -> Case:
    """Say why you rejected a case, or say it in other words, while the rejection is held."""
    return caller.desk.give_reason(case_id, body.verdict_id, body.reason)


@router.post("/cases/{case_id}/recall")
def recall(case_id: CaseId, caller: Reviewing) -> Case:
    """Take your own verdict back while it is held; the case waits again."""
    return caller.desk.recall(case_id)


@router.post("/cases/{case_id}/redraft")
def redraft(case_id: CaseId, body: RedraftTaken, caller: Reviewing) -> Case:
    """Void what was approved and ask for another draft; never a verdict."""
    return caller.desk.redraft(case_id, body.note, arguments=body.arguments)


@router.post("/cases/{case_id}/hand_over")
def hand_over(case_id: CaseId, body: HandoverTaken, caller: Reviewing) -> Case:
    """Pass a waiting case on to a person or a group."""
    return caller.desk.hand_over(case_id, body.to, note=body.note)


@router.post("/cases/{case_id}/snooze")
def snooze(case_id: CaseId, body: SnoozeTaken, caller: Reviewing) -> Case:
    """Offer a waiting case to nobody for a while."""
    return caller.desk.snooze(case_id, for_s=body.for_s, until=body.until)


@router.post("/cases/{case_id}/resolve")
def resolve(case_id: CaseId, body: ResolveTaken, caller: Reviewing) -> Case:
    """Say what became of an unknown effect; a lead's or admin's to say."""
    return caller.desk.resolve(case_id, body.move, receipt=body.receipt, note=body.note)


@router.post("/cases/{case_id}/reverse", status_code=201)
def reverse(case_id: CaseId, body: ReverseTaken, caller: Reviewing) -> Case:
    """Order the effect that undoes a done one; answers with the case of the reversal."""
    return caller.desk.reverse(case_id, body.reason).seen
