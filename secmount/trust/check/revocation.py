"""Whether a certificate was revoked, by revocation lists that the policy holds. RFC 5280 sections 5 and 6.3.

Each certificate below the anchor must be covered by a current list of its issuer: a list that is missing, stale or of
somebody else decides nothing, and undecided is denied (CVE-2024-56138's lesson). So is a certificate that has ended,
where a time stamp lets it count: lists leave such ones out (RFC 5280 section 3.3), revoked or not, unless they say that
they do not (X.509, expiredCertsOnCRL).
"""

from __future__ import annotations

import re
from itertools import pairwise

from cryptography import x509

from secmount.errors import TrustError
from secmount.oci import instant
from secmount.trust.check import der
from secmount.trust.check.certificate import Certificate, milliseconds
from secmount.trust.check.chain import Verified

_BLOCK = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_LISTS_LIMIT = 16
_KEEPS = x509.ObjectIdentifier("2.5.29.60")  # expiredCertsOnCRL: what ended at that time or later stays on the list
_SINCE = re.compile(rb"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})Z")


def check(verified: Verified, lists: bytes, *, now_ms: int | None) -> None:
    """Raise `TrustError` SM2037 if a certificate of `verified` is in `lists` (PEM, or one in DER), SM2038 if unsure."""
    if now_ms is None:
        raise TrustError("SM2038", got="no time to judge it at", want="the time now")
    try:
        _check(verified, lists, now_ms)
    except TrustError:
        raise
    except Exception as err:  # lists are read as they are asked; whatever the parser says then, they decide nothing
        raise TrustError("SM2038", got=str(err) or type(err).__name__, want="revocation lists, PEM or DER") from err


def _check(verified: Verified, lists: bytes, now_ms: int) -> None:
    known = _read(lists)
    for one, issuer in pairwise(verified.path):
        faults = [_fault(found, issuer, now_ms) or _forgotten(found, one, now_ms) for found in known]
        current = [found for found, fault in zip(known, faults, strict=True) if fault is None]
        if not current:
            rows = [
                f"a list of {found.issuer.rfc4514_string()} {fault}" for found, fault in zip(known, faults, strict=True)
            ]
            want = f"a current list of {issuer.subject} at {instant.render(now_ms)}"
            raise TrustError("SM2038", subject=one.subject or None, got=", ".join(rows[:4]), want=want)
        for found in current:
            if found.get_revoked_certificate_by_serial_number(one.parsed.serial_number) is not None:
                got = f"serial {one.parsed.serial_number:x} on the list of {issuer.subject}"
                raise TrustError("SM2037", subject=one.subject or None, got=got, want="one that no list names")


def _read(lists: bytes) -> list[x509.CertificateRevocationList]:
    blocks = _BLOCK.findall(lists)
    if len(blocks) > _LISTS_LIMIT:
        raise ValueError(f"{len(blocks)} lists")
    if blocks:
        return [x509.load_pem_x509_crl(block) for block in blocks]
    return [x509.load_der_x509_crl(lists)]


def _fault(found: x509.CertificateRevocationList, issuer: Certificate, now_ms: int) -> str | None:
    """Say why `found` is not the issuer's word on all its certificates, today; None if it is."""
    if found.issuer != issuer.parsed.subject:
        return "(another authority)"
    if any(extension.critical for extension in found.extensions):
        return "with a critical extension"  # such as an issuing distribution point: a list of some certificates only
    if not found.is_signature_valid(issuer.parsed.public_key()):  # type: ignore[arg-type]  # refuses other kinds
        return "that it did not sign"
    starts, ends = milliseconds(found.last_update_utc), found.next_update_utc
    if ends is None:
        return "without an end"
    if starts <= now_ms < milliseconds(ends):
        return None
    return f"from {instant.render(starts)} until {instant.render(milliseconds(ends))}"


def _forgotten(found: x509.CertificateRevocationList, one: Certificate, now_ms: int) -> str | None:
    """Say that `one` has ended, so that `found` may not name it any more, revoked or not; None if it must."""
    if now_ms <= one.not_after_ms:
        return None
    for extension in found.extensions:
        if extension.oid == _KEEPS and isinstance(extension.value, x509.UnrecognizedExtension):
            since = _SINCE.fullmatch(der.read(extension.value.value, der.TIME).content)
            if since is None:
                raise ValueError("expiredCertsOnCRL without a time in UTC")
            text = "{}-{}-{}T{}:{}:{}Z".format(*(part.decode() for part in since.groups()))
            if instant.parse(text) <= one.not_after_ms:
                return None
    return f"which may leave out what ended at {instant.render(one.not_after_ms)}"
