"""The build hook: one build at a time, and nothing written where nothing has to be."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]

NPM = """#!{python}
import fcntl, os, pathlib, sys
folder = os.open(".", os.O_RDONLY)
try:
    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    sys.exit("nobody keeps others from building here")
except BlockingIOError:
    pass
if sys.argv[1] == "ci":
    pathlib.Path("node_modules").mkdir()
else:
    built = pathlib.Path("../src/signoff/server/static")
    built.mkdir(parents=True)
    (built / "index.html").write_text("<!doctype html>")
with open("../said", "a") as said:
    said.write(sys.argv[1] + chr(10))
"""


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with the least that is built, and programs called node and npm."""
    root = tmp_path / "checkout"
    (root / "web" / "src").mkdir(parents=True)
    for name in ("index.html", "package.json", "package-lock.json", "vite.config.ts", "tsconfig.json", "src/main.tsx"):
        (root / "web" / name).write_text(name)
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "node").write_text("#!/bin/sh\necho v22.12.0\n")
    (tools / "npm").write_text(NPM.format(python=sys.executable))
    for tool in tools.iterdir():
        tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    return root


def test_whoever_builds_or_installs_is_alone(hook: ModuleType, checkout: Path) -> None:
    inbox = hook.Inbox(checkout)
    inbox.build()
    inbox.build()
    assert (checkout / "said").read_text().split() == ["ci", "run"], "the second had nothing to do"
    (checkout / "web" / "src" / "main.tsx").write_text("another one")
    assert not inbox.is_built()


def test_in_an_unpacked_sdist_nothing_is_written(hook: ModuleType, checkout: Path) -> None:
    inbox = hook.Inbox(checkout)
    inbox.build()
    (checkout / "PKG-INFO").write_text("")
    built = checkout / "src" / "signoff" / "server" / "static" / ".built"
    os.utime(built, (0, 0))
    inbox.build()
    assert built.stat().st_mtime == 0
