"""The regular members of an uncompressed tar, by name and place, without unpacking it.

POSIX ustar and pax (IEEE Std 1003.1-2024, pax), GNU long names and base-256 sizes. What readers take differently is
refused: a member twice, sparse files, sizes on members that have no data, an end without its mark.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable

from secmount.errors import RegistryError
from secmount.value import dataclass

MEMBERS_LIMIT = 100_000  # headers of one archive
EXTRA_LIMIT = 64 << 10  # bytes of one pax header or long name
_BLOCK = 512
_REGULAR = frozenset(b"07\0")
_WITHOUT_DATA = frozenset(b"123456")  # hard link, symbolic link, devices, directory, fifo
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_LONG_NAME = b"\0L"  # beside the pax keys that stand for the next member: no pax key has a NUL
_PAX = b"\0x"
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ([^=]+)=", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Member:
    """Where a member's bytes are: `size` of them from `start` on."""

    start: int
    size: int


@dataclass(frozen=True, slots=True)
class _Header:
    name: bytes
    size: int
    type: int


Read = Callable[[int, int], bytes]  # length, offset


def members(read: Read, total: int, *, wanted: re.Pattern[str], shown: str) -> dict[str, Member]:
    """Find the members of the archive of `total` bytes whose normalised name matches `wanted`.

    Raise `RegistryError` SM4030 (damaged or cut short), SM4032 (twice), SM4033 (not plain), SM4034 (too many).
    """
    found: dict[str, Member] = {}
    extra: dict[bytes, bytes] = {}
    offset = 0
    for _ in range(MEMBERS_LIMIT):
        block = read(_BLOCK, offset)
        if block == bytes(_BLOCK):
            return found
        header = _header(block, extra, shown=shown, offset=offset)
        start, offset = offset + _BLOCK, offset + _BLOCK + -(-header.size // _BLOCK) * _BLOCK
        if start + header.size > total:
            raise RegistryError("SM4030", subject=shown, got=f"end at byte {total}", want=f"at least {offset}")
        if header.type in b"xgLK":
            _extend(extra, header, read, start, shown)
            continue
        extra.clear()
        name = _normal(header.name)
        if not wanted.fullmatch(name):
            continue
        if header.type not in _REGULAR or header.name.endswith(b"/"):
            raise RegistryError(
                "SM4033", subject=shown, got=f"{name}, of type {chr(header.type)!r}", want="a plain file"
            )
        if name in found:
            raise RegistryError("SM4032", subject=shown, got=name)
        found[name] = Member(start, header.size)
    raise RegistryError("SM4034", subject=shown, want=f"at most {MEMBERS_LIMIT}")


def _header(block: bytes, extra: dict[bytes, bytes], *, shown: str, offset: int) -> _Header:
    if len(block) < _BLOCK:
        raise RegistryError("SM4030", subject=shown, got=f"no end mark at byte {offset}", want="a whole tar archive")
    if _octal(block[148:156]) != sum(block[:148]) + 8 * 0x20 + sum(block[156:]):
        raise RegistryError("SM4030", subject=shown, got=f"no tar header at byte {offset}", want="a tar archive")
    kind = block[156]
    size = _size(block[124:136])
    name = block[:100].split(b"\0", 1)[0]
    if block[257:263] == b"ustar\0" and block[345]:
        name = block[345:500].split(b"\0", 1)[0] + b"/" + name
    if kind not in b"xgLK":
        name = extra.get(b"path") or extra.get(_LONG_NAME) or name
        size = _decimal(extra[b"size"]) if extra.get(b"size") else size
    if kind == ord("S") or any(key.startswith(b"GNU.sparse.") for key in extra):
        raise RegistryError("SM4033", subject=shown, got=f"{_normal(name)}, a sparse file", want="a plain file")
    if size is None or (size and kind in _WITHOUT_DATA):
        raise RegistryError("SM4030", subject=shown, got=f"{_normal(name)} with a size that makes no sense")
    return _Header(name, size, kind)


def _extend(extra: dict[bytes, bytes], header: _Header, read: Read, start: int, shown: str) -> None:
    if header.size > EXTRA_LIMIT:
        got, want = f"a pax header or long name of {header.size} bytes", f"at most {EXTRA_LIMIT}"
        raise RegistryError("SM4034", subject=shown, got=got, want=want)
    data = read(header.size, start)
    if header.type == ord("K"):
        return  # the target of a link, and no link is read
    records = {_LONG_NAME: data.split(b"\0", 1)[0]} if header.type == ord("L") else {_PAX: b"", **_records(data, shown)}
    if header.type == ord("g"):
        if {b"path", b"size"} & records.keys():
            raise RegistryError("SM4030", subject=shown, got="a global header that names a file")
        return
    if extra.keys() & records.keys():
        raise RegistryError("SM4030", subject=shown, got="two headers of a kind for one member")
    extra.update(records)


def _records(data: bytes, shown: str) -> dict[bytes, bytes]:
    found, position = {}, 0
    while position < len(data):
        record = _RECORD.match(data, position)
        end = position + int(record[1]) if record else 0
        if record is None or end > len(data) or end <= record.end() or data[end - 1 : end] != b"\n":
            raise RegistryError("SM4030", subject=shown, got="a damaged pax header")
        found[record[2]] = data[record.end() : end - 1]
        position = end
    return found


def _normal(name: bytes) -> str:
    text = name.decode("utf-8", "backslashreplace")
    return posixpath.normpath(text.lstrip("/") or ".")


def _octal(field: bytes) -> int | None:
    found = _OCTAL.fullmatch(field)
    return int(found[1] or b"0", 8) if found else None


def _size(field: bytes) -> int | None:
    if field[0] == 0x80:
        return int.from_bytes(field[1:])
    return _octal(field)


def _decimal(text: bytes) -> int | None:
    return int(text) if re.fullmatch(rb"[0-9]{1,19}", text) else None
