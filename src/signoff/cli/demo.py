"""`signoff demo`: the sample desk without interaction."""

from __future__ import annotations

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
            _run(desk, json)
        finally:
            desk.app.close()


def _run(desk: Desk, json: bool) -> None:
    from signoff.samples.support import CHECKPOINT, messages

    gold = dict(zip(desk.propose_all(), (message.category for message in messages()), strict=True))
    reviewer = desk.app.reviewer("scripted")
    right: list[bool] = []
    accepted: list[bool] = []
    blocks: list[Block] = []
    if not json:
        typer.echo(f"{len(gold)} messages wait at the sample desk; a scripted reviewer takes them in order.")
        typer.echo("verdicts   first-pass accuracy   accepted as is")

    for _ in progress(range(0, len(gold), _READ), what="reviewing", total=-(-len(gold) // _READ)):
        for case in reviewer.claim(_READ, checkpoint=CHECKPOINT):
            shown = desk.app.view(case)
            answer = gold[case.id]
            right.append(shown.content.arguments["category"] == answer)
            accepted.append(right[-1])
            if right[-1]:
                reviewer.approve(case)
            else:
                reviewer.edit(case, shown.content.arguments | {"category": answer})
            if len(right) % _BLOCK == 0 or len(right) == len(gold):
                blocks.append(_block(right, accepted, len(blocks) * _BLOCK))
                if not json:
                    typer.echo(_line(blocks[-1]))
        desk.app.teach()
        desk.drafter.wait(_PATIENCE_S)

    for case_id in gold:
        desk.app.case(case_id).outcome(_PATIENCE_S)
    arrived = desk.receiver.counts()
    keys = {desk.app.case(case_id).seen.idempotency_key for case_id in gold}
    lost = sum(key not in arrived for key in keys)
    doubled = sum(count > 1 for count in arrived.values())
    first, last = _share(right[:_BLOCK]), _share(right[-_BLOCK:])
    if json:
        print_json(
            {
                "verdicts": len(right),
                "blocks": blocks,
                "accuracy_first": first,
                "accuracy_last": last,
                "effects": arrived.total(),
                "lost": lost,
                "doubled": doubled,
            }
        )
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
