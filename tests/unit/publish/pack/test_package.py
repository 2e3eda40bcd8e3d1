"""Packing: what becomes of files and folders, the same digest for the same input, and what is refused."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import stat
import tarfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from secmount.errors import InputError, SecmountError
from secmount.oci import manifest
from secmount.oci.digest import Digest
from secmount.oci.layer import ORAS_DIGEST, ORAS_UNPACK, TITLE, shape
from secmount.oci.manifest import Manifest
from secmount.publish.pack import words
from secmount.publish.pack.layers import Options
from secmount.publish.pack.package import Package, pack


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a file and a folder."""
    monkeypatch.chdir(tmp_path)
    Path("weights.bin").write_bytes(b"w" * 5000)
    Path("data/deep").mkdir(parents=True)
    Path("data/a.txt").write_text("a")
    Path("data/run.sh").write_text("#!/bin/sh\n")
    Path("data/run.sh").chmod(0o4775)
    Path("data/deep/b").write_bytes(b"")
    Path("data/link").symlink_to("deep/../a.txt")
    return tmp_path


def packed(*paths: str, **options: Any) -> tuple[Package, list[bytes]]:
    with pack(paths, Options("model", **options)) as package:
        return package, [b"".join([blob.data] if isinstance(blob.data, bytes) else blob.data) for blob in package.blobs]


def refused(code: str, *paths: str, **options: Any) -> SecmountError:
    with pytest.raises(InputError) as caught:
        packed(*paths, **options)
    assert caught.value.code == code, caught.value
    return caught.value


def read(package: Package) -> Manifest:
    found = manifest.parse(package.raw, expected=package.manifest.media_type, subject="")
    assert isinstance(found, Manifest)
    return found


def members(data: bytes) -> list[tarfile.TarInfo]:
    return tarfile.open(fileobj=io.BytesIO(data)).getmembers()


def test_a_file_is_a_layer_with_a_title() -> None:
    package, (data, config) = packed("weights.bin")
    found = read(package)
    (layer,) = found.layers
    assert (layer.media_type, dict(layer.annotations)) == ("application/octet-stream", {TITLE: "weights.bin"})
    assert layer.digest == Digest.of(data) and data == Path("weights.bin").read_bytes()
    assert config == b"{}" and found.artifact_type == "application/vnd.unknown.artifact.v1"
    assert package.manifest.digest == Digest.of(package.raw) and "annotations" not in json.loads(package.raw)


def test_a_folder_is_an_archive_that_says_so() -> None:
    package, (data, _) = packed("data")
    (layer,) = read(package).layers
    tar = gzip.decompress(data)
    assert layer.media_type == "application/vnd.oci.image.layer.v1.tar+gzip"
    assert dict(layer.annotations) == {TITLE: "data", ORAS_UNPACK: "true", ORAS_DIGEST: str(Digest.of(tar))}
    found = {row.name: row for row in members(tar)}
    assert list(found) == ["data", "data/a.txt", "data/deep", "data/deep/b", "data/link", "data/run.sh"]
    for row in found.values():
        assert (row.uid, row.gid, row.uname, row.gname, row.mtime) == (0, 0, "", "", 0)
    modes = {name: stat.S_IMODE(row.mode) for name, row in found.items()}
    assert modes["data/run.sh"] == modes["data"] == 0o755 and modes["data/a.txt"] == 0o644
    assert found["data/link"].linkname == "deep/../a.txt"
    assert shape(layer, 0, read(package)).prefix == "data"


def test_the_gzip_header_says_nothing() -> None:
    _, (data, _) = packed("data")
    assert data[:10] == b"\x1f\x8b\x08\0\0\0\0\0\0\xff"


def test_a_tar_ends_where_the_reader_of_go_stops() -> None:
    _, (data, _) = packed("data")
    tar = gzip.decompress(data)
    assert tar[-1024:] == bytes(1024) and tar[-1536:] != bytes(1536)


def test_the_same_content_gives_the_same_digest(tmp_path: Path) -> None:
    """Whatever its owner, times, umask and order on disk are."""
    first, _ = packed("weights.bin", "data", annotations={"b": "1", "a": "2"})
    Path("moved").mkdir()
    os.chdir("moved")
    Path("data/deep").mkdir(parents=True, mode=0o700)
    Path("data/run.sh").write_text("#!/bin/sh\n")
    Path("data/run.sh").chmod(0o700)
    Path("data/link").symlink_to("deep/../a.txt")
    Path("data/deep/b").touch()
    Path("data/a.txt").write_text("a")
    Path("data/a.txt").chmod(0o600)
    Path("weights.bin").write_bytes(b"w" * 5000)
    for path in Path().rglob("*"):
        os.utime(path, (7, 7), follow_symlinks=False)
    again, _ = packed("weights.bin", "data", annotations={"a": "2", "b": "1"})
    assert again.raw == first.raw


def test_times_are_kept_if_asked_for() -> None:
    os.utime("data/a.txt", ns=(0, 5_900_000_000))
    os.utime("data/run.sh", ns=(0, 99_000_000_000))
    _, (data, _) = packed("data", newest=50)
    found = {row.name: row.mtime for row in members(gzip.decompress(data))}
    assert (found["data/a.txt"], found["data/run.sh"]) == (5, 50)


