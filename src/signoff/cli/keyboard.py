"""Keyboard: where a reviewer's lines come from, a terminal or a pipe."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from prompt_toolkit.formatted_text import StyleAndTextTuples
    from prompt_toolkit.key_binding import KeyBindings

TOO_QUICK_S = 0.25
"""An Enter within this time after a case was painted, or after another such Enter, is a key that is held down."""

TOO_QUICK = "That was quicker than anybody reads; press Enter again if you mean it."


class Input(Protocol):
    """Where answers come from."""

    interactive: bool

    def read(self, prompt: str, words: Sequence[str] = ()) -> str:
        """Give the next line, completing to one of the words; raises EOFError when there is none."""
        ...


class Lines:
    """Answers from a pipe or file, one a line."""

    interactive = False

    def __init__(self) -> None:
        if isinstance(sys.stdin, io.TextIOWrapper):
            # What is no text becomes a mark, which is no category; it must not end the sitting.
            sys.stdin.reconfigure(errors="replace")

    def read(self, prompt: str, words: Sequence[str] = ()) -> str:  # noqa: ARG002 - nobody sees a prompt in a pipe
        """Give the next line."""
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.rstrip("\n")


class Keyboard:
    """Answers from a terminal, with completion and history; follows its size."""

    interactive = True

    def __init__(self) -> None:
        from prompt_toolkit import PromptSession
        from prompt_toolkit.output import ColorDepth

        self._quiet_since = 0.0
        self._too_quick = False
        self._session: PromptSession[str] = PromptSession(
            complete_while_typing=True,
            reserve_space_for_menu=4,
            key_bindings=self._bindings(),
            color_depth=ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None,
        )

    def read(self, prompt: str, words: Sequence[str] = ()) -> str:
        """Give the next line."""
        from prompt_toolkit.completion import FuzzyCompleter, WordCompleter

        completer = FuzzyCompleter(WordCompleter(list(words), ignore_case=True, sentence=True), pattern=r"^\S.*")
        self._quiet_since, self._too_quick = time.monotonic(), False

        def message() -> StyleAndTextTuples:
            hint: StyleAndTextTuples = [("ansiyellow", f"{TOO_QUICK}\n")] if self._too_quick else []
            return [*hint, ("", prompt)]

        return self._session.prompt(message, completer=completer)

    def _bindings(self) -> KeyBindings:
        """Pass over an empty Enter that comes too quickly, without a new line for each of a held key."""
        from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent

        bindings = KeyBindings()

        @bindings.add("enter")
        def enter(event: KeyPressEvent) -> None:
            now = time.monotonic()
            if event.current_buffer.text.strip() or now - self._quiet_since >= TOO_QUICK_S:
                event.current_buffer.validate_and_handle()
            else:
                self._quiet_since, self._too_quick = now, True

        return bindings


def answers() -> Input:
    """Give the terminal's keyboard, or the lines of standard input where there is no terminal."""
    return Keyboard() if sys.stdin.isatty() and sys.stdout.isatty() else Lines()
