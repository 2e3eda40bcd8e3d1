"""Builds tar archives byte by byte, sound and hostile, without any code of secmount; and artifacts held in a store.

`header` writes exactly what it is told, so that every lie that a header can tell can be told. POSIX.1-1988 ustar,
GNU tar `tar.h`, POSIX.1-2017 pax.
"""

from __future__ import annotations

import gzip
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from secmount.oci import manifest
from secmount.oci.digest import Digest
from secmount.oci.manifest import OCI_MANIFEST, Manifest
from secmount.oci.reference import parse
from secmount.policy import decision
from secmount.policy.decision import Approved, Decision, Obligations, Withheld
from secmount.registry.resolution import Resolution
from secmount.store.cas import Store
from secmount.store.pull import Held, pull
from secmount.tree.build import build
from secmount.tree.dump import walk
from secmount.tree.node import Directory, File, Node, Tree
from tests.support.layouts import OCI_CONFIG, OCI_EMPTY, describe, digest_of, encode
from tests.support.stores import REVISION, Content

BLOCK = 512
END = bytes(2 * BLOCK)
MTIME = 1_700_000_000
POSIX, GNU = b"ustar\x0000", b"ustar  \0"
IMAGE = "application/vnd.oci.image.layer.v1.tar"
TITLE = "org.opencontainers.image.title"
UNPACK = "io.deis.oras.content.unpack"
UNPACKED_DIGEST = "io.deis.oras.content.digest"

Json = dict[str, Any]


def header(
    name: str | bytes,
    *,
    type: bytes = b"0",
    size: int | bytes = 0,
    mode: int | bytes = 0o644,
    mtime: int | bytes = MTIME,
    link: str | bytes = b"",
    magic: bytes = POSIX,
    prefix: bytes = b"",
    owner: bytes = b"0000000\x000000000\0",
    checksum: bytes | None = None,
    tail: bytes = b"",
) -> bytes:
    """Give one header block; numbers given as bytes stand as they are."""
    block = bytearray(BLOCK)
    values: list[tuple[int, int, bytes]] = [
        (0, 100, _raw(name)),
        (100, 8, _number(mode, 8)),
        (108, 16, owner),
        (124, 12, _number(size, 12)),
        (136, 12, _number(mtime, 12)),
        (148, 8, b" " * 8),
        (156, 1, type),
        (157, 100, _raw(link)),
        (257, 8, magic),
        (345, 155, prefix),
        (500, 12, tail),
    ]
    for at, width, value in values:
        assert len(value) <= width, f"{value!r} in {width} bytes"
        block[at : at + len(value)] = value
    block[148:156] = f"{sum(block):06o}\0 ".encode() if checksum is None else checksum
    return bytes(block)


def padded(data: bytes) -> bytes:
    """Fill `data` up to whole blocks."""
    return data + bytes(-len(data) % BLOCK)


def entry(name: str | bytes, data: bytes = b"", **more: Any) -> bytes:
    """Give a file: header, content, padding."""
    return header(name, size=more.pop("size", len(data)), **more) + padded(data)


def folder(name: str | bytes, **more: Any) -> bytes:
    """Give a directory."""
    return header(name, type=b"5", mode=more.pop("mode", 0o755), **more)


def symlink(name: str | bytes, target: str | bytes, **more: Any) -> bytes:
    """Give a symbolic link."""
    return header(name, type=b"2", link=target, **more)


def hardlink(name: str | bytes, target: str | bytes, **more: Any) -> bytes:
    """Give a hard link."""
    return header(name, type=b"1", link=target, **more)


def pax(records: Mapping[str, str | bytes] | bytes, *, type: bytes = b"x") -> bytes:
    """Give a pax header for the entry that follows; bytes stand as they are."""
    body = (
        records if isinstance(records, bytes) else b"".join(_record(key, _raw(value)) for key, value in records.items())
    )
    return entry("PaxHeaders/x", body, type=type)


def long_name(name: str | bytes, *, type: bytes = b"L") -> bytes:
    """Give a GNU long name (`L`) or long link (`K`) for the entry that follows."""
    return entry("././@LongLink", _raw(name) + b"\0", type=type, magic=GNU)


def archive(*parts: bytes, end: bytes = END) -> bytes:
    """Join entries to an archive."""
    return b"".join(parts) + end


def packed(data: bytes) -> bytes:
    """Compress with gzip, the same bytes every time."""
    return gzip.compress(data, mtime=0)


def zstd(data: bytes) -> bytes:
    """Compress with zstd."""
    if sys.version_info >= (3, 14):
        from compression import zstd as module
    else:
        from backports import zstd as module
    return bytes(module.compress(data))


