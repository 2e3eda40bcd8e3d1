"""Sign a manifest or index as cosign v3 does: an in-toto statement in DSSE in a Sigstore bundle, as an OCI referrer.

cosign v3.1 `cmd/cosign/cli/sign/sign.go`, `specs/BUNDLE_SPEC.md`; read by `cosign verify --key`. Beside the digest the
signed subject says for which repository the signature is and when it was made. Nothing is written here.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType

from secmount.errors import TrustError
from secmount.oci import instant
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import EMPTY, OCI_MANIFEST
from secmount.publish.keys import PrivateKey
from secmount.trust import annotation
from secmount.trust.formats import bundle, dsse
from secmount.trust.meaning import COSIGN_SIGN
from secmount.value import dataclass

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
ANNOTATIONS_LIMIT = 64  # annotations of one signature
ANNOTATIONS_SIZE = 64 << 10  # characters of them together; a bundle of 1 MiB is not read any more
_CREATED = "org.opencontainers.image.created"
_EMPTY = b"{}"


@dataclass(frozen=True, slots=True)
class SignedReferrer:
    """A referrer manifest and the blobs it names, to be written before it."""

    manifest: Descriptor
    raw: bytes = field(repr=False)
    blobs: tuple[tuple[Descriptor, bytes], ...] = field(repr=False)


def sign(
    subject: Descriptor, key: PrivateKey, *, repository: str | None, annotations: Mapping[str, str], now_ms: int
) -> SignedReferrer:
    """Sign what `subject` describes, for `repository` (None: for whichever), with `annotations` of the user's own.

    Raise `TrustError` SM2011 (a repository that is not spelled as rules match it), SM2111 (annotations), SM2112 (a
    subject whose digest is not sha256: cosign's statements name no other).
    """
    said = facts(subject, repository=repository, annotations=annotations, now_ms=now_ms)
    payload = _encode(
        {
            "_type": STATEMENT_TYPE,
            "subject": [{"digest": {"sha256": subject.digest.hex}, "annotations": said}],
            "predicateType": COSIGN_SIGN,
            "predicate": {},
        }
    )
    return _refer(subject, _bundle(payload, key), now_ms)


def facts(
    subject: Descriptor, *, repository: str | None, annotations: Mapping[str, str], now_ms: int
) -> dict[str, str]:
    """Give what a signature says beside the digest, in order; errors as in `sign`."""
    if subject.digest.algorithm != "sha256":
        raise TrustError("SM2112", subject=str(subject.digest), got=subject.digest.algorithm, want="sha256")
    _check(annotations)
    said = {**annotations, annotation.SIGNED_AT: instant.render(now_ms)}
    if repository is not None:
        annotation.check_repository(repository)
        said[annotation.REPOSITORY] = repository
    return dict(sorted(said.items()))


def _check(annotations: Mapping[str, str]) -> None:
    reserved = [name for name in annotations if not name or name.startswith(annotation.PREFIX)]
    if reserved:
        raise TrustError("SM2111", got=repr(reserved[0]), want=f"a key, not under {annotation.PREFIX}")
    size = sum(len(name) + len(text) for name, text in annotations.items())
    if len(annotations) > ANNOTATIONS_LIMIT or size > ANNOTATIONS_SIZE:
        got = f"{len(annotations)} annotations of {size} characters"
        raise TrustError("SM2111", got=got, want=f"at most {ANNOTATIONS_LIMIT} of {ANNOTATIONS_SIZE} characters")


def _bundle(payload: bytes, key: PrivateKey) -> bytes:
    """Write the bundle; its hint is cosign's, which no verifier may rely on and which helps people to find the key."""
    signature = key.sign(dsse.pae(dsse.IN_TOTO, payload))
    return _encode(
        {
            "mediaType": bundle.V03,
            "verificationMaterial": {"publicKey": {"hint": _base64(hashlib.sha256(key.spki).digest())}},
            "dsseEnvelope": {
                "payload": _base64(payload),
                "payloadType": dsse.IN_TOTO,
                "signatures": [{"sig": _base64(signature)}],
            },
        }
    )


def _refer(subject: Descriptor, data: bytes, now_ms: int) -> SignedReferrer:
    """Write the manifest as cosign does, its oddity included: the config's descriptor has an artifactType."""
    notes = {
        _CREATED: instant.render(now_ms),
        "dev.sigstore.bundle.content": "dsse-envelope",
        "dev.sigstore.bundle.predicateType": COSIGN_SIGN,
    }
    config = Descriptor(EMPTY, Digest.of(_EMPTY), len(_EMPTY), artifact_type=bundle.V03)
    layer = Descriptor(bundle.V03, Digest.of(data), len(data))
    raw = _encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": bundle.V03,
            "config": {**_row(config), "artifactType": bundle.V03},
            "layers": [_row(layer)],
            "subject": _row(subject),
            "annotations": notes,
        }
    )
    own = Descriptor(OCI_MANIFEST, Digest.of(raw), len(raw), MappingProxyType(notes), artifact_type=bundle.V03)
    return SignedReferrer(own, raw, ((config, _EMPTY), (layer, data)))


def _row(descriptor: Descriptor) -> dict[str, str | int]:
    return {"mediaType": descriptor.media_type, "digest": str(descriptor.digest), "size": descriptor.size}


def _encode(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
