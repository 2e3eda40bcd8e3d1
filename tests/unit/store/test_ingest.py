"""What comes in is hashed, bounded and flushed before it has a name, and leaves nothing if it does not."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from typing import NoReturn

import pytest

from secmount.errors import ContentError, StorageError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.store.cas import Store
from tests.support.stores import OCTETS, describing
from tests.unit.store.samples import DATA, WANTED, Litter, PathOf, read


@pytest.mark.parametrize(
    ("chunks", "code"),
    [
        ([DATA[:-1]], "SM5002"),
        ([], "SM5002"),
        ([DATA, b"x"], "SM5002"),
        ([DATA[::-1]], "SM5001"),
    ],
    ids=["short", "none", "long", "other"],
)
def test_wrong_bytes_do_not_come_in(
    store: Store, path_of: PathOf, litter: Litter, chunks: list[bytes], code: str
) -> None:
    with pytest.raises(ContentError) as caught:
        store.put(WANTED, chunks)
    assert caught.value.code == code
    assert litter() == []
    assert not path_of(WANTED.digest).exists()
    assert not store.has(WANTED)


def test_endless_source_is_cut_at_the_size(store: Store, litter: Litter) -> None:
    given = 0

    def endless() -> Iterator[bytes]:
        nonlocal given
        while True:
            given += 1
            yield bytes(1 << 16)

    with pytest.raises(ContentError) as caught:
        store.put(describing(bytes(1 << 18)), endless())
    assert caught.value.code == "SM5002"
    assert given == 5
    assert litter() == []


def test_descriptor_with_a_false_size_is_not_held(store: Store) -> None:
    store.put(WANTED, [DATA])
    false = Descriptor(OCTETS, WANTED.digest, WANTED.size - 1)
    assert not store.has(false)
    with pytest.raises(ContentError) as caught:
        store.put(false, [DATA])
    assert caught.value.code == "SM5002"
    assert read(store) == DATA


def test_source_may_give_views_of_one_buffer(store: Store) -> None:
    def views() -> Iterator[memoryview]:
        buffer = bytearray(64)
        for start in range(0, len(DATA), 64):
            buffer[:] = DATA[start : start + 64]
            yield memoryview(buffer)

    store.put(WANTED, views())  # type: ignore[arg-type]
    assert read(store) == DATA


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_both_algorithms_and_the_empty_blob(store: Store, path_of: PathOf, algorithm: str) -> None:
    for data in (b"", b"x"):
        digest = Digest(algorithm, hashlib.new(algorithm, data).hexdigest())
        store.put(Descriptor(OCTETS, digest, len(data)), [data])
        assert read(store, digest) == data
        assert path_of(digest).stat().st_mode & 0o777 == 0o400


def test_interrupt_leaves_nothing(store: Store, litter: Litter) -> None:
    def interrupted() -> Iterator[bytes]:
        yield DATA[:100]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.put(WANTED, interrupted())
    assert litter() == []
    assert not store.has(WANTED)


@pytest.mark.parametrize("call", ["write", "fdatasync", "fchmod", "rename", "fsync"])
@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "SM7001"), (errno.EROFS, "SM7002"), (errno.EACCES, "SM7003"), (errno.EIO, "SM7005")],
)
def test_fault_of_the_disk_has_its_code_and_leaves_nothing_half_done(
    store: Store, litter: Litter, monkeypatch: pytest.MonkeyPatch, call: str, number: int, code: str
) -> None:
    def fail(*_: object, **__: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(StorageError) as caught:
            store.put(WANTED, [DATA])
    assert caught.value.code == code
    assert litter() == []
    store.put(WANTED, [DATA])
    assert read(store) == DATA


def test_bytes_are_flushed_before_they_get_their_name(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    for name in ("write", "fdatasync", "rename", "fsync"):
        real = getattr(os, name)

        def note(*args: object, name: str = name, real: Callable[..., object] = real, **named: object) -> object:
            order.append(name)
            return real(*args, **named)

        monkeypatch.setattr(os, name, note)
    store.put(WANTED, [DATA[:100], DATA[100:]])
    assert order == ["write", "write", "fdatasync", "rename", "fsync"]
