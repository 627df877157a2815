"""`signoff webhook`: who is told what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from signoff.cli.output import as_json, existing, fail, print_json, told, visible
from signoff.cli.review import login_name

if TYPE_CHECKING:
    from signoff.domain.actor import Actor
    from signoff.domain.webhook import Webhook

app = typer.Typer(help="Tell other programs what happens.", no_args_is_help=True)

_DB_HELP = "The database. Default: $SIGNOFF_URL or signoff.db."
_ID_HELP = "Its id, as webhook list shows it."

Db = Annotated[str | None, typer.Option(metavar="URL", help=_DB_HELP)]
Id = Annotated[str, typer.Argument(metavar="ID", help=_ID_HELP)]


@app.command()
@told
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to: https://...")],
    event: Annotated[
        list[str] | None,
        typer.Option(help="case.settled, effect.unknown or queue.age; may be given again."),
    ] = None,
    max_age_min: Annotated[
        float | None, typer.Option(metavar="N", help="For queue.age: minutes a case may wait.")
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="This host, or HOST:PORT, may be private or without https."),
    ] = None,
    db: Db = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")] = False,
) -> None:
    """Tell an address what happens from now on, and print the secret its receiver checks signatures by."""
    with existing(db) as desk:
        made = desk.webhooks.add(
            url,
            events=event or (),
            max_age_s=None if max_age_min is None else max_age_min * 60,
            by=_admin(),
            allow=allow or (),
        )
    if json:
        print_json({**_shown(made), "secret": made.secret})
        return
    typer.echo(f"Webhook {made.id} is told of {', '.join(made.events)}.")
    typer.echo(f"Secret, shown this once: {made.secret}")
    if allow:
        typer.echo("Whoever delivers needs the same: SIGNOFF_WEBHOOK_ALLOW=" + visible(",".join(allow)))


@app.command("list")
@told
def list_(
    db: Db = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document per webhook instead.")] = False,
) -> None:
    """List the webhooks, oldest first; never their secrets."""
    with existing(db) as desk:
        found = desk.webhooks.list()
    for webhook in found:
        if json:
            print_json(_shown(webhook))
            continue
        events = ", ".join(webhook.events)
        if webhook.max_age_s is not None:
            events += f" after {webhook.max_age_s / 60:g} min"
        state = "on" if webhook.disabled_at is None else "off"
        typer.echo(f"{webhook.id}  {state:3}  {events}  {visible(webhook.url)}")
    if not found and not json:
        typer.echo("No webhooks.")


@app.command()
@told
def remove(id: Id, db: Db = None) -> None:
    """Tell a webhook nothing any more."""
    with existing(db) as desk:
        desk.webhooks.remove(id, _admin())
    typer.echo(f"Webhook {visible(id)} is off.")


@app.command()
@told
def test(
    id: Id,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="This host, or HOST:PORT, may be private or without https."),
    ] = None,
    db: Db = None,
) -> None:
    """Send a webhook one message of type webhook.test, and say what became of it."""
    with existing(db) as desk:
        desk.deliver_webhooks(allow=allow or ())
        case = desk.webhooks.send_test(id, _admin())
        if desk.execute(case.id) is None:
            # A server or worker on the same database took it first.
            case.outcome(timeout_s=_PATIENCE_S)
        last = desk.history(case.id).attempts[-1]
    if last.receipt is None:
        fail(f"delivery {case.id}: {last.problem}", code=1)
    typer.echo(f"Delivered, with status {last.receipt['value']['status']}.")


_PATIENCE_S = 60.0


def _admin() -> Actor:
    """Whoever may change the database file may do all that an admin may; the ledger says who it was."""
    from signoff.domain.actor import Actor, Role

    return Actor(id=login_name(), roles=frozenset({Role.ADMIN}))


def _shown(webhook: Webhook) -> dict[str, Any]:
    shown: dict[str, Any] = as_json(webhook)
    del shown["secret"]
    return shown
