"""Sitting: one person at a terminal, case after case, until they quit."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from signoff.cli.answer import COMMANDS, Accept, Command, Correct, New, Offer, Unclear, understand
from signoff.cli.keyboard import TOO_QUICK, TOO_QUICK_S, Input, answers
from signoff.cli.output import console, visible
from signoff.cli.screen import Screen, changes, has_suggestion
from signoff.domain.case import Case, State
from signoff.domain.content import difference
from signoff.domain.verdict import Approved, Edited, Rejected, Verdict
from signoff.errors import (
    CaseClosed,
    ClaimLost,
    ConflictError,
    ContentChanged,
    InvalidInput,
    OutsideError,
    RefusedError,
    SignoffError,
    UsageError,
)

if TYPE_CHECKING:
    from signoff.app import CaseView, Reviewer, Signoff

_HOLD_S = 300.0
_LOOK_AGAIN_S = 60.0
_SETTLE_S = 30.0
_BLOCK = 10
_MOVING = (State.HELD, State.CLEARED, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Ruled:
    """
    One verdict of a sitting.

    Args:
        case_id: The case.
        counted: `accepted`, `corrected` or `rejected`.
        labelled: Whether it chose a category.
        named: The category, if nobody had named it before.
    """

    case_id: str
    counted: str
    labelled: bool
    named: str | None = None


@dataclass
class Sitting:
    """
    What happened in one sitting.

    Args:
        ruled: The verdicts that stand, in order.
        states: Where the cases stood at its end, but for rejected ones, which have no effect.
        interrupted: Whether Ctrl+C ended it.
    """

    ruled: list[Ruled] = field(default_factory=list)
    states: Counter[State] = field(default_factory=Counter)
    interrupted: bool = False

    def count(self, counted: str) -> int:
        """Count the verdicts of one kind."""
        return sum(ruled.counted == counted for ruled in self.ruled)

    @property
    def right(self) -> list[bool]:
        """For each category that was decided, whether the first pass had been right."""
        return [ruled.counted == "accepted" for ruled in self.ruled if ruled.labelled and ruled.counted != "rejected"]

    def summary(self) -> list[str]:
        """Say it in a few lines."""
        if not self.ruled:
            return ["No verdicts in this sitting."]
        counted = ", ".join(f"{self.count(kind)} {kind}" for kind in ("accepted", "corrected", "rejected"))
        lines = [f"{_many(len(self.ruled), 'verdict')}: {counted}."]
        right = self.right
        if len(right) >= 2 * _BLOCK:
            lines.append(
                f"First pass right: {sum(right[:_BLOCK])} of the first {_BLOCK}, "
                f"{sum(right[-_BLOCK:])} of the last {_BLOCK}."
            )
        told = {
            "done": self.states[State.DONE],
            "still to come": sum(self.states[state] for state in _MOVING),
            "failed": self.states[State.FAILED],
            "unknown, a lead has to look": self.states[State.UNKNOWN],
        }
        effects = ", ".join(f"{count} {what}" for what, count in told.items() if count)
        if effects:
            lines.append(f"Effects: {effects}.")
        return lines


def sit(
    app: Signoff,
    reviewer: Reviewer,
    *,
    checkpoint: str | None = None,
    batch: int = 5,
    source: Input | None = None,
) -> Sitting:
    """
    Let a person rule on case after case.

    On a terminal it is interactive; otherwise it reads one answer a line, until the end of the input.

    Args:
        app: Where the cases are; effects run here if it declares their checkpoint.
        reviewer: Who sits down.
        checkpoint: Only cases of this checkpoint.
        batch: Cases claimed at a time, >= 1.
        source: Where the answers come from; the terminal or standard input by default.

    Returns:
        What happened.
    """
    desk = _Desk(app, reviewer, checkpoint, batch, source or answers())
    try:
        desk.run()
    except KeyboardInterrupt:
        desk.sitting.interrupted = True
    finally:
        desk.leave()
    return desk.sitting


class _Quit(Exception):
    """The reviewer gets up."""


class _Desk:
    def __init__(self, app: Signoff, reviewer: Reviewer, checkpoint: str | None, batch: int, answers: Input) -> None:
        self._app = app
        self._reviewer = reviewer
        self._checkpoint = checkpoint
        self._batch = batch
        self._answers = answers
        self._screen = Screen(console())
        self._next: list[Case] = []
        self._open: Case | None = None
        self._labels: dict[str, dict[str, None]] = {}
        self.sitting = Sitting()

    # --- the loop

    def run(self) -> None:
        try:
            while True:
                self._open = self._take()
                if self._open is not None:
                    self._one(self._open)
                    self._open = None
                elif not self._idle():
                    return
        except (_Quit, EOFError):
            return

    def _take(self) -> Case | None:
        while True:
            if not self._next:
                self._next = self._reviewer.claim(self._batch, checkpoint=self._checkpoint, hold_s=_HOLD_S)
            if not self._next:
                return None
            case = self._next.pop(0)
            expires = case.claim_expires_at
            if expires is not None and (expires - self._app.clock.now()).total_seconds() > _LOOK_AGAIN_S:
                return case
            try:
                return self._reviewer.claim_case(case.id, hold_s=_HOLD_S)
            except (ConflictError, RefusedError) as error:
                self._screen.say(error.message, "yellow")

    def _idle(self) -> bool:
        """Say that nothing waits; tell whether to look again."""
        waiting = self._app.counts(self._checkpoint).get(State.WAITING, 0)
        also = f" {waiting:,} more snoozed, or with others." if waiting else ""
        self._screen.say(f"Nothing is waiting for you.{also}", "bold")
        if not self._answers.interactive:
            return False
        line = self._read("Enter looks again · :u undo · :q quit > ")
        match understand(line, known=None):
            case Command(":q"):
                return False
            case Command(":u"):
                self._undo()
            case Command(":?"):
                self._screen.help()
        return True

    def _one(self, case: Case) -> None:
        """Show a case until it is dealt with."""
        view = self._reviewer.view(case)
        known = self._known(view) if view.checkpoint.label else []
        self._screen.case(view, status=self._status(view), known=known)
        self._answer(view, known)

    def _status(self, view: CaseView) -> str:
        waiting = self._app.counts(view.case.checkpoint).get(State.WAITING, 0)
        done = len(self.sitting.ruled)
        share = f" · {self.sitting.count('accepted') / done:.0%} accepted" if done else ""
        return f"{view.case.checkpoint} · {waiting:,} waiting · {done:,} decided{share}"

    def _known(self, view: CaseView) -> list[str]:
        label, name = view.checkpoint.label or "", view.case.checkpoint
        if name not in self._labels:
            self._labels[name] = dict.fromkeys(self._app.labels(name))
        proposed = [str(view.content.arguments.get(label, ""))]
        proposed += [str(other["arguments"].get(label, "")) for other in view.content.alternatives]
        return list(dict.fromkeys(name for name in (*self._labels[name], *proposed) if name))

    # --- one answer

    def _answer(self, view: CaseView, known: Sequence[str]) -> None:
        label = view.checkpoint.label
        others = [str(a["arguments"].get(label, "")) for a in view.content.alternatives] if label else []
        painted = time.monotonic()
        done = False
        while not done:
            line = self._read("> ", [*known, *COMMANDS])
            seconds = time.monotonic() - painted
            match understand(line, known=known if label else None, alternatives=others):
                case Accept():
                    if has_suggestion(view):
                        done = self._rule(view, Approved(), seconds)
                    else:
                        self._screen.say("There is no suggestion to accept; type a category.", "yellow")
                case Unclear(why):
                    self._screen.say(why, "yellow")
                case Command(name, rest):
                    done = self._command(view, name, rest, seconds)
                case Correct() | Offer() | New() as answer:
                    chosen = self._label(answer)
                    if chosen is not None:
                        done = self._rule(view, Edited(view.content.arguments | {label or "": chosen}), seconds)

    def _read(self, prompt: str, words: Sequence[str] = ()) -> str:
        """Give the next line, but for an Enter that comes quicker than anybody reads."""
        quiet_since = time.monotonic()
        told = False
        while True:
            line = self._answers.read(prompt, words)
            now = time.monotonic()
            if line.strip() or not self._answers.interactive or now - quiet_since >= TOO_QUICK_S:
                return line
            # A held key goes on for as long as it is held, so it must be quiet first.
            quiet_since = now
            if not told:
                self._screen.say(TOO_QUICK, "yellow")
                told = True

    def _label(self, answer: Correct | Offer | New) -> str | None:
        match answer:
            case Correct(label):
                return label
            case Offer((label,), typed):
                said = self._read(f'{label}? Enter = yes, n = new category "{typed}" > ')
                if _is(said, "", "y", "yes"):
                    return label
                return typed if _is(said, "n", "new") else None
            case Offer(labels, typed):
                said = self._read(f'{" or ".join(labels)}? type more; n = new category "{typed}" > ')
                if _is(said, "n", "new"):
                    return typed
                found = understand(said, known=labels) if said.strip() else None
                match found:
                    case Correct(label) | Offer((label,), _):
                        return label
                return None
            case New(label):
                said = self._read(f'New category "{label}"? Enter = yes, n = back > ')
                return label if _is(said, "", "y", "yes") else None

    def _rule(self, view: CaseView, verdict: Verdict, seconds: float) -> bool:
        """Send a verdict; tell whether the case is dealt with, or must be answered again."""
        try:
            after = self._send(view, verdict, seconds)
        except ContentChanged as error:
            self._screen.say(f"It changed while you looked: {changes(error.facts['difference'])}", "yellow")
            self._bring_back(view.case.id)
            return True
        except (ConflictError, RefusedError) as error:
            self._screen.say(error.message, "yellow")
            return True
        except (UsageError, OutsideError) as error:
            self._screen.say(error.message, "red")
            return False
        self._count(view, verdict, after)
        return True

    def _send(self, view: CaseView, verdict: Verdict, seconds: float) -> Case:
        try:
            return self._reviewer.rule(view.case, verdict, seconds=seconds)
        except ClaimLost:
            # The claim lapsed while somebody thought; the answer holds if it is about the same words.
            renewed = self._reviewer.view(self._reviewer.claim_case(view.case.id, hold_s=_HOLD_S))
            changed = difference(view.content.arguments, renewed.content.arguments)
            if changed:
                raise ContentChanged("it changed meanwhile", case_id=view.case.id, difference=changed) from None
            return self._reviewer.rule(renewed.case, verdict, seconds=seconds)

    def _bring_back(self, case_id: str) -> bool:
        """Put a case before the others; tell whether it is still to be had."""
        try:
            self._next.insert(0, self._reviewer.claim_case(case_id, hold_s=_HOLD_S))
        except (ConflictError, RefusedError) as error:
            self._screen.say(error.message, "yellow")
            return False
        return True

    def _count(self, view: CaseView, verdict: Verdict, after: Case) -> None:
        label = view.checkpoint.label
        final = verdict.arguments if isinstance(verdict, Edited) else view.content.arguments
        if isinstance(verdict, Rejected):
            counted = "rejected"
        else:
            counted = "accepted" if has_suggestion(view) and final == self._first_pass(view) else "corrected"
        said, named = counted, None
        if label is not None and counted != "rejected":
            chosen = str(final.get(label))
            if chosen not in self._labels[view.case.checkpoint]:
                self._labels[view.case.checkpoint][chosen] = None
                named = chosen
            said += f": {visible(chosen, newlines=False)}"
        self.sitting.ruled.append(Ruled(after.id, counted, label is not None, named))
        if after.state is State.HELD:
            said += f" · :u takes it back within {view.checkpoint.undo_s:g} s"
        elif after.state is State.WAITING:
            said += " · another opinion is needed"
        self._screen.say(said, "green")

    def _first_pass(self, view: CaseView) -> dict[str, Any]:
        """Give what the drafter had proposed; a case that came back holds the reviewer's own words."""
        if view.case.revision == view.case.draft_revision:
            return view.content.arguments
        contents = self._app.history(view.case.id).contents
        return contents[view.case.draft_revision - 1].arguments

    # --- commands; each tells whether the case on the screen is dealt with

    def _command(self, view: CaseView, name: str, rest: str, seconds: float) -> bool:
        verbs: dict[str, Callable[[], bool]] = {
            ":q": self._quit,
            ":?": self._help,
            ":n": lambda: self._whole(view),
            ":r": lambda: self._rule(view, Rejected(rest or None), seconds),
            ":u": lambda: self._undo(view.case),
            ":s": lambda: self._snooze(view.case, rest),
            ":h": lambda: self._hand_over(view.case, rest),
            ":e": lambda: self._edit(view, seconds),
            ":d": lambda: self._redraft(view.case, rest),
        }
        try:
            return verbs[name]()
        except SignoffError as error:
            self._screen.say(error.message, "yellow")
            return False

    def _quit(self) -> bool:
        raise _Quit

    def _help(self) -> bool:
        self._screen.help()
        return False

    def _whole(self, view: CaseView) -> bool:
        self._screen.whole(view, paged=self._answers.interactive)
        return False

    def _undo(self, current: Case | None = None) -> bool:
        if not self.sitting.ruled:
            self._screen.say("There is no verdict of this sitting to take back.", "yellow")
            return False
        last = self.sitting.ruled[-1]
        try:
            self._reviewer.recall(last.case_id)
        except CaseClosed as error:
            state = error.facts.get("state", "closed")
            now = "its effect is on its way" if state in _MOVING else f"it is {state}"
            self._screen.say(f"Too late to take it back: the hold is over and {now}.", "yellow")
            return False
        self.sitting.ruled.pop()
        for labels in self._labels.values():
            labels.pop(last.named or "", None)
        if current is not None:
            # It waits its turn behind the one that came back.
            self._next.insert(0, current)
        if self._bring_back(last.case_id):
            self._screen.say("Taken back; here it is again.", "green")
        return True

    def _snooze(self, case: Case, rest: str) -> bool:
        try:
            minutes = float(rest or 60)
        except ValueError:
            minutes = math.nan
        if not minutes > 0:
            self._screen.say(f'":s {rest}" needs a number of minutes above 0, such as :s 30', "yellow")
            return False
        self._reviewer.snooze(case, for_s=60 * minutes)
        self._screen.say(f"snoozed for {_many(minutes, 'minute')}", "green")
        return True

    def _hand_over(self, case: Case, rest: str) -> bool:
        to, _, note = rest.partition(" ")
        if not to:
            self._screen.say(":h needs a name: :h ada, or :h group:billing", "yellow")
            return False
        self._reviewer.hand_over(case, to, note=note or None)
        self._screen.say(f"handed over to {to}", "green")
        return True

    def _redraft(self, case: Case, note: str) -> bool:
        if not note:
            self._screen.say(":d needs a note that says what should be different", "yellow")
            return False
        self._reviewer.redraft(case, note)
        self._screen.say("asked for another draft", "green")
        self._bring_back(case.id)
        return True

    def _edit(self, view: CaseView, seconds: float) -> bool:
        from signoff.cli.editor import arguments_in, as_text, edit

        started = time.monotonic()
        text = as_text(view.content.arguments)
        while True:
            before, text = text, edit(text)
            try:
                arguments = arguments_in(text)
            except InvalidInput as error:
                self._screen.say(error.message, "red")
            else:
                if arguments == view.content.arguments:
                    self._screen.say("Nothing was changed.", "yellow")
                    return False
                if self._rule(view, Edited(arguments), seconds + time.monotonic() - started):
                    return True
            if text == before or not self._answers.interactive:
                return False
            if not _is(self._read("Enter = edit it again, n = leave it as it was > "), "", "y", "yes"):
                return False

    # --- getting up

    def leave(self) -> None:
        """Give claims back, and let the last verdicts take effect where effects run here."""
        for case in [*([self._open] if self._open else []), *self._next]:
            try:
                self._reviewer.release(case)
            except SignoffError:
                # Claims lapse by themselves in minutes.
                break
        try:
            if not self.sitting.interrupted:
                self._settle()
        except KeyboardInterrupt:
            self._screen.say("The last verdicts take effect at the next start.", "yellow")
        try:
            for ruled in self.sitting.ruled:
                if ruled.counted == "rejected":
                    continue
                self.sitting.states[self._app.case(ruled.case_id).seen.state] += 1
        except SignoffError as error:
            self._screen.say(error.message, "red")
        for line in self.sitting.summary():
            self._screen.say(line, "bold")

    def _settle(self) -> None:
        held = [
            handle for ruled in self.sitting.ruled if (handle := self._app.case(ruled.case_id)).seen.state in _MOVING
        ]
        if not held or not self._app.runs(held[-1].seen.checkpoint):
            return
        self._screen.say("Letting the last verdicts take effect; Ctrl+C leaves that to the next start.", "dim")
        until = time.monotonic() + _SETTLE_S
        for handle in held:
            try:
                handle.outcome(timeout_s=max(0.0, until - time.monotonic()))
            except SignoffError as error:
                self._screen.say(error.message, "yellow")
                return


def _is(said: str, *words: str) -> bool:
    return said.strip().casefold() in words


def _many(count: float, what: str) -> str:
    return f"{count:,.12g} {what}" + ("" if count == 1 else "s")
