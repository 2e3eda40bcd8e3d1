"""Reading DER (X.690), strictly: shortest definite lengths, one-byte tags, nothing left over; raises ValueError.

For the few structures that no library opens: the CMS signature of a time stamp, and Fulcio's extensions.
"""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache

from secmount.value import dataclass

INTEGER, BITS, OCTETS, OID, UTF8, TIME, SEQUENCE, SET = 0x02, 0x03, 0x04, 0x06, 0x0C, 0x18, 0x30, 0x31
_OID_LIMIT = 64  # bytes; those of the field have at most 11, and reading a long arc takes quadratic time
_KEPT = 64  # object identifiers; a stamp and a certificate have some thirty


@dataclass(frozen=True, slots=True)
class Element:
    """One element; `raw` is it whole, `content` what its length counts."""

    tag: int
    content: bytes = field(repr=False)
    raw: bytes = field(repr=False)

    def children(self, *tags: int) -> tuple[Element, ...]:
        """Split the content into elements; the first ones must have `tags`."""
        found, content, at = [], self.content, 0
        while at < len(content):
            element, at = _element(content, at)
            found.append(element)
        if tuple([element.tag for element in found[: len(tags)]]) != tags:
            raise ValueError("not the elements that belong there")
        return tuple(found)

    def exactly(self, *tags: int) -> tuple[Element, ...]:
        """Split the content into elements that have `tags`, and no others."""
        found = self.children(*tags)
        if len(found) != len(tags):
            raise ValueError("not the elements that belong there")
        return found

    def oid(self) -> str:
        """Give an object identifier as dotted text."""
        if self.tag != OID:
            raise ValueError("no object identifier")
        return _dotted(self.content)

    def integer(self) -> int:
        """Give an integer of any sign."""
        if self.tag != INTEGER or not self.content:
            raise ValueError("no integer")
        if len(self.content) > 1 and self.content[0] in (0, 0xFF) and (self.content[0] ^ self.content[1]) & 0x80 == 0:
            raise ValueError("an integer with padding")
        return int.from_bytes(self.content, signed=True)


def read(data: bytes, tag: int) -> Element:
    """Read `data` as one element of `tag` and nothing after it."""
    element, end = _element(data, 0)
    if end < len(data):
        raise ValueError(f"{len(data) - end} bytes after the end")
    if element.tag != tag:
        raise ValueError(f"tag {element.tag:#04x} instead of {tag:#04x}")
    return element


def wrap(tag: int, *content: bytes) -> bytes:
    """Write an element."""
    body = b"".join(content)
    size = len(body)
    if size < 0x80:
        return bytes((tag, size)) + body
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + body


@lru_cache(maxsize=_KEPT)
def _dotted(content: bytes) -> str:
    if not 0 < len(content) <= _OID_LIMIT or content[-1] & 0x80:
        raise ValueError("no object identifier")
    arcs, value = [], 0
    for position, octet in enumerate(content):
        if value == 0 and octet == 0x80 and (position == 0 or not content[position - 1] & 0x80):
            raise ValueError("an object identifier with padding")
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(value)
            value = 0
    top = min(arcs[0] // 40, 2)
    return ".".join(map(str, (top, arcs[0] - 40 * top, *arcs[1:])))


def _element(data: bytes, at: int) -> tuple[Element, int]:
    """Give the element that begins at `at`, and where it ends."""
    if len(data) < at + 2 or data[at] & 0x1F == 0x1F:
        raise ValueError("cut off, or a tag of several bytes")
    length, start = data[at + 1], at + 2
    if length >= 0x80:
        start += length & 0x7F
        octets = data[at + 2 : start]
        length = int.from_bytes(octets)
        if not 1 <= start - at - 2 <= 4 or len(octets) != start - at - 2 or octets[0] == 0 or length < 0x80:
            raise ValueError("a length that is not the shortest")
    end = start + length
    if len(data) < end:
        raise ValueError("cut off")
    return Element(data[at], data[start:end], data[at:end]), end
