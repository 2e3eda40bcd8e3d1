"""Undoes a layer's compression, bounded in memory and in what comes out.

gzip (RFC 1952) with any number of members, Zstandard (RFC 8878) with any number of frames, skippable ones included.
Zeros may follow the last (tape padding); anything else that follows is refused, and so is a stream that ends early: a
reader that stops at the first member, and one that does not, must not see two trees. The only door to zstd.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from secmount.errors import ContentError
from secmount.oci.layer import Compression
from secmount.tree.limits import MEMBERS_LIMIT, RATIO_FREE

CHUNK = 1 << 20  # bytes of a piece that comes out, at most
_GATHERED = 1 << 18  # bytes to which smaller pieces are put together
WINDOW_LOG = 27  # 128 MiB of memory for a zstd window; the zstd command's own limit without --long
_LEAST_STEP, _MOST_STEP = 1 << 10, 1 << 18  # bytes fed at once; what a member leaves over is copied
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"  # after one byte 0x50 to 0x5f


def compression(head: bytes) -> Compression:
    """Name the compression whose magic number `head` begins with."""
    if head.startswith(_GZIP):
        return "gzip"
    if head.startswith(_ZSTD) or (head[1:4] == _SKIPPABLE and 0x50 <= head[0] <= 0x5F):
        return "zstd"
    return "none"


def decompress(packed: Iterable[bytes], method: Compression, *, subject: str, ratio: int) -> Iterator[bytes]:
    """Yield what `packed` unpacks to, in pieces of at most CHUNK and a quarter.

    Raise `ContentError` SM5106 (damaged, cut short, something behind it) or SM5107 (more than `ratio` times as large as
    what was read for it, beyond RATIO_FREE).
    """
    start, failure = (_Gzip, zlib.error) if method == "gzip" else _zstd()
    given, pieces, held = 0, [], 0
    try:
        for piece, taken in _members(packed, start, subject):
            given += len(piece)
            if given > RATIO_FREE and given > ratio * taken:
                want = f"at most {ratio} times the compressed size"
                raise ContentError("SM5107", subject=subject, got=f"{given} bytes out of {taken}", want=want)
            pieces.append(piece)
            held += len(piece)
            if held >= _GATHERED:
                yield b"".join(pieces)
                pieces, held = [], 0
    except failure as err:
        raise _broken(subject, str(err)) from err
    if pieces:
        yield b"".join(pieces)


class _Gzip:
    """One member of a gzip stream."""

    __slots__ = ("_object", "hungry")

    def __init__(self) -> None:
        self._object = zlib.decompressobj(wbits=31)
        self.hungry = True

    def feed(self, data: bytes | memoryview) -> bytes:
        """Give at most CHUNK bytes; no data asks for more of what was fed before."""
        piece = self._object.decompress(data or self._object.unconsumed_tail, CHUNK)
        self.hungry = len(piece) < CHUNK and not self._object.unconsumed_tail
        return piece

    @property
    def rest(self) -> int | None:
        """How many of the bytes last fed lie behind the member's end, None if it has not come."""
        return len(self._object.unused_data) if self._object.eof else None


class _Zstd:
    """One frame of a zstd stream, skippable ones included; what is left over of the input is counted, not kept."""

    __slots__ = ("_object",)

    def __init__(self, decompressor: Any) -> None:
        self._object = decompressor

    @property
    def hungry(self) -> bool:
        return bool(self._object.needs_input)

    def feed(self, data: bytes | memoryview) -> bytes:
        """Give at most CHUNK bytes; no data asks for more of what was fed before."""
        piece: bytes = self._object.decompress(data, CHUNK)
        return piece

    @property
    def rest(self) -> int | None:
        """How many of the bytes last fed lie behind the frame's end, None if it has not come."""
        return len(self._object.unused_data) if self._object.eof else None


def _zstd() -> tuple[Callable[[], _Zstd], type[Exception]]:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: WINDOW_LOG}
    return (lambda: _Zstd(zstd.ZstdDecompressor(options=options))), zstd.ZstdError


def _members(packed: Iterable[bytes], start: Callable[[], _Gzip | _Zstd], subject: str) -> Iterator[tuple[bytes, int]]:
    """Yield pieces of at most CHUNK bytes, each with how much has been read so far."""
    decoder: _Gzip | _Zstd | None = start()
    taken, step, padded, members = 0, _MOST_STEP, False, 1
    for chunk in packed:
        view, at = memoryview(chunk), 0
        while at < len(view):
            part = view[at : at + step]
            if decoder is None:
                if not bytes(part).strip(b"\0"):
                    padded, at = True, at + len(part)
                    continue
                if padded:
                    raise _broken(subject, "bytes behind its padding")
                decoder, members = start(), members + 1
                if members > MEMBERS_LIMIT:
                    raise ContentError("SM5107", subject=subject, got="more members", want=f"at most {MEMBERS_LIMIT}")
            yield decoder.feed(part), taken + at + len(part)
            while not decoder.hungry and decoder.rest is None:
                yield decoder.feed(b""), taken + at + len(part)
            at += len(part) - (decoder.rest or 0)
            if decoder.rest is None:
                step = min(2 * step, _MOST_STEP)
            else:
                decoder, step = None, max(step // 2, _LEAST_STEP)
        taken += len(chunk)
    if decoder is not None:
        raise _broken(subject, "it is cut short")


def _broken(subject: str, got: str) -> ContentError:
    return ContentError("SM5106", subject=subject, got=got, want="a whole compressed stream")
