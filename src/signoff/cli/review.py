"""`signoff review`: sit down at a desk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signoff.cli.cases import require_checkpoint
from signoff.cli.output import INTERRUPTED, database, fail, told
from signoff.cli.target import import_app, names_app

if TYPE_CHECKING:
    from signoff.app import Signoff

SAMPLE = Path("signoff-sample.db")


@told
def review(
    target: Annotated[
        str | None,
        typer.Argument(
            help="A database file, or module:app to run the effects here too. Default: $SIGNOFF_URL or signoff.db."
        ),
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Sit down at the sample support desk.")] = False,
    db: Annotated[Path, typer.Option(help="With --sample: where the desk is kept.")] = SAMPLE,
    checkpoint: Annotated[str | None, typer.Option(help="Only cases of this checkpoint.")] = None,
    reviewer: Annotated[str | None, typer.Option("--as", help="Who you are. Default: your login name.")] = None,
    batch: Annotated[int, typer.Option(min=1, max=1000, help="Cases to claim at a time.")] = 5,
) -> None:
    """Review what is waiting, in this terminal."""
    from signoff.cli.sitting import sit

    if sample and target is not None:
        fail("--sample brings its own desk; name a target or the sample, not both")
    with _sample(db) if sample else _target(target) as app:
        if checkpoint is not None and not app.runs(checkpoint):
            require_checkpoint(app, checkpoint)
        sitting = sit(
            app,
            app.reviewer(reviewer or login_name()),
            checkpoint=checkpoint,
            batch=batch,
        )
    if sitting.interrupted:
        raise typer.Exit(INTERRUPTED)


def login_name() -> str:
    """Give the name somebody is logged in under."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # A container without a user database.
        return "reviewer"


@contextmanager
def _sample(path: Path) -> Iterator[Signoff]:
    from signoff.samples.support import open_desk

    desk = open_desk(path)
    try:
        new = not desk.app.checkpoint_names()
        desk.app.start()
        desk.propose_all()
        typer.echo(f"The sample support desk, kept in {path}.")
        typer.echo(f"What you route arrives in {desk.receiver.path}.")
        if not new:
            typer.echo("You go on where you were; remove both files to start anew.")
        yield desk.app
    finally:
        desk.app.close()


@contextmanager
def _target(target: str | None) -> Iterator[Signoff]:
    from signoff.app import Signoff, open_store

    name = database(target)
    if names_app(name):
        app = import_app(name)
        app.start()
    else:
        app = Signoff(open_store(name, create=False), workers=0)
        typer.echo("Verdicts are taken here; effects run where the application runs.")
    try:
        yield app
    finally:
        app.close()
