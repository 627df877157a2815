"""Proposing: one, or many as NDJSON."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import TypeVar

import anyio.to_thread
from fastapi import APIRouter, Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from signoff.app.intake import BATCH, Intake
from signoff.domain.case import Case
from signoff.engine.propose import Prepared
from signoff.errors import NotAllowed, NotSignedIn, SignoffError
from signoff.server.access import PROPOSES, Caller, Proposing
from signoff.server.body import MOST_BYTES, StrictRoute, read_document, too_large
from signoff.server.problems import problem_of, unfit
from signoff.server.routes.cases import CaseId, shown_to
from signoff.wire import ProposalAnswer, ProposalTaken

router = APIRouter(route_class=StrictRoute, tags=["propose"])

T = TypeVar("T")

NDJSON = "application/x-ndjson"

_PIECE = 512 * 1024
"""Bytes of lines that are kept together, beside the last; read, they take many times as much."""


@router.post("/proposals", status_code=201)
async def propose(body: ProposalTaken, request: Request, caller: Proposing) -> Case:
    """
    Ask for something to be done.

    Answers with the case, which waits for a person or goes straight through. With a `key` it is safe to send again.
    """

    def one() -> Case:
        return caller.app.intake(body.checkpoint).one(body.proposal(proposer=caller.id))

    return await _in_thread(request, one)


async def _in_thread(request: Request, work: Callable[[], T]) -> T:
    """Work in the threads kept for proposals: a drafter may take its time, and reviewers need not wait for it."""
    return await anyio.to_thread.run_sync(work, limiter=request.app.state.proposing)


@router.post("/cases/{case_id}/withdraw")
def withdraw(case_id: CaseId, caller: Proposing) -> Case:
    """Take your own proposal back before it has started."""
    return caller.app.withdraw(shown_to(caller, case_id), proposer=caller.id)


@router.post(
    "/proposals/batch",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "One `ProposalAnswer` for each line, in their order, as they are kept.",
            "content": {NDJSON: {"schema": {"$ref": "#/components/schemas/ProposalAnswer"}}},
        }
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {NDJSON: {"schema": {"$ref": "#/components/schemas/ProposalTaken"}}},
        }
    },
)
async def propose_many(request: Request, caller: Proposing) -> Response:
    """
    Propose a lot: one JSON document per line, answered line by line while more is being sent.

    Lines are kept in batches of 500, or of half a megabyte. A line that cannot be taken is answered with a problem and
    hinders no other.
    """
    return _Duplex(_answers(request, caller), media_type=NDJSON)


class _Duplex(StreamingResponse):
    """Answers while the request is still being sent; the usual one would read the request's body away."""

    async def __call__(self, _: Scope, __: Receive, send: Send) -> None:
        await self.stream_response(send)


async def _answers(request: Request, caller: Caller) -> AsyncIterator[bytes]:
    batch = _Batch(caller)
    try:
        async for line in _lines(request):
            batch.take(line)
            if batch.is_full:
                # A stream may take hours, and its token be revoked meanwhile.
                await PROPOSES.again(request)
                yield await _in_thread(request, batch.keep)
        if not batch.is_empty:
            await PROPOSES.again(request)
            yield await _in_thread(request, batch.keep)
    except ClientDisconnect:
        # Nobody is left to be told; what was answered is kept, and the rest was never taken.
        return
    except (NotSignedIn, NotAllowed) as error:
        yield batch.refuse(error)


async def _lines(request: Request) -> AsyncIterator[bytes]:
    """Give the lines of a body; one that is too large comes cut, and is refused by its size."""
    rest = bytearray()
    async for chunk in request.stream():
        first, *more = chunk.split(b"\n")
        rest += first[: MOST_BYTES + 1 - len(rest)]
        for piece in more:
            if rest.strip():
                yield bytes(rest)
            rest = bytearray(piece[: MOST_BYTES + 1])
    if rest.strip():
        yield bytes(rest)


class _Batch:
    """Lines that are kept together."""

    def __init__(self, caller: Caller) -> None:
        self._caller = caller
        self._intakes: dict[str, Intake] = {}
        self._index = 0
        self._lines: list[bytes] = []
        self._size = 0

    @property
    def is_empty(self) -> bool:
        return not self._lines

    @property
    def is_full(self) -> bool:
        return len(self._lines) >= BATCH or self._size > _PIECE

    def take(self, line: bytes) -> None:
        self._lines.append(line)
        self._size += len(line)

    def keep(self) -> bytes:
        """Keep what can be kept, and give the answers as NDJSON."""
        answers: dict[int, ProposalAnswer] = {}
        prepared: dict[str, dict[int, Prepared]] = {}
        for index, line in enumerate(self._lines, self._index):
            try:
                checkpoint, ready = self._prepare(line)
                prepared.setdefault(checkpoint, {})[index] = ready
            except SignoffError as error:
                answers[index] = ProposalAnswer(index=index, problem=problem_of(error))
        for checkpoint, group in prepared.items():
            try:
                answers |= _kept(self._intakes[checkpoint], group)
            except SignoffError as error:
                # The database did not take this batch; the lines say so, and may be sent again.
                answers |= {index: ProposalAnswer(index=index, problem=problem_of(error)) for index in group}
        self._index += len(self._lines)
        self._lines.clear()
        self._size = 0
        return b"".join(answers[index].model_dump_json(exclude_none=True).encode() + b"\n" for index in sorted(answers))

    def refuse(self, error: SignoffError) -> bytes:
        """Answer every line with why none of them is taken any more."""
        indexes = range(self._index, self._index + len(self._lines))
        answers = [ProposalAnswer(index=index, problem=problem_of(error)) for index in indexes]
        return b"".join(answer.model_dump_json(exclude_none=True).encode() + b"\n" for answer in answers)

    def _prepare(self, line: bytes) -> tuple[str, Prepared]:
        if len(line) > MOST_BYTES:
            raise too_large("the line", MOST_BYTES)
        try:
            taken = ProposalTaken.model_validate(read_document(line))
        except ValidationError as error:
            raise unfit(error.errors(include_input=False, include_url=False), what="the line") from None
        intake = self._intakes.get(taken.checkpoint)
        if intake is None:
            intake = self._intakes[taken.checkpoint] = self._caller.app.intake(taken.checkpoint)
        return taken.checkpoint, intake.prepare(taken.proposal(proposer=self._caller.id))


def _kept(intake: Intake, group: dict[int, Prepared]) -> dict[int, ProposalAnswer]:
    results: Iterator[Case | SignoffError] = intake.each(group.values())
    return dict(_paired(group, results))


def _paired(indexes: Iterable[int], results: Iterable[Case | SignoffError]) -> Iterator[tuple[int, ProposalAnswer]]:
    for index, result in zip(indexes, results, strict=True):
        if isinstance(result, SignoffError):
            yield index, ProposalAnswer(index=index, problem=problem_of(result))
        else:
            yield index, ProposalAnswer(index=index, case=result)
