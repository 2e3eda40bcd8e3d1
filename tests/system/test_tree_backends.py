"""One artifact, mounted by every backend: what is read there is the tree that its digest names."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from secmount.mount import probe
from secmount.mount.backend import Backend, Options
from secmount.mount.copy import CopyBackend
from secmount.mount.erofs import ErofsBackend
from secmount.mount.target import prepare
from secmount.oci.digest import Digest
from secmount.store.cas import Store
from secmount.tree import assemble, unpack
from secmount.tree.build import build
from secmount.tree.dump import Row, dump, parse
from secmount.tree.node import Tree
from tests.support.archives import Artifact
from tests.support.digests import artifact

SCRATCH = ("/var/tmp",)


def backend(name: str, store: Store, root: Path) -> Backend:
    if name == "copy":
        return CopyBackend(str(root / "records"))
    reason = "it needs root" if os.geteuid() else probe.reason(state=None, directories=SCRATCH)
    if reason is not None:
        pytest.skip(f"EROFS cannot be mounted here: {reason}")
    return ErofsBackend(store, None, SCRATCH)


@contextmanager
def mounted(name: str, made: Artifact, root: Path) -> Iterator[tuple[Tree, Path]]:
    with made.held() as (held, store):
        chosen = backend(name, store, root)
        tree = build(held, store)
        with prepare(str(root / "target")) as target:
            mount = chosen.mount(tree, target, Options("test"), store.open)
        try:
            yield tree, root / "target"
        finally:
            chosen.unmount(mount, lazy=False)


def shown(root: Path) -> list[Row]:
    """Read a mounted tree as programs do."""
    rows: list[Row] = []
    for folder, directories, files in os.walk(os.fsencode(root)):
        for found in (*directories, *files):
            path = os.path.join(folder, found)
            info = os.lstat(path)
            name = os.path.relpath(path, os.fsencode(root)).decode("utf-8", "surrogateescape")
            if stat.S_ISLNK(info.st_mode):
                rows.append(Row(name, "l", 0o777, 0, None, os.fsdecode(os.readlink(path))))
            elif stat.S_ISDIR(info.st_mode):
                rows.append(Row(name, "d", 0o555, 0, None, None))
            else:
                with open(path, "rb") as file:
                    content = Digest("sha256", hashlib.file_digest(file, "sha256").hexdigest())
                rows.append(Row(name, "f", stat.S_IMODE(info.st_mode), info.st_size, content, None))
    return rows


def by_path(row: Row) -> str:
    return row.path


@pytest.mark.parametrize("name", ["erofs", "copy"])
def test_what_is_mounted_is_what_the_digest_names(name: str, tmp_path: Path) -> None:
    with mounted(name, artifact(tmp_path), tmp_path) as (tree, target):
        wanted = parse(dump(tree.root))[1:]
        assert sorted(shown(target), key=by_path) == sorted(wanted, key=by_path)
        assert Digest.of(dump(tree.root)) == tree.digest


def test_a_second_mount_makes_no_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = artifact(tmp_path)
    with mounted("erofs", made, tmp_path) as (tree, _):
        first = tree

    def never(request: unpack.Request, store: Store) -> None:
        raise AssertionError(f"{request.subject} of {store.root} was unpacked again")

    monkeypatch.setattr(assemble, "unpack", never)
    with mounted("erofs", made, tmp_path) as (again, target):
        assert again.digest == first.digest
        assert (target / "model/weights.bin").read_bytes() == bytes(range(256)) * 100