def test_this_folder_itself() -> None:
    os.chdir("data")
    package, (data, _) = packed(".")
    assert read(package).layers[0].annotations[TITLE] == "."
    assert [row.name for row in members(gzip.decompress(data))] == ["a.txt", "deep", "deep/b", "link", "run.sh"]


def test_long_and_foreign_names_and_large_files(tmp_path: Path) -> None:
    name = "ü" * 100
    Path("data/deep", name).write_text("x")
    _, (data, _) = packed("data")
    assert f"data/deep/{name}" in {row.name for row in members(gzip.decompress(data))}


def test_types_and_config_are_what_is_said() -> None:
    Path("c.json").write_text("{}")
    options = {"artifact_type": "a/b", "config": "c.json:application/vnd.acme.config.v1+json"}
    package, _ = packed("weights.bin:application/vnd.acme.weights", "data:application/vnd.acme.data", **options)
    found = read(package)
    assert [layer.media_type for layer in found.layers] == ["application/vnd.acme.weights", "application/vnd.acme.data"]
    assert (found.artifact_type, found.config.media_type) == ("a/b", "application/vnd.acme.config.v1+json")
    package, _ = packed("weights.bin", config="c.json")
    assert json.loads(package.raw).keys() == {"schemaVersion", "mediaType", "config", "layers"}


def test_modelpack() -> None:
    for name in ("README.md", "config.json", "model.safetensors", "train.csv", "run.py"):
        Path(name).write_text(name)
    package, blobs = packed(
        "README.md", "config.json", "model.safetensors", "train.csv", "run.py", "weights.bin:doc", format="modelpack"
    )
    found = read(package)
    kinds = [layer.media_type.removeprefix("application/vnd.cncf.model.") for layer in found.layers]
    assert kinds == [
        "doc.v1.raw",
        "weight.config.v1.raw",
        "weight.v1.raw",
        "dataset.v1.raw",
        "code.v1.raw",
        "doc.v1.raw",
    ]
    assert {layer.annotations["org.cncf.model.filepath"] for layer in found.layers} >= {"README.md", "run.py"}
    assert found.artifact_type == "application/vnd.cncf.model.manifest.v1+json"
    config = json.loads(blobs[-1])
    assert config["modelfs"]["diffIds"] == [str(layer.digest) for layer in found.layers]
    assert config["descriptor"] == {"name": "model"}


def test_modelpack_takes_a_folder_file_by_file() -> None:
    Path("data/link").unlink()
    package, _ = packed("data", format="modelpack")
    titles = [layer.annotations[TITLE] for layer in read(package).layers]
    assert titles == ["data/a.txt", "data/deep/b", "data/run.sh"]


def test_modelpack_takes_a_folder_as_tar_if_the_type_says_so() -> None:
    for form, opened in (("tar", bytes), ("tar+gzip", gzip.decompress)):
        package, (data, config) = packed(f"data:application/vnd.cncf.model.dataset.v1.{form}", format="modelpack")
        tar = opened(data)
        assert "data/deep/b" in {row.name for row in members(tar)}
        assert json.loads(config)["modelfs"]["diffIds"] == [str(Digest.of(tar))]
        assert ORAS_UNPACK not in read(package).layers[0].annotations


@pytest.mark.parametrize(
    ("text", "path", "media_type"),
    [
        ("a", "a", None),
        ("a:text/plain", "a", "text/plain"),
        ("ab:c", "ab:c", None),
        ("ab:c:text/plain", "ab:c", "text/plain"),
        ("ab:c/d/e", "ab:c/d/e", None),
        ("./a//b/:x/y", "./a//b/", "x/y"),
        (":text/plain", ":text/plain", None),
    ],
)
def test_a_path_and_its_type(text: str, path: str, media_type: str | None) -> None:
    found = words.read(text)
    assert (found.path, found.media_type) == (path, media_type)


@pytest.mark.parametrize(
    ("path", "title"),
    [
        ("./a", "a"),
        ("a//b/", "a/b"),
        ("/etc/a", "a"),
        ("../a", "a"),
        ("a/../b", "b"),
        (".", "."),
        ("/", "."),
        ("a/..", "."),
    ],
)
def test_the_title_of_a_path(path: str, title: str) -> None:
    assert words.read(path).title == title


