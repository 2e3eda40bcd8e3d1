"""Content is asked for after an approval, as far as it reaches, and is held when every byte was checked."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from secmount.errors import ContentError, RegistryError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.registry.source import AGAIN
from secmount.store.cas import Store
from secmount.store.pull import Held, HeldLayer, pull
from tests.support.stores import Content, approve, resolution
from tests.unit.store.conftest import tick

ONE, TWO, THREE = b"one" * 1000, b"two" * 1000, b"three" * 1000


@pytest.fixture
def source() -> Content:
    return Content()


def layers(source: Content, *contents: bytes) -> list[Descriptor]:
    return [source.add(content) for content in contents]


def blobs(store: Store) -> set[str]:
    return {name for _, name in store.names("blobs")}


def test_only_approved_layers_are_asked_for(store: Store, source: Content) -> None:
    rows = layers(source, ONE, TWO, THREE)
    held = pull(approve(resolution(rows), [2, 0]), source, store)
    assert source.asked == [rows[0].digest, rows[2].digest]
    assert held.layers == (HeldLayer(0, rows[0]), HeldLayer(2, rows[2]))
    assert blobs(store) == {rows[0].digest.hex, rows[2].digest.hex}
    assert source.open == 0


def test_held_ones_are_not_asked_for_again(store: Store, source: Content) -> None:
    rows = layers(source, ONE, TWO)
    store.put(rows[0], [ONE])
    pull(approve(resolution(rows)), source, store)
    pull(approve(resolution(rows)), source, store)
    assert source.asked == [rows[1].digest]


def test_held_one_that_was_changed_is_fetched_again(store: Store, source: Content) -> None:
    rows = layers(source, ONE)
    pull(approve(resolution(rows)), source, store)
    tick()
    path = Path(store.root, "blobs", "sha256", rows[0].digest.hex)
    path.chmod(0o600)
    path.write_bytes(ONE[::-1])
    path.chmod(0o400)
    pull(approve(resolution(rows)), source, store)
    assert source.asked == [rows[0].digest] * 2
    with store.open(rows[0].digest) as blob:
        assert blob.pread(9999, 0) == ONE


def test_one_digest_twice_is_fetched_once_and_held_twice(store: Store, source: Content) -> None:
    rows = layers(source, ONE, TWO, ONE)
    held = pull(approve(resolution(rows)), source, store)
    assert source.asked == [rows[0].digest, rows[1].digest]
    assert [layer.position for layer in held.layers] == [0, 1, 2]


@pytest.mark.parametrize("true_one_first", [True, False])
def test_one_digest_with_two_sizes_is_refused(store: Store, source: Content, true_one_first: bool) -> None:
    (row,) = layers(source, ONE)
    rows = [row, replace(row, size=row.size + 1)]
    with pytest.raises(ContentError) as caught:
        pull(approve(resolution(rows if true_one_first else rows[::-1])), source, store)
    assert caught.value.code == "SM5002"


@pytest.mark.parametrize(
    ("lie", "code"), [([TWO[:-1]], "SM5002"), ([TWO, b"x"], "SM5002"), ([TWO[::-1]], "SM5001"), ([], "SM5002")]
)
def test_layer_that_is_not_what_was_approved_is_refused(
    store: Store, source: Content, lie: list[bytes], code: str
) -> None:
    rows = layers(source, ONE, TWO, THREE)
    source.lies[rows[1].digest] = lie
    with pytest.raises(ContentError) as caught:
        pull(approve(resolution(rows)), source, store)
    assert caught.value.code == code
    assert blobs(store) == {rows[0].digest.hex}
    assert os.listdir(os.path.join(store.root, "ingest")) == []
    assert source.asked == [rows[0].digest, rows[1].digest]
    assert source.open == 0


def test_fault_of_the_source_and_interrupt_pass_and_leave_nothing(store: Store, source: Content) -> None:
    def broken(fault: BaseException) -> Iterator[bytes]:
        yield ONE[:10]
        raise fault

    for fault in (RegistryError("SM4002"), KeyboardInterrupt()):
        rows = layers(source, ONE)
        source.lies[rows[0].digest] = broken(fault)
        with pytest.raises(type(fault)):
            pull(approve(resolution(rows)), source, store)
        assert blobs(store) == set()
        assert os.listdir(os.path.join(store.root, "ingest")) == []
        assert source.open == 0


def test_progress_counts_up_to_the_size(store: Store, source: Content) -> None:
    rows = layers(source, ONE, TWO)
    source.lies[rows[0].digest] = [ONE[:1000], ONE[1000:]]
    store.put(rows[1], [TWO])
    seen: list[tuple[Digest, int]] = []
    pull(approve(resolution(rows)), source, store, progress=lambda row, done: seen.append((row.digest, done)))
    held = (rows[1].digest, 3000)
    assert seen == [held, (rows[0].digest, 1000), (rows[0].digest, 3000)]


def test_nobody_else_makes_a_held(source: Content) -> None:
    approved = approve(resolution(layers(source, ONE)))
    with pytest.raises(TypeError):
        Held(approved, (), seal=object())


class Mirrored(Content):
    """Content whose first places give other bytes, and which says so as a registry with mirrors does."""

    wrong = 2

    @contextmanager
    def stream(self, wanted: Descriptor, *, offset: int = 0) -> Iterator[Iterator[bytes]]:
        with super().stream(wanted, offset=offset) as chunks:
            if not self.wrong:
                yield chunks
                return
            self.wrong -= 1
            try:
                yield iter([bytes(wanted.size)])
            except ContentError as err:
                raise RegistryError(AGAIN) from err


def test_another_place_is_asked_after_one_that_gave_wrong_bytes(store: Store) -> None:
    source = Mirrored()
    rows = layers(source, ONE)
    pull(approve(resolution(rows)), source, store)
    assert source.asked == [rows[0].digest] * 3
    assert blobs(store) == {rows[0].digest.hex}


def test_several_at_once_give_the_same(store: Store, source: Content) -> None:
    rows = layers(source, ONE, TWO, THREE, b"four", b"five", ONE)
    held = pull(approve(resolution(rows)), source, store, workers=4)
    assert [row.descriptor for row in held.layers] == rows
    assert sorted(map(str, source.asked)) == sorted({str(row.digest) for row in rows})
    assert blobs(store) == {row.digest.hex for row in rows}


def test_of_several_at_once_the_first_that_fails_is_told_and_nothing_false_stays(store: Store, source: Content) -> None:
    rows = layers(source, ONE, TWO, THREE, b"four", b"five")
    source.lies[rows[1].digest] = [b"lie" * 1000]
    with pytest.raises(ContentError, match="SM5001"):
        pull(approve(resolution(rows)), source, store, workers=4)
    assert rows[1].digest.hex not in blobs(store)
    assert list((Path(store.root) / "ingest").iterdir()) == []


@pytest.mark.parametrize("most", [0, 1])
def test_where_there_are_no_more_threads_those_that_there_are_do_it(
    store: Store, source: Content, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    rows, started, start = layers(source, ONE, TWO, THREE), [0], threading.Thread.start

    def few(thread: threading.Thread) -> None:
        started[0] += 1
        if started[0] > most:
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", few)
    pull(approve(resolution(rows)), source, store, workers=3)
    assert blobs(store) == {row.digest.hex for row in rows}
