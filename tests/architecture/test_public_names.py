"""The public names are a promise: the list is written down here, and each has words for its reader."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

import signoff
import signoff.testing

PACKAGE = Path(__file__).parents[2] / "src" / "signoff"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if "versions" not in path.parts]

PUBLIC = [
    "Alternative",
    "Approved",
    "Case",
    "CaseHandle",
    "CaseView",
    "Checkpoint",
    "CheckpointFunction",
    "Client",
    "Criterion",
    "Delivery",
    "Draft",
    "Drafter",
    "Edited",
    "EffectFailed",
    "EffectUnknown",
    "History",
    "LabelDrafter",
    "Material",
    "Move",
    "Outcome",
    "Oversight",
    "Proposal",
    "Rejected",
    "Reviewer",
    "Role",
    "Signoff",
    "SignoffError",
    "State",
    "Verdict",
    "current_effect",
]


def test_the_public_names_are_these() -> None:
    assert list(signoff.__all__) == PUBLIC
    assert dir(signoff) == sorted([*PUBLIC, "__version__"])
    assert signoff.testing.__all__ == ["FakeClock", "MemoryStore", "RecordedCall", "RecordingHandler"]


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_can_be_imported_from_the_package(name: str) -> None:
    assert getattr(signoff, name) is not None


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Approver'"):
        signoff.Approver  # noqa: B018


def documented(tree: ast.Module) -> Iterator[tuple[str, str | None]]:
    """Give each public class and function of a module, methods included, with its docstring."""
    yield "the module", ast.get_docstring(tree)
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        prefix, node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If):
                waiting.append((prefix, child))
            if not isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            overloaded = any(isinstance(d, ast.Name) and d.id == "overload" for d in child.decorator_list)
            if child.name.startswith("_") or overloaded:
                continue
            yield prefix + child.name, ast.get_docstring(child)
            if isinstance(child, ast.ClassDef):
                waiting.append((f"{prefix}{child.name}.", child))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_everything_public_says_in_one_line_what_it_is(path: Path) -> None:
    for name, docstring in documented(ast.parse(path.read_text(encoding="utf-8"))):
        first = (docstring or "").split("\n\n")[0].strip()
        assert first, f"{name} has no docstring"
        assert first[-1] in ".!?:", f"the first line of {name} ends with {first[-1]!r}"


def test_every_argument_of_the_public_functions_is_explained() -> None:
    """A caller of the app's own verbs finds each parameter in its docstring, or a word where it is explained."""
    for owner in (signoff.Signoff, signoff.CheckpointFunction, signoff.Client):
        for name, function in inspect.getmembers(owner, inspect.isfunction):
            text = inspect.getdoc(function) or ""
            if name.startswith("_") or "Args:" not in text:
                continue
            named = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
            for parameter in named:
                if parameter.kind is not parameter.VAR_POSITIONAL:
                    assert f"{parameter.name}:" in text, f"{owner.__name__}.{name}({parameter.name}) is not explained"
