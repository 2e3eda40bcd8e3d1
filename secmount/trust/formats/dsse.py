"""DSSE envelopes, v1.0 (secure-systems-lab/dsse `envelope.md`, `protocol.md`), with exactly one signature.

The payload is not parsed here: it is read only after its signature has been checked, as the protocol asks. `keyid` is
outside the signature and is dropped.
"""

from __future__ import annotations

from secmount.trust.claim import Envelope
from secmount.trust.formats.protojson import Fields

FIELDS = ("payload", "payloadType", "signatures")
IN_TOTO = "application/vnd.in-toto+json"  # in-toto attestation spec v1, envelope.md


def pae(payload_type: str, payload: bytes) -> bytes:
    """Give the bytes that a DSSE signature is over: lengths first, so that no other pair gives the same."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def parse(envelope: Fields) -> tuple[Envelope, bytes]:
    """Give the typed payload and its one signature; raise `TrustError` SM2001, SM2013."""
    payload_type, payload = envelope.text("payloadType"), envelope.octets("payload")
    if not payload_type or not payload:
        raise envelope.refuse("payload", "none, or none with a type", "a payload and its type")
    signatures = envelope.messages("signatures", "sig", "keyid", limit=1)
    if not signatures:
        raise envelope.refuse("signatures", "none", "exactly one")
    signature = signatures[0].octets("sig")
    signatures[0].text("keyid")
    if not signature:
        raise signatures[0].refuse("sig", "empty", "a signature")
    return Envelope(payload_type, payload), signature
