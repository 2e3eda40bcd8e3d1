"""The way in: bytes are written in `ingest/` and leave it by a rename when they are whole, checked and flushed.

A file being written is locked; what an interrupted process left is not, and `sweep` removes it.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO, cast

from secmount.errors import StorageError
from secmount.local.fault import faults, place_of, storage_error
from secmount.local.files import remove, sync_directory, write_all
from secmount.oci.digest import Digest
from secmount.store.writeback import Writeback

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PART = ".part"  # a file being written
BAD = ".bad"  # a file that was found changed in the store, kept to be looked at
_MODE = 0o400  # nothing is ever written to a stored file again
_BUFFER = 1 << 20  # bytes gathered from a writer of small pieces
_TRIES = 100


class Incoming:
    """A file being written, its lock held."""

    def __init__(self, folder: int, handle: int, name: str) -> None:
        self._folder, self._name = folder, name
        self.handle = handle
        self.subject = place_of(folder, name)
        self.writeback = Writeback(handle)

    def write(self, data: ReadableBuffer) -> int:
        """Append `data`; raise `StorageError` SM7001 (no space) and the like."""
        view = memoryview(data).cast("B")
        try:
            write_all(self.handle, view)
        except OSError as err:
            raise storage_error(err, self.subject) from err
        self.writeback.wrote(len(view))
        return len(view)

    def commit(self, folder: int, name: str) -> None:
        """Flush the file and give it `name` in `folder`, durable on return; what bore the name before is replaced."""
        with faults(self.subject):
            self.writeback.settle()
            os.fchmod(self.handle, _MODE)
            os.fdatasync(self.handle)
            os.rename(self._name, name, src_dir_fd=self._folder, dst_dir_fd=folder)
        sync_directory(folder)


@contextmanager
def receive(folder: int) -> Iterator[Incoming]:
    """Give a new file in the ingest folder; unless committed it is gone after the block, however that ends."""
    handle, name = _new(folder)
    incoming = Incoming(folder, handle, name)
    try:
        yield incoming
    finally:
        remove(folder, name)
        with suppress(OSError):  # of the disk, about a file that is gone
            incoming.writeback.settle()
        os.close(handle)


def sweep(folder: int) -> int:
    """Remove what dead processes left half written; give the number of files. What is no plain file is not theirs."""
    removed = 0
    with faults(place_of(folder)):
        names = [name for name in os.listdir(folder) if name.endswith(PART)]
    for name in names:
        try:
            handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        except OSError as err:
            if err.errno in (errno.ENOENT, errno.ELOOP):
                continue
            raise storage_error(err, place_of(folder, name)) from err
        try:
            if stat.S_ISREG(os.fstat(handle).st_mode) and _lock(handle):
                remove(folder, name)
                removed += 1
        finally:
            os.close(handle)
    return removed


class Recorder(io.RawIOBase):
    """The file that a maker of derived objects appends to, hashed on the way (sha256)."""

    def __init__(self, incoming: Incoming) -> None:
        super().__init__()
        self._incoming, self._hasher = incoming, hashlib.sha256()
        self._length, self._dead = 0, False

    def writable(self) -> bool:
        """Say that it is."""
        return True

    def tell(self) -> int:
        """Give the number of bytes written."""
        return self._length

    def write(self, data: ReadableBuffer, /) -> int:
        """Append all of `data`."""
        view = memoryview(data).cast("B")
        if not self._dead:
            self._incoming.write(view)
            self._hasher.update(view)
            self._length += len(view)
        return len(view)

    def abandon(self) -> None:
        """Take no more: what a buffer above still holds is not wanted."""
        self._dead = True

    def digest(self) -> Digest:
        """Give the digest of all that was written."""
        return Digest("sha256", self._hasher.hexdigest())


def record(incoming: Incoming, write: Callable[[BinaryIO], None]) -> Digest:
    """Let `write` append to the file; give what was written its digest."""
    recorder = Recorder(incoming)
    buffered = io.BufferedWriter(recorder, _BUFFER)
    try:
        write(cast(BinaryIO, buffered))
        buffered.flush()
    finally:
        recorder.abandon()
        buffered.close()
    return recorder.digest()


def _new(folder: int) -> tuple[int, str]:
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with faults(place_of(folder)):
        for _ in range(_TRIES):
            name = f"{os.urandom(16).hex()}{PART}"
            handle = os.open(name, flags, 0o600, dir_fd=folder)
            if _lock(handle) and os.fstat(handle).st_nlink:
                return handle, name
            os.close(handle)  # a sweep came between the two calls and took it for a dead process's
    raise StorageError("SM7006", subject=place_of(folder), got="every new file was swept away")


def _lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
