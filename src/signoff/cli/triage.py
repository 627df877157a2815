"""`signoff triage`: a table of messages in, the same table with a label for each row out."""

# Annotations are evaluated here: the checkpoint's carry what the file's encoding can hold.

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signoff.cli.output import INTERRUPTED, fail, progress, told, visible
from signoff.cli.review import login_name

if TYPE_CHECKING:
    from signoff.app import CheckpointFunction, Signoff
    from signoff.domain.proposal import Proposal
    from signoff.drafters.labels import LabelDrafter
    from signoff.effects.table import RoutedTable
    from signoff.ports import Reading
    from signoff.sources.table import Row, Table

CHECKPOINT = "triage"

_CHUNK = 500
_PATIENCE_S = 30.0
_EFFECT_S = 5.0
"""An effect may be tried again after this time; it looks for its row first, so being slow does no harm."""
_TRIES = 1000
"""A full disk is made room on, sooner or later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """
    One table to triage.

    Args:
        table: The rows.
        texts: The message of each.
        column: Where the messages stand.
        out: Where routed rows go.
        db: Where verdicts are kept.
    """

    table: "Table"
    texts: Sequence[str]
    column: str
    out: "RoutedTable"
    db: Path

    @property
    def proposer(self) -> str:
        """Who proposes the rows: one database holds the rows of one file."""
        return f"triage {self.table.path.name}"[:150]


@told
def triage(
    file: Annotated[Path, typer.Argument(help="A CSV or JSONL file with one message a row.")],
    text: Annotated[str, typer.Option(help="The column that holds the message.")],
    out: Annotated[Path | None, typer.Option(help="Where routed rows go. Default: FILE with .routed in it.")] = None,
    db: Annotated[Path | None, typer.Option(help="Where verdicts are kept. Default: FILE.signoff.db.")] = None,
    reviewer: Annotated[str | None, typer.Option("--as", help="Who you are. Default: your login name.")] = None,
    labels: Annotated[str, typer.Option(help="Labels known from the start, with commas in between.")] = "",
    rules: Annotated[
        Path | None, typer.Option(help='Words for the first pass: a JSON file such as {"billing": ["refund"]}.')
    ] = None,
    encoding: Annotated[str | None, typer.Option(help="What the file is written in. Default: found out.")] = None,
    undo: Annotated[
        float, typer.Option(min=0.0, max=3600.0, help="Seconds in which a verdict can be taken back.")
    ] = 5.0,
) -> None:
    """Label the rows of a table, one Enter at a time; stop whenever you like and go on later."""
    from signoff.app import Signoff
    from signoff.cli.sitting import sit

    job = _job(file, text, out=out, db=db, encoding=encoding)
    name = login_name() if reviewer is None else reviewer
    drafter = _drafter(job, labels, rules)
    if not job.out.takes(name):
        fail(f"the name {name!r} cannot be written in {job.table.encoding}, the encoding of {file}; choose another")
    if not name.strip() or len(name) > 200:
        fail("--as needs a name of 1 to 200 characters")
    for line in _remarks(job):
        typer.echo(visible(line), err=True)

    app = Signoff(job.db)
    try:
        route = _declare(app, job, drafter, undo_s=undo)
        _require_own(app, job)
        app.start()
        added = _import(app, route, drafter, job)
        typer.echo(_welcome(job, added))
        sitting = sit(app, app.reviewer(name), checkpoint=CHECKPOINT)
        if not sitting.interrupted:
            _settle(app, {ruled.case_id for ruled in sitting.ruled})
        for line in _summary(app, job):
            typer.echo(visible(line))
    finally:
        app.close()
    if sitting.interrupted:
        raise typer.Exit(INTERRUPTED)


# --- what is to be done; nothing is written


def _job(file: Path, column: str, *, out: Path | None, db: Path | None, encoding: str | None) -> Job:
    from signoff.effects.table import ADDED, RoutedTable
    from signoff.sources.table import Format, read_table

    table = read_table(file, encoding=encoding)
    texts = table.texts(column)
    taken = [name for name in ADDED if name in table.columns]
    if taken:
        fail(
            f'{file} has a column "{taken[0]}", as a routed file has; name the file it was made from, or rename '
            "the column"
        )
    out = out or file.with_name(f"{file.stem}.routed{file.suffix}")
    db = db or file.with_name(f"{file.name}.signoff.db")
    for path, option in ((out, "--out"), (db, "--db")):
        if _same(path, file):
            fail(f"{option} {path} is the file that is read; name another one")
        if path.is_dir():
            fail(f"{option} {path} is a folder; name a file in it")
        if not path.absolute().parent.is_dir():
            fail(f"{option} {path}: there is no folder {path.parent}; make it first")
    if _same(out, db):
        fail(f"--out and --db both name {out}; they need a file each")
    routed = RoutedTable(
        out,
        columns=table.columns,
        jsonl=table.format is Format.JSONL,
        encoding=table.encoding,
        bom=table.bom,
        newline=table.newline,
        delimiter=table.delimiter,
    )
    routed.check()
    routed.require_writable()
    return Job(table=table, texts=texts, column=column, out=routed, db=db)


def _same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve() or (one.exists() and other.exists() and one.samefile(other))


def _drafter(job: Job, labels: str, rules: Path | None) -> "LabelDrafter":
    from signoff.drafters.labels import LabelDrafter

    known = [label for part in labels.split(",") if (label := part.strip())]
    words = _rules(rules) if rules is not None else {}
    for label in (*known, *words):
        if not job.out.takes(label):
            fail(
                f'the label "{label}" cannot be written in {job.table.encoding}, the encoding of '
                f"{job.table.path}; choose another, or save the file as UTF-8"
            )
    return LabelDrafter(text="message", label="category", arguments=("message",), labels=known, rules=words)


def _rules(path: Path) -> dict[str, list[str]]:
    from signoff.domain.content import parse_json

    try:
        data = path.read_bytes()
    except OSError as error:
        fail(f"--rules {path} cannot be read: {error.strerror}; name a JSON file")
    found = parse_json(data, where=f"--rules {path}")
    if not isinstance(found, dict) or not found:
        fail(f'--rules {path} must hold one object, with words by label: {{"billing": ["refund"]}}')
    for label, words in found.items():
        if not label.strip() or label != label.strip():
            fail(f'--rules {path}: "{label}" is no label; take the blanks off')
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            fail(f'--rules {path}: "{label}" needs a list of words, such as ["refund", "invoice"]')
    return found


def _remarks(job: Job) -> Iterator[str]:
    """Say what a user should know about the file, before anything happens."""
    if job.table.guessed:
        yield (
            f"{job.table.path} is not UTF-8; it was read as {job.table.encoding}. "
            "If letters look wrong, name another one with --encoding."
        )
    empty = sum(not text.strip() for text in job.texts)
    if empty:
        yield f'{_rows(empty)} {"has" if empty == 1 else "have"} nothing in "{job.column}"; you will see them too.'


# --- the desk


def _declare(app: "Signoff", job: Job, drafter: "LabelDrafter", *, undo_s: float) -> "CheckpointFunction[..., Any]":
    from pydantic import AfterValidator
    from pydantic_core import PydanticCustomError

    from signoff.engine.execute import current_effect
    from signoff.errors import InvalidInput

    def writable(label: str) -> str:
        if not job.out.takes(label):
            raise PydanticCustomError("encoding", f"it cannot be written in {job.table.encoding}, as the file is")
        return label

    def look_up(key: str) -> dict[str, str] | None:
        case_id = key.rpartition(".")[0]
        try:
            label = job.out.find(case_id)
        except InvalidInput:
            # Somebody put another file there. Appending looks for the row once more, and says so.
            return None
        return None if label is None else {"case": case_id, "label": label}

    @app.checkpoint(
        name=CHECKPOINT,
        label="category",
        drafter=drafter,
        undo_s=undo_s,
        delivery="checkable",
        check=look_up,
        timeout_s=_EFFECT_S,
        max_tries=_TRIES,
        # A file that does not take a row says itself how long to wait.
        backoff_s=0.0,
    )
    def route(message: str, category: Annotated[str, AfterValidator(writable)]) -> dict[str, str]:  # noqa: ARG001
        """Write the row of a message, with its label, to the routed file."""
        case_id = current_effect().case_id
        row, by = app.store.read(lambda tx: _row_of(tx, case_id))
        job.out.append(case_id, row, label=category, by=by)
        return {"case": case_id, "label": category}

    return route


def _row_of(tx: "Reading", case_id: str) -> tuple[dict[str, Any], str]:
    """Give the row a case was made of, and who ruled on it."""
    from signoff.domain.case import Case
    from signoff.domain.content import Evidence
    from signoff.domain.verdict import VerdictRecord
    from signoff.errors import LedgerBroken

    case, evidence = tx.get(Case, case_id), tx.get(Evidence, case_id)
    verdict = tx.get(VerdictRecord, case.verdict_id) if case and case.verdict_id else None
    if evidence is None or verdict is None:
        raise LedgerBroken(f"case {case_id} has no row or no verdict; run signoff verify", case_id=case_id)
    return evidence.items["row"]["value"], verdict.reviewer


def _require_own(app: "Signoff", job: Job) -> None:
    """Refuse a database that holds the rows of another file: they would be routed to the wrong place."""
    for case in app.cases(checkpoint=CHECKPOINT, limit=1):
        if case.proposer != job.proposer:
            held = case.proposer.removeprefix("triage ")
            fail(f"{job.db} holds the rows of {held}, not of {job.table.path.name}; name another file with --db")


def _import(app: "Signoff", route: "CheckpointFunction[..., Any]", drafter: "LabelDrafter", job: Job) -> int:
    """Propose the rows that are not there yet; tell how many they were."""
    from signoff.sources.table import row_keys

    app.teach()
    drafter.wait(_PATIENCE_S)
    rows = list(zip(row_keys(job.table.rows), job.table.rows, job.texts, strict=True))
    chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    return sum(
        _import_chunk(app, route, drafter, job, chunk)
        for chunk in progress(chunks, what="reading rows", total=len(chunks))
    )


def _import_chunk(
    app: "Signoff",
    route: "CheckpointFunction[..., Any]",
    drafter: "LabelDrafter",
    job: Job,
    chunk: Sequence[tuple[str, "Row", str]],
) -> int:
    from signoff.errors import KeyReused

    while True:
        known = app.store.read(lambda tx: _known(tx, job, chunk))
        fresh = [(key, row, text) for key, row, text in chunk if key not in known]
        if not fresh:
            return 0
        try:
            route.propose_many(_proposals(drafter, job, fresh))
        except KeyReused:
            # Another process imports the same file and was faster; what it proposed is known by now.
            continue
        return len(fresh)


def _known(tx: "Reading", job: Job, chunk: Sequence[tuple[str, "Row", str]]) -> set[str]:
    """Give the keys that stand for a case already."""
    from signoff.domain.case import Case
    from signoff.domain.content import Evidence

    known: set[str] = set()
    for key, _, text in chunk:
        for case in tx.find(Case, checkpoint=CHECKPOINT, proposer=job.proposer, key=key):
            evidence = tx.get(Evidence, case.id) if not known else None
            if evidence is not None and evidence.items["message"]["value"] != text:
                fail(
                    f'{job.db} was made with another column than "{job.column}"; go on with that one, or name '
                    "another file with --db"
                )
            known.add(key)
    return known


def _proposals(drafter: "LabelDrafter", job: Job, rows: Sequence[tuple[str, "Row", str]]) -> "list[Proposal]":
    from signoff.domain.proposal import Proposal
    from signoff.engine.take_back import alternatives_of

    drafts = drafter.draft_many([{"message": text} for _, _, text in rows])
    return [
        Proposal(
            arguments=draft.arguments,
            evidence={"message": text, "row": row.cells},
            confidence=draft.confidence,
            rationale=draft.rationale,
            alternatives=alternatives_of(draft),
            drafter=draft.drafter,
            proposer=job.proposer,
            key=key,
        )
        for (key, row, text), draft in zip(rows, drafts, strict=True)
    ]


# --- the end


def _settle(app: "Signoff", own: Collection[str]) -> None:
    """Let what an earlier run was killed in the middle of take effect; the sitting has waited for its own."""
    from signoff.domain.case import State
    from signoff.errors import StillWaiting
    from signoff.runtime.waiting import Deadline

    moving = app.cases(states=(State.HELD, State.CLEARED, State.RUNNING), checkpoint=CHECKPOINT, limit=1000)
    left = [case for case in moving if case.id not in own]
    if not left:
        return
    typer.echo(f"Waiting for {_rows(len(left))} from an earlier run; Ctrl+C leaves that to the next start.")
    deadline = Deadline(_PATIENCE_S)
    with suppress(StillWaiting, KeyboardInterrupt):
        for case in left:
            app.case(case.id).outcome(deadline.left(_PATIENCE_S))


def _welcome(job: Job, added: int) -> str:
    known = len(job.table.rows) - added
    before = f", {known:,} of them from before" if known else ""
    return f"{_rows(len(job.table.rows))} of {visible(str(job.table.path))}{before}; verdicts are kept in {job.db}."


def _summary(app: "Signoff", job: Job) -> Iterator[str]:
    from signoff.domain.case import State

    counts = app.counts(CHECKPOINT)
    many: Callable[[State], int] = lambda state: counts.get(state, 0)  # noqa: E731
    moving = many(State.HELD) + many(State.CLEARED) + many(State.RUNNING)
    trouble = many(State.FAILED) + many(State.UNKNOWN)
    done = many(State.DONE)
    told = [
        f"{_rows(done)} routed to {job.out.path}" if done else "no rows routed yet",
        f"{many(State.WAITING):,} waiting",
        f"{many(State.REJECTED):,} rejected",
    ]
    if moving:
        told.append(f"{moving:,} on their way")
    if trouble:
        told.append(f"{trouble:,} in trouble")
    yield "; ".join(told) + "."
    if many(State.WAITING) or moving:
        yield "Run the same command again to go on."
    if trouble:
        yield f"signoff cases {job.db} lists what is in trouble."
    missing = done - len(job.out.check())
    if missing > 0:
        yield (
            f"{_rows(missing)} routed before {'is' if missing == 1 else 'are'} not in {job.out.path}: "
            "the file was changed, or another --out was named then."
        )


def _rows(count: int) -> str:
    return f"{count:,} row" + ("" if count == 1 else "s")
