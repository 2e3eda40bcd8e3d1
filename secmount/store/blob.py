"""Blobs as the stages after the store see them: read by offset, never by path."""

from __future__ import annotations

from typing import Protocol

from secmount.oci.digest import Digest


class Blob(Protocol):
    """A held blob, opened and fresh: hashed through this very descriptor, or unchanged since it was."""

    @property
    def digest(self) -> Digest:
        """What its bytes hash to."""

    @property
    def size(self) -> int:
        """Its length in bytes."""

    @property
    def complete(self) -> bool:
        """Whether every byte is there; a lazily fetched one may not be."""

    def pread(self, length: int, offset: int) -> bytes:
        """Read up to `length` bytes at `offset`."""

    def fileno(self) -> int | None:
        """Give the open descriptor, or None where there is no plain file behind it."""

    def close(self) -> None:
        """Give the descriptor back."""
