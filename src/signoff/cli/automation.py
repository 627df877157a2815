"""`signoff automation`: what would run without a person, what is proved about it, and what it would have cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from signoff.cli.cases import require_checkpoint
from signoff.cli.output import console, existing, print_json, told, visible

if TYPE_CHECKING:
    from signoff.app.views import AutomationView
    from signoff.learning.report import Report

_BAR = 10
"""Characters of the bar that shows how far the evidence has come."""


@told
def automation(
    checkpoint: Annotated[str, typer.Argument(metavar="CHECKPOINT", help="Its name.")],
    db: Annotated[
        str | None, typer.Option(metavar="URL", help="The database. Default: $SIGNOFF_URL or signoff.db.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> None:
    """Tell what a checkpoint could have let through without a person, and what is proved about it."""
    with existing(db) as app:
        require_checkpoint(app, checkpoint)
        found = app.automation(checkpoint)
    if json:
        document = {name: getattr(found, name) for name in found.__dataclass_fields__}
        print_json(document | {"report": None if found.report is None else found.report.as_dict()})
    else:
        _tell(found)


def _tell(found: AutomationView) -> None:
    from rich.padding import Padding
    from rich.text import Text

    screen = console()

    def say(text: str = "", *, style: str = "", indent: int = 0) -> None:
        screen.print(Padding(Text(text, style=style), (0, 0, 0, indent)))

    say(f"{visible(found.checkpoint)}: what could run without a person", style="bold")
    say(
        f"{_count(found.arrivals, 'new case')} so far; {found.judged:,} judged, {found.waiting:,} waiting. "
        "People judge all of them: nothing runs by itself.",
        indent=2,
    )
    say()
    if found.report is None:
        say("No evidence is collected; the log of the processes that propose says why.")
        return
    aim = f"{100 * found.alpha:g} in 100"
    say(f"What is proved, aiming for fewer mistakes than {aim}", style="bold")
    screen.print(Padding(_ladder(found.report), (0, 0, 0, 2)))
    say()
    say(_proved(found.report, aim), indent=2)
    if found.report.boosted_until is not None:
        say(
            f"Cases of a new kind seem to arrive; more are audited up to case {found.report.boosted_until:,}.", indent=2
        )
    say()
    say("What automating would have cost so far", style="bold")
    screen.print(Padding(_costs(found), (0, 0, 0, 2)))
    if found.alone > found.alone_judged:
        say(
            f"If all that are not judged yet were wrong, it would be {_number(found.wrong_at_most)} mistakes.", indent=2
        )
    say(
        f"Once such cases do run, {_count(found.report.confirmed.clean_cases, 'case')} in a row without a mistake "
        "found would confirm it; audits see only a part of them.",
        indent=2,
    )


def _ladder(report: Report) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("level", justify="right")
    table.add_column("predicted risk up to", justify="right")
    table.add_column("evidence of needed")
    table.add_column("what is missing")
    for level in report.levels:
        share = min(max(level.log_evidence / level.needed, 0.0), 1.0)
        done = int(share * _BAR)
        bar = "█" * done + "░" * (_BAR - done)
        missing = (
            f"proved since case {level.since:,}"
            if level.certified and level.since is not None
            else _count(level.clean_labels, "clean verdict")
        )
        table.add_row(
            str(level.level + 1),
            "–" if level.threshold is None else f"{level.threshold:.1%}",
            f"{bar} {level.log_evidence:5.1f} of {level.needed:.1f}",
            Text(missing, style="green" if level.certified else ""),
        )
    return table


def _proved(report: Report, aim: str) -> str:
    if report.closed is not None:
        return f"It is closed: {report.closed.value.replace('_', ' ')}."
    if report.certified < 0:
        return "No level is proved yet, so nothing could have run alone by now."
    since = report.levels[report.certified].since
    return (
        f"Level {report.certified + 1} is open: among the cases of that level that people judged since case "
        f"{since or 0:,}, the average chance of a mistake was below {aim}, at 90 % confidence however often anyone "
        "looked. Nothing is promised about any single case."
    )


def _costs(found: AutomationView) -> Any:
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    table.add_row("could have run", f"{found.could_run:,}", _share(found.could_run, found.arrivals, "of all cases"))
    table.add_row("  would have been audited", f"{found.audited:,}", "")
    table.add_row("  would have run alone", f"{found.alone:,}", _share(found.alone, found.arrivals, "of all cases"))
    table.add_row(
        "  wrong among these", _number(found.wrong), _share(found.wrong, found.alone_judged, "of those judged")
    )
    return table


def _share(part: float, whole: int, of: str) -> str:
    return f"{part / whole:.1%} {of}" if whole else ""


def _number(value: float) -> str:
    return f"{value:,.1f}".removesuffix(".0")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
