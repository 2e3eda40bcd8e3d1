"""Whether a certificate was revoked, by revocation lists that the policy holds. RFC 5280 sections 5 and 6.3.

Each certificate below the anchor must be covered by a current list of its issuer: a list that is missing, stale or of
somebody else decides nothing, and undecided is denied (CVE-2024-56138's lesson).
"""

from __future__ import annotations

import re

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from secmount.errors import TrustError
from secmount.oci import instant
from secmount.trust.check.certificate import Certificate, milliseconds
from secmount.trust.check.chain import Verified

_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_LISTS_LIMIT = 16


def check(verified: Verified, lists: bytes, *, now_ms: int | None) -> None:
    """Raise `TrustError` SM2037 if a certificate of `verified` is in `lists` (PEM, or one in DER), SM2038 if unsure."""
    if now_ms is None:
        raise TrustError("SM2038", got="no time to judge it at", want="the time now")
    known = _read(lists)
    for one, issuer in zip(verified.path, verified.path[1:], strict=False):
        current = [found for found in known if _current(found, issuer, now_ms)]
        if not current:
            want = f"a current list of {issuer.subject} at {instant.render(now_ms)}"
            raise TrustError("SM2038", subject=one.subject or None, got=_shown(known), want=want)
        for found in current:
            if found.get_revoked_certificate_by_serial_number(one.parsed.serial_number) is not None:
                got = f"serial {one.parsed.serial_number:x} on the list of {issuer.subject}"
                raise TrustError("SM2037", subject=one.subject or None, got=got, want="a certificate that is not")


def _read(lists: bytes) -> list[x509.CertificateRevocationList]:
    blocks = _BLOCK.findall(lists)
    try:
        if len(blocks) > _LISTS_LIMIT:
            raise ValueError(f"{len(blocks)} lists")  # noqa: TRY301 - one handler for all that keeps it from being read
        if blocks:
            return [x509.load_pem_x509_crl(block) for block in blocks]
        return [x509.load_der_x509_crl(lists)]
    except ValueError as err:
        raise TrustError("SM2038", got=str(err), want="revocation lists, PEM or DER") from err


def _current(found: x509.CertificateRevocationList, issuer: Certificate, now_ms: int) -> bool:
    """Whether `found` is the issuer's word on all its certificates, today."""
    if found.issuer != issuer.parsed.subject or any(extension.critical for extension in found.extensions):
        return False  # such as an issuing distribution point: a list of some certificates only
    try:
        if not found.is_signature_valid(issuer.parsed.public_key()):  # type: ignore[arg-type]  # refuses other kinds
            return False
    except (InvalidSignature, TypeError, ValueError):
        return False
    ends = found.next_update_utc
    return milliseconds(found.last_update_utc) <= now_ms and ends is not None and now_ms < milliseconds(ends)


def _shown(known: list[x509.CertificateRevocationList]) -> str:
    rows = []
    for found in known[:4]:
        ends = found.next_update_utc
        until = "without an end" if ends is None else f"until {instant.render(milliseconds(ends))}"
        rows.append(f"a list of {found.issuer.rfc4514_string()} {until}")
    return ", ".join(rows)
