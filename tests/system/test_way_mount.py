"""An EROFS mount by the command line: what findmnt says, two at one folder, what an interrupted one left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from secmount.mount import linux, table
from secmount.mount.erofs import ErofsBackend
from tests.support.command import ROOT, Desk, desk
from tests.support.mounting import unavailable

pytestmark = pytest.mark.root
REF = "oci:models/bert:v1"


@pytest.fixture
def secmount(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    reason = unavailable()
    if reason is not None:
        pytest.skip(f"no EROFS here: {reason}")
    with desk(tmp_path, capsys, monkeypatch) as made:
        yield made
    for row in reversed(at(tmp_path)):
        subprocess.run(["umount", row.target], check=True)


def at(folder: Path) -> list[table.Row]:
    return [row for row in table.rows() if row.target.startswith(f"{folder}/")]


def test_findmnt_shows_what_holds_and_what_was_approved(secmount: Desk) -> None:
    result = secmount.ready().json("mount", REF, "mnt")
    assert result.exit == 0
    found = subprocess.run(["findmnt", "-J", "mnt"], capture_output=True, text=True, check=True)
    row = json.loads(found.stdout)["filesystems"][0]
    assert {"ro", "nosuid", "nodev", "noexec"} <= set(row["options"].split(","))
    assert row["source"] == f"oci:{secmount.folder}/models/bert@{result.document['artifact']['digest']}"
    assert secmount.json("unmount", "mnt").exit == 0 and not at(secmount.folder)


def test_of_two_at_one_folder_one_mounts(secmount: Desk) -> None:
    secmount.ready().json("verify", REF)
    command = [sys.executable, "-m", "secmount", "mount", REF, "mnt", "-q"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) for _ in range(2)]
    ends = sorted(process.wait() for process in both)
    assert ends[0] == 0 and ends[1] in {32, 75}
    assert len(at(secmount.folder)) == 1
    assert secmount.json("unmount", "mnt").exit == 0 and not at(secmount.folder)


@pytest.mark.parametrize("then", ["verify", "unmount"])
def test_an_interrupt_just_after_the_mount_is_settled(
    secmount: Desk, monkeypatch: pytest.MonkeyPatch, then: str
) -> None:
    real = ErofsBackend.mount

    def interrupted(*args: object) -> None:
        real(*args)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ErofsBackend, "mount", interrupted)
        assert secmount.ready().json("mount", REF, "mnt").exit == 130
    assert len(at(secmount.folder)) == 1
    assert secmount.json(*(("verify", REF) if then == "verify" else ("unmount", "mnt"))).exit == 0
    assert not at(secmount.folder) and not Path("mnt").exists()
    assert [row["kind"] for row in secmount.log()].count("mount.failed") == 1


def test_what_another_store_mounted_there_meanwhile_is_not_covered(
    secmount: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = linux.attach

    def slow(root: int, directory: int) -> None:
        monkeypatch.setattr(linux, "attach", real)
        subprocess.run(["mount", "-t", "tmpfs", "theirs", str(secmount.folder / "mnt")], check=True)
        real(root, directory)

    secmount.ready()
    monkeypatch.setattr(linux, "attach", slow)
    result = secmount.json("mount", REF, "mnt")
    assert (result.exit, result.code) == (32, "SM6014")
    assert [row.source for row in at(secmount.folder)] == ["theirs"]
