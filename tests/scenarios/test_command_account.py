"""The commands that say who may sign in: user and token, from pipes and at a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from signoff import Signoff
from signoff.cli import app as commands
from signoff.cli.review import login_name
from signoff.domain.account import Scope
from signoff.domain.actor import Role
from signoff.errors import NotSignedIn

PASSWORD = "correct horse battery"
WAIT_S = 60.0


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The database that every command of a test works on; not there yet."""
    path = tmp_path / "desk.db"
    monkeypatch.setenv("SIGNOFF_URL", str(path))
    return path


@pytest.fixture
def desk(path: Path) -> Iterator[Signoff]:
    with Signoff(path, workers=0) as app:
        yield app


def run(*arguments: str, given: str | bytes | None = None) -> Result:
    return CliRunner().invoke(commands, arguments, input=given)


def ok(*arguments: str, given: str | bytes | None = None) -> str:
    result = run(*arguments, given=given)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def refused(*arguments: str, code: int = 2, given: str | bytes | None = None) -> str:
    """Run a command that is refused with one line on standard error; give the line."""
    result = run(*arguments, given=given)
    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (code, "", 1), result.output
    assert result.stderr.startswith("error: ")
    return result.stderr.removeprefix("error: ").rstrip()


def documents(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_first_account_makes_the_database(path: Path) -> None:
    arguments = ("user", "add", "grace", "--role", "reviewer", "--role", "lead", "--group", "billing")
    assert ok(*arguments, "--password-stdin", given=f"{PASSWORD}\r\nand more\n") == "grace may sign in\n"
    with Signoff(path, workers=0) as app:
        [account] = app.accounts.list()
        assert (account.roles, account.groups) == ((Role.REVIEWER, Role.LEAD), ("billing",))
        assert account.created_by == login_name()
        assert app.accounts.sign_in("grace", PASSWORD)[1].account == "grace"


def test_the_option_names_another_database(path: Path, tmp_path: Path) -> None:
    other = str(tmp_path / "other.db")
    ok("user", "add", "grace", "--role", "admin", "--no-password", "--db", other)
    assert not path.exists()
    assert "grace" in ok("user", "list", "--db", other)


@pytest.mark.parametrize(
    ("arguments", "given", "problem"),
    [
        (["grace"], None, "an account needs a role; roles are reviewer, lead, officer, legal, auditor, admin"),
        (["grace", "--role", "boss"], None, "there is no role 'boss'; roles are reviewer"),
        (["grace", "--role", "lead", "--group", "lead"], None, "a group cannot be named 'lead'"),
        ([" ", "--role", "lead"], None, "an account needs a name"),
        (["grace", "--role", "lead"], None, "there is no terminal to ask for a password at; pipe it in with"),
        (["grace", "--role", "lead", "--password-stdin", "--no-password"], "", "exclude each other"),
    ],
)
def test_what_cannot_be_is_refused_before_a_database_is_made(
    path: Path, arguments: list[str], given: str | None, problem: str
) -> None:
    assert problem in refused("user", "add", *arguments, given=given)
    assert not path.exists()


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (b"", "a password has 12 to 1024 characters"),
        (b"short\n", "a password has 12 to 1024 characters"),
        (b"x" * 20_000, "a password has 12 to 1024 characters"),
        (b"\xff\xfe horse battery\n", "is not UTF-8"),
    ],
)
def test_a_password_that_cannot_be_is_not_repeated(desk: Signoff, given: bytes, problem: str) -> None:
    said = refused("user", "add", "grace", "--role", "lead", "--password-stdin", given=given)
    assert problem in said
    assert "short" not in said
    assert desk.accounts.list() == []


def test_a_name_is_given_once(desk: Signoff) -> None:
    ok("user", "add", "grace", "--role", "lead", "--no-password")
    assert "there is an account 'grace' already" in refused(
        "user", "add", "grace", "--role", "lead", "--password-stdin", given=PASSWORD, code=1
    )


