"""Every code that can be raised is explained, every explanation belongs to a code, and none tells how to look away."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from secmount.cli.main import _VERBS as VERBS
from secmount.errors import catalog

ROOT = Path(__file__).parents[2]
FAMILIES = sorted((ROOT / "secmount/errors/codes").glob("*.toml"))
ROWS: dict[str, dict[str, Any]] = {
    code: row for path in FAMILIES for code, row in tomllib.loads(path.read_text("utf-8")).items()
}
EXITS = {*range(6), 10, 12, 13, 20, 21, 30, 32, 40, 50, 75, 130}  # design 3.1; 0: a warning, which is never raised
KEYS = {"title", "exit", "stage", "consequence", "help", "explain"}
CODE = re.compile(r"SM[0-9]{4}")


def codes_in_use() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "secmount").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        documentation = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
                found.update(CODE.findall(node.value))
    for path in (ROOT / "policies").glob("*.rego"):
        if not path.name.endswith("_test.rego"):
            lines = [line for line in path.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")]
            found.update(CODE.findall("\n".join(lines)))
    return found


def test_what_is_raised_is_in_the_catalogue() -> None:
    assert sorted(codes_in_use() - set(ROWS)) == []


def test_what_is_in_the_catalogue_can_be_raised() -> None:
    assert sorted(set(ROWS) - codes_in_use()) == []


@pytest.mark.parametrize("path", FAMILIES, ids=lambda path: path.stem)
def test_a_family_is_in_its_own_file_in_order(path: Path) -> None:
    codes = list(tomllib.loads(path.read_text("utf-8")))
    assert all(code.startswith(path.stem) and CODE.fullmatch(code) for code in codes)
    assert codes == sorted(codes)


@pytest.mark.parametrize("code", sorted(ROWS))
def test_an_entry_is_whole(code: str) -> None:
    row = ROWS[code]
    assert set(row) - {"retryable"} == KEYS
    assert isinstance(row.get("retryable", False), bool)
    assert row["exit"] in EXITS
    assert row["title"] == row["title"].strip()
    assert row["title"][-1] not in ".!?"
    assert row["title"][0].islower() or row["title"].split()[0].isupper()
    assert row["consequence"].strip() == row["consequence"]
    assert not row["consequence"].endswith(".")
    assert re.fullmatch(r"[a-z]+(?: [a-z]+)*", row["stage"])
    assert row["help"], "an error names a next command"
    assert all(isinstance(line, str) and line for line in row["help"])
    sentences = re.findall(r"[.?!](?=\s|$)", row["explain"].strip())
    assert 1 <= len(sentences) <= 8
    assert catalog.entry(code) is not None


@pytest.mark.parametrize("code", sorted(ROWS))
def test_no_entry_tells_how_to_switch_a_check_off(code: str) -> None:
    row = ROWS[code]
    text = " ".join([row["title"], row["consequence"], *row["help"], row["explain"]])
    forbidden = r"--(?:no-|skip|force|insecure)|\b(?:disable|switch off|turn off|bypass|unsigned = true|bind = \"any\")"
    assert not re.search(forbidden, text, re.IGNORECASE)


def test_help_names_commands_that_exist() -> None:
    named = {
        (code, found[1])
        for code, row in ROWS.items()
        for text in (*row["help"], *re.findall(r"`([^`]+)`", row["explain"]))
        if (found := re.match(r"secmount ([a-z][a-z0-9]*)", text))
    }
    assert {(code, verb) for code, verb in named if verb not in VERBS} == set()
