"""Intents without outcome: what a process announced and did not live to report.

An intent (`mount.intent`) is followed by its outcome (`mount.done`, `mount.failed`) with the same decision id. While
the process that wrote it lives, it holds a lock on the byte of a file whose position is the entry's index, so that
others can tell an effect under way from one that was broken off.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from secmount.audit.tlog import locks
from secmount.audit.tlog.folder import Folder
from secmount.local import files

_LOCKS = "intents"
_SETTLED = "settled"  # entries before this index hold no open intent; a hint, made again if it is lost
_NEEDLE = re.compile(rb'"kind":"[a-z]+\.(?:intent|done|failed)"')


class Intents:
    """The marks of one process and the search for those of dead ones."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._handle = os.open(_LOCKS, flags, 0o600, dir_fd=folder.dirfd)
        self._mine: dict[str, int] = {}
        self._guard = threading.Lock()

    def close(self) -> None:
        """Let go of every mark."""
        os.close(self._handle)

    def begin(self, decision_id: str, index: int) -> None:
        """Mark entry `index` as an intent of this process."""
        with self._guard:
            locks.mark(self._handle, index)
            self._mine[decision_id] = index

    def end(self, decision_id: str) -> None:
        """Take the mark away, if it is ours: the outcome stands in the log, or the intent never did."""
        with self._guard:
            index = self._mine.pop(decision_id, None)
            if index is not None:
                locks.unmark(self._handle, index)

    def open(self, rows: Iterable[tuple[int, Mapping[str, Any]]], size: int) -> list[int]:
        """Give the indices of intents in `rows` (oldest first) without outcome and without a living process."""
        pending: dict[str, int] = {}
        for index, record in rows:
            stem, _, end = record["kind"].rpartition(".")
            key = f"{stem} {record['decision_id']}"
            if end == "intent":
                pending[key] = index
            elif end in {"done", "failed"}:
                pending.pop(key, None)
        self._settle(min(pending.values(), default=size))
        with self._guard:
            mine = set(self._mine.values())
        return [index for index in pending.values() if index not in mine and not locks.is_marked(self._handle, index)]

    def settled(self, size: int) -> int:
        """Give the index from which on the log must be searched."""
        text = files.read_if_any(self._folder.dirfd, _SETTLED, 32) or b""
        return int(text) if text.isdigit() and int(text) <= size else 0

    def _settle(self, index: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(f".{_SETTLED}", flags, 0o600, dir_fd=self._folder.dirfd)
        try:
            os.write(handle, str(index).encode())
        finally:
            os.close(handle)
        with suppress(FileNotFoundError):  # another process was at it and has put its own there
            os.rename(f".{_SETTLED}", _SETTLED, src_dir_fd=self._folder.dirfd, dst_dir_fd=self._folder.dirfd)


def may_concern(entries: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Leave out, by a look at the bytes, entries that are neither intent nor outcome."""
    for index, raw in entries:
        if _NEEDLE.search(raw):
            yield index, raw
