"""Derived objects are made once, and made again when they are not sound any more."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO, NoReturn

import pytest

from secmount.errors import ContentError, StorageError
from secmount.oci.digest import Digest
from secmount.store import shelf
from secmount.store.cas import Store
from tests.unit.store.samples import DATA, WANTED, Litter, PathOf, never, plant, read


def test_derived_object_is_made_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"abc")
        assert file.tell() == 3
        file.write(memoryview(b"def"))

    with store.derive("unpacked", "key", write) as made:
        assert made.digest == Digest.of(b"abcdef")
        assert made.size == 6
        assert made.complete
    monkeypatch.setattr(shelf, "hash_file", never)
    with store.derive("unpacked", "key", never) as held:
        assert held.pread(9, 1) == b"bcdef"
    assert read(store, Digest.of(b"abcdef")) == b"abcdef"
    assert store.open_derived("unpacked", "other") is None


@pytest.mark.parametrize("harm", ["gone", "changed", "link"])
def test_derived_object_that_is_not_sound_is_made_again(
    store: Store, path_of: PathOf, tmp_path: Path, harm: str
) -> None:
    def write(file: BinaryIO) -> None:
        file.write(DATA)

    store.derive("erofs", "key", write).close()
    path = path_of(WANTED.digest, "derived")
    if harm == "changed":
        plant(path, DATA[::-1])
    else:
        path.unlink()
    if harm == "link":
        (tmp_path / "victim").write_bytes(DATA)
        path.symlink_to(tmp_path / "victim")
    assert store.open_derived("erofs", "key") is None
    with store.derive("erofs", "key", write) as again:
        assert again.pread(len(DATA), 0) == DATA
    assert not path.is_symlink()


def test_maker_that_fails_leaves_nothing(store: Store, litter: Litter) -> None:
    def write(file: BinaryIO) -> None:
        file.write(DATA)
        raise ContentError("SM5001")

    with pytest.raises(ContentError):
        store.derive("unpacked", "key", write)
    assert litter() == []
    assert list(store.names("derived")) == []
    assert store.open_derived("unpacked", "key") is None


def test_full_disk_while_deriving(store: Store, litter: Litter, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def write(file: BinaryIO) -> None:
        for _ in range(200):
            file.write(DATA)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(StorageError) as caught:
            store.derive("unpacked", "key", write)
    assert caught.value.code == "SM7001"
    assert litter() == []


def test_derived_file_cannot_be_rewritten_by_its_maker(store: Store) -> None:
    def write(file: BinaryIO) -> None:
        file.write(b"abc")
        with pytest.raises(OSError, match="seek"):
            file.seek(0)

    store.derive("unpacked", "key", write).close()
