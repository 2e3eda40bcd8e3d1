"""The inodes of a tree in the order of the image: breadth first, so that what one directory holds stands together."""

from __future__ import annotations

from array import array
from itertools import pairwise

from secmount.tree.node import Directory, File, Node
from secmount.value import dataclass

_NAME_LIMIT = 255  # bytes; NAME_MAX


@dataclass(frozen=True, slots=True)
class Graph:
    """`inodes` holds each inode once, the root first; its index is its number less one.

    `entries` holds, directory after directory in the order of `inodes`, the indices of what the names stand for.
    """

    inodes: list[Node]
    parents: array[int]  # of each inode: the directory it was first met in
    links: array[int]  # of each inode: names of a file, or 2 and the subdirectories of a directory
    entries: array[int]

    def path(self, index: int) -> str:
        """Give a path of an inode, for messages."""
        parts: list[str] = []
        while index:
            node, index = self.inodes[index], self.parents[index]
            holder = self.inodes[index]
            names = holder.entries.items() if isinstance(holder, Directory) else ()
            parts.append(next((name for name, child in names if child is node), "?"))
        return "/".join(reversed(parts)) or "."


def collect(root: Directory) -> Graph:
    """Give every inode of a tree its number.

    Two names share an inode where they hold one and the same `File` value. Raise ValueError for what no tree may hold:
    a name that is not one component, names out of order.
    """
    inodes: list[Node] = [root]
    parents, links, entries = array("I", [0]), array("I", [2]), array("I")
    met: dict[int, int] = {}  # identity of a file's value: its index
    for index, node in enumerate(inodes):  # grows while it is walked
        if not isinstance(node, Directory):
            continue
        check_names(encoded(node))
        for child in node.entries.values():
            if isinstance(child, File):
                known = met.setdefault(id(child), len(inodes))
                if known != len(inodes):
                    links[known] += 1
                    entries.append(known)
                    continue
                links.append(1)
            elif isinstance(child, Directory):
                links.append(2)
                links[index] += 1
            else:
                links.append(1)
            entries.append(len(inodes))
            parents.append(index)
            inodes.append(child)
    return Graph(inodes, parents, links, entries)


def encoded(directory: Directory) -> list[bytes]:
    """Give the names of a directory as they stand in the image, on every machine alike."""
    return [name.encode("utf-8", "surrogateescape") for name in directory.entries]


def to_bytes(text: str) -> bytes:
    """Give the bytes that a name or link target stands for."""
    return text.encode("utf-8", "surrogateescape")


def check_names(names: list[bytes]) -> None:
    """Raise ValueError unless these can be the sorted names of one directory; the kernel searches them by halving."""
    if not names:
        return
    joined = b"\0".join(names)
    if joined.count(b"\0") != len(names) - 1 or b"/" in joined:
        raise ValueError("a name holds NUL or '/'")
    if not names[0] or len(max(names, key=len)) > _NAME_LIMIT or b"." in names or b".." in names:
        raise ValueError("a name is empty, '.', '..' or longer than 255 bytes")
    if any(before >= after for before, after in pairwise(names)):
        raise ValueError("names are not sorted by their bytes")
