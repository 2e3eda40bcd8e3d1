"""An EROFS reader for tests, written from erofs_fs.h and the kernel's lookup, sharing nothing with the writer.

It is stricter than the kernel: what does not hang together raises `BrokenError`. Blobs are given as bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PLAIN, INLINE, CHUNKED = 0, 2, 4
TYPES = {0o100000: 1, 0o040000: 2, 0o120000: 7}


class BrokenError(Exception):
    """The image contradicts itself."""


@dataclass(frozen=True, slots=True)
class Inode:
    nid: int
    mode: int
    size: int
    links: int
    uid: int
    gid: int
    mtime: int  # ns
    number: int
    layout: int
    raw: int  # i_u
    length: int  # 32 or 64
    data: int  # offset of what follows it


@dataclass(frozen=True, slots=True)
class Found:
    path: bytes
    inode: Inode
    content: bytes | None  # of a file or link


class Reader:
    def __init__(self, image: bytes, blobs: Sequence[bytes] = ()) -> None:
        self.image, self.blobs = image, blobs
        self.base = 1024
        self._superblock()
        self.devices = list(self._devices())

    def number(self, at: int, length: int, *, signed: bool = False) -> int:
        piece = self.image[at : at + length]
        if len(piece) != length:
            raise BrokenError(f"nothing at {at}")
        return int.from_bytes(piece, "little", signed=signed)

    def _superblock(self) -> None:
        at = self.base
        if self.number(at, 4) != 0xE0F5E1E2:
            raise BrokenError("magic")
        self.bits = self.number(at + 12, 1)
        self.block = 1 << self.bits
        if not 9 <= self.bits <= 12 or len(self.image) % self.block:
            raise BrokenError("block size")
        end = at + (self.block if self.block <= 1024 else self.block - 1024)
        covered = bytearray(self.image[at:end])
        covered[4:8] = bytes(4)
        if self.number(at + 4, 4) != crc(bytes(covered)):
            raise BrokenError("checksum")
        self.root = self.number(at + 14, 2)
        self.inodes = self.number(at + 16, 8)
        self.epoch = self.number(at + 24, 8, signed=True) * 10**9 + self.number(at + 32, 4)
        self.blocks = self.number(at + 36, 4)
        self.meta = self.number(at + 40, 4) * self.block
        self.uuid = self.image[at + 48 : at + 64]
        self.features = self.number(at + 80, 4)
        self.extra = self.number(at + 86, 2)
        self.table = self.number(at + 88, 2) * 128
        if self.features & ~0xC:
            raise BrokenError("unknown features")
        if self.blocks * self.block != len(self.image):
            raise BrokenError("length")

    def _devices(self) -> Iterator[tuple[int, int, bytes]]:
        """Give first block, blocks and tag of each device."""
        if bool(self.extra) != bool(self.features & 8) or self.extra != len(self.blobs):
            raise BrokenError("device count")
        free = self.blocks
        for number in range(self.extra):
            at = self.table + 128 * number
            if at + 128 > self.meta:
                raise BrokenError("device table reaches into the inodes")
            blocks, first = self.number(at + 64, 4), self.number(at + 68, 4)
            if first < free or any(self.image[at + 72 : at + 128]):
                raise BrokenError("device addresses overlap")
            if blocks != -(-len(self.blobs[number]) // self.block):
                raise BrokenError("device size")
            free = first + blocks
            yield first, blocks, self.image[at : at + 64]

    def inode(self, nid: int) -> Inode:
        at = self.meta + 32 * nid
        form = self.number(at, 2)
        if form >> 4 or self.number(at + 2, 2):
            raise BrokenError("inode form")
        layout, mode = form >> 1 & 7, self.number(at + 4, 2)
        if layout not in (PLAIN, INLINE, CHUNKED):
            raise BrokenError("inode layout")
        if form & 1:
            if self.number(at + 6, 2):
                raise BrokenError("48-bit address")
            mtime = self.number(at + 32, 8, signed=True) * 10**9 + self.number(at + 40, 4)
            owner = self.number(at + 24, 4), self.number(at + 28, 4)
            return Inode(
                nid, mode, self.number(at + 8, 8), self.number(at + 44, 4), *owner, mtime, self.number(at + 20, 4),
                layout, self.number(at + 16, 4), 64, at + 64,
            )  # fmt: skip
        owner = self.number(at + 24, 2), self.number(at + 26, 2)
        if at // self.block != (at + 31) // self.block:
            raise BrokenError("a short inode over two blocks")
        return Inode(
            nid, mode, self.number(at + 8, 4), self.number(at + 6, 2), *owner, self.epoch, self.number(at + 20, 4),
            layout, self.number(at + 16, 4), 32, at + 32,
        )  # fmt: skip

    def content(self, inode: Inode) -> bytes:
        return b"".join(self._pieces(inode))

    def _pieces(self, inode: Inode) -> Iterator[bytes]:
        tail = inode.size % self.block if inode.layout == INLINE else 0
        if inode.layout == CHUNKED:
            if inode.raw != 0x3F or not self.features & 4:
                raise BrokenError("chunk format")
            at = inode.data + 7 & ~7
            device, first = self.number(at + 2, 2), self.number(at + 4, 4)
            if self.number(at, 2) or not 1 <= device <= self.extra:
                raise BrokenError("chunk index")
            yield self._device(device - 1, first * self.block, inode.size)
        elif inode.size - tail:
            yield self._mapped(inode.raw, inode.size - tail)
        if tail:
            if inode.data // self.block != (inode.data + tail - 1) // self.block:
                raise BrokenError("a tail over two blocks")
            yield self.image[inode.data : inode.data + tail]

    def _mapped(self, first: int, length: int) -> bytes:
        """Read by address in the space of image and devices together."""
        if first < self.blocks:
            at = first * self.block
            if at + length > len(self.image):
                raise BrokenError("beyond the image")
            return self.image[at : at + length]
        for number, (begin, blocks, _) in enumerate(self.devices):
            if begin <= first < begin + blocks:
                return self._device(number, (first - begin) * self.block, length)
        raise BrokenError("in no device")

    def _device(self, number: int, at: int, length: int) -> bytes:
        whole = -(-length // self.block) * self.block
        blob = self.blobs[number]
        if at + whole > len(blob):
            raise BrokenError("the last block reaches beyond the blob")
        if any(blob[at + length : at + whole]):
            raise BrokenError("the last block shows a neighbour's bytes")
        return blob[at : at + length]

    def entries(self, inode: Inode) -> list[tuple[bytes, int, int]]:
        """Give name, nid and type of each entry, in order."""
        data, found = self.content(inode), list[tuple[bytes, int, int]]()
        for start in range(0, len(data), self.block):
            block = data[start : start + self.block]
            first = int.from_bytes(block[8:10], "little")
            if first % 12 or not first:
                raise BrokenError("directory block")
            offsets = [int.from_bytes(block[at + 8 : at + 10], "little") for at in range(0, first, 12)] + [len(block)]
            for number in range(first // 12):
                begin, end = offsets[number], offsets[number + 1]
                name = block[begin:end]
                if number == first // 12 - 1:
                    name = name.split(b"\0", 1)[0]
                if not 1 <= len(name) <= 255 or b"\0" in name or b"/" in name:
                    raise BrokenError("name")
                entry = block[12 * number : 12 * number + 12]
                found.append((name, int.from_bytes(entry[:8], "little"), entry[10]))
        names = [name for name, _, _ in found]
        if names != sorted(set(names)):
            raise BrokenError("names out of order")
        return found

    def walk(self) -> Iterator[Found]:
        """Give everything below the root, and check that inodes, links and types agree."""
        links, numbers, children = dict[int, int](), dict[int, int](), dict[int, int]()
        pending = [(b"", self.root, self.root)]
        while pending:
            path, nid, parent = pending.pop()
            inode = self.inode(nid)
            links[nid] = links.get(nid, 0) + 1
            numbers[inode.number] = nid
            if inode.mode & 0o170000 != 0o040000:
                yield Found(path, inode, self.content(inode))
                continue
            listed = {name: (child, kind) for name, child, kind in self.entries(inode)}
            if listed.pop(b".") != (nid, 2) or listed.pop(b"..") != (parent, 2):
                raise BrokenError("dots")
            yield Found(path, inode, None)
            children[nid] = sum(kind == 2 for _, kind in listed.values())
            for name, (child, kind) in listed.items():
                if kind != TYPES.get(self.inode(child).mode & 0o170000):
                    raise BrokenError("type in the directory")
                pending.append((path + b"/" + name if path else name, child, nid))
        for nid, count in links.items():
            inode = self.inode(nid)
            if inode.links != (2 + children[nid] if nid in children else count):
                raise BrokenError("link count")
        if len(numbers) != len(links) or len(links) != self.inodes:
            raise BrokenError("inode numbers")


def crc(data: bytes) -> int:
    """CRC-32C by table, begun with ones and not inverted."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ 0x82F63B78 * (value & 1)  # noqa: PLW2901
        table.append(value)
    state = 0xFFFFFFFF
    for byte in data:
        state = state >> 8 ^ table[(state ^ byte) & 255]
    return state
