"""A claim: what a piece of signature material says, parsed and believed in nothing yet.

Every format is parsed into this one value, and the checks know no formats. Nothing in it is a fact before its signature
has been checked; `KeyHint.hint`, a log entry's outer fields and the bytes of stamps are not facts even then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from secmount.oci.digest import Digest
from secmount.value import dataclass

ENTRIES_LIMIT = 32  # log entries, stamps, subjects of a statement; GHSA-cq38-jh5f-37mq's lesson


@dataclass(frozen=True, slots=True)
class KeyHint:
    """Signed by a key that is not in the material; opaque text. sigstore_common.proto, PublicKeyIdentifier."""

    hint: str


@dataclass(frozen=True, slots=True)
class CertificateChain:
    """The signer is the first certificate's key; DER, each next one the issuer of the one before."""

    certificates: tuple[bytes, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """That an entry is in a log of `tree_size` entries. RFC 6962 section 2.1.1; `checkpoint` is a C2SP signed note."""

    log_index: int
    tree_size: int
    root_hash: bytes
    hashes: tuple[bytes, ...] = field(repr=False)
    checkpoint: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An entry of a transparency log as the material tells it. sigstore_rekor.proto, TransparencyLogEntry."""

    log_index: int
    log_id: bytes
    kind: str
    version: str
    integrated_time: int  # seconds; 0 where there is none
    promise: bytes = field(repr=False)  # the signed entry timestamp, empty where there is none
    proof: InclusionProof | None
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Envelope:
    """Typed bytes that were signed as such: a DSSE payload."""

    payload_type: str
    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """A bare signature over the artifact's own bytes; `digest` is what the material says they hash to, or empty."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Payload:
    """Bytes that were signed with their kind inside them; `protected` is what a JWS signs beside its payload."""

    kind: Literal["simple-signing", "notary"]
    raw: bytes = field(repr=False)
    protected: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """One signature of one signer. `signed` is None where the artifact's own bytes are what was signed.

    `envelope`: the bytes that the signature stands in, where third parties may have been shown those instead of it.
    `algorithm`: as a JWS names it, and `signature` is then as a JWS has it; None: what belongs to the key.
    """

    format: str
    material: Digest
    signed: bytes | None = field(repr=False)
    signature: bytes = field(repr=False)
    by: KeyHint | CertificateChain
    content: Envelope | Message | Payload
    entries: tuple[LogEntry, ...] = ()
    stamps: tuple[bytes, ...] = field(default=(), repr=False)
    algorithm: str | None = None
    envelope: bytes | None = field(default=None, repr=False)
    raw: bytes = field(default=b"", repr=False)  # a bundle as it came, for a second verifier that reads it itself


@dataclass(frozen=True, slots=True)
class Subject:
    """What a statement is about; `annotations` are JSON of any kind."""

    name: str | None
    digests: Mapping[str, str] = field(hash=False)
    annotations: Mapping[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True)
class Statement:
    """An in-toto statement, v0.1 or v1."""

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: Any = field(hash=False)
