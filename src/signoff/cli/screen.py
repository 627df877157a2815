"""Screen: how a case looks in a terminal."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from signoff.cli.answer import COMMANDS
from signoff.cli.output import visible

if TYPE_CHECKING:
    from rich.console import Console

    from signoff.app import CaseView

_WIDEST = 88
_AROUND = 11
"""Lines of the screen that are not evidence."""


class Screen:
    """
    Draws cases.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console

    @property
    def width(self) -> int:
        """Columns that are used."""
        return max(20, min(self._console.width, _WIDEST))

    def say(self, text: str, style: str = "") -> None:
        """Print a line of our own."""
        self._console.print(visible(text), style=style, width=self.width)

    def rule(self) -> None:
        """Print a line across."""
        self._console.print("─" * self.width, style="dim")

    def case(self, view: CaseView, *, status: str, known: Sequence[str] = (), whole: bool = False) -> bool:
        """
        Draw a case: evidence first, then what is proposed.

        Args:
            view: What to show.
            status: The line above it.
            known: The labels there are.
            whole: Whether evidence is shown in full.

        Returns:
            Whether something was shortened.
        """
        self._console.print()
        self.rule()
        self.say(status, "dim")
        self._console.print()
        label = view.checkpoint.label
        shortened = self._evidence(view, whole)
        if label is None:
            self._arguments(view)
        else:
            self._suggestion(view, str(view.content.arguments.get(label, "")), label, known)
        self.rule()
        if label is None:
            self.say("Enter approves · :r rejects · :e edits · :u undoes · :q quits · :? help", "dim")
        else:
            self.say("Enter accepts · type a category to correct · :r reject · :u undo · :q quit · :? help", "dim")
        return shortened

    def help(self) -> None:
        """List the commands."""
        for name, (arguments, what) in COMMANDS.items():
            self._console.print(f"  {name} {arguments:<12} {what}", style="dim")

    def _evidence(self, view: CaseView, whole: bool) -> bool:
        room = max(4, self._console.height - _AROUND)
        shortened = False
        shown = view.evidence or {"arguments": {"value": view.content.arguments}}
        for name, item in shown.items():
            if len(shown) > 1:
                self.say(visible(name, newlines=False), "bold")
            lines = self._wrapped(_text(item["value"]))
            keep = len(lines) if whole or len(lines) <= room else room - 1
            for line in lines[:keep]:
                self._console.print(line)
            if keep < len(lines):
                self.say(f"… {len(lines) - keep} more lines; :n shows them", "dim")
                shortened = True
            self._console.print()
            room = max(2, room - keep - 1)
        return shortened

    def _wrapped(self, text: str) -> list[str]:
        from rich.text import Text

        lines: list[str] = []
        for paragraph in visible(text).split("\n"):
            wrapped = Text(paragraph).wrap(self._console, self.width)
            lines += [line.plain.rstrip() for line in wrapped] or [""]
        return lines

    def _suggestion(self, view: CaseView, suggestion: str, label: str, known: Sequence[str]) -> None:
        from rich.text import Text

        confidence = view.routing.confidence if view.routing else None
        if has_suggestion(view):
            edited = view.case.revision != view.case.draft_revision
            line = Text("your edit   " if edited else "suggestion  ", style="dim")
            line.append(visible(suggestion, newlines=False), style="bold green")
            if confidence is not None:
                line.append(f"  {confidence:.0%}")
            if view.content.rationale:
                line.append(f"  {visible(view.content.rationale, newlines=False)}", style="dim")
        else:
            line = Text("no suggestion yet: type a category", style="bold")
        self._console.print(line, width=self.width)
        if confidence == 0:
            if known:
                self._row("known", list(known))
            return
        others = [
            f"{number} {visible(str(other['arguments'].get(label, '')), newlines=False)}"
            + ("" if other.get("confidence") is None else f" {other['confidence']:.0%}")
            for number, other in enumerate(view.content.alternatives, start=1)
        ]
        if others:
            self._row("or", others)

    def _row(self, head: str, items: Sequence[str]) -> None:
        """Print items side by side, none broken across lines."""
        line = f"{head:<12}"
        for item in items:
            if len(line) + len(item) > self.width and line.strip() != head:
                self._console.print(line.rstrip(), style="dim")
                line = " " * 12
            line += f"{item}   "
        self._console.print(line.rstrip(), style="dim")

    def _arguments(self, view: CaseView) -> None:
        from rich.text import Text

        confidence = view.routing.confidence if view.routing else None
        sure = "" if confidence is None else f"  {confidence:.0%}"
        self._console.print(Text(f"{view.checkpoint.name}{sure}", style="bold green"), width=self.width)
        for name, value in view.content.arguments.items():
            lines = self._wrapped(f"{name}: {_text(value)}")
            for line in lines:
                self._console.print(f"  {line}")
        if view.content.rationale:
            self.say(f"the drafter says: {view.content.rationale}", "dim")


def has_suggestion(view: CaseView) -> bool:
    """Tell whether there is something to accept: a drafter that has no idea says so with a confidence of 0."""
    label = view.checkpoint.label
    if label is None or view.case.revision != view.case.draft_revision:
        return True
    confidence = view.routing.confidence if view.routing else None
    return confidence != 0 and bool(view.content.arguments.get(label))


def changes(difference: Mapping[str, Mapping[str, Any]]) -> str:
    """Say in one line what changed."""
    return "; ".join(f"{name}: {_text(both['seen'])} → {_text(both['now'])}" for name, both in difference.items())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
