"""Small files, small functions, few modules a folder, and names that say something."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[2]
FILE_LIMIT = 400  # lines
FUNCTION_LIMIT = 50  # lines, docstring included
FOLDER_LIMIT = 15  # modules, __init__ not counted
Node = TypeVar("Node", bound=ast.stmt)
SOURCES = sorted(path for path in (ROOT / "secmount").rglob("*.py"))
TESTS = sorted(path for path in (ROOT / "tests").rglob("*.py"))


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def nodes(paths: list[Path], *kinds: type[Node]) -> Iterator[tuple[str, Node]]:
    """Give every node of some kinds with `file:line`."""
    for path in paths:
        for node in ast.walk(parsed(path)):
            if isinstance(node, kinds):
                yield f"{name(path)}:{node.lineno}", node


def test_no_file_is_long() -> None:
    """Split by reason, not by length."""
    lines = {name(path): path.read_text("utf-8").count("\n") for path in SOURCES + TESTS}
    assert {path: count for path, count in lines.items() if count > FILE_LIMIT} == {}


def test_no_function_is_long() -> None:
    kinds: tuple[type[ast.FunctionDef | ast.AsyncFunctionDef], ...] = (ast.FunctionDef, ast.AsyncFunctionDef)
    functions = nodes(SOURCES + TESTS, *kinds)
    lines = {(at, node.name): (node.end_lineno or node.lineno) - node.lineno + 1 for at, node in functions}
    assert {at: count for at, count in lines.items() if count > FUNCTION_LIMIT} == {}


def test_no_folder_is_crowded() -> None:
    modules = Counter(name(path.parent) for path in SOURCES if path.name != "__init__.py")
    assert {folder: count for folder, count in modules.items() if count > FOLDER_LIMIT} == {}


def test_a_module_has_a_name_of_the_field() -> None:
    vague = {"base", "common", "core", "helper", "helpers", "manager", "misc", "tools", "util", "utils"}
    assert [name(path) for path in SOURCES if path.stem in vague] == []


def test_a_package_file_only_says_what_the_package_is() -> None:
    files = [path for path in SOURCES if path.name == "__init__.py" and path.parent.name not in {"secmount", "errors"}]
    assert [name(path) for path in files if [type(node) for node in parsed(path).body] != [ast.Expr]] == []


def test_no_check_rests_on_an_assert() -> None:
    """`python -O` drops asserts: one may narrow a type, it may not call anything."""
    asserts = [(at, node.test) for at, node in nodes(SOURCES, ast.Assert)]
    calls = [(at, call.func) for at, test in asserts for call in ast.walk(test) if isinstance(call, ast.Call)]
    assert [at for at, function in calls if not (isinstance(function, ast.Name) and function.id == "isinstance")] == []
