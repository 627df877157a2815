"""Looking: cases, the queue, checkpoints and counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from signoff.app.views import CaseView, History
from signoff.domain.account import Scope
from signoff.domain.case import Case, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.claim import Assigned
from signoff.domain.webhook import DELIVERY_CHECKPOINT
from signoff.errors import StillWaiting, UnknownCase
from signoff.server.access import Anybody, Caller, Looking, Reviewing
from signoff.server.body import StrictRoute
from signoff.server.feed import Feed
from signoff.server.frame import with_mails
from signoff.wire import MOST_WAIT_S, Counts, OutcomeGiven, Page, QueuePage

router = APIRouter(route_class=StrictRoute, tags=["look"])

CaseId = Annotated[str, Path(min_length=1, max_length=100, description="The id of a case.")]
After = Annotated[str | None, Query(max_length=100, description="`after` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many on a page.")]
Only = Annotated[str | None, Query(max_length=200, description="Only cases of this checkpoint.")]
Text = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=200,
        description="Only cases that hold this text in their current arguments, evidence or key.",
    ),
]
_POLL_S = 5.0
"""Seconds between two looks of a waiting request, should a wake-up ever be missed."""


def _page(found: list[Case], limit: int) -> Page[Case]:
    return Page(items=found[:limit], after=found[limit - 1].id if len(found) > limit else None)


@router.get("/queue")
def queue(
    caller: Reviewing,
    checkpoint: Only = None,
    assigned: Annotated[Assigned | None, Query(description="Only cases assigned to me, my groups, or anyone.")] = None,
    text: Text = None,
    after: After = None,
    limit: Limit = 50,
    with_first: Annotated[bool, Query(description="Whether to give the first case as a whole, too.")] = False,
) -> QueuePage:
    """List the waiting cases offered to you, oldest first."""
    found = caller.desk.queue(checkpoint, after=after, limit=limit + 1, assigned=assigned, text=text)
    page = _page(found, limit)
    first = _view(found[0].id, caller) if with_first and found else None
    return QueuePage(items=page.items, after=page.after, first=first)


@router.get("/cases")
def cases(
    caller: Looking,
    state: Annotated[list[State] | None, Query(description="Only cases in these states; may be repeated.")] = None,
    checkpoint: Only = None,
    text: Text = None,
    after: After = None,
    limit: Limit = 50,
    newest_first: bool = False,
) -> Page[Case]:
    """List cases, whatever their state."""
    found = caller.app.cases(
        states=state or None,
        checkpoint=checkpoint,
        after=after,
        limit=limit + 1,
        newest_first=newest_first,
        text=text,
    )
    return _page(found, limit)


def shown_to(caller: Caller, case_id: str) -> Case:
    """
    Give a case as it is now; a proposer is shown its own, and does not even learn that others are there.

    Raises:
        UnknownCase: In the same words, whether there is none or it is another proposer's.
    """
    if caller.scopes & {Scope.READ, Scope.REVIEW}:
        return caller.app.case(case_id).seen
    with suppress(UnknownCase):
        found = caller.app.case(case_id).seen
        if found.proposer == caller.id:
            return found
    raise UnknownCase(f"there is no case {case_id} of {caller.id}; check the id", case_id=case_id)


@router.get("/cases/{case_id}")
def case(case_id: CaseId, caller: Anybody) -> CaseView:
    """
    Give what a person needs to judge a case as it is now; a verdict is bound to exactly this.

    A proposer sees its own cases. Evidence of the type `message/rfc822` is read: beside the raw `value` it has `mail`.
    `withheld` says that what the drafter thinks of it is kept back until you have ruled, as on a blind checkpoint: no
    routing, rationale or alternatives, and of the arguments not the category.
    """
    shown_to(caller, case_id)
    return _view(case_id, caller)


def _view(case_id: str, caller: Caller) -> CaseView:
    view = caller.app._view(case_id, seen_by=caller.id)
    return replace(view, evidence=with_mails(view.evidence))


@router.get("/cases/{case_id}/history")
def history(case_id: CaseId, caller: Looking) -> History:
    """
    Give everything that is stored about a case, oldest first.

    Where several people have to agree, it holds no opinion of others until theirs has taken effect. While a case of a
    blind checkpoint is open, it holds no more than `GET /cases/{case_id}` until you have ruled.
    """
    return caller.app._history(case_id, seen_by=caller.id)


@router.get("/cases/{case_id}/outcome")
async def outcome(
    request: Request,
    case_id: CaseId,
    caller: Anybody,
    wait_s: Annotated[float, Query(ge=0, le=MOST_WAIT_S, description="Seconds to wait at most.")] = 0.0,
) -> OutcomeGiven:
    """Wait until nothing more happens to a case by itself; `answered: false` means: ask again."""
    await run_in_threadpool(shown_to, caller, case_id)
    feed: Feed = request.app.state.feed
    waiting = asyncio.ensure_future(caller.app._wait_async(case_id, wait_s, poll_s=_POLL_S))
    ending = asyncio.ensure_future(feed.ended.wait())
    try:
        # A server that stops lets everybody go, who then ask the next one.
        await asyncio.wait((waiting, ending), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise StillWaiting("the server stops; ask again", case_id=case_id)
        return OutcomeGiven.of(waiting.result())
    except StillWaiting:
        now = (await run_in_threadpool(caller.app.case, case_id)).seen
        return OutcomeGiven(case_id=case_id, state=now.state, answered=False)
    finally:
        waiting.cancel()
        ending.cancel()


@router.get("/checkpoints")
def checkpoints(caller: Anybody) -> Sequence[Checkpoint]:
    """List the checkpoints, each in its newest version, with the JSON Schema of its arguments."""
    names = [name for name in caller.app.checkpoint_names() if name != DELIVERY_CHECKPOINT]
    return [caller.app.declaration(name) for name in names]


@router.get("/checkpoints/{name}")
def checkpoint(
    name: Annotated[str, Path(min_length=1, max_length=200, description="Name of a checkpoint.")],
    caller: Anybody,
) -> Checkpoint:
    """Give the newest version of a checkpoint."""
    return caller.app.declaration(name)


@router.get("/counts")
def counts(caller: Looking) -> Counts:
    """Count cases by checkpoint and state."""
    return Counts(checkpoints={name: caller.app.counts(name) for name in caller.app.checkpoint_names()})
