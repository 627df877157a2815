"""Client: the verbs of the library over HTTP, for programs that run elsewhere than the database."""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import re
import ssl
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import Enum
from functools import lru_cache
from types import TracebackType
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, urlsplit

import httpx2
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python

from signoff import __version__, errors
from signoff.app.handle import new_id
from signoff.app.views import CaseView, History, Outcome
from signoff.domain.case import Case, Move, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.claim import Assigned
from signoff.domain.content import require_json
from signoff.domain.proposal import Proposal, material
from signoff.domain.verdict import Approved, Edited, Rejected, Verdict, kind_of
from signoff.errors import (
    ConflictError,
    InvalidInput,
    NotSignedIn,
    OutsideError,
    Overloaded,
    RefusedError,
    SignoffError,
    StillWaiting,
    TooLarge,
    UnknownCase,
    UnknownCheckpoint,
    UsageError,
)
from signoff.ports import Alternative
from signoff.runtime.waiting import Deadline
from signoff.wire import MOST_WAIT_S, Counts, Event, Health, Me, OutcomeGiven, Page, Problem, ProposalAnswer, Renewed

T = TypeVar("T")

TOKEN_VARIABLE = "SIGNOFF_TOKEN"
"""Environment variable a token is taken from."""

_PREFIX = "/api/v1"
_FIRST_PAUSE_S = 0.2
_LONGEST_PAUSE_S = 30.0
"""Seconds to wait at most before a request is sent again; a server that asks for more gets the caller an error."""

_IDLE_S = 4.0
"""Seconds an idle connection is kept: less than servers keep theirs, so that none is used as it is being closed."""

_BATCH = 500
_BATCH_BYTES = 4 * 1024 * 1024
_BATCH_DRAFTS = 25
"""Proposals in one request that the server's drafter has to make: none is answered before all are drafted."""

_MOST_BYTES = 8 * 1024 * 1024
_PAGE = 500
_STREAM_SILENCE_S = 60.0
"""Seconds without a sign of life, after which a stream is opened anew; the server gives one every 15."""

_GATEWAY = frozenset({502, 504})
_NOT_THERE = frozenset({404, 405})


class _Again(Enum):
    """When a request may be sent again."""

    ALWAYS = "always"
    """Twice is the same as once."""
    UNTAKEN = "untaken"
    """Only if it did not arrive, or the server says that nothing of it was kept."""
    UNREAD = "unread"
    """Only if it did not arrive, or was turned away at the door: it is several writes."""


