"""Locks of the log's folder: one holder among threads and processes, and marks on bytes that die with their process."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import threading
import time
from types import TracebackType

from secmount.errors import StorageError

WAIT = 30.0  # seconds; a writer holds a lock for milliseconds, so a longer wait means a stopped process
_FIRST_PAUSE, _LONGEST_PAUSE = 0.00005, 0.0004  # seconds between attempts
_FLOCK = struct.Struct("hhqqi4x")  # struct flock of Linux on 64-bit machines: type, whence, start, len, pid


class Lock:
    """A lock file held with flock; reentrant for nobody. `open` before use."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._threads = threading.Lock()
        self._handle = -1

    def open(self, dirfd: int) -> None:
        """Open the lock file, made 0600 if absent; the system's `OSError` passes through."""
        self._threads = threading.Lock()
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        self._handle = os.open(self._name, flags, 0o600, dir_fd=dirfd)

    def close(self) -> None:
        """Give the handle back, and with it the lock."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def __enter__(self) -> None:
        deadline, pause = time.monotonic() + WAIT, _FIRST_PAUSE
        if not self._threads.acquire(timeout=WAIT):
            raise self._busy()
        try:
            while True:
                try:
                    fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as err:
                    if time.monotonic() > deadline:
                        raise self._busy() from err
                    time.sleep(pause)
                    pause = min(pause * 2, _LONGEST_PAUSE)
                else:
                    return
        except BaseException:
            self._threads.release()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def _busy(self) -> StorageError:
        return StorageError("SM7114", subject=f"audit log, {self._name}", got=f"held for {WAIT:g} s", want="its turn")


def mark(handle: int, position: int) -> None:
    """Hold byte `position` of the file for as long as `handle` is open in this process."""
    fcntl.fcntl(handle, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, position, 1, 0))


def unmark(handle: int, position: int) -> None:
    """Let go of byte `position`."""
    fcntl.fcntl(handle, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, position, 1, 0))


def is_marked(handle: int, position: int) -> bool:
    """Say whether someone else, alive, holds byte `position`."""
    try:
        answer = fcntl.fcntl(handle, fcntl.F_OFD_GETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, position, 1, 0))
    except OSError as err:
        if err.errno == errno.EAGAIN:
            return True
        raise
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)
