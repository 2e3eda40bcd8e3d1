"""Decision ids: UUIDv7 (RFC 9562 section 5.7), so that they sort by time."""

from __future__ import annotations

from collections.abc import Callable

Random = Callable[[int], bytes]  # that many bytes nobody can foresee


def decision_id(now_ms: int, random: Random) -> str:
    """Make an id from the clock's milliseconds and 74 random bits."""
    bits = int.from_bytes(random(10), "big")
    value = (now_ms & (1 << 48) - 1) << 80 | 0x7 << 76 | (bits >> 64 & 0xFFF) << 64 | 0b10 << 62 | bits & (1 << 62) - 1
    text = f"{value:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
