"""Small files, small functions, few modules a folder, and names that say something."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE_LIMIT = 400  # lines
FUNCTION_LIMIT = 50  # lines, docstring included
FOLDER_LIMIT = 15  # modules, __init__ not counted
SOURCES = sorted(path for path in (ROOT / "secmount").rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=name)
def test_no_file_is_long(path: Path) -> None:
    lines = path.read_text("utf-8").count("\n")
    assert lines <= FILE_LIMIT, f"{name(path)} has {lines} lines: split it by reason, not by length"


@pytest.mark.parametrize("path", SOURCES + TESTS, ids=name)
def test_no_function_is_long(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            assert lines <= FUNCTION_LIMIT, f"{name(path)}:{node.lineno}: {node.name} has {lines} lines"


@pytest.mark.parametrize("folder", sorted({path.parent for path in SOURCES}), ids=name)
def test_no_folder_is_crowded(folder: Path) -> None:
    modules = [path for path in folder.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= FOLDER_LIMIT


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_module_has_a_name_of_the_field(path: Path) -> None:
    assert path.stem not in {"base", "common", "core", "helper", "helpers", "manager", "misc", "tools", "util", "utils"}


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_a_package_file_only_says_what_the_package_is(path: Path) -> None:
    if path.name == "__init__.py" and path.parent.name not in {"secmount", "errors"}:
        body = ast.parse(path.read_text("utf-8")).body
        assert len(body) == 1
        assert isinstance(body[0], ast.Expr)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_check_rests_on_an_assert(path: Path) -> None:
    """`python -O` drops asserts: one may narrow a type, it may not call anything."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Assert):
            calls = [call for call in ast.walk(node.test) if isinstance(call, ast.Call)]
            assert all(isinstance(c.func, ast.Name) and c.func.id == "isinstance" for c in calls), (
                f"{path}:{node.lineno}"
            )
