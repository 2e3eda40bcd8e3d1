"""index.json: one row for one thing, one thing for one name, other programs' rows untouched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from secmount.errors import StorageError
from secmount.oci.descriptor import Descriptor, Platform
from secmount.oci.digest import Digest
from secmount.oci.manifest import OCI_MANIFEST
from secmount.store import index
from secmount.store.cas import Store
from secmount.store.index import REF_NAME, ref_name

NAME = "ghcr.io/acme/model:v1"


def manifest(text: bytes) -> Descriptor:
    return Descriptor(OCI_MANIFEST, Digest.of(text), len(text))


def named(store: Store) -> list[tuple[str, str | None]]:
    return [(str(row["digest"])[7:11], ref_name(row)) for row in store.index.rows()]


def short(text: bytes) -> str:
    return Digest.of(text).hex[:4]


def write(store: Store, text: str) -> None:
    Path(store.root, "index.json").write_text(text)


def test_new_store_lists_nothing(store: Store) -> None:
    assert store.index.rows() == ()
    assert json.loads(Path(store.root, "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}


def test_same_row_is_added_once_and_nothing_is_written_then(store: Store) -> None:
    assert store.index.add([(manifest(b"a"), NAME)])
    before = Path(store.root, "index.json").stat()
    assert not store.index.add([(manifest(b"a"), NAME), (manifest(b"a"), None)])
    after = Path(store.root, "index.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert named(store) == [(short(b"a"), NAME)]


def test_name_moves_and_what_bore_it_stays_listed(store: Store) -> None:
    store.index.add([(manifest(b"a"), NAME)])
    store.index.add([(manifest(b"b"), NAME)])
    assert named(store) == [(short(b"a"), None), (short(b"b"), NAME)]
    store.index.add([(manifest(b"a"), "other")])
    assert named(store) == [(short(b"b"), NAME), (short(b"a"), "other")]


def test_two_names_of_one_thing_are_two_rows(store: Store) -> None:
    store.index.add([(manifest(b"a"), "x"), (manifest(b"a"), "y")])
    assert named(store) == [(short(b"a"), "x"), (short(b"a"), "y")]


def test_row_says_what_the_specification_asks_for(store: Store) -> None:
    platform = Platform("linux", "arm", "v7")
    row = Descriptor(OCI_MANIFEST, Digest.of(b"a"), 1, {REF_NAME: "evil", "k": "v"}, "a/b", platform)
    store.index.add([(row, None)])
    assert store.index.rows() == (
        {
            "mediaType": OCI_MANIFEST,
            "digest": str(Digest.of(b"a")),
            "size": 1,
            "artifactType": "a/b",
            "platform": {"architecture": "arm", "os": "linux", "variant": "v7"},
        },
    )


def test_rows_and_fields_of_others_are_left_alone(store: Store) -> None:
    rows = [
        {"digest": "sha256:1", "annotations": [1]},
        {"digest": "sha256:2", "x": {"y": 1}, "annotations": {REF_NAME: 7}},
    ]
    rest = {"schemaVersion": 2, "annotations": {"a": "ä"}, "z": 1}
    write(store, json.dumps({**rest, "manifests": rows}))
    store.index.add([(manifest(b"a"), NAME)])
    value = json.loads(Path(store.root, "index.json").read_text())
    assert value.pop("manifests")[:2] == rows
    assert value == rest


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"manifests":{}}',
        '{"manifests":[1]}',
        '{"manifests":[],"manifests":[]}',
        '{"manifests":[NaN]}',
    ],
)
def test_malformed_index_is_refused_and_left(store: Store, text: str) -> None:
    write(store, text)
    for use in (store.index.rows, lambda: store.index.add([(manifest(b"a"), NAME)])):
        with pytest.raises(StorageError) as caught:
            use()
        assert caught.value.code == "SM7033"
    assert Path(store.root, "index.json").read_text() == text


def test_index_does_not_grow_past_what_can_be_read(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "LAYER_LIMIT", 2)
    store.index.add([(manifest(b"a"), None), (manifest(b"b"), None)])
    with pytest.raises(StorageError) as caught:
        store.index.add([(manifest(b"c"), None)])
    assert caught.value.code == "SM7033"
    assert len(store.index.rows()) == 2


def test_draft_of_a_dead_writer_is_removed(store: Store) -> None:
    draft = Path(store.root, ".index.json.0011.new")
    draft.write_bytes(b"half")
    store.index.add([(manifest(b"a"), NAME)])
    assert not draft.exists()
    assert os.stat(os.path.join(store.root, "index.json")).st_mode & 0o777 == 0o600
