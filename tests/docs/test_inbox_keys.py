"""docs/howto/inbox.md lists every command of the inbox with its keys, as web/src/keys/commands.ts has them."""

from __future__ import annotations

import re

from tests.docs.test_snippets import ROOT

TEXT = (ROOT / "docs" / "howto" / "inbox.md").read_text(encoding="utf-8")
SOURCE = (ROOT / "web" / "src" / "keys" / "commands.ts").read_text(encoding="utf-8")
SIGNS = {"ArrowDown": "↓", "ArrowUp": "↑", "Enter": "↵"}


def shown(key: str) -> str:
    """A key as the inbox writes it on screen."""
    strokes = [stroke.split("+") for stroke in key.split(" ")]
    return " then ".join("+".join([*modifiers, SIGNS.get(last, last)]) for *modifiers, last in strokes)


def test_the_page_has_every_command_by_group_with_its_keys() -> None:
    facts = re.findall(r'^  \w+: \{ name: "([^"]+)", group: "([^"]+)", keys: \[([^\]]*)\]', SOURCE, re.MULTILINE)
    assert len(facts) == SOURCE.count("group: ") - 1  # and its declaration
    declared: list[str] = []
    for name, group, keys in facts:
        if f"| **{group}** | |" not in declared:
            declared.append(f"| **{group}** | |")
        named = ", ".join(f"`{shown(key)}`" for key in re.findall(r'"([^"]+)"', keys))
        declared.append(f"| {name} | {named} |")
    table = TEXT.partition("| command | keys |\n|---|---|\n")[2].partition("\n\n")[0]
    assert table.splitlines() == declared