class Client:
    """
    A desk on another machine: the verbs of the library, over its HTTP API.

    Safe to share between threads. A request is sent again after a broken connection or a "come back later" only where
    that cannot do anything twice.

    Args:
        url: Where the server's start page is, such as `https://desk.example.org`; a path in front of the API is kept.
        token: The secret of a token: one with the scope `propose` proposes, one of a person's reviews and looks. By
            default the environment variable `SIGNOFF_TOKEN`.
        timeout_s: Seconds, > 0, to wait for a connection and for an answer; what the server drafts is in it.
        retries: How often, >= 0, one request is sent again.

    Raises:
        InvalidInput: If the URL, the token or a number cannot be.

    Examples:
        >>> Client("https://desk.example.org/signoff/", token="signoff_secret")
        <Client https://desk.example.org/signoff>
    """

    def __init__(self, url: str, token: str | None = None, *, timeout_s: float = 30, retries: int = 3) -> None:
        self.url = _plain_url(url)
        if not (math.isfinite(timeout_s) and timeout_s > 0):
            raise InvalidInput(f"timeout_s={timeout_s} cannot be; it is seconds above 0")
        if retries < 0:
            raise InvalidInput(f"retries={retries} cannot be; it is 0 or more")
        self._secret = _plain_token(os.environ.get(TOKEN_VARIABLE) if token is None else token)
        self._timeout_s = float(timeout_s)
        self._retries = retries
        self._tls = httpx2.create_ssl_context()
        self._http = httpx2.Client(**self._settings())
        self._id: str | None = None
        self._closed = False

    # --- proposing

    def propose(
        self,
        checkpoint: str,
        /,
        *,
        evidence: Mapping[str, Any] | None = None,
        confidence: float | None = None,
        rationale: str | None = None,
        alternatives: Iterable[Alternative | Mapping[str, Any]] = (),
        drafter: str | None = None,
        key: str | None = None,
        deadline_s: float | None = None,
        **arguments: Any,
    ) -> RemoteCase:
        """
        Ask for these arguments to be run, and return at once. The proposer is whom the token speaks for.

        Without arguments, the checkpoint's drafter makes them from the evidence.

        Args:
            checkpoint: Its name.
            evidence: What a reviewer judges it by, by name: any JSON, or `Material` to say its media type.
            confidence: The drafter's own, 0..1.
            rationale: The drafter's own words about it; never executed.
            alternatives: Other arguments, best first.
            drafter: Who drafted it, with its version.
            key: Idempotency key, unique per checkpoint and proposer: sent twice, it is one case. Without one, one is
                made up, so that a request whose answer was lost can be sent again.
            deadline_s: Seconds, > 0, after which it expires unexecuted.
            arguments: The function's arguments.

        Raises:
            UnknownCheckpoint: If there is none of that name.
            InvalidArguments: If they do not fit the function's signature.
            InvalidInput: If a value is not JSON, too deep or too large.
            KeyReused: If the key stands for other arguments.
            DraftFailed: If the drafter made no proposal.
        """
        proposal = Proposal(
            arguments=arguments or None,
            evidence=evidence or {},
            confidence=confidence,
            rationale=rationale,
            alternatives=[_alternative(one) for one in alternatives],
            drafter=drafter,
            key=key,
            deadline_s=deadline_s,
        )
        sent = _Line.of(checkpoint, proposal)
        response = self._send("POST", "/proposals", sent.body, tries=self._tries(_Again.ALWAYS))
        return RemoteCase(self, self._read(Case, response))

    def propose_many(self, checkpoint: str, proposals: Iterable[Proposal | Mapping[str, Any]], /) -> list[RemoteCase]:
        """
        Propose a lot. Memory holds the handles, and no more than 500 proposals or 4 MB of them at a time.

        Args:
            checkpoint: Its name.
            proposals: `Proposal`s, or mappings of arguments; a generator is read as they are sent. The proposer is
                whom the token speaks for.

        Returns:
            A handle for each, in the same order.

        Raises:
            SignoffError: As `propose`; names the number of the proposal, from 0, in `facts["index"]`, in
                `facts["kept"]` how many before it are kept, and in `facts["kept_after"]` the numbers of later ones
                that were sent along with it and are kept. With keys it is safe to send all again.
        """
        lines = (_Line.of(checkpoint, _as_proposal(item)) for item in proposals)
        handles: list[RemoteCase] = []
        batch = _Batch()
        while True:
            try:
                line = next(lines, None)
            except SignoffError as error:
                _number(error, index=len(handles) + len(batch.lines), kept=len(handles))
                raise
            if line is None or not batch.takes(line):
                handles += self._keep(batch.lines, before=len(handles))
                batch = _Batch()
            if line is None:
                return handles
            batch.add(line)

    def _keep(self, lines: Sequence[_Line], *, before: int) -> list[RemoteCase]:
        """Send some lines until each has an answer; the error of the first that was refused says which are kept."""
        cases: dict[int, Case] = {}
        refused: dict[int, SignoffError] = {}
        left = dict(enumerate(lines))
        tries = self._tries(_Again.ALWAYS)
        while left and not refused:
            try:
                busy = self._exchange(left, cases, refused, tries)
                pause_s = tries.pause_after(next(iter(busy.values()))) if busy and not refused else 0.0
            except SignoffError as error:
                refused[next(number for number in left if number not in cases)] = error
                break
            left = {number: lines[number] for number in busy}
            time.sleep(pause_s)
        if refused:
            first = min(refused)
            _number(
                refused[first],
                index=before + first,
                kept=before + next(number for number in range(len(lines)) if number not in cases),
                kept_after=sorted(before + number for number in cases if number > first),
            )
            raise refused[first]
        return [RemoteCase(self, cases[number]) for number in range(len(lines))]

    def _exchange(
        self, left: Mapping[int, _Line], cases: dict[int, Case], refused: dict[int, SignoffError], tries: _Tries
    ) -> dict[int, SignoffError]:
        """Send lines once, sort what comes back, and give those to send again."""
        body = b"\n".join(line.body for line in left.values()) + b"\n"
        response = self._send("POST", "/proposals/batch", body, tries=tries, media_type="application/x-ndjson")
        answers = [self._parsed(_adapter(ProposalAnswer), line) for line in response.content.splitlines()]
        if [answer.index for answer in answers] != list(range(len(left))):
            raise self._strange()
        busy: dict[int, SignoffError] = {}
        for number, answer in zip(left, answers, strict=True):
            if answer.case is not None:
                cases[number] = answer.case
                continue
            error = self._error(answer.problem) if answer.problem is not None else self._strange()
            if answer.problem is not None and _says_untaken(answer.problem):
                busy[number] = error
            else:
                refused[number] = error
        return busy

    def withdraw(self, case: Case | RemoteCase | str) -> Case:
        """
        Take the token's own proposal back before it has started.

        Raises:
            NotAllowed: If somebody else proposed it.
            CaseClosed: If it has started or ended.
        """
        return self._on(case, "withdraw")

    # --- reviewing

    def queue(
        self,
        checkpoint: str | None = None,
        *,
        after: str | None = None,
        limit: int = 50,
        assigned: Assigned | str | None = None,
        text: str | None = None,
    ) -> list[Case]:
        """
        List the waiting cases offered to this person, oldest first, a page at a time.

        Args:
            checkpoint: Only cases of this checkpoint.
            after: The last id of the page before.
            limit: Cases on a page, >= 1.
            assigned: Only cases assigned to `me`, to one of my groups (`group`), or to `anyone`.
            text: Only cases that hold this text in their current arguments, evidence or key.
        """
        only = assigned.value if isinstance(assigned, Assigned) else assigned
        return self._pages("/queue", {"checkpoint": checkpoint, "assigned": only, "text": text}, after, limit)

    def claim(self, limit: int = 5, *, checkpoint: str | None = None, hold_s: float = 180.0) -> list[Case]:
        """
        Take the oldest cases, for a limited time; nobody else is offered them meanwhile.

        Args:
            limit: How many at most, 1..1000; those held already count.
            checkpoint: Only cases of this checkpoint.
            hold_s: Seconds, > 0, until the claims lapse.
        """
        body = _body({"limit": limit, "checkpoint": checkpoint, "hold_s": hold_s})
        return self._read(list[Case], self._send("POST", "/claims", body))

    def claim_case(self, case_id: str, *, hold_s: float = 180.0) -> Case:
        """
        Take one case, for a limited time.

        Raises:
            CaseClosed: If it does not wait for a person.
            ClaimLost: If somebody else holds it.
        """
        return self._on(case_id, "claim", {"hold_s": hold_s}, again=_Again.ALWAYS)

    def renew(self, cases: Iterable[Case | RemoteCase | str], *, hold_s: float = 180.0) -> tuple[list[Case], list[str]]:
        """
        Hold claimed cases for longer; a heartbeat while they are on screen.

        Args:
            cases: Cases this person has claimed, 1000 at the most.
            hold_s: Seconds, > 0, from now.

        Returns:
            The cases that are held, and the ids of those whose claim is gone.
        """
        body = _body({"case_ids": [_id(case) for case in cases], "hold_s": hold_s})
        renewed = self._read(Renewed, self._send("POST", "/claims/renew", body))
        return list(renewed.held), list(renewed.lost)

    def release(self, case: Case | RemoteCase | str) -> Case:
        """Give a claim back early."""
        released = self._read(list[Case], self._send("POST", "/claims/release", _body({"case_ids": [_id(case)]})))
        if len(released) != 1:
            raise self._strange()
        return released[0]

    def approve(self, case: Case | RemoteCase, *, verdict_id: str | None = None, seconds: float | None = None) -> Case:
        """Approve exactly what was shown; see `rule`."""
        return self.rule(case, Approved(), verdict_id=verdict_id, seconds=seconds)

    def edit(
        self,
        case: Case | RemoteCase,
        arguments: Mapping[str, Any],
        *,
        verdict_id: str | None = None,
        seconds: float | None = None,
    ) -> Case:
        """
        Approve other arguments than those proposed; see `rule`.

        Args:
            case: As it was shown.
            arguments: All arguments, as they shall run; equal to those shown, it is an approval.
            verdict_id: See `rule`.
            seconds: See `rule`.

        Raises:
            InvalidArguments: If they do not fit the checkpoint's schema.
        """
        return self.rule(case, Edited(dict(arguments)), verdict_id=verdict_id, seconds=seconds)

    def reject(
        self,
        case: Case | RemoteCase,
        reason: str | None = None,
        *,
        verdict_id: str | None = None,
        seconds: float | None = None,
    ) -> Case:
        """Refuse it; it does not run. See `rule`."""
        return self.rule(case, Rejected(reason), verdict_id=verdict_id, seconds=seconds)

    def rule(
        self,
        case: Case | RemoteCase,
        verdict: Verdict,
        *,
        verdict_id: str | None = None,
        seconds: float | None = None,
    ) -> Case:
        """
        Put a verdict on record. It takes effect when the checkpoint's hold is over.

        Args:
            case: As it was shown.
            verdict: Approved, Edited or Rejected.
            verdict_id: Single-use id; sending the same verdict twice with it counts once. Made up if left out.
            seconds: How long it was on screen.

        Returns:
            The case after the verdict.

        Raises:
            CaseClosed: If somebody else was faster; says who ruled.
            ClaimLost: If the claim expired or belongs to somebody else.
            ContentChanged: If the content is another one now; says what changed.
            SameReviewer: If this person has already given an opinion.
            NotAllowed: If this person may not rule on it.
        """
        seen = case.seen if isinstance(case, RemoteCase) else case
        claimed = seen.claimed_by is not None and seen.claimed_by == self._my_id()
        document = {
            "id": verdict_id or new_id(),
            "kind": kind_of(verdict).value,
            "arguments": verdict.arguments if isinstance(verdict, Edited) else None,
            "reason": verdict.reason if isinstance(verdict, Rejected) else None,
            "revision": seen.revision,
            "content_hash": seen.content_hash,
            "fence": seen.fence if claimed else None,
            "seconds": seconds,
        }
        return self._on(seen, "verdict", document, again=_Again.ALWAYS)

    def recall(self, case: Case | RemoteCase | str) -> Case:
        """
        Take this person's own verdict back while it is held; the case waits again, with its edits.

        Raises:
            CaseClosed: If the hold is over.
        """
        return self._on(case, "recall")

    def redraft(self, case: Case | RemoteCase | str, note: str, *, arguments: Mapping[str, Any] | None = None) -> Case:
        """
        Void what was approved and ask for another draft; never a verdict.

        Args:
            case: A case that has not started.
            note: What should be different; the drafter gets it as evidence `note`.
            arguments: The new arguments, where they are known; else the checkpoint's drafter makes them. If
                it cannot, the case waits with the arguments it had.
        """
        return self._on(case, "redraft", {"note": note, "arguments": arguments}, again=_Again.UNREAD)

    def hand_over(self, case: Case | RemoteCase | str, to: str, *, note: str | None = None) -> Case:
        """Pass a waiting case on to a person or, as `group:NAME`, to a group."""
        return self._on(case, "hand_over", {"to": to, "note": note})

    def snooze(self, case: Case | RemoteCase | str, *, for_s: float = 3600.0, until: datetime | None = None) -> Case:
        """
        Offer a waiting case to nobody for a while, and give the claim back.

        Args:
            case: A waiting case.
            for_s: Seconds, > 0.
            until: The time itself, aware and in the future; `for_s` then has no meaning.
        """
        if until is not None and until.tzinfo is None:
            raise InvalidInput(f"until={until.isoformat()} names no time zone; pass an aware datetime")
        return self._on(case, "snooze", {"for_s": for_s} if until is None else {"until": until})

    def resolve(
        self, case: Case | RemoteCase | str, move: Move | str, *, receipt: Any = None, note: str | None = None
    ) -> Case:
        """
        Say what became of an unknown effect: `confirm_done`, `send_again` or `confirm_failed`.

        Raises:
            NotAllowed: If this person is no lead or admin, or proposed it.
        """
        return self._on(case, "resolve", {"move": str(move), "receipt": receipt, "note": note})

    def reverse(self, case: Case | RemoteCase | str, reason: str | None = None) -> RemoteCase:
        """
        Order the effect that undoes a done one.

        Returns:
            The case of the reversal. The done case becomes `reversed` when it is done.

        Raises:
            CaseClosed: If the case is not done, or is being reversed.
            UsageError: If its checkpoint declares no reversal.
        """
        return RemoteCase(self, self._on(case, "reverse", {"reason": reason}))

    # --- looking

    def case(self, case_id: str) -> RemoteCase:
        """
        Give the case as it is now. A token that proposes sees its own.

        Raises:
            UnknownCase: If there is none of that id.
        """
        return RemoteCase(self, self.view(case_id).case)

    def view(self, case: Case | RemoteCase | str) -> CaseView:
        """
        Give what a reviewer needs to judge the case as it is now.

        Raises:
            UnknownCase: If there is none of that id.
        """
        return self._read(CaseView, self._send("GET", _path(case)))

    def history(self, case_id: str) -> History:
        """
        Give everything that is stored about a case.

        While several people are still to give their opinions, it holds none of those of others.

        Raises:
            UnknownCase: If there is none of that id.
        """
        return self._read(History, self._send("GET", f"{_path(case_id)}/history"))

    def cases(
        self,
        *,
        states: Sequence[State | str] | None = None,
        checkpoint: str | None = None,
        after: str | None = None,
        limit: int = 50,
        newest_first: bool = False,
        text: str | None = None,
    ) -> list[Case]:
        """
        List cases by id, a page at a time.

        Args:
            states: Only cases in these states.
            checkpoint: Only cases of this checkpoint.
            after: The last id of the page before.
            limit: Cases on a page, >= 1.
            newest_first: Whether the newest comes first.
            text: Only cases that hold this text in their current arguments, evidence or key.
        """
        if states is not None and not states:
            return []
        only = {
            "state": None if states is None else [str(state) for state in states],
            "checkpoint": checkpoint,
            "newest_first": str(newest_first).lower(),
            "text": text,
        }
        return self._pages("/cases", only, after, limit)

    def counts(self, checkpoint: str | None = None) -> dict[State, int]:
        """Count cases by state, of all checkpoints or of one."""
        found = self._read(Counts, self._send("GET", "/counts")).checkpoints
        counted: dict[State, int] = {}
        for name, states in found.items():
            if checkpoint in (None, name):
                for state, number in states.items():
                    counted[state] = counted.get(state, 0) + number
        return counted

    def checkpoints(self) -> list[Checkpoint]:
        """List the checkpoints, each in its newest version, with the JSON Schema of its arguments."""
        return self._read(list[Checkpoint], self._send("GET", "/checkpoints"))

    def checkpoint(self, name: str) -> Checkpoint:
        """
        Give the newest version of a checkpoint.

        Raises:
            UnknownCheckpoint: If there is none of that name.
        """
        if not name or "/" in name or name in (".", ".."):
            raise UnknownCheckpoint(f"there is no checkpoint {name!r}; checkpoints() lists them", checkpoint=name)
        return self._read(Checkpoint, self._send("GET", f"/checkpoints/{_quoted(name)}"))

    def me(self) -> Me:
        """Tell whom the token speaks for, and what it may do."""
        return self._read(Me, self._send("GET", "/me"))

    def health(self) -> Health:
        """Tell whether the server can do its work; needs no token, and is not asked twice if it says no."""
        tries = self._tries(_Again.ALWAYS)
        tries.taken = frozenset({503})
        return self._read(Health, self._send("GET", "/health", tries=tries))

    def events(self, after_seq: int | None = None, checkpoint: str | None = None) -> EventStream:
        """
        Follow the ledger. It is open when this returns: whatever happens from then on is in it.

        After a break it goes on behind the last event, so that none is left out and none comes twice.

        Args:
            after_seq: Begin after this entry, 0 for the whole ledger; None for what comes from now on.
            checkpoint: Only this checkpoint's entries.

        Raises:
            OutsideError: If the server is not there, now or later, and stays away for all retries.
        """
        return EventStream(self, after_seq, checkpoint)

    # --- the connection

    def close(self) -> None:
        """Close the connections; a second call does nothing."""
        self._closed = True
        self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Client {self.url}>"

    def _settings(self) -> dict[str, Any]:
        headers = {"User-Agent": f"signoff/{__version__}", "Accept": "application/json"}
        if self._secret is not None:
            headers["Authorization"] = f"Bearer {self._secret}"
        return {
            "headers": headers,
            "verify": self._tls,
            "timeout": self._timeout_s,
            "limits": httpx2.Limits(
                max_connections=None, max_keepalive_connections=20, keepalive_expiry=min(_IDLE_S, self._timeout_s)
            ),
        }

    def _tries(self, again: _Again) -> _Tries:
        return _Tries(self, again, self._retries)

    def _require_open(self) -> None:
        if self._closed:
            raise UsageError(f"this client of {self.url} is closed; make another one")

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        again: _Again = _Again.ALWAYS,
        tries: _Tries | None = None,
        wait_s: float = 0.0,
        media_type: str = "application/json",
    ) -> httpx2.Response:
        """Send a request, again where that is safe, and give the answer if it is a good one."""
        tries = tries or self._tries(again)
        while True:
            self._require_open()
            answer: httpx2.Response | httpx2.RequestError
            try:
                answer = self._http.request(
                    method,
                    f"{self.url}{_PREFIX}{path}",
                    params=_given(params),
                    content=body,
                    headers=None if body is None else {"Content-Type": media_type},
                    timeout=self._patience(wait_s),
                )
            except httpx2.RequestError as error:
                answer = error
            # Judged out here, so that no error carries the request, and with it the token, as its context.
            if isinstance(answer, httpx2.Response) and tries.takes(answer):
                return answer
            time.sleep(tries.pause_after(answer))

    def _patience(self, wait_s: float) -> httpx2.Timeout:
        return httpx2.Timeout(self._timeout_s, read=self._timeout_s + wait_s)

    def _on(
        self,
        case: Case | RemoteCase | str,
        verb: str,
        document: Mapping[str, Any] | None = None,
        *,
        again: _Again = _Again.UNTAKEN,
    ) -> Case:
        body = None if document is None else _body(document)
        return self._read(Case, self._send("POST", f"{_path(case)}/{verb}", body, again=again))

    def _pages(self, path: str, only: Mapping[str, Any], after: str | None, limit: int) -> list[Case]:
        found: list[Case] = []
        while True:
            params = {**only, "after": after, "limit": min(limit - len(found), _PAGE)}
            page = self._read(Page[Case], self._send("GET", path, params=params))
            found += page.items
            after = page.after
            if after is None or len(found) >= limit:
                return found

    def _my_id(self) -> str:
        if self._id is None:
            self._id = self.me().id
        return self._id

    def _ask_outcome(self, case_id: str, wait_s: float) -> OutcomeGiven:
        response = self._send("GET", f"{_path(case_id)}/outcome", params=_waiting(wait_s), wait_s=wait_s)
        return self._read(OutcomeGiven, response)

    def _wait(self, case_id: str, timeout_s: float | None) -> Outcome:
        deadline = Deadline(timeout_s)
        while True:
            given = self._ask_outcome(case_id, deadline.left(MOST_WAIT_S))
            if given.answered:
                return given.outcome()
            if deadline.over():
                raise StillWaiting(
                    f"case {case_id} has no outcome after {timeout_s:g} s; it stays, so wait again with "
                    "client.case(case_id).outcome()",
                    case_id=case_id,
                )

    async def _wait_async(self, case_id: str) -> Outcome:
        # A pool of its own, since it belongs to this event loop.
        async with httpx2.AsyncClient(**self._settings()) as http:
            while True:
                given = self._read(OutcomeGiven, await self._ask_async(http, case_id))
                if given.answered:
                    return given.outcome()

    async def _ask_async(self, http: httpx2.AsyncClient, case_id: str) -> httpx2.Response:
        tries = self._tries(_Again.ALWAYS)
        while True:
            self._require_open()
            answer: httpx2.Response | httpx2.RequestError
            try:
                answer = await http.get(
                    f"{self.url}{_PREFIX}{_path(case_id)}/outcome",
                    params=_waiting(MOST_WAIT_S),
                    timeout=self._patience(MOST_WAIT_S),
                )
            except httpx2.RequestError as error:
                answer = error
            if isinstance(answer, httpx2.Response) and tries.takes(answer):
                return answer
            await asyncio.sleep(tries.pause_after(answer))

    # --- what comes back

    def _read(self, kind: type[T], response: httpx2.Response) -> T:
        return self._parsed(_adapter(kind), response.content)

    def _parsed(self, adapter: TypeAdapter[T], document: bytes | str) -> T:
        try:
            return adapter.validate_json(document)
        except ValidationError:
            pass
        raise self._strange()

    def _strange(self) -> OutsideError:
        return OutsideError(
            f"{self.url} answered with something that Signoff {__version__} does not know; check that the URL is that "
            "of a Signoff server, and that server and client are of the same version",
            url=self.url,
        )

    def _error(self, problem: Problem, retry_after_s: float | None = None) -> SignoffError:
        """Give a problem as the error it was on the server."""
        facts = dict(problem.model_extra or {})
        kind = _KINDS.get(problem.code)
        message = problem.detail
        if kind is None:
            facts["code"] = problem.code
            if problem.status in _NOT_THERE:
                return self._misplaced(facts)
            kind = _kind_by(problem.status)
        if kind is NotSignedIn and self._secret is None:
            message += f"; this client has no token, so pass token=... or set {TOKEN_VARIABLE}"
        if issubclass(kind, Overloaded) and retry_after_s is not None:
            facts.setdefault("retry_after_s", retry_after_s)
        error = kind(message)
        # Not as keywords, since a fact may have the name of one.
        error.facts = facts
        return error

    def _misplaced(self, facts: Mapping[str, Any]) -> OutsideError:
        return OutsideError(
            f"{self.url} has nothing under {_PREFIX} that this client asks for; name the URL of the server's start "
            "page, and check that server and client are of the same version",
            **{**facts, "url": self.url},
        )

    def _error_of(self, response: httpx2.Response) -> SignoffError:
        retry_after_s = _retry_after(response)
        problem = _problem_of(response)
        if problem is not None:
            return self._error(problem, retry_after_s)
        status = response.status_code
        if status == 429:
            return Overloaded(
                f"something in front of {self.url} says there is too much at once; come back later",
                retry_after_s=retry_after_s or 1.0,
            )
        if status == 413:
            return TooLarge(f"something in front of {self.url} says the request is too large; send less", url=self.url)
        if 300 <= status < 400:
            target = urlsplit(response.headers.get("location", ""))
            elsewhere = f" to {target.scheme}://{target.hostname}" if target.hostname else ""
            return OutsideError(
                f"{self.url} points elsewhere{elsewhere}; name the URL it points to, with https where it has that",
                url=self.url,
                status=status,
            )
        return OutsideError(
            f"{self.url} answered {status}, but not as a Signoff server does; check the URL, and what stands in front "
            "of the server",
            url=self.url,
            status=status,
        )


