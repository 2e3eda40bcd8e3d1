"""A layout folder as a source: what is found, what is refused, and that nothing leads out of it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from secmount.errors import RegistryError, SecmountError
from secmount.oci import descriptor
from secmount.oci.descriptor import Descriptor
from secmount.registry.layout import LayoutSource
from tests.support.layouts import DUPLICATE_KEYS, Json, Layout, Model, model


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
