"""The event stream: the ledger as it grows, as server-sent events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import TypeAdapter
from starlette.requests import Request

from signoff.server.access import LOOK
from signoff.server.feed import Feed
from signoff.wire import Event

router = APIRouter(tags=["look"])

_EVENTS = TypeAdapter(Event)
_RETRY_MS = 1000
_MOST_SEQ = 2**63 - 1

Seq = Annotated[int | None, Query(ge=0, le=_MOST_SEQ, description="Begin after this entry; 0 for the whole ledger.")]


@router.get("/events", response_class=EventSourceResponse, dependencies=[LOOK])
async def events(
    request: Request,
    last_event_id: Annotated[
        int | None,
        Header(ge=0, le=_MOST_SEQ, description="Go on after this entry; a browser sends it by itself."),
    ] = None,
    after_seq: Seq = None,
    checkpoint: Annotated[str | None, Query(max_length=200, description="Only this checkpoint's entries.")] = None,
) -> AsyncIterator[ServerSentEvent]:
    """
    Follow the ledger: one event per entry, its number as the id.

    Without an id it begins at the present end. After a break, send the last id as `Last-Event-ID`: nothing is left out,
    even if the server was restarted meanwhile.
    """
    feed: Feed = request.app.state.feed
    seq = last_event_id if last_event_id is not None else after_seq if after_seq is not None else feed.seq
    # With the number it begins after: a break before the first entry would leave a gap otherwise.
    yield ServerSentEvent(id=str(seq), comment="following", retry=_RETRY_MS)
    while page := await feed.after(seq):
        for entry in page:
            if checkpoint is None or entry.checkpoint == checkpoint:
                yield ServerSentEvent(id=str(entry.seq), event=entry.kind.value, raw_data=_json(Event.of(entry)))
        seq = page[-1].seq


def _json(event: Event) -> str:
    return _EVENTS.dump_json(event).decode()
