"""No file is used under a digest that its bytes do not have, whoever put it there, however and whenever."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from secmount.errors import ContentError, StorageError
from secmount.oci.digest import Digest
from secmount.store import shelf, stored
from secmount.store.cas import Store
from tests.unit.store.conftest import UID, calm, tick
from tests.unit.store.samples import DATA, WANTED, Litter, PathOf, counting, never, plant, read


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"x", DATA[::-1]], ids=["empty", "short", "long", "other"])
def test_planted_bytes_are_found_and_set_aside(store: Store, path_of: PathOf, litter: Litter, data: bytes) -> None:
    plant(path_of(WANTED.digest), data)
    with pytest.raises(ContentError) as caught:
        store.open(WANTED.digest)
    assert caught.value.code == "SM5001"
    assert not path_of(WANTED.digest).exists()
    (kept,) = litter()
    assert kept.endswith(".bad")
    assert kept in caught.value.help[0]
    with pytest.raises(StorageError) as absent:
        store.open(WANTED.digest)
    assert absent.value.code == "SM7030"


def test_planted_bytes_are_not_held_and_the_true_ones_replace_them(store: Store, path_of: PathOf) -> None:
    plant(path_of(WANTED.digest), DATA[::-1])
    assert not store.has(WANTED)
    plant(path_of(WANTED.digest), DATA[::-1])
    store.put(WANTED, [DATA])
    assert read(store) == DATA


@pytest.mark.parametrize("make", ["link", "dangling", "fifo", "directory", "socket"])
@pytest.mark.parametrize("use", ["open", "has", "put", "verify"])
def test_what_is_no_plain_file_is_never_used(
    store: Store,
    path_of: PathOf,
    tmp_path: Path,
    litter: Litter,
    monkeypatch: pytest.MonkeyPatch,
    make: str,
    use: str,
) -> None:
    victim, path = tmp_path / "victim", path_of(WANTED.digest)
    victim.write_bytes(DATA)
    if make == "link":
        path.symlink_to(victim)
    elif make == "dangling":
        path.symlink_to("/nowhere/at/all")
    elif make == "fifo":
        os.mkfifo(path, 0o600)
    elif make == "socket":
        monkeypatch.chdir(path.parent)  # the path may be longer than a socket's address
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    else:
        path.mkdir()
    if use == "has":
        assert not store.has(WANTED)
    elif use == "put":
        store.put(WANTED, [DATA])
        assert read(store) == DATA
        assert not path.is_symlink()
    else:
        with pytest.raises(StorageError) as caught:
            store.open(WANTED.digest) if use == "open" else store.verify("blobs", WANTED.digest)
        assert caught.value.code == "SM7031"
    assert len(litter()) == 1
    assert victim.read_bytes() == DATA


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_file_that_others_may_write_to_is_not_used(store: Store, path_of: PathOf, mode: int) -> None:
    store.put(WANTED, [DATA])
    path_of(WANTED.digest).chmod(mode)
    with pytest.raises(StorageError) as caught:
        store.open(WANTED.digest)
    assert caught.value.code == "SM7031"


def test_hard_link_to_the_true_bytes_is_hashed_again_and_used(
    store: Store, path_of: PathOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.put(WANTED, [DATA])
    tick()
    (tmp_path / "other").hardlink_to(path_of(WANTED.digest))
    seen = counting(monkeypatch)
    assert read(store) == DATA
    assert seen == [WANTED.digest]


def test_write_through_another_hard_link_is_found(store: Store, path_of: PathOf, tmp_path: Path) -> None:
    store.put(WANTED, [DATA])
    tick()
    other = tmp_path / "other"
    other.hardlink_to(path_of(WANTED.digest))
    assert read(store) == DATA
    other.chmod(0o600)
    other.write_bytes(DATA[::-1])
    with pytest.raises(ContentError):
        store.open(WANTED.digest)


def test_bytes_exchanged_in_place_are_found_though_size_and_mtime_are_put_back(store: Store, path_of: PathOf) -> None:
    store.put(WANTED, [DATA])
    tick()
    path = path_of(WANTED.digest)
    before = path.stat()
    path.chmod(0o600)
    path.write_bytes(DATA[::-1])
    path.chmod(0o400)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_size == before.st_size
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    with pytest.raises(ContentError) as caught:
        store.open(WANTED.digest)
    assert caught.value.code == "SM5001"


def test_file_replaced_by_another_is_found(store: Store, path_of: PathOf) -> None:
    store.put(WANTED, [DATA])
    plant(path_of(WANTED.digest), DATA[::-1])
    with pytest.raises(ContentError):
        store.open(WANTED.digest)


def test_replaced_after_opening_the_blob_is_the_one_that_was_checked(store: Store, path_of: PathOf) -> None:
    store.put(WANTED, [DATA])
    with store.open(WANTED.digest) as blob:
        plant(path_of(WANTED.digest), DATA[::-1])
        assert blob.pread(len(DATA), 0) == DATA


def test_file_that_changes_while_it_is_hashed_is_not_used(
    store: Store, path_of: PathOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_of(WANTED.digest)
    plant(path, DATA)
    tick()

    def meddle(handle: int, algorithm: str, *, subject: str) -> Digest:
        got = stored.hash_file(handle, algorithm, subject=subject)
        path.write_bytes(DATA[::-1])
        return got

    monkeypatch.setattr(shelf, "hash_file", meddle)
    with pytest.raises(ContentError) as caught:
        store.open(WANTED.digest)
    assert caught.value.code == "SM5001"


def test_good_file_that_took_a_bad_ones_name_meanwhile_is_not_set_aside(
    store: Store, path_of: PathOf, litter: Litter, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = path_of(WANTED.digest)
    plant(path, DATA[::-1])

    def heal(handle: int, algorithm: str, *, subject: str) -> Digest:
        got = stored.hash_file(handle, algorithm, subject=subject)
        plant(path, DATA)
        return got

    with monkeypatch.context() as patch:
        patch.setattr(shelf, "hash_file", heal)
        with pytest.raises(ContentError):
            store.open(WANTED.digest)
    assert litter() == []
    assert read(store) == DATA


def test_held_blob_is_not_hashed_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(WANTED, [DATA])
    monkeypatch.setattr(shelf, "hash_file", never)
    assert read(store) == DATA
    assert store.has(WANTED)
    store.put(WANTED, iter(()))  # chunks are not read


def test_every_part_of_a_stamp_tells_files_apart(tmp_path: Path) -> None:
    def stamp(**changes: int) -> str:
        facts = {"st_dev": 1, "st_ino": 1, "st_size": 1, "st_mtime_ns": 1, "st_ctime_ns": 1, **changes}
        return stored.stamp_of(cast("os.stat_result", SimpleNamespace(**facts)))

    fields = ("st_dev", "st_ino", "st_size", "st_mtime_ns", "st_ctime_ns")
    assert len({stamp(), *(stamp(**{name: 2}) for name in fields)}) == 6


def test_blob_of_an_unknown_history_is_hashed_once(
    store: Store, path_of: PathOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(path_of(WANTED.digest), DATA)
    calm()
    seen = counting(monkeypatch)
    assert read(store) == read(store) == DATA
    assert seen == [WANTED.digest]


def test_hash_of_a_file_changed_a_moment_ago_is_not_remembered(
    store: Store, path_of: PathOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(path_of(WANTED.digest), DATA)
    seen = counting(monkeypatch)
    monkeypatch.setattr("time.time_ns", lambda: path_of(WANTED.digest).stat().st_ctime_ns + 50_000_000)
    assert read(store) == read(store) == DATA
    assert seen == [WANTED.digest] * 2


def test_verify_hashes_whatever_is_known(store: Store, path_of: PathOf, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(WANTED, [DATA])
    seen = counting(monkeypatch)
    assert store.verify("blobs", WANTED.digest) == len(DATA)
    assert seen == [WANTED.digest]
    assert store.verify("derived", WANTED.digest) is None
    assert store.verify("blobs", Digest.of(b"other")) is None


def test_freshness_outlives_the_process(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.put(WANTED, [DATA])
    store.close()
    monkeypatch.setattr(shelf, "hash_file", never)
    with Store(store.root, uid=UID) as again:
        assert read(again) == DATA
