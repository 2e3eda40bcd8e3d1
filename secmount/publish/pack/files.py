"""Files as blobs: read as often as asked, and refused when they are not what they were the first time."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator

from secmount.errors import InputError
from secmount.local.owned import kind
from secmount.value import dataclass

CHUNK = 1 << 20  # bytes read at once
FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Stamp:
    """By what a change of a file shows."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, info: os.stat_result) -> Stamp:
        """Take it from what the system says."""
        return cls(info.st_dev, info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns)


class FileData(Iterable[bytes]):
    """The content of a regular file, a chunk at a time; each iteration opens it anew.

    Raises `InputError` SM1030 (cannot be read, or is no file), SM1034 (changed since `stamp` was taken).
    """

    def __init__(self, opener: Callable[[], int], shown: str, stamp: Stamp | None = None) -> None:
        """Take what opens the file; without `stamp`, the file is looked at now."""
        self._opener, self.shown = opener, shown
        self.stamp = stamp or self._look()

    @property
    def size(self) -> int:
        """The size in bytes."""
        return self.stamp.size

    def __iter__(self) -> Iterator[bytes]:
        """Read from the start."""
        handle = self._open()
        try:
            self._compare(handle)
            left = self.size
            while left:
                chunk = self._read(handle, min(CHUNK, left))
                if not chunk:
                    raise self._changed("a shorter file")
                left -= len(chunk)
                yield chunk
            self._compare(handle)
        finally:
            os.close(handle)

    def _look(self) -> Stamp:
        handle = self._open()
        try:
            info = os.fstat(handle)
        finally:
            os.close(handle)
        if not stat.S_ISREG(info.st_mode):
            raise InputError("SM1030", subject=self.shown, got=kind(info.st_mode), want="a file or a folder")
        return Stamp.of(info)

    def _open(self) -> int:
        try:
            return self._opener()
        except OSError as err:
            raise unreadable(err, self.shown) from err

    def _read(self, handle: int, size: int) -> bytes:
        try:
            return os.read(handle, size)
        except OSError as err:
            raise unreadable(err, self.shown) from err

    def _compare(self, handle: int) -> None:
        if Stamp.of(os.fstat(handle)) != self.stamp:
            raise self._changed("another size, time or file")

    def _changed(self, got: str) -> InputError:
        return InputError("SM1034", subject=self.shown, got=got, want="the file as it was when it was first read")


def named(path: str) -> FileData:
    """Take the file that a user named, through a link if it is one."""
    return FileData(lambda: os.open(path, FILE), path)


def unreadable(err: OSError, shown: str) -> InputError:
    """Say what the system said."""
    name = errno.errorcode.get(err.errno or 0, str(err.errno))
    return InputError("SM1030", subject=shown, got=f"{name} ({err.strerror})", want="a file or folder you can read")
