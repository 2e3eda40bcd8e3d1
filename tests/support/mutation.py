"""Sound archives, and what becomes of them when bytes are changed: for properties, soak and fuzzing."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import strategies as st

from secmount.oci.digest import Digest
from secmount.oci.layer import Compression
from secmount.tree import links
from secmount.tree.archive.decompress import compression, decompress
from secmount.tree.archive.entry import Entry, Layer, Note
from secmount.tree.archive.tar import walk
from secmount.tree.dump import dump
from secmount.tree.dump import walk as nodes
from secmount.tree.flatten import flatten
from secmount.tree.limits import Limits
from secmount.tree.node import Directory, Symlink
from tests.support.archives import (
    BLOCK,
    GNU,
    archive,
    entry,
    folder,
    hardlink,
    long_name,
    packed,
    pax,
    symlink,
    zstd,
)

SMALL = Limits(entries=2000, names=1 << 20, unpacked=1 << 20, ratio=50)
BLOB = Digest.of(b"layer")

SEEDS: tuple[bytes, ...] = (
    archive(folder("d/"), entry("d/a", b"content" * 50), symlink("d/l", "a"), hardlink("d/h", "d/a")),
    archive(pax({"path": "long/" * 30 + "name", "mtime": "1.5"}), entry("x", b"1"), entry("y", b"2", mode=0o4755)),
    archive(long_name("n" * 120), entry("n", b"3", magic=GNU), long_name("t" * 120, type=b"K"), symlink("s", "t")),
    archive(entry("name", b"4", prefix=b"some/prefix"), pax({"linkpath": "some/prefix/name"}), hardlink("h", "x")),
    archive(folder("etc/"), entry("etc/a", b"5"), entry("etc/.wh.b"), entry("etc/.wh..wh..opq"), symlink("l", "etc")),
    archive(symlink("l", "etc"), entry("l/c", b"6"), folder("etc/"), hardlink("m", "l")),
    archive(*(entry(f"f{n}", bytes([n]) * n) for n in range(12))),
)
STREAMS: tuple[tuple[bytes, Compression], ...] = (
    *((seed, "none") for seed in SEEDS),
    *((packed(seed), "gzip") for seed in SEEDS[:3]),
    *((zstd(seed), "zstd") for seed in SEEDS[:3]),
    (packed(SEEDS[0][:1024]) + packed(SEEDS[0][1024:]) + bytes(512), "gzip"),
)


def judge(data: bytes, *, image: bool) -> tuple[list[Entry], Directory]:
    """Take one layer from bytes to a tree, as the stage does; raise what it raises."""
    method, notes = compression(data[:BLOCK]), list[Note]()
    pieces: Iterable[bytes] = [data]
    if method != "none":
        pieces = decompress(pieces, method, subject="layer 0", ratio=SMALL.ratio)
    entries = list(walk(pieces, subject="layer 0", limits=SMALL, notes=notes))
    root = flatten([Layer(0, BLOB, entries, image, tuple(notes))]).root
    links.check(root, [(path, node) for path, node in nodes(root) if isinstance(node, Symlink)])
    dump(root)
    return entries, root


def rehead(data: bytes) -> bytes:
    """Give every block that looks like a header the check sum that it should have, so that changes get past it."""
    blocks = [bytearray(data[at : at + BLOCK]) for at in range(0, len(data), BLOCK)]
    for block in blocks:
        if block[257:262] == b"ustar" and len(block) == BLOCK:
            block[148:156] = b" " * 8
            block[148:156] = f"{sum(block):06o}\0 ".encode()
    return b"".join(blocks)


INTERESTING = [
    b"..",
    b"/",
    b"\0",
    b"\\",
    b"./",
    b".wh.",
    b"\xff",
    b"\x80",
    b"7",
    b"1",
    b"2",
    b"5",
    b"L",
    b"x",
    b"8",
    b" ",
    b"-",
]


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """Give one of STREAMS with some bytes changed, cut out, repeated or put in."""
    data, method = draw(st.sampled_from(STREAMS))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(["set", "interesting", "cut", "insert", "repeat", "field"]))
        if kind == "set":
            data = data[:at] + draw(st.binary(min_size=1, max_size=4)) + data[at + 1 :]
        elif kind == "interesting":
            text = draw(st.sampled_from(INTERESTING))
            data = data[:at] + text + data[at + len(text) :]
        elif kind == "field":
            # the start of a header field of some block: where a change means something
            at = at // BLOCK * BLOCK + draw(st.sampled_from([0, 100, 108, 124, 136, 156, 157, 257, 345, 500]))
            text = draw(st.sampled_from(INTERESTING) | st.binary(min_size=1, max_size=12))
            data = data[:at] + text + data[at + len(text) :]
        elif kind == "cut":
            data = data[:at] + data[at + draw(st.sampled_from([1, 7, BLOCK, 3 * BLOCK])) :]
        elif kind == "insert":
            data = data[:at] + draw(st.binary(max_size=16) | st.just(bytes(BLOCK))) + data[at:]
        else:
            start = at // BLOCK * BLOCK
            data = data[:at] + data[start : start + draw(st.sampled_from([BLOCK, 3 * BLOCK]))] + data[at:]
    return rehead(data) if method == "none" and draw(st.booleans()) else data
