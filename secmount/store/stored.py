"""One file of the store: how it is told to be unchanged, and read."""

from __future__ import annotations

import hashlib
import io
import os
from types import TracebackType
from typing import Self

from secmount.local.fault import faults, storage_error
from secmount.oci.digest import Digest

CHUNK = 1 << 18  # bytes read or hashed at once; fits the processor's cache


def stamp_of(info: os.stat_result) -> str:
    """Say which file it is and when it last changed: device, inode, size, mtime, ctime (nanoseconds).

    Whoever writes to the file changes ctime, and cannot set it.
    """
    return f"{info.st_dev}:{info.st_ino}:{info.st_size}:{info.st_mtime_ns}:{info.st_ctime_ns}"


def hash_file(handle: int, algorithm: str, *, subject: str) -> Digest:
    """Hash all of the open file, from its start, whatever its position."""
    buffer = bytearray(CHUNK)
    view, hasher, offset = memoryview(buffer), hashlib.new(algorithm), 0
    with faults(subject):
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_SEQUENTIAL)
        while count := os.preadv(handle, [buffer], offset):
            hasher.update(view[:count])
            offset += count
    return Digest(algorithm, hasher.hexdigest())


class StoredBlob:
    """An open file of the store (`store.blob.Blob`); closing is the holder's duty."""

    def __init__(self, digest: Digest, handle: int, size: int) -> None:
        """Take `handle` over."""
        self._digest, self._size = digest, size
        self._file = io.FileIO(handle)

    @property
    def digest(self) -> Digest:
        """What its bytes hash to."""
        return self._digest

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return self._size

    @property
    def complete(self) -> bool:
        """Whether every byte is there: always."""
        return True

    def pread(self, length: int, offset: int) -> bytes:
        """Read up to `length` bytes at `offset`; raise `StorageError` SM7005 and the like."""
        try:
            return os.pread(self._file.fileno(), length, offset)
        except OSError as err:
            raise storage_error(err, str(self._digest)) from err

    def fileno(self) -> int:
        """Give the open descriptor."""
        return self._file.fileno()

    def close(self) -> None:
        """Give the descriptor back; a second time does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
