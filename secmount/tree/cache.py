"""Finished trees kept in the store, so that a warm mount neither unpacks nor flattens anything.

Two derived objects under one key that names everything a tree depends on: its dump, whose sha256 is the tree's digest,
and this summary, which has all of `Tree` but the nodes. The nodes are made again when somebody looks at them: a backend
that still has its image does not, and one that has not spends more on that than unpacked layers cost to flatten. The
store hashes both objects before they are used; what the extents point into must be there too, or nothing is found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from secmount.errors import ContentError, StorageError
from secmount.oci.digest import Digest
from secmount.store.cas import Store
from secmount.tree.node import Directory, Dropped, Extent, File, Node, Tree

FORM = "secmount.tree-summary/v2"
DUMP, SUMMARY = "tree", "tree-summary"  # kinds of derived objects


def keep(store: Store, key: str, tree: Tree) -> None:
    """Keep `tree`, whose dump was derived under the same key, so that `load` finds it."""
    summary = {
        "form": FORM,
        "digest": str(tree.digest),
        "files": tree.files,
        "bytes": tree.bytes,
        "withheld": tree.withheld,
        "dropped": [(drop.path, drop.layer, drop.reason) for drop in tree.dropped],
        "blobs": [str(blob) for blob in tree.blobs],
        "collisions": tree.collisions,
        "sample": [(path, *_flat(file)) for path, file in tree.sample],
        "root": (list(tree.root.entries), tree.root.mtime, tree.root.layer),
    }

    def write(out: BinaryIO) -> None:
        out.write(json.dumps(summary).encode())

    store.derive(SUMMARY, key, write).close()


def load(store: Store, key: str, make: Callable[[], Tree]) -> Tree | None:
    """Give the tree that was kept under `key`, or None if something of it is not there any more, or not ours.

    `make` makes the same tree again; it is called when the nodes are first looked at, and raises `ContentError` SM5128
    then if another one comes out. What is not believed is forgotten, so that `keep` keeps a new one.
    """
    kept = store.open_derived(SUMMARY, key)
    if kept is None:
        return None
    with kept:
        try:
            tree = _tree(json.loads(kept.pread(kept.size, 0)), store, key, make)
        except (ValueError, KeyError, TypeError):
            tree = None
    if tree is not None and _sound(store, key, tree):
        return tree
    _forget(store, key)
    return None


def _forget(store: Store, key: str) -> None:
    for kind in (SUMMARY, DUMP):
        store.forget(kind, key)


def _tree(summary: dict[str, Any], store: Store, key: str, make: Callable[[], Tree]) -> Tree:
    if summary["form"] != FORM:
        raise ValueError(summary["form"])
    digest = Digest.parse(summary["digest"])
    names, mtime, layer = summary["root"]
    return Tree(
        root=Directory(_Nodes(digest, names, make, lambda: _forget(store, key)), mtime, layer),
        digest=digest,
        files=summary["files"],
        bytes=summary["bytes"],
        withheld=tuple((path, reason) for path, reason in summary["withheld"]),
        dropped=tuple(Dropped(*row) for row in summary["dropped"]),
        blobs=tuple(map(Digest.parse, summary["blobs"])),
        collisions=tuple(map(tuple, summary["collisions"])),
        key=key,
        sample=tuple((path, _file(row)) for path, *row in summary["sample"]),
    )


def _flat(file: File) -> tuple[object, ...]:
    blob, offset, length = file.extent
    return (str(blob), offset, length), str(file.digest), file.executable, file.mtime, file.layer


def _file(row: list[Any]) -> File:
    (blob, offset, length), digest, executable, mtime, layer = row
    return File(Extent(Digest.parse(blob), offset, length), Digest.parse(digest), executable, mtime, layer)


def _sound(store: Store, key: str, tree: Tree) -> bool:
    """Say whether the dump and everything that extents point into are in the store, unchanged."""
    dump = store.open_derived(DUMP, key)
    if dump is None:
        return False
    with dump:
        if dump.digest != tree.digest:
            return False
    for blob in tree.blobs:
        try:
            store.open(blob).close()
        except (StorageError, ContentError) as err:
            if err.code in {"SM7030", "SM7031", "SM5001"}:
                return False
            raise
    return True


class _Nodes(Mapping[str, Node]):
    """The entries of a kept tree's root: their names at hand, the nodes made when first looked at."""

    def __init__(self, digest: Digest, names: list[str], make: Callable[[], Tree], forget: Callable[[], None]) -> None:
        self._digest, self._names, self._make, self._forget = digest, names, make, forget
        self._made: Mapping[str, Node] | None = None

    def __getitem__(self, name: str) -> Node:
        return self._entries()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def _entries(self) -> Mapping[str, Node]:
        if self._made is None:
            tree = self._make()
            if tree.digest != self._digest:
                self._forget()
                raise ContentError("SM5128", subject="kept tree", got=str(self._digest), want=str(tree.digest))
            self._made = tree.root.entries
        return self._made
