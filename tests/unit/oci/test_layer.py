"""What a layer is, by its annotations and types: archive or file, name, compression; and paths that are none."""

from __future__ import annotations

from typing import Any

import pytest

from secmount.errors import ContentError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.layer import LayerShape, check_path, shape
from secmount.oci.manifest import OCI_MANIFEST, Manifest, parse
from secmount.oci.producers import FIXED_NAMES
from tests.support.layouts import OCI_CONFIG, OCI_EMPTY, digest_of, encode

TITLE, UNPACK = "org.opencontainers.image.title", "io.deis.oras.content.unpack"
CNCF, CNAI = "org.cncf.model.filepath", "org.cnai.model.filepath"
DATA = Digest.of(b"data")
ORAS_FILE = "application/vnd.oci.image.layer.v1.tar"


def manifest(rows: list[dict[str, Any]], config: str = OCI_EMPTY) -> Manifest:
    full = [{"digest": str(DATA), "size": 4, **row} for row in rows]
    about = {"mediaType": config, "digest": str(DATA), "size": 4}
    raw = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": about, "layers": full})
    document = parse(raw, expected=OCI_MANIFEST, subject="test")
    assert isinstance(document, Manifest)
    return document


def shaped(media_type: str, annotations: dict[str, str] | None = None, *, config: str = OCI_EMPTY) -> LayerShape:
    document = manifest([{"mediaType": media_type, "annotations": annotations or {}}], config)
    return shape(document.layers[0], 0, document)


@pytest.mark.parametrize(
    ("media_type", "compression"),
    [
        ("application/vnd.cncf.model.weight.v1.tar", "none"),
        ("application/vnd.cncf.model.weight.v1.tar+gzip", "gzip"),
        ("application/vnd.cncf.model.weight.v1.tar+zstd", "zstd"),
        ("application/vnd.cnai.model.weight.config.v1.tar+gzip", "gzip"),
        ("application/vnd.cncf.cnai.model.layer.v1.tar", "none"),
        ("application/vnd.kitops.modelkit.model.v1.tar+zstd", "zstd"),
        ("application/vnd.cncf.helm.chart.content.v1.tar+gzip", "gzip"),
        ("application/vnd.cncf.falco.rulesfile.layer.v1+tar.gz", "gzip"),
        ("application/vnd.docker.image.rootfs.diff.tar.gzip", "gzip"),
        ("application/vnd.docker.ai.vllm.config.tar", "none"),
        ("application/vnd.devcontainers.layer.v1+tar", "none"),
        ("application/tar+gzip", "gzip"),
        ("application/x-tar", "none"),
        ("application/vnd.acme.TAR+GZIP", "gzip"),
        ("application/x-tgz", "gzip"),
        ("application/vnd.acme.v1.tar+gzip; charset=binary", "gzip"),
    ],
)
def test_archives_by_media_type(media_type: str, compression: str) -> None:
    found = shaped(media_type)
    assert (found.kind, found.compression, found.path, found.image) == ("archive", compression, None, False)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/octet-stream",
        "application/gzip",
        "application/vnd.cncf.model.weight.v1.raw",
        "application/vnd.acme.tarball",
        "application/vnd.acme.star",
        "text/tarot",
        "application/vnd.sylabs.sif.layer.v1.sif",
    ],
)
def test_files_by_media_type(media_type: str) -> None:
    found = shaped(media_type, {TITLE: "a"})
    assert (found.kind, found.compression, found.path) == ("file", "none", "a")


def test_a_plain_file_that_oras_calls_a_tar_is_unknown_until_its_bytes_are_seen() -> None:
    found = shaped(ORAS_FILE, {TITLE: "notes.txt"})
    assert (found.kind, found.path, found.basis) == ("unknown", "notes.txt", "bytes")
    assert shaped("application/vnd.cnai.model.layer.v1.tar", {TITLE: "m"}).kind == "unknown"
    assert shaped(f"{ORAS_FILE}+gzip", {TITLE: "notes.txt"}).kind == "archive"
    assert shaped(ORAS_FILE).kind == "archive"


def test_the_unpack_annotation_decides_before_the_type() -> None:
    found = shaped("application/octet-stream", {TITLE: "d/e", UNPACK: "true"})
    assert (found.kind, found.compression, found.prefix, found.basis) == ("archive", "any", "d/e", UNPACK)
    assert shaped("application/x.tar+gzip", {TITLE: "d", UNPACK: "true"}).compression == "gzip"
    assert shaped("application/x.tar", {TITLE: "d.tar", UNPACK: "false"}).kind == "file"
    assert shaped("application/x.tar+gzip", {UNPACK: "true"}).prefix == ""


def test_only_image_layers_of_images_are_images() -> None:
    docker = "application/vnd.docker.container.image.v1+json"
    assert shaped(f"{ORAS_FILE}+gzip", config=OCI_CONFIG).image
    assert shaped("application/vnd.docker.image.rootfs.diff.tar.gzip", config=docker).image
    assert shaped(ORAS_FILE, {TITLE: "base"}, config=OCI_CONFIG).image
    assert not shaped(f"{ORAS_FILE}+gzip").image
    assert not shaped("application/vnd.acme.v1.tar+gzip", config=OCI_CONFIG).image
    assert not shaped(f"{ORAS_FILE}+gzip", {TITLE: "d", UNPACK: "true"}, config=OCI_CONFIG).image


