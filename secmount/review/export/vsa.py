"""`audit export --format vsa`: one decision as a SLSA Verification Summary Attestation, v1, signed as DSSE.

Made only for a decision that is proven to be in the log, and signed with a key that is neither the log's nor that of
an artifact's signer: who believes the summary believes the verifier, and nobody else.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, Protocol

from secmount.audit.entry import Entry
from secmount.audit.tlog.folder import PART_LIMIT
from secmount.audit.tlog.note import Proof
from secmount.errors import StorageError
from secmount.oci import canonical, exact
from secmount.review.proof import prove
from secmount.review.reader import Reader
from secmount.value import dataclass

STATEMENT: Final = "https://in-toto.io/Statement/v1"
PREDICATE: Final = "https://slsa.dev/verification_summary/v1"
PAYLOAD: Final = "application/vnd.in-toto+json"
VERIFIER: Final = "https://secmount.dev/verifier"
SLSA_VERSION: Final = "1.1"


class StatementSigner(Protocol):
    """The key that speaks for this verifier; `audit.statement.StatementKey` is one."""

    @property
    def spki(self) -> bytes:
        """The public key, DER SubjectPublicKeyInfo."""

    def sign(self, data: bytes) -> bytes:
        """Sign bytes."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The DSSE envelope as JSON, who signed it, and the proof that what it sums up is in the log."""

    envelope: bytes
    principal: str
    proof: Proof


def export(reader: Reader, entry: Entry, signer: StatementSigner, *, version: str) -> Summary:
    """Sum up one decision; a key whose signature the decision saw, or the log's, may not sign it.

    Raise `StorageError` SM7116 (not a decision about an artifact, or a wrong key), SM7106 (not what was signed).
    """
    record = entry.record
    if record["kind"] != "decision" or record.get("verdict") not in {"allowed", "denied"} or not record.get("subject"):
        raise StorageError(
            "SM7116", subject=f"entry {entry.index}", got=record["kind"], want="a decision on an artifact"
        )
    principal = f"sha256:{sha256(signer.spki).hexdigest()}"
    if reader.verifier.public in signer.spki:
        raise StorageError("SM7116", subject="signing key", got="the log's key", want="a key of its own")
    if principal in _principals(reader, record):
        raise StorageError("SM7116", subject="signing key", got="an artifact signer's key", want="a key of its own")
    proof = prove(reader, entry)
    payload = canonical.encode(statement(record, version=version))
    signature = {"keyid": principal, "sig": base64.b64encode(signer.sign(pae(payload))).decode()}
    envelope = {"payloadType": PAYLOAD, "payload": base64.b64encode(payload).decode(), "signatures": [signature]}
    return Summary(canonical.encode(envelope), principal, proof)


def _principals(reader: Reader, record: Mapping[str, Any]) -> set[str]:
    """Give whose signatures the policy was shown."""
    digest = record.get("input_sha256")
    if digest is None:
        return set()
    document = exact.read(reader.folder.part(digest), limit=PART_LIMIT, subject=digest)
    rows = document.get("signatures") if isinstance(document, Mapping) else None
    return {str(row.get("principal")) for row in rows or () if isinstance(row, Mapping)}


def statement(record: Mapping[str, Any], *, version: str) -> dict[str, Any]:
    """Give the in-toto statement of a decision."""
    allowed = record["verdict"] == "allowed"
    inputs = []
    if record.get("input_sha256"):
        inputs.append({"uri": "urn:secmount:input", "digest": _digest(record["input_sha256"])})
    predicate: dict[str, Any] = {
        "verifier": {"id": VERIFIER, "version": {"secmount": version}},
        "timeVerified": record["time"],
        "resourceUri": record.get("reference") or record["subject"],
        "policy": {"uri": "urn:secmount:policy", "digest": _digest(record.get("policy_revision") or "")},
        "inputAttestations": inputs,
        "verificationResult": "PASSED" if allowed else "FAILED",
        "verifiedLevels": ["SECMOUNT_POLICY"] if allowed else ["FAILED"],
        "slsaVersion": SLSA_VERSION,
    }
    return {
        "_type": STATEMENT,
        "subject": [{"name": record.get("reference") or "artifact", "digest": _digest(record["subject"])}],
        "predicateType": PREDICATE,
        "predicate": predicate,
    }


def pae(payload: bytes) -> bytes:
    """Give what DSSE v1 signs: the pre-authentication encoding of type and payload."""
    kind = PAYLOAD.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _digest(text: str) -> dict[str, str]:
    algorithm, _, value = text.partition(":")
    return {algorithm: value} if value else {}
