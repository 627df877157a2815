"""Copying: everything one database holds, into another, with the ledger's numbers as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from signoff.errors import InvalidInput, StoreUnavailable
from signoff.ports import KEYS, Reading, Store, Transaction
from signoff.storage.rows import Rows

PAGE = 500
"""Rows in memory at a time."""


class Stopped(Exception):
    """The copy was stopped half-way, and nothing of it was kept."""


def counts(store: Store) -> dict[str, int]:
    """
    Count the records of a store by their type.

    Args:
        store: On SQLite or PostgreSQL.
    """
    return store.read(_counts)


def _counts(tx: Reading) -> dict[str, int]:
    rows = cast(Rows, tx)
    return {kind.__name__: rows.count(kind) for kind in KEYS}


def copy(
    source: Store,
    target: Store,
    *,
    copied: Callable[[int], object] = int,
    stopped: Callable[[], bool] = lambda: False,
) -> dict[str, int]:
    """
    Copy everything, as it is at one moment, in one transaction of the target.

    Args:
        source: On SQLite or PostgreSQL; it is only read.
        target: The same, and empty.
        copied: Called with the number of rows after each page.
        stopped: Asked after each page; if it says so, nothing is kept.

    Returns:
        How many records of each type were copied.

    Raises:
        InvalidInput: If the target holds anything.
        Stopped: If `stopped` said so.
        StoreUnavailable: If either database fails, or the source was written to meanwhile.
    """

    def put(tx: Transaction, rows: Rows) -> dict[str, int]:
        into = cast(Rows, tx)
        taken = [name for name, count in _counts(tx).items() if count]
        if taken:
            raise InvalidInput(f"the target is not empty (it holds {', '.join(taken)}); name an empty database")
        for kind in KEYS:
            after = None
            while page := rows.rows_of(kind, after=after, limit=PAGE):
                if stopped():
                    raise Stopped("the copy was stopped; nothing of it was kept")
                into.load(kind, page)
                after = page[-1]
                copied(len(page))
        into.count_on()
        return _counts(rows)

    wanted = source.read(lambda look: target.write(lambda tx: put(tx, cast(Rows, look))))
    found = counts(target)
    if found != wanted:
        differing = [name for name in wanted if found[name] != wanted[name]]
        raise StoreUnavailable(
            f"the target does not hold what was copied ({', '.join(differing)}); make it empty and copy again"
        )
    if counts(source) != wanted:
        raise StoreUnavailable(
            "the source was written to while it was copied, and the target lacks that; stop the programs that use it, "
            "make the target empty and copy again"
        )
    return wanted
