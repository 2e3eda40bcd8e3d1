"""A mount is called mounted only if the kernel shows that very mount, on top, at its place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from secmount.mount.table import Row
from secmount.upkeep.standing import standing
from tests.support.mounts import BOOT, row

ROOT = Row(1, 0, 10, "/", "/", ("rw",), "ext4", "/dev/vda")
OURS = Row(40, 1, 77, "/", "/mnt/models", ("ro",), "erofs", f"ghcr.io/acme/model@{row().manifest}")
MINE = row(phase="mounted", mount_id=40, device=77)


def test_the_mount_itself_stands() -> None:
    assert standing(MINE, (ROOT, OURS), BOOT) == "mounted"
    assert standing(MINE, (ROOT, OURS, replace(ROOT, id=50, parent=1, target="/mnt/models2")), BOOT) == "mounted"


@pytest.mark.parametrize(
    "other",
    [
        replace(OURS, id=41),
        replace(OURS, device=78),
        replace(OURS, fstype="tmpfs"),
        replace(OURS, source="ghcr.io/acme/other@sha256:00"),
    ],
)
def test_another_mount_at_the_same_place_is_not_ours(other: Row) -> None:
    assert standing(MINE, (ROOT, other), BOOT) == "gone"


def test_nothing_outlives_a_restart() -> None:
    assert standing(MINE, (ROOT, OURS), "another boot") == "gone"
    assert standing(MINE, (ROOT,), BOOT) == "gone"


@pytest.mark.parametrize("target", ["/mnt/models", "/mnt", "/"])
def test_a_mount_above_it_covers_it(target: str) -> None:
    over = Row(60, 40 if target == "/mnt/models" else 1, 99, "/", target, ("rw",), "tmpfs", "tmpfs")
    assert standing(MINE, (ROOT, OURS, over), BOOT) == "covered"


def test_a_mount_that_it_stands_on_does_not_cover_it() -> None:
    base = Row(30, 1, 98, "/", "/mnt", ("rw",), "tmpfs", "tmpfs")
    assert standing(MINE, (ROOT, base, replace(OURS, parent=30)), BOOT) == "mounted"


def test_moved_copied_and_unsettled_are_told_apart() -> None:
    assert standing(MINE, (ROOT, replace(OURS, target="/elsewhere")), BOOT) == "moved"
    assert standing(replace(MINE, mount_id=None, backend="copy"), (ROOT,), "another boot") == "copied"
    assert standing(row(phase="intent"), (ROOT, OURS), BOOT) == "unsettled"
