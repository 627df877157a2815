"""Client: the verbs of the library over HTTP."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

import httpx2
from pydantic import TypeAdapter, ValidationError

from signoff import __version__
from signoff.app.handle import new_id
from signoff.app.views import CaseView, DeskView, History, Outcome, Person
from signoff.client.address import PREFIX, id_of, path_of, plain_token, plain_url, quoted
from signoff.client.batch import Batch, Line, numbered
from signoff.client.documents import T, adapter_of, as_sent, without_none
from signoff.client.events import EventStream
from signoff.client.remote_case import RemoteCase
from signoff.client.sending import KINDS, NOT_THERE, Again, Tries, kind_by, problem_of, retry_after, says_untaken
from signoff.domain.case import Case, Move, State
from signoff.domain.checkpoint import Checkpoint
from signoff.domain.claim import Assigned
from signoff.domain.proposal import Proposal, as_proposal
from signoff.domain.verdict import Approved, Edited, Rejected, Verdict, kind_of
from signoff.errors import (
    InvalidInput,
    NotSignedIn,
    OutsideError,
    Overloaded,
    SignoffError,
    StillWaiting,
    TooLarge,
    UnknownCheckpoint,
    UsageError,
)
from signoff.ports import Alternative, as_alternative
from signoff.runtime.waiting import Deadline
from signoff.wire import MOST_WAIT_S, Counts, Health, Me, OutcomeGiven, Page, People, Problem, ProposalAnswer, Renewed

TOKEN_VARIABLE = "SIGNOFF_TOKEN"
"""Environment variable a token is taken from."""


_IDLE_S = 4.0
"""Seconds an idle connection is kept: less than servers keep theirs, so that none is used as it is being closed."""


_PAGE = 500


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
        self.url = plain_url(url)
        if not (math.isfinite(timeout_s) and timeout_s > 0):
            raise InvalidInput(f"timeout_s={timeout_s} cannot be; it is seconds above 0")
        if retries < 0:
            raise InvalidInput(f"retries={retries} cannot be; it is 0 or more")
        self._secret = plain_token(os.environ.get(TOKEN_VARIABLE) if token is None else token)
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
        features: Mapping[str, float] | None = None,
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
            features: What tells whether a person would accept it, as numbers by name.
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
            alternatives=[as_alternative(one) for one in alternatives],
            drafter=drafter,
            key=key,
            deadline_s=deadline_s,
            features=features,
        )
        sent = Line.of(checkpoint, proposal)
        response = self._send("POST", "/proposals", sent.body, tries=self._tries(Again.ALWAYS))
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
        lines = (Line.of(checkpoint, as_proposal(item)) for item in proposals)
        handles: list[RemoteCase] = []
        batch = Batch()
        while True:
            try:
                line = next(lines, None)
            except SignoffError as error:
                numbered(error, index=len(handles) + len(batch.lines), kept=len(handles))
                raise
            if line is None or not batch.takes(line):
                handles += self._keep(batch.lines, before=len(handles))
                batch = Batch()
            if line is None:
                return handles
            batch.add(line)

    def _keep(self, lines: Sequence[Line], *, before: int) -> list[RemoteCase]:
        """Send some lines until each has an answer; the error of the first that was refused says which are kept."""
        cases: dict[int, Case] = {}
        refused: dict[int, SignoffError] = {}
        left = dict(enumerate(lines))
        tries = self._tries(Again.ALWAYS)
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
            numbered(
                refused[first],
                index=before + first,
                kept=before + next(number for number in range(len(lines)) if number not in cases),
                kept_after=sorted(before + number for number in cases if number > first),
            )
            raise refused[first]
        return [RemoteCase(self, cases[number]) for number in range(len(lines))]

    def _exchange(
        self, left: Mapping[int, Line], cases: dict[int, Case], refused: dict[int, SignoffError], tries: Tries
    ) -> dict[int, SignoffError]:
        """Send lines once, sort what comes back, and give those to send again."""
        body = b"\n".join(line.body for line in left.values()) + b"\n"
        response = self._send("POST", "/proposals/batch", body, tries=tries, media_type="application/x-ndjson")
        answers = [self._parsed(adapter_of(ProposalAnswer), line) for line in response.content.splitlines()]
        if [answer.index for answer in answers] != list(range(len(left))):
            raise self._strange()
        busy: dict[int, SignoffError] = {}
        for number, answer in zip(left, answers, strict=True):
            if answer.case is not None:
                cases[number] = answer.case
                continue
            error = self._error(answer.problem) if answer.problem is not None else self._strange()
            if answer.problem is not None and says_untaken(answer.problem):
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

    def claim(
        self,
        limit: int = 5,
        *,
        checkpoint: str | None = None,
        case_ids: Iterable[Case | RemoteCase | str] | None = None,
        hold_s: float = 180.0,
    ) -> list[Case]:
        """
        Take the oldest cases, or some by name, for a limited time; nobody else is offered them meanwhile.

        Args:
            limit: How many at most, 1..1000; those held already count.
            checkpoint: Only cases of this checkpoint.
            case_ids: These, at most 1000; what is not offered to this person is left out, and `limit` and
                `checkpoint` do not apply.
            hold_s: Seconds, > 0, until the claims lapse.
        """
        if case_ids is not None:
            body = as_sent({"case_ids": [id_of(case) for case in case_ids], "hold_s": hold_s})
        else:
            body = as_sent({"limit": limit, "checkpoint": checkpoint, "hold_s": hold_s})
        return self._read(list[Case], self._send("POST", "/claims", body))

    def claim_case(self, case_id: str, *, hold_s: float = 180.0) -> Case:
        """
        Take one case, for a limited time.

        Raises:
            CaseClosed: If it does not wait for a person.
            ClaimLost: If somebody else holds it.
        """
        return self._on(case_id, "claim", {"hold_s": hold_s}, again=Again.ALWAYS)

    def renew(self, cases: Iterable[Case | RemoteCase | str], *, hold_s: float = 180.0) -> tuple[list[Case], list[str]]:
        """
        Hold claimed cases for longer; a heartbeat while they are on screen.

        Args:
            cases: Cases this person has claimed, 1000 at the most.
            hold_s: Seconds, > 0, from now.

        Returns:
            The cases that are held, and the ids of those whose claim is gone.
        """
        body = as_sent({"case_ids": [id_of(case) for case in cases], "hold_s": hold_s})
        renewed = self._read(Renewed, self._send("POST", "/claims/renew", body))
        return list(renewed.held), list(renewed.lost)

    def release(self, case: Case | RemoteCase | str) -> Case:
        """Give a claim back early."""
        released = self._read(list[Case], self._send("POST", "/claims/release", as_sent({"case_ids": [id_of(case)]})))
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
        return self._on(seen, "verdict", document, again=Again.ALWAYS)

    def give_reason(self, case: Case | RemoteCase | str, verdict_id: str, reason: str) -> Case:
        """
        Say why this person has rejected a case, or say it in other words, while the rejection is held.

        Args:
            case: The case.
            verdict_id: The id of one's own rejection; where several opinions are needed, of one's own vote.
            reason: Why, not empty.

        Raises:
            CaseClosed: If the hold is over.
            ConflictError: If the rejection was taken back.
            NotAllowed: If it is somebody else's.
        """
        body = {"verdict_id": verdict_id, "reason": reason}
        return self._on(case, "reason", body, again=Again.ALWAYS)

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
        return self._on(case, "redraft", {"note": note, "arguments": arguments}, again=Again.UNREAD)

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

    def presence(self, away: bool | None = None) -> Person:
        """
        Give a sign that this person is at the desk, and say whether they are away; a page sends it each minute.

        Who goes away gives back every claim, and every waiting case assigned to them passes to nobody in particular.
        Nothing is handed over to them until they are back.

        Args:
            away: True to go, False to be back, None to leave that as it is.

        Raises:
            NotAllowed: If this person is no reviewer or lead, and wants to go or be back.
        """
        return self._read(Person, self._send("POST", "/me/presence", as_sent({"away": away})))

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
        return self._read(CaseView, self._send("GET", path_of(case)))

    def history(self, case_id: str) -> History:
        """
        Give everything that is stored about a case.

        While several people are still to give their opinions, it holds none of those of others.

        Raises:
            UnknownCase: If there is none of that id.
        """
        return self._read(History, self._send("GET", f"{path_of(case_id)}/history"))

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
        return self._read(Checkpoint, self._send("GET", f"/checkpoints/{quoted(name)}"))

    def people(self) -> list[Person]:
        """List who may be at the desk, by name, with what they have in hand and whether they are here."""
        return list(self._read(People, self._send("GET", "/people")).items)

    def desk(self) -> DeskView:
        """Count what waits at each checkpoint, and list what is stuck and what nobody can be sure of."""
        return self._read(DeskView, self._send("GET", "/desk"))

    def me(self) -> Me:
        """Tell whom the token speaks for, and what it may do."""
        return self._read(Me, self._send("GET", "/me"))

    def health(self) -> Health:
        """Tell whether the server can do its work; needs no token, and is not asked twice if it says no."""
        tries = self._tries(Again.ALWAYS)
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

    def _tries(self, again: Again) -> Tries:
        return Tries(self, again, self._retries)

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
        again: Again = Again.ALWAYS,
        tries: Tries | None = None,
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
                    f"{self.url}{PREFIX}{path}",
                    params=without_none(params),
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
        again: Again = Again.UNTAKEN,
    ) -> Case:
        body = None if document is None else as_sent(document)
        return self._read(Case, self._send("POST", f"{path_of(case)}/{verb}", body, again=again))

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
        response = self._send("GET", f"{path_of(case_id)}/outcome", params=_waiting(wait_s), wait_s=wait_s)
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
        tries = self._tries(Again.ALWAYS)
        while True:
            self._require_open()
            answer: httpx2.Response | httpx2.RequestError
            try:
                answer = await http.get(
                    f"{self.url}{PREFIX}{path_of(case_id)}/outcome",
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
        return self._parsed(adapter_of(kind), response.content)

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
        kind = KINDS.get(problem.code)
        message = problem.detail
        if kind is None:
            facts["code"] = problem.code
            if problem.status in NOT_THERE:
                return self._misplaced(facts)
            kind = kind_by(problem.status)
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
            f"{self.url} has nothing under {PREFIX} that this client asks for; name the URL of the server's start "
            "page, and check that server and client are of the same version",
            **{**facts, "url": self.url},
        )

    def _error_of(self, response: httpx2.Response) -> SignoffError:
        retry_after_s = retry_after(response)
        problem = problem_of(response)
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


def _waiting(wait_s: float) -> dict[str, str]:
    return {"wait_s": f"{wait_s:.3f}"}
