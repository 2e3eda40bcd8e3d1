"""Any tree becomes an image that an independent reader reads back as that tree, and each time the same image."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from secmount.mount.image import layout as layouts
from secmount.mount.image.content import filled
from secmount.mount.image.emission import emit
from secmount.mount.image.graph import collect
from secmount.mount.image.layout import Layout, Owner, plan
from secmount.oci.digest import Digest
from secmount.tree.node import Directory, File, Node, Symlink
from tests.support.blobs import BytesBlob
from tests.support.erofs_reader import Reader
from tests.support.trees import Pack, file, folder, link, tree

NAMES = st.binary(min_size=1, max_size=12).filter(lambda n: not set(n) & {0, 0x2F} and n not in (b".", b".."))
LONG = st.integers(1, 255).map(lambda n: b"n" * n)
TEXT = (NAMES | LONG).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
SIZES = st.sampled_from([0, 1, 100, 510, 511, 512, 513, 1024, 1025, 5000]) | st.integers(0, 3000)
TIMES = st.sampled_from([0, 1_700_000_000_000_000_000, -1, -(10**18), 2**62])
FILES = st.tuples(st.just("file"), SIZES, st.integers(0, 3), TIMES, st.booleans())
LINKS = st.tuples(st.just("link"), st.binary(min_size=1, max_size=700).filter(lambda t: 0 not in t), TIMES)
AGAIN = st.tuples(st.just("again"), st.integers(0, 50))
PLANS = st.recursive(
    st.dictionaries(TEXT, FILES | LINKS | AGAIN, max_size=8),
    lambda inner: st.dictionaries(TEXT, FILES | LINKS | AGAIN | inner, max_size=12),
    max_leaves=30,
)


class Grower:
    """Makes the nodes of a plan over four blobs: two padded tars, one tar with dirty padding, one cut at its end."""

    def __init__(self) -> None:
        self.packs = [Pack(), Pack(), Pack(fill=b"\xff"), Pack()]
        self.files: list[File] = []
        self.content: dict[int, bytes] = {}
        self.names = [Digest.of(bytes([number])) for number in range(len(self.packs))]

    def folder(self, entries: dict[str, Any], mtime: int = 5) -> Directory:
        return folder({name: self.node(what) for name, what in entries.items()}, mtime)

    def node(self, what: Any) -> Node:  # a dict, or a tuple of FILES, LINKS, AGAIN
        if isinstance(what, dict):
            return self.folder(what)
        if what[0] == "link":
            return link(what[1].decode("utf-8", "surrogateescape"), what[2])
        if what[0] == "again" and self.files:
            return self.files[int(what[1]) % len(self.files)]
        _, size, number, mtime, executable = what if what[0] == "file" else ("file", 3, 0, 1, False)
        data = bytes((size + at * 7) % 255 + 1 for at in range(min(size, 600))).ljust(size, b"z")
        offset, _ = self.packs[number].add(data)
        made = file(self.names[number], offset, data, mtime=mtime, executable=executable)
        self.files.append(made)
        self.content[id(made)] = data
        return made

    def blobs(self) -> dict[Digest, BytesBlob]:
        self.packs[3].data = bytearray(bytes(self.packs[3].data).rstrip(b"\0"))
        return {name: BytesBlob(name, bytes(pack.data)) for name, pack in zip(self.names, self.packs, strict=True)}


def expected(root: Directory, grower: Grower, path: bytes = b"") -> dict[bytes, tuple[Any, ...]]:
    found: dict[bytes, tuple[Any, ...]] = {path: ("directory", root.mtime)}
    for name, child in root.entries.items():
        raw = name.encode("utf-8", "surrogateescape")
        below = path + b"/" + raw if path else raw
        if isinstance(child, Directory):
            found |= expected(child, grower, below)
        elif isinstance(child, Symlink):
            found[below] = ("link", child.target.encode("utf-8", "surrogateescape"), child.mtime)
        else:
            found[below] = ("file", grower.content[id(child)], child.mtime, child.executable, id(child))
    return found


def read(image: bytes, blobs: list[bytes], owner: Owner) -> dict[bytes, tuple[Any, ...]]:
    found: dict[bytes, tuple[Any, ...]] = {}
    for item in Reader(image, blobs).walk():
        node = item.inode
        assert (node.uid, node.gid) == (owner.uid, owner.gid)
        if node.mode == 0o040555:
            found[item.path] = ("directory", node.mtime)
        elif node.mode == 0o120777:
            found[item.path] = ("link", item.content, node.mtime)
        else:
            assert node.mode in (0o100444, 0o100555)
            found[item.path] = ("file", item.content, node.mtime, node.mode == 0o100555, node.nid)
    return found


def check(plan_of: dict[str, Any], owner: Owner) -> None:
    grower = Grower()
    value = tree(grower.folder(plan_of))
    held = grower.blobs()

    def lay() -> Layout:
        return plan(value, collect(value.root), held, owner)

    pieces = list(emit(lay()))
    image = b"".join(pieces)
    got = read(image, [held[name].data for name in filled(value.blobs, held)], owner)
    want = expected(value.root, grower)
    assert {path: row[:4] for path, row in got.items()} == {path: row[:4] for path, row in want.items()}
    inodes: dict[int, set[int]] = {}
    for path, row in want.items():
        if row[0] == "file":
            inodes.setdefault(row[4], set()).add(got[path][4])
    assert all(len(nids) == 1 for nids in inodes.values())  # names of one value share an inode
    assert len({nid for nids in inodes.values() for nid in nids}) == len(inodes)  # and others do not
    assert b"".join(emit(lay())) == image


@given(PLANS, st.sampled_from([Owner(), Owner(1000, 1000), Owner(70000, 1)]))
@settings(max_examples=80, deadline=None)
def test_an_image_reads_back_as_its_tree(plan_of: dict[str, Any], owner: Owner) -> None:
    check(plan_of, owner)


@given(PLANS)
@settings(max_examples=40, deadline=None)
def test_an_image_of_many_devices_reads_back_as_its_tree(plan_of: dict[str, Any]) -> None:
    many = layouts.MANY_DEVICES
    layouts.MANY_DEVICES = 0  # what holds for five hundred blobs is shown with four
    try:
        check(plan_of, Owner())
    finally:
        layouts.MANY_DEVICES = many
