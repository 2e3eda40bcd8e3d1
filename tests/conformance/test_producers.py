"""Every producer's artifacts mount as the tree that its own tool, or its specification, makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from secmount.oci.producers import FIXED_NAMES
from secmount.tree.dump import walk
from secmount.tree.node import Directory, File
from tests.conformance.page import PAGE, page
from tests.conformance.producers import ROWS
from tests.conformance.row import Row

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.producer}: {row.what}"[:60])
def test_an_artifact_mounts_as_its_producer_means_it(row: Row, tmp_path: Path) -> None:
    artifact = row.make(tmp_path)
    tree = artifact.tree()
    assert artifact.contents(tree) == dict(row.contents)
    nodes = dict(walk(tree.root))
    assert {path for path, node in nodes.items() if isinstance(node, File) and node.executable} == row.executable
    for path, seconds in (row.mtimes or {}).items():
        assert nodes[path].mtime == seconds * 1_000_000_000


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.producer}: {row.what}"[:60])
def test_every_path_says_which_layer_it_came_from(row: Row, tmp_path: Path) -> None:
    artifact = row.make(tmp_path)
    for _, node in walk(artifact.tree().root):
        assert isinstance(node, Directory) or 0 <= node.layer < len(artifact.layers)


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == page(), "python -m tests.conformance.page"


def test_every_producer_of_fixed_names_has_a_row() -> None:
    assert {row.producer for row in FIXED_NAMES.values()} <= {row.producer for row in ROWS}


@pytest.mark.parametrize("name", sorted({row.real.partition(":")[0] for row in ROWS if row.real}))
def test_the_interop_tests_that_are_named_are_there(name: str) -> None:
    assert (ROOT / "tests" / "interop" / name).is_file()
