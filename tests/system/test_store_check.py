"""`check` on a real mount: bytes that change behind the kernel's back are found, and so is what hides the mount."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from secmount.local.boot import boot_id
from secmount.mount import table
from secmount.mount.backend import Options
from secmount.mount.erofs import ErofsBackend
from secmount.mount.target import prepare
from secmount.oci.digest import Digest
from secmount.store.cas import Store
from secmount.store.keep import keep
from secmount.store.tables.mounts import MountRow
from secmount.tree import dump
from secmount.tree.node import Tree
from secmount.trust.evidence import Evidence
from secmount.upkeep.check import Report, check
from tests.support.mounts import row
from tests.support.stores import describing, resolution
from tests.support.trees import folder, whole

WEIGHTS = os.urandom(3 << 20)
DIGEST = Digest.of(WEIGHTS)

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.getuid() != 0, reason="mounting needs root"),
]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(str(tmp_path / "store"), uid=0) as opened:
        yield opened


@contextmanager
def mounting(store: Store, tmp_path: Path) -> Iterator[MountRow]:
    """Mount one file of 3 MiB."""
    backend = ErofsBackend(store, state=None, scratch=(str(tmp_path),))
    reason = backend.probe()
    if reason is not None:
        pytest.skip(reason)
    resolved = resolution([describing(WEIGHTS)])
    store.put(describing(WEIGHTS), [WEIGHTS])
    keep(store, resolved, Evidence(resolved.digest))
    root = folder({"weights": whole(WEIGHTS)})
    with store.derive("tree", "key", lambda out: out.writelines([dump.dump(root)])) as listed:
        tree = Tree(root, listed.digest, 1, len(WEIGHTS), (), (), (DIGEST,))
    begun = row(manifest=resolved.digest, approved=(0,), tree=tree.digest, objects=(DIGEST,), boot_id=boot_id())
    with prepare(str(tmp_path / "mnt")) as target:
        mounted = backend.mount(tree, target, Options(f"{begun.name}@{begun.manifest}"), store.open)
    try:
        assert mounted.image is not None
        yield replace(
            begun,
            phase="mounted",
            target=mounted.target,
            mount_id=mounted.mount_id,
            device=mounted.device,
            objects=(DIGEST, mounted.image),
        )
    finally:
        backend.unmount(mounted, lazy=True)


def checked(store: Store, mounted: MountRow) -> Report:
    return check(store, [mounted], table.rows(), boot_id=boot_id(), whole=False)


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.all]


def test_sound_mount(store: Store, tmp_path: Path) -> None:
    with mounting(store, tmp_path) as mounted:
        report = checked(store, mounted)
        assert report.all == ()
        assert report.mounts[0].standing == "mounted"
        assert report.mounts[0].bytes == len(WEIGHTS)
        assert report.objects == 4
    assert codes(checked(store, mounted)) == ["SM7041"]


def test_blob_changed_behind_the_mount(store: Store, tmp_path: Path) -> None:
    with mounting(store, tmp_path) as mounted:
        assert checked(store, mounted).all == ()  # every page is cached now
        path = Path(store.root, "blobs", "sha256", DIGEST.hex)
        path.chmod(0o600)
        with path.open("r+b") as file:
            file.seek(1 << 20)
            file.write(bytes(4096))
        path.chmod(0o400)
        assert codes(checked(store, mounted)) == ["SM5001", "SM7043"]
        assert codes(checked(store, mounted)) == ["SM7040", "SM7043"]  # set aside; the mount still reads it


def test_another_mount_over_it(store: Store, tmp_path: Path) -> None:
    with mounting(store, tmp_path) as mounted:
        subprocess.run(["mount", "-t", "tmpfs", "secmount-test", mounted.target], check=True)
        try:
            assert codes(checked(store, mounted)) == ["SM7042"]
        finally:
            subprocess.run(["umount", mounted.target], check=True)
        assert checked(store, mounted).all == ()