class RemoteCase:
    """
    A case on the server, to wait for; made by `Client.propose` and `Client.case`.

    It can be awaited, any number at once.
    """

    __slots__ = ("_client", "seen")

    def __init__(self, client: Client, seen: Case) -> None:
        self._client = client
        self.seen = seen
        """The case as it was when this handle was made; verdicts on the handle are bound to it."""

    @property
    def id(self) -> str:
        """The id, to find the case again later or elsewhere."""
        return self.seen.id

    @property
    def state(self) -> State:
        """Where the case stands now."""
        return self._client._ask_outcome(self.id, 0.0).state

    def outcome(self, timeout_s: float | None = None) -> Outcome:
        """
        Wait until nothing more happens to the case by itself, and tell what became of it.

        Args:
            timeout_s: Seconds, >= 0, to wait at most; None for as long as it takes.

        Raises:
            StillWaiting: If the time is over; the case stays.
            OutsideError: If the server is not there; the case stays.
        """
        return self._client._wait(self.id, timeout_s)

    def withdraw(self) -> Case:
        """
        Take the proposal back before it has started.

        Raises:
            CaseClosed: If it has started or ended.
        """
        return self._client.withdraw(self)

    def __await__(self) -> Generator[Any, None, Outcome]:
        return self._client._wait_async(self.id).__await__()

    def __repr__(self) -> str:
        return f"<RemoteCase {self.id} at {self.seen.checkpoint}>"


