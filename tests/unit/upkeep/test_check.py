"""Whatever changed since the approval is found: in the store, in the state, and where it is mounted."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from secmount.mount.table import Row
from secmount.oci.digest import Digest
from secmount.store.tables.mounts import MountRow
from secmount.upkeep import check as checks
from secmount.upkeep.check import Report, check
from tests.support.mounts import BOOT
from tests.unit.upkeep.conftest import PACKED, PROGRAM, WEIGHTS, World


def run(world: World, *, whole: bool = False, row: MountRow | None = None, table: tuple[Row, ...] = ()) -> Report:
    return check(world.store, [row or world.row], table, boot_id=BOOT, whole=whole)


def codes(report: Report) -> list[str]:
    return [finding.code for finding in report.all]


def test_sound_copy_and_store_have_no_findings(world: World) -> None:
    report = run(world, whole=True)
    assert report.all == ()
    (mount,) = report.mounts
    assert mount.standing == "copied"
    assert (mount.files, mount.bytes) == (4, len(WEIGHTS) + len(PROGRAM) + len(PACKED))
    assert report.objects == 7  # manifest, config, three layers, the unpacked one, the list of files


@pytest.mark.parametrize("which", ["weights", "packed", "manifest", "tree"])
def test_changed_object_is_found_and_set_aside(world: World, which: str) -> None:
    digest = {
        "weights": world.weights,
        "packed": world.packed,
        "manifest": world.row.manifest,
        "tree": world.row.tree,
    }[which]
    path = world.path(digest)
    world.harm(digest)
    assert codes(run(world)) == ["SM5001"]
    assert not path.exists()
    assert codes(run(world)) == ["SM7040"]


def test_change_that_freshness_does_not_show_is_found(world: World) -> None:
    world.harm(world.weights)
    info = world.path(world.weights).stat()
    stamp = f"{info.st_dev}:{info.st_ino}:{info.st_size}:{info.st_mtime_ns}:{info.st_ctime_ns}"
    world.store.state.hashes.record("blobs", world.weights, stamp)
    world.store.open(world.weights).close()
    assert codes(run(world)) == ["SM5001"]


def test_object_that_was_not_approved_is_found(world: World) -> None:
    assert codes(run(world, row=replace(world.row, objects=(*world.row.objects, world.withheld)))) == ["SM7045"]


def test_manifest_without_the_approved_layers_is_found(world: World) -> None:
    assert codes(run(world, row=replace(world.row, approved=(0, 9)))) == ["SM5012"]


def test_list_of_files_that_is_none_is_found(world: World) -> None:
    assert codes(run(world, row=replace(world.row, tree=world.weights))) == ["SM5129"]


def harm_bytes(target: Path) -> None:
    (target / "weights").chmod(0o644)
    (target / "weights").write_bytes(WEIGHTS[::-1])
    (target / "weights").chmod(0o444)


def harm_length(target: Path) -> None:
    (target / "a").chmod(0o644)
    (target / "a").write_bytes(b"firs")
    (target / "a").chmod(0o444)


def harm_mode(target: Path) -> None:
    (target / "weights").chmod(0o4555)


def harm_link(target: Path) -> None:
    (target / "bin").chmod(0o755)
    (target / "bin" / "same").unlink()
    (target / "bin" / "same").symlink_to("/bin/sh")


def harm_kind(target: Path) -> None:
    (target / "a").unlink()
    (target / "a").symlink_to("weights")


def harm_pipe(target: Path) -> None:
    (target / "a").unlink()
    os.mkfifo(target / "a")


def harm_more(target: Path) -> None:
    (target / "bin").chmod(0o755)
    (target / "bin" / "more").write_bytes(b"")


def harm_less(target: Path) -> None:
    (target / "bin").chmod(0o755)
    (target / "bin" / "run").unlink()


def harm_folder(target: Path) -> None:
    (target / "empty").rmdir()
    (target / "empty").write_bytes(b"")


@pytest.mark.parametrize(
    ("harm", "path"),
    [
        (harm_bytes, "weights"),
        (harm_length, "a"),
        (harm_mode, "weights"),
        (harm_link, "bin/same"),
        (harm_kind, "a"),
        (harm_pipe, "a"),
        (harm_more, "bin/more"),
        (harm_less, "bin/run"),
        (harm_folder, "empty"),
    ],
)
def test_difference_at_the_target_is_found_by_its_path(world: World, harm: Callable[[Path], None], path: str) -> None:
    harm(world.target)
    (finding,) = run(world).all
    assert finding.code == "SM7043"
    assert finding.subject == f"{world.target}/{path}"
    assert finding.got is not None
    assert finding.want is not None
    assert (finding.want == "5 bytes") == (harm is harm_length)  # which is seen without reading it


@pytest.mark.skipif(os.getuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_found(world: World) -> None:
    (world.target / "weights").chmod(0)
    assert "SM7043" in codes(run(world))


def test_target_that_is_gone_or_a_link_is_found(world: World) -> None:
    world.target.rename(world.target.parent / "moved")
    assert codes(run(world)) == ["SM7041"]
    world.target.symlink_to(world.target.parent / "moved")
    assert codes(run(world)) == ["SM7041"]


def test_mount_that_is_gone_or_covered_is_found_and_its_target_not_read(world: World) -> None:
    row = replace(world.row, mount_id=40, device=7, backend="erofs")
    ours = Row(40, 1, 7, "/", row.target, ("ro",), "erofs", f"{row.name}@{row.manifest}")
    assert codes(run(world, row=row)) == ["SM7041"]
    report = run(world, row=row, table=(ours, replace(ours, id=41, parent=40)))
    assert codes(report) == ["SM7042"]
    assert report.mounts[0].files == 0


def test_folder_that_is_not_in_the_mount_is_found(world: World) -> None:
    row = replace(world.row, mount_id=40, device=7, backend="erofs")
    ours = Row(40, 1, 7, "/", row.target, ("ro",), "erofs", f"{row.name}@{row.manifest}")
    assert codes(run(world, row=row, table=(ours,))) == ["SM7042"]


def test_intent_is_not_called_wrong(world: World) -> None:
    report = run(world, row=replace(world.row, phase="intent"))
    assert report.all == ()
    assert report.mounts[0].standing == "unsettled"


def test_whole_store_is_read(world: World) -> None:
    Path(world.store.root, "blobs", "sha256", "notes.txt").write_bytes(b"")
    Path(world.store.root, "index.json").write_bytes(b"{")
    world.harm(world.withheld)
    report = check(world.store, [], (), boot_id=BOOT, whole=True)
    assert sorted(codes(report)) == ["SM5001", "SM7033", "SM7044"]
    assert report.objects == 6


def test_object_is_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, Digest]] = []
    verify = world.store.verify

    def note(area: str, digest: Digest) -> int | None:
        size = verify(area, digest)  # type: ignore[arg-type]
        if size is not None:
            asked.append((area, digest))
        return size

    monkeypatch.setattr(world.store, "verify", note)
    check(world.store, [world.row, world.row], (), boot_id=BOOT, whole=True)
    assert len(asked) == len(set(asked)) == 7


def test_findings_are_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "FINDINGS_LIMIT", 5)
    for number in range(20):
        (world.target / f"more{number}").write_bytes(b"")
    assert len(run(world).all) == 5
