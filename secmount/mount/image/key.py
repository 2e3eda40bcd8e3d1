"""What an image is made from, as one digest: the name under which a built image is found again.

The tree's digest is not enough: it names what a reader sees, not in which blob, at which offset, with which time.
"""

from __future__ import annotations

import hashlib
import struct

from secmount.mount.image.emission import FORMAT
from secmount.mount.image.graph import Graph, collect, encoded, to_bytes
from secmount.mount.image.layout import BLOCK, Owner
from secmount.tree.node import Directory, File, Tree

_FILE = struct.Struct("<cIQQ?q")
_OTHER = struct.Struct("<cIq")
_PIECE = 1 << 16  # inodes hashed at once


def name(tree: Tree, owner: Owner) -> str:
    """Digest the key of `tree`, which names all that its nodes depend on; without one, the nodes themselves."""
    if tree.key is None:
        return key(tree, collect(tree.root), owner)
    first = ("secmount image of a key", FORMAT, BLOCK, owner.uid, owner.gid, tree.key)
    return hashlib.sha256("\n".join(map(str, first)).encode()).hexdigest()


def key(tree: Tree, graph: Graph, owner: Owner) -> str:
    """Digest everything that the bytes of the image depend on; `graph` is that of `tree`."""
    digest = hashlib.sha256()
    first = ("secmount image", FORMAT, BLOCK, owner.uid, owner.gid, tree.digest, *tree.blobs)
    digest.update("\n".join(map(str, first)).encode() + b"\0")
    numbers = {blob: number for number, blob in enumerate(tree.blobs)}
    parts: list[bytes] = []
    for node in graph.inodes:
        if isinstance(node, File):
            extent = node.extent
            number = numbers.get(extent.blob, 0) if extent.length else 0
            parts.append(_FILE.pack(b"f", number, extent.offset, extent.length, node.executable, node.mtime))
        elif isinstance(node, Directory):
            text = b"\0".join(encoded(node))
            parts += (_OTHER.pack(b"d", len(text), node.mtime), text)
        else:
            text = to_bytes(node.target)
            parts += (_OTHER.pack(b"l", len(text), node.mtime), text)
        if len(parts) > _PIECE:
            digest.update(b"".join(parts))
            parts.clear()
    digest.update(b"".join(parts))
    digest.update(graph.entries.tobytes())
    return digest.hexdigest()
