"""Extension records before a tar header: pax (POSIX.1-2017 `pax`, "pax Extended Header") and GNU long names.

What gives one entry two readings is refused: a key twice, a GNU and a pax name for one entry, a size that the header
contradicts (CVE-2025-62518: a parser that takes the other size reads file content as headers), names from a global
record, sparse files (GNU.sparse.*), whose bytes are not one run of the archive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from secmount.errors import ContentError

NAMING = frozenset({"path", "linkpath", "size", "mtime"})  # what the walker uses; other keys do not change the tree
SIZE_FIELD_LIMIT = 1 << 33  # bytes that an octal size field can say; writers use the size record from here on
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ")
_SIZE = re.compile(rb"[0-9]{1,19}")
_TIME = re.compile(rb"(-?)([0-9]{1,15})(?:\.([0-9]{0,18}))?")
_XATTR = ("SCHILY.xattr.", "LIBARCHIVE.xattr.")
_ACL = ("SCHILY.acl.",)


def records(data: bytes, *, subject: str) -> dict[str, bytes]:
    """Split the body of a pax header into its records; raise `ContentError` SM5108, SM5109 (sparse)."""
    found: dict[str, bytes] = {}
    at = 0
    while at < len(data):
        match = _RECORD.match(data, at)
        end = at + int(match[1]) if match else 0
        key, equals, value = data[match.end() : end - 1].partition(b"=") if match else (b"", b"", b"")
        if not match or not equals or not key or end > len(data) or data[end - 1 : end] != b"\n":
            raise ContentError(
                "SM5108", subject=subject, got="a pax record that is not LENGTH KEY=VALUE", want="POSIX pax"
            )
        name = key.decode("utf-8", "backslashreplace")
        if name in found:
            raise ContentError("SM5108", subject=subject, got=f"pax key {name!r} twice", want="each key once")
        if name.startswith("GNU.sparse."):
            raise ContentError("SM5109", subject=subject, got="a sparse file", want="a file whose bytes are one run")
        found[name] = value
        at = end
    return found


def check_global(found: Mapping[str, bytes], *, subject: str) -> None:
    """Raise `ContentError` SM5108 where a global record would name, size or date all entries after it."""
    naming = sorted(NAMING & found.keys())
    if naming:
        raise ContentError(
            "SM5108", subject=subject, got=f"a global pax record of {naming[0]}", want="one for its own entry"
        )


def size(value: bytes, *, field: int, subject: str) -> int:
    """Read a size record; `field` is what the header itself says. Raise `ContentError` SM5108."""
    if not _SIZE.fullmatch(value):
        raise ContentError("SM5108", subject=subject, got=f"pax size {value!r}", want="a decimal number")
    number = int(value)
    if number != field and (field != 0 or number < SIZE_FIELD_LIMIT):
        raise ContentError("SM5108", subject=subject, got=f"size {field} and pax size {number}", want="one size")
    return number


def nanoseconds(value: bytes, *, subject: str) -> int:
    """Read a time record, decimal seconds, finer than nanoseconds cut off downwards; raise `ContentError` SM5108."""
    match = _TIME.fullmatch(value)
    if not match:
        raise ContentError("SM5108", subject=subject, got=f"pax mtime {value!r}", want="decimal seconds")
    sign, seconds, fraction = match.groups(default=b"")
    ns = int(seconds) * 10**9 + int(fraction[:9].ljust(9, b"0"))
    return -ns - bool(fraction[9:].strip(b"0")) if sign else ns


def dropped(found: Mapping[str, bytes]) -> list[str]:
    """Name the kinds of attributes among the records that no tree keeps: `xattr`, `acl`."""
    kinds = (("xattr", _XATTR), ("acl", _ACL))
    return [kind for kind, prefixes in kinds if any(key.startswith(prefixes) for key in found)]
