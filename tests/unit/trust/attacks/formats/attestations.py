"""Attacks on cosign's older attestations: envelopes as layers, of which a stamp or a log entry may be as a whole."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.support import keys, legacy
from tests.support.keyless import Keyless, Verifier
from tests.support.layouts import Json, encode
from tests.support.minisig import b64, der, p256, sha
from tests.unit.trust import corporate, world
from tests.unit.trust.attacks.formats.build import SUBJECT, Edit, FormatAttack, Make, keyless, put, remove, void
from tests.unit.trust.attacks.formats.legacy import GOOD, entry, tagged
from tests.unit.trust.attacks.formats.statements import PROVENANCE

PAYLOAD = encode(keys.statement(SUBJECT, predicate_type=PROVENANCE))
_LATER = timedelta(seconds=30)


@dataclass(frozen=True)
class Attested:
    """A layer's bytes, and the signature and certificate in and beside them."""

    raw: bytes
    signature: bytes
    verifier: Verifier


Seen = Callable[[Attested], bytes]  # what a third party was shown
Logged = Callable[[Attested], Json]


def attestation(
    *,
    stamped: Seen | None = None,
    logged: Logged | None = None,
    notes: Callable[[dict[str, str]], object] | None = None,
    payload: bytes = PAYLOAD,
    managed: keys.KeyPair | None = None,
    company: bool = False,
) -> Make:
    """Attest by an identity, a `managed` key or a `company` as cosign did: stamped and logged as the functions say."""

    def make(source: Any) -> None:
        key, sigstore = managed.private if managed else p256(), world.sigstore()
        certificate = None if managed else corporate.leaf(key) if company else sigstore.certificate(key)
        plain = Keyless(statement=payload, rekor=0, key=key, certificate=certificate, managed=managed is not None)
        bundle = json.loads(world.made(plain))
        envelope = bundle["dsseEnvelope"]
        signature = base64.b64decode(envelope["signatures"][0]["sig"])
        made = Attested(encode(envelope), signature, Verifier(certificate, key))
        material = bundle["verificationMaterial"]
        if stamped:
            response = sigstore.stamp(stamped(made), sigstore.now + _LATER)
            material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": b64(response)}]}
        if logged:
            material["tlogEntries"] = [sigstore.entry(logged(made), at=sigstore.now + _LATER)]
        beside = legacy.annotated(json.dumps(bundle).encode())
        if company:
            beside[legacy.CHAIN] = legacy.pem(der(corporate.issuing().certificate))
        if notes:
            notes(beside)
        void(legacy.attach(source, SUBJECT, legacy.attested(envelope, **beside), suffix=".att"))

    return make


def whole(made: Attested) -> bytes:
    """Show the envelope: what cosign 2 had stamped."""
    return made.raw


def alone(made: Attested) -> bytes:
    """Show the signature: what cosign 3 has stamped."""
    return made.signature


def intoto(edit: Edit | None = None) -> Logged:
    """Log the envelope as cosign did before it knew entries of kind dsse."""

    def body(made: Attested) -> Json:
        content = {"hash": _digest(made.raw), "payloadHash": _digest(PAYLOAD)}
        document: Json = {
            "apiVersion": "0.0.1",
            "kind": "intoto",
            "spec": {"content": content, "publicKey": made.verifier.pem},
        }
        if edit:
            edit(document)
        return document

    return body


def _digest(data: bytes) -> Json:
    return {"algorithm": "sha256", "value": sha(data).hex()}


def _another_certificate(body: Json) -> None:
    key = p256()
    body["spec"]["publicKey"] = Verifier(world.sigstore().certificate(key), key).pem


def _simple() -> Make:
    """Stamp what was signed, where the format has the signature stamped."""

    def make() -> legacy.Layer:
        bundle = world.made(Keyless(artifact=GOOD, rekor=0))
        said, kind, notes = legacy.keyless(bundle, GOOD)
        stamp = {"SignedRFC3161Timestamp": b64(world.sigstore().stamp(GOOD))}
        return said, kind, {**notes, legacy.STAMP: json.dumps(stamp)}

    return tagged(make)


ATTESTATIONS = tuple(
    FormatAttack(name, text, code, make, keyless)
    for name, text, code, make in (
        (
            "att-stamp-payload",
            "a stamp of an attestation's payload, which anyone could have had before it was signed",
            "SM2029",
            attestation(stamped=lambda _: PAYLOAD),
        ),
        (
            "att-stamp-other",
            "a stamp of an envelope with another signature",
            "SM2029",
            attestation(stamped=lambda made: made.raw.replace(b64(made.signature).encode(), b64(b"another").encode())),
        ),
        ("legacy-stamp-payload", "a stamp of what was signed instead of the signature", "SM2029", _simple()),
        (
            "att-entry-other",
            "an intoto entry about another envelope with the same payload",
            "SM2027",
            attestation(logged=intoto(put("spec", "content", "hash", to=_digest(b"another")))),
        ),
        (
            "att-entry-weak",
            "an intoto entry that has the envelope by another hash",
            "SM2027",
            attestation(logged=intoto(put("spec", "content", "hash", "algorithm", to="sha1"))),
        ),
        (
            "att-entry-payload",
            "an intoto entry about another payload",
            "SM2027",
            attestation(logged=intoto(put("spec", "content", "payloadHash", to=_digest(b"another")))),
        ),
        (
            "att-entry-less",
            "an intoto entry that does not say what it is about",
            "SM2027",
            attestation(logged=intoto(remove("spec", "content", "hash"))),
        ),
        (
            "att-entry-key",
            "an intoto entry with another certificate",
            "SM2027",
            attestation(logged=intoto(_another_certificate)),
        ),
        (
            "att-entry-more",
            "an intoto entry with something beside the envelope",
            "SM2027",
            attestation(logged=intoto(put("spec", "more", to=True))),
        ),
        (
            "att-promise",
            "an intoto entry whose promise is of another time",
            "SM2026",
            attestation(logged=intoto(), notes=entry(put("Payload", "integratedTime", to=1))),
        ),
    )
)
