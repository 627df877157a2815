"""Output: what every command shares: errors as one line, JSON, progress, and text that cannot harm a terminal."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from signoff.app import Signoff

P = ParamSpec("P")
T = TypeVar("T")

DEFAULT_URL = "signoff.db"
INTERRUPTED = 130


def told(command: Callable[P, T]) -> Callable[P, T]:
    """
    Give a command whose errors are one line on stderr: 2 for a call to mend, 1 for everything else, 130 for Ctrl+C.
    """

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        from signoff.errors import SignoffError, UsageError

        try:
            return command(*args, **kwargs)
        except SignoffError as error:
            fail(error.message, code=2 if isinstance(error, UsageError) else 1)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            # Whoever read our output has seen enough.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None

    return run


def fail(message: str, *, code: int = 2) -> NoReturn:
    """Say what is wrong on stderr and end the command."""
    typer.echo(f"error: {visible(message)}", err=True)
    raise typer.Exit(code)


def console(*, stderr: bool = False) -> Console:
    """Give a console that honours NO_COLOR and the terminal's width."""
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=False)


def database(url: str | None) -> str:
    """Give the database a command works on: the one named, else $SIGNOFF_URL, else signoff.db."""
    return url or os.environ.get("SIGNOFF_URL") or DEFAULT_URL


@contextmanager
def existing(url: str | None) -> Iterator[Signoff]:
    """Open a database that is there, without running any effect."""
    from signoff.app import Signoff, open_store

    app = Signoff(open_store(database(url), create=False), workers=0)
    try:
        yield app
    finally:
        app.close()


def as_json(value: Any) -> Any:
    """Give records, times and enums as JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: as_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {str(key): as_json(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [as_json(inner) for inner in value]
    return value


def print_json(value: Any) -> None:
    """Print one JSON document on one line."""
    typer.echo(json.dumps(as_json(value), ensure_ascii=False))


def visible(text: str, *, newlines: bool = True) -> str:
    """
    Give a text that cannot move the cursor, colour the screen or hide its order: such characters become marks.

    Examples:
        >>> visible("a\\x1b[31mb" + chr(0x202E) + "c")
        'a␛[31mb<U+202E>c'
    """
    if text.isprintable():
        return text
    around = " {} ".format(text.replace("\r\n", "\n"))
    return "".join(
        character if _joins_emoji(around, place) else _mark(character, newlines)
        for place, character in enumerate(around[1:-1], start=1)
    )


def _joins_emoji(text: str, place: int) -> bool:
    return text[place] == "\u200d" and all(
        unicodedata.category(text[beside]) in ("So", "Sk", "Mn") for beside in (place - 1, place + 1)
    )


def _mark(character: str, newlines: bool) -> str:
    if character == "\n":
        return "\n" if newlines else " "
    if character == "\t":
        return "    "
    if character.isprintable():
        return character
    if ord(character) < 0x20:
        return chr(0x2400 + ord(character))
    if character == "\x7f":
        return "␡"
    return " " if unicodedata.category(character) == "Zs" else f"<U+{ord(character):04X}>"


def progress(items: Iterable[T], *, what: str, total: int | None = None, after_s: float = 2.0) -> Iterator[T]:
    """
    Go through items; once it takes longer than `after_s`, show a bar, on a terminal only.

    Args:
        items: To go through.
        what: Shown beside the bar.
        total: How many there are, where that is known.
        after_s: Seconds before anything is shown.
    """
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield from items
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Redirected into a file, what is printed meanwhile must not land on the terminal.
    bar = Progress(*columns, console=screen, transient=True, redirect_stdout=sys.stdout.isatty())
    task = bar.add_task(what, total=total)
    started, shown = time.monotonic(), False
    try:
        for item in items:
            yield item
            bar.advance(task)
            if not shown and time.monotonic() - started > after_s:
                bar.start()
                shown = True
    finally:
        if shown:
            bar.stop()
