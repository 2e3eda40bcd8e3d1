"""A layout folder as a source: what is found, what is refused, and that nothing leads out of it."""

from __future__ import annotations

import os
import socket
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


# --- opening


def test_what_is_not_a_layout(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    assert code_of(lambda: LayoutSource(str(tmp_path / "absent"))) == "SM4001"
    assert code_of(lambda: LayoutSource(str(tmp_path / "file" / "below"))) == "SM4001"
    assert code_of(lambda: LayoutSource(str(tmp_path / "file"))) == "SM4005"
    assert code_of(lambda: LayoutSource("/dev/null")) == "SM4005"
    assert code_of(lambda: LayoutSource(str(tmp_path / "empty"))) == "SM4004"


@pytest.mark.parametrize(
    ("mark", "code"),
    [
        (b'{"imageLayoutVersion":"1.0.1"}', None),
        (b'{"imageLayoutVersion":"1.1.0"}', "SM4004"),
        (b'{"imageLayoutVersion":"2.0.0"}', "SM4004"),
        (b'{"imageLayoutVersion":"1.0.0\\n"}', "SM4004"),
        (b'{"imageLayoutVersion":1}', "SM4004"),
        (b"{}", "SM4004"),
        (b"[]", "SM4004"),
        (b"", "SM5010"),
        (b'{"imageLayoutVersion":"2.0.0","imageLayoutVersion":"1.0.0"}', "SM5010"),
        (b'{"imageLayoutVersion":"1.0.0"' + b" " * 4096 + b"}", "SM5011"),
    ],
)
def test_mark(sample: Model, mark: bytes, code: str | None) -> None:
    (sample.layout.root / "oci-layout").write_bytes(mark)
    if code is None:
        LayoutSource(sample.layout.path).close()
    else:
        assert code_of(lambda: LayoutSource(sample.layout.path)) == code


@pytest.mark.parametrize(
    ("index", "code"),
    [
        (b"", "SM5010"),
        (b'{"schemaVersion":2,"manifests":[],"manifests":[]}', "SM5010"),
        (b"[]", "SM5012"),
        (b'{"schemaVersion":2}', "SM5013"),
        (DUPLICATE_KEYS.replace(b',"layers":[]}', b"}"), "SM5013"),
        (
            b'{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[]}',
            "SM5013",
        ),
        (b'{"schemaVersion":2,"manifests":[{"mediaType":"a/b","digest":"sha256:../../x","size":1}]}', "SM5012"),
        (b'{"schemaVersion":2,"manifests":[]}' + b" " * (4 << 20), "SM5011"),
    ],
)
def test_index(sample: Model, index: bytes, code: str) -> None:
    sample.layout.write_index_bytes(index)
    assert code_of(lambda: LayoutSource(sample.layout.path)) == code


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_a_part_is_missing(sample: Model, name: str) -> None:
    (sample.layout.root / name).unlink()
    assert code_of(lambda: LayoutSource(sample.layout.path)) == "SM4004"


def test_descriptors_are_given_back(sample: Model, tmp_path: Path) -> None:
    def held() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = held()
    with LayoutSource(sample.layout.path) as source:
        head = source.head("v1", None)
        source.manifest(head)
        with source.stream(said(sample.weights)) as chunks:
            next(chunks)
        source.referrers(head.digest)
    source.close()
    code_of(lambda: LayoutSource(str(tmp_path)))
    assert held() == before


def test_at_a_directory_handle(sample: Model) -> None:
    handle = os.open(sample.layout.path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with LayoutSource.at(handle, shown="the store") as source:
            assert str(source.head("v1", None).digest) == sample.digest
            with pytest.raises(RegistryError, match="the store"):
                source.head("v2", None)
        os.fstat(handle)
    finally:
        os.close(handle)


# --- nothing leads out


def escape(sample: Model, kind: str, secret: Path) -> None:
    blob = sample.layout.blob_path(sample.manifest)
    blobs = sample.layout.root / "blobs"
    match kind:
        case "blob is a link":
            blob.rename(secret)
            blob.symlink_to(secret)
        case "blob is a pipe":
            blob.unlink()
            os.mkfifo(blob)
        case "blob is a folder":
            blob.unlink()
            blob.mkdir()
        case "blob is a socket":
            blob.unlink()
            with socket.socket(socket.AF_UNIX) as listener:
                here = os.open(blob.parent, os.O_PATH)
                listener.bind(f"/proc/self/fd/{here}/{blob.name[:20]}")
                os.close(here)
            (blob.parent / blob.name[:20]).rename(blob)
        case "sha256 is a link":
            (blobs / "sha256").rename(secret)
            (blobs / "sha256").symlink_to(secret)
        case "blobs is a link":
            blobs.rename(secret)
            blobs.symlink_to(secret)
        case "blobs is a file":
            blobs.rename(secret)
            blobs.write_text("x")
        case _:
            raise AssertionError(kind)


@pytest.mark.parametrize(
    "kind",
    [
        "blob is a link",
        "blob is a pipe",
        "blob is a folder",
        "blob is a socket",
        "sha256 is a link",
        "blobs is a link",
        "blobs is a file",
    ],
)
def test_links_and_special_files(sample: Model, tmp_path: Path, kind: str) -> None:
    escape(sample, kind, tmp_path / "secret")
    with LayoutSource(sample.layout.path) as source:
        head = source.head("v1", None)
        assert code_of(lambda: source.manifest(head)) == "SM4006"
        assert code_of(lambda: source.head(None, head.digest)) == "SM4006"
        assert code_of(lambda: source.referrers(head.digest)) == "SM4006"

        def stream() -> bytes:
            with source.stream(head) as chunks:
                return b"".join(chunks)

        assert code_of(stream) == "SM4006"


@pytest.mark.parametrize("name", ["oci-layout", "index.json"])
def test_the_layouts_own_files_are_not_links(sample: Model, tmp_path: Path, name: str) -> None:
    (sample.layout.root / name).rename(tmp_path / "secret")
    (sample.layout.root / name).symlink_to(tmp_path / "secret")
    assert code_of(lambda: LayoutSource(sample.layout.path)) == "SM4006"


def test_the_folder_itself_may_be_reached_by_a_link(sample: Model, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(sample.layout.root)
    with LayoutSource(str(tmp_path / "link")) as source:
        assert str(source.head("v1", None).digest) == sample.digest


def test_permission(sample: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> int:
        raise PermissionError(13, "Permission denied")

    with LayoutSource(sample.layout.path) as source:
        head = source.head("v1", None)
        monkeypatch.setattr(os, "open", refused)
        assert code_of(lambda: source.manifest(head)) == "SM4002"
        assert code_of(lambda: source.referrers(head.digest)) == "SM4002"
        assert code_of(lambda: LayoutSource(sample.layout.path)) == "SM4002"


def test_a_failing_disk(sample: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(handle: int, length: int, offset: int) -> bytes:
        raise OSError(5, "Input/output error")

    with LayoutSource(sample.layout.path) as source:
        monkeypatch.setattr(os, "pread", broken)
        with pytest.raises(RegistryError) as caught:
            source.manifest(source.head("v1", None))
    assert caught.value.code == "SM4003"
    assert caught.value.got == "EIO (Input/output error)"


def test_no_descriptors_left(sample: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> int:
        raise OSError(24, "Too many open files")

    with LayoutSource(sample.layout.path) as source:
        head = source.head("v1", None)
        monkeypatch.setattr(os, "open", exhausted)
        assert code_of(lambda: source.manifest(head)) == "SM4003"
        assert code_of(lambda: LayoutSource(sample.layout.path)) == "SM4003"


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
