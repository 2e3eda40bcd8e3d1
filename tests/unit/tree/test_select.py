"""Narrowing finished trees: a folder, a file, patterns; never more than there was."""

from __future__ import annotations

import pytest

from secmount.errors import ContentError
from secmount.policy import glob
from secmount.tree.dump import walk
from secmount.tree.node import Directory, Dropped
from secmount.tree.options import Selection
from secmount.tree.select import narrow
from tests.support.trees import folder, link, whole

A, B = whole(b"a"), whole(b"b")


def tree() -> Directory:
    return folder(
        {
            "README.md": A,
            "data": folder({"x.csv": A, "y.json": B, "deep": folder({"z.json": A})}),
            "empty": folder({}),
            "latest": link("data"),
            "out": link("../etc"),
            "src": folder({"main.py": B}),
        }
    )


def select(subpath: str | None = None, *, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> Selection:
    return Selection(subpath, tuple(map(glob.path, include)), tuple(map(glob.path, exclude)))


def paths(selection: Selection) -> list[str]:
    return [path for path, _ in walk(narrow(tree(), selection)[0])]


def test_nothing_asked_gives_everything() -> None:
    root = tree()
    assert narrow(root, Selection()) == (root, ())


@pytest.mark.parametrize("subpath", ["data", "data/", "latest"])
def test_a_folder(subpath: str) -> None:
    assert paths(select(subpath)) == ["deep", "deep/z.json", "x.csv", "y.json"]


@pytest.mark.parametrize(("subpath", "name"), [("data/x.csv", "x.csv"), ("latest/deep/z.json", "z.json")])
def test_one_file(subpath: str, name: str) -> None:
    assert paths(select(subpath)) == [name]


@pytest.mark.parametrize(
    ("subpath", "code"),
    [
        ("nowhere", "SM5124"),
        ("data/x.csv/y", "SM5124"),
        ("empty", "SM5124"),
        ("out", "SM5112"),
        ("out/passwd", "SM5112"),
        ("../data", "SM5101"),
        ("/data", "SM5101"),
        ("data/../src", "SM5101"),
        ("", "SM5102"),
        (".", "SM5102"),
        ("data//deep", "SM5102"),
    ],
)
def test_subpaths_that_are_none(subpath: str, code: str) -> None:
    with pytest.raises(ContentError) as caught:
        narrow(tree(), select(subpath))
    assert caught.value.code == code


def test_include_keeps_what_matches_and_the_folders_above() -> None:
    assert paths(select(include=("**/*.json",))) == ["data", "data/deep", "data/deep/z.json", "data/y.json"]
    assert paths(select(include=("src/**", "README.md"))) == ["README.md", "src", "src/main.py"]
    assert paths(select(include=("data",))) == ["data", "data/deep", "data/deep/z.json", "data/x.csv", "data/y.json"]
    assert paths(select(include=("empty", "OUT"))) == ["empty", "out"]


def test_exclude_takes_away_what_matches_and_all_below() -> None:
    assert paths(select(exclude=("data", "**/*.md", "out", "latest"))) == ["empty", "src", "src/main.py"]


def test_exclude_wins_over_include() -> None:
    assert paths(select(include=("data/**",), exclude=("**/*.json",))) == ["data", "data/deep", "data/x.csv"]


def test_patterns_are_matched_against_what_the_subpath_leaves() -> None:
    assert paths(select("data", include=("deep/**",))) == ["deep", "deep/z.json"]


def test_what_went_is_listed_once() -> None:
    _, dropped = narrow(tree(), select(include=("data/**",), exclude=("data/deep",)))
    assert [(drop.path, drop.reason) for drop in dropped] == [
        ("README.md", "--include"),
        ("data/deep", "--exclude"),
        ("empty", "--include"),
        ("latest", "--include"),
        ("out", "--include"),
        ("src", "--include"),
    ]
    assert all(isinstance(drop, Dropped) for drop in dropped)


def test_nothing_left_is_an_error() -> None:
    with pytest.raises(ContentError) as caught:
        narrow(tree(), select(include=("nothing",)))
    assert caught.value.code == "SM5124"


def test_what_is_kept_is_what_was_there() -> None:
    root = tree()
    kept, _ = narrow(root, select(include=("**/*.json",), exclude=("data/deep",)))
    before = dict(walk(root))
    assert all(isinstance(node, Directory) or before[path] is node for path, node in walk(kept))