def _raw(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def _number(value: int | bytes, width: int) -> bytes:
    return value if isinstance(value, bytes) else f"{value:0{width - 1}o}\0".encode()


def _record(key: str, value: bytes) -> bytes:
    rest = b" " + key.encode() + b"=" + value + b"\n"
    length = len(rest) + 1
    while len(str(length)) + len(rest) != length:
        length = len(str(length)) + len(rest)
    return str(length).encode() + rest


@dataclass
class Artifact:
    """Layers with their media types and annotations, put together to a manifest, held in a store, built to a tree."""

    root: Path
    config: bytes = b"{}"
    config_type: str = OCI_EMPTY
    artifact_type: str | None = None
    media_type: str = OCI_MANIFEST
    annotations: Mapping[str, str] = field(default_factory=dict)
    layers: list[tuple[Json, bytes]] = field(default_factory=list)

    def put(
        self, data: bytes, media_type: str, annotations: Mapping[str, str] | None = None, **fields: str
    ) -> Artifact:
        """Add a layer with exactly these annotations; `fields` add to its descriptor, or replace what is there."""
        row = {**describe(data, media_type, annotations=dict(annotations or {}) or None), **fields}
        self.layers.append((row, data))
        return self

    def file(self, title: str, data: bytes = b"x", media_type: str = "application/octet-stream") -> Artifact:
        """Add a layer that is one file, named by its title."""
        return self.put(data, media_type, {TITLE: title})

    def image(
        self,
        *layers: bytes,
        diff_ids: Sequence[str] | None = None,
        media_type: str = IMAGE,
        config_type: str = OCI_CONFIG,
        compress: Callable[[bytes], bytes] = bytes,
    ) -> Artifact:
        """Make it an image whose layers unpack to `layers`."""
        for data in layers:
            self.put(compress(data), media_type)
        said = [digest_of(data) for data in layers] if diff_ids is None else list(diff_ids)
        self.config = encode({"architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": said}})
        self.config_type = config_type
        return self

    def resolution(self) -> Resolution:
        """Give what a reference to it would resolve to."""
        document: Json = {"schemaVersion": 2, "mediaType": self.media_type}
        if self.artifact_type is not None:
            document["artifactType"] = self.artifact_type
        document["config"] = describe(self.config, self.config_type)
        document["layers"] = [row for row, _ in self.layers]
        if self.annotations:
            document["annotations"] = dict(self.annotations)
        parsed = manifest.parse(encode(document), expected=self.media_type, subject="test")
        assert isinstance(parsed, Manifest)
        return Resolution(
            parse("ghcr.io/acme/model:v1", cwd="/"), "ghcr.io/acme/model", "asked", parsed, None, None, self.config
        )

    def approved(self, obligations: Obligations | None, withheld: Mapping[int, str]) -> Approved:
        """Approve all layers but those at the positions of `withheld`, which gives their paths."""
        positions = tuple(position for position in range(len(self.layers)) if position not in withheld)
        answer = Decision(
            "01930000-0000-7000-8000-000000000000",
            "allowed",
            "test",
            1,
            REVISION,
            approved=positions,
            withheld=tuple(Withheld(path, "exclude test") for path in withheld.values()),
        )
        return Approved(self.resolution(), answer, obligations or Obligations(), seal=decision._SEAL)

    @contextmanager
    def held(
        self, obligations: Obligations | None = None, withheld: Mapping[int, str] | None = None
    ) -> Iterator[tuple[Held, Store]]:
        """Put it into a store below `root`."""
        source = Content({Digest.parse(row["digest"]): data for row, data in self.layers})
        with Store(str(self.root / "store"), uid=os.getuid()) as store:
            yield pull(self.approved(obligations, withheld or {}), source, store), store

    def tree(
        self, *, obligations: Obligations | None = None, withheld: Mapping[int, str] | None = None, **options: Any
    ) -> Tree:
        """Build its tree; the nodes are there, whatever the store was."""
        with self.held(obligations, withheld) as (held, store):
            tree = build(held, store, **options)
            list(tree.root.entries.values())
            return tree

    def contents(self, tree: Tree) -> dict[str, str | bytes]:
        """Read the tree through the store: a file's bytes, `/` for a directory, `-> target` for a link."""
        with Store(str(self.root / "store"), uid=os.getuid()) as store:
            return {path: _content(node, store) for path, node in walk(tree.root)}


def _content(node: Node, store: Store) -> str | bytes:
    if isinstance(node, Directory):
        return "/"
    if not isinstance(node, File):
        return f"-> {node.target}"
    with store.open(node.extent.blob) as blob:
        data = blob.pread(node.extent.length, node.extent.offset)
    assert digest_of(data) == str(node.digest)
    return data
