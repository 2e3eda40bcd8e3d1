"""Where things stand in a tiled log: C2SP tlog-tiles paths, and the frames of entry bundles. Pure arithmetic.

A bundle is a sequence of entries, each behind its length as a big-endian uint16; a tile is a sequence of SHA-256
hashes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

WIDTH = 256  # entries of a full bundle, hashes of a full tile; tlog-tiles, Merkle Tree
HASH_SIZE = 32
ENTRY_LIMIT = 65_535  # bytes; tlog-tiles, Log entries: uint16 lengths
LEVEL_LIMIT = 8  # levels of tiles kept: 256^8 entries
_LENGTH = struct.Struct(">H")


def number_path(number: int) -> str:
    """Spell a tile's number: 1234067 is `x001/x234/067`."""
    text = f"{number % 1000:03d}"
    while number >= 1000:
        number //= 1000
        text = f"x{number % 1000:03d}/{text}"
    return text


def bundle_path(number: int) -> str:
    """Give the path of a full entry bundle, below the log's folder."""
    return f"tile/entries/{number_path(number)}"


def tile_path(level: int, number: int) -> str:
    """Give the path of a full hash tile, below the log's folder."""
    return f"tile/{level}/{number_path(number)}"


def partial(path: str, width: int) -> str:
    """Give the path of the partial tile or bundle of `width` (1 to 255) hashes or entries."""
    return f"{path}.p/{width}"


def frame(entry: bytes) -> bytes:
    """Put the length before `entry`; the caller has checked ENTRY_LIMIT."""
    return _LENGTH.pack(len(entry)) + entry


def frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Give each whole entry of a bundle with the offset behind it; stop at the first that is empty or torn."""
    offset, end = 0, len(data)
    while offset + 2 <= end:
        (length,) = _LENGTH.unpack_from(data, offset)
        behind = offset + 2 + length
        if not length or behind > end:
            return
        yield behind, data[offset + 2 : behind]
        offset = behind
