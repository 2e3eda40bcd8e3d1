"""For tests of the store: descriptors of bytes, a source of content that can lie, an approval without a policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from secmount.oci import manifest
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import OCI_MANIFEST, Index, Manifest
from secmount.oci.reference import parse
from secmount.policy import decision
from secmount.policy.decision import Approved, Decision, Obligations
from secmount.registry.resolution import Resolution
from secmount.registry.source import Referrers
from tests.support.layouts import OCI_EMPTY, describe, encode

OCTETS = "application/octet-stream"
REVISION = "sha256:" + "0" * 64


def describing(data: bytes, media_type: str = OCTETS) -> Descriptor:
    """Give the true descriptor of `data`."""
    return Descriptor(media_type, Digest.of(data), len(data))


@dataclass
class Content:
    """A source that gives `blobs`, and for a digest in `lies` whatever stands there; it notes what is asked for."""

    blobs: dict[Digest, bytes] = field(default_factory=dict)
    lies: dict[Digest, Iterable[bytes]] = field(default_factory=dict)
    asked: list[Digest] = field(default_factory=list)
    open: int = 0

    def add(self, data: bytes) -> Descriptor:
        """Offer `data`."""
        row = describing(data)
        self.blobs[row.digest] = data
        return row

    @contextmanager
    def stream(self, wanted: Descriptor, *, offset: int = 0) -> Iterator[Iterator[bytes]]:
        self.asked.append(wanted.digest)
        self.open += 1
        try:
            honest = (self.blobs[wanted.digest][offset:],) if wanted.digest in self.blobs else ()
            yield iter(self.lies.get(wanted.digest, honest))
        finally:
            self.open -= 1

    def head(self, tag: str | None, digest: Digest | None) -> Descriptor:
        raise AssertionError(f"resolved long ago: {tag} {digest}")

    def manifest(self, wanted: Descriptor) -> bytes:
        raise AssertionError(f"read long ago: {wanted.digest}")

    def small(self, wanted: Descriptor, *, limit: int) -> bytes:
        raise AssertionError(f"read long ago: {wanted.digest} {limit}")

    def referrers(self, subject: Digest) -> Referrers:
        raise AssertionError(f"gathered long ago: {subject}")


def resolution(
    layers: Sequence[Descriptor], *, index: Index | None = None, name: str = "ghcr.io/acme/model"
) -> Resolution:
    """Give the resolution of an artifact of these layers."""
    rows = [{"mediaType": row.media_type, "digest": str(row.digest), "size": row.size} for row in layers]
    raw = encode({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": describe(b"{}", OCI_EMPTY), "layers": rows})
    document = manifest.parse(raw, expected=OCI_MANIFEST, subject=name)
    assert isinstance(document, Manifest)
    return Resolution(parse(f"{name}:v1", cwd="/"), name, "asked", document, index, None, b"{}")


def approve(
    resolved: Resolution, positions: Iterable[int] | None = None, *, obligations: Obligations | None = None
) -> Approved:
    """Approve `resolved` without any policy: all layers, or those at `positions`."""
    count = len(resolved.manifest.layers)
    answer = Decision(
        "01930000-0000-7000-8000-000000000000",
        "allowed",
        "test",
        1,
        REVISION,
        approved=tuple(range(count) if positions is None else positions),
    )
    return Approved(resolved, answer, obligations or Obligations(), seal=decision._SEAL)
