"""Locks of the log's folder: one holder among threads and processes, and marks on bytes that die with their process."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
            handle, self._handle = self._handle, -1
            os.close(handle)

    def __enter__(self) -> None:
        self._wait(lambda: False)

    def __exit__(
        self, kind: type[BaseException] | None, err: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            fcntl.flock(self._handle, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    @contextmanager
    def unless(self, done: Callable[[], bool]) -> Iterator[bool]:
        """Hold the lock for the block, or give False without it as soon as `done`: what was to do has been done."""
        if done() or not self._wait(done):
            yield False
            return
        try:
            yield True
        finally:
            self.__exit__(None, None, None)

    def _wait(self, done: Callable[[], bool]) -> bool:
        """Take the lock; False if `done` came first. Raise `StorageError` SM7114 after WAIT seconds."""
        deadline, pause = time.monotonic() + WAIT, _FIRST_PAUSE
        while not self._try():
            if done():
                return False
            if time.monotonic() > deadline:
                raise self._busy()
            time.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        return True

    def _try(self) -> bool:
        if not self._threads.acquire(blocking=False):
            return False
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException as err:
            self._threads.release()
            if isinstance(err, BlockingIOError):
                return False
            raise
        return True

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
