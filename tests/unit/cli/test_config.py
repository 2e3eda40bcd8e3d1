"""`config show`, `config check`, `config schema`."""

from __future__ import annotations

import json
import os
import tomllib
from pathlib import Path

import pytest

from secmount.config import file
from tests.support.command import Desk


def test_what_is_shown_is_a_config_that_says_the_same(secmount: Desk) -> None:
    Path("config.toml").write_text(
        'locked = ["store"]\n[registry]\ntimeout = "1500ms"\nhelpers = { "a.b" = "/x" }\n'
        '[aliases]\n"a.b" = "ghcr.io/a/b"\n'
    )
    shown = secmount("config", "show").out
    assert secmount("config", "show", "--origin").out != shown
    config = Path("config.toml").read_text()
    Path("shown.toml").write_text(shown)
    first = file.load({"config": os.path.abspath("config.toml")}, os.environ, uid=os.geteuid())
    second = file.load({"config": os.path.abspath("shown.toml")}, os.environ, uid=os.geteuid())
    assert first.store == second.store and first.registry == second.registry and first.aliases == second.aliases
    assert tomllib.loads(config)["aliases"] == tomllib.loads(shown)["aliases"]


def test_the_origin_of_each_value(secmount: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {row["key"]: row for row in secmount.json("config", "show", "--policy", "p").document["values"]}
    assert rows["policy"]["origin"] == "flag" and rows["policy"]["value"] == os.path.abspath("p")
    assert rows["store"]["origin"] == os.path.abspath("config.toml")
    assert rows["limits.ratio"]["origin"] == "default"
    lines = secmount("config", "show", "--origin").out
    assert f'store = "{secmount.folder}/store"  # {secmount.folder}/config.toml' in lines


def test_without_a_file(secmount: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SECMOUNT_CONFIG")
    monkeypatch.setattr(file, "place", lambda *_: (str(tmp_path / "none.toml"), False))
    assert secmount.json("config", "show").document["file"] is None
    assert "every value is the default" in secmount("config", "show").out
    result = secmount.json("config", "check")
    assert result.exit == 0 and result.document["findings"] == []


def test_every_fault_is_found_and_exits_2(secmount: Desk) -> None:
    Path("new.toml").write_text('sotre = "/a"\n[limits]\nratio = 0\n')
    result = secmount.json("config", "check", "new.toml")
    assert result.exit == 2
    assert [(row["code"], row["line"]) for row in result.document["findings"]] == [("SM1103", 1), ("SM1103", 3)]
    text = secmount("config", "check", "new.toml")
    assert text.exit == 2 and "want store" in text.out and text.out.endswith("2 errors, 0 warnings\n")


def test_a_path_that_is_not_there_is_a_warning(secmount: Desk) -> None:
    Path("new.toml").write_text('[registry]\nauthfile = "/nope/\\u001b[31m"\n')
    result = secmount("config", "check", "new.toml")
    assert result.exit == 0 and "warning[SM1050]" in result.out and "\x1b" not in result.out


def test_a_file_that_others_can_change(secmount: Desk) -> None:
    Path("config.toml").chmod(0o666)
    result = secmount.json("config", "check")
    assert result.exit == 2 and [row["code"] for row in result.document["findings"]] == ["SM7011"]


def test_hostile_values_are_harmless_on_a_terminal(secmount: Desk) -> None:
    Path("config.toml").write_text('store = "/a\\u001b]0;x\\u0007\\u202e\\u007f"\n')
    shown = secmount("config", "show", "--origin").out
    assert shown.isascii() and all(char.isprintable() or char == "\n" for char in shown)
    assert tomllib.loads(shown)["store"] == "/a\x1b]0;x\x07\u202e\x7f"


def test_the_schema(secmount: Desk) -> None:
    assert json.loads(secmount("config", "schema").out) == secmount.json("config", "schema").document["document"]
