"""The files of a layout, by their names in it: what a folder and a tar archive have in common."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import Protocol

from secmount.errors import RegistryError
from secmount.oci.digest import Digest

CHUNK = 1 << 20  # bytes read at once

_CODES = {
    errno.EACCES: "SM4002",
    errno.EPERM: "SM4002",
    errno.ELOOP: "SM4006",
    errno.ENOTDIR: "SM4006",
    errno.ENXIO: "SM4006",
}


class Files(Protocol):
    """A layout's files. Names are relative, joined by `/`, and ours alone: from constants and digests."""

    @property
    def shown(self) -> str:
        """The layout, as the user named it."""

    def find(self, name: str) -> OpenFile | None:
        """Open a regular file, or None if there is none; raise `RegistryError` SM4002, SM4003, SM4006."""

    def list(self, folder: str, *, limit: int) -> tuple[str, ...]:
        """Give the names in `folder` in order, at most `limit`; none if there is no such folder."""

    def close(self) -> None:
        """Give the handles back."""


class OpenFile:
    """`size` bytes from `start` on of an open descriptor."""

    def __init__(self, handle: int, *, start: int, size: int, shown: str, owned: bool) -> None:
        self.size = size
        self.shown = shown
        self._handle = handle
        self._start = start
        self._owned = owned

    def pread(self, length: int, offset: int) -> bytes:
        """Read up to `length` bytes at `offset`; raise `RegistryError` SM4002 or SM4003."""
        length = min(length, self.size - offset)
        if length <= 0:
            return b""
        try:
            return os.pread(self._handle, length, self._start + offset)
        except OSError as err:
            raise fault(err, self.shown) from err

    def read(self, limit: int) -> bytes:
        """Read everything, at most `limit` bytes; less comes where the file was cut meanwhile."""
        return b"".join(self.chunks(0, limit))

    def chunks(self, offset: int, end: int) -> Iterator[bytes]:
        """Read from `offset` to `end` or the end of the file, a chunk at a time."""
        while chunk := self.pread(min(CHUNK, end - offset), offset):
            yield chunk
            offset += len(chunk)

    def close(self) -> None:
        """Close the descriptor, if it is this file's alone."""
        if self._owned:
            self._owned = False
            os.close(self._handle)


def blob_name(digest: Digest) -> str:
    """Give the name of a blob in its layout; image-layout.md, Blobs."""
    return f"blobs/{digest.algorithm}/{digest.hex}"


def fault(err: OSError, shown: str) -> RegistryError:
    """Give the system's refusal its code: SM4002 not permitted, SM4006 link or special file, else SM4003."""
    name = errno.errorcode.get(err.errno or 0, str(err.errno))
    return RegistryError(_CODES.get(err.errno or 0, "SM4003"), subject=shown, got=f"{name} ({err.strerror})")
