"""A layout as bytes, piece by piece: the image is never in memory as a whole."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from itertools import pairwise

from secmount.mount.image import superblock
from secmount.mount.image.graph import encoded, to_bytes
from secmount.mount.image.layout import CHUNK, DIRENT, EXTENDED, PLAIN, Layout, dirents, size_of, with_dots
from secmount.oci.digest import Digest
from secmount.tree.node import Directory, File, Symlink

FORMAT = 1  # raised when the same tree gets other bytes
_PIECE = 1 << 20  # bytes
_COMPACT = struct.Struct("<HHHHIIIIHHI")
_EXTENDED = struct.Struct("<HHHHQIIIIqII16x")
_INDEX = struct.Struct("<HHI")  # one chunk: high block bits, device, block
_DIRENT = struct.Struct("<QHBx")
_NO_BLOCK = 0xFFFFFFFF
_ONE_CHUNK = 0x20 | 31  # EROFS_CHUNK_FORMAT_INDEXES, and the largest chunk: 2^31 blocks
_TYPES = {File: 1, Directory: 2, Symlink: 7}
_DIRECTORY_MODE, _LINK_MODE, _FILE_MODE, _PROGRAM_MODE = 0o040555, 0o120777, 0o100444, 0o100555
_SECOND = 1_000_000_000


def emit(layout: Layout) -> Iterator[bytes]:
    """Write the image; raise `MountError` SM6022 if a blob became shorter meanwhile."""
    yield superblock.head(layout)
    yield from _inodes(layout)
    yield from _outside(layout)


def _inodes(layout: Layout) -> Iterator[bytes]:
    """Write inodes with their inline tails, filled up to a whole block."""
    writer = _Inodes(layout)
    slots, piece, begin = layout.slots, bytearray(), 0
    for index, node in enumerate(layout.graph.inodes):
        at = slots[index] << 5
        if gap := at - begin - len(piece):
            piece += bytes(gap)
        if isinstance(node, File):
            piece += writer.file(index, node)
        else:
            piece += writer.inside(index, node)
        if len(piece) >= _PIECE:
            begin += len(piece)
            yield bytes(piece)
            piece.clear()
    piece += bytes(-(begin + len(piece)) % layout.block)
    yield bytes(piece)


class _Inodes:
    """Writes one inode after the other; directories must come in order."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.epoch = layout.epoch
        self.uid, self.gid = layout.owner.uid, layout.owner.gid
        self.forms, self.links = layout.forms, layout.graph.links
        self.blob: Digest | None = None
        self.start = 0  # first block of self.blob
        self.entry = 0  # of the next directory in graph.entries

    def file(self, index: int, node: File) -> bytes:
        extent = node.extent
        size, mode = extent.length, _PROGRAM_MODE if node.executable else _FILE_MODE
        if not size:
            return self._inode(index, mode, 0, _NO_BLOCK, node.mtime)
        if extent.blob is not self.blob:  # neighbours mostly lie in one blob
            self.blob, self.content = extent.blob, self.layout.contents[extent.blob]
            self.start = self.layout.addresses[self.content.device]
        kind, block = self.layout.forms[index] >> 1, extent.offset // self.layout.block
        if kind == PLAIN:
            return self._inode(index, mode, size, self.start + block, node.mtime)
        if kind == CHUNK:
            return self._inode(index, mode, size, _ONE_CHUNK, node.mtime) + _INDEX.pack(
                block >> 32, self.content.device + 1, block
            )
        start = self.start + block if size >= self.layout.block else 0
        return self._inode(index, mode, size, start, node.mtime) + self.content.tail(extent)

    def inside(self, index: int, node: Directory | Symlink) -> bytes:
        layout = self.layout
        start, _ = layout.outside.get(index, (0, 0))
        if isinstance(node, Symlink):
            data = to_bytes(node.target)
            return self._inode(index, _LINK_MODE, len(data), start, node.mtime) + (b"" if start else data)
        names = with_dots(encoded(node))
        size = size_of(names, dirents(names, layout.block), layout.block)
        data = b"" if start else b"".join(_directory(layout, index, node, self.entry))
        self.entry += len(node.entries)
        return self._inode(index, _DIRECTORY_MODE, size, start, node.mtime) + data

    def _inode(self, index: int, mode: int, size: int, start: int, mtime: int) -> bytes:
        form, links = self.forms[index], self.links[index]
        if form & EXTENDED:
            seconds, rest = divmod(mtime, _SECOND)
            return _EXTENDED.pack(form, 0, mode, 0, size, start, index + 1, self.uid, self.gid, seconds, rest, links)
        return _COMPACT.pack(form, 0, mode, links, size, 0, start, index + 1, self.uid, self.gid, 0)


def _outside(layout: Layout) -> Iterator[bytes]:
    """Write the blocks of the directories and links that did not fit behind their inodes."""
    entry, piece = 0, bytearray()
    for index, node in enumerate(layout.graph.inodes):
        if isinstance(node, File):
            continue
        if index in layout.outside:
            for part in (
                _directory(layout, index, node, entry) if isinstance(node, Directory) else [to_bytes(node.target)]
            ):
                piece += part + bytes(-len(part) % layout.block)
                if len(piece) >= _PIECE:
                    yield bytes(piece)
                    piece.clear()
        if isinstance(node, Directory):
            entry += len(node.entries)
    yield bytes(piece)


def _directory(layout: Layout, index: int, node: Directory, entry: int) -> Iterator[bytes]:
    """Write a directory block by block, each as long as it is used."""
    graph, slots = layout.graph, layout.slots
    children = node.entries.values()
    indices = graph.entries[entry : entry + len(children)]
    listed = [(b".", slots[index], 2), (b"..", slots[graph.parents[index]], 2)]
    for name, target, child in zip(encoded(node), indices, children, strict=True):
        listed.append((name, slots[target], _TYPES[type(child)]))
    listed.sort()
    starts = dirents([name for name, _, _ in listed], layout.block)
    for begin, end in pairwise(starts):
        block = listed[begin:end]
        offset, records = DIRENT * len(block), []
        for name, slot, kind in block:
            records.append(_DIRENT.pack(slot, offset, kind))
            offset += len(name)
        yield b"".join(records) + b"".join([name for name, _, _ in block])
