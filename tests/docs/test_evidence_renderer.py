"""docs/howto/evidence-renderer.md shows a renderer that is in the inbox, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.test_snippets import FENCE, ROOT

EVIDENCE = ROOT / "web" / "src" / "evidence"
TEXT = (ROOT / "docs" / "howto" / "evidence-renderer.md").read_text(encoding="utf-8")
SHOWN = [(found[1], found[2]) for found in FENCE.finditer(TEXT)]


def shown_as(language: str) -> list[str]:
    return [source for kind, source in SHOWN if kind == language]


@pytest.mark.parametrize(("at", "path"), list(enumerate([EVIDENCE / "points.tsx", EVIDENCE / "points.test.tsx"])))
def test_a_file_on_the_page_is_the_file_in_the_inbox(at: int, path: Path) -> None:
    assert f"`{path.relative_to(ROOT)}`" in TEXT
    assert shown_as("tsx")[at] == path.read_text(encoding="utf-8")


def test_the_entry_on_the_page_is_in_the_registry() -> None:
    (entry,) = shown_as("ts")
    assert entry in (EVIDENCE / "registry.ts").read_text(encoding="utf-8")


def test_the_renderer_takes_less_than_fifty_lines() -> None:
    assert len(shown_as("tsx")[0].splitlines()) < 50


def test_the_building_blocks_are_where_the_page_says() -> None:
    rows = [line.split("|")[1].strip() for line in TEXT.splitlines() if line.startswith("| `")]
    assert len(rows) == 7
    for row in rows:
        names, _, place = row.removesuffix(")").partition(" (")
        source = (ROOT / "web" / "src" / f"{place}.tsx").read_text(encoding="utf-8")
        for name in names.replace("`", "").split(", "):
            assert f"export function {name}(" in source or f"export const {name} " in source, row
