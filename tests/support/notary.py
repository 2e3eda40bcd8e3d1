"""Notary Project signatures in JWS, made by hand to `signature-envelope-jws.md`, without our code."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.support.keys import Edit, KeyPair, Signed, refer
from tests.support.layouts import Json, encode
from tests.support.minisig import b64, der

ARTIFACT = "application/vnd.cncf.notary.signature"
JWS = "application/jose+json"
COSE = "application/cose"
PAYLOAD = "application/vnd.cncf.notary.payload.v1+json"
SCHEME = "io.cncf.notary.signingScheme"
TIME = "io.cncf.notary.signingTime"
EXPIRY = "io.cncf.notary.expiry"
STAMP = "io.cncf.notary.timestampSignature"
THUMBPRINT = "io.cncf.notary.x509chain.thumbprint#S256"
_HASHES: Mapping[str, hashes.HashAlgorithm] = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}


def b64url(data: bytes) -> str:
    """Encode as RFC 7515 does."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def algorithm(key: KeyPair) -> str:
    """Give the algorithm that belongs to the key."""
    private = key.private
    if isinstance(private, rsa.RSAPrivateKey):
        return {2048: "PS256", 3072: "PS384", 4096: "PS512"}[private.key_size]
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    return {256: "ES256", 384: "ES384", 521: "ES512"}[private.curve.key_size]


def sign(key: KeyPair, message: bytes, name: str | None = None) -> bytes:
    """Sign as a JWS does; `name` is another algorithm than the key's own."""
    digest = _HASHES[(name or algorithm(key))[2:]]
    private = key.private
    if isinstance(private, rsa.RSAPrivateKey):
        return private.sign(message, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    size = (private.curve.key_size + 7) // 8
    both = decode_dss_signature(private.sign(message, ec.ECDSA(digest)))
    return b"".join(number.to_bytes(size) for number in both)


def header(name: str, *, signed_at: str = "2026-11-24T00:00:00Z", expiry: str | None = None) -> Json:
    """Give a protected header."""
    found: Json = {"alg": name, "cty": PAYLOAD, "crit": [SCHEME], SCHEME: "notary.x509", TIME: signed_at}
    if expiry is not None:
        found[EXPIRY] = expiry
        found["crit"] = [SCHEME, EXPIRY]
    return found


def envelope(
    target: Json,
    key: KeyPair,
    chain: Sequence[x509.Certificate],
    *,
    annotations: Mapping[str, str] | None = None,
    stamp: Callable[[bytes], bytes] | None = None,
    name: str | None = None,
    edit_header: Edit | None = None,
    edit_payload: Edit | None = None,
    payload: bytes | None = None,
    edit: Edit | None = None,
    **protected: Any,
) -> bytes:
    """Sign the descriptor `target`; `stamp` gives a token for a signature."""
    said: Json = {"targetArtifact": {field: target[field] for field in ("mediaType", "digest", "size")}}
    if annotations:
        said["targetArtifact"]["annotations"] = dict(annotations)
    if edit_payload:
        edit_payload(said)
    head = header(name or algorithm(key), **protected)
    if edit_header:
        edit_header(head)
    first, second = b64url(encode(head)), b64url(encode(said) if payload is None else payload)
    signature = sign(key, f"{first}.{second}".encode(), name)
    beside: Json = {"x5c": [b64(der(one)) for one in chain], "io.cncf.notary.signingAgent": "notation/1.3.2"}
    if stamp:
        beside[STAMP] = b64(stamp(signature))
    whole: Json = {"payload": second, "protected": first, "header": beside, "signature": b64url(signature)}
    if edit:
        edit(whole)
    return encode(whole)


def attach(subject: Json, data: bytes, *, layer_type: str = JWS, edit_manifest: Edit | None = None) -> Signed:
    """Wrap an envelope as Notation does."""

    def edit(document: Json) -> None:
        document["annotations"] = {THUMBPRINT: json.dumps(["00" * 32])}
        if edit_manifest:
            edit_manifest(document)

    return refer(subject, data, layer_type=layer_type, artifact_type=ARTIFACT, edit_manifest=edit)