class EventStream(Iterator[Event]):
    """
    The ledger as it grows; made by `Client.events`. Ends when it is closed.

    Args:
        client: Whose connection.
        after_seq: Begin after this entry; None for the present end.
        checkpoint: Only this checkpoint's entries.
    """

    def __init__(self, client: Client, after_seq: int | None, checkpoint: str | None) -> None:
        self._client = client
        self._checkpoint = checkpoint
        self.seq = after_seq
        """Number of the last entry that was looked at; pass it as `after_seq` to go on from there another time."""
        self._pause_s = 0.0
        self._response: httpx2.Response | None = None
        self._blocks: Iterator[dict[str, str]] = iter(())
        self._closed = False
        self._tries = client._tries(_Again.ALWAYS)
        self._open()
        while self.seq is None:
            # The first block says where the present end is; until it is here, a break would leave a gap.
            self._next_block()

    def __next__(self) -> Event:
        while not self._closed:
            block = self._next_block()
            if block is not None and "data" in block:
                return self._client._parsed(_adapter(Event), block["data"])
        raise StopIteration

    def close(self) -> None:
        """End it."""
        self._closed = True
        if self._response is not None:
            self._response.close()

    def __enter__(self) -> EventStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<EventStream of {self._client.url} after {self.seq}>"

    def _open(self) -> None:
        """Open it behind the last entry."""
        client = self._client
        while True:
            client._require_open()
            answer: httpx2.Response | httpx2.RequestError
            try:
                answer = client._http.send(self._request(), stream=True)
                if answer.status_code != 200:
                    answer.read()
            except httpx2.RequestError as error:
                answer = error
            if isinstance(answer, httpx2.Response) and self._tries.takes(answer):
                break
            time.sleep(max(self._pause_s, self._tries.pause_after(answer)))
        if not answer.headers.get("content-type", "").startswith("text/event-stream"):
            answer.close()
            raise client._strange()
        self._response = answer
        self._blocks = _blocks(answer.iter_bytes())

    def _request(self) -> httpx2.Request:
        client = self._client
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self.seq is not None:
            headers["Last-Event-ID"] = str(self.seq)
        return client._http.build_request(
            "GET",
            f"{client.url}{_PREFIX}/events",
            params=_given({"checkpoint": self._checkpoint}),
            headers=headers,
            timeout=httpx2.Timeout(client._timeout_s, read=max(client._timeout_s, _STREAM_SILENCE_S)),
        )

    def _next_block(self) -> dict[str, str] | None:
        """Give what the server says next; None after a break, when it is open again."""
        broken: httpx2.RequestError | None = None
        try:
            block = next(self._blocks, None)
        except httpx2.RequestError as error:
            block, broken = None, error
        except httpx2.StreamError:
            block = None
        if block is None:
            if not self._closed:
                self._reopen(broken)
            return None
        # It works: what breaks from now on is another break.
        self._tries = self._client._tries(_Again.ALWAYS)
        if block.get("retry", "").isdecimal():
            self._pause_s = min(int(block["retry"]) / 1000, _LONGEST_PAUSE_S)
        if block.get("id", "").isdecimal():
            self.seq = int(block["id"])
        return block

    def _reopen(self, broken: httpx2.RequestError | None) -> None:
        """Go on after a break, or after an end the server made."""
        if self._response is not None:
            self._response.close()
        ended = broken or httpx2.RemoteProtocolError("the stream ended")
        time.sleep(max(self._pause_s, self._tries.pause_after(ended)))
        self._open()


