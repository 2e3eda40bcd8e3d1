"""Signatures as cosign kept them before bundles: layers of one manifest at the tag `sha256-<hex>.sig`.

cosign `specs/SIGNATURE_SPEC.md`, `pkg/oci/static`, `pkg/cosign/payload`. The signature is over the bytes of the payload
(simple signing), with SHA-256 whatever the curve, as those tools have it. All signatures of an artifact share the
manifest, so a new one is a layer more: what is there stays.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from secmount.errors import ContentError, RegistryError
from secmount.oci import exact, manifest
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import LAYER_LIMIT, MANIFEST_LIMIT, OCI_MANIFEST, Manifest
from secmount.publish import sign
from secmount.publish.keys import PrivateKey
from secmount.publish.writer import Standing, Writer

PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json"
CONFIG_TYPE = "application/vnd.oci.image.config.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
SIGNED = "cosign container image signature"
ATTEMPTS = 5  # at a tag that others write at the same time


def tag_of(subject: Digest) -> str:
    """Give the tag that an artifact's signatures are at."""
    return f"{subject.algorithm}-{subject.hex}.sig"


def attach(
    subject: Descriptor,
    key: PrivateKey,
    writer: Writer,
    *,
    repository: str | None,
    annotations: Mapping[str, str],
    now_ms: int,
) -> Digest:
    """Sign, and add the signature to those that are there; give the digest of the manifest that holds them.

    Raise what `sign.sign` raises, `RegistryError` SM4324 (others kept changing it), SM4325 (something else is there).
    """
    said = sign.facts(subject, repository=repository, annotations=annotations, now_ms=now_ms)
    payload = _payload(subject.digest, repository, said)
    notes = {SIGNATURE: base64.b64encode(key.sign(payload, sha256=True)).decode("ascii")}
    layer = Descriptor(PAYLOAD_TYPE, Digest.of(payload), len(payload), notes)
    if not writer.has(layer):
        writer.put(layer, payload)
    tag = tag_of(subject.digest)
    for _ in range(ATTEMPTS):
        standing = writer.standing(tag)
        raw, config = _extended(standing, layer, tag)
        blob = Descriptor(CONFIG_TYPE, Digest.of(config), len(config))
        if not writer.has(blob):
            writer.put(blob, config)
        if writer.replace(tag, raw, standing):
            return Digest.of(raw)
    raise RegistryError("SM4324", subject=tag, got=f"changed {ATTEMPTS} times meanwhile")


def _payload(subject: Digest, repository: str | None, said: Mapping[str, str]) -> bytes:
    """Write the payload as cosign does; a layout has no name that is a docker reference, and `said` has it anyway."""
    name = repository if repository is not None and not repository.startswith("oci:") else ""
    document = {
        "critical": {
            "identity": {"docker-reference": name},
            "image": {"docker-manifest-digest": str(subject)},
            "type": SIGNED,
        },
        "optional": dict(said),
    }
    return _encode(document)


def _extended(standing: Standing | None, layer: Descriptor, tag: str) -> tuple[bytes, bytes]:
    """Give the manifest with one layer more, and its config; what stands there is kept as it is, field by field."""
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": OCI_MANIFEST}
    if standing is not None:
        document = _read(standing, tag)
    rows = [*document.get("layers", []), _row(layer)]
    config = _encode(
        {
            "architecture": "",
            "os": "",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": [row["digest"] for row in rows]},
        }
    )
    described = {"mediaType": CONFIG_TYPE, "digest": str(Digest.of(config)), "size": len(config)}
    raw = _encode({**document, "config": described, "layers": rows})
    if len(raw) > MANIFEST_LIMIT or len(rows) > LAYER_LIMIT:
        raise ContentError("SM5011", subject=tag, got=f"a manifest of {len(raw)} bytes", want=f"{MANIFEST_LIMIT}")
    return raw, config


def _read(standing: Standing, tag: str) -> dict[str, Any]:
    want = "a manifest whose layers are signatures"
    try:
        found = manifest.parse(standing.raw, expected=None, subject=tag)
    except ContentError as err:
        raise RegistryError("SM4325", subject=tag, got=err.code, want=want) from err
    if not isinstance(found, Manifest) or any(layer.media_type != PAYLOAD_TYPE for layer in found.layers):
        raise RegistryError("SM4325", subject=tag, got=found.artifact_type or found.media_type, want=want)
    value: dict[str, Any] = exact.read(standing.raw, limit=MANIFEST_LIMIT, subject=tag)
    return value


def _row(layer: Descriptor) -> dict[str, Any]:
    return {
        "mediaType": layer.media_type,
        "digest": str(layer.digest),
        "size": layer.size,
        "annotations": dict(layer.annotations),
    }


def _encode(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
