"""Answer: what a reviewer's line means, decided as a value; nothing happens here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

COMMANDS: dict[str, tuple[str, str]] = {
    ":r": ("[reason]", "reject"),
    ":u": ("", "undo the last verdict while its hold lasts"),
    ":s": ("[minutes]", "snooze, 60 minutes by default"),
    ":h": ("NAME [note]", "hand over to a person, or to group:NAME"),
    ":e": ("", "edit all arguments as JSON in $EDITOR"),
    ":d": ("NOTE", "ask for another draft"),
    ":n": ("", "show everything, unshortened"),
    ":q": ("", "quit; claimed cases go back"),
    ":?": ("", "this help"),
}
"""Every command, with its arguments and what it does."""

_ALIKE = 0.8
"""How much of a word, 0..1, must agree with a label to be taken for a slip of the fingers."""


@dataclass(frozen=True, slots=True)
class Accept:
    """Take it as it is shown."""


@dataclass(frozen=True, slots=True)
class Correct:
    """Take this label instead."""

    label: str


@dataclass(frozen=True, slots=True)
class Offer:
    """Ask whether what was typed stands for one of these labels, or for a new one."""

    labels: tuple[str, ...]
    typed: str


@dataclass(frozen=True, slots=True)
class New:
    """Ask whether this is a new label."""

    label: str


@dataclass(frozen=True, slots=True)
class Command:
    """A command with what follows it."""

    name: str
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nothing is done; say why."""

    why: str


Answer = Accept | Correct | Offer | New | Command | Unclear


def understand(line: str, *, known: Sequence[str] | None, alternatives: Sequence[str] = ()) -> Answer:
    """
    Say what a line means.

    A line that begins with a colon is a command or an error, never a label; any other line is never a command.

    Args:
        line: As typed.
        known: The labels there are; None where typed text is no answer.
        alternatives: What the numbers 1, 2, … stand for.

    Examples:
        >>> understand("shipping", known=["shipping"])
        Correct(label='shipping')
        >>> understand(":s 5", known=["shipping"])
        Command(name=':s', rest='5')
        >>> understand("ship", known=["shipping", "returns"])
        Offer(labels=('shipping',), typed='ship')
        >>> understand("2", known=["a"], alternatives=["b", "c"])
        Correct(label='c')
    """
    text = " ".join(line.split())
    if not text:
        return Accept()
    if text.startswith(":"):
        name, _, rest = text.partition(" ")
        if name in COMMANDS:
            return Command(name, rest)
        return Unclear(f"{name} is no command; there are {' '.join(COMMANDS)}")
    if known is None:
        return Unclear("Enter approves, :r rejects, :e edits; :? lists all commands")
    folded = text.casefold()
    for label in known:
        if label.casefold() == folded:
            return Correct(label)
    for number, label in enumerate(alternatives, start=1):
        if text == str(number):
            return Correct(label)
    begun = tuple(label for label in known if label.casefold().startswith(folded))
    meant = begun or _alike(folded, known)
    return Offer(meant, text) if meant else New(text)


def _alike(folded: str, known: Sequence[str]) -> tuple[str, ...]:
    by_folded = {label.casefold(): label for label in known}
    return tuple(by_folded[name] for name in get_close_matches(folded, by_folded, n=1, cutoff=_ALIKE))
