"""What a command imports: only what it needs, for whoever starts it waits for that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"backports", "cryptography", "jsonschema", "opapywasm", "pydantic", "rich", "wasmtime"}


def loaded(folder: Path, *words: str) -> set[str]:
    """Run a command and name the modules that it imported."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    command = [sys.executable, "-X", "importtime", "-m", "secmount", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}


def packages(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def test_the_version_needs_nothing(tmp_path: Path) -> None:
    found = loaded(tmp_path, "--version")
    assert not packages(found) & {*HEAVY, "msgspec", "sqlite3", "typer", "tomllib", "json", "ctypes"}
    assert {name for name in found if name.startswith("secmount.")} <= {"secmount.__main__"}


@pytest.mark.parametrize("words", [["ls"], ["explain", "SM5001"]], ids=lambda words: words[0])
def test_what_verifies_nothing_loads_no_cryptography(words: list[str], tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        "".join(f'{name} = "{tmp_path / name}"\n' for name in ("store", "policy", "audit", "state"))
    )
    options = ["--config", str(tmp_path / "config.toml")] if words[0] == "ls" else []
    found = loaded(tmp_path, *words, *options)
    assert packages(found) & HEAVY == set()
    assert not [
        name for name in found if name.startswith(("secmount.trust.check", "secmount.policy.wasm", "secmount.publish"))
    ]
