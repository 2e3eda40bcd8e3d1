"""What an unpacked layer consists of: entries that speak of paths and of places in a stored object, never of bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Literal, NamedTuple

from secmount.oci.digest import Digest
from secmount.value import dataclass

Kind = Literal["f", "d", "l", "h"]  # file, directory, symbolic link, hard link


class Entry(NamedTuple):
    """One entry of a layer, in the layer's order. A tuple, because an archive can have a million of them.

    `path` is clean and relative, "" for the root itself; names that are not UTF-8 carry surrogate escapes. `target` is
    a symlink's target as it stands, or a hard link's clean path. `digest` is the sha256 of a file's content, in hex.
    """

    path: str
    kind: Kind
    executable: bool
    mtime: int  # nanoseconds since 1970, may be negative
    offset: int
    size: int
    digest: str
    target: str


class Note(NamedTuple):
    """Something of an entry that the tree does not keep: `setuid`, `setgid`, `sticky`, `xattr`, `acl`, `owner of N`."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of an artifact, unpacked: its entries point into the stored object `blob`.

    `image` layers have whiteouts and reach through symlinks. A layer that the policy withheld has no entries, and
    `mask`, the path of the file that it would have been: it hides what earlier layers had there.
    """

    position: int
    blob: Digest
    entries: Sequence[Entry] = field(repr=False)
    image: bool = False
    notes: tuple[Note, ...] = ()
    mask: str | None = None
