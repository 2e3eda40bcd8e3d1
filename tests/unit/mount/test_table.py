from __future__ import annotations

import os
from dataclasses import replace

import pytest

from secmount.errors import MountError
from secmount.mount import busy, present, table
from secmount.mount.backend import Mounted
from secmount.oci.digest import Digest

SOURCE = "ghcr.io/acme/model@sha256:" + "a" * 64
LINES = (
    b"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n"
    b"43 22 0:40 / /srv/a\\040b\\134c\\012 ro,nosuid,nodev,noexec,relatime - erofs " + SOURCE.encode() + b" ro,acl\n"
    b"44 22 0:41 /x /srv/\xff ro shared:2 master:1 - fuse.secmount oci:/srv/x\\040y@sha256:1 ro\n"
)
OURS = Mounted("/srv/a b\\c\n", "erofs", (), (), 43, os.makedev(0, 40), Digest.of(b""), SOURCE)


def test_the_kernels_escapes_are_undone() -> None:
    first, second, third = table.parse(LINES)
    assert (first.target, first.fstype, first.source) == ("/", "ext4", "/dev/root")
    assert second.target == "/srv/a b\\c\n"
    assert second.options == ("ro", "nosuid", "nodev", "noexec", "relatime")
    assert (second.id, second.parent, second.device) == (43, 22, os.makedev(0, 40))
    assert (third.target, third.root, third.source) == ("/srv/\udcff", "/x", "oci:/srv/x y@sha256:1")


@pytest.mark.parametrize("line", [b"nonsense\n", b"1 2 3:4 / / rw\n", b"x 1 0:1 / / rw - a b c\n"])
def test_what_is_no_table_is_not_read(line: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a line|invalid literal"):
        table.parse(line)


def test_the_root_is_in_the_real_table() -> None:
    handle = os.open("/", os.O_PATH)
    try:
        row = table.by_id(table.mount_id(handle))
    finally:
        os.close(handle)
    assert row is not None
    assert row.target == "/"


def test_our_mount_is_found() -> None:
    row = present.find(OURS, table.parse(LINES))
    assert row is not None
    assert row.id == 43


@pytest.mark.parametrize(
    "other",
    [
        replace(OURS, mount_id=44),
        replace(OURS, device=os.makedev(0, 41)),
        replace(OURS, source=SOURCE.replace("a" * 64, "b" * 64)),
        replace(OURS, backend="overlay"),
        replace(OURS, mount_id=None, target="/srv/other"),
    ],
    ids=["id", "device", "source", "type", "target"],
)
def test_a_mount_that_differs_is_not_ours(other: Mounted) -> None:
    assert present.find(other, table.parse(LINES)) is None


def test_a_mount_without_an_outcome_is_found_by_its_target_and_source() -> None:
    row = present.find(replace(OURS, mount_id=None, device=None), table.parse(LINES))
    assert row is not None
    assert row.id == 43


def test_what_is_not_mounted_cannot_be_unmounted() -> None:
    with pytest.raises(MountError) as caught:
        present.unmount(OURS, lazy=False)
    assert caught.value.code == "SM6030"
    assert caught.value.got == "nothing mounted there"


def test_users_of_a_file_system_are_named(tmp_path: os.PathLike[str]) -> None:
    found = {user.pid: user.command for user in busy.users(os.stat(tmp_path).st_dev)}
    assert os.getpid() in found


def test_nobody_uses_a_file_system_that_is_not() -> None:
    assert list(busy.users(os.makedev(4000, 1))) == []