class TestRefused:
    """Nothing that a reader could not, or should not, be given."""

    @pytest.mark.parametrize(
        "target", ["/etc/passwd", "../outside", "deep/../../outside", "..", "deep/../..", "/", "\udcff"]
    )
    def test_a_link_that_leaves_the_folder(self, target: str) -> None:
        os.symlink(target, "data/bad")
        refused("SM1032", "data")

    def test_a_link_in_modelpack(self) -> None:
        refused("SM1032", "data", format="modelpack")

    def test_a_pipe(self) -> None:
        os.mkfifo("data/pipe")
        refused("SM1030", "data")
        refused("SM1030", "data/pipe")

    def test_a_socket(self) -> None:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("data/s")
            refused("SM1030", "data")
            refused("SM1030", "data/s")

    @pytest.mark.parametrize("path", ["absent", "absent/x", "weights.bin/x", "", "/dev/null"])
    def test_what_is_no_file(self, path: str) -> None:
        refused("SM1030", path)

    @pytest.mark.skipif(os.geteuid() != 0, reason="a device needs root")
    def test_a_device(self) -> None:
        os.mknod("data/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        refused("SM1030", "data")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
    def test_what_may_not_be_read(self) -> None:
        Path("data/a.txt").chmod(0)
        refused("SM1030", "data")

    @pytest.mark.parametrize("name", ["a\nb", "a\0b", "a\\b", "a\x1b[31m", "\u202egnp", "~x", "C:"])
    def test_a_name_that_no_reader_takes(self, name: str) -> None:
        refused("SM1033", name)
        if "\0" not in name and name not in ("~x", "C:"):
            Path("data", name).write_text("x")
            refused("SM1033", "data")

    def test_a_name_that_is_no_text(self) -> None:
        Path(os.fsdecode(b"data/\xff")).write_text("x")
        refused("SM1033", "data")

    @pytest.mark.parametrize(
        "paths", [("weights.bin", "./weights.bin"), ("weights.bin", "data/../weights.bin:a/b"), ("data", "data/")]
    )
    def test_one_title_twice(self, paths: Sequence[str]) -> None:
        assert "weights.bin" in str(refused("SM1033", *paths).got) or paths[0] == "data"

    def test_nothing_at_all(self) -> None:
        Path("empty").mkdir()
        refused("SM1033", "empty", format="modelpack")

    @pytest.mark.parametrize("media_type", ["application/vnd.x.tar+zstd", "application/x-zstd.tar.zst"])
    def test_a_type_that_the_folder_will_not_be(self, media_type: str) -> None:
        refused("SM1031", f"data:{media_type}")

    @pytest.mark.parametrize("text", ["x", "x/", "/x", "a/b/c", "a/b c", "a/b\n", ""])
    def test_an_artifact_type_that_is_none(self, text: str) -> None:
        refused("SM1031", "weights.bin", artifact_type=text)

    def test_a_config_that_nobody_would_read(self) -> None:
        with Path("large").open("wb") as file:
            file.truncate((4 << 20) + 1)
        refused("SM1031", "weights.bin", config="large")

    @pytest.mark.parametrize("pairs", [{"": "x"}, {"a": "x" * (1 << 20)}, {"a": "\udcff"}])
    def test_annotations_that_a_manifest_cannot_hold(self, pairs: dict[str, str]) -> None:
        refused("SM1035", "weights.bin", annotations=pairs)


class TestChanging:
    """A file is what it was when it was first read, or nothing is made of it."""

    @pytest.mark.parametrize("change", ["grows", "shrinks", "rewritten", "replaced", "touched"])
    def test_between_hashing_and_sending(self, change: str) -> None:
        with pack(["weights.bin"], Options("model")) as package:
            path = Path("weights.bin")
            before = path.stat()
            if change == "replaced":
                path.rename("old")
            path.write_bytes(b"w" * {"grows": 5001, "shrinks": 4999}.get(change, 5000))
            if change == "rewritten":
                path.write_bytes(b"x" * 5000)
                os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
            with pytest.raises(InputError) as caught:
                list(package.blobs[0].data)
        assert caught.value.code == "SM1034"

    @pytest.mark.parametrize("change", ["appended", "truncated", "replaced"])
    def test_while_it_is_read(self, change: str) -> None:
        Path("weights.bin").write_bytes(bytes(3 << 20))
        with pack(["weights.bin"], Options("model")) as package:
            chunks = iter(package.blobs[0].data)
            next(chunks)
            if change == "appended":
                with Path("weights.bin").open("ab") as file:
                    file.write(b"x")
            elif change == "truncated":
                os.truncate("weights.bin", 1 << 20)
            else:
                os.utime("weights.bin", (1, 1))
            with pytest.raises(InputError) as caught:
                list(chunks)
        assert caught.value.code == "SM1034"

    def test_while_a_folder_is_packed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from secmount.publish.pack import archive

        real = archive._header

        def meddling(name: str, kind: bytes, **more: Any) -> bytes:
            if name == "data/run.sh":
                Path("data/run.sh").write_text("#!/bin/sh -x\n")
            return real(name, kind, **more)

        monkeypatch.setattr(archive, "_header", meddling)
        refused("SM1034", "data")

    def test_a_folder_that_becomes_a_link_meanwhile(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """No link is followed on the way to what was listed."""
        from secmount.publish.pack import archive

        Path("secret").mkdir()
        Path("secret/b").write_bytes(b"")
        real = archive._header

        def meddling(name: str, kind: bytes, **more: Any) -> bytes:
            if name == "data/deep/b":
                Path("data/deep").rename("gone")
                Path("data/deep").symlink_to("../secret")
            return real(name, kind, **more)

        monkeypatch.setattr(archive, "_header", meddling)
        refused("SM1030", "data")
