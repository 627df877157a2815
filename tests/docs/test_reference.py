"""The reference names everything there is, and nothing that is not."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import click
import pytest
import typer.main

from signoff import errors
from signoff.cli import app
from signoff.domain.case import TABLE, Move
from signoff.domain.entry import EntryKind
from signoff.storage.schema import metadata

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def walk(group: click.Command, before: str = "") -> dict[str, click.Command]:
    """Every command by what is typed to reach it, those of groups too."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        found |= walk(command, f"{before}{name} ") if hasattr(command, "commands") else {f"{before}{name}": command}
    return found


COMMANDS = walk(typer.main.get_command(app))


def read(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def section(command: str) -> str:
    """What commands.md says about one command."""
    found = re.search(rf"^## signoff {command}\n(.*?)(?=^## |\Z)", read("commands.md"), re.MULTILINE | re.DOTALL)
    assert found, f"commands.md has no section for {command}"
    return found[1]


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_option_of_every_command_is_described(command: str) -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", section(command), re.MULTILINE)
    described = {row.split()[0] for row in rows}
    for parameter in COMMANDS[command].params:
        name = max(parameter.opts, key=len)
        wanted = name if name.startswith("-") else (parameter.metavar or name).strip("[]{}").upper()
        assert wanted in described, f"signoff {command}: {wanted} is not in commands.md"


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_described_option_exists(command: str) -> None:
    described = set(re.findall(r"^\| `(--[a-z-]+)", section(command), re.MULTILINE))
    assert described <= {option for parameter in COMMANDS[command].params for option in parameter.opts}


def test_no_command_is_described_that_does_not_exist() -> None:
    assert set(re.findall(r"^## signoff (.+)$", read("commands.md"), re.MULTILINE)) == set(COMMANDS)


def leaves(found: type[errors.SignoffError]) -> list[type[errors.SignoffError]]:
    below = found.__subclasses__()
    return [leaf for child in below for leaf in leaves(child)] if below else [found]


def test_every_error_is_described_with_its_code() -> None:
    described = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", read("errors.md"), re.MULTILINE))
    assert described == {
        leaf.__name__: leaf.code for leaf in leaves(errors.SignoffError) if leaf.__module__ == errors.__name__
    }


def test_every_error_stands_under_its_branch() -> None:
    for branch, text in re.findall(r"^## (\w+):.*?\n(.*?)(?=^## |\Z)", read("errors.md"), re.MULTILINE | re.DOTALL):
        for name in re.findall(r"^\| `(\w+)` \| `", text, re.MULTILINE):
            assert issubclass(getattr(errors, name), getattr(errors, branch))


def test_every_table_is_described_with_its_key() -> None:
    text = read("ledger.md").partition("## Tables")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]+) \|$", text, re.MULTILINE)
    described = {table: re.findall(r"`(\w+)`", key) for table, key in rows}
    assert described == {name: [column.name for column in table.primary_key] for name, table in metadata.tables.items()}


def test_every_kind_of_entry_is_described() -> None:
    text = read("ledger.md")
    assert [kind.value for kind in EntryKind if f"`{kind.value}`" not in text.partition("## Entries")[2]] == []


def test_the_moves_are_those_of_the_state_machine() -> None:
    text = read("ledger.md").partition("### `move`")[2].partition("\n### ")[0]
    described = {
        (before or None, act, after)
        for act, froms, after in re.findall(r"^\| `(\w+)` \| (.*?)→ `(\w+)` \|", text, re.MULTILINE)
        for before in (re.findall(r"`(\w+)`", froms) or [""])
    }
    assert described == {(before and before.value, move.value, after.value) for (before, move), after in TABLE.items()}
    assert {act for _, act, _ in described} == {move.value for move in Move}


def test_the_queries_fit_the_schema() -> None:
    database = sqlite3.connect(":memory:")
    try:
        for table in metadata.tables.values():
            columns = ", ".join(f'"{column.name}"' for column in table.columns)
            database.execute(f'CREATE TABLE "{table.name}" ({columns})')
        queries = re.findall(r"```sql\n(.*?)```", read("ledger.md"), re.DOTALL)
        assert queries
        for query in queries:
            database.execute(query).fetchall()
    finally:
        database.close()
