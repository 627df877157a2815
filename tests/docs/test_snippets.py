"""Whatever the documents show runs, and whatever they point to exists."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from signoff import Signoff

ROOT = Path(__file__).parents[2]
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?:\[[^\]]*\]\(|<img src=\")([^)\s\"]+)[)\"]")
HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def python_blocks(path: Path) -> list[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    return [(text.count("\n", 0, found.start(2)), found[2]) for found in FENCE.finditer(text) if found[1] == "python"]


WITH_PYTHON = [path for path in GUIDES if python_blocks(path)]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Signoff]]:
    """Every Signoff that is opened during the test, whatever becomes of its name; closed when it ends."""
    apps: list[Signoff] = []
    original = Signoff.__init__

    def remembered(self: Signoff, *args: object, **kwargs: object) -> None:
        original(self, *args, **kwargs)  # type: ignore[arg-type]
        apps.append(self)

    monkeypatch.setattr(Signoff, "__init__", remembered)
    yield apps
    for app in apps:
        app.close()


@pytest.mark.parametrize("path", WITH_PYTHON, ids=name_of)
def test_snippets_of_a_document_run_one_after_the_other(
    path: Path,
    tmp_path: Path,
    opened: list[Signoff],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    caplog.set_level(logging.CRITICAL)
    before = set(threading.enumerate())
    namespace: dict[str, object] = {"__name__": "__snippet__"}
    for line, source in python_blocks(path):
        # Empty lines in front, so that a traceback names the line of the document.
        exec(compile("\n" * line + source, str(path), "exec", dont_inherit=True), namespace)
    for app in opened:
        app.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert [thread.name for thread in set(threading.enumerate()) - before] == []


def anchors(path: Path) -> set[str]:
    """The fragments by which a document's headings are linked to, as GitHub makes them."""
    headings = HEADING.findall(FENCE.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    missing = []
    for link in LINK.findall(text):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, fragment = link.partition("#")
        target = path.parent / place if place else path
        if not target.exists() or (fragment and target.suffix == ".md" and fragment not in anchors(target)):
            missing.append(link)
    assert missing == []
