"""The command `signoff`. Each command's own imports happen when it runs, so that `--help` is quick."""

from __future__ import annotations

import io
import sys

import typer

from signoff.cli import (
    account,
    automation,
    bench,
    cases,
    copy,
    demo,
    export,
    migrate,
    review,
    serve,
    simulate,
    triage,
    verify,
    webhook,
    worker,
)

app = typer.Typer(
    name="signoff",
    help="AI proposes, a person rules, the effect runs once, the system learns.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    review.review,
    serve.serve,
    worker.worker,
    triage.triage,
    simulate.simulate,
    demo.demo,
    cases.cases,
    cases.case,
    automation.automation,
    export.export,
    verify.verify,
    copy.copy,
    migrate.migrate,
    bench.bench,
):
    app.command()(command)
app.add_typer(account.user, name="user")
app.add_typer(account.token, name="token")
app.add_typer(webhook.app, name="webhook")


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a character shows a question mark instead of ending the command.
            stream.reconfigure(errors="replace")
    app()