class _Line(NamedTuple):
    """One proposal as it is sent."""

    body: bytes
    drafts: bool
    """Whether the server has to make its arguments."""

    @classmethod
    def of(cls, checkpoint: str, proposal: Proposal) -> _Line:
        document = {
            "checkpoint": checkpoint,
            "arguments": proposal.arguments,
            "evidence": {name: material(value) for name, value in proposal.evidence.items()},
            "confidence": proposal.confidence,
            "rationale": proposal.rationale,
            "alternatives": proposal.alternatives,
            "drafter": proposal.drafter,
            "key": new_id() if proposal.key is None else proposal.key,
            "deadline_s": proposal.deadline_s,
        }
        return cls(_body(document), proposal.arguments is None)


class _Batch:
    """Proposals that are sent together."""

    def __init__(self) -> None:
        self.lines: list[_Line] = []
        self._bytes = 0
        self._drafts = 0

    def takes(self, line: _Line) -> bool:
        """Tell whether there is room for one more; there always is for the first."""
        return not self.lines or (
            len(self.lines) < _BATCH
            and self._bytes + len(line.body) <= _BATCH_BYTES
            and self._drafts + line.drafts <= _BATCH_DRAFTS
        )

    def add(self, line: _Line) -> None:
        """Put one more in."""
        self.lines.append(line)
        self._bytes += len(line.body) + 1
        self._drafts += line.drafts


