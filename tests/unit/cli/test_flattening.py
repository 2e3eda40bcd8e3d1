"""The options that narrow the tree, and `inspect --tree`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import Desk

REF = "oci:models/bert:v1"


def files(folder: str) -> set[str]:
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("words", "seen"),
    [
        (("--subpath", "tokenizer"), {"merges.txt", "vocab.json"}),
        (("--include", "**/*.json"), {"config.json", "tokenizer/vocab.json"}),
        (("--exclude", "tokenizer/**"), {"config.json", "model.safetensors"}),
    ],
)
def test_the_tree_is_narrowed_and_never_widened(secmount: Desk, words: tuple[str, ...], seen: set[str]) -> None:
    result = secmount.ready().json("mount", REF, "mnt", "--backend", "copy", *words)
    assert result.exit == 0
    assert files("mnt") == seen
    assert secmount.json("check", "mnt").exit == 0


@pytest.mark.parametrize("words", [("--include", "**.pkl"), ("--exclude", "a[b]"), ("--on-conflict", "first")])
def test_what_is_no_pattern_is_refused_before_anything(secmount: Desk, words: tuple[str, ...]) -> None:
    result = secmount.ready().json("mount", REF, "mnt", "--backend", "copy", *words)
    assert (result.exit, result.code) == (2, "SM1010")
    assert not [row for row in secmount.log() if row["kind"] == "decision"]


def test_including_what_the_policy_withholds_does_not_bring_it_back(secmount: Desk) -> None:
    secmount.ready().json("mount", REF, "mnt", "--backend", "copy", "--include", "**/*.pkl")
    assert not Path("mnt").exists() or files("mnt") == set()


def test_inspect_shows_every_path_with_its_layer(secmount: Desk) -> None:
    shown = secmount.ready().json("inspect", REF, "--tree").document["tree"]
    assert {(row["path"], row["layer"]) for row in shown["paths"] if row["type"] == "file"} == {
        ("config.json", 0),
        ("tokenizer/vocab.json", 1),
        ("tokenizer/merges.txt", 1),
        ("model.safetensors", 2),
    }
    assert {row["path"] for row in shown["withheld"]} >= {"tokenizer/cache.pkl"}
    assert [(row["kind"], row["verdict"]) for row in secmount.log()][-2:] == [("decision", "allowed"), ("pull", None)]


def test_inspect_of_a_denied_tree_pulls_nothing(secmount: Desk) -> None:
    secmount.ready().model("unsigned", variant=1, key=None)
    assert secmount.json("inspect", "oci:models/unsigned:v1", "--tree").exit == 10
    assert secmount.json("ls").document["artifacts"] == []
