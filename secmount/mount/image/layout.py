"""Where everything in an EROFS image stands: superblock, device table, inodes with inline tails, directory blocks.

The on-disk format is that of fs/erofs/erofs_fs.h in Linux; docs/formats/image.md says which part of it is used and why.
A layout depends only on the tree, the blobs and the owner: the same image everywhere.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping

from secmount.errors import MountError
from secmount.mount.image.content import Content, contents
from secmount.mount.image.graph import Graph, encoded, to_bytes
from secmount.oci.digest import Digest
from secmount.store.blob import Blob
from secmount.tree.node import Directory, File, Node, Symlink, Tree
from secmount.value import dataclass

BLOCK = 512  # bytes, the kernel's smallest: tar members are aligned to it, and an inlined tail is shorter
SUPERBLOCK = 1024  # its offset
DEVICES = SUPERBLOCK + 128  # offset of the device table, one slot of 128 bytes each
DEVICE_LIMIT = 65535  # the superblock counts them in 16 bits
MANY_DEVICES = 500  # from here on the kernel's linear search by address costs more than a chunk index
PLAIN, INLINE, CHUNK = 0, 2, 4  # data layouts
EXTENDED = 1  # an inode of 64 bytes instead of 32
DIRENT = 12  # bytes before the names
_CHUNK_LIMIT = 1 << 31  # blocks that one chunk index covers
_BLOCKS_LIMIT = (1 << 32) - 1  # block addresses of image and devices together are 32 bits
_SAMPLE = 4096  # inodes looked at to find the commonest mtime


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom every inode belongs to."""

    uid: int = 0
    gid: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """A planned image. Lists are by index of the inode; `slots` count 32 bytes from block `meta` on."""

    tree: Tree
    owner: Owner
    block: int
    graph: Graph
    contents: Mapping[Digest, Content]
    epoch: int  # ns; the mtime of every inode of 32 bytes
    forms: bytearray  # data layout << 1 | EXTENDED
    slots: array[int]
    outside: Mapping[int, tuple[int, int]]  # directories and links that are not inline: (first block, blocks)
    meta: int
    blocks: int  # of the image
    addresses: tuple[int, ...]  # first block of each device


def plan(tree: Tree, graph: Graph, held: Mapping[Digest, Blob], owner: Owner, *, block: int = BLOCK) -> Layout:
    """Lay out the image of `tree`, whose inodes are `graph` and whose blobs are `held` open.

    Blocks of another size are for fsck.erofs before 1.8, which knows 4096 only.

    Raise `MountError` SM6020 (a file not on a block boundary), SM6021 (too large), SM6022 (a file outside its blob).
    """
    readers = contents(tree.blobs, held, block)
    if len(readers) > DEVICE_LIMIT:
        raise MountError("SM6021", got=f"{len(readers)} blobs", want=f"at most {DEVICE_LIMIT}")
    planner = _Planner(graph, readers, owner, block, _epoch(graph.inodes))
    planner.run()
    meta = -(-(DEVICES + 128 * len(readers)) // block)
    blocks = meta + -(-planner.position // block)
    outside: dict[int, tuple[int, int]] = {}
    for index, count in planner.outside.items():
        outside[index] = (blocks, count)
        blocks += count
    addresses, end = [], blocks
    for content in readers.values():
        addresses.append(end)
        end += -(-content.blob.size // block)
    if end > _BLOCKS_LIMIT:
        raise MountError("SM6021", got=f"{end * block} bytes", want=f"at most {_BLOCKS_LIMIT * block} bytes")
    return Layout(
        tree, owner, block, graph, readers, planner.epoch, planner.forms, planner.slots, outside, meta, blocks,
        tuple(addresses),
    )  # fmt: skip


def dirents(names: list[bytes], block: int) -> list[int]:
    """Split names of a directory, '.' and '..' among them, into blocks: where each begins, and the end."""
    starts, used = [0], 0
    for index, name in enumerate(names):
        used += DIRENT + len(name)
        if used > block:
            starts.append(index)
            used = DIRENT + len(name)
    starts.append(len(names))
    return starts


def size_of(names: list[bytes], starts: list[int], block: int) -> int:
    """Give the size of a directory: whole blocks, and what the last one uses."""
    last = names[starts[-2] :]
    return (len(starts) - 2) * block + DIRENT * len(last) + sum(map(len, last))


def place(position: int, head: int, tail: int, block: int) -> int:
    """Find the first place from `position` on where an inode's tail of bytes after its head lies in one block."""
    place = position + 31 & ~31
    start = (place + head) % block
    return place if start + tail <= block else place + block - start


def _epoch(inodes: list[Node]) -> int:
    """Choose the time that most inodes have, as far as a look at the first ones tells; the earliest of equals."""
    counted = Counter(node.mtime for node in inodes[:_SAMPLE])
    return min(counted, key=lambda mtime: (-counted[mtime], mtime))


class _Planner:
    """One walk over the inodes."""

    def __init__(self, graph: Graph, readers: dict[Digest, Content], owner: Owner, block: int, epoch: int) -> None:
        self.graph, self.readers, self.block, self.epoch = graph, readers, block, epoch
        self.wide = max(owner.uid, owner.gid) > 0xFFFF
        self.forms = bytearray(len(graph.inodes))
        self.slots = array("Q", bytes(8 * len(graph.inodes)))
        self.outside: dict[int, int] = {}
        self.position = 0
        self.many = len(readers) > MANY_DEVICES
        self.blob: Digest | None = None
        self.reader: Content | None = None

    def run(self) -> None:
        block, epoch, wide = self.block, self.epoch, self.wide
        links, forms, slots = self.graph.links, self.forms, self.slots
        position = 0
        for index, node in enumerate(self.graph.inodes):
            extended = wide or node.mtime != epoch or links[index] > 0xFFFF
            if isinstance(node, File):
                layout, tail = self._file(index, node)
                extended = extended or node.extent.length >> 32 != 0
            else:
                layout, tail = self._inside(index, node)
            head = 64 if extended else 32
            if layout == CHUNK:
                head += 8
            forms[index] = layout << 1 | extended
            at = place(position, head, tail, block) if tail else position + 31 & ~31
            slots[index] = at >> 5
            position = at + head + tail
        self.position = position

    def _file(self, index: int, file: File) -> tuple[int, int]:
        extent = file.extent
        if not extent.length:
            return PLAIN, 0
        if extent.blob is not self.blob or self.reader is None:  # neighbours mostly lie in one blob
            self.blob, self.reader = extent.blob, self.readers.get(extent.blob)
            if self.reader is None:
                raise ValueError(f"the tree does not list blob {extent.blob}")
        try:
            inlined = self.reader.inlined(extent)
        except MountError as err:
            raise MountError(err.code, subject=self.graph.path(index), got=err.got, want=err.want) from err
        if inlined:
            return INLINE, extent.length % self.block
        return (CHUNK if self.many and extent.length <= _CHUNK_LIMIT * self.block else PLAIN), 0

    def _inside(self, index: int, node: Directory | Symlink) -> tuple[int, int]:
        if isinstance(node, Directory):
            names = with_dots(encoded(node))
            starts = dirents(names, self.block)
            size = size_of(names, starts, self.block)
        else:
            size = len(to_bytes(node.target))
        if size < self.block:
            return INLINE, size
        self.outside[index] = -(-size // self.block)
        return PLAIN, 0


def with_dots(names: list[bytes]) -> list[bytes]:
    """Add `.` and `..` where they belong among sorted names."""
    return sorted((b".", b"..", *names))
