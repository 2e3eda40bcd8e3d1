"""What a reference turns out to mean, and the sources that would have it mean something else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from secmount.errors import SecmountError
from secmount.oci import descriptor, reference
from secmount.oci.descriptor import Descriptor, Platform
from secmount.oci.digest import Digest
from secmount.registry.layout import LayoutSource
from secmount.registry.resolution import Resolution
from secmount.registry.resolve import resolve
from secmount.registry.source import Referrers, Source
from tests.support.layouts import (
    OCI_EMPTY,
    OCI_INDEX,
    OCI_MANIFEST,
    Json,
    Layout,
    Model,
    ambiguous,
    describe,
    encode,
    model,
)


def resolved(
    layout: Layout, rest: str = "", platform: Platform | None = None, source: Source | None = None
) -> Resolution:
    asked = reference.parse(f"oci:{layout.path}{rest}", cwd="/")
    with LayoutSource(layout.path) as folder:
        return resolve(asked, source or folder, name=asked.name, name_source="asked", platform=platform)


def code_of(layout: Layout, rest: str = "", platform: Platform | None = None, source: Source | None = None) -> str:
    with pytest.raises(SecmountError) as caught:
        resolved(layout, rest, platform, source)
    return caught.value.code


@pytest.fixture
def sample(tmp_path: Path) -> Model:
    return model(tmp_path / "m")


@pytest.fixture
def multi(tmp_path: Path) -> tuple[Layout, dict[str, Json], Json]:
    layout = Layout(tmp_path / "multi")
    children = {
        name: layout.add_manifest(
            [layout.add_file("x", name.encode())],
            artifact_type="application/x",
            platform={"os": "linux", "architecture": name},
            listed=False,
        )
        for name in ("amd64", "arm64")
    }
    attestation = layout.add_manifest([], platform={"os": "unknown", "architecture": "unknown"}, listed=False)
    return layout, children, layout.add_index([*children.values(), attestation], tag="v1")


@pytest.mark.parametrize("rest", ["", ":v1", "@DIGEST"])
def test_a_manifest(sample: Model, rest: str) -> None:
    found = resolved(sample.layout, rest.replace("DIGEST", sample.digest))
    assert str(found.digest) == sample.digest
    assert found.subjects == (found.digest,)
    assert (found.index, found.platform) == (None, None)
    assert found.config == sample.layout.blob_path(sample.config).read_bytes()
    assert (found.name, found.name_source) == (f"oci:{sample.layout.path}", "asked")
    assert found.manifest.raw == sample.layout.blob_path(sample.manifest).read_bytes()


def test_a_platform_of_an_index(multi: tuple[Layout, dict[str, Json], Json]) -> None:
    layout, children, index = multi
    found = resolved(layout, ":v1", Platform("linux", "arm64"))
    assert str(found.digest) == children["arm64"]["digest"]
    assert found.index is not None
    assert [str(digest) for digest in found.subjects] == [children["arm64"]["digest"], index["digest"]]
    assert found.platform == Platform("linux", "arm64")
    assert code_of(layout, ":v1", Platform("linux", "s390x")) == "SM4020"


def test_a_child_by_its_digest(multi: tuple[Layout, dict[str, Json], Json]) -> None:
    layout, children, _ = multi
    assert resolved(layout, f"@{children['arm64']['digest']}").index is None


def test_an_index_in_an_index(multi: tuple[Layout, dict[str, Json], Json]) -> None:
    layout, _, index = multi
    layout.add_index([index], tag="outer")
    assert code_of(layout, ":outer") == "SM4022"


def test_sha512_is_kept_as_the_artifacts_digest(sample: Model) -> None:
    raw = sample.layout.blob_path(sample.manifest).read_bytes()
    digest = Digest.of(raw, "sha512")
    sample.layout.blob_path(str(digest)).parent.mkdir()
    sample.layout.blob_path(str(digest)).write_bytes(raw)
    assert resolved(sample.layout, f"@{digest}").digest == digest


def test_the_empty_config_need_not_be_there(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "l")
    layout.add_manifest([], artifact_type="application/x")
    layout.remove(describe(b"{}", OCI_EMPTY))
    assert resolved(layout).config == b"{}"


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"size": 3}, "SM5002"),
        ({"size": 0}, "SM5002"),
    ],
)
def test_an_empty_config_of_another_size(tmp_path: Path, config: Json, code: str) -> None:
    layout = Layout(tmp_path / "l")
    layout.add_manifest([], config={**describe(b"{}", OCI_EMPTY), **config}, artifact_type="application/x")
    assert code_of(layout) == code


def test_a_config_that_lies_is_missing_or_is_too_large(tmp_path: Path) -> None:
    for harm, code in {"corrupt": "SM5001", "truncate": "SM5002", "remove": "SM4014", "": "SM5011"}.items():
        layout = Layout(tmp_path / f"l{harm}")
        config = layout.add_blob(b" " * (100 if harm else (4 << 20) + 1), "application/x-config")
        layout.add_manifest([], config=config)
        if harm:
            getattr(layout, harm)(config)
        assert code_of(layout) == code


@pytest.mark.parametrize("harm", ["corrupt", "truncate"])
def test_a_child_that_lies(multi: tuple[Layout, dict[str, Json], Json], harm: str) -> None:
    layout, children, _ = multi
    getattr(layout, harm)(children["arm64"])
    code = {"corrupt": "SM5001", "truncate": "SM5002"}[harm]
    assert code_of(layout, ":v1", Platform("linux", "arm64")) == code


def test_an_entry_of_another_type_than_its_bytes(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "l")
    row = layout.add_manifest([layout.add_file("x", b"x")], listed=False)
    layout.list({**row, "mediaType": OCI_INDEX})
    assert code_of(layout) == "SM5013"


def test_a_child_of_another_type_than_its_bytes(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "l")
    row = layout.add_manifest([layout.add_file("x", b"x")], listed=False)
    layout.add_index([{**row, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"}])
    assert code_of(layout) == "SM5013"


@pytest.mark.parametrize("media_type", [OCI_MANIFEST, OCI_INDEX])
def test_a_document_that_is_two_things(multi: tuple[Layout, dict[str, Json], Json], media_type: str) -> None:
    layout, children, index = multi
    both = ambiguous(layout.blob_path(children["arm64"]).read_bytes(), layout.blob_path(index).read_bytes())
    row = layout.add_document(both.replace(OCI_MANIFEST.encode(), media_type.encode(), 1), media_type)
    layout.tag(row, "both")
    assert code_of(layout, ":both") == "SM5013"


class Liar:
    """A source that hashes nothing and gives what it likes."""

    def __init__(self, head: Descriptor, documents: dict[Digest, bytes], config: bytes = b"") -> None:
        self.said, self.documents, self.config = head, documents, config

    def head(self, tag: str | None, digest: Digest | None) -> Descriptor:
        return self.said

    def manifest(self, wanted: Descriptor) -> bytes:
        return self.documents[wanted.digest]

    def small(self, wanted: Descriptor, *, limit: int) -> bytes:
        return self.config

    def stream(self, wanted: Descriptor, *, offset: int = 0) -> AbstractContextManager[Iterator[bytes]]:
        raise AssertionError("no content is read before a decision")

    def referrers(self, subject: Digest) -> Referrers:
        raise AssertionError("resolving asks for no referrers")


def test_a_source_is_believed_in_nothing(sample: Model) -> None:
    layout = sample.layout
    raw = layout.blob_path(sample.manifest).read_bytes()
    head = descriptor.from_json(sample.manifest, subject="x")
    config = layout.blob_path(sample.config).read_bytes()
    by_digest = f"@{sample.digest}"
    honest = Liar(head, {head.digest: raw}, config)
    assert str(resolved(layout, by_digest, source=honest).digest) == sample.digest
    other = Digest.of(b"x")
    assert code_of(layout, by_digest, source=Liar(replace(head, digest=other), {other: raw}, config)) == "SM5001"
    replaced = raw.replace(b"Apache-2.0", b"MIT-anyone")
    mine = replace(head, digest=Digest.of(replaced))
    assert code_of(layout, by_digest, source=Liar(mine, {mine.digest: replaced}, config)) == "SM5001"
    assert code_of(layout, ":v1", source=Liar(replace(head, digest=other), {other: raw}, config)) == "SM5001"
    assert code_of(layout, by_digest, source=Liar(head, {head.digest: raw + b" "}, config)) == "SM5002"
    assert code_of(layout, by_digest, source=Liar(replace(head, size=5), {head.digest: raw}, config)) == "SM5002"
    assert code_of(layout, by_digest, source=Liar(head, {head.digest: raw}, config[:-1] + b" ")) == "SM5001"
    assert code_of(layout, by_digest, source=Liar(head, {head.digest: raw}, config + b" ")) == "SM5002"


def test_digest_goes_before_tag() -> None:
    raw = encode({"schemaVersion": 2, "config": describe(b"{}", OCI_EMPTY), "layers": []})
    asked = reference.parse(f"ghcr.io/acme/model:v1@{Digest.of(raw)}", cwd="/")

    class Recorder(Liar):
        def head(self, tag: str | None, digest: Digest | None) -> Descriptor:
            assert (tag, digest) == (None, Digest.of(raw))
            return self.said

    source = Recorder(Descriptor(OCI_MANIFEST, Digest.of(raw), len(raw)), {Digest.of(raw): raw})
    found = resolve(asked, source, name=asked.name, name_source="asked", platform=None)
    assert found.digest == Digest.of(raw)
