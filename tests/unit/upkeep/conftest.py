"""A store that holds one artifact, and a copy of it at a target."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from secmount.mount.backend import Options
from secmount.mount.copy import CopyBackend
from secmount.mount.target import prepare
from secmount.oci.digest import Digest
from secmount.store.cas import Store
from secmount.store.keep import keep
from secmount.store.tables.mounts import MountRow
from secmount.tree import dump
from secmount.tree.node import Directory, Tree
from secmount.trust.evidence import Evidence
from tests.support.memory import memory_folder
from tests.support.mounts import row
from tests.support.stores import describing, resolution
from tests.support.trees import file, folder, link, whole

WEIGHTS, PROGRAM, WITHHELD = b"weights" * 1000, b"#!/bin/sh\n", b"pickle"
PACKED = b"first" + b"second"


@dataclass
class World:
    """`packed` is a derived object; `withheld` was not approved, though another artifact has brought it here."""

    store: Store
    target: Path
    row: MountRow
    tree: Directory
    weights: Digest
    packed: Digest
    withheld: Digest

    def path(self, digest: Digest) -> Path:
        """Where an object lies."""
        paths = [Path(self.store.root, area, digest.algorithm, digest.hex) for area in ("blobs", "derived")]
        return next(path for path in paths if path.exists())

    def harm(self, digest: Digest, data: bytes | None = None) -> None:
        """Change an object in place: same size, other bytes."""
        path = self.path(digest)
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[::-1] if data is None else data)
        path.chmod(0o400)


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder in memory, where flushing is free."""
    with memory_folder() as path:
        yield path


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    layers = [describing(WEIGHTS), describing(PROGRAM), describing(WITHHELD)]
    resolved = resolution(layers)
    packed = Digest.of(PACKED)
    tree = folder(
        {
            "weights": whole(WEIGHTS),
            "bin": folder({"run": whole(PROGRAM, executable=True), "same": link("run")}),
            "a": file(packed, 0, b"first"),
            "o\udcffd": file(packed, 5, b"second"),
            "empty": folder({}),
        }
    )
    with Store(str(tmp_path / "store"), uid=os.getuid()) as store:
        for layer, data in zip(layers, (WEIGHTS, PROGRAM, WITHHELD), strict=True):
            store.put(layer, [data])
        keep(store, resolved, Evidence(resolved.digest))
        store.derive("unpacked", "layer", lambda out: out.writelines([PACKED])).close()
        with store.derive("tree", "key", lambda out: out.writelines([dump.dump(tree)])) as kept:
            digest = kept.digest
        target = tmp_path / "target"
        with prepare(str(target)) as prepared:
            flattened = Tree(tree, digest, 4, 0, (), (), (layers[0].digest, layers[1].digest, packed))
            CopyBackend(str(tmp_path / "copies")).mount(
                flattened, prepared, Options("source", uid=os.getuid(), gid=os.getgid()), store.open
            )
        mounted = row(
            target=str(target),
            manifest=resolved.digest,
            approved=(0, 1),
            tree=digest,
            objects=(layers[0].digest, layers[1].digest, packed),
            backend="copy",
            phase="mounted",
        )
        yield World(store, target, replace(mounted), tree, layers[0].digest, packed, layers[2].digest)
