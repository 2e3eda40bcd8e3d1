"""The reserve: blocks set aside for records of taking away, written in place when the disk is full or the log broken.

What stands in it joins the log with the next append that works. Until then nothing signs it: docs/formats/audit.md
says so.
"""

from __future__ import annotations

import os
from collections.abc import Collection

from secmount.audit.tlog import tiles
from secmount.audit.tlog.folder import Folder
from secmount.audit.tlog.locks import Lock
from secmount.local import files

SIZE = 1 << 20  # bytes; about a thousand records
_NAME = "reserve"


class Reserve:
    """One file of zeros whose beginning holds framed records."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def make(self) -> None:
        """Set the blocks aside, if that was not done; real zeros, so that no file system allocates later."""
        if not os.access(_NAME, os.F_OK, dir_fd=self._folder.dirfd):
            files.write_atomic(self._folder.dirfd, _NAME, bytes(SIZE), mode=0o600)

    def put(self, raw: bytes) -> bool:
        """Write `raw` behind what is there; False where there is no reserve, no room in it, or no disk at all."""
        lock = Lock("lock.reserve")
        try:
            lock.open(self._folder.dirfd)
            with lock:
                handle = os.open(_NAME, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder.dirfd)
                try:
                    used = max((behind for behind, _ in tiles.frames(os.pread(handle, SIZE, 0))), default=0)
                    data = tiles.frame(raw)
                    if used + len(data) + 2 > SIZE:
                        return False
                    os.pwrite(handle, data, used)
                    os.fdatasync(handle)
                finally:
                    os.close(handle)
        except OSError:
            return False
        finally:
            lock.close()
        return True

    def waiting(self) -> list[bytes]:
        """Give the records that wait, oldest first."""
        try:
            handle = os.open(_NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder.dirfd)
        except FileNotFoundError:
            return []
        try:
            if os.pread(handle, 2, 0) in {b"", b"\0\0"}:
                return []
            return [raw for _, raw in tiles.frames(os.pread(handle, SIZE, 0)) if raw[:1] == b"{" and raw[-1:] == b"}"]
        finally:
            os.close(handle)

    def remove(self, joined: Collection[bytes]) -> None:
        """Take away what stands in the log now; what came in meanwhile stays."""
        lock = Lock("lock.reserve")
        lock.open(self._folder.dirfd)
        try:
            with lock:
                left = b"".join(tiles.frame(raw) for raw in self.waiting() if raw not in joined)
                handle = os.open(_NAME, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self._folder.dirfd)
                try:
                    os.pwrite(handle, left.ljust(SIZE, b"\0"), 0)
                    os.fdatasync(handle)
                finally:
                    os.close(handle)
        finally:
            lock.close()
