"""The event stream: the ledger as it grows, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from pydantic import TypeAdapter
from starlette.requests import Request
from starlette.responses import StreamingResponse

from signoff.domain.entry import Entry, EntryKind
from signoff.errors import SignoffError
from signoff.server.access import LOOK, LOOKS
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
    even if the server was restarted meanwhile.
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
    while True:
        page: list[Entry] | None = None
        with suppress(TimeoutError):
            async with asyncio.timeout(_ALIVE_S):
                page = await feed.after(seq)
        if page == []:
            return
        try:
            await LOOKS.again(request)
        except SignoffError:
            # Signed out, disabled or revoked meanwhile; asking again tells why.
            return
        if page is None:
            # Proxies end what is silent, and a peer that is gone shows only when something is sent.
            yield b": alive\n\n"
            continue
        seq = page[-1].seq
        told = [
            entry
            for entry in page
            # Only a rejection has a reason, and whoever rules on the case next may have to be blind to that.
            if entry.kind is not EntryKind.VERDICT and (checkpoint is None or entry.checkpoint == checkpoint)
        ]
        # What was left out is not looked at again after a break either.
        passed = [] if told and told[-1].seq == seq else [b"id: %d\n\n" % seq]
        yield b"".join([*map(_event, told), *passed])


def _event(entry: Entry) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (
        entry.seq,
        entry.kind.value.encode(),
        _EVENTS.dump_json(Event.of(entry)),
    )
