"""Which manifest of a layout is meant, and what reading it gives."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from secmount.errors import ContentError, RegistryError, SecmountError
from secmount.oci import descriptor
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.registry.layout import LayoutSource
from tests.support.layouts import DUPLICATE_KEYS, OCI_MANIFEST, REF_NAME, Json, Layout, Model, encode, model


def said(row: Json) -> Descriptor:
    return descriptor.from_json(row, subject="test")


def code_of(action: Callable[[], object]) -> str:
    with pytest.raises(SecmountError) as caught:
        action()
    return caught.value.code


@pytest.fixture
def sample(tmp_path: Path) -> Model:
    return model(tmp_path / "m")


def manifest_of(layout: Layout, name: str, **more: object) -> Json:
    return layout.add_manifest([layout.add_file(name, name.encode())], artifact_type="application/x", **more)  # type: ignore[arg-type]


# --- names


def test_by_tag(sample: Model) -> None:
    with LayoutSource(sample.layout.path) as source:
        head = source.head("v1", None)
        assert (str(head.digest), head.media_type, head.size) == (sample.digest, OCI_MANIFEST, sample.manifest["size"])
        with pytest.raises(RegistryError) as caught:
            source.head("v2", None)
    assert (caught.value.code, caught.value.want) == ("SM4010", "v1")


@pytest.mark.parametrize(
    ("names", "asked", "found"),
    [
        ({"a": ["ghcr.io/acme/a:v1"]}, "v1", "a"),
        ({"a": ["127.0.0.1:5000/a:v1"]}, "v1", "a"),
        ({"a": ["127.0.0.1:5000/a:v1"]}, "127.0.0.1:5000/a:v1", "a"),
        ({"a": ["ghcr.io/a:v1"], "b": ["v1"]}, "v1", "b"),
        ({"a": ["ghcr.io/a:v1", "ghcr.io/b:v1"]}, "v1", "a"),
        ({"a": ["ghcr.io/a:v1"], "b": ["ghcr.io/b:v1"]}, "ghcr.io/b:v1", "b"),
        ({"a": ["ghcr.io/a:v1"], "b": ["ghcr.io/b:v1"]}, "v1", "SM4011"),
        ({"a": ["v1"], "b": ["v1"]}, "v1", "SM4011"),
        ({"a": ["v1", "v1"]}, "v1", "a"),
        ({"a": ["ghcr.io/a:v12"]}, "v1", "SM4010"),
        ({"a": ["ghcr.io/a:1:v1"]}, "1:v1", "SM4010"),
        ({"a": ["a:v1"]}, "v1", "SM4010"),
        ({"a": ["ghcr.io/a/v1"]}, "v1", "SM4010"),
        ({"a": ["ghcr.io/a:v1"]}, "ghcr.io/a", "SM4010"),
        ({"a": ["V1"]}, "v1", "SM4010"),
        ({"a": ["x/a@sha256:v1"]}, "v1", "SM4010"),
    ],
)
def test_names(tmp_path: Path, names: dict[str, list[str]], asked: str, found: str) -> None:
    layout = Layout(tmp_path / "l")
    rows = {}
    for title, spellings in names.items():
        rows[title] = manifest_of(layout, title, listed=False)
        for spelling in spellings:
            layout.list({**rows[title], "annotations": {REF_NAME: spelling}})
    with LayoutSource(layout.path) as source:
        if found.startswith("SM"):
            assert code_of(lambda: source.head(asked, None)) == found
        else:
            assert str(source.head(asked, None).digest) == rows[found]["digest"]


def test_an_ambiguous_name_lists_the_digests(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "l")
    rows = [manifest_of(layout, title, tag="v1") for title in ("a", "b")]
    with LayoutSource(layout.path) as source, pytest.raises(RegistryError) as caught:
        source.head("v1", None)
    assert caught.value.want is not None
    assert all(row["digest"] in caught.value.want for row in rows)


# --- the only one


def test_no_tag_and_nothing_there(tmp_path: Path) -> None:
    with LayoutSource(Layout(tmp_path / "l").path) as source:
        assert code_of(lambda: source.head(None, None)) == "SM4013"


def test_no_tag_and_several(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "l")
    manifest_of(layout, "a", tag="one")
    untagged = manifest_of(layout, "b")
    with LayoutSource(layout.path) as source, pytest.raises(RegistryError) as caught:
        source.head(None, None)
    assert caught.value.code == "SM4012"
    assert caught.value.want == f"one of :one, @{untagged['digest']}"


def test_one_under_several_names(sample: Model) -> None:
    sample.layout.tag(sample.manifest, "latest")
    with LayoutSource(sample.layout.path) as source:
        assert str(source.head(None, None).digest) == sample.digest


def test_what_is_about_others_does_not_count(sample: Model) -> None:
    layout, name = sample.layout, sample.digest.replace(":", "-")
    bundle = layout.attach_referrer(sample.manifest, b'{"a":1}')
    layout.attach_referrer(bundle, b'{"about":"the bundle"}')
    layout.tag(layout.attach_referrer(sample.manifest, b"sbom", "application/spdx+json"), "sbom")
    layout.add_fallback_tag(sample.manifest, [bundle])
    layout.add_index([bundle, layout.attach_referrer(sample.manifest, b"2", listed=False)])  # crane: without a name
    manifest_of(layout, "sig", tag=f"{name}.sig")
    manifest_of(layout, "att", tag=f"127.0.0.1:5000/acme/model:{name}.att")
    layout.list(
        {**manifest_of(layout, "saved", listed=False), "annotations": {"kind": "dev.cosignproject.cosign/sigs"}}
    )
    with LayoutSource(layout.path) as source:
        assert str(source.head(None, None).digest) == sample.digest


def test_children_of_an_index_do_not_count(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "l")
    children = [manifest_of(layout, title) for title in ("a", "b")]
    index = layout.add_index(children)
    layout.attach_referrer(index, b"{}")
    layout.attach_referrer(children[0], b"{}")
    with LayoutSource(layout.path) as source:
        assert str(source.head(None, None).digest) == index["digest"]


def test_a_referrer_alone_is_an_artifact(sample: Model, tmp_path: Path) -> None:
    layout = Layout(tmp_path / "l")
    only = layout.attach_referrer(sample.manifest, b"{}")
    with LayoutSource(layout.path) as source:
        assert str(source.head(None, None).digest) == only["digest"]


def test_what_cannot_be_read_counts(sample: Model) -> None:
    sample.layout.corrupt(manifest_of(sample.layout, "other"))
    sample.layout.remove(manifest_of(sample.layout, "third"))
    with LayoutSource(sample.layout.path) as source:
        assert code_of(lambda: source.head(None, None)) == "SM4012"


# --- by digest


def test_by_digest_the_bytes_say_the_type(sample: Model) -> None:
    sample.layout.unlist(sample.manifest)
    with LayoutSource(sample.layout.path) as source:
        head = source.head(None, Digest.parse(sample.digest))
    assert (head.media_type, head.size) == (OCI_MANIFEST, sample.manifest["size"])


def test_by_sha512(sample: Model) -> None:
    raw = sample.layout.blob_path(sample.manifest).read_bytes()
    digest = Digest.of(raw, "sha512")
    sample.layout.blob_path(str(digest)).parent.mkdir()
    sample.layout.blob_path(str(digest)).write_bytes(raw)
    with LayoutSource(sample.layout.path) as source:
        head = source.head(None, digest)
        assert (head.digest, source.manifest(head)) == (digest, raw)


def test_by_digest_refused(sample: Model) -> None:
    layout = sample.layout
    big = layout.add_blob(b'{"schemaVersion":2,"manifests":[]}' + b" " * (4 << 20))
    twice = layout.add_document(DUPLICATE_KEYS, listed=False)
    broken = manifest_of(layout, "broken")
    layout.corrupt(broken)
    cases = {
        "sha256:" + "0" * 64: "SM4014",
        sample.config["digest"]: "SM5012",
        sample.weights["digest"]: "SM5010",
        big["digest"]: "SM5011",
        twice["digest"]: "SM5010",
        broken["digest"]: "SM5001",
    }
    with LayoutSource(layout.path) as source:
        for text, code in cases.items():
            assert code_of(lambda text=text: source.head(None, Digest.parse(text))) == code  # type: ignore[misc]


# --- reading


def test_reading(sample: Model) -> None:
    weights = sample.files["model.safetensors"]
    with LayoutSource(sample.layout.path) as source:
        assert source.small(said(sample.config), limit=1000) == sample.layout.blob_path(sample.config).read_bytes()
        for offset in (0, 1, len(weights) - 1, len(weights)):
            with source.stream(said(sample.weights), offset=offset) as chunks:
                assert b"".join(chunks) == weights[offset:]


def test_streams_in_chunks(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "l")
    row = layout.add_blob(bytes(3 << 20))
    with LayoutSource(layout.path) as source, source.stream(said(row)) as chunks:
        assert max(map(len, chunks)) <= 1 << 20


@pytest.mark.parametrize(
    ("harm", "code"),
    [("corrupt", "SM5001"), ("truncate", "SM5002"), ("append", "SM5002"), ("remove", "SM4014"), ("empty", "SM5002")],
)
def test_a_lying_blob(sample: Model, harm: str, code: str) -> None:
    path = sample.layout.blob_path(sample.manifest)
    match harm:
        case "append":
            path.write_bytes(path.read_bytes() + b" ")
        case "empty":
            path.write_bytes(b"")
        case _:
            getattr(sample.layout, harm)(sample.manifest)
    with LayoutSource(sample.layout.path) as source:
        head = source.head("v1", None)
        assert code_of(lambda: source.manifest(head)) == code
        assert code_of(lambda: source.small(head, limit=10_000)) == code


def test_a_size_that_lies_is_met_before_reading(sample: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> bytes:
        raise AssertionError("read")

    row = said({**sample.weights, "size": 1})
    large = sample.layout.add_blob(bytes((4 << 20) + 1))
    with LayoutSource(sample.layout.path) as source:
        monkeypatch.setattr(os, "pread", never)
        assert code_of(lambda: source.small(row, limit=10)) == "SM5002"

        def stream() -> None:
            with source.stream(row):
                pass

        assert code_of(stream) == "SM5002"
        assert code_of(lambda: source.head(None, Digest.parse(large["digest"]))) == "SM5011"
        assert code_of(lambda: source.small(said(sample.weights), limit=10)) == "SM5011"
        assert code_of(lambda: source.manifest(said({**sample.manifest, "size": (4 << 20) + 1}))) == "SM5011"


def test_a_blob_cut_while_it_is_read(sample: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.pread

    def cut(handle: int, length: int, offset: int) -> bytes:
        return whole(handle, max(0, min(length, 5 - offset)), offset)

    with LayoutSource(sample.layout.path) as source:
        head = source.head("v1", None)
        monkeypatch.setattr(os, "pread", cut)
        with pytest.raises(ContentError) as caught:
            source.manifest(head)
    assert caught.value.code == "SM5002"


def test_the_index_is_read_once(sample: Model) -> None:
    with LayoutSource(sample.layout.path) as source:
        sample.layout.write_index_bytes(encode({"schemaVersion": 2, "manifests": []}))
        assert str(source.head("v1", None).digest) == sample.digest
