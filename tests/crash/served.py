"""A served desk that can be killed: `python -m tests.crash.served FOLDER URL PORT`; prints where it listens."""

from __future__ import annotations

import sys
from pathlib import Path

from signoff import Signoff, current_effect
from signoff.server import serve
from tests.crash.receiver import Receiver


def declare(app: Signoff, receiver: Receiver) -> None:
    """Declare what is proposed in the tests of the server."""

    @app.checkpoint(undo_s=0, delivery="idempotent", backoff_s=0.01)
    def publish(title: str) -> str:
        """Put a text online."""
        return receiver.send(current_effect().key, once=True)


def main(folder: str, url: str, port: str) -> None:
    """Serve until killed."""
    with Signoff(url) as app:
        declare(app, Receiver(Path(folder) / "receiver.log"))
        serve(app, port=int(port), person="grace", ready=lambda at: print(at, flush=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
