"""EROFS mounts as the kernel makes them: every byte, what is forbidden, what findmnt says."""

from __future__ import annotations

import errno
import json
import mmap
import os
import resource
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from secmount.errors import MountError
from secmount.mount import probe
from secmount.mount.backend import Options
from secmount.oci.digest import Digest
from secmount.tree.node import Directory, Extent, File
from tests.property.test_mount_image import PLANS, Grower, expected
from tests.support.mounting import SCRATCH, SOURCE, Stage, descriptors, run, stage
from tests.support.trees import MTIME, Pack, file, folder, link, tree, whole

pytestmark = pytest.mark.root
SIZES = (0, 1, 511, 512, 513, 1023, 4095, 4096, 4097, 65536, (1 << 20) + 7)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path) as made:
        yield made


def noise(size: int, seed: int = 1) -> bytes:
    return bytes((at * 131 + seed * 17 + (at >> 8)) & 255 for at in range(min(size, 4096))) * (size // 4096 + 1)


def test_files_of_every_odd_size_are_the_same(place: Stage) -> None:
    contents = {f"f{size}": noise(size)[:size] for size in SIZES}
    pack, members = Pack(), dict[str, tuple[int, int]]()
    for key, content in contents.items():
        members[key] = pack.add(content)
        place.store.add(content)
    name = place.store.add(bytes(pack.data))
    value = tree(
        folder(
            {
                "whole": folder({key: whole(content) for key, content in contents.items()}),
                "tar": folder({key: file(name, members[key][0], content) for key, content in contents.items()}),
            }
        )
    )
    place.mount(value)
    for part in ("whole", "tar"):
        assert {found.name: found.read_bytes() for found in (place.target / part).iterdir()} == contents
    os.sync()
    for found in (*place.target.rglob("f*"), *place.store.path.iterdir()):
        forget(found)
    for part in ("whole", "tar"):
        assert {found.name: found.read_bytes() for found in (place.target / part).iterdir()} == contents


def forget(path: Path) -> None:
    """Drop a file from the page cache, so that it is read again."""
    with path.open("rb") as opened:
        os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def test_what_stat_says_is_what_the_tree_says(place: Stage) -> None:
    content = noise(700)[:700]
    place.store.add(content)
    one = whole(content, executable=True, mtime=-1_500_000_001)
    value = tree(
        folder(
            {
                "a": one,
                "b\n": one,
                "c": whole(content, mtime=MTIME + 123_456_789),
                "caf\udce9": folder({"hard": one}, mtime=2**40 * 1000),
                "short": link("a"),
                "long": link("x/" * 1500),
            }
        )
    )
    place.mount(value, Options(SOURCE, uid=70_000, gid=12))
    found = {path.name: path.lstat() for path in place.target.iterdir()}
    assert set(os.listdir(os.fsencode(place.target))) == {b"a", b"b\n", b"c", b"caf\xe9", b"short", b"long"}
    assert found["a"].st_ino == found["b\n"].st_ino == (place.target / "caf\udce9" / "hard").stat().st_ino
    assert found["a"].st_ino != found["c"].st_ino
    assert (found["a"].st_nlink, found["c"].st_nlink) == (3, 1)
    assert [stat.filemode(found[name].st_mode) for name in ("a", "c", "caf\udce9", "short")] == [
        "-r-xr-xr-x", "-r--r--r--", "dr-xr-xr-x", "lrwxrwxrwx",
    ]  # fmt: skip
    assert found["a"].st_mtime_ns == -1_500_000_001
    assert found["c"].st_mtime_ns == MTIME + 123_456_789
    assert found["caf\udce9"].st_mtime_ns == 2**40 * 1000
    assert {(info.st_uid, info.st_gid) for info in found.values()} == {(70_000, 12)}
    assert os.readlink(place.target / "long") == "x/" * 1500
    assert (place.target / "short").read_bytes() == content


@given(plan_of=PLANS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_tree_reads_back_through_the_kernel(place: Stage, plan_of: dict[str, object]) -> None:
    grower = Grower()
    root = grower.folder(plan_of)
    value = tree(root)
    blobs = grower.blobs()
    for name, blob in blobs.items():
        place.store.file(name).write_bytes(blob.data)
    mounted = place.mount(value)
    try:
        top = os.fsencode(place.target)
        for path, row in expected(root, grower).items():
            info = os.lstat(os.path.join(top, path))
            assert info.st_mtime_ns == row[2] if row[0] != "directory" else row[1]
            if row[0] == "link":
                assert os.readlink(os.path.join(top, path)) == row[1]
            elif row[0] == "file":
                assert Path(os.fsdecode(os.path.join(top, path))).read_bytes() == row[1]
        listed = sum(len(names) + len(files) for _, names, files in os.walk(top))
        assert listed == len(expected(root, grower)) - 1
    finally:
        place.backend.unmount(mounted, lazy=False)


def test_six_hundred_devices(place: Stage) -> None:
    contents = [noise(512 + number % 600, number)[: 512 + number % 600] for number in range(600)]
    for content in contents:
        place.store.add(content)
    value = tree(folder({f"{number:03}": whole(content) for number, content in enumerate(contents)}))
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    try:
        place.mount(value)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 256
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    for number, content in enumerate(contents):
        assert (place.target / f"{number:03}").read_bytes() == content


def test_a_file_of_more_than_four_gibibytes(place: Stage) -> None:
    size, name = (5 << 30) + 511, Digest.of(b"sparse")
    marks = (0, 1 << 20, (4 << 30) - 3, (4 << 30) + 4096, size - 600, size - 5)
    with place.store.file(name).open("wb") as made:
        made.truncate(size)
        for at in marks:
            made.seek(at)
            made.write(b"mark!")
    value = tree(folder({"big": File(Extent(name, 0, size), name, executable=False, mtime=0, layer=0)}))
    place.mount(value)
    with (place.target / "big").open("rb") as made:
        assert os.fstat(made.fileno()).st_size == size
        for at in marks:
            assert os.pread(made.fileno(), 9, at - 4 if at else 0)[4 if at else 0 :].startswith(b"mark!")
        assert os.pread(made.fileno(), 600, size - 590) == bytes(585) + b"mark!"


def test_nothing_can_be_changed(place: Stage) -> None:
    place.store.add(b"content" * 100)
    place.mount(tree(folder({"f": whole(b"content" * 100), "d": folder({})})))
    top = place.target
    for attempt in (
        lambda: os.open(top / "f", os.O_WRONLY),
        lambda: os.open(top / "f", os.O_RDWR | os.O_TRUNC),
        lambda: os.open(top / "new", os.O_CREAT | os.O_WRONLY),
        lambda: os.mkdir(top / "d" / "new"),
        lambda: os.unlink(top / "f"),
        lambda: os.rename(top / "f", top / "g"),
        lambda: os.chmod(top / "f", 0o777),
        lambda: os.utime(top / "f"),
        lambda: os.setxattr(top / "f", "user.x", b"y"),
        lambda: os.link(top / "f", top / "h"),
    ):
        with pytest.raises(OSError) as caught:
            attempt()
        assert caught.value.errno == errno.EROFS
    run("mount", "-o", "remount,rw", str(top))  # root may ask; the file system has no way to write
    with pytest.raises(OSError) as caught:
        os.open(top / "f", os.O_WRONLY)
    assert caught.value.errno == errno.EROFS


def program(place: Stage) -> Path:
    script = b"#!/bin/sh\necho ran\n"
    place.store.add(script)
    return place.target / "run"


def test_programs_do_not_run(place: Stage) -> None:
    path = program(place)
    mounted = place.mount(tree(folder({"run": whole(b"#!/bin/sh\necho ran\n", executable=True)})))
    assert "noexec" in mounted.enforced
    with pytest.raises(PermissionError):
        subprocess.run([path], check=True)


def test_programs_run_where_rule_and_user_asked_for_it(place: Stage) -> None:
    path = program(place)
    value = tree(folder({"run": whole(b"#!/bin/sh\necho ran\n", executable=True)}))
    mounted = place.mount(value, Options(SOURCE, exec=True))
    assert run(str(path)) == "ran\n"
    assert mounted.enforced == ("ro", "nosuid", "nodev")


def test_no_file_has_a_set_id_bit_or_is_a_device(place: Stage) -> None:
    place.store.add(b"x")
    place.mount(tree(folder({"x": whole(b"x", executable=True)})))
    flags = os.statvfs(place.target).f_flag
    assert flags & os.ST_NOSUID
    assert flags & os.ST_NODEV
    assert stat.S_IMODE((place.target / "x").stat().st_mode) == 0o555


def test_links_are_not_followed_where_that_was_asked(place: Stage) -> None:
    place.store.add(b"x")
    mounted = place.mount(tree(folder({"x": whole(b"x"), "l": link("x")})), Options(SOURCE, nosymfollow=True))
    assert "nosymfollow" in mounted.enforced
    assert os.readlink(place.target / "l") == "x"
    with pytest.raises(OSError) as caught:
        (place.target / "l").read_bytes()
    assert caught.value.errno == errno.ELOOP


def test_findmnt_shows_the_reference_and_what_is_forbidden(place: Stage) -> None:
    source = "oci:/srv/models/a b/é@" + str(Digest.of(b"manifest"))
    mounted = place.mount(tree(folder({})), Options(source))
    (row,) = json.loads(run("findmnt", "-J", str(place.target)))["filesystems"]
    assert (row["source"], row["fstype"], row["target"]) == (source, "erofs", str(place.target))
    assert row["options"].split(",")[:4] == ["ro", "nosuid", "nodev", "noexec"]
    assert run("findmnt", "-n", "-o", "ID", str(place.target)).strip() == str(mounted.mount_id)
    assert source.encode() in subprocess.run(["df", place.target], capture_output=True, check=True).stdout
    place.backend.unmount(mounted, lazy=False)


def test_a_tail_in_a_tar_shows_nothing_of_its_neighbour_through_mmap(place: Stage) -> None:
    content = b"x" * 700
    pack = Pack(fill=b"S")
    offset, _ = pack.add(content)
    pack.data += b"S" * 8192
    name = place.store.add(bytes(pack.data))
    place.mount(tree(folder({"f": file(name, offset, content)})))
    with (place.target / "f").open("rb") as made, mmap.mmap(made.fileno(), 0, prot=mmap.PROT_READ) as view:
        assert view[:] == content
    page = subprocess.run(
        ["python3", "-c", PEEK, str(place.target / "f")], capture_output=True, check=True
    ).stdout  # beyond the end of the file, within its last page
    assert page == content + bytes(4096 - 700)


PEEK = """
import ctypes, mmap, os, sys
handle = os.open(sys.argv[1], os.O_RDONLY)
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
at = libc.mmap(None, ctypes.c_size_t(4096), 1, 1, handle, ctypes.c_long(0))
sys.stdout.buffer.write(ctypes.string_at(at, 4096))
"""


def test_this_kernel_answers_the_probe() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    assert probe.attempt(SCRATCH) in ("fails", "zeros")
    assert probe.attempt(("/proc", "/nowhere")) is None


def test_an_ordinary_user_learns_what_is_missing(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root, to become someone else")
    os.seteuid(65534)
    try:
        reason = probe.reason(state=None, directories=SCRATCH)
    finally:
        os.seteuid(0)
    assert reason is not None
    assert "CAP_SYS_ADMIN" in reason


def test_an_image_is_built_once_and_again_when_it_is_gone(place: Stage) -> None:
    place.store.add(b"x")
    value = tree(folder({"x": whole(b"x")}))
    for _ in range(2):
        place.backend.unmount(place.mount(value), lazy=False)
        assert place.store.writes == 1
    mounted = place.mount(value)
    place.backend.unmount(mounted, lazy=False)
    assert mounted.image is not None
    place.store.file(mounted.image).unlink()
    assert place.mount(value).image == mounted.image
    assert place.store.writes == 2


def test_a_tree_with_the_same_digest_from_other_blobs_gets_an_image_of_its_own(place: Stage) -> None:
    """The digest says what a reader sees; one and the same content may lie in a tar here and alone there."""
    pack = Pack()
    offset, _ = pack.add(b"x" * 512)
    name = place.store.add(bytes(pack.data))
    place.store.add(b"x" * 512)
    alone = tree(folder({"f": whole(b"x" * 512)}))
    packed = replace(tree(folder({"f": file(name, offset, b"x" * 512)})), digest=alone.digest)
    for value in (alone, packed):
        mounted = place.mount(value)
        assert (place.target / "f").read_bytes() == b"x" * 512
        place.backend.unmount(mounted, lazy=False)
    assert place.store.writes == 2


def test_a_store_on_a_file_system_that_cannot_be_mounted_from(place: Stage, tmp_path: Path) -> None:
    shutil.rmtree(place.store.path)
    place.store.path.mkdir()
    run("mount", "-t", "tmpfs", "tmpfs", str(place.store.path))
    content = noise(5000)[:5000]
    place.store.add(content)
    value = tree(folder({"f": whole(content)}))
    mounted = place.mount(value)
    assert (place.target / "f").read_bytes() == content
    place.backend.unmount(mounted, lazy=False)
    nowhere = replace(place.backend, scratch=(str(place.store.path), "/proc"))
    place.backend = nowhere
    with pytest.raises(MountError) as caught:
        place.mount(value)
    assert caught.value.code == "SM6009"
    assert not place.target.exists()


def test_nothing_is_left_behind_by_mounts_that_come_and_go(place: Stage) -> None:
    place.store.add(b"x")
    value = tree(Directory({"x": whole(b"x")}, 0, 0))
    place.backend.unmount(place.mount(value), lazy=False)
    before = descriptors(), len(run("cat", "/proc/self/mountinfo")), os.getcwd()
    for _ in range(5):
        place.backend.unmount(place.mount(value), lazy=False)
    assert (descriptors(), len(run("cat", "/proc/self/mountinfo")), os.getcwd()) == before
