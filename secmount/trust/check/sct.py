"""Whether a certificate was shown to a certificate transparency log before it was given out. RFC 6962 section 3.2.

Without it a certificate authority, or who stole its key, could give out a certificate that nobody ever sees.
"""

from __future__ import annotations

import hashlib

from cryptography import x509

from secmount.errors import TrustError
from secmount.oci import instant
from secmount.trust.check import certificate, key
from secmount.trust.check.chain import Verified
from secmount.trust.root import Log


def verify(verified: Verified, ctlogs: tuple[Log, ...]) -> int:
    """Check the one timestamp in the leaf under the log's key as valid at that time; give it, milliseconds.

    Raise `TrustError` SM2025. Exactly one, as Fulcio embeds: of several, the ones that do not hold would be ignored.
    """
    leaf = verified.leaf
    want = "one signed certificate timestamp of a log in the trust root"
    try:
        found = list(leaf.extensions.get_extension_for_class(x509.PrecertificateSignedCertificateTimestamps).value)
    except x509.ExtensionNotFound:
        found = []
    if len(found) != 1 or len(verified.path) < 2:
        raise TrustError("SM2025", subject=leaf.subject or None, got=f"{len(found)} of them", want=want)
    timestamp = found[0]
    log = next((log for log in ctlogs if log.log_id == timestamp.log_id), None)
    if log is None:
        raise TrustError("SM2025", got=f"one of log {timestamp.log_id.hex()}", want=want)
    try:
        signed = _signed(timestamp, leaf, verified.path[1])
        holds = key.holds(log.key, timestamp.signature, signed)
    except ValueError as err:
        raise TrustError("SM2025", subject=log.url, got=str(err), want=want) from err
    if not holds:
        raise TrustError("SM2025", subject=log.url, got="one that does not hold under the log's key", want=want)
    at_ms = certificate.milliseconds(timestamp.timestamp)
    if not log.window.holds(at_ms):
        got = f"one made at {instant.render(at_ms)}"
        raise TrustError("SM2025", subject=log.url, got=got, want=f"a log whose key is good {log.window}")
    return at_ms


def _signed(
    timestamp: x509.certificate_transparency.SignedCertificateTimestamp,
    leaf: certificate.Certificate,
    issuer: certificate.Certificate,
) -> bytes:
    """Give what the log signed: `digitally-signed struct` of RFC 6962 section 3.2, for a precertificate."""
    body = leaf.parsed.tbs_precertificate_bytes
    at_ms = certificate.milliseconds(timestamp.timestamp)
    more = timestamp.extension_bytes
    return b"".join(
        (
            b"\x00\x00",  # version 1, certificate_timestamp
            at_ms.to_bytes(8),
            b"\x00\x01",  # precert_entry
            hashlib.sha256(issuer.key.spki).digest(),
            len(body).to_bytes(3),
            body,
            len(more).to_bytes(2),
            more,
        )
    )
