"""Trees for tests of mounting: a plan of files, and blobs that hold them, as the tree stage would have made them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from secmount.oci.digest import Digest
from secmount.tree.node import Directory, Extent, File, Node, Symlink, Tree
from tests.support.blobs import BytesBlob

MTIME = 1_700_000_000_000_000_000


@dataclass(slots=True)
class Pack:
    """A blob that grows like a tar: every file begins on 512 bytes after a header, padded by `fill`."""

    fill: bytes = b"\0"
    data: bytearray = field(default_factory=bytearray)

    def add(self, content: bytes) -> tuple[int, int]:
        self.data += b"h" * 512
        offset = len(self.data)
        self.data += content + self.fill * (-len(content) % 512)
        return offset, len(content)


def file(blob: Digest, offset: int, content: bytes, *, mtime: int = MTIME, executable: bool = False) -> File:
    return File(Extent(blob, offset, len(content)), Digest.of(content), executable, mtime, 0)


def whole(content: bytes, *, mtime: int = MTIME, executable: bool = False) -> File:
    """A file that is a blob of its own."""
    return file(Digest.of(content), 0, content, mtime=mtime, executable=executable)


def link(target: str, mtime: int = MTIME) -> Symlink:
    return Symlink(target, mtime, 0)


def folder(entries: Mapping[str, Node], mtime: int = MTIME) -> Directory:
    ordered = sorted(entries.items(), key=lambda item: item[0].encode("utf-8", "surrogateescape"))
    return Directory(dict(ordered), mtime, 0)


def tree(root: Directory) -> Tree:
    """Count what is in it; its digest is of the names and contents, enough to tell test trees apart."""
    files = [node for _, node in walk(root) if isinstance(node, File)]
    blobs = tuple(dict.fromkeys(node.extent.blob for node in files if node.size))
    text = "\n".join(
        f"{path!r} {node if isinstance(node, Symlink) else getattr(node, 'digest', '')}" for path, node in walk(root)
    )
    return Tree(root, Digest.of(text.encode()), len(files), sum(node.size for node in files), (), (), blobs)


def walk(root: Directory, prefix: str = "") -> list[tuple[str, Node]]:
    found: list[tuple[str, Node]] = []
    for name, child in root.entries.items():
        found.append((prefix + name, child))
        if isinstance(child, Directory):
            found += walk(child, f"{prefix}{name}/")
    return found


def held(*contents: bytes) -> dict[Digest, BytesBlob]:
    return {Digest.of(content): BytesBlob.of(content) for content in contents}
