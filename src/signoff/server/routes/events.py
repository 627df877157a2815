"""The event stream: the ledger as it grows, as server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import StreamingResponse

from signoff.domain.entry import Entry
from signoff.errors import RefusedError, SignoffError
from signoff.server.access import LOOK, LOOKING
from signoff.server.feed import Feed
from signoff.wire import Event

router = APIRouter(tags=["look"])

_EVENTS = TypeAdapter(Event)
_RETRY_MS = 1000
_ALIVE_S = 15.0
_MOST_SEQ = 2**63 - 1

Seq = Annotated[int | None, Query(ge=0, le=_MOST_SEQ, description="Begin after this entry; 0 for the whole ledger.")]


@router.get(
    "/events",
    dependencies=[LOOK],
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "Server-sent events: the kind of entry, its number as the id, an `Event` as the data.",
            "content": {"text/event-stream": {"schema": {"$ref": "#/components/schemas/Event"}}},
        }
    },
)
async def events(
    request: Request,
    last_event_id: Annotated[
        int | None,
        Header(ge=0, le=_MOST_SEQ, description="Go on after this entry; a browser sends it by itself."),
    ] = None,
    after_seq: Seq = None,
    checkpoint: Annotated[str | None, Query(max_length=200, description="Only this checkpoint's entries.")] = None,
) -> Response:
    """
    Follow the ledger: one event per entry, its number as the id.

    Without an id it begins at the present end. After a break, send the last id as `Last-Event-ID`: nothing is left out,
    even if the server was restarted meanwhile. Within 15 seconds after the token or session ended, the stream does too.
    """
    feed: Feed = request.app.state.feed
    seq = last_event_id if last_event_id is not None else after_seq if after_seq is not None else feed.seq
    return StreamingResponse(
        _told(request, feed, seq, checkpoint),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
    )


async def _told(request: Request, feed: Feed, seq: int, checkpoint: str | None) -> AsyncIterator[bytes]:
    # With the number it begins after: a break before the first entry would leave a gap otherwise.
    yield b": following\nid: %d\nretry: %d\n\n" % (seq, _RETRY_MS)
    asked = time.monotonic()
    while True:
        if time.monotonic() - asked >= _ALIVE_S:
            asked = time.monotonic()
            if not await _may_go_on(request):
                return
        try:
            async with asyncio.timeout(_ALIVE_S):
                page = await feed.after(seq)
        except TimeoutError:
            # Proxies end what is silent, and a peer that is gone shows only when something is sent.
            yield b": alive\n\n"
            continue
        if not page:
            return
        seq = page[-1].seq
        told = [entry for entry in page if checkpoint is None or entry.checkpoint == checkpoint]
        # What was left out is not looked at again after a break either.
        passed = [] if told and told[-1].seq == seq else [b"id: %d\n\n" % seq]
        yield b"".join([*map(_event, told), *passed])


async def _may_go_on(request: Request) -> bool:
    """Tell whether the session or token still works; without an answer of the database the stream goes on."""
    try:
        await LOOKING(request)
    except RefusedError:
        return False
    except SignoffError:
        pass
    return True


def _event(entry: Entry) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (
        entry.seq,
        entry.kind.value.encode(),
        _EVENTS.dump_json(Event.of(entry)),
    )
