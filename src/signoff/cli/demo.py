"""`signoff demo`: the sample desk without interaction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from signoff.cli.output import fail, print_json, progress, told

if TYPE_CHECKING:
    from signoff.samples.support import Desk

_BLOCK = 50
_READ = 5
"""Verdicts between two moments in which the drafter catches up; they stand for the time a person takes to read."""
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """
    Some verdicts in a row.

    Args:
        first: Number of the first, from 1.
        last: Number of the last.
        accuracy: Share, 0..1, of suggestions that were right when they were shown.
        accepted: Share, 0..1, that the reviewer accepted as they were.
    """

    first: int
    last: int
    accuracy: float
    accepted: float


@told
def demo(
    db: Annotated[
        Path | None, typer.Option(help="Keep the desk in this new file; by default it is thrown away.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Shuffle the messages by this number; by default they come as they arrived.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> None:
    """Watch a scripted reviewer work through the sample desk, and see the first pass get better."""
    import tempfile

    from signoff.samples.support import open_desk

    if db is not None and db.exists():
        fail(f"{db} is there already; the demo starts with a new file, so name another one")
    with tempfile.TemporaryDirectory() as folder:
        desk = open_desk(db or Path(folder) / "demo.db", undo_s=0)
        try:
            _run(desk, seed, json)
        finally:
            desk.app.close()


def _run(desk: Desk, seed: int | None, json: bool) -> None:
    import random

    from signoff.samples.support import messages

    arrived = messages()
    if seed is not None:
        random.Random(seed).shuffle(arrived)
    gold = dict(zip(desk.propose_all(arrived), (message.category for message in arrived), strict=True))
    if not json:
        typer.echo(f"{len(gold)} messages wait at the sample desk; a scripted reviewer takes them in order.")
        typer.echo("verdicts   first-pass accuracy   accepted as is")
    right: list[bool] = []
    accepted: list[bool] = []
    blocks: list[Block] = []
    for was_right, was_accepted in progress(_verdicts(desk, gold), what="reviewing", total=len(gold)):
        right.append(was_right)
        accepted.append(was_accepted)
        if len(right) % _BLOCK == 0 or len(right) == len(gold):
            blocks.append(_block(right, accepted, len(blocks) * _BLOCK))
            if not json:
                # Not typer.echo, which writes past the bar and through it.
                print(_line(blocks[-1]), flush=True)
    _report(desk, gold, right, blocks, json)


def _verdicts(desk: Desk, gold: dict[str, str]) -> Iterator[tuple[bool, bool]]:
    """Rule on every case by its gold label; tell for each whether the suggestion on the screen was right, and taken."""
    from signoff.cli.screen import has_suggestion
    from signoff.domain.verdict import Approved, Edited
    from signoff.samples.support import CHECKPOINT

    reviewer = desk.app.reviewer("scripted")
    while cases := reviewer.claim(_READ, checkpoint=CHECKPOINT):
        for case in cases:
            shown = desk.app.view(case)
            right = has_suggestion(shown) and shown.content.arguments["category"] == gold[case.id]
            verdict = Approved() if right else Edited(shown.content.arguments | {"category": gold[case.id]})
            reviewer.rule(shown.case, verdict)
            yield right, isinstance(verdict, Approved)
        desk.app.teach()
        desk.drafter.wait(_PATIENCE_S)


def _report(desk: Desk, gold: dict[str, str], right: list[bool], blocks: list[Block], json: bool) -> None:
    """Compare what was approved with what the receiver wrote down."""
    keys = set()
    for case_id in gold:
        handle = desk.app.case(case_id)
        handle.outcome(_PATIENCE_S)
        keys.add(handle.seen.idempotency_key)
    arrived = desk.receiver.counts()
    lost = sum(key not in arrived for key in keys)
    doubled = sum(count > 1 for count in arrived.values())
    first, last = _share(right[:_BLOCK]), _share(right[-_BLOCK:])
    if json:
        found = {"verdicts": len(right), "blocks": blocks, "accuracy_first": first, "accuracy_last": last}
        print_json(found | {"effects": arrived.total(), "lost": lost, "doubled": doubled})
    else:
        typer.echo(
            f"first-pass accuracy {first:.0%} -> {last:.0%} after {len(right)} verdicts; "
            f"{arrived.total()} effects, {lost} lost, {doubled} doubled"
        )
    if lost or doubled:
        raise typer.Exit(1)


def _block(right: list[bool], accepted: list[bool], start: int) -> Block:
    return Block(first=start + 1, last=len(right), accuracy=_share(right[start:]), accepted=_share(accepted[start:]))


def _line(block: Block) -> str:
    return f"{f'{block.first}-{block.last}':>8}   {block.accuracy:>19.0%}   {block.accepted:>14.0%}"


def _share(given: list[bool]) -> float:
    return sum(given) / len(given) if given else 0.0
