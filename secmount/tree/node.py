"""The flattened tree as a value: what a backend mounts. No I/O.

Paths are bytes-safe text (surrogateescape), never absolute.

Files and links are named tuples, not dataclasses: a tree can have a million of them, and they are made three times as
fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import NamedTuple

from secmount.oci.digest import Digest
from secmount.value import dataclass


class Extent(NamedTuple):
    """`length` bytes at `offset` of the stored object `blob` (a layer, or a derived unpacked layer)."""

    blob: Digest
    offset: int
    length: int


class File(NamedTuple):
    """A regular file; `digest` is sha256 of its content. Two names of one hard link hold one and the same value."""

    extent: Extent
    digest: Digest
    executable: bool
    mtime: int  # nanoseconds since 1970, may be negative
    layer: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.extent.length


class Symlink(NamedTuple):
    """A symbolic link with its target as it stands in the layer."""

    target: str
    mtime: int
    layer: int


@dataclass(frozen=True, slots=True)
class Directory:
    """Entries by name, one component each, sorted by the bytes of the name."""

    entries: Mapping[str, Node] = field(hash=False)
    mtime: int
    layer: int


Node = File | Symlink | Directory


@dataclass(frozen=True, slots=True)
class Dropped:
    """An entry or attribute that is not in the tree, and why (`setuid`, `xattr`, `whiteout in layer 3` …)."""

    path: str
    layer: int
    reason: str


@dataclass(frozen=True, slots=True)
class Tree:
    """One artifact, flattened, meeting its obligations. `digest` names it injectively (tree.dump)."""

    root: Directory
    digest: Digest
    files: int  # names of regular files
    bytes: int  # of their content, each name counted
    withheld: tuple[tuple[str, str], ...]  # (path, reason)
    dropped: tuple[Dropped, ...]
    blobs: tuple[Digest, ...]  # every stored object an extent points into, in order of first use
    collisions: tuple[tuple[str, ...], ...] = ()  # paths that file systems which fold case take for one
    key: str | None = None  # names all that the nodes depend on, times and extents too; trees made otherwise have none
    sample: tuple[tuple[str, File], ...] = ()  # a few of its largest files, for a look at what a mount shows
