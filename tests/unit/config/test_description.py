"""The description of config.toml is complete, and what it says is what loading does."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from secmount.config import description, file, sections
from secmount.config.description import KEYS, duration
from secmount.config.value import Config

PUBLISHED = Path(__file__).parents[3] / "docs" / "formats" / "config-v1.schema.json"
EXAMPLE = """\
store = "/srv/s"
policy = "/srv/p"
audit = "/srv/a"
state = "/srv/t"
backend = "copy"
locked = ["store", "audit"]
[limits]
entries = 7
unpacked-size = 8
ratio = 9
[policy-engine]
deadline-ms = 10
memory-mib = 11
[audit-log]
key = "/srv/k"
mask = ["/request/user"]
witness-files = ["/srv/w"]
witness-commands = ["/srv/c"]
[registry]
authfile = "/srv/auth.json"
ca-file = "/srv/ca.pem"
helpers = { pass = "/usr/bin/docker-credential-pass" }
realms = { "registry.example" = ["auth.example"] }
timeout = "12s"
deadline = "13m"
attempts = 14
private-addresses = false
stale-tags = "15h"
[aliases]
bert = "ghcr.io/acme/bert"
"""


def load(folder: Path, text: str) -> Config:
    (folder / "config.toml").write_text(text)
    return file.load({"config": str(folder / "config.toml")}, {}, uid=os.geteuid())


def flat(table: dict[str, Any], base: str = "") -> dict[str, Any]:
    open_ended = ("registry.helpers", "registry.realms", "aliases")
    found: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{base}{key}"
        found |= flat(value, f"{name}.") if isinstance(value, dict) and name not in open_ended else {name: value}
    return found


def test_every_key_that_loading_knows_is_described_and_none_else() -> None:
    inner = {
        "limits": set(sections._LIMITS),
        "policy-engine": set(sections._ENGINE),
        "audit-log": {"key", *sections._AUDIT_LISTS},
        "registry": set(sections._REGISTRY),
    }
    known = {f"{table}.{key}" for table, keys in inner.items() for key in keys} | (set(file._KEYS) - set(inner))
    assert {key.name for key in KEYS} == known


def test_what_the_file_says_is_what_is_shown(tmp_path: Path) -> None:
    config = load(tmp_path, EXAMPLE)
    rows = {row.name: row for row in description.values(config)}
    wanted = flat(tomllib.loads(EXAMPLE))
    wanted["locked"] = sorted(wanted["locked"])
    assert {name: row.value for name, row in rows.items()} == wanted
    assert {row.origin for row in rows.values()} == {str(tmp_path / "config.toml")}
    assert {name for name, row in rows.items() if row.locked} == {"store", "audit"}


def test_without_a_file_everything_is_a_default() -> None:
    rows = description.values(file.load({}, {"HOME": "/nobody", "XDG_CONFIG_HOME": "/nobody"}, uid=4242))
    assert {row.origin for row in rows} == {"default"}


@pytest.mark.parametrize(
    ("ms", "text"), [(1, "1ms"), (1_500, "1500ms"), (90_000, "90s"), (86_400_000, "1d"), (None, None)]
)
def test_durations_are_written_exactly(ms: int | None, text: str | None) -> None:
    assert duration(ms) == text


def test_the_published_schema_is_the_one_that_is_printed() -> None:
    assert json.loads(PUBLISHED.read_text()) == description.schema()


def test_the_schema_takes_what_loads() -> None:
    validator = jsonschema.Draft202012Validator(description.schema())
    validator.check_schema(description.schema())
    validator.validate(tomllib.loads(EXAMPLE))


@pytest.mark.parametrize(
    "text",
    [
        "sotre = '/a'",
        "store = 'a'",
        "locked = ['limits']",
        "locked = ['store', 3]",
        "[limits]\nentries = 0",
        "[limits]\nentires = 1",
        "[registry]\ntimeout = '1y'",
        "[registry]\nattempts = 21",
        "[registry]\nprivate-addresses = 1",
        "[registry]\nhelpers = { x = 'relative' }",
        "[aliases]\nbert = 3",
        "[audit-log]\nmask = '/x'",
    ],
)
def test_the_schema_and_loading_refuse_the_same(tmp_path: Path, text: str) -> None:
    assert list(jsonschema.Draft202012Validator(description.schema()).iter_errors(tomllib.loads(text)))
    (tmp_path / "config.toml").write_text(text)
    assert [err.code for err in file.faults(str(tmp_path / "config.toml"), uid=os.geteuid())] == ["SM1103"]


def test_every_fault_is_found_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('sotre = "/a"\nbackend = 3\n[registry]\ntimeout = "1y"\nattempts = 99\n')
    found = file.faults(str(tmp_path / "config.toml"), uid=os.geteuid())
    assert [err.place.line for err in found if err.place] == [1, 2, 4, 5]


@pytest.mark.parametrize(
    ("text", "code"), [("store =", "SM1102"), ("\udcff", "SM1102"), ("# fine\n", None)], ids=["toml", "utf-8", "fine"]
)
def test_a_file_that_is_no_toml_is_one_fault(tmp_path: Path, text: str, code: str | None) -> None:
    (tmp_path / "config.toml").write_bytes(text.encode("utf-8", "surrogateescape"))
    found = file.faults(str(tmp_path / "config.toml"), uid=os.geteuid())
    assert [err.code for err in found] == ([code] if code else [])


def test_the_page_lists_every_key() -> None:
    page = (PUBLISHED.parents[1] / "setup.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{key.name}` | {key.says} |" for key in KEYS]
