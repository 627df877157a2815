"""A window that changes its size while a case is drawn costs no word of it."""

from __future__ import annotations

import io
from itertools import cycle

from rich.console import Console, ConsoleDimensions

from signoff import Signoff
from signoff.cli.screen import Screen
from signoff.testing import MemoryStore


class Restless(Console):
    """A terminal that somebody drags at: each look finds another size."""

    def __init__(self) -> None:
        super().__init__(file=io.StringIO(), highlight=False, markup=False)
        self._sizes = cycle([ConsoleDimensions(100, 40), ConsoleDimensions(30, 12)])

    @property
    def size(self) -> ConsoleDimensions:
        return next(self._sizes)

    @property
    def width(self) -> int:
        return self.size.width

    @property
    def height(self) -> int:
        return self.size.height


def test_a_case_is_whole_whatever_the_window_does_meanwhile() -> None:
    with Signoff(MemoryStore(), workers=0) as app:

        @app.checkpoint(label="team")
        def route(message: str, team: str) -> str:
            """Hand a message to a team."""
            return team

        words = [f"word{n}" for n in range(20)]
        case = route.propose(message=" ".join(words), team="sales", rationale="they ask for a price", confidence=0.8)
        console = Restless()
        Screen(console).case(app.view(case.id), status="Support replies, 12 waiting, 3 hours old")

    assert isinstance(console.file, io.StringIO)
    shown = " ".join(console.file.getvalue().split())
    for part in ("Support replies, 12 waiting, 3 hours old", "they ask for a price", *words):
        assert part in shown
    for hint in ("Enter accepts", "typing corrects", ":r reject", ":u undo", ":q quit", ":? help"):
        assert hint in console.file.getvalue()
