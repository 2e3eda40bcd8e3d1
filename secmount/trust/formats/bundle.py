"""Sigstore bundles v0.1 to v0.3 (protobuf-specs `sigstore_bundle.proto`; cosign `specs/BUNDLE_SPEC.md`): parse only."""

from __future__ import annotations

from secmount.oci import exact
from secmount.oci.digest import Digest
from secmount.trust.claim import (
    ENTRIES_LIMIT,
    CertificateChain,
    Claim,
    Envelope,
    InclusionProof,
    KeyHint,
    LogEntry,
    Message,
)
from secmount.trust.evidence import MATERIAL_LIMIT
from secmount.trust.formats import dsse
from secmount.trust.formats.protojson import Fields

FORMAT = "sigstore-bundle"
FAMILY = "application/vnd.dev.sigstore.bundle"  # what every bundle's media type begins with
V03 = "application/vnd.dev.sigstore.bundle.v0.3+json"
_VERSIONS = {
    V03: "0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.3": "0.3",
    "application/vnd.dev.sigstore.bundle+json;version=0.2": "0.2",
    "application/vnd.dev.sigstore.bundle+json;version=0.1": "0.1",
}
_CHAIN_LIMIT = 10  # certificates of a chain; Fulcio's have 3
_PATH_LIMIT = 64  # hashes of an inclusion proof; a log of 2^64 entries needs no more
_KEY, _CERTIFICATE, _CHAIN = "publicKey", "certificate", "x509CertificateChain"


def parse(raw: bytes, *, declared: str | None) -> Claim:
    """Read a bundle that its layer declares to be of media type `declared`; None: the layer is known by its name.

    Raise `ContentError` SM5010, SM5011 (JSON), `TrustError` SM2001 (shape) or SM2013 (more entries than allowed).
    """
    whole = Fields(
        exact.read(raw, limit=MATERIAL_LIMIT, subject="signature bundle"),
        "bundle",
        ("mediaType", "verificationMaterial", "messageSignature", "dsseEnvelope"),
    )
    said = whole.text("mediaType")
    version = _VERSIONS.get(said)
    if version is None or (declared is not None and version != _VERSIONS.get(declared)):
        got = repr(said) if declared is None else f"{said!r} in a layer of {declared}"
        raise whole.refuse("mediaType", got, f"{V03}, or 0.1, 0.2")
    material = whole.message(
        "verificationMaterial", _KEY, _CERTIFICATE, _CHAIN, "tlogEntries", "timestampVerificationData"
    )
    stamps = material.message("timestampVerificationData", "rfc3161Timestamps")
    content, signature = _content(whole)
    return Claim(
        format=FORMAT,
        material=Digest.of(raw),
        signed=None if isinstance(content, Message) else dsse.pae(content.payload_type, content.payload),
        signature=signature,
        by=_signer(material),
        content=content,
        entries=tuple(
            _entry(row, proven=version != "0.1")
            for row in material.messages("tlogEntries", *_ENTRY, limit=ENTRIES_LIMIT)
        ),
        stamps=tuple(
            row.octets("signedTimestamp")
            for row in stamps.messages("rfc3161Timestamps", "signedTimestamp", limit=ENTRIES_LIMIT)
        ),
        raw=raw,
    )


def _content(whole: Fields) -> tuple[Envelope | Message, bytes]:
    if whole.one_of("messageSignature", "dsseEnvelope") == "dsseEnvelope":
        return dsse.parse(whole.message("dsseEnvelope", *dsse.FIELDS))
    message = whole.message("messageSignature", "messageDigest", "signature")
    digest = message.message("messageDigest", "algorithm", "digest")
    signature = message.octets("signature")
    if not signature:
        raise message.refuse("signature", "empty", "a signature")
    return Message(digest.text("algorithm"), digest.octets("digest")), signature


def _signer(material: Fields) -> KeyHint | CertificateChain:
    match material.one_of(_KEY, _CERTIFICATE, _CHAIN):
        case "publicKey":
            return KeyHint(material.message(_KEY, "hint").text("hint"))
        case "certificate":
            certificates = [material.message(_CERTIFICATE, "rawBytes")]
        case _:
            chain = material.message(_CHAIN, "certificates")
            certificates = chain.messages("certificates", "rawBytes", limit=_CHAIN_LIMIT)
    octets = tuple(certificate.octets("rawBytes") for certificate in certificates)
    if not octets or not all(octets):
        raise material.refuse(_CERTIFICATE, "none, or an empty one", "DER certificates")
    return CertificateChain(octets)


_ENTRY = (
    "logIndex",
    "logId",
    "kindVersion",
    "integratedTime",
    "inclusionPromise",
    "inclusionProof",
    "canonicalizedBody",
)


def _entry(row: Fields, *, proven: bool) -> LogEntry:
    """Read an entry; from version 0.2 on it must be proven to be in its log, and a promise alone does not do."""
    if proven and not row.has("inclusionProof"):
        raise row.refuse("inclusionProof", "none", "one, from version 0.2 on")
    kind = row.message("kindVersion", "kind", "version")
    return LogEntry(
        log_index=row.int64("logIndex"),
        log_id=row.message("logId", "keyId").octets("keyId"),
        kind=kind.text("kind"),
        version=kind.text("version"),
        integrated_time=row.int64("integratedTime"),
        promise=row.message("inclusionPromise", "signedEntryTimestamp").octets("signedEntryTimestamp"),
        proof=_proof(row) if row.has("inclusionProof") else None,
        body=row.octets("canonicalizedBody"),
    )


def _proof(row: Fields) -> InclusionProof:
    proof = row.message("inclusionProof", "logIndex", "rootHash", "treeSize", "hashes", "checkpoint")
    return InclusionProof(
        log_index=proof.int64("logIndex"),
        tree_size=proof.int64("treeSize"),
        root_hash=proof.octets("rootHash"),
        hashes=proof.octets_list("hashes", limit=_PATH_LIMIT),
        checkpoint=proof.message("checkpoint", "envelope").text("envelope"),
    )
