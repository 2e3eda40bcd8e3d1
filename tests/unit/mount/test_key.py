"""The name of an image changes with everything that its bytes depend on, and with nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from secmount.mount.image.graph import collect
from secmount.mount.image.key import key, name
from secmount.mount.image.layout import Owner
from secmount.oci.digest import Digest
from secmount.tree.node import Directory, Extent, File, Tree
from tests.support.trees import folder, link, tree

BLOB, OTHER = Digest.of(b"blob"), Digest.of(b"other")
ONE = File(Extent(BLOB, 512, 700), Digest.of(b"content"), executable=False, mtime=7, layer=0)


def grown(root: Directory) -> Tree:
    """All test trees here have one digest and one list of blobs: the rest must tell them apart."""
    return replace(tree(root), digest=Digest.of(b"tree"), blobs=(BLOB, OTHER))


def named(value: Tree, owner: Owner | None = None) -> str:
    return key(value, collect(value.root), owner or Owner())


def plain(one: File = ONE) -> Tree:
    return grown(folder({"a": one, "b": one._replace(), "d": folder({"l": link("a")})}))


CHANGES: list[Callable[[], Tree]] = [
    lambda: plain(ONE._replace(extent=Extent(OTHER, 512, 700))),
    lambda: plain(ONE._replace(extent=Extent(BLOB, 1024, 700))),
    lambda: plain(ONE._replace(extent=Extent(BLOB, 512, 701))),
    lambda: plain(ONE._replace(executable=True)),
    lambda: plain(ONE._replace(mtime=8)),
    lambda: grown(folder({"a": ONE, "b": ONE, "d": folder({"l": link("a")})})),  # a hard link instead of two files
    lambda: grown(folder({"a": ONE, "b": ONE._replace(), "d": folder({"l": link("b")})})),
    lambda: grown(folder({"a": ONE, "b": ONE._replace(), "d": folder({"l": link("a", mtime=9)})})),
    lambda: grown(folder({"a": ONE, "b": ONE._replace(), "d": folder({"l": link("a")}, mtime=9)})),
    lambda: grown(folder({"a": ONE, "c": ONE._replace(), "d": folder({"l": link("a")})})),
    lambda: grown(folder({"a": ONE, "b": ONE._replace(), "d": folder({}), "l": link("a")})),
    lambda: replace(plain(), digest=Digest.of(b"another")),
    lambda: replace(plain(), blobs=(OTHER, BLOB)),
]


@pytest.mark.parametrize("change", CHANGES)
def test_it_changes_with_what_the_bytes_depend_on(change: Callable[[], Tree]) -> None:
    assert named(change()) != named(plain())


@pytest.mark.parametrize("owner", [Owner(1, 0), Owner(0, 1)])
def test_it_changes_with_the_owner(owner: Owner) -> None:
    assert named(plain(), owner) != named(plain())


def test_it_is_the_same_for_the_same_tree_built_again() -> None:
    assert named(plain()) == named(plain())


def test_it_does_not_depend_on_what_is_not_in_the_image() -> None:
    assert named(replace(plain(), files=99, withheld=(("x", "y"),))) == named(plain())


def test_which_names_are_links_of_which_file_is_part_of_it() -> None:
    """The same inodes in the same order: only what the entries point to differs."""
    one, two = ONE, ONE._replace()
    first = grown(folder({"a": one, "b": two, "c": one}))
    second = grown(folder({"a": one, "b": two, "c": two}))
    assert named(first) != named(second)


def test_a_tree_with_a_key_is_named_by_it_alone() -> None:
    """Its nodes would have to be made first."""
    value = replace(plain(), key="one")
    unseen = replace(value, root=folder({}))
    assert name(value, Owner()) == name(unseen, Owner())
    others = [name(replace(value, key="two"), Owner()), name(value, Owner(1, 0)), name(value, Owner(0, 1))]
    assert len({name(value, Owner()), key(value, collect(value.root), Owner()), *others}) == 5


def test_a_tree_without_a_key_is_named_by_its_nodes() -> None:
    assert name(plain(), Owner()) == named(plain())
