"""Reviewer: the desk of a person."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from signoff.app import oversight
from signoff.app.handle import CaseHandle, case_id, new_id
from signoff.app.views import CaseView, History, Person
from signoff.domain.actor import Actor, Role
from signoff.domain.audit import Audit, Finding
from signoff.domain.case import Case, Move
from signoff.domain.claim import Assigned
from signoff.domain.content import require_json
from signoff.domain.verdict import Approved, Edited, Rejected, Verdict
from signoff.engine import claim, execute, oversee, presence, review, take_back
from signoff.errors import InvalidInput, KeyReused

if TYPE_CHECKING:
    from signoff.app.signoff import Signoff


class Reviewer:
    """
    A person at the desk: takes cases and rules on them. Made by `Signoff.reviewer`.

    Every verdict takes a `Case` or `CaseHandle` as it was shown, and holds for exactly that.
    """

    def __init__(self, app: Signoff, actor: Actor) -> None:
        self._app = app
        self.actor = actor

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
        now = self._app.clock.now()
        only = None if assigned is None else Assigned(assigned)
        return self._app.store.read(
            lambda tx: tx.queue(
                self.actor, now=now, checkpoint=checkpoint, after=after, limit=limit, assigned=only, text=text
            )
        )

    def view(self, case: Case | CaseHandle | str) -> CaseView:
        """
        Give what this person needs to judge the case as it is now, and may see.

        On a blind checkpoint that is not what the drafter and others think of it, until this person has ruled:
        `withheld` says so.

        Raises:
            UnknownCase: If there is none of that id.
        """
        return self._app._view(case_id(case), seen_by=self.actor.id)

    def history(self, case_id: str) -> History:
        """
        Give what is stored about a case, as far as this person may see it.

        While several people are still to give their opinions, it holds none of those of others; nor what is withheld
        on a blind checkpoint.

        Raises:
            UnknownCase: If there is none of that id.
        """
        return self._app._history(case_id, seen_by=self.actor.id)

    def renew(self, cases: Iterable[Case | CaseHandle | str], *, hold_s: float = 180.0) -> tuple[list[Case], list[str]]:
        """
        Hold claimed cases for longer; a heartbeat while they are on screen.

        Args:
            cases: Cases this person has claimed.
            hold_s: Seconds, > 0, from now.

        Returns:
            The cases that are held, and the ids of those whose claim is gone.
        """
        ids = [case_id(case) for case in cases]
        return self._app._write(claim.renew, ids, self.actor, first=ids, hold_s=hold_s)

    def claim(
        self,
        limit: int = 5,
        *,
        checkpoint: str | None = None,
        case_ids: Iterable[Case | CaseHandle | str] | None = None,
        hold_s: float = 180.0,
    ) -> list[Case]:
        """
        Take the oldest cases, or some by name, for a limited time; nobody else is offered them meanwhile.

        Drafts that a learning drafter would make anew by now are made anew first.

        Args:
            limit: How many at most, 1..1000; those held already count.
            checkpoint: Only cases of this checkpoint.
            case_ids: These, at most 1000; what is not offered to this person is left out, and `limit` and
                `checkpoint` do not apply.
            hold_s: Seconds, > 0, until the claims lapse.
        """
        if case_ids is not None:
            ids = [case_id(case) for case in case_ids]
            claimed = self._app._write(claim.claim_these, ids, self.actor, first=ids, hold_s=hold_s)
        else:
            claimed = self._app._write(claim.claim, self.actor, hold_s=hold_s, limit=limit, checkpoint=checkpoint)
        return [self._app._freshen(case) for case in claimed]

    def claim_case(self, case_id: str, *, hold_s: float = 180.0) -> Case:
        """
        Take one case, for a limited time.

        Raises:
            CaseClosed: If it does not wait for a person.
            ClaimLost: If somebody else holds it.
        """
        case = self._app._write(claim.claim_case, case_id, self.actor, first=[case_id], hold_s=hold_s)
        return self._app._freshen(case)

    def release(self, case: Case | CaseHandle | str) -> Case:
        """Give a claim back early."""
        return self._app._write(claim.release, case_id(case), self.actor)

    def approve(self, case: Case | CaseHandle, *, verdict_id: str | None = None, seconds: float | None = None) -> Case:
        """
        Approve exactly what was shown; see `rule`.

        On a blind checkpoint with a label, name the category with `edit` instead.
        """
        return self.rule(case, Approved(), verdict_id=verdict_id, seconds=seconds)

    def edit(
        self,
        case: Case | CaseHandle,
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
        case: Case | CaseHandle,
        reason: str | None = None,
        *,
        verdict_id: str | None = None,
        seconds: float | None = None,
    ) -> Case:
        """Refuse it; it does not run. See `rule`."""
        return self.rule(case, Rejected(reason), verdict_id=verdict_id, seconds=seconds)

    def rule(
        self,
        case: Case | CaseHandle,
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
            verdict_id: Single-use id; sending the same verdict twice with it counts once.
            seconds: How long it was on screen.

        Returns:
            The case after the verdict.

        Raises:
            CaseClosed: If somebody else was faster; says who ruled.
            ClaimLost: If the claim expired or belongs to somebody else.
            ContentChanged: If the content is another one now; says what changed.
            SameReviewer: If this person has already given an opinion.
            NotAllowed: If this person may not rule on it, or approves a category that is withheld from them.
        """
        seen = case.seen if isinstance(case, CaseHandle) else case
        if isinstance(verdict, Edited):
            verdict = Edited(self._app._checked(seen, verdict.arguments))
        if isinstance(verdict, Rejected) and verdict.reason is not None:
            require_json(verdict.reason, where="the reason")
        answer = review.Answer(
            id=verdict_id or new_id(),
            verdict=verdict,
            by=self.actor,
            fenced=seen.claimed_by == self.actor.id,
            seconds=seconds,
        )
        checkpoint = self._app._declaration(seen.checkpoint, seen.version)
        ruled = self._app._write(review.rule, checkpoint, seen, answer, first=[seen.id])
        self._app._need_worker()
        return ruled

    def give_reason(self, case: Case | CaseHandle | str, verdict_id: str, reason: str) -> Case:
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
        id = case_id(case)
        return self._app._write(review.give_reason, id, verdict_id, reason, self.actor, first=[id])

    def recall(self, case: Case | CaseHandle | str) -> Case:
        """
        Take this person's own verdict back while it is held; the case waits again, with its edits.

        Raises:
            CaseClosed: If the hold is over.
        """
        return self._app._write(take_back.recall, case_id(case), self.actor)

    def redraft(self, case: Case | CaseHandle | str, note: str, *, arguments: Mapping[str, Any] | None = None) -> Case:
        """
        Void what was approved and ask for another draft; never a verdict.

        Args:
            case: A case that has not started.
            note: What should be different; the drafter gets it as evidence `note`.
            arguments: The new arguments, where they are known; else the checkpoint's drafter makes them. If
                it cannot, the case waits with the arguments it had.
        """
        return self._app._redraft(case_id(case), self.actor, note, arguments)

    def hand_over(self, case: Case | CaseHandle | str, to: str, *, note: str | None = None) -> Case:
        """Pass a waiting case on to a person or, as `group:NAME`, to a group."""
        return self._app._write(claim.hand_over, case_id(case), self.actor, to=to, note=note)

    def snooze(self, case: Case | CaseHandle | str, *, for_s: float = 3600.0, until: datetime | None = None) -> Case:
        """
        Offer a waiting case to nobody for a while, and give the claim back.

        Args:
            case: A waiting case.
            for_s: Seconds, > 0.
            until: The time itself, aware and in the future; `for_s` then has no meaning.
        """
        if until is not None:
            if until.tzinfo is None:
                raise InvalidInput(f"until={until.isoformat()} names no time zone; pass an aware datetime")
            for_s = (until - self._app.clock.now()).total_seconds()
        id = case_id(case)
        return self._app._write(claim.snooze, id, self.actor, first=[id], for_s=for_s)

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
        # Whoever only looks leaves no trace by it.
        if away is not None or self.actor.roles & {Role.REVIEWER, Role.LEAD}:
            try:
                self._app._write(presence.show, self.actor, away=away)
            except KeyReused:
                # Two pages of one person, opened at the same moment; the first of them is on record by now.
                self._app._write(presence.show, self.actor, away=away)
        if away:
            self._pass_on()
        now = self._app.clock.now()
        return self._app.store.read(lambda tx: oversight.person(tx, self.actor, now=now))

    def _pass_on(self) -> None:
        left = self._app.store.read(lambda tx: presence.in_hands_of(tx, self.actor.id))
        for start in range(0, len(left), presence.MOST_AT_ONCE):
            some = left[start : start + presence.MOST_AT_ONCE]
            self._app._write(presence.pass_on, some, self.actor, first=some)

    def reverse(self, case: Case | CaseHandle | str, reason: str | None = None) -> CaseHandle:
        """
        Order the effect that undoes a done one.

        Returns:
            The case of the reversal. The done case becomes `reversed` when it is done.

        Raises:
            CaseClosed: If the case is not done, or is being reversed.
            UsageError: If its checkpoint declares no reversal.
        """
        return self._app._reverse(case_id(case), self.actor, reason)

    def resolve(
        self, case: Case | CaseHandle | str, move: Move | str, *, receipt: Any = None, note: str | None = None
    ) -> Case:
        """
        Say what became of an unknown effect: `confirm_done`, `send_again` or `confirm_failed`.

        Raises:
            NotAllowed: If this person is no lead or admin, or proposed it.
        """
        try:
            move = Move(move)
        except ValueError:
            raise InvalidInput(
                f'"{move}" does not resolve a case; use confirm_done, send_again or confirm_failed'
            ) from None
        if receipt is not None:
            require_json(receipt, where="the receipt")
        resolved = self._app._write(execute.resolve, case_id(case), self.actor, move, receipt=receipt, note=note)
        self._app._need_worker()
        return resolved

    def audits(self, checkpoint: str) -> list[Audit]:
        """List the drawn cases of a checkpoint that nobody has judged."""
        return self._app.store.read(lambda tx: tx.find(Audit, checkpoint=checkpoint, finding=None))

    def judge_audit(
        self, case: Case | CaseHandle | str, *, wrong: bool, severity: float = 1.0, note: str | None = None
    ) -> Audit:
        """
        Say whether an automated case was right; wrong is an incident.

        Args:
            case: A case that was drawn.
            wrong: Whether it should not have run as it did.
            severity: How bad, above 0 and at most 1; without meaning when it was right.
            note: What should have been.
        """
        return self._app._write(
            oversee.judge_audit,
            case_id(case),
            self.actor,
            Finding.WRONG if wrong else Finding.RIGHT,
            severity=severity if wrong else 0.0,
            note=note,
        )
