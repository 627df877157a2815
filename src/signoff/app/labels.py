"""Labels: the categories of a label checkpoint, and how many cases each was given."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from signoff.app.settled import Settled
from signoff.domain.checkpoint import Checkpoint
from signoff.ports import Example, Reading, Store

MOST_AT_ONCE = 10_000
"""Verdicts one call reads, about; of a longer history the rest is read by those after it."""


class LabelCounts:
    """
    How often people gave each label at one checkpoint, by the verdicts that have settled.

    May be called from several threads.

    Args:
        store: Where the verdicts are.
        checkpoint: Name of the checkpoint.
        label: The argument that takes the label.
    """

    def __init__(self, store: Store, checkpoint: str, label: str) -> None:
        self._label = label
        self._settled: Settled[tuple[str, str | None]] = Settled(store, checkpoint, self._look)
        self._given: dict[str, str | None] = {}
        self._guard = threading.Lock()

    def count(self, *, whole: bool = False) -> Counter[str]:
        """
        Count the cases of each label.

        Args:
            whole: Wait until the history is read to its start; otherwise one call reads a part of it, newest first.
        """
        with self._guard:
            read = 0
            self._given |= dict(self._settled.newer())
            while not self._settled.from_the_start and (whole or read < MOST_AT_ONCE):
                older = dict(self._settled.older())
                read += len(older)
                # A case may have been ruled on again since.
                self._given = older | self._given
            return Counter(label for label in self._given.values() if label)

    def _look(self, _: Reading, examples: list[Example]) -> list[tuple[str, str | None]]:
        return [(each.case_id, label_in(each.final, self._label)) for each in examples]


def label_in(arguments: Mapping[str, Any] | None, label: str | None) -> str | None:
    """Give the label that arguments hold; None for none, and for a rejection, which gives none."""
    found = None if arguments is None or label is None else arguments.get(label)
    return None if found is None or found == "" else str(found)


def choices(checkpoint: Checkpoint) -> list[str]:
    """
    List the labels that the schema of a checkpoint allows, if it lists them.

    Examples:
        >>> schema = {"properties": {"kind": {"anyOf": [{"enum": ["bill", "parcel"]}, {"type": "null"}]}}}
        >>> choices(Checkpoint(name="route", label="kind", arguments_schema=schema))
        ['bill', 'parcel']
    """
    if checkpoint.label is None:
        return []
    schema = checkpoint.arguments_schema
    return list(dict.fromkeys(_listed(schema, schema.get("properties", {}).get(checkpoint.label), 8)))


def _listed(schema: Mapping[str, Any], node: Any, levels: int) -> Iterator[str]:
    if not isinstance(node, dict) or not levels:
        return
    yield from (str(each) for each in [*node.get("enum", ()), node.get("const")] if each is not None)
    named = str(node.get("$ref", "")).removeprefix("#/$defs/")
    yield from _listed(schema, schema.get("$defs", {}).get(named), levels - 1)
    for each in (*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())):
        yield from _listed(schema, each, levels - 1)