def test_names_in_order_of_precedence() -> None:
    raw = "application/vnd.docker.ai.gguf.v3"
    assert shaped(raw, {TITLE: "t", CNCF: "c", CNAI: "n"}).path == "t"
    assert shaped(raw, {CNCF: "c", CNAI: "n"}).path == "c"
    assert shaped(raw, {CNAI: "n"}).path == "n"
    assert shaped(raw).path == "model.gguf"
    assert shaped("application/octet-stream").path == f"sha256-{DATA.hex[:12]}"


def test_a_lying_annotation_is_refused_even_where_a_better_one_stands() -> None:
    with pytest.raises(ContentError) as caught:
        shaped("application/octet-stream", {TITLE: "../x", CNCF: "good"})
    assert caught.value.code == "SM5101"


def test_repeated_fixed_names_are_numbered() -> None:
    weights, licence = "application/vnd.docker.ai.gguf.v3", "application/vnd.ollama.image.license"
    document = manifest([{"mediaType": kind} for kind in (weights, licence, weights, licence)])
    names = [shape(row, position, document).path for position, row in enumerate(document.layers)]
    assert names == ["model-00001-of-00002.gguf", "license", "model-00002-of-00002.gguf", "license-2"]


def test_too_many_layers_to_count_each_among_all_are_named_by_digest() -> None:
    document = manifest([{"mediaType": "application/vnd.docker.ai.gguf.v3"}] * 10_000)
    names = {shape(row, position, document).path for position, row in enumerate(document.layers)}
    assert names == {f"sha256-{DATA.hex[:12]}"}


def test_ollama_names_stand_in_the_descriptor() -> None:
    document = manifest([{"mediaType": "application/vnd.ollama.image.json", "name": "text_encoder/config.json"}])
    assert shape(document.layers[0], 0, document).path == "text_encoder/config.json"
    lying = manifest([{"mediaType": "application/vnd.ollama.image.tensor", "name": "../../etc/passwd"}])
    with pytest.raises(ContentError) as caught:
        shape(lying.layers[0], 0, lying)
    assert caught.value.code == "SM5101"
    other = manifest([{"mediaType": "application/octet-stream", "name": "../../etc/passwd"}])
    assert shape(other.layers[0], 0, other).path == f"sha256-{DATA.hex[:12]}"


def test_a_compressed_single_file_is_unpacked_only_for_kitops() -> None:
    assert shaped("application/vnd.kitops.modelkit.model.v1.raw+gzip", {CNCF: "m"}).compression == "gzip"
    assert shaped("application/vnd.kitops.modelkit.model.v1.raw", {CNCF: "m"}).compression == "none"
    assert shaped("application/vnd.acme.model.v1.raw+gzip", {CNCF: "m"}).compression == "none"


def test_file_metadata_gives_mode_and_time() -> None:
    text = '{"name":"run.sh","mode":493,"uid":0,"gid":0,"size":4,"mtime":"2025-05-01T10:00:00.5+02:00","typeflag":48}'
    for key in (
        "org.cncf.model.file.metadata+json",
        "org.cnai.model.file.metadata+json",
        "org.cnai.model.file.metadata",
    ):
        found = shaped("application/vnd.cncf.model.code.v1.raw", {CNCF: "run.sh", key: text})
        assert (found.executable, found.mtime) == (True, 1_746_086_400_500_000_000)
    assert not shaped("application/vnd.cncf.model.code.v1.raw", {CNCF: "a"}).executable


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("not json", "SM5010"),
        ('{"mode":1,"mode":2}', "SM5010"),
        ("[]", "SM5012"),
        ('{"mode":"0755"}', "SM5012"),
        ('{"mode":true}', "SM5012"),
        ('{"mtime":5}', "SM5012"),
        ('{"mtime":"yesterday"}', "SM5012"),
        ('{"name":"' + "a" * 20_000 + '"}', "SM5011"),
    ],
)
def test_file_metadata_that_is_none(text: str, code: str) -> None:
    with pytest.raises(ContentError) as caught:
        shaped("application/vnd.cncf.model.code.v1.raw", {CNCF: "a", "org.cncf.model.file.metadata+json": text})
    assert caught.value.code == code


def test_what_the_unpacked_bytes_must_be() -> None:
    wanted = digest_of(b"other")
    annotations = {TITLE: "d", UNPACK: "true", "io.deis.oras.content.digest": wanted}
    assert str(shaped("application/x.tar+gzip", annotations).unpacked) == wanted


@pytest.mark.parametrize("path", ["a", "a/b", "a b", ".hidden", "..a/b..", "ünïcode/名前", "ab:c", "n" * 255])
def test_good_paths(path: str) -> None:
    assert check_path(path, subject="test") == path


@pytest.mark.parametrize("path", ["\ud800", "a\udc80"])
def test_paths_that_are_no_text(path: str) -> None:
    with pytest.raises(ContentError) as caught:
        check_path(path, subject="test")
    assert caught.value.code == "SM5102"


def test_every_fixed_name_is_a_path() -> None:
    for media_type, row in FIXED_NAMES.items():
        assert not row.name or check_path(row.name, subject=media_type) == row.name


def test_a_descriptor_without_annotations_has_no_name() -> None:
    assert Descriptor("application/octet-stream", DATA, 4).name is None
