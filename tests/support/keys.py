"""Key pairs made at run time, and cosign v3 signatures made by hand with them, without any code of secmount.

What is signed is what the test says: every document on the way (statement, DSSE payload, envelope, bundle, referrer
manifest) passes an `edit` function, so that each defect can be made with everything else intact. Shapes: cosign
`specs/BUNDLE_SPEC.md`, protobuf-specs `sigstore_bundle.proto` v0.3, in-toto Statement v1, DSSE v1.0.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from tests.support.layouts import BUNDLE, OCI_EMPTY, OCI_MANIFEST, Json, Layout, describe, digest_of, encode

ALGORITHMS = ("ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "ed25519", "rsa-2048")
COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1"
STATEMENT_V1 = "https://in-toto.io/Statement/v1"
STATEMENT_V01 = "https://in-toto.io/Statement/v0.1"
IN_TOTO = "application/vnd.in-toto+json"
REPOSITORY = "io.secmount.repository"
SIGNED_AT = "io.secmount.signed-at"

_CURVES: Mapping[str, ec.EllipticCurve] = {
    "ecdsa-p224": ec.SECP224R1(),
    "ecdsa-p256": ec.SECP256R1(),
    "ecdsa-p384": ec.SECP384R1(),
    "ecdsa-p521": ec.SECP521R1(),
    "ecdsa-secp256k1": ec.SECP256K1(),
}
_CURVE_HASH: Mapping[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class KeyPair:
    """A private key and how the field writes its public half."""

    private: PrivateKey

    @property
    def spki(self) -> bytes:
        """DER SubjectPublicKeyInfo."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.DER, form)

    @property
    def public_pem(self) -> bytes:
        """What `cosign.pub` holds."""
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.private.public_key().public_bytes(serialization.Encoding.PEM, form)

    @property
    def private_pem(self) -> bytes:
        """PKCS #8, not encrypted."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def principal(self) -> str:
        """`sha256:<hex>` of the SPKI."""
        return digest_of(self.spki)

    @property
    def hint(self) -> str:
        """What cosign writes as `publicKey.hint`."""
        return base64.b64encode(hashlib.sha256(self.spki).digest()).decode()

    def sign(self, message: bytes, *, digest: hashes.HashAlgorithm | None = None, pss: bool = False) -> bytes:
        """Sign; `digest` replaces the curve's own hash (SHA-256 for RSA), `pss` the RSA padding."""
        if isinstance(self.private, ed25519.Ed25519PrivateKey):
            return self.private.sign(message)
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            own = _CURVE_HASH.get(self.private.curve.key_size, hashes.SHA256())
            return self.private.sign(message, ec.ECDSA(digest or own))
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.MAX_LENGTH) if pss else padding.PKCS1v15()
        return self.private.sign(message, scheme, digest or hashes.SHA256())


@cache
def pair(algorithm: str = "ecdsa-p256", number: int = 0) -> KeyPair:
    """Give the same key for the same arguments, as long as the process lives."""
    del number
    if algorithm == "ed25519":
        return KeyPair(ed25519.Ed25519PrivateKey.generate())
    if algorithm.startswith("rsa-"):
        return KeyPair(rsa.generate_private_key(65537, int(algorithm.removeprefix("rsa-"))))
    return KeyPair(ec.generate_private_key(_CURVES[algorithm]))


Edit = Callable[[Json], Any]  # changes the document in place; what it returns is not looked at


def pae(payload_type: str, payload: bytes) -> bytes:
    """Give the bytes that DSSE signs. DSSE v1.0 `protocol.md`, PAE."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def statement(
    digest: str,
    *,
    repository: str | None = None,
    signed_at: str | None = None,
    annotations: Mapping[str, Any] | None = None,
    predicate_type: str = COSIGN_SIGN,
    statement_type: str = STATEMENT_V1,
) -> Json:
    """Give the statement that cosign v3 signs for `sha256:…`; the subject has no name."""
    algorithm, _, hexadecimal = digest.partition(":")
    notes = dict(annotations or {})
    if repository is not None:
        notes[REPOSITORY] = repository
    if signed_at is not None:
        notes[SIGNED_AT] = signed_at
    subject: Json = {"digest": {algorithm: hexadecimal}}
    if notes:
        subject["annotations"] = notes
    return {"_type": statement_type, "subject": [subject], "predicateType": predicate_type, "predicate": {}}


@dataclass(frozen=True)
class Signed:
    """A bundle and the referrer manifest that carries it, with the rows that describe both."""

    bundle: bytes
    manifest: bytes
    row: Json  # the manifest's descriptor, as a referrers list gives it
    blobs: tuple[bytes, ...]  # what the manifest names: the empty config and the bundle

    def attach(self, layout: Layout, *, listed: bool = True) -> Json:
        """Write it all into `layout`; give the manifest's row."""
        for blob in self.blobs:
            layout.add_blob(blob)
        more = {key: value for key, value in self.row.items() if key not in ("mediaType", "digest", "size")}
        return layout.add_document(self.manifest, self.row["mediaType"], listed=listed, **more)


