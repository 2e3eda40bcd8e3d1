"""Keyless bundles by a `MiniSigstore`: certificate, signature, log entry, stamps, each one exchangeable."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.keys import IN_TOTO, KeyPair, pae
from tests.support.minisig import V03, Edit, Json, MiniSigstore, Private, b64, der, p256, sha, spki

_DETAILS = "PKIX_ECDSA_P256_SHA_256"


@dataclass(frozen=True)
class Keyless:
    """What a keyless bundle is made of. One of `artifact` (its bytes) and `statement` (a payload) is signed."""

    artifact: bytes | None = None
    statement: bytes | None = None
    rekor: int = 1  # 0: no entry
    stamps: int = 0
    key: Private = field(default_factory=p256)
    managed: bool = False  # a key without a certificate
    at: datetime | None = None  # when the certificate was given out
    signed_at: datetime | None = None  # when it was logged and stamped; None: half a minute later
    certificate: x509.Certificate | None = None
    certifying: Json = field(default_factory=dict)  # for MiniSigstore.certificate
    entering: Json = field(default_factory=dict)  # for MiniSigstore.entry
    stamping: Json = field(default_factory=dict)  # for MiniSigstore.stamp
    kind: str = ""  # dsse: a statement is logged as dsse 0.0.2 under Rekor v2
    payload_type: str = IN_TOTO
    edit: Edit | None = None  # of the finished bundle
    foreign_stamps: Sequence[Callable[[bytes], bytes]] = ()  # from the signature


def bundle(sigstore: MiniSigstore, made: Keyless) -> bytes:
    """Make the bundle."""
    at = made.at or sigstore.now
    when = made.signed_at or at + timedelta(seconds=30)
    certificate = made.certificate
    if certificate is None and not made.managed:
        certificate = sigstore.certificate(made.key, at=at, **made.certifying)
    message = made.artifact if made.statement is None else pae(made.payload_type, made.statement)
    assert message is not None
    signature = KeyPair(made.key).sign(message)
    verifier = Verifier(certificate, made.key)
    material: Json = {"tlogEntries": []}
    if certificate is None:
        material["publicKey"] = {"hint": b64(sha(spki(made.key)))}
    else:
        material["certificate"] = {"rawBytes": b64(der(certificate))}
    if made.rekor:
        body = _body(made, message, signature, verifier)
        material["tlogEntries"].append(sigstore.entry(body, at=when, **made.entering))
    stamps = [sigstore.stamp(signature, when, **made.stamping) for _ in range(made.stamps)]
    stamps += [make(signature) for make in made.foreign_stamps]
    if stamps:
        rows = [{"signedTimestamp": b64(one)} for one in stamps]
        material["timestampVerificationData"] = {"rfc3161Timestamps": rows}
    whole: Json = {"mediaType": V03, "verificationMaterial": material}
    if made.statement is None:
        digest = {"algorithm": "SHA2_256", "digest": b64(sha(message))}
        whole["messageSignature"] = {"messageDigest": digest, "signature": b64(signature)}
    else:
        signatures = [{"sig": b64(signature), "keyid": ""}]
        envelope = {"payload": b64(made.statement), "payloadType": made.payload_type, "signatures": signatures}
        whole["dsseEnvelope"] = envelope
    if made.edit:
        made.edit(whole)
    return json.dumps(whole).encode()


@dataclass(frozen=True)
class Verifier:
    """What a log entry names: a certificate or a key."""

    certificate: x509.Certificate | None
    key: Private

    @property
    def pem(self) -> str:
        """Base64 of PEM, as Rekor v1 has it."""
        if self.certificate is None:
            return b64(KeyPair(self.key).public_pem)
        return b64(self.certificate.public_bytes(Encoding.PEM))

    @property
    def v2(self) -> Json:
        """As Rekor v2 has it."""
        if self.certificate is None:
            return {"keyDetails": _DETAILS, "publicKey": {"rawBytes": b64(spki(self.key))}}
        return {"keyDetails": _DETAILS, "x509Certificate": {"rawBytes": b64(der(self.certificate))}}


def _body(made: Keyless, message: bytes, signature: bytes, verifier: Verifier) -> Json:
    payload = made.statement
    if made.rekor == 2 and made.kind == "dsse" and payload is not None:
        inner: Json = {"payloadHash": {"algorithm": "SHA2_256", "digest": b64(sha(payload))}}
        inner["signatures"] = [{"content": b64(signature), "verifier": verifier.v2}]
        return {"apiVersion": "0.0.2", "kind": "dsse", "spec": {"dsseV002": inner}}
    if made.rekor == 2:
        data = {"algorithm": "SHA2_256", "digest": b64(sha(message))}
        inner = {"data": data, "signature": {"content": b64(signature), "verifier": verifier.v2}}
        return {"apiVersion": "0.0.2", "kind": "hashedrekord", "spec": {"hashedRekordV002": inner}}
    if payload is None:
        named = {"content": b64(signature), "publicKey": {"content": verifier.pem}}
        spec: Json = {"data": {"hash": {"algorithm": "sha256", "value": sha(message).hex()}}, "signature": named}
        return {"apiVersion": "0.0.1", "kind": "hashedrekord", "spec": spec}
    spec = {
        "envelopeHash": {"algorithm": "sha256", "value": sha(b"opaque").hex()},
        "payloadHash": {"algorithm": "sha256", "value": sha(payload).hex()},
        "signatures": [{"signature": b64(signature), "verifier": verifier.pem}],
    }
    return {"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}


def body_of(entry: Json) -> Any:
    """Give what an entry says."""
    return json.loads(base64.b64decode(entry["canonicalizedBody"]))
