"""What is committed: no place or host of anybody's machine, no private key, no unfinished business."""

from __future__ import annotations

import os
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Written apart, so that this file does not find itself.
REGISTRIES = [
    "pypi" + ".org",
    "files.python" + "hosted.org",
    "proxy.go" + "lang.org",
    "sum.go" + "lang.org",
    "registry.npm" + "js.org",
]
PLACES = re.compile(r"(?<![\w.])/(?:wo" + r"rk|ro" + r"ot|home/(?!user\b)[a-z]\w*|tmp/(?:v|sm|hx))(?=/)")
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X|NotImplemented" + r"Error)\b")


def committed() -> list[str]:
    """Name the files of the commit, or of an unpacked sdist."""
    if not (ROOT / ".git").exists():
        return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [name for name in listing.decode().split("\0") if name and (ROOT / name).is_file()]


@cache
def text_of(name: str) -> str:
    """Read a text file; one with a NUL is none."""
    data = (ROOT / name).read_bytes()
    return "" if b"\0" in data else data.decode("utf-8", "replace")


FILES = committed()


def test_there_is_something_to_look_at() -> None:
    assert {"pyproject.toml", "LICENSE", "README.md", ".ci/run"} <= set(FILES)


def test_no_place_of_a_machine() -> None:
    assert [(name, found.group()) for name in FILES if (found := PLACES.search(text_of(name)))] == []


def test_no_package_registry_is_named() -> None:
    configured = [
        os.environ.get(key, "") for key in ("PIP_INDEX_URL", "UV_INDEX_URL", "GOPROXY", "npm_config_registry")
    ]
    hosts = REGISTRIES + re.findall(r"://([^/,:]+)", ",".join(configured))
    assert [(name, host) for name in FILES for host in hosts if host in text_of(name)] == []


def test_no_private_key() -> None:
    armour = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")
    assert [name for name in FILES if name.endswith((".key", ".p12", ".pfx")) or armour.search(text_of(name))] == []


def test_nothing_is_left_to_be_done() -> None:
    ours = [name for name in FILES if name.startswith(("secmount/", "policies/"))]
    assert [name for name in ours if UNFINISHED.search(text_of(name))] == []


@pytest.mark.parametrize(("name", "limit"), [("CONTRIBUTING.md", 60), ("README.md", 150)])
def test_a_reader_gets_through(name: str, limit: int) -> None:
    assert text_of(name).count("\n") <= limit


def test_workflows_stay_here() -> None:
    assert not [name for name in FILES if name.startswith(".github/")]
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_the_readme_shows_the_test_command() -> None:
    """CI runs what README.md says, and looks for it with this expression (.ci/run)."""
    assert re.search(r"^(?:    |\$ )?make test *(?:#.*)?$", text_of("README.md"), re.MULTILINE)
