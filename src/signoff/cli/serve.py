"""`signoff serve`: the HTTP API, for programs and people."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signoff.cli.output import database, fail, told
from signoff.cli.review import SAMPLE, login_name
from signoff.cli.target import import_app, names_app

if TYPE_CHECKING:
    from signoff.app import Signoff

TOKEN_VARIABLE = "SIGNOFF_LINK_TOKEN"


@told
def serve(
    target: Annotated[
        str | None,
        typer.Argument(
            help="A database, or module:app to run the effects here too. Default: $SIGNOFF_URL or signoff.db."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; beyond 127.0.0.1 only with accounts.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")] = 8642,
    host_name: Annotated[
        list[str] | None, typer.Option(help="A name the server is reached by, as in its URL; may be given again.")
    ] = None,
    proxy: Annotated[
        list[str] | None,
        typer.Option(
            help="Address or network of a reverse proxy to believe about callers and https; may be given again."
        ),
    ] = None,
    sample: Annotated[bool, typer.Option("--sample", help="Serve the sample support desk.")] = False,
    db: Annotated[Path, typer.Option(help="With --sample: where the desk is kept.")] = SAMPLE,
) -> None:
    """Serve the HTTP API until Ctrl+C."""
    from signoff.server import serve as run

    if sample and target is not None:
        fail("--sample brings its own desk; name a target or the sample, not both")
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s: %(message)s")
    with _sample(db) if sample else _target(target) as app:
        run(
            app,
            host=host,
            port=port,
            person=login_name(),
            host_names=host_name or (),
            token=os.environ.get(TOKEN_VARIABLE) or None,
            proxies=proxy or (),
            ready=_tell,
        )


def _tell(url: str) -> None:
    typer.echo(f"Signoff is at {url}")
    if "token=" in url:
        typer.echo("That link lets one person in, and only on this machine. Ctrl+C ends the server.")
    else:
        typer.echo("People sign in with their accounts. Ctrl+C ends the server.")


@contextmanager
def _sample(path: Path) -> Iterator[Signoff]:
    from signoff.samples.support import open_desk

    desk = open_desk(path, with_replies=True)
    assert desk.outbox is not None
    try:
        desk.app.start()
        desk.propose_all()
        desk.propose_replies()
        typer.echo(
            f"The sample support desk, kept in {path}; what you route arrives in {desk.receiver.path}, "
            f"what you send in {desk.outbox.path}."
        )
        yield desk.app
    finally:
        desk.app.close()


@contextmanager
def _target(target: str | None) -> Iterator[Signoff]:
    from signoff.app import Signoff, open_store

    name = database(target)
    if names_app(name):
        app = import_app(name)
    else:
        app = Signoff(open_store(name))
        typer.echo("Effects run where the application runs: signoff worker module:app.")
    try:
        yield app
    finally:
        app.close()