def test_accounts_are_listed_with_how_they_stand(desk: Signoff) -> None:
    assert ok("user", "list") == "No accounts.\n"
    for name in ("lee", "ada", "grace", "mallory"):
        desk.accounts.create(name, roles=["reviewer"], groups=["billing"], password=PASSWORD, by="ada")
    desk.accounts.create("zoe", roles=["auditor", "lead"], by="ada")
    desk.accounts.disable("lee", "ada")
    for _ in range(5):
        with pytest.raises(NotSignedIn):
            desk.accounts.sign_in("mallory", "wrong horse battery")
    rows = [line.split() for line in ok("user", "list").splitlines()]
    assert rows[0] == ["id", "roles", "groups", "made", "state"]
    made = desk.accounts.list()[0].created_at.strftime("%Y-%m-%d")
    assert rows[1:] == [
        ["ada", "reviewer", "billing", made],
        ["grace", "reviewer", "billing", made],
        ["lee", "reviewer", "billing", made, "disabled"],
        ["mallory", "reviewer", "billing", made, "locked"],
        ["zoe", "lead,", "auditor", made, "no", "password"],
    ]


def test_a_document_of_an_account_holds_no_hash(desk: Signoff) -> None:
    desk.accounts.create("grace", roles=["reviewer"], password=PASSWORD, by="ada")
    desk.accounts.create("lee", roles=["auditor"], groups=["billing"], by="ada")
    shown = ok("user", "list", "--json")
    assert "argon2" not in shown
    grace, lee = documents(shown)
    assert (grace["id"], grace["roles"], grace["has_password"]) == ("grace", ["reviewer"], True)
    assert (lee["groups"], lee["has_password"], lee["disabled_at"]) == (["billing"], False, None)
    assert "password_hash" not in grace


def test_roles_and_groups_are_set(desk: Signoff) -> None:
    desk.accounts.create("grace", roles=["reviewer"], groups=["billing"], by="ada")
    assert ok("user", "change", "grace", "--role", "lead", "--role", "admin") == "grace: lead, admin; groups: billing\n"
    assert ok("user", "change", "grace", "--group", "shipping") == "grace: lead, admin; groups: shipping\n"
    assert ok("user", "change", "grace", "--no-groups") == "grace: lead, admin; groups: none\n"
    assert "say what it is to be" in refused("user", "change", "grace")
    assert "exclude each other" in refused("user", "change", "grace", "--group", "a", "--no-groups")
    assert "there is no account 'nobody'" in refused("user", "change", "nobody", "--role", "lead")


def test_a_password_is_changed_and_an_account_shut_and_opened(desk: Signoff) -> None:
    desk.accounts.create("grace", roles=["reviewer"], password=PASSWORD, by="ada")
    cookie, _ = desk.accounts.sign_in("grace", PASSWORD)
    said = ok("user", "password", "grace", "--password-stdin", given="another horse battery\n")
    assert said == "grace has another password, and is signed out everywhere\n"
    assert desk.accounts.session(cookie) is None
    cookie, _ = desk.accounts.sign_in("grace", "another horse battery")
    assert ok("user", "disable", "grace") == "grace is disabled\n"
    assert desk.accounts.session(cookie) is None
    assert ok("user", "enable", "grace") == "grace is enabled\n"
    assert desk.accounts.sign_in("grace", "another horse battery")[1].account == "grace"


@pytest.mark.parametrize("command", [["password", "--password-stdin"], ["disable"], ["enable"]])
def test_an_account_that_is_not_there_is_named(desk: Signoff, command: list[str]) -> None:
    assert "there is no account 'nobody'" in refused("user", command[0], "nobody", *command[1:], given=PASSWORD)


def test_the_secret_of_a_token_is_alone_on_standard_output(desk: Signoff) -> None:
    result = run("token", "new", "ci-agent", "--scope", "propose", "--expires-days", "3")
    assert result.exit_code == 0
    secret = result.stdout.removesuffix("\n")
    [token] = desk.accounts.tokens()
    assert desk.accounts.token(secret) == (token, None)
    assert token.created_by == login_name()
    assert token.expires_at is not None
    assert (token.expires_at - token.created_at).days == 3
    until = token.expires_at.strftime("%Y-%m-%d")
    assert result.stderr.splitlines() == [
        f"Token {token.id}: propose as ci-agent, until {until}.",
        "Keep the secret now, it is not shown again:",
    ]


