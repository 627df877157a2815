"""What the desk in the browser tests asks people about; declared alike in the test and in the server it starts."""

from __future__ import annotations

import os
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

    @app.checkpoint(undo_s=60)
    def store(data: Any) -> str:
        """Keep a record."""
        return "kept"

    return {"reply": reply, "refund": refund, "route": route, "store": store}


def served() -> Signoff:
    """Open the desk that the environment names; `signoff serve` calls this through the module that a test writes."""
    app = Signoff(os.environ[URL])
    declare(app)
    return app
