"""The wheel holds all that the program reads, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def members(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Build a wheel from a copy of the checkout, in a process of its own, and name its members."""
    copy = tmp_path_factory.mktemp("wheel")
    for name in ("secmount", "policies"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    program = "import sys; from hatchling.build import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", program, "out"], cwd=copy, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(copy / "out" / done.stdout.split()[-1]) as wheel:
        return set(wheel.namelist())


def test_every_module_and_table_is_in(members: set[str]) -> None:
    files = (path for path in (ROOT / "secmount").rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert {str(path.relative_to(ROOT)) for path in files} <= members


def test_the_policy_is_where_the_program_looks(members: set[str]) -> None:
    assert {"secmount/policy/decision.wasm", "secmount/policy/decision.rego"} <= members


def test_nothing_else_is_in(members: set[str]) -> None:
    assert {name.split("/")[0].split("-")[0] for name in members} == {"secmount"}
    assert not [name for name in members if name.endswith((".pyc", "_test.rego"))]


def test_the_command_is_declared(members: set[str]) -> None:
    assert any(name.endswith(".dist-info/entry_points.txt") for name in members)
    assert any(name.endswith("licenses/LICENSE") for name in members)