class _Tries:
    """
    Decides after each answer, or the lack of one, whether and when the request is sent again.

    Args:
        client: Who sends.
        again: When that is safe.
        most: How often at the most.
    """

    def __init__(self, client: Client, again: _Again, most: int) -> None:
        self._client = client
        self._again = again
        self._most = most
        self.made = 0
        """How often it was sent again."""
        self.taken: frozenset[int] = frozenset()
        """Statuses that are answers, though they are errors elsewhere."""

    def takes(self, response: httpx2.Response) -> bool:
        """Tell whether it is an answer."""
        return response.is_success or response.status_code in self.taken

    def pause_after(self, answer: httpx2.Response | httpx2.RequestError | SignoffError) -> float:
        """
        Give the seconds to wait before it is sent again.

        Raises:
            SignoffError: If it must not be, or was often enough.
        """
        asked_s: float | None
        if isinstance(answer, httpx2.Response):
            error, safe, asked_s = self._client._error_of(answer), self._may_resend(answer), _retry_after(answer)
            if answer.status_code in _GATEWAY and not safe:
                error = self._lost(f"{answer.status_code} from in front of the server")
        elif isinstance(answer, SignoffError):
            error, safe, asked_s = answer, True, float(answer.facts.get("retry_after_s") or 0.0)
        else:
            error, safe, asked_s = *self._after_break(answer), None
        if not safe or self.made >= self._most or (asked_s or 0.0) > _LONGEST_PAUSE_S:
            raise error
        # Half of it by chance, so that clients that were turned away together do not come back together.
        backoff_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0**self.made) * random.uniform(0.5, 1.0)
        self.made += 1
        return max(backoff_s, asked_s or 0.0)

    def _may_resend(self, response: httpx2.Response) -> bool:
        status = response.status_code
        if status == 429:
            return True
        problem = _problem_of(response)
        if status == 503:
            if problem is None:
                return self._again is _Again.ALWAYS
            return self._again is not _Again.UNREAD and _says_untaken(problem)
        return status in _GATEWAY and self._again is _Again.ALWAYS

    def _after_break(self, broken: httpx2.RequestError) -> tuple[SignoffError, bool]:
        url = self._client.url
        reason = _reason(broken)
        if reason is None:
            return OutsideError(
                f"the certificate of {url} cannot be verified, so nothing was sent; if it is signed by an authority of "
                "your own, name its file in SSL_CERT_FILE",
                url=url,
            ), False
        if isinstance(broken, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout | httpx2.ProxyError):
            return OutsideError(
                f"no connection to {url} ({reason}); check the URL, and that the server runs there", url=url
            ), True
        if self._again is _Again.ALWAYS:
            return OutsideError(
                f"{url} broke off or did not answer in time ({reason}), {self.made + 1} times; check that it is a "
                "Signoff server and that it runs, then try again",
                url=url,
            ), True
        return self._lost(reason), False

    def _lost(self, reason: str) -> OutsideError:
        return OutsideError(
            f"the answer of {self._client.url} was lost ({reason}), so this may or may not have been done; look at the "
            "case before you send it again",
            url=self._client.url,
        )


