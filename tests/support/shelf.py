"""A `Source` in memory for the stages before the store: it hashes what it gives, as each must, and can lie."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from secmount.errors import RegistryError, SecmountError
from secmount.oci import descriptor, manifest
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import OCI_INDEX, OCI_MANIFEST, Index, Manifest
from secmount.oci.reference import parse
from secmount.registry.resolution import Resolution
from secmount.registry.source import Referrers
from tests.support.keys import Signed
from tests.support.layouts import OCI_EMPTY, Json, describe, encode

ABSENT = "SM4014"


@dataclass
class Shelf:
    """Blobs by digest, referrers by subject; `faults` raises for a digest or a tag."""

    blobs: dict[str, bytes] = field(default_factory=dict)
    lists: dict[str, list[Json]] = field(default_factory=dict)
    faults: dict[str, SecmountError] = field(default_factory=dict)
    tags: dict[str, Json] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def put(self, data: bytes, media_type: str = "application/octet-stream") -> Json:
        """Keep `data`; give its row."""
        row = describe(data, media_type)
        self.blobs[row["digest"]] = data
        return row

    def attach(self, signed: Signed, *, to: str) -> Json:
        """Keep a referrer and list it under the digest `to`, whatever its manifest says."""
        for blob in (*signed.blobs, signed.manifest):
            self.put(blob)
        self.lists.setdefault(to, []).append(signed.row)
        return signed.row

    def head(self, tag: str | None, digest: Digest | None) -> Descriptor:
        assert digest is None
        assert tag is not None
        assert tag.endswith((".sig", ".att")), f"nothing is resolved here: {tag}"
        if tag in self.faults:
            raise self.faults[tag]
        if tag not in self.tags:
            raise RegistryError("SM4010", subject=tag)
        return descriptor.from_json(self.tags[tag], subject=tag)

    def manifest(self, wanted: Descriptor) -> bytes:
        return self._read(wanted)

    def small(self, wanted: Descriptor, *, limit: int) -> bytes:
        assert wanted.size <= limit
        return self._read(wanted)

    def stream(self, wanted: Descriptor, *, offset: int = 0) -> AbstractContextManager[Iterator[bytes]]:
        raise AssertionError(f"content asked for before a decision: {wanted.digest} {offset}")

    def referrers(self, subject: Digest) -> Referrers:
        if str(subject) in self.faults:
            raise self.faults[str(subject)]
        return Referrers(descriptor.from_json(row, subject="row") for row in self.lists.get(str(subject), []))

    def _read(self, wanted: Descriptor) -> bytes:
        text = str(wanted.digest)
        self.asked.append(text)
        if text in self.faults:
            raise self.faults[text]
        if text not in self.blobs:
            raise RegistryError(ABSENT, subject=text)
        return b"".join(wanted.digest.check([self.blobs[text]], wanted.size))


def artifact(name: str = "model", layers: Sequence[Json] = ()) -> Manifest:
    """Give a parsed manifest; another `name`, another digest."""
    raw = encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": describe(b"{}", OCI_EMPTY),
            "layers": list(layers),
            "annotations": {"name": name},
        }
    )
    found = manifest.parse(raw, expected=OCI_MANIFEST, subject=name)
    assert isinstance(found, Manifest)
    return found


def index_of(*members: Manifest) -> Index:
    """Give a parsed index over `members`."""
    rows = [describe(member.raw, member.media_type) for member in members]
    raw = encode({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": rows})
    found = manifest.parse(raw, expected=OCI_INDEX, subject="index")
    assert isinstance(found, Index)
    return found


def row_of(document: Manifest | Index) -> Json:
    """Give the descriptor of a manifest or index."""
    return describe(document.raw, document.media_type)


def resolved(document: Manifest, index: Index | None = None, *, name: str = "ghcr.io/acme/model") -> Resolution:
    """Give the resolution of a reference that meant `document`."""
    return Resolution(parse(f"{name}:v1", cwd="/"), name, "asked", document, index, None, b"{}")
