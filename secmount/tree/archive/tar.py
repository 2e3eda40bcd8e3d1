"""Walks a tar archive that is a stream: yields entries, hashes contents, writes nothing, believes nothing.

ustar (POSIX.1-1988), GNU long names and base-256 numbers, pax records (`tree.archive.pax`). `tarfile` is no boundary
(CVE-2007-4559, CVE-2024-12718, CVE-2025-4138, -4330, -4435, -4517). Archives that two readers could read as two trees
are refused: a bad checksum, data after the end, bytes after a NUL in a field, padding that is not zero (it shows
through mmap behind a file's end), links and directories with content, unknown entry types, a missing end.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator
from typing import NamedTuple
from zlib import adler32

from secmount.errors import ContentError
from secmount.tree.archive import pax
from secmount.tree.archive.entry import Entry, Kind, Note
from secmount.tree.archive.paths import Paths
from secmount.tree.limits import EXTENDED_LIMIT, TARGET_LIMIT, TRAILER_LIMIT, Limits

BLOCK = 512
_ZERO = bytes(BLOCK)
_FIELDS = struct.Struct("100s8s16s12s12s8sc100s8s64x16s155s8x4s")
_POSIX, _GNU = b"ustar\x0000", b"ustar  \0"
_STAR = b"tar\0"  # at the end of a header of star, whose prefix has 131 bytes and is followed by times
_COPY = 64 << 10  # bytes up to which a copy is faster than a view
_SECONDS_LIMIT = 1 << 40  # either way from 1970: what nanoseconds in 64 bits cannot hold is no time of a file
_OCTAL = re.compile(rb"[0-7]{11}").fullmatch
_CHECKSUM = slice(148, 156)
_FILES = frozenset({b"0", b"\0", b"7"})
_KINDS: dict[bytes, Kind] = {b"1": "h", b"2": "l", b"5": "d"}
_SPECIAL = {b"3": "a character device", b"4": "a block device", b"6": "a fifo"}
_UNSUPPORTED = {b"S": "a sparse file", b"M": "a part of a multi-volume archive", b"V": "a volume label"}
_UNLIKE = (b"", b"", b"")  # what no header has where it could differ from the last: mode and owner, type on, time
_MODE_BITS = ((0o4000, "setuid"), (0o2000, "setgid"), (0o1000, "sticky"))


class _Header(NamedTuple):
    name: bytes
    mode: bytes
    owner: bytes
    size: bytes
    mtime: bytes
    checksum: bytes
    type: bytes
    link: bytes
    magic: bytes
    device: bytes
    prefix: bytes
    mark: bytes


def is_header(block: bytes) -> bool:
    """Say whether `block` begins with a tar header: magic and checksum."""
    if len(block) < BLOCK or block[257:265] not in {_POSIX, _GNU}:
        return False
    text = block[_CHECKSUM].strip(b"\0 ")
    return text.isdigit() and b"8" not in text and b"9" not in text and int(text, 8) == _sum(block[:BLOCK])


def walk(chunks: Iterable[bytes], *, subject: str, limits: Limits, notes: list[Note]) -> Iterator[Entry]:
    """Yield the entries of the archive in `chunks`, to the stream's end; offsets count from its first byte.

    `limits` holds for this archive alone. What the tree does not keep is appended to `notes`. Raise `ContentError`
    SM5101 to SM5103 (paths), SM5104 (no tar), SM5107 (over a limit), SM5108 (broken or ambiguous), SM5109 (sparse,
    unknown type), SM5110 (device, fifo), SM5112 (symlink without a usable target).
    """
    return _Walker(chunks, subject, limits, notes).entries()


def _sum(block: bytes) -> int:
    """Add up a header's bytes, the checksum field taken as spaces.

    The low half of Adler-32 is 1 plus the sum modulo 65521: exact for 256 bytes, whose sum is at most 65280, and four
    times as fast as `sum`.
    """
    return (
        (adler32(block[:256]) & 0xFFFF)
        + (adler32(block[256:]) & 0xFFFF)
        - (adler32(block[_CHECKSUM]) & 0xFFFF)
        + 255  # eight spaces, and the ones of three Adler sums
    )


class _Window:
    """A stream, seen through a buffer that begins at `offset` of it."""

    __slots__ = ("_chunks", "at", "data", "offset")

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.data, self.at, self.offset = b"", 0, 0

    def fill(self, length: int) -> bool:
        """Have `length` bytes at `at`, or say that the stream ends before."""
        while len(self.data) - self.at < length:
            chunk = next(self._chunks, None)
            if chunk is None:
                return False
            self.offset += self.at
            self.data, self.at = self.data[self.at :] + chunk if self.at < len(self.data) else chunk, 0
        return True

    def parts(self, length: int) -> Iterator[memoryview]:
        """Yield the next `length` bytes in pieces, fewer where the stream ends."""
        while length and self.fill(1):
            part = memoryview(self.data)[self.at : self.at + length]
            self.at += len(part)
            length -= len(part)
            yield part

    @property
    def position(self) -> int:
        return self.offset + self.at


class _Walker:
    """The state of one walk: where in the stream, what extension records wait for their entry."""

    def __init__(self, chunks: Iterable[bytes], subject: str, limits: Limits, notes: list[Note]) -> None:
        self._window = _Window(chunks)
        self._subject = subject
        self._limits, self._budget, self._notes = limits, limits.unpacked, notes
        self._paths = Paths(subject)
        self._records: dict[str, bytes] = {}
        self._long: dict[str, bytes] = {}
        self._likeness = _UNLIKE  # of the last header, if it was a plain file's
        self._same = (False, 0)  # whether that file was executable, and its mtime
        self._times: tuple[bytes, int] = (b"", 0)
        self._owned, self._count, self._named = 0, 0, 0

    def entries(self) -> Iterator[Entry]:
        window, first = self._window, True
        while True:
            if not window.fill(BLOCK):
                raise self._broken("the archive is cut short", "two blocks of zeros at its end")
            block = window.data[window.at : window.at + BLOCK]
            window.at += BLOCK
            if block == _ZERO:
                self._finish()
                return
            self._count += 1
            if self._count > self._limits.entries:
                raise self._over("more entries", f"at most {self._limits.entries}")
            like, rest, times = self._likeness
            entry = None
            if block[156:345] == rest and block[136:148] == times and block[100:124] == like:
                entry = self._like(block)
            if entry is None:
                header = self._header(block, first=first)
                first, self._likeness = False, _UNLIKE
                if header.type in b"xgLK":
                    self._extend(header)
                    continue
                entry = self._entry(header, block)
            yield entry

    def _like(self, block: bytes) -> Entry | None:
        """Give the file whose header differs from the last one's only in name, size and checksum; None if unsure."""
        octal = block[124:135]
        if block[148:156] != b"%06o\0 " % _sum(block) or block[135] or block[345] or not _OCTAL(octal):
            return None
        path, size = self._paths.clean(block[:100].rstrip(b"\0")), int(octal, 8)
        self._spend(size, path, len(path))
        window = self._window
        start = window.offset + window.at
        executable, mtime = self._same
        return tuple.__new__(Entry, (path, "f", executable, mtime, start, size, self._content(size, path), ""))

    def _header(self, block: bytes, *, first: bool) -> _Header:
        header = _Header._make(_FIELDS.unpack(block))
        if header.magic not in {_POSIX, _GNU}:
            if first:
                raise ContentError(
                    "SM5104", subject=self._subject, got="bytes that are no tar archive", want="a tar archive"
                )
            raise self._broken(f"magic {header.magic!r}", "a ustar header")
        if self._number(header.checksum, "checksum") != _sum(block):
            raise self._broken(f"checksum {header.checksum!r}", f"{_sum(block):06o}")
        for field in (
            header.mode,
            header.owner[:8],
            header.owner[8:],
            header.device[:8],
            header.device[8:],
            header.mtime,
        ):
            self._number(field, "a field")  # used or not: other readers refuse what is no number
        return header

    def _entry(self, header: _Header, block: bytes) -> Entry:
        kind = self._kind(header)
        path = self._paths.clean(self._name(header), directory=kind == "d")
        size = self._size(header, kind, path)
        mtime = self._mtime(header, path)
        mode = self._number(header.mode, "mode")
        target = self._target(header, kind, path) if kind in "lh" else ""
        self._spend(size, path, len(path) + len(target))
        plain = self._note(header, path, mode)
        if self._records or self._long:
            self._records, self._long = {}, {}
        elif plain and header.type == b"0":
            self._likeness = block[100:124], block[156:345], block[136:148]
            self._same = (bool(mode & 0o111), mtime)
        start = self._window.position
        digest = self._content(size, path) if kind == "f" else ""
        return tuple.__new__(Entry, (path, kind, bool(mode & 0o111), mtime, start, size, digest, target))

    def _kind(self, header: _Header) -> Kind:
        if header.type in _FILES:
            # V7 archives have no type for directories: a slash at the end says it. Go, GNU tar and Python agree.
            return "d" if header.type == b"\0" and header.name.rstrip(b"\0").endswith(b"/") else "f"
        kind = _KINDS.get(header.type)
        if kind is not None:
            return kind
        subject = f"{self._subject}, entry {_text(header.name)!r}"
        if header.type in _SPECIAL:
            raise ContentError("SM5110", subject=subject, got=_SPECIAL[header.type], want="a file, directory or link")
        got = _UNSUPPORTED.get(header.type, f"entry type {header.type!r}")
        raise ContentError("SM5109", subject=subject, got=got, want="a file, directory or link")

    def _name(self, header: _Header) -> bytes:
        override = self._override("path")
        if override is not None:
            return override
        name = _text(header.name)
        if header.magic == _GNU or not header.prefix[0]:
            return name
        prefix = header.prefix[:131] if header.mark == _STAR else header.prefix
        return _text(prefix) + b"/" + name

    def _target(self, header: _Header, kind: Kind, path: str) -> str:
        override = self._override("linkpath")
        raw = _text(header.link) if override is None else override
        if kind == "h":
            return self._paths.clean(raw)
        if not raw or b"\0" in raw or len(raw) > TARGET_LIMIT:
            want = f"1 to {TARGET_LIMIT} bytes without NUL"
            raise ContentError("SM5112", subject=self._at(path), got=f"a target of {len(raw)} bytes", want=want)
        return raw.decode("utf-8", "surrogateescape")

    def _override(self, key: str) -> bytes | None:
        """Give the extension record for `key`; a pax record and a GNU one at once are two readings."""
        if key in self._records and key in self._long:
            raise self._broken(f"a pax and a GNU record of {key}", "one of them")
        return self._records.get(key, self._long.get(key))

    def _size(self, header: _Header, kind: Kind, path: str) -> int:
        size = self._number(header.size, "size")
        if "size" in self._records:
            size = pax.size(self._records["size"], field=size, subject=self._at(path))
        if not 0 <= size < 1 << 63:
            raise ContentError("SM5108", subject=self._at(path), got=f"size {size}", want="0 to 2^63 - 1")
        if size and kind != "f":
            raise ContentError(
                "SM5108", subject=self._at(path), got=f"{size} bytes of content", want="none for its type"
            )
        return size

    def _spend(self, size: int, path: str, names: int) -> None:
        """Take what an entry needs from the limits."""
        self._budget -= size
        self._named += names
        if self._budget < 0:
            raise ContentError(
                "SM5107", subject=self._at(path), got=f"{size} bytes", want=f"{self._budget + size} left"
            )
        if self._named > self._limits.names:
            raise self._over("more bytes of names", f"at most {self._limits.names}")

    def _mtime(self, header: _Header, path: str) -> int:
        if "mtime" in self._records:
            time = pax.nanoseconds(self._records["mtime"], subject=self._at(path))
        elif header.mtime == self._times[0]:
            return self._times[1]
        else:
            time = self._number(header.mtime, "mtime") * 1_000_000_000
            self._times = (header.mtime, time)
        if abs(time) > _SECONDS_LIMIT * 1_000_000_000:
            raise ContentError("SM5108", subject=self._at(path), got=f"mtime {time} ns", want="a time of a file")
        return time

    def _note(self, header: _Header, path: str, mode: int) -> bool:
        """Note what the tree will not keep; say whether there was nothing."""
        if mode & 0o7000:
            self._notes.extend(Note(path, name) for bit, name in _MODE_BITS if mode & bit)
        if self._records:
            self._notes.extend(Note(path, name) for name in pax.dropped(self._records))
        foreign = bool(header.owner.strip(b"0\0 "))
        self._owned += foreign
        return not mode & 0o7000 and not foreign

    def _content(self, size: int, path: str) -> str:
        """Hash the file content that stands at the window, and pass it and its padding."""
        window, padded = self._window, size + -size % BLOCK
        data, at = window.data, window.at
        if len(data) - at >= padded:
            end = at + size
            digest = hashlib.sha256(data[at:end] if size <= _COPY else memoryview(data)[at:end])
            padding = data[end : at + padded]
            window.at += padded
        else:
            digest, left = hashlib.sha256(), size
            for part in window.parts(size):
                digest.update(part)
                left -= len(part)
            if left or not window.fill(padded - size):
                raise ContentError(
                    "SM5108", subject=self._at(path), got="the archive is cut short", want=f"{size} bytes"
                )
            padding = window.data[window.at : window.at + padded - size]
            window.at += padded - size
        if padding.strip(b"\0"):
            raise ContentError("SM5108", subject=self._at(path), got="bytes behind its end", want="padding of zeros")
        return digest.hexdigest()

    def _extend(self, header: _Header) -> None:
        """Read an extension header for the entry that follows."""
        size, window = self._number(header.size, "size"), self._window
        if not 0 <= size <= EXTENDED_LIMIT:
            raise ContentError(
                "SM5107", subject=self._subject, got=f"a record of {size} bytes", want=f"at most {EXTENDED_LIMIT}"
            )
        self._budget -= size
        if self._budget < 0 or not window.fill(size + -size % BLOCK):
            raise self._broken("an extension record that is cut short", f"{size} bytes")
        body = window.data[window.at : window.at + size]
        window.at += size + -size % BLOCK
        if header.type == b"g":
            pax.check_global(pax.records(body, subject=self._subject), subject=self._subject)
        elif header.type == b"x":
            if self._records:
                raise self._broken("two pax headers for one entry", "one")
            self._records = pax.records(body, subject=self._subject)
        else:
            key = "path" if header.type == b"L" else "linkpath"
            if key in self._long:
                raise self._broken("two GNU long names for one entry", "one")
            self._long[key] = body.rstrip(b"\0")

    def _finish(self) -> None:
        """Read what follows the first block of zeros: nothing but zeros, and at least one more block of them."""
        window = self._window
        if self._records or self._long:
            raise self._broken("an extension header without an entry", "an entry after it")
        if not window.fill(BLOCK):
            raise self._broken("the archive is cut short", "two blocks of zeros at its end")
        left = TRAILER_LIMIT
        for part in window.parts(left + 1):
            left -= len(part)
            if left < 0:
                raise ContentError(
                    "SM5107", subject=self._subject, got="zeros without end", want=f"at most {TRAILER_LIMIT} bytes"
                )
            if bytes(part).strip(b"\0"):
                raise self._broken("bytes behind the archive's end", "zeros")
        if self._owned:
            self._notes.append(Note("", f"owner of {self._owned} entries"))

    def _number(self, field: bytes, what: str) -> int:
        """Read an octal number, or one of GNU tar's in base 256: after 0x80, or in two's complement after 0xff."""
        if field[0] in {0x80, 0xFF}:
            return int.from_bytes(field[1:], "big") - (field[0] == 0xFF) * (1 << 8 * (len(field) - 1))
        text = field.rstrip(b"\0 ").lstrip(b" ")
        if not text:
            return 0
        if not text.isdigit() or b"8" in text or b"9" in text:
            raise self._broken(f"{what} {field!r}", "an octal number")
        return int(text, 8)

    def _at(self, path: str) -> str:
        return f"{self._subject}, entry {path!r}"

    def _over(self, got: str, want: str) -> ContentError:
        return ContentError("SM5107", subject=self._subject, got=got, want=want)

    def _broken(self, got: str, want: str) -> ContentError:
        where = f"{self._subject}, byte {self._window.position}"
        return ContentError("SM5108", subject=where, got=got, want=want)


def _text(field: bytes) -> bytes:
    """Give a field without what fills it up; a NUL that is left is refused where the text is used."""
    return field.rstrip(b"\0")
