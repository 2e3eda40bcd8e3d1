"""How the bytes of a file are reached: in its blob, or, for a last partial block, in the image.

The kernel maps whole blocks. A last block that reaches past the blob's end is a short read, which new kernels answer
with EIO and old ones with zeros; one that reaches into what follows in the blob shows that through mmap. So the rest of
the last block must be in the blob and must be zero (the padding of a tar member); otherwise the tail is inlined.
"""

from __future__ import annotations

from collections.abc import Mapping

from secmount.errors import MountError
from secmount.oci.digest import Digest
from secmount.store.blob import Blob
from secmount.tree.node import Extent
from secmount.value import dataclass

_NEAR = 16 << 10  # bytes; rests that lie closer than this are read together
_WINDOW = 64 << 10  # bytes read at once then


@dataclass(slots=True)
class Content:
    """Reads the tails of the files of one blob."""

    blob: Blob
    device: int
    block: int
    size: int
    start: int = 0
    window: bytes = b""

    def inlined(self, extent: Extent) -> bool:
        """Say whether the last partial block of `extent` must stand in the image.

        Raise `MountError` SM6020 (not on a block boundary) or SM6022 (not in the blob).
        """
        offset, block = extent.offset, self.block
        end = offset + extent.length
        if offset % block:
            raise MountError("SM6020", got=f"offset {offset}", want=f"a multiple of {block} bytes")
        if not 0 <= offset <= end <= self.size:
            raise MountError("SM6022", got=f"bytes {offset} to {end}", want=f"at most {self.size} bytes")
        rest = -end % block
        if not rest:
            return False
        if end + rest > self.size:
            return True
        at = end - self.start
        if at >= 0 and at + rest <= len(self.window):
            return self.window[at : at + rest] != bytes(rest)
        return self._read(end, rest) != bytes(rest)

    def tail(self, extent: Extent) -> bytes:
        """Read the last partial block of `extent`; raise `MountError` SM6022 if the blob is shorter than it said."""
        length = extent.length % self.block
        data = self.blob.pread(length, extent.offset + extent.length - length)
        if len(data) != length:
            raise MountError("SM6022", subject=str(self.blob.digest), got=f"{len(data)} bytes", want=f"{length} bytes")
        return data

    def _read(self, offset: int, length: int) -> bytes:
        """Read, and some more to keep if the last reading was just before: small members of a tar, one by one."""
        near = 0 <= offset - self.start <= len(self.window) + _NEAR
        self.window, self.start = self.blob.pread(_WINDOW if near else length, offset), offset
        data = self.window[:length]
        if len(data) != length:
            raise MountError("SM6022", subject=str(self.blob.digest), got=f"{len(data)} bytes", want=f"{length} bytes")
        return data


def filled(blobs: tuple[Digest, ...], held: Mapping[Digest, Blob]) -> list[Digest]:
    """Give the blobs that hold bytes, in the order of the mount's devices; an empty one needs none."""
    return [digest for digest in dict.fromkeys(blobs) if held[digest].size]


def contents(blobs: tuple[Digest, ...], held: Mapping[Digest, Blob], block: int) -> dict[Digest, Content]:
    """Make a reader for each blob that holds bytes."""
    devices = enumerate(filled(blobs, held))
    return {digest: Content(held[digest], number, block, held[digest].size) for number, digest in devices}
