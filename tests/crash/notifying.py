"""
A process that turns a ledger into deliveries and kills itself at a named point.

    python -m tests.crash.notifying FOLDER ALLOWED POINT
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from signoff import Signoff
from signoff.domain.webhook import DELIVERY_CHECKPOINT
from signoff.storage.sqlite import SqliteStore
from tests.crash.child import Scene, die, watch


def main(folder: Path, allowed: str, point: str) -> None:
    scene = Scene(point)
    store = SqliteStore(folder / "signoff.db")
    app = Signoff(store, workers=0)
    app.deliver_webhooks(allow=[allowed])
    # Registered before anything is watched, so that the next write is the one that tells.
    assert app.function(DELIVERY_CHECKPOINT).declaration.version
    watch(store, scene.at)
    scene.act = "tell"
    app.webhooks.notify()
    scene.act = "send"
    handling = app._handlings[DELIVERY_CHECKPOINT]

    def send(**arguments: Any) -> Any:
        scene.at("before_post")
        receipt = handling.handler(**arguments)
        scene.at("after_post")
        return receipt

    app._handlings[DELIVERY_CHECKPOINT] = replace(handling, handler=send)
    app.run_due()
    assert point == "none", "it was to die before"
    die()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
