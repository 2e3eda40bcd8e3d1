"""The store on real file systems that are full or read-only, and against a second user of the machine."""

from __future__ import annotations

import os
import subprocess
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

import pytest

from secmount.errors import StorageError
from secmount.local import owned
from secmount.store.cas import Store
from secmount.store.pull import pull
from tests.support.stores import Content, approve, describing, resolution

STRANGER = 65534  # nobody
SMALL, LARGE = b"small" * 100, bytes(4 << 20)

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.getuid() != 0, reason="mounting a tmpfs and becoming another user need root"),
]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    point = tmp_path / "disk"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0755", "secmount-test", point], check=True)
    try:
        yield point
    finally:
        subprocess.run(["umount", "-l", point], check=True)


def as_stranger(task: Callable[[], object]) -> int:
    """Run `task` in a child that has given root up for good; give 0 if it did all it wanted, else its errno or 255."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        os.setgroups([])
        os.setresgid(STRANGER, STRANGER, STRANGER)
        os.setresuid(STRANGER, STRANGER, STRANGER)
        task()
    except OSError as err:
        os._exit(err.errno or 255)
    except BaseException:  # noqa: BLE001 - the child of a fork must not go on as pytest
        traceback.print_exc()
        os._exit(255)
    os._exit(0)


def litter(store: Store) -> list[str]:
    return os.listdir(os.path.join(store.root, "ingest"))


def test_full_disk_while_pulling(disk: Path) -> None:
    source = Content()
    rows = [source.add(SMALL), source.add(LARGE)]
    with Store(str(disk / "store"), uid=0) as store:
        with pytest.raises(StorageError) as caught:
            pull(approve(resolution(rows)), source, store)
        assert caught.value.code == "SM7001"
        assert caught.value.got is not None
        assert "ENOSPC" in caught.value.got
        assert litter(store) == []
        assert store.has(rows[0])
        assert not store.has(rows[1])

        def write(file: BinaryIO) -> None:
            file.write(LARGE)

        with pytest.raises(StorageError) as caught:
            store.derive("unpacked", "key", write)
        assert caught.value.code == "SM7001"
        assert litter(store) == []
        store.put(describing(b"still works"), [b"still works"])


def test_disk_too_full_for_a_store(disk: Path) -> None:
    filler = disk / "filler"
    filler.write_bytes(bytes(1000 << 10))
    with pytest.raises(StorageError) as caught:
        Store(str(disk / "store"), uid=0)
    assert caught.value.code in ("SM7001", "SM7005")
    filler.unlink()
    with Store(str(disk / "store"), uid=0) as store:
        store.put(describing(SMALL), [SMALL])


def test_read_only_disk(disk: Path) -> None:
    with Store(str(disk / "store"), uid=0) as store:
        store.put(describing(SMALL), [SMALL])
    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    with pytest.raises(StorageError) as caught:
        Store(str(disk / "store"), uid=0)
    assert caught.value.code == "SM7002"
    with pytest.raises(StorageError) as caught:
        Store(str(disk / "other"), uid=0)
    assert caught.value.code == "SM7002"


def test_a_stranger_cannot_look_into_the_store(tmp_path: Path) -> None:
    open_up(tmp_path)
    with Store(str(tmp_path / "store"), uid=0) as store:
        store.put(describing(SMALL), [SMALL])
        path = os.path.join(store.root, "blobs", "sha256", describing(SMALL).digest.hex)
    for what in (path, os.path.join(store.root, "state.db"), os.path.join(store.root, "index.json")):
        assert as_stranger(partial(os.open, what, os.O_RDONLY)) == 13
    assert as_stranger(lambda: os.listdir(store.root)) == 13


def test_a_strangers_folder_in_tmp_is_not_believed(tmp_path: Path) -> None:
    shared = open_up(tmp_path) / "shared"
    shared.mkdir()
    shared.chmod(0o1777)

    def prepare() -> None:
        os.mkdir(shared / "theirs", 0o755)
        os.mkdir(shared / "theirs" / "store", 0o755)
        os.symlink("/etc", shared / "link")
        os.symlink(shared / "theirs", shared / "store")

    assert as_stranger(prepare) == 0
    codes = {}
    for name in ("theirs", "theirs/store", "theirs/new", "link/x", "store/store"):
        with pytest.raises(StorageError) as caught:
            os.close(owned.make_directory(str(shared / name), uid=0, what="store"))
        codes[name] = caught.value.code
    assert codes == {
        "theirs": "SM7010",
        "theirs/store": "SM7010",
        "theirs/new": "SM7010",
        "link/x": "SM7012",
        "store/store": "SM7012",
    }
    assert sorted(os.listdir(shared / "theirs")) == ["store"]
    assert not os.path.exists("/etc/x")
    os.close(owned.make_directory(str(shared / "roots"), uid=0, what="store"))
    assert as_stranger(lambda: os.rename(shared / "roots", shared / "moved")) == 1  # sticky: not theirs to move


def test_an_ordinary_user_has_a_store_of_their_own(tmp_path: Path) -> None:
    home = open_up(tmp_path) / "home"
    home.mkdir()
    os.chown(home, STRANGER, STRANGER)

    def use() -> None:
        with Store(str(home / "store"), uid=STRANGER) as store:
            store.put(describing(SMALL), [SMALL])
            with store.open(describing(SMALL).digest) as blob:
                assert blob.pread(blob.size, 0) == SMALL
            left = Path(store.root, "ingest", "complete.part")  # killed before it was renamed: not theirs to write to
            left.write_bytes(SMALL)
            left.chmod(0o400)
        with Store(str(home / "store"), uid=STRANGER):
            assert not left.exists()

    assert as_stranger(use) == 0
    with pytest.raises(StorageError) as caught:  # and root does not take it for its own
        Store(str(home / "store"), uid=0)
    assert caught.value.code == "SM7010"


@pytest.mark.parametrize("area", ["blobs", "derived"])
def test_a_strangers_file_under_a_good_name_is_set_aside(tmp_path: Path, area: str) -> None:
    with Store(str(tmp_path / "store"), uid=0) as store:
        path = Path(store.root, area, "sha256", describing(SMALL).digest.hex)
        path.write_bytes(SMALL)
        path.chmod(0o600)
        os.chown(path, STRANGER, STRANGER)
        with pytest.raises(StorageError) as caught:
            store.open(describing(SMALL).digest)
        assert caught.value.code == "SM7031"
        assert caught.value.got == f"owned by uid {STRANGER}"
        assert not path.exists()


def open_up(tmp_path: Path) -> Path:
    """Let everyone pass through pytest's own folders."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.name.startswith(("pytest-", "test_")) or folder == tmp_path:
            folder.chmod(0o755)
    return tmp_path
