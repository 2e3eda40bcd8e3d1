"""A folder to be packed: what is in it, in one order on every machine, read through its handle and through no link.

Refused is what no reader of artifacts may be given: links that lead out of the folder, devices, pipes, sockets, names
that are no clean path.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Self

from secmount.errors import ContentError, InputError
from secmount.local.descent import descend
from secmount.local.owned import kind
from secmount.oci.layer import check_path
from secmount.publish.pack.files import FILE, FileData, Stamp, unreadable
from secmount.tree.limits import TARGET_LIMIT, Limits
from secmount.value import dataclass

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Entry:
    """What lies at `path`, relative to the folder; `target` is a link's."""

    path: str
    kind: Literal["file", "folder", "link"]
    executable: bool
    stamp: Stamp
    target: str = ""


class Folder:
    """An open folder; `close` it, or use it for a block."""

    def __init__(self, path: str, shown: str) -> None:
        """Open the folder at `path`, through a link if it is one; raise `InputError` SM1030."""
        self.shown = shown
        try:
            self._handle = os.open(path, _FOLDER)
        except OSError as err:
            raise unreadable(err, shown) from err

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the handle back."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)

    def entries(self) -> list[Entry]:
        """List everything below, folders before what is in them, by the bytes of their names.

        Raise `InputError` SM1030 (unreadable, not a file, folder or link), SM1032 (a link that leaves), SM1033 (a name
        that is no path, or more than a reader takes).
        """
        found: list[Entry] = []
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            for name in self._names(folder):
                entry = self._entry(f"{folder}/{name}" if folder else name)
                found.append(entry)
                if entry.kind == "folder":
                    waiting.append(entry.path)
            if len(found) > Limits().entries:
                got = f"more than {Limits().entries} entries"
                raise InputError("SM1033", subject=self.shown, got=got, want="fewer entries")
        return sorted(found, key=lambda entry: entry.path.encode().split(b"/"))

    def file(self, entry: Entry) -> FileData:
        """Give the content of a file that `entries` listed."""
        return FileData(lambda: self._open(entry.path, FILE | os.O_NOFOLLOW), self._shown(entry.path), entry.stamp)

    def _names(self, folder: str) -> list[str]:
        handle = -1
        try:
            handle = self._open(folder, _FOLDER | os.O_NOFOLLOW) if folder else os.dup(self._handle)
            os.lseek(handle, 0, os.SEEK_SET)
            return os.listdir(handle)
        except OSError as err:
            raise unreadable(err, self._shown(folder)) from err
        finally:
            if handle >= 0:
                os.close(handle)

    def _entry(self, path: str) -> Entry:
        shown = self._shown(path)
        try:
            check_path(path, subject=shown)
        except ContentError as err:
            raise InputError("SM1033", subject=ascii(path), got=err.got, want=err.want) from err
        try:
            with self._parent(path) as (parent, name):
                info = os.stat(name, dir_fd=parent, follow_symlinks=False)
                target = os.readlink(name, dir_fd=parent) if stat.S_ISLNK(info.st_mode) else ""
        except OSError as err:
            raise unreadable(err, shown) from err
        stamp, mode = Stamp.of(info), info.st_mode
        if stat.S_ISDIR(mode):
            return Entry(path, "folder", executable=True, stamp=stamp)
        if stat.S_ISREG(mode):
            return Entry(path, "file", executable=bool(mode & stat.S_IXUSR), stamp=stamp)
        if not stat.S_ISLNK(mode):
            raise InputError("SM1030", subject=shown, got=kind(mode), want="files, folders and links")
        if _leaves(path, target):
            raise InputError("SM1032", subject=shown, got=f"a link to {target!r}", want="a target inside the folder")
        return Entry(path, "link", executable=False, stamp=stamp, target=target)

    def _open(self, path: str, flags: int) -> int:
        with self._parent(path) as (parent, name):
            return os.open(name, flags, dir_fd=parent)

    @contextmanager
    def _parent(self, path: str) -> Iterator[tuple[int, str]]:
        """Give the folder that a path's last component is in, reached through no link, and that component."""
        *above, name = path.split("/")
        with descend(self._handle, above, _enter) as parent:
            yield parent, name

    def _shown(self, path: str) -> str:
        return f"{self.shown}/{path}" if path else self.shown


def _enter(name: str, here: int) -> int:
    return os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=here)


def _leaves(path: str, target: str) -> bool:
    """Say whether a link's target leads out by its letters, at any step, or is nothing that a reader takes."""
    depth = path.count("/")
    for part in target.split("/"):
        depth += -1 if part == ".." else 0 if part in {"", "."} else 1
        if depth < 0:
            return True
    try:
        return target.startswith("/") or len(target.encode("utf-8")) > TARGET_LIMIT
    except UnicodeEncodeError:  # bytes that are no text come as lone surrogates, and no reader of ours takes them
        return True
