"""The folder of a store is its owner's alone, holds no links, and is never somebody's documents."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from secmount.errors import ContentError, StorageError
from secmount.store.cas import Store
from tests.unit.store.conftest import UID
from tests.unit.store.samples import DATA, WANTED, Litter, PathOf, plant, read


def test_store_is_its_owners_alone(store: Store) -> None:
    for folder, _, names in os.walk(store.root):
        assert os.stat(folder).st_mode & 0o777 == 0o700
        for name in names:
            assert os.stat(os.path.join(folder, name)).st_mode & 0o077 == 0


@pytest.mark.parametrize("name", [".", "..", "blobs", "blobs/sha256", "derived/sha256", "ingest", "locks", "state.db"])
def test_store_that_others_may_write_to_is_refused(store: Store, name: str) -> None:
    store.close()
    path = Path(store.root, name)
    path.chmod(path.stat().st_mode | 0o020)
    with pytest.raises(StorageError) as caught:
        Store(store.root, uid=UID)
    assert caught.value.code == "SM7011"


@pytest.mark.parametrize(
    "name", ["blobs", "blobs/sha256", "derived", "ingest", "locks", "state.db", "index.json", "oci-layout"]
)
def test_link_inside_the_store_is_not_followed(store: Store, tmp_path: Path, name: str) -> None:
    store.close()
    path = Path(store.root, name)
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError) as caught:
        Store(store.root, uid=UID)
    assert caught.value.code in ("SM7012", "SM7013")


def test_folder_of_other_things_does_not_become_a_store(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    tmp_path.chmod(0o700)
    with pytest.raises(StorageError) as caught:
        Store(str(tmp_path), uid=UID)
    assert caught.value.code == "SM7032"
    assert os.listdir(tmp_path) == ["thesis.txt"]


@pytest.mark.parametrize("mark", [b"", b"{}", b'{"imageLayoutVersion":"2.0.0"}', b"[]", b"\xff"])
def test_layout_of_another_version_is_refused(store: Store, mark: bytes) -> None:
    store.close()
    Path(store.root, "oci-layout").write_bytes(mark)
    with pytest.raises(StorageError) as caught:
        Store(store.root, uid=UID)
    assert caught.value.code == "SM7032"


def test_store_whose_making_was_broken_off_is_made_whole(tmp_path: Path) -> None:
    root = tmp_path / "store"
    (root / "blobs").mkdir(parents=True, mode=0o700)
    (root / ".oci-layout.0011.new").write_bytes(b"half")
    root.chmod(0o700)
    (root / "blobs").chmod(0o700)
    with Store(str(root), uid=UID) as made:
        made.put(WANTED, [DATA])
        assert read(made) == DATA


def test_rubbish_of_dead_processes_is_swept_and_of_living_ones_is_not(store: Store, litter: Litter) -> None:
    Path(store.root, "ingest", "dead.part").write_bytes(b"half")
    Path(store.root, "ingest", "complete.part").write_bytes(b"not yet renamed")
    Path(store.root, "ingest", "complete.part").chmod(0o400)
    Path(store.root, "ingest", "evil.bad").write_bytes(b"kept")

    def meanwhile() -> Iterator[bytes]:
        yield DATA[:10]
        with Store(store.root, uid=UID):
            pass
        assert len(litter()) == 2  # ours, and the one that is kept
        yield DATA[10:]

    store.put(WANTED, meanwhile())
    assert litter() == ["evil.bad"]
    assert read(store) == DATA


def test_sweep_leaves_what_no_process_of_ours_makes(store: Store, litter: Litter, tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"precious")
    Path(store.root, "ingest", "link.part").symlink_to(tmp_path / "victim")
    Path(store.root, "ingest", "folder.part").mkdir()
    with Store(store.root, uid=UID):
        pass
    assert litter() == ["folder.part", "link.part"]
    assert (tmp_path / "victim").read_bytes() == b"precious"


def test_no_descriptor_is_left_open(store: Store, path_of: PathOf) -> None:
    store.put(WANTED, [DATA])
    before = len(os.listdir("/proc/self/fd"))
    read(store)
    plant(path_of(WANTED.digest), DATA[::-1])
    assert not store.has(WANTED)
    store.derive("k", "v", lambda file: None).close()
    with pytest.raises(ContentError):
        store.put(WANTED, [DATA[::-1]])
    assert len(os.listdir("/proc/self/fd")) == before


def test_names_are_held_by_one_at_a_time(store: Store) -> None:
    with store.locking("/mnt/a"), store.locking("/mnt/b", wait=0):
        with pytest.raises(StorageError) as caught, store.locking("/mnt/a", wait=0):
            pass
        assert caught.value.code == "SM7006"
    assert os.listdir(os.path.join(store.root, "locks")) == ["index"]
