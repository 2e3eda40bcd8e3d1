"""Layouts that secmount writes: what tools and its own reader find in them, and what is left when writing fails."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest

from secmount.errors import ContentError, SecmountError, StorageError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.publish.layout import LayoutWriter
from secmount.registry.layout import LayoutSource
from tests.support.layouts import BUNDLE, DUPLICATE_KEYS, OCI_EMPTY, OCI_MANIFEST, REF_NAME, Layout, encode, model

ARTIFACT = "application/x-test"


def index_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((path / "index.json").read_bytes())
    return found


def code_of(path: Path) -> str:
    with pytest.raises(SecmountError) as caught:
        LayoutWriter(str(path)).close()
    return caught.value.code


def write_model(path: Path, *, tag: str | None = "v1", content: bytes = b"content") -> Descriptor:
    with LayoutWriter(str(path)) as writer:
        layer = writer.add_blob([content[:3], content[3:]], "application/x", annotations={"a": "b"})
        return writer.add_manifest([layer], artifact_type=ARTIFACT, annotations={"c": "d"}, tag=tag)


def test_a_new_layout(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "l"
    written = write_model(path)
    with LayoutSource(str(path)) as source:
        head = source.head("v1", None)
        assert (head.digest, head.size, head.media_type) == (written.digest, written.size, OCI_MANIFEST)
        document = json.loads(source.manifest(head))
        with source.stream(Descriptor("x/y", Digest.of(b"content"), 7)) as chunks:
            assert b"".join(chunks) == b"content"
    assert document["artifactType"] == ARTIFACT
    assert document["config"] == {"mediaType": OCI_EMPTY, "digest": str(Digest.of(b"{}")), "size": 2}
    assert document["layers"] == [
        {"mediaType": "application/x", "digest": str(Digest.of(b"content")), "size": 7, "annotations": {"a": "b"}}
    ]
    assert (path / "oci-layout").read_bytes() == b'{"imageLayoutVersion":"1.0.0"}'
    assert index_of(path)["manifests"] == [
        {
            "mediaType": OCI_MANIFEST,
            "digest": str(written.digest),
            "size": written.size,
            "artifactType": ARTIFACT,
            "annotations": {REF_NAME: "v1"},
        }
    ]


def test_a_referrer(tmp_path: Path) -> None:
    subject = write_model(tmp_path / "l")
    with LayoutWriter(str(tmp_path / "l")) as writer:
        layer = writer.add_blob(b"{}", BUNDLE)
        referrer = writer.add_manifest([layer], artifact_type=BUNDLE, subject=subject)
    with LayoutSource(str(tmp_path / "l")) as source:
        assert [row.digest for row in source.referrers(subject.digest)] == [referrer.digest]
        assert source.head(None, None).digest == subject.digest
        assert json.loads(source.manifest(referrer))["subject"] == {
            "mediaType": OCI_MANIFEST,
            "digest": str(subject.digest),
            "size": subject.size,
        }
    assert index_of(tmp_path / "l")["manifests"][1] == {
        "mediaType": OCI_MANIFEST,
        "digest": str(referrer.digest),
        "size": referrer.size,
        "artifactType": BUNDLE,
    }


def test_what_others_wrote_is_kept(tmp_path: Path) -> None:
    sample = model(tmp_path / "l")
    sample.layout.manifests[0]["org.example.unknown"] = {"kept": True}
    sample.layout.write_index(annotations={"a": "b"}, unknown=[1, 2.5])
    before = index_of(tmp_path / "l")
    with LayoutWriter(sample.layout.path) as writer:
        added = writer.add_document(encode({"schemaVersion": 2, "manifests": []}))
    after = index_of(tmp_path / "l")
    assert after["manifests"][: len(before["manifests"])] == before["manifests"]
    assert after["manifests"][-1]["digest"] == str(added.digest)
    assert {key: value for key, value in after.items() if key != "manifests"} == {
        key: value for key, value in before.items() if key != "manifests"
    }


def test_nothing_is_listed_twice(tmp_path: Path) -> None:
    for _ in range(2):
        write_model(tmp_path / "l", tag=None)
    assert len(index_of(tmp_path / "l")["manifests"]) == 1
    for _ in range(2):
        write_model(tmp_path / "l")
    write_model(tmp_path / "l", tag=None)
    write_model(tmp_path / "l", tag="v2")
    assert [row["annotations"] for row in index_of(tmp_path / "l")["manifests"]] == [{REF_NAME: "v1"}, {REF_NAME: "v2"}]


def test_a_tag_moves(tmp_path: Path) -> None:
    first = write_model(tmp_path / "l")
    with LayoutWriter(str(tmp_path / "l")) as writer:
        writer.add_manifest([writer.add_blob(b"sig", BUNDLE)], artifact_type=BUNDLE, subject=first)
    second = write_model(tmp_path / "l", content=b"another")
    with LayoutSource(str(tmp_path / "l")) as source:
        assert source.head("v1", None).digest == second.digest
        assert source.head(None, None).digest == second.digest  # the first one's signature is not an artifact
        assert len(source.referrers(first.digest)) == 1


def test_put(tmp_path: Path) -> None:
    blob = Descriptor("a/b", Digest.of(b"abc"), 3)
    long = Descriptor("a/b", Digest.of(b"abc", "sha512"), 3)
    with LayoutWriter(str(tmp_path / "l")) as writer, pytest.raises(ContentError, match="SM5001"):
        writer.put(blob, b"abd")
    with LayoutWriter(str(tmp_path / "l")) as writer, pytest.raises(ContentError, match="SM5002"):
        writer.put(blob, b"ab")
    assert not any((tmp_path / "l" / "blobs" / "sha256").iterdir())
    with LayoutWriter(str(tmp_path / "l")) as writer:
        writer.put(blob, b"abc")
        writer.put(long, iter([b"a", b"bc"]))
    with LayoutSource(str(tmp_path / "l")) as source:
        assert source.small(blob, limit=3) == source.small(long, limit=3) == b"abc"


def test_a_damaged_blob_is_replaced(tmp_path: Path) -> None:
    write_model(tmp_path / "l")
    blob = tmp_path / "l" / "blobs" / "sha256" / Digest.of(b"content").hex
    blob.write_bytes(b"planted")
    write_model(tmp_path / "l")
    assert blob.read_bytes() == b"content"


@pytest.mark.parametrize(
    "raw", [b"", b"{}", DUPLICATE_KEYS, b'{"schemaVersion":2,"manifests":[],"layers":[]}', b'{"layers":[]}']
)
def test_no_document_that_would_be_refused(tmp_path: Path, raw: bytes) -> None:
    with LayoutWriter(str(tmp_path / "l")) as writer:
        with pytest.raises(ContentError):
            writer.add_document(raw)
        assert index_of(tmp_path / "l")["manifests"] == []


def test_folders_that_hold_something_else(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "letter.txt").write_text("x")
    (tmp_path / "file").write_text("x")
    broken = Layout(tmp_path / "broken")
    broken.write_index_bytes(DUPLICATE_KEYS)
    future = Layout(tmp_path / "future")
    (future.root / "oci-layout").write_bytes(b'{"imageLayoutVersion":"2.0.0"}')
    lost = model(tmp_path / "lost").layout
    (lost.root / "index.json").unlink()
    assert code_of(tmp_path / "a") == "SM4004"
    assert os.listdir(tmp_path / "a") == ["letter.txt"]
    assert code_of(tmp_path / "file") == "SM7013"
    assert code_of(broken.root) == "SM5010"
    assert code_of(future.root) == "SM4004"
    assert code_of(lost.root) == "SM4004"


@pytest.mark.parametrize("left", [[], ["oci-layout"], ["blobs"], ["blobs/sha256", "oci-layout", "index.lock"]])
def test_a_writer_that_died_is_taken_over(tmp_path: Path, left: list[str]) -> None:
    for name in left:
        place = tmp_path / "l" / name
        if "." in name or "-" in name:
            place.parent.mkdir(exist_ok=True)
            place.write_bytes(b"")
        else:
            place.mkdir(parents=True)
    write_model(tmp_path / "l")
    with LayoutSource(str(tmp_path / "l")) as source:
        source.head("v1", None)


@pytest.mark.parametrize("name", ["blobs", "blobs/sha256"])
def test_no_link_is_followed(tmp_path: Path, name: str) -> None:
    write_model(tmp_path / "l")
    (tmp_path / "l" / name).rename(tmp_path / "elsewhere")
    (tmp_path / "l" / name).symlink_to(tmp_path / "elsewhere")
    before = sorted((tmp_path / "elsewhere").rglob("*"))
    with LayoutWriter(str(tmp_path / "l")) as writer, pytest.raises(StorageError) as caught:
        writer.add_blob(b"new", "a/b")
    assert caught.value.code in {"SM7012", "SM7013"}
    assert sorted((tmp_path / "elsewhere").rglob("*")) == before


def test_a_full_disk_leaves_the_layout_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_model(tmp_path / "l")
    before = {path: path.read_bytes() for path in (tmp_path / "l").rglob("*") if path.is_file()}

    def full(handle: int, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    with LayoutWriter(str(tmp_path / "l")) as writer:
        monkeypatch.setattr(os, "write", full)
        with pytest.raises(StorageError, match="SM7001"):
            writer.add_blob(b"new", "a/b")
        with pytest.raises(StorageError, match="SM7001"):
            writer.add_document(encode({"schemaVersion": 2, "manifests": []}), tag="v1")
        monkeypatch.undo()
    assert {path: path.read_bytes() for path in (tmp_path / "l").rglob("*") if path.is_file()} == before


def test_an_interrupted_source_leaves_no_blob(tmp_path: Path) -> None:
    def chunks() -> Any:
        yield b"half"
        raise KeyboardInterrupt

    with LayoutWriter(str(tmp_path / "l")) as writer, pytest.raises(KeyboardInterrupt):
        writer.add_blob(chunks(), "a/b")
    assert os.listdir(tmp_path / "l" / "blobs" / "sha256") == []


def test_a_blob_is_flushed_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    rename, fsync = os.rename, os.fsync

    def seen_rename(source: str, target: str, **more: Any) -> None:
        events.append("name")
        rename(source, target, **more)

    def seen_fsync(handle: int) -> None:
        events.append("flush")
        fsync(handle)

    with LayoutWriter(str(tmp_path / "l")) as writer:
        monkeypatch.setattr(os, "rename", seen_rename)
        monkeypatch.setattr(os, "fsync", seen_fsync)
        writer.add_blob(b"x", "a/b")
    assert events == ["flush", "name", "flush"]


def _add(path: str, number: int) -> None:
    with LayoutWriter(path) as writer:
        for part in range(5):
            blob = writer.add_blob(f"{number}.{part}".encode(), "a/b")
            writer.add_manifest([blob], artifact_type=ARTIFACT, tag=f"t{number}.{part}")


def test_several_writers_at_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_add, args=(str(tmp_path / "l"), number)) for number in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    names = {row["annotations"][REF_NAME] for row in index_of(tmp_path / "l")["manifests"]}
    assert names == {f"t{number}.{part}" for number in range(3) for part in range(5)}


def test_too_many_entries(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "l")
    row = layout.add_manifest([])
    layout.manifests = [{**row, "digest": "sha256:" + f"{number:064x}"} for number in range(10_000)]
    layout.write_index()
    before = (layout.root / "index.json").read_bytes()
    with LayoutWriter(layout.path) as writer, pytest.raises(ContentError) as caught:
        writer.add_document(encode({"schemaVersion": 2, "manifests": []}), tag="v1")
    assert caught.value.code == "SM5012"
    assert (layout.root / "index.json").read_bytes() == before
