"""Sitting: one person at a terminal, case after case, until they quit."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from signoff.cli.answer import COMMANDS, Accept, Command, Correct, New, Offer, Unclear, understand
from signoff.cli.output import console
from signoff.cli.screen import Screen, changes, has_suggestion
from signoff.domain.case import Case, State
from signoff.domain.verdict import Approved, Edited, Rejected, Verdict
from signoff.errors import ClaimLost, ConflictError, ContentChanged, RefusedError, SignoffError, UsageError

if TYPE_CHECKING:
    from signoff.app import CaseView, Reviewer, Signoff

TOO_QUICK_S = 0.25
"""An Enter within this time after a case was painted cannot be an answer to it; a held key sends such."""

_HOLD_S = 300.0
_LOOK_AGAIN_S = 60.0


class Input(Protocol):
    """Where answers come from."""

    interactive: bool

    def read(self, prompt: str, known: Sequence[str]) -> str:
        """Give the next line; raises EOFError when there is none."""
        ...


class Lines:
    """Answers from a pipe or file, one a line."""

    interactive = False

    def read(self, prompt: str, known: Sequence[str]) -> str:  # noqa: ARG002 - nobody sees a prompt in a pipe
        """Give the next line."""
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")


class Keyboard:
    """Answers from a terminal, with completion and history; follows its size."""

    interactive = True

    def __init__(self) -> None:
        import os

        from prompt_toolkit import PromptSession
        from prompt_toolkit.output import ColorDepth

        self._session: PromptSession[str] = PromptSession(
            complete_while_typing=True,
            reserve_space_for_menu=4,
            color_depth=ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None,
        )

    def read(self, prompt: str, known: Sequence[str]) -> str:
        """Give the next line."""
        from prompt_toolkit.completion import FuzzyCompleter, WordCompleter

        words = [*known, *COMMANDS]
        completer = FuzzyCompleter(WordCompleter(words, ignore_case=True, sentence=True), pattern=r"^\S.*")
        return self._session.prompt(prompt, completer=completer)


@dataclass
class Sitting:
    """
    What happened in one sitting.

    Args:
        accepted: Verdicts that took the proposal as it was.
        corrected: Verdicts that changed it.
        rejected: Verdicts that refused it.
        right: For each label verdict in order, whether the first pass was right.
        ruled: Cases ruled on, in order.
        interrupted: Whether Ctrl+C ended it.
    """

    accepted: int = 0
    corrected: int = 0
    rejected: int = 0
    right: list[bool] = field(default_factory=list)
    ruled: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def verdicts(self) -> int:
        """Verdicts in all."""
        return self.accepted + self.corrected + self.rejected

    def summary(self) -> str:
        """Say it in a line."""
        if not self.verdicts:
            return "No verdicts in this sitting."
        many = "1 verdict" if self.verdicts == 1 else f"{self.verdicts} verdicts"
        text = f"{many}: {self.accepted} accepted, {self.corrected} corrected, {self.rejected} rejected."
        if len(self.right) >= 20:
            first, last = self.right[:10], self.right[-10:]
            text += f" First pass right: {sum(first)} of the first 10, {sum(last)} of the last 10."
        return text


def sit(
    app: Signoff,
    reviewer: Reviewer,
    *,
    checkpoint: str | None = None,
    known_labels: Callable[[], Sequence[str]] | None = None,
    batch: int = 5,
) -> Sitting:
    """
    Let a person rule on case after case.

    On a terminal it is interactive; otherwise it reads one answer a line from standard input, until its end.

    Args:
        app: Where the cases are; effects run here if it declares their checkpoint.
        reviewer: Who sits down.
        checkpoint: Only cases of this checkpoint.
        known_labels: The labels there are, asked anew for each case; by default those proposed so far.
        batch: Cases claimed at a time, >= 1.

    Returns:
        What happened.
    """
    answers: Input = Keyboard() if sys.stdin.isatty() and sys.stdout.isatty() else Lines()
    desk = _Desk(app, reviewer, checkpoint, known_labels, batch, answers)
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
    def __init__(
        self,
        app: Signoff,
        reviewer: Reviewer,
        checkpoint: str | None,
        known_labels: Callable[[], Sequence[str]] | None,
        batch: int,
        answers: Input,
    ) -> None:
        self._app = app
        self._reviewer = reviewer
        self._checkpoint = checkpoint
        self._known_labels = known_labels
        self._batch = batch
        self._answers = answers
        self._screen = Screen(console())
        self._next: list[Case] = []
        self._named: dict[str, None] = {}
        self._counted: dict[str, str] = {}
        self.sitting = Sitting()

    # --- the loop

    def run(self) -> None:
        try:
            while True:
                case = self._take()
                if case is None:
                    if not self._idle():
                        return
                    continue
                self._one(case)
        except (_Quit, EOFError):
            return

    def _take(self) -> Case | None:
        if not self._next:
            self._next = self._reviewer.claim(self._batch, checkpoint=self._checkpoint, hold_s=_HOLD_S)
        if not self._next:
            return None
        case = self._next.pop(0)
        expires, now = case.claim_expires_at, self._app.clock.now()
        if expires is None or (expires - now).total_seconds() < _LOOK_AGAIN_S:
            return self._renewed(case)
        return case

    def _renewed(self, case: Case) -> Case | None:
        try:
            return self._reviewer.claim_case(case.id, hold_s=_HOLD_S)
        except (ConflictError, RefusedError) as error:
            self._screen.say(error.message, "yellow")
            return self._take()

    def _idle(self) -> bool:
        """Say that nothing waits; tell whether to look again."""
        self._screen.say("Nothing is waiting.", "bold")
        if not self._answers.interactive:
            return False
        answer = understand(
            self._answers.read("Enter looks again, :u takes the last back, :q quits > ", ()), known=None
        )
        match answer:
            case Command(":q"):
                return False
            case Command(":u"):
                self._undo()
        return True

    def _one(self, case: Case) -> None:
        """Show a case until it is dealt with."""
        view = self._app.view(case)
        if (view.case.revision, view.case.fence) != (case.revision, case.fence):
            self._next.insert(0, case)
            return
        whole = False
        while True:
            known = self._known(view) if view.checkpoint.label else []
            self._screen.case(view, status=self._status(view), known=known, whole=whole)
            outcome = self._ask(view, known, time.monotonic())
            if outcome == "whole":
                whole = True
            elif outcome == "undone":
                # The case on the screen waits its turn behind the one that came back.
                self._next.insert(1, case)
                return
            else:
                return

    def _status(self, view: CaseView) -> str:
        waiting = self._app.counts(view.case.checkpoint).get(State.WAITING, 0)
        done = self.sitting.verdicts
        share = f" · {self.sitting.accepted / done:.0%} accepted" if done else ""
        return f"{view.case.checkpoint} · {waiting:,} waiting · {done:,} decided{share}"

    # --- one answer

    def _ask(self, view: CaseView, known: Sequence[str], painted: float) -> str:
        label = view.checkpoint.label
        others = [str(a["arguments"].get(label, "")) for a in view.content.alternatives] if label else []
        while True:
            line = self._answers.read("> ", known)
            seconds = time.monotonic() - painted
            if not line.strip() and self._answers.interactive and seconds < TOO_QUICK_S:
                self._screen.say("That was quicker than anybody reads; press Enter again if you mean it.", "yellow")
                continue
            answer = understand(line, known=known if label else None, alternatives=others)
            match answer:
                case Accept():
                    if not has_suggestion(view):
                        self._screen.say("There is no suggestion to accept; type a category.", "yellow")
                        continue
                    done = self._rule(view, Approved(), seconds)
                case Unclear(why):
                    self._screen.say(why, "yellow")
                    continue
                case Command(name, rest):
                    done = self._command(view, name, rest, seconds)
                case _:
                    chosen = self._label(answer)
                    if chosen is None:
                        continue
                    done = self._correct(view, chosen, seconds)
            if done:
                return done

    def _known(self, view: CaseView) -> list[str]:
        label = view.checkpoint.label or ""
        proposed = [str(view.content.arguments.get(label, ""))]
        proposed += [str(other["arguments"].get(label, "")) for other in view.content.alternatives]
        known = self._known_labels() if self._known_labels else ()
        return list(dict.fromkeys(name for name in (*known, *self._named, *proposed) if name))

    def _label(self, answer: Correct | Offer | New) -> str | None:
        match answer:
            case Correct(label):
                return label
            case Offer(label, typed):
                said = self._answers.read(f'{label}? Enter = yes, n = new category "{typed}" > ', ()).strip().casefold()
                if said in ("", "y", "yes"):
                    return label
                return self._new(typed) if said in ("n", "new") else None
            case New(label):
                said = self._answers.read(f'New category "{label}"? y = yes, anything else = back > ', ())
                return self._new(label) if said.strip().casefold() in ("y", "yes") else None

    def _new(self, label: str) -> str:
        self._named[label] = None
        return label

    def _correct(self, view: CaseView, chosen: str, seconds: float) -> str:
        label = view.checkpoint.label or ""
        return self._rule(view, Edited(view.content.arguments | {label: chosen}), seconds)

    def _rule(self, view: CaseView, verdict: Verdict, seconds: float) -> str:
        """Send a verdict; give "ruled", or "" if the case must be answered again."""
        try:
            after = self._reviewer.rule(view.case, verdict, seconds=seconds)
        except ClaimLost as error:
            return self._rule_again(view, verdict, seconds, error)
        except ContentChanged as error:
            self._screen.say(f"It changed while you looked: {changes(error.facts['difference'])}", "yellow")
            self._next.insert(0, self._reviewer.claim_case(view.case.id, hold_s=_HOLD_S))
            return "ruled"
        except (ConflictError, RefusedError) as error:
            self._screen.say(error.message, "yellow")
            return "ruled"
        except UsageError as error:
            self._screen.say(error.message, "red")
            return ""
        self._count(view, verdict, after)
        return "ruled"

    def _rule_again(self, view: CaseView, verdict: Verdict, seconds: float, error: ClaimLost) -> str:
        """Renew a claim that lapsed while somebody thought; the answer holds if nothing changed."""
        try:
            case = self._reviewer.claim_case(view.case.id, hold_s=_HOLD_S)
        except SignoffError:
            self._screen.say(error.message, "yellow")
            return "ruled"
        if (case.revision, case.content_hash) != (view.case.revision, view.case.content_hash):
            self._screen.say("Your claim had lapsed, and the case changed meanwhile; here it is again.", "yellow")
            self._next.insert(0, case)
            return "ruled"
        self._count(view, verdict, self._reviewer.rule(case, verdict, seconds=seconds))
        return "ruled"

    def _count(self, view: CaseView, verdict: Verdict, after: Case) -> None:
        label = view.checkpoint.label
        final = verdict.arguments if isinstance(verdict, Edited) else view.content.arguments
        accepted = not isinstance(verdict, Rejected) and final == self._first_pass(view)
        counted = "rejected" if isinstance(verdict, Rejected) else "accepted" if accepted else "corrected"
        self._counted[after.id] = counted
        setattr(self.sitting, counted, getattr(self.sitting, counted) + 1)
        said = counted + (f": {final.get(label)}" if label and counted != "rejected" else "")
        if label is not None:
            self.sitting.right.append(accepted)
        self.sitting.ruled.append(after.id)
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

    # --- commands

    def _command(self, view: CaseView, name: str, rest: str, seconds: float) -> str:
        case = view.case
        try:
            match name:
                case ":q":
                    self._next.insert(0, case)
                    raise _Quit
                case ":?":
                    self._screen.help()
                case ":n":
                    return "whole"
                case ":r":
                    return self._rule(view, Rejected(rest or None), seconds)
                case ":u":
                    return "undone" if self._undo() else ""
                case ":s":
                    return self._snooze(case, rest)
                case ":h":
                    return self._hand_over(case, rest)
                case ":e":
                    return self._edit(view, seconds)
                case ":d":
                    return self._redraft(case, rest)
        except SignoffError as error:
            self._screen.say(error.message, "yellow")
        return ""

    def _undo(self) -> bool:
        if not self.sitting.ruled:
            self._screen.say("There is no verdict of this sitting to take back.", "yellow")
            return False
        case_id = self.sitting.ruled[-1]
        try:
            self._reviewer.recall(case_id)
        except SignoffError as error:
            self._screen.say(error.message, "yellow")
            return False
        self.sitting.ruled.pop()
        self._uncount(case_id)
        self._next.insert(0, self._reviewer.claim_case(case_id, hold_s=_HOLD_S))
        self._screen.say("Taken back; here it is again.", "green")
        return True

    def _uncount(self, case_id: str) -> None:
        counted = self._counted.pop(case_id)
        setattr(self.sitting, counted, getattr(self.sitting, counted) - 1)
        if self.sitting.right:
            self.sitting.right.pop()

    def _snooze(self, case: Case, rest: str) -> str:
        try:
            minutes = float(rest or 60)
        except ValueError:
            self._screen.say(f'":s {rest}" needs a number of minutes, such as :s 30', "yellow")
            return ""
        self._reviewer.snooze(case, for_s=60 * minutes)
        self._screen.say(f"snoozed for {minutes:g} minutes", "green")
        return "snoozed"

    def _hand_over(self, case: Case, rest: str) -> str:
        to, _, note = rest.partition(" ")
        if not to:
            self._screen.say(":h needs a name: :h ada, or :h group:billing", "yellow")
            return ""
        self._reviewer.hand_over(case, to, note=note or None)
        self._screen.say(f"handed over to {to}", "green")
        return "handed over"

    def _redraft(self, case: Case, rest: str) -> str:
        if not rest:
            self._screen.say(":d needs a note that says what should be different", "yellow")
            return ""
        self._reviewer.redraft(case, rest)
        self._next.insert(0, self._reviewer.claim_case(case.id, hold_s=_HOLD_S))
        return "redrafted"

    def _edit(self, view: CaseView, seconds: float) -> str:
        arguments = edit_json(view.content.arguments)
        if arguments is None:
            self._screen.say("Nothing was changed.", "yellow")
            return ""
        return self._rule(view, Edited(arguments), seconds)

    # --- getting up

    def leave(self) -> None:
        """Give claims back, and let the last verdicts take effect where effects run here."""
        for case in self._next:
            try:
                self._reviewer.release(case)
            except SignoffError:
                # It lapses by itself in minutes.
                continue
        if not self.sitting.interrupted:
            try:
                self._settle()
            except KeyboardInterrupt:
                self._screen.say("The last verdicts take effect at the next start.", "yellow")
        self._screen.say(self.sitting.summary(), "bold")

    def _settle(self) -> None:
        held = [
            handle
            for case_id in self.sitting.ruled
            if (handle := self._app.case(case_id)).seen.state in (State.HELD, State.CLEARED, State.RUNNING)
        ]
        if not held or not self._app.runs(held[-1].seen.checkpoint):
            return
        self._screen.say("Letting the last verdicts take effect; Ctrl+C leaves that to the next start.", "dim")
        for handle in held:
            try:
                handle.outcome(timeout_s=30)
            except SignoffError as error:
                self._screen.say(error.message, "yellow")
                return


def edit_json(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """
    Let a person edit arguments in $VISUAL, $EDITOR or vi.

    Returns:
        What they saved, or None if nothing changed.

    Raises:
        InvalidInput: If it is no JSON object; nothing is lost, the case stays as it is.
    """
    import json
    import os
    import shlex
    import subprocess
    import tempfile
    from pathlib import Path

    from signoff.domain.content import parse_json
    from signoff.errors import InvalidInput

    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arguments.json"
        path.write_text(json.dumps(arguments, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise InvalidInput(f"the editor {editor!r} did not work ({error}); set EDITOR to another") from None
        edited = parse_json(path.read_bytes(), where="the edited text")
    if not isinstance(edited, dict):
        raise InvalidInput("the edited text must be one JSON object with all arguments; the case stays as it was")
    return None if edited == arguments else edited
