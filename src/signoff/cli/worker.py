"""`signoff worker`: run effects and timers until told to stop."""

from __future__ import annotations

import logging
import os
import queue
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from signoff.cli.output import fail, told, visible
from signoff.cli.target import import_app, names_app

if TYPE_CHECKING:
    from signoff.app import Signoff

_STOPPING = (signal.SIGTERM, signal.SIGINT)


@told
def worker(
    target: Annotated[str, typer.Argument(help="The app whose effects are run, as module:app.")],
    only: Annotated[
        list[str] | None, typer.Option(help="Run effects of this checkpoint only; may be given again.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, max=1000, help="Handlers at a time of each checkpoint.")] = 4,
    grace: Annotated[
        float, typer.Option(min=0, help="Seconds for handlers that run to end, when told to stop.")
    ] = 30.0,
) -> None:
    """Run effects, holds, deadlines and retries until SIGTERM or Ctrl+C."""
    if not names_app(target):
        fail(f"{target} is no module:app; a worker needs the functions, so name the app that declares them")
    app = import_app(target)
    try:
        _require_declared(app, target, only)
        logging.basicConfig(
            level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
        )
        _work_until_told(app, only=only, workers=workers, grace_s=grace)
    finally:
        app.close(timeout_s=0)


def _require_declared(app: Signoff, target: str, only: list[str] | None) -> None:
    names = app.declared()
    if not names:
        fail(f"{target} declares no checkpoint, so there is nothing it could run")
    unknown = [name for name in only or () if name not in names]
    if unknown:
        fail(f"{target} declares no checkpoint {unknown[0]!r}; it declares: {', '.join(names)}")


def _work_until_told(app: Signoff, *, only: list[str] | None, workers: int, grace_s: float) -> None:
    from signoff.domain.webhook import DELIVERY_CHECKPOINT

    log = logging.getLogger("signoff.worker")
    # Its put is safe in a signal handler, which an event's set is not.
    told_to_stop: queue.SimpleQueue[int] = queue.SimpleQueue()

    def stop(number: int, _frame: FrameType | None) -> None:
        # The next signal does what it does to any program: it ends at once.
        for each in _STOPPING:
            signal.signal(each, signal.SIG_DFL)
        told_to_stop.put(number)

    for each in _STOPPING:
        signal.signal(each, stop)
    # A server without these functions can take proposals for them then.
    app.register()
    app.start(only=only, workers=workers)
    names = [name for name in app.declared() if app.runs(name)]
    if not only or DELIVERY_CHECKPOINT in only:
        app.deliver_webhooks()
    log.info(
        "running effects of %s, up to %d at a time each, and all holds and deadlines, on %s",
        visible(", ".join(names), newlines=False),
        workers,
        visible(app.database, newlines=False),
    )
    number = told_to_stop.get()
    log.info("%s: taking on nothing more; handlers that run have %g s to end", signal.Signals(number).name, grace_s)
    still = app.stop(timeout_s=grace_s)
    if not still:
        log.info("stopped")
        return
    log.warning("%d handlers still run and are left; each effect ends as its delivery says", still)
    app.close(timeout_s=0)
    logging.shutdown()
    # What a handler left running, such as a pool of threads, must not keep the process from ending.
    os._exit(0)