_KINDS: Mapping[str, type[SignoffError]] = {kind.code: kind for kind in (getattr(errors, n) for n in errors.__all__)}

_BY_STATUS: Mapping[int, type[SignoffError]] = {
    401: NotSignedIn,
    403: RefusedError,
    409: ConflictError,
    413: TooLarge,
    429: Overloaded,
}


def _kind_by(status: int) -> type[SignoffError]:
    return _BY_STATUS.get(status, OutsideError if status >= 500 else UsageError)


def _says_untaken(problem: Problem) -> bool:
    return problem.code in (Overloaded.code, errors.StoreUnavailable.code)


def _problem_of(response: httpx2.Response) -> Problem | None:
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:
        return None


def _retry_after(response: httpx2.Response) -> float | None:
    asked = response.headers.get("retry-after", "")
    # The other form is a date, by a clock that need not be ours.
    return float(asked) if asked.isascii() and asked.isdecimal() else None


def _reason(broken: httpx2.RequestError) -> str | None:
    """Say why a connection broke; None if the certificate is not to be trusted."""
    cause: BaseException | None = broken
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return None
        cause = cause.__cause__ or cause.__context__
    if isinstance(broken, httpx2.TimeoutException):
        return "out of time"
    return str(broken) or type(broken).__name__


@lru_cache(maxsize=64)
def _made_adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _adapter(kind: type[T]) -> TypeAdapter[T]:
    hashable: Any = kind
    return _made_adapter(hashable)


