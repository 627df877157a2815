"""
Draw docs/pictures/review.svg from the real terminal review.

Rules on the first messages of the sample with their own labels, then runs `signoff review --sample` in tmux, answers
one more message, captures the screen, and writes it as SVG:

    .venv/bin/python docs/pictures/terminal_review.py
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from signoff.samples.support import messages, open_desk

WIDTH, HEIGHT = 92, 23
TARGET = Path(__file__).with_name("review.svg")
_COLOURS = [(255, 141, 132), (98, 207, 151), (240, 192, 99), (142, 168, 255), (200, 160, 255), (120, 200, 220)]
THEME = TerminalTheme(
    (26, 26, 31),
    (236, 236, 240),
    [(26, 26, 31), *_COLOURS, (163, 163, 174)],
    [(91, 91, 98), *_COLOURS, (236, 236, 240)],
)


def main() -> None:
    """Capture and draw."""
    with tempfile.TemporaryDirectory() as folder:
        screen = capture(Path(folder))
    console = Console(record=True, width=WIDTH, height=HEIGHT, file=sys.stderr, force_terminal=True)
    console.print(Text.from_ansi(screen))
    svg = console.export_svg(title="signoff review --sample", theme=THEME, unique_id="review")
    # A picture loads nothing from anywhere: the reader's own monospaced font will do.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    # Without it, spaces at the beginning of a piece are swallowed.
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)
    TARGET.write_text(svg.replace("Fira Code", "ui-monospace, Menlo, Consolas"), encoding="utf-8")


def capture(folder: Path) -> str:
    """Work through some messages and give the screen as it then is, with its colours."""
    session = f"signoff-picture-{folder.name}"
    signoff = Path(sys.executable).with_name("signoff")

    def tmux(*words: str) -> str:
        return subprocess.run(["tmux", *words], check=True, capture_output=True, text=True).stdout

    def wait_for(text: str) -> None:
        until = time.monotonic() + 20
        while text not in tmux("capture-pane", "-p", "-t", session):
            if time.monotonic() > until:
                raise TimeoutError(f"{text!r} did not appear")
            time.sleep(0.1)

    rule_on(folder / "signoff-sample.db", 90)
    command = f"cd {folder} && {signoff} review --sample --as grace"
    tmux("new-session", "-d", "-s", session, "-x", str(WIDTH), "-y", str(HEIGHT), command)
    try:
        wait_for("0 decided")
        # Longer than the screen takes for too quick an answer.
        time.sleep(0.5)
        tmux("send-keys", "-t", session, "Enter")
        wait_for("1 decided")
        time.sleep(0.5)
        tmux("send-keys", "-t", session, "re")
        wait_for("returns ")
        time.sleep(0.5)
        return tmux("capture-pane", "-e", "-p", "-t", session)
    finally:
        tmux("kill-session", "-t", session)


def rule_on(path: Path, verdicts: int) -> None:
    """Let the desk learn from that many verdicts first."""
    desk = open_desk(path)
    with desk.app:
        reviewer = desk.app.reviewer("ada")
        gold = dict(zip(desk.propose_all(), (message.category for message in messages()), strict=True))
        ruled = [
            reviewer.edit(case, desk.app.view(case).content.arguments | {"category": gold[case.id]})
            for case in reviewer.claim(verdicts)
        ]
        desk.app.case(ruled[-1].id).outcome(timeout_s=30)


if __name__ == "__main__":
    main()
