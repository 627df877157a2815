"""`signoff export`: what people decided, as training data."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signoff.cli.cases import changed_fields, require_checkpoint
from signoff.cli.output import as_json, existing, fail, progress, told

if TYPE_CHECKING:
    from signoff.app import History

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters by which a spreadsheet takes a cell for a formula."""


class Format(StrEnum):
    """What the verdicts are written as."""

    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """
    One settled human verdict.

    Args:
        case: Id of the case.
        checkpoint: Its checkpoint.
        version: Version of the checkpoint.
        evidence: What the reviewer judged by, by name.
        proposed: The arguments the drafter had proposed.
        final: The arguments that were approved; None when it was rejected.
        verdict: Approved, edited or rejected.
        edited_fields: Arguments that are not as they were proposed.
        reviewer: Who ruled.
        reason: Why, in the reviewer's words.
        seconds: How long it was on screen, where that is known.
        drafter: Who drafted it, with its version.
        confidence: The drafter's own, 0..1.
        ruled_at: When, UTC.
        state: Where the case stands now.
    """

    case: str
    checkpoint: str
    version: int
    evidence: dict[str, Any]
    proposed: dict[str, Any]
    final: dict[str, Any] | None
    verdict: str
    edited_fields: list[str]
    reviewer: str
    reason: str | None
    seconds: float | None
    drafter: str | None
    confidence: float | None
    ruled_at: datetime
    state: str


@told
def export(
    url: Annotated[str | None, typer.Argument(help="The database. Default: $SIGNOFF_URL or signoff.db.")] = None,
    checkpoint: Annotated[str | None, typer.Option(help="Only verdicts at this checkpoint.")] = None,
    format: Annotated[Format, typer.Option(help="One JSON document per line, or a table.")] = Format.JSONL,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write to this file, all of it or nothing. Default: print.")
    ] = None,
) -> None:
    """Write what people decided, one settled verdict per case, as training data."""
    with existing(url) as app:
        require_checkpoint(app, checkpoint)
        found = app.verdicts(checkpoint)
        # On the same terminal the rows themselves show that it goes on, and a bar would run through them.
        histories = found if out is None and sys.stdout.isatty() else progress(found, what="exporting")
        rows = (ruled for history in histories if (ruled := ruled_in(history)) is not None)
        if out is None:
            _write(rows, format, _print)
            return
        with _whole_file(out) as write:
            count = _write(rows, format, write)
    typer.echo(f"{count:,} {'verdict' if count == 1 else 'verdicts'} written to {out}", err=True)


def ruled_in(history: History) -> Ruled | None:
    """
    Give the human verdict that stands and has settled; None if there is none, or nothing was judged.

    Raises:
        LedgerBroken: If a content it is about is not stored.
    """
    from signoff.domain.case import ClearedBy, State
    from signoff.domain.verdict import VerdictKind
    from signoff.errors import LedgerBroken

    case = history.case
    record = next((record for record in history.verdicts if record.id == case.verdict_id), None)
    if record is None or record.voided_at is not None or case.cleared_by is not ClearedBy.PERSON:
        return None
    # A reversal is ordered by a person; nobody proposed it.
    if case.state in (State.WAITING, State.HELD) or case.reverses is not None:
        return None
    contents = {content.revision: content.arguments for content in history.contents}
    routing = next((r for r in history.routings if r.revision == record.draft_revision), None)
    proposed = contents.get(record.draft_revision)
    approved = contents.get(record.revision + (record.kind is VerdictKind.EDITED))
    if proposed is None or approved is None:
        raise LedgerBroken(f"case {case.id} lacks a content its verdict is about; run signoff verify", case_id=case.id)
    final = None if record.kind is VerdictKind.REJECTED else approved
    return Ruled(
        case=case.id,
        checkpoint=case.checkpoint,
        version=case.version,
        evidence={name: item["value"] for name, item in history.evidence.items()},
        proposed=proposed,
        final=final,
        verdict=record.kind.value,
        edited_fields=[] if final is None else changed_fields(proposed, final),
        reviewer=record.reviewer,
        reason=record.reason,
        seconds=record.seconds,
        drafter=routing.drafter if routing else None,
        confidence=routing.confidence if routing else None,
        ruled_at=record.ruled_at,
        state=case.state.value,
    )


def _write(rows: Iterator[Ruled], format: Format, write: Callable[[str], object]) -> int:
    count = 0
    if format is Format.CSV:
        write(_csv_line(list(Ruled.__dataclass_fields__)))
    for count, row in enumerate(rows, start=1):  # noqa: B007 - the count is what is wanted
        document = as_json(row)
        if format is Format.CSV:
            write(_csv_line([_cell(value) for value in document.values()]))
        else:
            write(json.dumps(document, ensure_ascii=False) + "\n")
    return count


def _cell(value: Any) -> str:
    """Give a value as the text of a cell that no spreadsheet runs."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv_line(cells: list[str]) -> str:
    import csv
    import io

    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow(cells)
    return line.getvalue()


def _print(text: str) -> None:
    typer.echo(text, nl=False)


@contextmanager
def _whole_file(path: Path) -> Iterator[Callable[[str], object]]:
    """Write a file beside the one named, and give it that name once it is on disk."""
    import os

    target = path.resolve()
    if target.exists() and not target.is_file():
        fail(f"{path} is no file; name one to write to")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        try:
            with part.open("w", encoding="utf-8", newline="") as file:
                yield file.write
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        fail(f"{path} was not written: {error.strerror or error}", code=1)
