"""What is kept of trees and walked archives is believed only where it is whole, ours, and about the same thing."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from secmount.errors import ContentError
from secmount.oci.digest import Digest
from secmount.store.cas import Store
from secmount.tree import cache, index
from secmount.tree.archive.entry import Entry, Note
from secmount.tree.dump import write
from secmount.tree.node import Dropped, Tree
from tests.support.archives import Artifact, archive, entry
from tests.support.stores import describing
from tests.support.trees import folder, tree, whole

KEY = "sha256:key"
CONTENT = b"content"
TAR = "application/vnd.acme.content.v1.tar"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store(str(tmp_path / "store"), uid=os.getuid()) as opened:
        opened.put(describing(CONTENT), [CONTENT])
        yield opened


def sample(store: Store) -> Tree:
    """Give a tree whose dump is derived under KEY."""
    file = whole(CONTENT, executable=True, mtime=-5)
    root = folder({"a\udcff": file, "d": folder({"b": whole(CONTENT)})}, mtime=7)
    with store.derive(cache.DUMP, KEY, lambda out: write(root, out)) as kept:
        return replace(
            tree(root),
            digest=kept.digest,
            withheld=(("x\udcfe", "exclude x"),),
            dropped=(Dropped("y", 1, "setuid"),),
            collisions=(("A", "a"),),
            key=KEY,
            sample=(("a\udcff", file),),
        )


def never() -> Tree:
    raise AssertionError("the nodes were asked for")


def forge(store: Store, kind: str, key: str, data: bytes) -> None:
    def write_it(out: BinaryIO) -> None:
        out.write(data)

    store.derive(kind, key, write_it).close()


def test_all_but_the_nodes_comes_back(store: Store) -> None:
    value = sample(store)
    cache.keep(store, KEY, value)
    kept = cache.load(store, KEY, never)
    assert kept is not None
    assert replace(kept, root=value.root) == value
    assert (kept.root.mtime, list(kept.root.entries), len(kept.root.entries)) == (7, ["a\udcff", "d"], 2)


def test_nodes_are_made_once_when_they_are_looked_at(store: Store) -> None:
    value, calls = sample(store), list[int]()
    cache.keep(store, KEY, value)

    def make() -> Tree:
        calls.append(1)
        return value

    kept = cache.load(store, KEY, make)
    assert kept is not None
    assert kept.root == value.root
    assert kept.root.entries["d"] is value.root.entries["d"]
    assert calls == [1]


def test_nodes_of_another_tree_are_not_believed(store: Store) -> None:
    value = sample(store)
    cache.keep(store, KEY, value)
    kept = cache.load(store, KEY, lambda: replace(value, digest=Digest.of(b"other")))
    assert kept is not None
    with pytest.raises(ContentError) as caught:
        kept.root.entries["d"]
    assert caught.value.code == "SM5128"
    assert cache.load(store, KEY, never) is None


def test_nothing_kept_is_nothing_found(store: Store) -> None:
    assert cache.load(store, KEY, never) is None


def test_without_its_dump_nothing_is_found(store: Store) -> None:
    cache.keep(store, "another", sample(store))
    assert cache.load(store, "another", never) is None


def test_with_another_dump_nothing_is_found(store: Store) -> None:
    cache.keep(store, KEY, replace(sample(store), digest=Digest.of(b"other")))
    assert cache.load(store, KEY, never) is None
    cache.keep(store, KEY, sample(store))
    assert cache.load(store, KEY, never) is not None


def test_a_dump_of_something_else_gives_way_to_ours(store: Store) -> None:
    forge(store, cache.DUMP, KEY, b"another")
    foreign = store.open_derived(cache.DUMP, KEY)
    assert foreign is not None
    with foreign:
        cache.keep(store, KEY, replace(sample(store), digest=Digest.of(b"ours")))
    assert cache.load(store, KEY, never) is None
    assert sample(store).digest != foreign.digest


@pytest.mark.parametrize("damage", ["gone", "changed", "a folder"])
def test_without_what_its_files_are_read_from_nothing_is_found(store: Store, tmp_path: Path, damage: str) -> None:
    cache.keep(store, KEY, sample(store))
    blob = tmp_path / "store" / "blobs" / "sha256" / Digest.of(CONTENT).hex
    blob.chmod(0o600)
    if damage == "changed":
        blob.write_bytes(CONTENT.upper())
    else:
        blob.unlink()
    if damage == "a folder":
        blob.mkdir()
    assert cache.load(store, KEY, never) is None


GOOD = {"form": cache.FORM, "digest": str(Digest.of(b"x")), "files": 0, "bytes": 0, "withheld": [], "dropped": []}
GOOD |= {"blobs": [], "collisions": [], "sample": [], "root": [[], 0, 0]}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        json.dumps(GOOD | {"form": "secmount.tree-summary/v0"}).encode(),
        json.dumps(GOOD | {"withheld": [1]}).encode(),
        json.dumps(GOOD | {"sample": [["a"]]}).encode(),
        json.dumps(GOOD | {"root": 5}).encode(),
    ],
)
def test_a_summary_of_another_form_is_not_found_and_gives_way_to_ours(store: Store, data: bytes) -> None:
    forge(store, cache.SUMMARY, KEY, data)
    assert cache.load(store, KEY, never) is None
    cache.keep(store, KEY, sample(store))
    assert cache.load(store, KEY, never) is not None


ENTRIES = [
    Entry("d", "d", False, 5, 512, 0, "", ""),
    Entry("d/a\nb\udcff", "f", True, -7, 1024, 9, "0" * 64, ""),
    Entry("l", "l", False, 0, 2048, 0, "", "d/a\nb"),
]
NOTES = (Note("d", "sticky"), Note("", "owner of 2 entries"))


def indexed(store: Store, entries: list[Entry], notes: tuple[Note, ...]) -> tuple[list[Entry], tuple[Note, ...]]:
    key = f"{entries}{notes}"
    store.derive("index", key, lambda out: index.write(out, entries, notes)).close()
    kept = store.open_derived("index", key)
    assert kept is not None
    with kept:
        return index.read(kept, subject="layer 0")


@pytest.mark.parametrize("entries", [ENTRIES, [], ENTRIES[:1]])
@pytest.mark.parametrize("notes", [NOTES, ()])
def test_an_index_is_read_as_it_was_written(store: Store, entries: list[Entry], notes: tuple[Note, ...]) -> None:
    assert indexed(store, entries, notes) == (entries, notes)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b"no json\n",
        b'{"form":"secmount.index/v1","entries":0,"notes":0,"columns":[]}',
        b'{"form":"secmount.index/v0","entries":0,"notes":0,"columns":[]}\n',
        b'{"form":"secmount.index/v1","entries":0,"notes":1,"columns":[]}\n',
        b'{"form":"secmount.index/v1","entries":0,"notes":1,"columns":[5,1]}\nab',
        b'{"form":"secmount.index/v1","entries":2,"notes":0,"columns":[1,1,5,1,1,1,1,1]}\nafFalse00000',
        b'{"form":"secmount.index/v1","entries":1,"notes":0,"columns":[1,1,5,1,1,1,1,1]}\nafFalsex0000',
    ],
)
def test_an_index_of_another_form_is_refused(store: Store, data: bytes) -> None:
    forge(store, "index", "key", data)
    kept = store.open_derived("index", "key")
    assert kept is not None
    with kept, pytest.raises(ContentError) as caught:
        index.read(kept, subject="layer 0")
    assert caught.value.code == "SM5128"


def test_an_index_of_somebody_else_gives_way_to_ours(tmp_path: Path) -> None:
    artifact = Artifact(tmp_path / "a").put(archive(entry("big", bytes(17 << 20))), TAR)
    first = artifact.tree()

    def found() -> Digest:
        with artifact.held() as (_, store), closing(sqlite3.connect(f"{store.root}/state.db")) as database:
            return Digest.parse(database.execute("SELECT digest FROM derived WHERE kind = 'index'").fetchone()[0])

    ours = found()
    with artifact.held() as (_, store), closing(sqlite3.connect(f"{store.root}/state.db")) as database, database:
        forge(store, "x", "x", b"no index\n")
        database.execute(
            "UPDATE derived SET digest = (SELECT digest FROM derived WHERE kind = 'x') WHERE kind = 'index'"
        )
    assert found() != ours
    assert artifact.tree(portable=True).digest == first.digest
    assert found() == ours
