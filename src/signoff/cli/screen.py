"""Screen: how a case looks in a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from signoff.cli.answer import COMMANDS
from signoff.cli.output import visible
from signoff.domain.content import canonical

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from signoff.app import CaseView

_WIDEST = 88
_AROUND = 15
"""Lines of the screen that are neither evidence nor arguments; the completion menu has its own among them."""

_HINTS = {
    (True, True): ("Enter accepts", "typing corrects", ":r reject", ":u undo", ":q quit", ":? help"),
    (True, False): ("type a category", ":r reject", ":s snooze", ":u undo", ":q quit", ":? help"),
    (False, True): ("Enter approves", ":r reject", ":e edit", ":u undo", ":q quit", ":? help"),
}
"""What to do, by whether a category is asked for, and whether there is something to accept."""


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
        self._flow(visible(text), style)

    def rule(self) -> None:
        """Print a line across."""
        self._exactly("─" * self.width, "dim")

    def case(self, view: CaseView, *, status: str, known: Sequence[str] = ()) -> None:
        """
        Draw a case: evidence first, then what is proposed.

        Args:
            view: What to show.
            status: The line above it.
            known: The labels there are.
        """
        self._console.print()
        self.rule()
        self.say(status, "dim")
        self._console.print()
        arguments = [] if view.checkpoint.label else self._arguments(view)
        shown = _shown(view)
        heads = 2 * len(shown) if len(shown) > 1 else 0
        self._materials(shown, room=max(4, self._console.height - _AROUND - heads - len(arguments)))
        if view.checkpoint.label is None:
            self._proposal(view, arguments)
        else:
            self._suggestion(view, str(view.content.arguments.get(view.checkpoint.label, "")), known)
        self.rule()
        self._row("", _HINTS[view.checkpoint.label is not None, has_suggestion(view)], between=" · ")

    def whole(self, view: CaseView, *, paged: bool) -> None:
        """Show everything a case is judged by, unshortened; on a terminal in its pager."""
        import pydoc

        lines = list(self._unshortened(_shown(view) or {"arguments": {"value": view.content.arguments}}))
        if paged:
            pydoc.pager("\n".join(lines) + "\n")
        else:
            for line in lines:
                self._exactly(line)

    def help(self) -> None:
        """List the commands."""
        for name, (arguments, what) in COMMANDS.items():
            self._flow(f"  {name} {arguments:<12} {what}", "dim")

    def _flow(self, text: str | Text, style: str = "") -> None:
        """Print a text, broken between its words where it is too long."""
        # Uncropped: the console asks for the width once to break lines and once to crop them, and a window that was
        # made smaller between the two would lose their ends.
        self._console.print(text, style=style, width=self.width, crop=False)

    def _exactly(self, line: str, style: str = "") -> None:
        """Print a line that is short enough for the size there was when it was made."""
        self._console.print(line, style=style, soft_wrap=True)

    def _materials(self, shown: Mapping[str, Mapping[str, Any]], *, room: int) -> None:
        """Print evidence, shortened to about so many lines in all."""
        for name, item in shown.items():
            if len(shown) > 1:
                self.say(visible(name, newlines=False), "bold")
            lines = self._wrapped(_text(item["value"], above=_texts(shown, name)))
            keep = len(lines) if len(lines) <= room else room - 1
            for line in lines[:keep]:
                self._exactly(line)
            if keep < len(lines):
                self.say(f"… {len(lines) - keep} more lines; :n shows them", "dim")
            self._console.print()
            room = max(2, room - keep - 1)

    def _unshortened(self, shown: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
        for name, item in shown.items():
            yield f"── {visible(name, newlines=False)}"
            yield from self._wrapped(_text(item["value"]))
            yield ""

    def _wrapped(self, text: str, *, less: int = 0) -> list[str]:
        from rich.text import Text

        lines: list[str] = []
        for paragraph in visible(text).split("\n"):
            wrapped = Text(paragraph).wrap(self._console, self.width - less)
            lines += [line.plain.rstrip() for line in wrapped] or [""]
        return lines

    def _suggestion(self, view: CaseView, suggestion: str, known: Sequence[str]) -> None:
        from rich.text import Text

        confidence = view.routing.confidence if view.routing else None
        if has_suggestion(view):
            edited = view.case.revision != view.case.draft_revision
            line = Text.assemble(("your edit   " if edited else "suggestion  ", "dim"))
            line.append(visible(suggestion, newlines=False), style="bold green")
            if confidence is not None:
                line.append(f"  {confidence:.0%}")
            if view.content.rationale:
                line.append(f"  {visible(view.content.rationale, newlines=False)}", style="dim")
        else:
            line = Text("no suggestion yet: type a category", style="bold")
        self._flow(line)
        if not has_suggestion(view):
            if known:
                self._row("known", list(known))
            return
        label = view.checkpoint.label or ""
        others = [
            f"{number} {visible(str(other['arguments'].get(label, '')), newlines=False)}"
            + ("" if other.get("confidence") is None else f" {other['confidence']:.0%}")
            for number, other in enumerate(view.content.alternatives, start=1)
        ]
        if others:
            self._row("or", others)

    def _row(self, head: str, items: Sequence[str], *, between: str = "   ") -> None:
        """Print items side by side, none broken across lines."""
        from rich.cells import cell_len

        indent = f"{head:<12}" if head else ""
        line, blank = indent, True
        for item in items:
            longer = line + ("" if blank else between) + item
            if not blank and cell_len(longer) > self.width:
                self._exactly(line, "dim")
                longer = " " * len(indent) + item
            line, blank = longer, False
        self._exactly(line, "dim")

    def _proposal(self, view: CaseView, arguments: Sequence[str]) -> None:
        from rich.text import Text

        head = Text.assemble((view.checkpoint.name, "bold green"))
        if view.routing is not None and view.routing.confidence is not None:
            head.append(f"  {view.routing.confidence:.0%}")
        head.append(f"  {visible(view.checkpoint.description.partition(chr(10))[0])}", style="dim")
        self._flow(head)
        for line in arguments:
            self._exactly(line)
        if view.content.rationale:
            self.say(f"the drafter says: {view.content.rationale}", "dim")

    def _arguments(self, view: CaseView) -> list[str]:
        return [
            f"  {line}"
            for name, value in view.content.arguments.items()
            for line in self._wrapped(f"{name}: {_text(value)}", less=2)
        ]


def has_suggestion(view: CaseView) -> bool:
    """Tell whether there is something to accept: a drafter that has no idea says so with a confidence of 0."""
    label = view.checkpoint.label
    if view.withheld and label is not None:
        return False
    if label is None or view.case.revision != view.case.draft_revision:
        return True
    confidence = view.routing.confidence if view.routing else None
    return confidence != 0 and bool(view.content.arguments.get(label))


def changes(difference: Mapping[str, Mapping[str, Any]]) -> str:
    """Say in one line what changed."""
    return "; ".join(f"{name}: {_text(both['seen'])} → {_text(both['now'])}" for name, both in difference.items())


def _shown(view: CaseView) -> dict[str, Mapping[str, Any]]:
    """Give what a case is judged by: its evidence and, at a label checkpoint, what else would run."""
    shown: dict[str, Mapping[str, Any]] = dict(view.evidence)
    if view.checkpoint.label is not None:
        there = {canonical(item["value"]) for item in view.evidence.values()}
        shown |= {
            f"argument {name}": {"value": value}
            for name, value in view.content.arguments.items()
            if name != view.checkpoint.label and canonical(value) not in there
        }
    return shown


def _texts(shown: Mapping[str, Mapping[str, Any]], name: str) -> list[str]:
    """List the texts that stand above this one on the screen."""
    above = list(shown)[: list(shown).index(name)]
    return [shown[other]["value"] for other in above if isinstance(shown[other]["value"], str)]


def _text(value: Any, above: Sequence[str] = ()) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and value and all(_is_flat(inner) for inner in value.values()):
        width = max(map(len, value)) if max(map(len, value)) <= 24 else 0
        return "\n".join(
            f"{name:<{width}}  {'(as above)' if inner in above and inner else _scalar(inner)}"
            for name, inner in value.items()
        )
    return json.dumps(value, ensure_ascii=False, indent=2)


def _is_flat(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _scalar(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
