"""`signoff copy`: everything one database holds, into another."""

from __future__ import annotations

from collections.abc import Generator
from typing import Annotated, cast

import typer

from signoff.cli.output import existing, fail, progress, told


@told
def copy(
    source: Annotated[str, typer.Argument(metavar="FROM", help="The database to read.")],
    target: Annotated[str, typer.Argument(metavar="TO", help="An empty database, or a file that is not there yet.")],
) -> None:
    """Copy every record and the whole ledger, with its numbers, into an empty database; then compare the rows."""
    import threading
    from contextlib import closing
    from itertools import count

    from signoff.app import Signoff, open_store
    from signoff.storage import copying

    with existing(source) as old, Signoff(open_store(target), workers=0) as new:
        total = sum(copying.counts(old.store).values())
        bar = cast("Generator[int, None, None]", progress(count(1), what="copying", total=total))
        stop = threading.Event()
        ended: list[dict[str, int] | Exception] = []

        def work() -> None:
            try:
                rows = 0

                def copied(page: int) -> None:
                    nonlocal rows
                    rows += page
                    while next(bar) < rows:
                        pass

                ended.append(copying.copy(old.store, new.store, copied=copied, stopped=stop.is_set))
            except Exception as error:
                ended.append(error)

        # In a thread of its own, since Ctrl+C waits for the end of a write in the main one, and this one is long.
        thread = threading.Thread(target=work)
        with closing(bar):
            thread.start()
            try:
                thread.join()
            except KeyboardInterrupt:
                stop.set()
                thread.join()
                raise
        if isinstance(ended[0], Exception):
            raise ended[0]
        found = new.verify()
    typer.echo(f"copied {found.cases:,} cases, {found.entries:,} entries, {total:,} rows in all")
    if found.contradictions:
        fail(
            f"{len(found.contradictions):,} contradictions, as in the source; see signoff verify for both databases",
            code=1,
        )
    typer.echo("no contradiction. Point your programs at the new database (SIGNOFF_URL, or Signoff(url)), and keep")
    typer.echo("the old one unused: what is written to it from now on is not in the new one.")
