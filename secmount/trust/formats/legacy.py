"""Signatures as cosign kept them before bundles: layers of one manifest, with the signature in their annotations.

cosign `specs/SIGNATURE_SPEC.md`, `specs/ATTESTATION_SPEC.md`, `pkg/oci/static`: at the tag `sha256-<hex>.sig` simple
signing payloads, at `sha256-<hex>.att` DSSE envelopes. The specification's text spells `Docker-manifest-digest` and
`dev.cosignproject.cosign/certificate`; cosign writes, and containers/image reads, what is read here. Parse only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from secmount.errors import ContentError, InputError, TrustError
from secmount.oci import exact, reference
from secmount.oci.digest import Digest
from secmount.trust.claim import CertificateChain, Claim, Envelope, KeyHint, LogEntry, Payload
from secmount.trust.encoding import decode_base64
from secmount.trust.evidence import MATERIAL_LIMIT
from secmount.trust.formats import dsse
from secmount.trust.formats.protojson import Fields
from secmount.value import dataclass

FORMAT = "cosign-legacy"
PAYLOAD = "application/vnd.dev.cosign.simplesigning.v1+json"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
SIGNED = "cosign container image signature"
_SIGNATURE = "dev.cosignproject.cosign/signature"
_CERTIFICATE = "dev.sigstore.cosign/certificate"
_CHAIN = "dev.sigstore.cosign/chain"
_BUNDLE = "dev.sigstore.cosign/bundle"  # a log entry with its promise, and no proof
_STAMP = "dev.sigstore.cosign/rfc3161timestamp"
_LOG_ID = re.compile(r"[0-9a-f]{64}", re.ASCII)
_CHAIN_LIMIT = 10  # certificates; Fulcio's chains have 3
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE-----\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class SimpleSigning:
    """What a payload says; `repository` is normalised as rules match names, None where it names none."""

    digest: str
    repository: str | None
    optional: Mapping[str, Any] = field(hash=False)


def parse(raw: bytes, annotations: Mapping[str, str]) -> Claim:
    """Read the layer of a `.sig` manifest: a payload and, in its annotations, a signature over its bytes.

    Raise `TrustError` SM2050, SM2051, or SM2013 for more certificates than are read.
    """
    try:
        signature = decode_base64(annotations.get(_SIGNATURE, ""))
    except ValueError as err:
        raise _malformed(_SIGNATURE, str(err), "base64") from err
    if not signature:
        raise _malformed(_SIGNATURE, "none", "a signature")
    return _claim(raw, annotations, raw, signature, Payload("simple-signing", raw))


def parse_envelope(raw: bytes, annotations: Mapping[str, str]) -> Claim:
    """Read the layer of an `.att` manifest: a DSSE envelope; the annotation `predicateType` is nobody's word.

    cosign 2 has the whole envelope stamped (`cmd/cosign/cli/attest/attest.go`), and verifies no other stamp; cosign 3
    has the signature stamped.
    Raise `ContentError` SM5010, SM5011, `TrustError` SM2001, SM2013, SM2051.
    """
    value = exact.read(raw, limit=MATERIAL_LIMIT, subject="attestation")
    content, signature = dsse.parse(Fields(value, "envelope", dsse.FIELDS))
    return _claim(raw, annotations, dsse.pae(content.payload_type, content.payload), signature, content, envelope=raw)


def read(raw: bytes) -> SimpleSigning:
    """Read a payload whose signature holds; raise `TrustError` SM2050. containers `containers-signature.5`.

    What is critical must be known, as the format asks of readers: another field of it could be a restriction.
    """
    critical, optional = _parts(raw)
    kind, image, identity = (critical.get(name) for name in ("type", "image", "identity"))
    if kind != SIGNED:
        raise _unreadable(f"type {kind!r}", repr(SIGNED))
    if not isinstance(image, dict) or set(image) != {"docker-manifest-digest"}:
        raise _unreadable(f"critical.image {image!r}", "a docker-manifest-digest and nothing else")
    if not isinstance(identity, dict) or set(identity) != {"docker-reference"}:
        raise _unreadable(f"critical.identity {identity!r}", "a docker-reference and nothing else")
    digest, name = image["docker-manifest-digest"], identity["docker-reference"]
    if not isinstance(digest, str) or not isinstance(name, str):
        raise _unreadable(f"digest {digest!r}, reference {name!r}", "text")
    return SimpleSigning(digest, _repository(name) if name else None, optional)


def _parts(raw: bytes) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        value = exact.read(raw, limit=MATERIAL_LIMIT, subject="simple signing")
    except ContentError as err:
        raise _unreadable(str(err.got), "exact JSON") from err
    critical = value.get("critical") if isinstance(value, dict) else None
    if not isinstance(critical, dict) or not set(value) <= {"critical", "optional"}:
        raise _unreadable("something else", "an object of critical and optional")
    if set(critical) != {"type", "image", "identity"}:
        raise _unreadable(f"critical {', '.join(sorted(critical)) or 'nothing'}", "identity, image, type")
    optional = value.get("optional")
    if optional is not None and not isinstance(optional, dict):
        raise _unreadable(f"optional {optional!r}", "an object or null")
    return critical, optional or {}


def _repository(text: str) -> str:
    """Give the repository that was signed for, without the tag or digest that some signers write after it."""
    try:
        named = reference.parse(text, cwd="/")
        if isinstance(named, reference.RegistryReference) and "://" not in text:
            return named.name
    except (InputError, ContentError):
        pass
    raise _unreadable(f"docker-reference {text!r}", "HOST/PATH, or nothing")


def _claim(
    raw: bytes,
    annotations: Mapping[str, str],
    signed: bytes,
    signature: bytes,
    content: Payload | Envelope,
    *,
    envelope: bytes | None = None,
) -> Claim:
    return Claim(
        format=FORMAT,
        material=Digest.of(raw),
        signed=signed,
        signature=signature,
        by=_signer(annotations),
        content=content,
        entries=_entries(annotations),
        stamps=_stamps(annotations),
        envelope=envelope,
    )


def _signer(annotations: Mapping[str, str]) -> KeyHint | CertificateChain:
    leaf = annotations.get(_CERTIFICATE)
    if not leaf:
        return KeyHint("")
    first, above = _certificates(_CERTIFICATE, leaf), _certificates(_CHAIN, annotations.get(_CHAIN, ""))
    return CertificateChain((first[0], *above))


def _certificates(name: str, text: str) -> list[bytes]:
    found: list[bytes] = []
    at = 0
    while at < len(text):
        block = _PEM.match(text, at)
        if block is None:
            raise _malformed(name, "text that is no PEM certificate", "PEM certificates")
        if len(found) == _CHAIN_LIMIT:
            raise TrustError("SM2013", subject=name, got="more certificates", want=f"at most {_CHAIN_LIMIT}")
        try:
            found.append(decode_base64("".join(block[1].split())))
        except ValueError as err:
            raise _malformed(name, str(err), "PEM certificates") from err
        at = block.end()
    return found


def _entries(annotations: Mapping[str, str]) -> tuple[LogEntry, ...]:
    text = annotations.get(_BUNDLE)
    if not text:
        return ()
    whole = _object(_BUNDLE, text, {"SignedEntryTimestamp", "Payload"})
    payload = whole.get("Payload")
    if not isinstance(payload, dict) or set(payload) != {"body", "integratedTime", "logIndex", "logID"}:
        raise _malformed(_BUNDLE, "another payload", "body, integratedTime, logIndex and logID")
    time, index, log_id = payload["integratedTime"], payload["logIndex"], payload["logID"]
    if type(time) is not int or type(index) is not int or time < 0 or index < 0:
        raise _malformed(_BUNDLE, f"integratedTime {time!r}, logIndex {index!r}", "whole numbers")
    if not isinstance(log_id, str) or not _LOG_ID.fullmatch(log_id):
        raise _malformed(_BUNDLE, f"logID {log_id!r}", "64 hexadecimal digits")
    body = _octets(_BUNDLE, payload["body"])
    kind, version = _kind(body)
    promise = _octets(_BUNDLE, whole.get("SignedEntryTimestamp"))
    return (LogEntry(index, bytes.fromhex(log_id), kind, version, time, promise, None, body),)


def _kind(body: bytes) -> tuple[str, str]:
    """Give what the logged body calls itself: nothing outside it says so in this format."""
    value = exact.read(body, limit=MATERIAL_LIMIT, subject="log entry")
    kind, version = (value.get("kind"), value.get("apiVersion")) if isinstance(value, dict) else (None, None)
    if not isinstance(kind, str) or not isinstance(version, str):
        raise _malformed(_BUNDLE, f"an entry of kind {kind!r} {version!r}", "kind and apiVersion")
    return kind, version


def _stamps(annotations: Mapping[str, str]) -> tuple[bytes, ...]:
    text = annotations.get(_STAMP)
    if not text:
        return ()
    return (_octets(_STAMP, _object(_STAMP, text, {"SignedRFC3161Timestamp"}).get("SignedRFC3161Timestamp")),)


def _object(name: str, text: str, fields: set[str]) -> dict[str, Any]:
    value = exact.read(text.encode(), limit=MATERIAL_LIMIT, subject=name)
    if not isinstance(value, dict) or set(value) != fields:
        raise _malformed(name, "something else", "an object of " + ", ".join(sorted(fields)))
    return value


def _octets(name: str, text: object) -> bytes:
    try:
        octets = decode_base64(text) if isinstance(text, str) else b""
    except ValueError as err:
        raise _malformed(name, str(err), "base64") from err
    if not octets:
        raise _malformed(name, "nothing", "base64")
    return octets


def _malformed(name: str, got: str, want: str) -> TrustError:
    return TrustError("SM2051", subject=name, got=got, want=want)


def _unreadable(got: str, want: str) -> TrustError:
    return TrustError("SM2050", got=got, want=want)
