"""Contents that are denied by a digest of another algorithm than they are named by: they are hashed for that.

A file is known by its sha256, a layer by whatever its manifest says. Nothing is read twice where the floor asks for no
other algorithm. Design 3.3, `[deny] digests`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from secmount.errors import ContentError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.store.cas import Store
from secmount.tree.archive.stream import READ
from secmount.tree.dump import walk
from secmount.tree.node import Directory, Extent, File

_FILES = "sha256"


def check_layer(layer: Descriptor, position: int, denied: frozenset[Digest], store: Store) -> None:
    """Raise `ContentError` SM5119 if a held layer is denied under another digest than its own."""
    others = {digest.algorithm for digest in denied} - {layer.digest.algorithm}
    whole = Extent(layer.digest, 0, layer.size)
    _check(whole, f"layer {position}", others, denied, store)


def check_files(root: Directory, denied: frozenset[Digest], store: Store) -> None:
    """Raise `ContentError` SM5119 if a file of the tree is denied under another digest than its sha256."""
    others = {digest.algorithm for digest in denied} - {_FILES}
    if others:
        files = {node.extent: (path, node) for path, node in walk(root) if isinstance(node, File)}
        for extent, (path, node) in files.items():
            _check(extent, f"layer {node.layer}, entry {path!r}", others, denied, store)


def _check(extent: Extent, subject: str, algorithms: Iterable[str], denied: frozenset[Digest], store: Store) -> None:
    for algorithm in algorithms:
        hasher = hashlib.new(algorithm)
        with store.open(extent.blob) as blob:
            at, end = extent.offset, extent.offset + extent.length
            while at < end and (piece := blob.pread(min(READ, end - at), at)):
                hasher.update(piece)
                at += len(piece)
        found = Digest(algorithm, hasher.hexdigest())
        if found in denied:
            raise ContentError("SM5119", subject=subject, got=str(found))
