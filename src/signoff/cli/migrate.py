"""`signoff migrate`: bring a database up to date."""

from __future__ import annotations

from typing import Annotated

import typer

from signoff.cli.output import database, told


@told
def migrate(
    url: Annotated[str | None, typer.Argument(help="The database. Default: $SIGNOFF_URL or signoff.db.")] = None,
) -> None:
    """Bring a database to the schema of this version, wholly or not at all; stop what uses it first."""
    from signoff.app.upkeep import migrate

    before, after = migrate(database(url))
    if before == after:
        typer.echo(f"schema {after} already; nothing to do")
    elif before is None:
        typer.echo(f"an empty database, now with schema {after}")
    else:
        typer.echo(f"schema {before} → {after}")
