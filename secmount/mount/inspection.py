"""Whether a mount is what was asked for: looked at before it is put on its directory, and once more in the table."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from secmount.errors import MountError
from secmount.mount import linux
from secmount.mount.image.graph import encoded, to_bytes
from secmount.mount.linux import Attribute
from secmount.mount.table import Row
from secmount.oci.digest import Digest
from secmount.store.blob import Blob
from secmount.tree.node import Directory, File, Tree

_SAMPLES = 4  # files read at their beginning and end
_LOOKED_AT = 256  # inodes among which they are chosen
_BYTES = 4096
_OPTIONS = {  # statvfs f_flag (linux/statfs.h), and the name in mountinfo
    Attribute.RDONLY: (0x1, "ro"),
    Attribute.NOSUID: (0x2, "nosuid"),
    Attribute.NODEV: (0x4, "nodev"),
    Attribute.NOEXEC: (0x8, "noexec"),
    Attribute.NOSYMFOLLOW: (0x2000, "nosymfollow"),
}


def check_flags(root: int, attributes: Attribute) -> None:
    """See that the mount behind `root` is EROFS and forbids what `attributes` say; raise `MountError` SM6006."""
    flags, magic = os.fstatvfs(root).f_flag, linux.magic(root)
    missing = [name for attribute, (bit, name) in _OPTIONS.items() if attribute in attributes and not flags & bit]
    if missing or magic != linux.EROFS_MAGIC:
        want = f"type {linux.EROFS_MAGIC:#x}, {','.join(_names(attributes))}"
        raise MountError("SM6006", got=f"type {magic:#x}, flags {flags:#x}", want=want)


def check_row(row: Row | None, source: str, attributes: Attribute) -> Row:
    """See that the kernel's table says the same of the mount now in place; raise `MountError` SM6006."""
    if row is None:
        raise MountError("SM6006", got="no such mount in /proc/self/mountinfo", want=source)
    missing = [name for attribute, (_, name) in _OPTIONS.items() if attribute in attributes and name not in row.options]
    if missing or row.fstype != "erofs" or row.source != source:
        got = f"{row.fstype} {row.source} {','.join(row.options)}"
        raise MountError("SM6006", subject=row.target, got=got, want=f"erofs {source} {','.join(_names(attributes))}")
    return row


def _names(attributes: Attribute) -> list[str]:
    return [name for attribute, (_, name) in _OPTIONS.items() if attribute in attributes]


def check_content(root: int, tree: Tree, blobs: Mapping[Digest, Blob]) -> None:
    """Compare the names at the root, and the beginning and end of a few files, with the tree.

    The whole is compared by `secmount check`; this finds an image that does not belong to the tree or a blob that
    cannot be read. Raise `MountError` SM6007.
    """
    try:
        names = os.listdir(os.fsencode(f"/proc/self/fd/{root}"))
        if sorted(names) != encoded(tree.root):
            raise MountError("SM6007", subject="/", got=f"{len(names)} names", want=f"{len(tree.root.entries)} names")
        for path, file in tree.sample or _sample(tree.root):
            _compare(root, path, file, blobs[file.extent.blob])
    except OSError as err:
        raise MountError("SM6007", subject=tree.digest.hex, got=err) from err


def _compare(root: int, path: str, file: File, blob: Blob) -> None:
    handle = os.open(to_bytes(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=root)
    try:
        size = os.fstat(handle).st_size
        same = size == file.size
        for offset in (0, max(0, file.size - _BYTES)):
            length = min(_BYTES, file.size - offset)
            same = same and os.pread(handle, length, offset) == blob.pread(length, file.extent.offset + offset)
    finally:
        os.close(handle)
    if not same:
        raise MountError(
            "SM6007", subject=path, got=f"{size} bytes, not the same", want=f"{file.size} bytes of {blob.digest}"
        )


def _sample(root: Directory) -> Iterator[tuple[str, File]]:
    """Choose the largest files among the first that are met."""
    found: list[tuple[str, File]] = []
    pending, seen = [("", root)], 0
    while pending and seen < _LOOKED_AT:
        prefix, directory = pending.pop(0)
        for name, child in directory.entries.items():
            seen += 1
            if seen > _LOOKED_AT:
                break
            if isinstance(child, File) and child.size:
                found.append((prefix + name, child))
            elif isinstance(child, Directory):
                pending.append((f"{prefix}{name}/", child))
    found.sort(key=lambda item: -item[1].size)
    yield from found[:_SAMPLES]
