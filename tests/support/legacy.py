"""Signatures as cosign kept them before bundles, made by hand: cosign `specs/SIGNATURE_SPEC.md`, without our code."""

from __future__ import annotations

import base64
import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.keys import Edit, KeyPair
from tests.support.layouts import OCI_MANIFEST, Json, describe, encode
from tests.support.minisig import b64
from tests.support.shelf import Shelf

SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"
DSSE = "application/vnd.dsse.envelope.v1+json"
SIGNED = "cosign container image signature"
REFERENCE = "ghcr.io/acme/model"
SIGNATURE = "dev.cosignproject.cosign/signature"
CERTIFICATE = "dev.sigstore.cosign/certificate"
CHAIN = "dev.sigstore.cosign/chain"
BUNDLE = "dev.sigstore.cosign/bundle"
STAMP = "dev.sigstore.cosign/rfc3161timestamp"
_CONFIG = "application/vnd.oci.image.config.v1+json"
Layer = tuple[bytes, str, Mapping[str, str]]  # bytes, media type, annotations


def payload(
    digest: str, *, reference: str = REFERENCE, optional: Json | None = None, edit: Edit | None = None
) -> bytes:
    """Give what is signed for `sha256:…`."""
    critical = {
        "identity": {"docker-reference": reference},
        "image": {"docker-manifest-digest": digest},
        "type": SIGNED,
    }
    document: Json = {"critical": critical, "optional": optional}
    if edit:
        edit(document)
    return encode(document)


def layer(said: bytes, key: KeyPair, **notes: str) -> Layer:
    """Sign a payload; `notes` are more annotations."""
    return said, SIMPLE, {SIGNATURE: base64.b64encode(key.sign(said)).decode(), **notes}


def attested(envelope: Json, **notes: str) -> Layer:
    """Give the layer of an attestation."""
    return encode(envelope), DSSE, {SIGNATURE: "", "predicateType": "nobody's word", **notes}


def annotated(bundle: bytes) -> dict[str, str]:
    """Give what of a Sigstore bundle cosign put into annotations: certificate, log entry without proof, stamp."""
    material = json.loads(bundle)["verificationMaterial"]
    found: dict[str, str] = {}
    if "certificate" in material:
        found[CERTIFICATE] = pem(base64.b64decode(material["certificate"]["rawBytes"]))
    for entry in material["tlogEntries"]:
        body: Json = {
            "body": entry["canonicalizedBody"],
            "integratedTime": int(entry["integratedTime"]),
            "logIndex": int(entry["logIndex"]),
            "logID": base64.b64decode(entry["logId"]["keyId"]).hex(),
        }
        promise = entry["inclusionPromise"]["signedEntryTimestamp"]
        found[BUNDLE] = json.dumps({"SignedEntryTimestamp": promise, "Payload": body})
    for stamp in material.get("timestampVerificationData", {}).get("rfc3161Timestamps", []):
        found[STAMP] = json.dumps({"SignedRFC3161Timestamp": stamp["signedTimestamp"]})
    return found


def keyless(bundle: bytes, said: bytes) -> Layer:
    """Give the layer for a bundle that is a bare signature over `said`."""
    return said, SIMPLE, {SIGNATURE: json.loads(bundle)["messageSignature"]["signature"], **annotated(bundle)}


def pem(der: bytes, width: int = 1 << 20) -> str:
    """Write a certificate, in lines of `width` as OpenSSL does with 64."""
    lines = "\n".join(textwrap.wrap(b64(der), width))
    return f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"


def manifest(layers: Sequence[Layer], edit: Edit | None = None) -> bytes:
    """Give the manifest that holds `layers`."""
    rows: list[Any] = [describe(raw, kind, annotations=dict(notes)) for raw, kind, notes in layers]
    document: Json = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": describe(b'{"architecture":""}', _CONFIG),
        "layers": rows,
    }
    if edit:
        edit(document)
    return encode(document)


def attach(source: Shelf, digest: str, *layers: Layer, suffix: str = ".sig", edit: Edit | None = None) -> Json:
    """Put `layers` at the tag of `digest`; give the manifest's row."""
    for raw, _, _ in layers:
        source.put(raw)
    row = source.put(manifest(layers, edit), OCI_MANIFEST)
    source.tags[digest.replace(":", "-") + suffix] = row
    return row