def test_a_token_may_review_and_read(desk: Signoff) -> None:
    desk.accounts.create("grace", roles=["reviewer"], by="ada")
    result = run("token", "new", "grace", "--scope", "review", "--scope", "read")
    assert "review, read as grace, until it is revoked." in result.stderr
    found = desk.accounts.token(result.stdout.strip())
    assert found is not None
    assert found[0].scopes == (Scope.REVIEW, Scope.READ)
    assert "is a person's account" in refused("token", "new", "grace", "--scope", "propose", code=1)
    assert "can do nothing else" in refused("token", "new", "bot", "--scope", "propose", "--scope", "read")


def test_tokens_are_listed_without_their_digests(desk: Signoff) -> None:
    assert ok("token", "list") == "No tokens.\n"
    made = [desk.accounts.issue_token(name, scopes=["propose"], by="ada")[1] for name in ("bot", "old\u2019s bot")]
    desk.accounts.issue_token("third", scopes=["propose"], by="ada", expires_s=86_400)
    desk.accounts.issue_token("late", scopes=["propose"], by="ada", expires_s=1e-6)
    assert ok("token", "revoke", made[0].id[-12:]) == f"token {made[0].id} of bot is revoked\n"
    lines = ok("token", "list").splitlines()
    assert [line.split()[0] for line in lines[1:]] == [token.id for token in desk.accounts.tokens()]
    assert lines[1].endswith("revoked")
    assert "until" in lines[3]
    assert lines[4].endswith("expired")
    shown = documents(ok("token", "list", "--json"))
    assert [one["subject"] for one in shown] == ["bot", "old\u2019s bot", "third", "late"]
    assert all("digest" not in one and one["scopes"] == ["propose"] for one in shown)
    assert shown[0]["revoked_at"] is not None


def test_a_token_is_revoked_by_a_name_of_its_own(desk: Signoff) -> None:
    secret, token = desk.accounts.issue_token("bot", scopes=["propose"], by="ada")
    said = refused("token", "revoke", secret)
    assert "not its id" in said
    assert secret not in said
    assert "at least 6 characters" in refused("token", "revoke", token.id[-3:])
    assert "no token has an id that ends with" in refused("token", "revoke", "abcdef-none")
    assert desk.accounts.token(secret) is not None


@pytest.mark.parametrize(
    "arguments",
    [
        ["user", "list"],
        ["user", "change", "grace", "--role", "lead"],
        ["user", "password", "grace", "--password-stdin"],
        ["user", "disable", "grace"],
        ["user", "enable", "grace"],
        ["token", "new", "bot", "--scope", "propose"],
        ["token", "list"],
        ["token", "revoke", "0123456789"],
    ],
)
def test_every_other_command_needs_a_database(path: Path, arguments: list[str]) -> None:
    assert f"there is no database {path}" in refused(*arguments, given=PASSWORD)
    assert not path.exists()


# --- at a terminal


def read_until(end: int, text: str, seen: str) -> str:
    deadline = time.monotonic() + WAIT_S
    while text not in seen:
        ready, _, _ = select.select([end], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{text!r} was not shown in {seen!r}"
        try:
            seen += os.read(end, 4096).decode()
        except OSError:
            # The other end is closed: this is all there was.
            assert text in seen, f"{text!r} was not shown in {seen!r}"
    return seen


def test_a_terminal_is_asked_twice_and_shows_no_password(path: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "signoff", "user", "add", "grace", "--role", "reviewer"],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            seen = read_until(ours, "Password for grace: ", "")
            os.write(ours, f"{PASSWORD}\n".encode())
            seen = read_until(ours, "Once more: ", seen)
            os.write(ours, b"something else\n")
            seen = read_until(ours, "do not match", seen)
            again = read_until(ours, "Password for grace: ", seen.rpartition("do not match")[2])
            os.write(ours, f"{PASSWORD}\n".encode())
            again = read_until(ours, "Once more: ", again)
            os.write(ours, f"{PASSWORD}\n".encode())
            again = read_until(ours, "grace may sign in", again)
            assert process.wait(WAIT_S) == 0
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    finally:
        os.close(ours)
    assert PASSWORD not in seen + again
    with Signoff(path, workers=0) as app:
        assert app.accounts.sign_in("grace", PASSWORD)[1].account == "grace"
