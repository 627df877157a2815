"""The command `signoff`. Each command's own imports happen when it runs, so that `--help` is quick."""

from __future__ import annotations

import typer

from signoff.cli import demo, review

app = typer.Typer(
    name="signoff",
    help="AI proposes, a person rules, the effect runs once, the system learns.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    review.review,
    demo.demo,
):
    app.command()(command)


def main() -> None:
    """Run the command line."""
    app()
