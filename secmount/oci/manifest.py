"""Manifests and indexes from their exact bytes. OCI image-spec v1.1 `manifest.md`, `image-index.md`; Docker schema 2.

The bytes are hashed, then the same bytes are parsed, and kept. Refused with SM5013: a document that is both index and
manifest (CVE-2021-41190), a `mediaType` unlike what the descriptor or the registry said, and a field that another
parser would take for one of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any

import msgspec

from secmount.errors import ContentError
from secmount.oci import descriptor, exact
from secmount.oci.descriptor import Descriptor, DescriptorJson, PlatformJson
from secmount.oci.digest import Digest
from secmount.value import dataclass

MANIFEST_LIMIT = 4 << 20  # bytes; distribution-spec v1.1, Pushing Manifests
LAYER_LIMIT = 10_000  # layers of a manifest or entries of an index; 4 MiB holds about 25,000
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
EMPTY = "application/vnd.oci.empty.v1+json"
MANIFEST_TYPES = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEX_TYPES = frozenset({OCI_INDEX, DOCKER_INDEX})


@dataclass(frozen=True, slots=True)
class Manifest:
    """One artifact; `artifact_type` falls back to the config's type (image-spec, Guidelines for Artifact Usage)."""

    raw: bytes = field(repr=False)
    digest: Digest
    media_type: str
    artifact_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    subject: Descriptor | None
    annotations: Mapping[str, str] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Index:
    """A list of manifests, by platform or by referrer."""

    raw: bytes = field(repr=False)
    digest: Digest
    media_type: str
    artifact_type: str | None
    manifests: tuple[Descriptor, ...]
    subject: Descriptor | None
    annotations: Mapping[str, str] = field(hash=False)


class _DocumentJson(msgspec.Struct, frozen=True, rename="camel"):
    schema_version: int
    media_type: str | None = None
    artifact_type: str | None = None
    config: DescriptorJson | None = None
    layers: list[DescriptorJson] | None = None
    manifests: list[DescriptorJson] | None = None
    subject: DescriptorJson | None = None
    annotations: dict[str, str] | None = None


def parse(raw: bytes, *, expected: str | None, subject: str, algorithm: str = "sha256") -> Manifest | Index:
    """Read a manifest or index of media type `expected` (None: what the document itself says, else what it holds).

    `algorithm` is that of the digest it was asked for by. Raise `ContentError` SM5010–SM5013.
    """
    value = exact.read(raw, limit=MANIFEST_LIMIT, subject=subject)
    _check_spelling(value, subject)
    document = exact.convert(value, _DocumentJson, subject=subject)
    media_type = _media_type(value, document, expected, subject)
    if document.schema_version != 2:
        raise ContentError("SM5012", subject=subject, got=f"schemaVersion {document.schema_version}", want="2")
    digest = Digest.of(raw, algorithm)
    annotations: Mapping[str, str] = MappingProxyType(document.annotations or {})
    about = document.subject and descriptor.from_struct(document.subject, subject=subject)
    artifact_type = document.artifact_type and descriptor.media_type(document.artifact_type, subject=subject)
    if media_type in INDEX_TYPES:
        entries = _descriptors(document.manifests, subject)
        return Index(raw, digest, media_type, artifact_type or None, entries, about or None, annotations)
    if document.config is None:
        raise ContentError("SM5012", subject=subject, got="no config", want="a manifest with a config")
    config = descriptor.from_struct(document.config, subject=subject)
    return Manifest(
        raw=raw,
        digest=digest,
        media_type=media_type,
        artifact_type=artifact_type or config.media_type,
        config=config,
        layers=_descriptors(document.layers, subject),
        subject=about or None,
        annotations=annotations,
    )


def _check_spelling(value: Any, subject: str) -> None:
    exact.check_spelling(value, _DocumentJson, subject=subject)
    if not isinstance(value, dict):
        return
    for part in (value.get("config"), value.get("subject"), value.get("layers"), value.get("manifests")):
        for row in part if isinstance(part, list) else (part,):
            exact.check_spelling(row, DescriptorJson, subject=subject)
            if isinstance(row, dict):
                exact.check_spelling(row.get("platform"), PlatformJson, subject=subject)


def _descriptors(rows: list[DescriptorJson] | None, subject: str) -> tuple[Descriptor, ...]:
    if rows is None:
        raise ContentError("SM5012", subject=subject, got="no layers or manifests", want="a list of descriptors")
    if len(rows) > LAYER_LIMIT:
        raise ContentError("SM5012", subject=subject, got=f"{len(rows)} descriptors", want=f"at most {LAYER_LIMIT}")
    return tuple(descriptor.from_struct(row, subject=subject) for row in rows)


def _media_type(value: Any, document: _DocumentJson, expected: str | None, subject: str) -> str:
    is_index, is_manifest = "manifests" in value, "layers" in value or "config" in value
    if is_index == is_manifest:
        raise ContentError(
            "SM5013", subject=subject, got="both or neither of manifests and layers", want="an index or a manifest"
        )
    said = document.media_type or expected or (OCI_INDEX if is_index else OCI_MANIFEST)
    if expected is not None and said != expected:
        raise ContentError("SM5013", subject=subject, got=f"mediaType {said}", want=expected)
    if said not in (INDEX_TYPES if is_index else MANIFEST_TYPES):
        raise ContentError(
            "SM5013",
            subject=subject,
            got=f"{said} with the fields of {'an index' if is_index else 'a manifest'}",
            want="a known type that fits its fields",
        )
    return said
