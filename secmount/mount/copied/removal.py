"""Removing a copy: exactly what its record names, each thing only if it is still what was written."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import field

from secmount.mount.copied.record import Entry, Record
from secmount.value import dataclass

_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITABLE = 0o700  # of a directory while it is emptied
_LEFT = 0o755  # of a directory of ours that keeps files of others


def remove(target: int, record: Record) -> tuple[str, ...]:
    """Remove a copy from the directory `target`, which must be open for reading; give what had to be left there."""
    removal = _Removal(record)
    with suppress(FileNotFoundError, NotADirectoryError):
        staging = os.open(record.staging, _OPEN, dir_fd=target)
        try:
            removal.clear(staging, "", staged=True)
        finally:
            os.close(staging)
        removal.directory(target, record.staging, record.staging)
    if record.finished:
        removal.clear(target, "", staged=False)
    removal.left.update(os.listdir(target))
    above = {path[:at] for path in removal.left for at, char in enumerate(path) if char == "/"}
    return tuple(sorted(removal.left - above))


@dataclass(slots=True)
class _Removal:
    record: Record
    left: set[str] = field(default_factory=set)
    children: dict[str, list[Entry]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for entry in self.record.entries:
            self.children.setdefault(os.path.dirname(entry.path), []).append(entry)

    def clear(self, directory: int, path: str, *, staged: bool) -> None:
        """Remove what is ours in one directory."""
        for entry in self.children.get(path, ()):
            name = os.path.basename(entry.path)
            try:
                if entry.kind == "d":
                    self._inside(directory, name, entry, staged=staged)
                elif _is_ours(entry, os.lstat(name, dir_fd=directory), staged=staged):
                    os.unlink(name, dir_fd=directory)
                else:
                    self.left.add(entry.path)
            except FileNotFoundError:
                continue

    def _inside(self, directory: int, name: str, entry: Entry, *, staged: bool) -> None:
        try:
            handle = os.open(name, _OPEN, dir_fd=directory)
        except NotADirectoryError:
            self.left.add(entry.path)
            return
        try:
            if not _is_ours(entry, os.fstat(handle), staged=staged):
                self.left.add(entry.path)
                return
            os.fchmod(handle, _WRITABLE)
            self.clear(handle, entry.path, staged=staged)
        finally:
            os.close(handle)
        self.directory(directory, name, entry.path)

    def directory(self, parent: int, name: str, path: str) -> None:
        """Remove a directory that should be empty now; what else is in it stays, and so does it."""
        try:
            os.rmdir(name, dir_fd=parent)
        except OSError:
            handle = os.open(name, _OPEN, dir_fd=parent)
            try:
                names: Iterable[str] = os.listdir(handle)
                if not names:
                    raise
                self.left.update(f"{path}/{left}" for left in names)
                os.fchmod(handle, _LEFT)
            finally:
                os.close(handle)


def _is_ours(entry: Entry, info: os.stat_result, *, staged: bool) -> bool:
    return entry.is_now(info) or (staged and not entry.inode)
