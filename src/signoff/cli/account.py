"""`signoff user` and `signoff token`: who may sign in, and what speaks for whom."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from signoff.cli.output import as_json, database, existing, fail, print_json, told, visible
from signoff.cli.review import login_name

if TYPE_CHECKING:
    from signoff.app import Signoff
    from signoff.domain.account import Account, Token

_LONGEST_LINE = 8192
_DAY_S = 86_400.0

Url = Annotated[
    str | None, typer.Option("--db", metavar="URL", help="The database. Default: $SIGNOFF_URL or signoff.db.")
]
Name = Annotated[str, typer.Argument(metavar="ID", help="The name of the account.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document each instead.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, its first line.")
]

user = typer.Typer(help="Say who may sign in, and as what.", no_args_is_help=True)
token = typer.Typer(help="Make and end tokens, for services and scripts.", no_args_is_help=True)


# --- people


@user.command("add")
@told
def add_user(
    id: Name,
    role: Annotated[
        list[str] | None,
        typer.Option(help="reviewer, lead, officer, legal, auditor or admin; may be given again."),
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="A group whose hand-overs they get; may be given again.")
    ] = None,
    password_stdin: FromStdin = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="Ask for none: only tokens speak for this account.")
    ] = False,
    db: Url = None,
) -> None:
    """Make an account; asks for its password. A database that is not there yet is made."""
    if password_stdin and no_password:
        fail("--password-stdin and --no-password exclude each other; take one")
    from signoff.domain.account import plain_groups, plain_name, plain_roles

    # What cannot be is refused before a file is made, or anybody types a password.
    name, roles, groups = plain_name(id, what="an account"), plain_roles(role or ()), plain_groups(group or ())
    if not password_stdin and not no_password:
        _require_terminal()
    with _made(db) as app:
        _require_free(app, name)
        password = None if no_password else _password(name, from_stdin=password_stdin)
        made = app.accounts.create(name, roles=roles, groups=groups, password=password, by=login_name())
        typer.echo(visible(f"{made.id} may sign in" if password else f"{made.id} has an account without a password"))


@user.command("list")
@told
def list_users(json: Json = False, db: Url = None) -> None:
    """List all accounts."""
    with existing(db) as app:
        accounts, now = app.accounts.list(), app.clock.now()
    if json:
        for account in accounts:
            print_json(_shown(account))
        return
    if not accounts:
        typer.echo("No accounts.")
        return
    _print_table(
        ("id", "roles", "groups", "made", "state"),
        [
            (account.id, _names(account.roles), _names(account.groups), _day(account.created_at), _state(account, now))
            for account in accounts
        ],
    )


@user.command("change")
@told
def change_user(
    id: Name,
    role: Annotated[
        list[str] | None, typer.Option(help="The roles from now on, in place of all others; may be given again.")
    ] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="The groups from now on, in place of all others; may be given again.")
    ] = None,
    no_groups: Annotated[bool, typer.Option("--no-groups", help="Leave it in no group.")] = False,
    db: Url = None,
) -> None:
    """Give an account other roles or groups."""
    if not role and not group and not no_groups:
        fail("say what it is to be: --role, --group or --no-groups")
    if group and no_groups:
        fail("--group and --no-groups exclude each other; take one")
    groups = [] if no_groups else group
    with existing(db) as app:
        account = app.accounts.change(id, roles=role, groups=groups, by=login_name())
    typer.echo(visible(f"{account.id}: {_names(account.roles)}; groups: {_names(account.groups) or 'none'}"))


@user.command("password")
@told
def set_password(id: Name, password_stdin: FromStdin = False, db: Url = None) -> None:
    """Give an account another password, unlock it, and sign it out everywhere."""
    with existing(db) as app:
        # This changes nothing, and refuses an unknown name before anybody types a password for it.
        app.accounts.change(id, by=login_name())
        app.accounts.set_password(id, _password(id, from_stdin=password_stdin), login_name())
    typer.echo(visible(f"{id} has another password, and is signed out everywhere"))


@user.command("disable")
@told
def disable_user(id: Name, db: Url = None) -> None:
    """Let nothing of an account work any more: no password, no session, no token."""
    with existing(db) as app:
        app.accounts.disable(id, login_name())
    typer.echo(visible(f"{id} is disabled"))


@user.command("enable")
@told
def enable_user(id: Name, db: Url = None) -> None:
    """Let an account and its tokens work again, and unlock it."""
    with existing(db) as app:
        app.accounts.enable(id, login_name())
    typer.echo(visible(f"{id} is enabled"))


# --- tokens


@token.command("new")
@told
def new_token(
    subject: Annotated[
        str, typer.Argument(metavar="SUBJECT", help="Who acts: an account, or the name a service proposes under.")
    ],
    scope: Annotated[
        list[str], typer.Option(help="propose, alone; or review, read. May be given again.", show_default=False)
    ],
    expires_days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Days after which it works no more. Default: never.")
    ] = None,
    db: Url = None,
) -> None:
    """Make a token. Its secret, the only line on standard output, is shown this once."""
    with existing(db) as app:
        expires_s = None if expires_days is None else expires_days * _DAY_S
        secret, made = app.accounts.issue_token(subject, scopes=scope, by=login_name(), expires_s=expires_s)
    until = f"until {_day(made.expires_at)}" if made.expires_at else "until it is revoked"
    typer.echo(visible(f"Token {made.id}: {_names(made.scopes)} as {made.subject}, {until}."), err=True)
    typer.echo("Keep the secret now, it is not shown again:", err=True)
    typer.echo(secret)


@token.command("list")
@told
def list_tokens(json: Json = False, db: Url = None) -> None:
    """List all tokens, without their secrets, which nobody has kept."""
    with existing(db) as app:
        tokens, now = app.accounts.tokens(), app.clock.now()
    if json:
        for token in tokens:
            print_json({name: value for name, value in as_json(token).items() if name != "digest"})
        return
    if not tokens:
        typer.echo("No tokens.")
        return
    _print_table(
        ("id", "subject", "scopes", "made", "state"),
        [
            (token.id, token.subject, _names(token.scopes), _day(token.created_at), _standing(token, now))
            for token in tokens
        ],
    )


@token.command("revoke")
@told
def revoke_token(
    id: Annotated[str, typer.Argument(metavar="ID", help="Its id, or at least 6 characters from its end.")],
    db: Url = None,
) -> None:
    """Let a token work no more."""
    with existing(db) as app:
        revoked = app.accounts.revoke_token(id, login_name())
    typer.echo(visible(f"token {revoked.id} of {revoked.subject} is revoked"))


# --- what they share


@contextmanager
def _made(url: str | None) -> Iterator[Signoff]:
    """Open a database, without running any effect; make it if it is not there."""
    from signoff.app import Signoff

    with Signoff(database(url), workers=0) as app:
        yield app


def _require_free(app: Signoff, id: str) -> None:
    if any(account.id == id for account in app.accounts.list()):
        fail(f"there is an account {id!r} already; signoff user change and signoff user password change it", code=1)


def _password(id: str, *, from_stdin: bool) -> str:
    if from_stdin:
        line = sys.stdin.buffer.readline(_LONGEST_LINE)
        try:
            return line.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            fail("the password on standard input is not UTF-8")
    _require_terminal()
    asked: str = typer.prompt(visible(f"Password for {id}"), hide_input=True, confirmation_prompt="Once more", err=True)
    return asked


def _require_terminal() -> None:
    if not sys.stdin.isatty():
        fail("there is no terminal to ask for a password at; pipe it in with --password-stdin")


def _shown(account: Account) -> dict[str, Any]:
    fields = as_json(account)
    fields["has_password"] = fields.pop("password_hash") is not None
    return dict(fields)


def _state(account: Account, now: datetime) -> str:
    from signoff.domain.account import locked_for

    if account.disabled_at is not None:
        return "disabled"
    if locked_for(account.locked_until, now=now):
        return "locked"
    return "" if account.password_hash else "no password"


def _standing(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    if not token.works(now=now):
        return "expired"
    return f"until {_day(token.expires_at)}" if token.expires_at else ""


def _names(names: Sequence[str]) -> str:
    return ", ".join(names)


def _day(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d")


def _print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.cells import cell_len

    shown = [head, *([visible(cell, newlines=False) for cell in row] for row in rows)]
    widths = [max(cell_len(row[column]) for row in shown) for column in range(len(head))]
    for row in shown:
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip())
