"""Settled: the verdicts of people at one checkpoint, followed through the ledger from where one looks, both ways."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from signoff.ports import Example, Reading, Store

T = TypeVar("T")

_PAGE = 1000
_SPAN = 5_000
"""Entries of the ledger in one step back at first; more where few of them are verdicts."""


class Settled(Generic[T]):
    """
    Hands on each settled verdict once: those that settle from now on, and older ones from the newest back.

    A verdict that is held has not settled. One caller at a time.

    Args:
        store: Where the ledger is.
        checkpoint: Name of the checkpoint.
        look: Makes of a page of examples what is handed on, in the same look at the store.
    """

    def __init__(self, store: Store, checkpoint: str, look: Callable[[Reading, list[Example]], list[T]]) -> None:
        self._store = store
        self._checkpoint = checkpoint
        self._look = look
        self._newest = store.read(lambda tx: tx.last_seq())
        self._oldest = self._newest + 1
        self._span = _SPAN

    @property
    def from_the_start(self) -> bool:
        """Whether everything older was handed on."""
        return self._oldest <= 1

    def newer(self) -> list[T]:
        """Give what has settled since, oldest first."""
        found: list[T] = []
        while True:
            page, last = self._read(self._newest, None)
            found += page
            if last is None:
                return found
            self._newest = last

    def older(self) -> list[T]:
        """Go one step back, of a few thousand verdicts at most; give what settled there, oldest first."""
        begin = max(0, self._oldest - 1 - self._span)
        found: list[T] = []
        after: int | None = begin
        while after is not None:
            page, after = self._read(after, self._oldest)
            found += page
        self._oldest = begin + 1
        if len(found) < _PAGE:
            self._span *= 2
        elif len(found) > 2 * _SPAN:
            self._span = _SPAN
        return found

    def _read(self, after: int, before: int | None) -> tuple[list[T], int | None]:
        return self._store.read(partial(self._page, after=after, before=before))

    def _page(self, tx: Reading, *, after: int, before: int | None) -> tuple[list[T], int | None]:
        examples = tx.examples(self._checkpoint, after_seq=after, limit=_PAGE)
        within = [example for example in examples if before is None or example.seq < before]
        more = bool(within) and len(within) == len(examples)
        return self._look(tx, within), within[-1].seq if more else None
