"""A layout in a tar: the same answers as from the folder, and no archive that two readers would take differently."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from secmount.errors import ContentError, RegistryError, SecmountError
from secmount.oci import descriptor
from secmount.oci.digest import Digest
from secmount.registry import members
from secmount.registry.archive import ArchiveSource
from secmount.registry.layout import LayoutSource
from tests.support.layouts import Layout, Model, model

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


@pytest.fixture
def sample(tmp_path: Path) -> Model:
    found = model(tmp_path / "m")
    found.layout.attach_referrer(found.manifest, b"signature")
    return found


def pack(layout: Layout, target: Path, *, format: int = tarfile.PAX_FORMAT, prefix: str = "") -> Path:
    with tarfile.open(target, "w", format=format) as archive:
        for path in sorted(layout.root.rglob("*")):
            archive.add(path, prefix + str(path.relative_to(layout.root)), recursive=False)
    return target


def with_members(layout: Layout, target: Path, *extra: tuple[tarfile.TarInfo, bytes]) -> Path:
    pack(layout, target)
    with tarfile.open(target, "a") as archive:
        for info, data in extra:
            archive.addfile(info, io.BytesIO(data))
    return target


def info(
    name: str, data: bytes = b"", *, type: bytes = tarfile.REGTYPE, target: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size = type, target, len(data)
    return found, data


def code_of(path: Path) -> str:
    with pytest.raises(SecmountError) as caught:
        ArchiveSource(str(path)).close()
    return caught.value.code


@pytest.mark.parametrize("format", FORMATS.values(), ids=FORMATS.keys())
@pytest.mark.parametrize("prefix", ["", "./", "/", "././"])
def test_the_same_answers_as_the_folder(sample: Model, tmp_path: Path, format: int, prefix: str) -> None:
    path = pack(sample.layout, tmp_path / "a.tar", format=format, prefix=prefix)
    with LayoutSource(sample.layout.path) as folder, ArchiveSource(str(path)) as archive:
        head = folder.head("v1", None)
        assert archive.head("v1", None) == archive.head(None, None) == head
        assert archive.head(None, head.digest) == folder.head(None, head.digest)
        assert archive.manifest(head) == folder.manifest(head)
        assert archive.referrers(head.digest) == folder.referrers(head.digest)
        weights = descriptor.from_json(sample.weights, subject="x")
        with archive.stream(weights, offset=7) as chunks:
            assert b"".join(chunks) == sample.files["model.safetensors"][7:]


def test_unlisted_referrers(sample: Model, tmp_path: Path) -> None:
    row = sample.layout.manifests[-1]
    sample.layout.unlist(row)
    with ArchiveSource(str(sample.layout.archive(tmp_path / "a.tar"))) as archive:
        assert [str(r.digest) for r in archive.referrers(Digest.parse(sample.digest))] == [row["digest"]]


def test_a_blob_that_is_not_there_or_lies(sample: Model, tmp_path: Path) -> None:
    sample.layout.corrupt(sample.manifest)
    sample.layout.remove(sample.config)
    with ArchiveSource(str(sample.layout.archive(tmp_path / "a.tar"))) as archive:
        with pytest.raises(ContentError, match="SM5001"):
            archive.manifest(archive.head("v1", None))
        with pytest.raises(RegistryError, match="SM4014"):
            archive.small(descriptor.from_json(sample.config, subject="x"), limit=1000)
        with pytest.raises(ContentError, match="SM5002"):
            archive.small(descriptor.from_json({**sample.weights, "size": 5}, subject="x"), limit=1000)


def test_what_is_not_an_archive(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("x" * 5000)
    (tmp_path / "short").write_text("x")
    (tmp_path / "nothing").write_bytes(b"")
    (tmp_path / "end").write_bytes(bytes(1024))
    os.mkfifo(tmp_path / "pipe")
    assert code_of(tmp_path / "absent") == "SM4001"
    assert code_of(tmp_path / "text" / "below") == "SM4001"
    assert code_of(tmp_path) == "SM4005"
    assert code_of(tmp_path / "pipe") == "SM4005"
    assert code_of(tmp_path / "text") == "SM4030"
    assert code_of(tmp_path / "short") == "SM4030"
    assert code_of(tmp_path / "nothing") == "SM4030"
    assert code_of(tmp_path / "end") == "SM4004"


ZSTD_EMPTY = bytes.fromhex("28b52ffd2000010000")
COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda _: ZSTD_EMPTY,
}


@pytest.mark.parametrize("name", COMPRESSIONS)
def test_compressed(sample: Model, tmp_path: Path, name: str) -> None:
    path = sample.layout.archive(tmp_path / "a.tar")
    path.write_bytes(COMPRESSIONS[name](path.read_bytes()))
    with pytest.raises(RegistryError) as caught:
        ArchiveSource(str(path))
    assert (caught.value.code, caught.value.got) == ("SM4031", name)


@pytest.mark.parametrize(
    "name", ["index.json", "./index.json", "/index.json", "a/../index.json", "blobs/..//index.json"]
)
def test_a_member_twice(sample: Model, tmp_path: Path, name: str) -> None:
    assert code_of(with_members(sample.layout, tmp_path / "a.tar", info(name, b"{}"))) == "SM4032"


def test_a_blob_twice(sample: Model, tmp_path: Path) -> None:
    name = "blobs/" + sample.digest.replace(":", "/")
    assert code_of(with_members(sample.layout, tmp_path / "a.tar", info(name, b"{}"))) == "SM4032"


@pytest.mark.parametrize(
    "type", [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE, b"Z"]
)
def test_a_member_that_is_not_a_plain_file(sample: Model, tmp_path: Path, type: bytes) -> None:
    extra = info("blobs/sha256/" + "0" * 64, type=type, target="/etc/passwd")
    assert code_of(with_members(sample.layout, tmp_path / "a.tar", extra)) == "SM4033"


def test_other_members_are_left_alone(sample: Model, tmp_path: Path) -> None:
    path = with_members(
        sample.layout,
        tmp_path / "a.tar",
        info("manifest.json", b"[]"),
        info("latest/layer.tar", type=tarfile.SYMTYPE, target="../blobs"),
        info("n" * 300, b"long"),
        info("../../etc/passwd", b"x"),
        info("blobs/sha256/" + "A" * 64, b"x"),
        info("dev", type=tarfile.CHRTYPE),
    )
    with ArchiveSource(str(path)) as archive:
        assert str(archive.head(None, None).digest) == sample.digest


def test_sparse_members(sample: Model, tmp_path: Path) -> None:
    extra, data = info("GNUSparseFile.0/x", b"x")
    extra.pax_headers = {"GNU.sparse.name": "index.json", "GNU.sparse.major": "1"}
    assert code_of(with_members(sample.layout, tmp_path / "a.tar", (extra, data))) == "SM4033"
    assert code_of(with_members(sample.layout, tmp_path / "b.tar", info("x", b"x", type=b"S"))) == "SM4033"


def test_a_link_with_a_size(sample: Model, tmp_path: Path) -> None:
    # some readers skip that many bytes, some do not: what follows would be two archives
    raw = bytearray(with_members(sample.layout, tmp_path / "a.tar", info("x", type=tarfile.SYMTYPE)).read_bytes())
    at = raw.rindex(b"x" + bytes(99))
    raw[at + 124 : at + 136] = b"00000001000\0"
    raw[at + 148 : at + 156] = b" " * 8
    raw[at + 148 : at + 156] = b"%06o\0 " % sum(raw[at : at + 512])
    (tmp_path / "b.tar").write_bytes(raw)
    assert code_of(tmp_path / "b.tar") == "SM4030"


def raw_header(name: bytes, size: bytes, type: bytes, data: bytes = b"") -> bytes:
    block = bytearray(512)
    block[:100] = name.ljust(100, b"\0")
    block[124:136] = size
    block[156:157] = type
    block[257:265] = b"ustar\x0000"
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block) + data + bytes(-len(data) % 512)


def octal(number: int) -> bytes:
    return b"%011o\0" % number


HEX = b"blobs/sha256/" + b"0" * 64
DAMAGED = {
    "size beyond the end": (raw_header(HEX, octal(1 << 30), b"0"), "SM4030"),
    "size of 2^62, base-256": (raw_header(HEX, b"\x80" + (1 << 62).to_bytes(11), b"0"), "SM4030"),
    "negative size, base-256": (raw_header(HEX, b"\xff" * 12, b"0"), "SM4030"),
    "size not octal": (raw_header(HEX, b"0000000009\0\0", b"0"), "SM4030"),
    "checksum": (b"x" + raw_header(b"y", octal(0), b"0")[1:], "SM4030"),
    "pax without a length": (raw_header(b"p", octal(10), b"x", b"path=xxxx\n"), "SM4030"),
    "pax with a long length": (raw_header(b"p", octal(11), b"x", b"99 path=xx\n"), "SM4030"),
    "pax with a short length": (raw_header(b"p", octal(11), b"x", b"5 path=xxx\n"), "SM4030"),
    "pax without a line end": (raw_header(b"p", octal(10), b"x", b"10 path=xx"), "SM4030"),
    "pax size not a number": (
        raw_header(b"p", octal(11), b"x", b"11 size=-1\n") + raw_header(HEX, octal(0), b"0"),
        "SM4030",
    ),
    "pax size beyond the end": (
        raw_header(b"p", octal(15), b"x", b"15 size=999999\n") + raw_header(HEX, octal(0), b"0"),
        "SM4030",
    ),
    "two pax headers": (raw_header(b"p", octal(11), b"x", b"11 path=xx\n") * 2, "SM4030"),
    "two long names": (raw_header(b"p", octal(3), b"L", b"xx\0") * 2, "SM4030"),
    "a global path": (raw_header(b"p", octal(19), b"g", b"19 path=index.json\n"), "SM4030"),
    "a long name that is too long": (raw_header(b"p", octal(1 << 20), b"L", b"x" * (1 << 20)), "SM4034"),
}


def test_a_member_that_goes_on_beyond_the_end_says_so(sample: Model, tmp_path: Path) -> None:
    path = sample.layout.archive(tmp_path / "a.tar")
    path.write_bytes(raw_header(HEX, octal(5000), b"0"))
    with pytest.raises(RegistryError) as caught:
        ArchiveSource(str(path))
    assert (caught.value.got, caught.value.want) == ("end at byte 512", "at least 5632")


@pytest.mark.parametrize(("more", "code"), DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged(sample: Model, tmp_path: Path, more: bytes, code: str) -> None:
    raw = sample.layout.archive(tmp_path / "a.tar").read_bytes().rstrip(b"\0")
    raw += bytes(-len(raw) % 512)
    (tmp_path / "b.tar").write_bytes(raw + more + bytes(1024))
    assert code_of(tmp_path / "b.tar") == code


def test_names_in_pax_and_gnu_headers(sample: Model, tmp_path: Path) -> None:
    for number, (kind, data) in enumerate({b"x": b"19 path=index.json\n", b"L": b"index.json\0"}.items()):
        more = raw_header(b"p", octal(len(data)), kind, data) + raw_header(b"y", octal(2), b"0", b"{}")
        raw = sample.layout.archive(tmp_path / "a.tar").read_bytes().rstrip(b"\0")
        raw += bytes(-len(raw) % 512)
        (tmp_path / f"{number}.tar").write_bytes(raw + more + bytes(1024))
        assert code_of(tmp_path / f"{number}.tar") == "SM4032"


@pytest.mark.parametrize("keep", [512, 700, 1024, 5000])
def test_cut_short(sample: Model, tmp_path: Path, keep: int) -> None:
    path = sample.layout.archive(tmp_path / "a.tar")
    path.write_bytes(path.read_bytes()[:keep])
    assert code_of(path) == "SM4030"


def test_without_its_end_mark(sample: Model, tmp_path: Path) -> None:
    path = sample.layout.archive(tmp_path / "a.tar")
    raw = path.read_bytes().rstrip(b"\0")
    path.write_bytes(raw + bytes(-len(raw) % 512))
    assert code_of(path) == "SM4030"


def test_too_many(sample: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MEMBERS_LIMIT", 5)
    assert code_of(sample.layout.archive(tmp_path / "a.tar")) == "SM4034"


def test_base_256_sizes_are_read(sample: Model, tmp_path: Path) -> None:
    raw = sample.layout.archive(tmp_path / "a.tar").read_bytes().rstrip(b"\0")
    raw += bytes(-len(raw) % 512)
    more = raw_header(b"blobs/sha256/" + b"0" * 64, b"\x80" + (5).to_bytes(11), b"0", b"hello")
    (tmp_path / "b.tar").write_bytes(raw + more + bytes(1024))
    row = {"mediaType": "a/b", "digest": "sha256:" + "0" * 64, "size": 5}
    with (
        ArchiveSource(str(tmp_path / "b.tar")) as archive,
        archive.stream(descriptor.from_json(row, subject="x")) as chunks,
    ):
        assert b"".join(chunks) == b"hello"


def test_descriptors_are_given_back(sample: Model, tmp_path: Path) -> None:
    path = sample.layout.archive(tmp_path / "a.tar")
    before = len(os.listdir("/proc/self/fd"))
    with ArchiveSource(str(path)) as archive:
        archive.manifest(archive.head("v1", None))
    archive.close()
    path.write_bytes(b"x" * 600)
    code_of(path)
    assert len(os.listdir("/proc/self/fd")) == before
