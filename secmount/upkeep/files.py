"""Compare what stands at a target with the approved tree: every name, kind, mode, size, link and byte.

The directory is walked through handles and nothing is followed. What is read is what programs see there: for a kernel
mount the way through the kernel, for a copy the ordinary files.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import field

from secmount.errors import StorageError
from secmount.local.fault import storage_error
from secmount.local.owned import kind
from secmount.store.stored import hash_file
from secmount.tree.dump import Row
from secmount.upkeep.finding import Finding
from secmount.value import dataclass

CODE = "SM7043"
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_KINDS = {"d": stat.S_IFDIR, "f": stat.S_IFREG, "l": stat.S_IFLNK}


@dataclass(slots=True)
class Comparison:
    """One walk; `files` and `bytes` count what was read and found to be as approved.

    `folder_modes`: whether directories must have the tree's modes; those of a copy belong to its owner.
    """

    rows: Mapping[str, Row]  # by path
    target: str
    folder_modes: bool
    files: int = 0
    bytes: int = 0
    seen: set[str] = field(default_factory=set)

    def run(self, root: int) -> Iterator[Finding]:
        """Yield what differs below the directory `root`."""
        self.seen.add("")
        yield from self._folder(root, "", os.fstat(root).st_dev)
        for path in self.rows.keys() - self.seen:
            yield self._finding(path, "nothing", _shown(self.rows[path]))

    def _folder(self, handle: int, path: str, device: int) -> Iterator[Finding]:
        try:
            names = sorted(os.listdir(handle))
        except OSError as err:
            yield self._refused(path, err)
            return
        for name in names:
            inner = f"{path}/{name}" if path else name
            self.seen.add(inner)
            try:
                info = os.stat(name, dir_fd=handle, follow_symlinks=False)
                yield from self._entry(handle, name, inner, info, device)
            except OSError as err:
                yield self._refused(inner, err)
            except StorageError as err:
                yield Finding.of(err, code=CODE)

    def _entry(self, parent: int, name: str, path: str, info: os.stat_result, device: int) -> Iterator[Finding]:
        row = self.rows.get(path)
        if row is None:
            yield self._finding(path, kind(info.st_mode), "nothing")
            return
        if info.st_dev != device:
            yield self._finding(path, "another file system", _shown(row))
            return
        if stat.S_IFMT(info.st_mode) != _KINDS[row.type]:
            yield self._finding(path, kind(info.st_mode), _shown(row))
            return
        if row.type == "l":
            target = os.readlink(name, dir_fd=parent)
            if target != row.target:
                yield self._finding(path, f"a link to {target!r}", f"a link to {row.target!r}")
            return
        if stat.S_IMODE(info.st_mode) != row.mode and (row.type == "f" or self.folder_modes):
            yield self._finding(path, f"mode {stat.S_IMODE(info.st_mode):04o}", f"mode {row.mode:04o}")
        handle = os.open(name, _FOLDER if row.type == "d" else _FILE, dir_fd=parent)
        try:
            yield from self._folder(handle, path, device) if row.type == "d" else self._file(handle, path, row)
        finally:
            os.close(handle)

    def _file(self, handle: int, path: str, row: Row) -> Iterator[Finding]:
        size = os.fstat(handle).st_size
        if size != row.size:
            yield self._finding(path, f"{size} bytes", f"{row.size} bytes")
            return
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)  # a cached page outlives a change behind the mount
        got = hash_file(handle, "sha256", subject=f"{self.target}/{path}")
        if got != row.digest:
            yield self._finding(path, str(got), str(row.digest))
            return
        self.files += 1
        self.bytes += size

    def _finding(self, path: str, got: str, want: str) -> Finding:
        return Finding(CODE, f"{self.target}/{path}", got, want)

    def _refused(self, path: str, err: OSError) -> Finding:
        return Finding.of(storage_error(err, f"{self.target}/{path}"), code=CODE)


def _shown(row: Row) -> str:
    return {"d": "a directory", "f": "a regular file", "l": "a symbolic link"}[row.type]