def _plain_url(url: str) -> str:
    # It is not repeated in an error, since it may hold a secret, or be one.
    try:
        parts = urlsplit(url.strip())
        port = parts.port
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        plain = f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{parts.path.rstrip('/')}"
        httpx2.URL(plain)
    except (ValueError, httpx2.InvalidURL):
        raise InvalidInput("that is not the URL of a server; name one such as https://desk.example.org") from None
    if parts.username is not None or parts.password is not None:
        raise InvalidInput("the URL holds a name or password; leave it out, and pass the token as token=...")
    if parts.query or parts.fragment:
        raise InvalidInput("the URL ends with ?... or #...; leave that out, and pass a token as token=...")
    return plain


def _plain_token(token: str | None) -> str | None:
    plain = (token or "").strip()
    if not plain:
        return None
    if not re.fullmatch(r"[!-~]{1,1000}", plain):
        raise InvalidInput("the token holds characters that no token has; copy it again, without what stands around it")
    return plain


def _id(case: Case | RemoteCase | str) -> str:
    return case if isinstance(case, str) else case.id


def _path(case: Case | RemoteCase | str) -> str:
    case_id = _id(case)
    if not re.fullmatch(r"[\w.~-]{1,100}", case_id) or case_id in (".", ".."):
        raise UnknownCase(f"there is no case {case_id[:100]!r}; check the id", case_id=case_id)
    return f"/cases/{_quoted(case_id)}"


def _quoted(part: str) -> str:
    # A half of a character pair becomes a name that nothing has.
    return quote(part, safe="", errors="replace")


def _given(params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {name: value for name, value in (params or {}).items() if value is not None}


def _waiting(wait_s: float) -> dict[str, str]:
    return {"wait_s": f"{wait_s:.3f}"}


def _body(document: Mapping[str, Any]) -> bytes:
    """Give a document as it is sent, without what is None in it."""
    given = _given(document)
    try:
        plain = to_jsonable_python(given, inf_nan_mode="constants")
    except ValueError:
        # Only half of a character pair, a ring or a foreign object gets here; the check names the place of the first.
        require_json(given, where="what is to be sent", max_bytes=_MOST_BYTES)
        raise InvalidInput("what is to be sent holds a value that JSON cannot carry; send plain values") from None
    require_json(plain, where="what is to be sent", max_bytes=_MOST_BYTES)
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _number(error: SignoffError, *, index: int, kept: int, kept_after: Sequence[int] = ()) -> None:
    """Say in an error which proposal it is about, and which are kept."""
    # The server numbers within what it was sent.
    facts = {name: fact for name, fact in error.facts.items() if name != "number"}
    error.facts = {**facts, "index": index, "kept": kept, "kept_after": list(kept_after)}
    error.add_note(f"proposal number {index}, counted from 0; the first {kept} are kept")


def _as_proposal(item: Proposal | Mapping[str, Any]) -> Proposal:
    if isinstance(item, Proposal):
        return item
    if not isinstance(item, Mapping) or not all(isinstance(name, str) for name in item):
        raise InvalidInput(f"a proposal is a Proposal or a mapping of arguments by name, not a {type(item).__name__}")
    return Proposal(arguments=item)


def _alternative(given: Alternative | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(given, Alternative):
        return {"arguments": dict(given.arguments), "confidence": given.confidence}
    return {"arguments": dict(given["arguments"]), "confidence": given.get("confidence")}


def _blocks(chunks: Iterable[bytes]) -> Iterator[dict[str, str]]:
    """Give the blocks of an event stream, each as its fields by name; comments are left out."""
    fields: dict[str, str] = {}
    for line in _lines(chunks):
        if line:
            name, _, value = line.partition(":")
            if name:
                value = value.removeprefix(" ")
                fields[name] = f"{fields[name]}\n{value}" if name == "data" and "data" in fields else value
        else:
            yield fields
            fields = {}


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    # Not by splitlines, which takes characters for line ends that may stand in the data.
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode()
