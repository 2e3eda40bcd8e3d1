"""Tar and gzip whose bytes depend on nothing but what is packed.

POSIX.1-2001 pax; RFC 1952. Owner, group and their names are nobody's, modes are 0755 or 0644, times are 0 unless asked
for, and the order is `folder`'s. The compressed bytes depend on the release of zlib, too; the tar's never.
"""

from __future__ import annotations

import struct
import tarfile
import zlib
from collections.abc import Iterable, Iterator

from secmount.publish.pack.folder import Entry, Folder

_GZIP_HEADER = b"\x1f\x8b\x08\0" + b"\0\0\0\0" + b"\0\xff"  # RFC 1952: no name, no time, unknown system
_LEVEL = 6  # zlib's own choice between speed and size
_TYPES = {"file": tarfile.REGTYPE, "folder": tarfile.DIRTYPE, "link": tarfile.SYMTYPE}


def tar(folder: Folder, entries: Iterable[Entry], *, prefix: str, newest: int | None) -> Iterator[bytes]:
    """Pack `entries` below `prefix` ("" for none).

    `newest`: times are kept, in seconds, at most this; None: they are 0. Raise `InputError` SM1030, SM1034.
    """
    if prefix:
        yield _header(f"{prefix}/", tarfile.DIRTYPE)
    for entry in entries:
        yield from _entry(folder, entry, prefix, newest)
    yield bytes(2 * tarfile.BLOCKSIZE)  # and no padding: oras pull hashes what Go's reader reads, which ends here


def _entry(folder: Folder, entry: Entry, prefix: str, newest: int | None) -> Iterator[bytes]:
    size = entry.stamp.size if entry.kind == "file" else 0
    name = f"{prefix}/{entry.path}" if prefix else entry.path
    yield _header(
        name + ("/" if entry.kind == "folder" else ""),
        _TYPES[entry.kind],
        size=size,
        mode=0o777 if entry.kind == "link" else 0o755 if entry.executable else 0o644,
        mtime=0 if newest is None else max(0, min(newest, entry.stamp.mtime_ns // 10**9)),
        target=entry.target,
    )
    if entry.kind == "file":
        yield from folder.file(entry)
        yield bytes(-size % tarfile.BLOCKSIZE)


def _header(name: str, kind: bytes, *, size: int = 0, mode: int = 0o755, mtime: int = 0, target: str = "") -> bytes:
    found = tarfile.TarInfo(name)
    found.type, found.size, found.mode, found.mtime, found.linkname = kind, size, mode, mtime, target
    return found.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


def gzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Compress; the header says nothing about when, where and from what."""
    packer, checksum, size = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS), 0, 0
    yield _GZIP_HEADER
    for chunk in chunks:
        checksum, size = zlib.crc32(chunk, checksum), size + len(chunk)
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush() + struct.pack("<II", checksum, size & 0xFFFFFFFF)
