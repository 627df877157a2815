"""
A process that works on a Signoff file with short leases, until it is told to stop or killed.

    python -m tests.crash.worker hang FOLDER LEASE_S       propose a case, and hang in its handler
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

from signoff import Signoff, current_effect
from signoff.runtime.leases import Leases


def tell(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def hang(folder: Path, lease_s: float) -> None:
    app = Signoff(folder / "signoff.db", workers=1)
    app._leases = Leases(app.store, app.clock, lease_s=lease_s)

    @app.checkpoint(timeout_s=3600)
    def send(text: str) -> None:
        tell(inside=current_effect().case_id)
        threading.Event().wait()

    send.propose(text="hello")
    tell(ready="hang")
    threading.Event().wait()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["hang", folder, lease_s]:
            hang(Path(folder), float(lease_s))
        case _:
            sys.exit(__doc__)