def envelope(key: KeyPair, payload: bytes, *, payload_type: str = IN_TOTO, **signing: Any) -> Json:
    """Give a DSSE envelope with one signature of `key`."""
    signature = key.sign(pae(payload_type, payload), **signing)
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": payload_type,
        "signatures": [{"sig": base64.b64encode(signature).decode()}],
    }


def bundle(
    digest: str,
    key: KeyPair,
    *,
    media_type: str = BUNDLE,
    hint: str | None = None,
    payload: bytes | None = None,
    payload_type: str = IN_TOTO,
    edit_statement: Edit | None = None,
    edit_envelope: Edit | None = None,
    edit_bundle: Edit | None = None,
    signing: Mapping[str, Any] | None = None,
    **said: Any,
) -> bytes:
    """Make the bytes of a cosign v3 bundle; `said` goes to `statement`, `payload` replaces what is signed."""
    document = statement(digest, **said)
    if edit_statement:
        edit_statement(document)
    said_bytes = encode(document) if payload is None else payload
    signed = envelope(key, said_bytes, payload_type=payload_type, **(signing or {}))
    if edit_envelope:
        edit_envelope(signed)
    material = {"publicKey": {"hint": key.hint if hint is None else hint}}
    whole: Json = {"mediaType": media_type, "verificationMaterial": material, "dsseEnvelope": signed}
    if edit_bundle:
        edit_bundle(whole)
    return encode(whole)


def message_bundle(
    raw: bytes, key: KeyPair, *, edit_bundle: Edit | None = None, signing: Mapping[str, Any] | None = None
) -> bytes:
    """Make a bundle with a bare signature over `raw`, as `cosign sign-blob` does."""
    digest = base64.b64encode(hashlib.sha256(raw).digest()).decode()
    whole: Json = {
        "mediaType": BUNDLE,
        "verificationMaterial": {"publicKey": {"hint": key.hint}},
        "messageSignature": {
            "messageDigest": {"algorithm": "SHA2_256", "digest": digest},
            "signature": base64.b64encode(key.sign(raw, **(signing or {}))).decode(),
        },
    }
    if edit_bundle:
        edit_bundle(whole)
    return encode(whole)


def refer(
    subject: Json,
    data: bytes,
    *,
    layer_type: str = BUNDLE,
    artifact_type: str | None = BUNDLE,
    edit_manifest: Edit | None = None,
) -> Signed:
    """Wrap `data` as the one layer of a referrer of `subject` (a descriptor), as cosign v3 does."""
    config = describe(b"{}", OCI_EMPTY, artifactType=artifact_type)
    document: Json = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": config,
        "layers": [describe(data, layer_type)],
        "subject": {name: subject[name] for name in ("mediaType", "digest", "size")},
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": COSIGN_SIGN,
            "org.opencontainers.image.created": "2026-11-24T00:00:00Z",
        },
    }
    if artifact_type is None:
        del document["artifactType"]
    if edit_manifest:
        edit_manifest(document)
    raw = encode(document)
    row = describe(raw, OCI_MANIFEST, artifactType=artifact_type)
    return Signed(data, raw, row, (b"{}", data))


def sign_row(subject: Json, key: KeyPair, **more: Any) -> Signed:
    """Sign what `subject` (a descriptor) describes; `more` goes to `bundle`, and `edit_manifest` to `refer`."""
    edit_manifest = more.pop("edit_manifest", None)
    return refer(subject, bundle(subject["digest"], key, **more), edit_manifest=edit_manifest)


def sign_manifest(raw: bytes, key: KeyPair, *, media_type: str = OCI_MANIFEST, **more: Any) -> Signed:
    """Sign a manifest or index given as its bytes."""
    return sign_row(describe(raw, media_type), key, **more)


def decoded(data: bytes) -> Json:
    """Read a bundle back as plain JSON, for tests that change it afterwards."""
    value: Json = json.loads(data)
    return value
