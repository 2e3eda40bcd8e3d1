"""A file system that is really full: no access is granted, taking away still works, and nothing is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from secmount.errors import StorageError
from secmount.review.verify import verify
from tests.support.logs import Desk, decision, effect

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small tmpfs: needs root")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A log on a file system of 3 MiB."""
    base = tmp_path / "small"
    base.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m,mode=0700", "tmpfs", str(base)], check=True)
    try:
        yield Desk(base)
    finally:
        subprocess.run(["umount", "-l", str(base)], check=True)


def fill(desk: Desk) -> Path:
    """Use up every block."""
    ballast = desk.base / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError as err:
                assert err.errno == 28
    return ballast


def test_on_a_full_disk_nothing_is_granted_and_unmounting_works(desk: Desk) -> None:
    desk.fill(3)
    ballast = fill(desk)
    with desk.open() as log:
        refused = 0
        for number in range(200):
            try:
                log.append(decision(100 + number))
            except StorageError as err:
                assert err.code == "SM7102"
                refused += 1
        assert refused > 190
        for number in range(5):
            assert log.append_essential(effect("unmount", number, target=f"/mnt/{number}")).kept
        ballast.unlink()
        log.append(decision(500))
        rows = [entry.record for entry in log.read(newest_first=False)]
    targets = [row["target"] for row in rows if row["kind"] == "unmount"]
    assert targets == [f"/mnt/{number}" for number in range(5)]
    assert [row["reference"][-6:] for row in rows if row["kind"] == "decision"][-1] == "500:v1"
    with desk.reader() as reader:
        found = verify(reader, full=True)
    assert found.ok and found.anchored, found.problems


def test_a_log_that_cannot_be_begun_grants_nothing(desk: Desk) -> None:
    ballast = fill(desk)
    with desk.open() as log:
        with pytest.raises(StorageError) as caught:
            log.append(decision(1))
        assert caught.value.code == "SM7102"
        ballast.unlink()
        assert log.append(decision(1)).index == 1


def test_a_read_only_file_system_grants_nothing_and_says_that_an_unmount_was_not_recorded(desk: Desk) -> None:
    desk.fill(2)
    subprocess.run(["mount", "-o", "remount,ro", str(desk.base)], check=True)
    with desk.open() as log:
        with pytest.raises(StorageError) as caught:
            log.append(decision(9))
        assert caught.value.code == "SM7101"
        assert not log.append_essential(effect("unmount", 1)).kept
        assert len(list(log.read())) == 3
    with desk.reader() as reader:
        assert verify(reader, full=True).ok
