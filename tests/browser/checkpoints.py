"""What the desk in the browser tests asks people about; declared alike in the test and in the server it starts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from signoff import Signoff

URL = "SIGNOFF_BROWSER_DESK"


def declare(app: Signoff) -> dict[str, Any]:
    """Declare one checkpoint of each kind, and give them by name."""

    @app.checkpoint(undo_s=60)
    def reply(to: str, subject: str, text: str, refund_cents: int = 0) -> str:
        """Answer a customer."""
        return f"sent to {to}"

    @app.checkpoint(undo_s=0)
    def refund(order: str, cents: int) -> str:
        """Pay money back at once."""
        return f"refunded {cents} for {order}"

    @app.checkpoint(label="team", undo_s=60)
    def route(message: str, team: str) -> str:
        """Hand a message to a team."""
        return team

    @app.checkpoint(undo_s=2)
    def post(text: str) -> str:
        """Post a line on the board."""
        with board().open("a") as lines:
            lines.write(f"{text}\n")
        return "posted"

    @app.checkpoint(undo_s=60, opinions=2)
    def publish(headline: str) -> str:
        """Publish a headline; two people have to agree."""
        return f"published {headline}"

    @app.checkpoint(label="team", blind=True, undo_s=60)
    def sort(message: str, team: str) -> str:
        """Sort a message, before one sees what the AI thinks of it."""
        return team

    @app.checkpoint(blind=True, undo_s=60)
    def grant(person: str, cents: int) -> str:
        """Grant a sum, before one sees what the AI thinks of it."""
        return f"granted {cents} to {person}"

    @app.checkpoint(undo_s=0)
    def wire(account: str, cents: int) -> str:
        """Wire money over a line that goes dead."""
        raise RuntimeError("the line went dead")

    @app.checkpoint(undo_s=60)
    def store(data: Any) -> str:
        """Keep a record."""
        return "kept"

    functions = (reply, refund, route, post, publish, sort, grant, wire, store)
    return {function.name: function for function in functions}


def board() -> Path:
    """Where `post` writes."""
    return Path(f"{os.environ[URL]}.board")


def served() -> Signoff:
    """Open the desk that the environment names; `signoff serve` calls this through the module that a test writes."""
    app = Signoff(os.environ[URL])
    declare(app)
    return app
