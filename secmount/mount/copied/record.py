"""What a copy consists of, remembered so that exactly that can be removed again.

The record stands before the first file is written. While the copy is under way it names the paths that will be, all
below one staging directory; once everything is verified it holds what each thing was when it was finished (inode, size,
mtime). A thing that is not the same any more is not ours and stays.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from secmount.tree.node import Directory, File
from secmount.value import dataclass

_HEADER = "secmount copy 1"


@dataclass(frozen=True, slots=True)
class Entry:
    """A thing that was written: `d`, `f` or `l`; `inode` 0 where it was not finished."""

    kind: str
    path: str
    inode: int = 0
    size: int = 0
    mtime: int = 0  # ns; not of directories

    @classmethod
    def of(cls, path: str, info: os.stat_result) -> Entry:
        """Remember a thing as it is now."""
        kind = "d" if stat.S_ISDIR(info.st_mode) else "l" if stat.S_ISLNK(info.st_mode) else "f"
        return cls(kind, path, info.st_ino, *((0, 0) if kind == "d" else (info.st_size, info.st_mtime_ns)))

    def is_now(self, info: os.stat_result) -> bool:
        """Whether `info` is of this very thing, unchanged."""
        return Entry.of(self.path, info) == self


@dataclass(frozen=True, slots=True)
class Record:
    """A copy: everything in it, directories before what they hold, and its staging directory in the target."""

    staging: str
    finished: bool
    entries: tuple[Entry, ...]

    def to_bytes(self) -> bytes:
        """Write the record: fields between NULs."""
        fields = [_HEADER, "finished" if self.finished else "begun", self.staging]
        for entry in self.entries:
            fields += (f"{entry.kind} {entry.inode} {entry.size} {entry.mtime}", entry.path)
        return "\0".join(fields).encode("utf-8", "surrogateescape")

    @classmethod
    def parse(cls, data: bytes) -> Record:
        """Read what `to_bytes` wrote; raise ValueError."""
        header, phase, staging, *fields = data.decode("utf-8", "surrogateescape").split("\0")
        if header != _HEADER or phase not in ("begun", "finished") or len(fields) % 2:
            raise ValueError("not a record of a copy")
        entries = []
        for facts, path in zip(fields[::2], fields[1::2], strict=True):
            kind, inode, size, mtime = facts.split(" ")
            entries.append(Entry(kind, path, int(inode), int(size), int(mtime)))
        return cls(staging, phase == "finished", tuple(entries))


def planned(root: Directory) -> Iterator[Entry]:
    """Give everything that a copy of the tree will hold."""
    pending = [("", root)]
    while pending:
        prefix, directory = pending.pop()
        for name, child in directory.entries.items():
            path = prefix + name
            if isinstance(child, Directory):
                pending.append((f"{path}/", child))
            yield Entry("d" if isinstance(child, Directory) else "f" if isinstance(child, File) else "l", path)
