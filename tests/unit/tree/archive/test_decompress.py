"""Compressed streams: every way to write one, every way to break one, and nothing without a bound."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable

import pytest

from secmount.errors import ContentError
from secmount.oci.layer import Compression
from secmount.tree.archive import decompress as module
from secmount.tree.archive.decompress import CHUNK, compression, decompress
from tests.support.archives import packed, zstd

TEXT = b"".join(b"line %d\n" % n for n in range(50_000))
BOTH = pytest.mark.parametrize(("method", "compress"), [("gzip", packed), ("zstd", zstd)])
Compress = Callable[[bytes], bytes]
SKIPPABLE = b"\x53\x2a\x4d\x18" + (5).to_bytes(4, "little") + b"hello"


def undo(data: bytes, method: Compression, *, piece: int = 1 << 20, ratio: int = 200) -> bytes:
    pieces = (data[at : at + piece] for at in range(0, len(data), piece))
    return b"".join(decompress(pieces, method, subject="layer 0", ratio=ratio))


def refused(data: bytes, method: Compression, *, ratio: int = 200) -> ContentError:
    with pytest.raises(ContentError) as caught:
        undo(data, method, ratio=ratio)
    return caught.value


@BOTH
@pytest.mark.parametrize("piece", [1, 13, 4096, 1 << 20])
def test_streams_in_pieces_of_any_size(method: Compression, compress: Compress, piece: int) -> None:
    text = TEXT[: 5000 if piece < 100 else len(TEXT)]
    assert undo(compress(text), method, piece=piece) == text
    assert undo(compress(text) + compress(b"") + compress(b"more"), method, piece=piece) == text + b"more"
    assert undo(compress(text) + bytes(1000), method, piece=piece) == text


@BOTH
def test_nothing_compressed_is_nothing(method: Compression, compress: Compress) -> None:
    assert undo(compress(b""), method) == b""


@BOTH
def test_many_small_members(method: Compression, compress: Compress) -> None:
    assert undo(compress(b"ab") * 20_000, method) == b"ab" * 20_000


@BOTH
def test_members_are_counted(method: Compression, compress: Compress, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MEMBERS_LIMIT", 5)
    assert undo(compress(b"a") * 5, method) == b"aaaaa"
    assert refused(compress(b"") * 6, method).code == "SM5107"


def test_skippable_frames() -> None:
    assert undo(SKIPPABLE + zstd(b"a") + SKIPPABLE + zstd(b"b") + SKIPPABLE, "zstd") == b"ab"
    assert compression(SKIPPABLE) == "zstd"


def test_gzip_headers_with_all_fields() -> None:
    body = zlib.compressobj(wbits=-15)
    raw = body.compress(b"text") + body.flush()
    tail = zlib.crc32(b"text").to_bytes(4, "little") + (4).to_bytes(4, "little")
    head = b"\x1f\x8b\x08\x1c" + bytes(6) + (3).to_bytes(2, "little") + b"xyz" + b"name\0" + b"comment\0"
    assert undo(head + raw + tail, "gzip") == b"text"


SPOILED: dict[str, Compress] = {
    "cut": lambda data: data[:-1],
    "cut early": lambda data: data[:5],
    "empty": lambda data: b"",
    "zeros": lambda data: bytes(100),
    "byte behind": lambda data: data + b"x",
    "byte behind zeros": lambda data: data + bytes(10) + b"x",
    "member behind zeros": lambda data: data + bytes(10) + data,
    "half a member behind": lambda data: data + data[:10],
    "zeros before": lambda data: bytes(10) + data,
    "byte before": lambda data: b"x" + data,
    "damaged": lambda data: data[:5000] + bytes([data[5000] ^ 0x55]) + data[5001:],
}


@BOTH
@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_broken_streams(method: Compression, compress: Compress, spoil: Compress) -> None:
    error = refused(spoil(compress(TEXT) if method == "gzip" else checked(TEXT)), method)
    assert (error.code, error.subject) == ("SM5106", "layer 0")


def checked(data: bytes) -> bytes:
    """Compress with zstd and a check sum, without which a changed literal is not noticed."""
    import sys

    if sys.version_info >= (3, 14):
        from compression import zstd as library
    else:
        from backports import zstd as library
    return bytes(library.compress(data, options={library.CompressionParameter.checksum_flag: 1}))


@BOTH
def test_a_member_behind_padding_that_comes_in_a_piece_of_its_own(method: Compression, compress: Compress) -> None:
    pieces = [compress(b"one"), bytes(100), compress(b"two")]
    with pytest.raises(ContentError) as caught:
        list(decompress(pieces, method, subject="layer 0", ratio=200))
    assert (caught.value.code, caught.value.got) == ("SM5106", "bytes behind its padding")


@BOTH
def test_a_bomb_is_left_when_it_goes_over_the_ratio(
    method: Compression, compress: Compress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RATIO_FREE", 1 << 20)
    given: list[int] = []
    stream = decompress([compress(bytes(1 << 25))], method, subject="layer 0", ratio=20)
    with pytest.raises(ContentError) as caught:
        given.extend(len(piece) for piece in stream)
    assert caught.value.code == "SM5107"
    assert sum(given) <= 3 << 20


@BOTH
def test_what_is_free_may_have_any_ratio(method: Compression, compress: Compress) -> None:
    assert undo(compress(bytes(1 << 22)), method, ratio=1) == bytes(1 << 22)


@BOTH
def test_pieces_are_bounded(method: Compression, compress: Compress) -> None:
    sizes = [len(piece) for piece in decompress([compress(bytes(10 << 20))], method, subject="x", ratio=200)]
    assert sum(sizes) == 10 << 20
    assert max(sizes) < 2 * CHUNK


def test_a_window_that_needs_too_much_memory_is_refused() -> None:
    frame = (
        b"\x28\xb5\x2f\xfd\x00" + bytes([(28 - 10) << 3]) + b"\x01\x00\x00"
    )  # RFC 8878: window of 2^28 bytes, empty block
    assert refused(frame, "zstd").code == "SM5106"
    assert undo(b"\x28\xb5\x2f\xfd\x00" + bytes([(27 - 10) << 3]) + b"\x01\x00\x00", "zstd") == b""


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (packed(b"x"), "gzip"),
        (zstd(b"x"), "zstd"),
        (SKIPPABLE, "zstd"),
        (b"", "none"),
        (b"\x1f", "none"),
        (b"text", "none"),
    ],
)
def test_magic_numbers(head: bytes, found: str) -> None:
    assert compression(head) == found


def test_gzip_written_by_others_is_read() -> None:
    assert undo(gzip.compress(TEXT, 1), "gzip") == TEXT
