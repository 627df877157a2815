"""The floors of the house: what may import what, and what a bare import loads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "signoff"
MODULES = sorted(PACKAGE.rglob("*.py"))


def python(code: str) -> str:
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def test_each_floor_imports_only_what_lies_below_it() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert found.returncode == 0, found.stdout + found.stderr
    assert "0 broken" in found.stdout


@pytest.mark.parametrize("code", ["import signoff", "import signoff; dir(signoff); signoff.__version__"])
def test_a_bare_import_loads_nothing_heavy(code: str) -> None:
    heavy = ["sqlalchemy", "sklearn", "numpy", "scipy", "alembic", "jsonschema", "prompt_toolkit", "rich", "typer"]
    assert python(f"{code}; import sys; print([name for name in {heavy} if name in sys.modules])") == "[]"


def test_an_app_in_memory_needs_no_database_and_no_numbers() -> None:
    code = (
        "from signoff import Signoff; from signoff.testing import MemoryStore; import sys\n"
        "app = Signoff(MemoryStore(), workers=0)\n"
        "@app.checkpoint\n"
        "def send(to: str) -> None: ...\n"
        "app.reviewer('ada').approve(send.propose(to='x')); app.run_due()\n"
        "print([name for name in ('sqlalchemy', 'alembic', 'sklearn', 'numpy') if name in sys.modules])"
    )
    assert python(code) == "[]"


def test_a_current_database_is_opened_without_the_migration_tool(tmp_path: Path) -> None:
    path = tmp_path / "signoff.db"
    code = f"from signoff import Signoff; import sys; Signoff({str(path)!r}).close(); print('alembic' in sys.modules)"
    assert [python(code), python(code)] == ["True", "False"]


def test_nothing_is_named_after_nothing() -> None:
    homeless = {"utils", "util", "helpers", "common", "core", "models", "manager", "service", "services", "misc"}
    names = {part for path in MODULES for part in (*path.relative_to(PACKAGE).parts[:-1], path.stem)}
    assert names & homeless == set()
