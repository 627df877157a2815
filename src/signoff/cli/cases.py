"""`signoff cases` and `signoff case`: what there is, and all that happened to one of it."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signoff.cli.output import console, existing, fail, print_json, told, visible

if TYPE_CHECKING:
    from signoff.app import History, Signoff
    from signoff.domain.case import Case
    from signoff.domain.content import Content
    from signoff.domain.entry import Entry
    from signoff.domain.policy import Routing

_URL_HELP = "The database. Default: $SIGNOFF_URL or signoff.db."
_SHORTEST = 6
"""Characters of an id that are enough to look for it."""
_EVIDENCE_SHOWN = 600
_ARGUMENT_SHOWN = 4000
_ONE_LINE = 24
"""Characters up to which an old and a new value share a line."""
_NARROWEST = 10
"""Columns in which a name can still be read."""
_PAGE = 2000
_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"))
_QUIET_FACTS = frozenset({"verdict", "fence", "mark", "constants"})
"""Ids, counters and constants that say nothing to a reader; `--json` has them."""

_PLAIN_FACTS = frozenset({"kind", "reason", "ending"})
"""Words that need no name before them."""


@told
def cases(
    url: Annotated[str | None, typer.Argument(help=_URL_HELP)] = None,
    state: Annotated[list[str] | None, typer.Option(help="Only cases in this state; may be given again.")] = None,
    checkpoint: Annotated[str | None, typer.Option(help="Only cases of this checkpoint.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Cases to list.")] = 20,
    after: Annotated[str | None, typer.Option(help="Go on after the case of this id.")] = None,
    newest: Annotated[bool, typer.Option("--newest", help="List the newest first.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document per case instead.")] = False,
) -> None:
    """List cases, oldest first, and count them by state."""
    from signoff.domain.case import State

    unknown = [name for name in state or () if name not in set(State)]
    if unknown:
        fail(f'there is no state "{unknown[0]}"; there are {", ".join(State)}')
    with existing(url) as app:
        require_checkpoint(app, checkpoint)
        page = app.cases(states=state or None, checkpoint=checkpoint, after=after, limit=limit + 1, newest_first=newest)
        shown, more = page[:limit], len(page) > limit
        if json:
            for case in shown:
                print_json(case)
            return
        if shown:
            _print_table(shown, now=app.clock.now())
        if more:
            typer.echo(f"More: --after {shown[-1].id}")
        typer.echo(_totals(app.counts(checkpoint)))


@told
def case(
    id: Annotated[
        str, typer.Argument(metavar="ID", help=f"Its id, or at least {_SHORTEST} characters from its start or end.")
    ],
    db: Annotated[str | None, typer.Option(metavar="URL", help=_URL_HELP)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead, unshortened.")] = False,
) -> None:
    """Tell the whole history of one case."""
    with existing(db) as app:
        history = app.history(_find(app, id))
        if json:
            print_json(history)
        else:
            _Story(history, now=app.clock.now()).tell()


def require_checkpoint(app: Signoff, checkpoint: str | None) -> None:
    """Refuse a checkpoint that the database does not know, naming those it does."""
    if checkpoint is not None and checkpoint not in app.checkpoint_names():
        known = ", ".join(app.checkpoint_names()) or "none yet"
        fail(f"there is no checkpoint {checkpoint!r} here; there are: {known}")


def _find(app: Signoff, wanted: str) -> str:
    from signoff.errors import UnknownCase

    try:
        return app.case(wanted).id
    except UnknownCase:
        pass
    if len(wanted) < _SHORTEST:
        fail(f'there is no case "{wanted}"; give its id, or at least {_SHORTEST} characters from its start or end')
    # Ids sort as text, so those that begin alike stand together.
    found = [near.id for near in app.cases(after=wanted, limit=2) if near.id.startswith(wanted)]
    if not found:
        found = [id for id in _all_ids(app) if id.endswith(wanted)]
    if not found:
        fail(f'no case has an id that begins or ends with "{wanted}"; signoff cases lists them')
    if len(found) > 1:
        fail(f'several cases have an id that begins or ends with "{wanted}", such as {found[0]}; give more of it')
    return found[0]


def _all_ids(app: Signoff) -> Iterator[str]:
    after: str | None = None
    while page := app.cases(after=after, limit=_PAGE):
        for case in page:
            yield case.id
        after = page[-1].id


def _totals(counts: Mapping[Any, int]) -> str:
    from signoff.domain.case import State

    total = sum(counts.values())
    if not total:
        return "No cases."
    parts = ", ".join(f"{counts[state]:,} {state.value}" for state in State if counts.get(state))
    return f"{total:,} {'case' if total == 1 else 'cases'}: {parts}"


def _print_table(shown: Sequence[Case], *, now: datetime) -> None:
    from rich.cells import cell_len, set_cell_size
    from rich.text import Text

    screen = console()
    head = ("id", "state", "age", "checkpoint", "with")
    rows = [
        (case.id, case.state.value, _age(case.created_at, now), visible(case.checkpoint), visible(_with(case, now)))
        for case in shown
    ]
    widths = [max(cell_len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    if screen.is_terminal:
        _narrow(widths, screen.width)
    for row in (head, *rows):
        cells = []
        for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
            if cell_len(cell) > width:
                cell = set_cell_size(cell, width - 1) + "…"
            pad = " " * (width - cell_len(cell))
            cells.append(pad + cell if head[column] == "age" else cell + pad)
        line = Text("  ".join(cells).rstrip(), style="bold" if row is head else "")
        screen.print(line, no_wrap=True, overflow="ignore", crop=False)


def _narrow(widths: list[int], room: int) -> None:
    """Shorten the name of the checkpoint, then that of the person, until the row fits; both can still be read."""
    for column in (3, 4):
        excess = sum(widths) + 2 * (len(widths) - 1) - room
        widths[column] -= max(0, min(excess, widths[column] - _NARROWEST))


def _with(case: Case, now: datetime) -> str:
    from signoff.domain.case import State

    if case.state is not State.WAITING:
        return ""
    if case.claimed_by and case.claim_expires_at and case.claim_expires_at > now:
        return case.claimed_by
    if case.snoozed_until and case.snoozed_until > now:
        return "snoozed"
    return f"→ {case.assigned_to}" if case.assigned_to else ""


def _age(since: datetime, now: datetime) -> str:
    seconds = max(0, int((now - since).total_seconds()))
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else jsonlib.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    return f"{value:.3g}"


class _Story:
    """One history, told to a person."""

    def __init__(self, history: History, *, now: datetime) -> None:
        self._history = history
        self._now = now
        self._screen = console()

    def tell(self) -> None:
        """Print all of it."""
        self._now_stands()
        self._evidence()
        self._arguments()
        self._ledger()
        self._verdicts()
        self._votes()
        self._attempts()
        self._audit()
        self._notes()

    def _line(self, text: str, *, indent: int = 0, hang: int = 0, style: str = "") -> None:
        """Print a text that may be anybody's; wrapped lines stand `hang` further in."""
        from rich.text import Text

        for part in visible(text).splitlines() or [""]:
            room = self._screen.width - indent - hang
            fits = not self._screen.is_terminal or room < 20
            lines = [Text(part)] if fits else self._wrapped(part, room, hang)
            for number, line in enumerate(lines):
                lead = " " * (indent + (hang if number else 0))
                self._screen.print(
                    Text(lead + line.plain.rstrip(), style=style), no_wrap=True, overflow="ignore", crop=False
                )

    def _wrapped(self, part: str, room: int, hang: int) -> list[Any]:
        from rich.text import Text

        first, *rest = Text(part).wrap(self._screen, room + hang)
        if not rest or not hang:
            return [first, *rest]
        tail = part[len(first.plain.rstrip()) :].lstrip()
        return [first, *Text(tail).wrap(self._screen, room)]

    def _title(self, text: str) -> None:
        self._screen.print()
        self._line(text, style="bold")

    def _now_stands(self) -> None:
        case = self._history.case
        self._line(f"{case.checkpoint}: {case.state.value}", style="bold")
        about = [f"case {case.id}", f"proposed {_stamp(case.created_at)} UTC by {case.proposer}"]
        if case.key is not None:
            about.append(f"key {case.key}")
        if case.reverses is not None:
            about.append(f"undoes case {case.reverses}")
        for text in (*about, *self._standing()):
            self._line(text, indent=2, hang=2)

    def _standing(self) -> Iterator[str]:
        """Say what happens next, or why nothing does."""
        from signoff.domain.case import State

        case, now = self._history.case, self._now
        match case.state:
            case State.WAITING:
                yield "waits for a person" if case.opinions == 1 else f"waits for {case.opinions} people who agree"
                if case.claimed_by and case.claim_expires_at and case.claim_expires_at > now:
                    yield f"claimed by {case.claimed_by} until {_stamp(case.claim_expires_at)}"
                if case.assigned_to:
                    yield f"handed over to {case.assigned_to}"
                if case.snoozed_until and case.snoozed_until > now:
                    yield f"snoozed until {_stamp(case.snoozed_until)}"
                if case.deadline_at:
                    yield f"expires {_stamp(case.deadline_at)}"
            case State.HELD if case.due_at:
                yield f"takes effect {_stamp(case.due_at)}; until then the verdict can be taken back"
            case State.CLEARED if case.due_at:
                yield f"runs from {_stamp(case.due_at)} on, where the application runs"
            case State.RUNNING if case.due_at:
                yield f"runs now; taken for crashed after {_stamp(case.due_at)}"
            case State.UNKNOWN:
                yield "its effect may or may not have happened: a lead has to look, and resolve it"
            case _:
                pass
        if case.cleared_by:
            yield f"decided by {'a person' if case.cleared_by.value == 'person' else 'policy'}"

    def _evidence(self) -> None:
        if not self._history.evidence:
            return
        self._title("Evidence")
        for name, item in self._history.evidence.items():
            self._line(f"{name} ({item['media_type']})", indent=2)
            self._value(item["value"], indent=4, most=_EVIDENCE_SHOWN)

    def _value(self, value: Any, *, indent: int, most: int) -> None:
        text = _plain(value)
        self._line(text[:most], indent=indent)
        if len(text) > most:
            self._line(f"… {len(text) - most:,} more characters; --json shows all", indent=indent)

    def _arguments(self) -> None:
        routed = {routing.revision: routing for routing in self._history.routings}
        before: Content | None = None
        for content in self._history.contents:
            drafted = routed.get(content.revision)
            self._title(
                f"Arguments, revision {content.revision}, by {content.author}{_drafted(drafted, content.author)}"
            )
            if content.rationale:
                self._line(f"its reason: {content.rationale}", indent=2, hang=2)
            if before is None:
                self._fields(content.arguments)
            else:
                self._difference(before.arguments, content.arguments)
            before = content

    def _fields(self, arguments: Mapping[str, Any]) -> None:
        width = min(20, max((len(name) for name in arguments), default=0))
        for name, value in arguments.items():
            text = _plain(value)
            if len(text) <= 2 * _ONE_LINE and "\n" not in text:
                self._line(f"{name:<{width}}  {text}", indent=2)
            else:
                self._line(name, indent=2)
                self._value(value, indent=4, most=_ARGUMENT_SHOWN)

    def _difference(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        changed = changed_fields(old, new)
        if not changed:
            self._line("the same arguments again", indent=2)
        for name in changed:
            was = _plain(old[name]) if name in old else "(not there)"
            now = _plain(new[name]) if name in new else "(removed)"
            if max(len(was), len(now)) <= _ONE_LINE and "\n" not in was + now:
                self._line(f"{name}  {was} → {now}", indent=2)
                continue
            self._line(name, indent=2)
            for mark, text in (("was", was), ("now", now)):
                if "\n" not in text and len(text) <= _ARGUMENT_SHOWN:
                    self._line(f"{mark}  {text}", indent=4, hang=5)
                    continue
                self._line(mark, indent=4)
                self._value(text, indent=9, most=_ARGUMENT_SHOWN)

    def _ledger(self) -> None:
        self._title("Ledger, times in UTC")
        entries = self._history.entries
        actors = min(30, max((len(visible(e.actor)) for e in entries), default=0))
        acts = max((len(_act(e)) for e in entries), default=0)
        states = max((len(_states(e)) for e in entries), default=0)
        day = ""
        for entry in entries:
            at = entry.at.astimezone(UTC)
            if f"{at:%Y-%m-%d}" != day:
                day = f"{at:%Y-%m-%d}"
                self._line(day, indent=2)
            time = f"{at:%H:%M:%S}.{at.microsecond // 1000:03}"
            row = f"{time}  {visible(entry.actor):<{actors}}  {_act(entry):<{acts}}  {_states(entry):<{states}}"
            self._line(f"{row}  {_facts(entry)}".rstrip(), indent=2, hang=14)

    def _verdicts(self) -> None:
        if self._history.verdicts:
            self._title("Verdicts")
        for record in self._history.verdicts:
            spent = f", {_number(record.seconds)} s on screen" if record.seconds is not None else ""
            voided = f"; void since {_stamp(record.voided_at)}" if record.voided_at else ""
            said = f"{record.kind.value} by {record.reviewer}, revision {record.revision}"
            self._line(f"{_stamp(record.ruled_at)}  {said}{spent}{voided}", indent=2, hang=2)
            if record.reason:
                self._line(f"reason: {record.reason}", indent=4, hang=2)

    def _votes(self) -> None:
        if self._history.votes:
            self._title("Votes")
        for vote in self._history.votes:
            voided = f"; void since {_stamp(vote.voided_at)}" if vote.voided_at else ""
            said = f"{vote.kind.value} by {vote.reviewer}, revision {vote.revision}"
            self._line(f"{_stamp(vote.voted_at)}  {said}{voided}", indent=2, hang=2)
            if vote.reason:
                self._line(f"reason: {vote.reason}", indent=4, hang=2)

    def _attempts(self) -> None:
        if self._history.attempts:
            self._title("Attempts")
        for attempt in self._history.attempts:
            ended = (
                f"{attempt.ending.value} {_stamp(attempt.finished_at)}"
                if attempt.finished_at and attempt.ending
                else "not ended"
            )
            self._line(
                f"{_stamp(attempt.started_at)}  number {attempt.attempt} by {attempt.worker}: {ended}", indent=2, hang=2
            )
            self._line(f"idempotency key {attempt.key}", indent=4, hang=2)
            if attempt.receipt is not None:
                self._line(f"receipt: {_short(attempt.receipt.get('value'))}", indent=4, hang=2)
            if attempt.problem:
                self._line(f"problem: {attempt.problem}", indent=4, hang=2)

    def _audit(self) -> None:
        audit = self._history.audit
        if audit is None:
            return
        self._title("Audit")
        self._line(f"{_stamp(audit.drawn_at)}  drawn with probability {_number(audit.share)}", indent=2, hang=2)
        if audit.finding is None or audit.judged_at is None:
            self._line("nobody has judged it yet", indent=4)
        else:
            bad = f", severity {_number(audit.severity)}" if audit.severity else ""
            self._line(
                f"{_stamp(audit.judged_at)}  {audit.finding.value} says {audit.judged_by}{bad}", indent=2, hang=2
            )

    def _notes(self) -> None:
        if self._history.notes:
            self._title("Notes")
        for note in self._history.notes:
            self._line(f"{_stamp(note.written_at)}  {note.author}, {note.about}", indent=2, hang=2)
            self._line(note.text, indent=4)


def changed_fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """
    List the fields that differ as JSON, in the order of the old ones, added ones last.

    Examples:
        >>> changed_fields({"a": 1, "b": 2}, {"a": True, "b": 2, "c": 3})
        ['a', 'c']
    """
    from signoff.domain.content import canonical

    missing = object()

    def differs(name: str) -> bool:
        was, now = old.get(name, missing), new.get(name, missing)
        return was is missing or now is missing or canonical(was) != canonical(now)

    return [name for name in dict.fromkeys((*old, *new)) if differs(name)]


def _drafted(routing: Routing | None, author: str) -> str:
    if routing is None:
        return ""
    parts = [f"drafted by {routing.drafter}"] if routing.drafter not in (None, author) else []
    if routing.confidence is not None:
        parts.append(f"confidence {routing.confidence:.0%}")
    return f" ({', '.join(parts)})" if parts else ""


def _act(entry: Entry) -> str:
    return entry.act if entry.kind.value in ("move", "claim", "handover") else f"{entry.kind.value} {entry.act}"


def _states(entry: Entry) -> str:
    if entry.to_state is None:
        return ""
    return f"{entry.from_state.value} → {entry.to_state.value}" if entry.from_state else f"→ {entry.to_state.value}"


def _facts(entry: Entry) -> str:
    decision = entry.facts.get("decision")
    if isinstance(decision, dict):
        risk, why = decision.get("p_err"), str(decision.get("why")).replace("_", " ")
        return f"would {decision.get('route')}: {why}, predicted risk {_short(risk)}"
    return ", ".join(
        _short(value) if name in _PLAIN_FACTS else f"{name} {_short(value)}"
        for name, value in entry.facts.items()
        if name not in _QUIET_FACTS
    )


def _short(value: Any, most: int = 200) -> str:
    text = _number(value) if isinstance(value, float) else _plain(value)
    return text if len(text) <= most else text[: most - 1] + "…"
