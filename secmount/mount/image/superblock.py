"""The superblock and the device table of an EROFS image: struct erofs_super_block, struct erofs_deviceslot."""

from __future__ import annotations

import struct

from secmount.mount.image.layout import CHUNK, DEVICES, SUPERBLOCK, Layout

MAGIC = 0xE0F5E1E2
_CHECKSUM, _MTIME = 1, 2  # feature_compat
_CHUNKED, _DEVICE_TABLE = 4, 8  # feature_incompat
_NAME = b"secmount"  # volume name, shown by blkid
_POLYNOMIAL = 0x82F63B78  # CRC-32C (RFC 3720), reflected
_SUPER = struct.Struct("<IIIBBHQQIIII16s16sIHHH38x")
_SLOT = struct.Struct("<64sII56x")


def head(layout: Layout) -> bytes:
    """Write what stands before the first inode, whole blocks."""
    data = bytearray(layout.meta * layout.block)
    _SUPER.pack_into(
        data,
        SUPERBLOCK,
        MAGIC,
        0,
        _CHECKSUM | _MTIME,
        layout.block.bit_length() - 1,
        0,
        layout.slots[0],
        len(layout.graph.inodes),
        layout.epoch // 1_000_000_000 & 0xFFFFFFFFFFFFFFFF,
        layout.epoch % 1_000_000_000,
        layout.blocks,
        layout.meta,
        0,
        bytes.fromhex(layout.tree.digest.hex)[:16],
        _NAME,
        _features(layout),
        0,
        len(layout.addresses),
        DEVICES // 128 if layout.addresses else 0,
    )
    for number, (content, address) in enumerate(zip(layout.contents.values(), layout.addresses, strict=True)):
        blocks = -(-content.blob.size // layout.block)
        tag = content.blob.digest.hex[:64].encode()
        _SLOT.pack_into(data, DEVICES + 128 * number, tag, blocks, address)
    covered = layout.block - SUPERBLOCK if layout.block > SUPERBLOCK else layout.block
    struct.pack_into("<I", data, SUPERBLOCK + 4, crc32c(data[SUPERBLOCK : SUPERBLOCK + covered]))
    return bytes(data)


def crc32c(data: bytes | bytearray) -> int:
    """Compute CRC-32C as EROFS does: begun with ones, not inverted at the end. For a few blocks at most."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc


def _features(layout: Layout) -> int:
    chunked = any(form >> 1 == CHUNK for form in set(layout.forms))
    return (_CHUNKED if chunked else 0) | (_DEVICE_TABLE if layout.addresses else 0)
