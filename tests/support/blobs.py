"""Blobs and stores small enough for a test: a directory of files named by digest."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from secmount.oci.digest import Digest


@dataclass(frozen=True, slots=True)
class FileBlob:
    """A file taken as the blob of a digest, whatever it holds."""

    digest: Digest
    handle: int
    complete: bool = True

    @property
    def size(self) -> int:
        return os.fstat(self.handle).st_size

    def pread(self, length: int, offset: int) -> bytes:
        return os.pread(self.handle, length, offset)

    def fileno(self) -> int | None:
        return self.handle

    def close(self) -> None:
        os.close(self.handle)


@dataclass(frozen=True, slots=True)
class BytesBlob:
    """Bytes in memory; no file behind them."""

    digest: Digest
    data: bytes
    complete: bool = True

    @property
    def size(self) -> int:
        return len(self.data)

    def pread(self, length: int, offset: int) -> bytes:
        return self.data[offset : offset + length]

    def fileno(self) -> int | None:
        return None

    def close(self) -> None:
        return None

    @classmethod
    def of(cls, data: bytes) -> BytesBlob:
        return cls(Digest.of(data), data)


@dataclass(slots=True)
class Folder:
    """Blobs in a directory, and images derived from them."""

    path: Path
    made: dict[tuple[str, str], Digest] = field(default_factory=dict)
    writes: int = 0

    def add(self, data: bytes) -> Digest:
        digest = Digest.of(data)
        (self.path / digest.hex).write_bytes(data)
        return digest

    def file(self, digest: Digest) -> Path:
        return self.path / digest.hex

    def open(self, digest: Digest) -> FileBlob:
        return FileBlob(digest, os.open(self.file(digest), os.O_RDONLY | os.O_CLOEXEC))

    def derive(self, kind: str, key: str, write: Callable[[BinaryIO], None]) -> FileBlob:
        digest = self.made.get((kind, key))
        if digest is None or not self.file(digest).exists():
            new = self.path / "new"
            with new.open("wb") as file:
                write(file)
            digest = Digest.of(new.read_bytes())
            new.rename(self.file(digest))
            self.made[kind, key] = digest
            self.writes += 1
        return self.open(digest)
