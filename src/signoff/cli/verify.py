"""`signoff verify`: whether the rows tell one story."""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated, cast

import typer

from signoff.cli.output import existing, print_json, progress, told, visible


@told
def verify(
    url: Annotated[str | None, typer.Argument(help="The database. Default: $SIGNOFF_URL or signoff.db.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> None:
    """Compare every case with its ledger, contents, verdicts and receipts; end with 1 if anything contradicts."""
    from contextlib import closing
    from itertools import count

    with existing(url) as app:
        total = sum(app.counts().values())
        bar = cast("Generator[int, None, None]", progress(count(1), what="comparing", total=total))

        def compared(cases: int) -> None:
            while next(bar) < cases:
                pass

        with closing(bar):
            found = app.verify(progress=compared)
    if json:
        print_json(found)
    else:
        for contradiction in found.contradictions:
            typer.echo(visible(f"{contradiction.case_id}: {contradiction.problem}", newlines=False))
        wrong = len(found.contradictions)
        verdict = f"{wrong:,} contradictions" if wrong > 1 else "1 contradiction" if wrong else "no contradiction"
        typer.echo(
            f"{found.cases:,} cases, {found.entries:,} entries, {found.verdicts:,} verdicts, "
            f"{found.effects:,} effects: {verdict}"
        )
    if found.contradictions:
        raise typer.Exit(1)
