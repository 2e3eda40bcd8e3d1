"""Whether a certificate is vouched for: a path from it to an anchor at a given time. RFC 5280 section 6.

Written for signatures: what a web client asks for (names of hosts, revocation by the network) has no place, and every
certificate must have been valid when the signature was made, its issuers too (CVE-2026-24122's lesson). What is not
understood is refused: critical extensions without a meaning here, and constraints on names altogether.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from secmount.errors import TrustError
from secmount.oci import instant
from secmount.trust.check import certificate
from secmount.trust.check.certificate import Certificate
from secmount.value import dataclass

Purpose = Literal["code-signing", "notary", "time-stamping"]

PATH_LIMIT = 8  # certificates of a path; Fulcio's and the public authorities' have 3 or 4
_OFFERED_LIMIT = 32  # certificates that may stand in a path
_TRIED_LIMIT = 64  # signatures on certificates checked for one leaf
_KEPT = 64

_UNDERSTOOD = frozenset(
    {
        ExtensionOID.BASIC_CONSTRAINTS,
        ExtensionOID.KEY_USAGE,
        ExtensionOID.EXTENDED_KEY_USAGE,
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME,
        ExtensionOID.CERTIFICATE_POLICIES,
    }
)
_USE = {
    "code-signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "notary": ExtendedKeyUsageOID.CODE_SIGNING,
    "time-stamping": ExtendedKeyUsageOID.TIME_STAMPING,
}
# Notary Project, signature-specification.md, Certificate Requirements: a leaf for signatures is for nothing of these.
_NOT_NOTARY = frozenset(
    {
        ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE,
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.EMAIL_PROTECTION,
        ExtendedKeyUsageOID.TIME_STAMPING,
        ExtendedKeyUsageOID.OCSP_SIGNING,
    }
)


@dataclass(frozen=True, slots=True)
class Verified:
    """A path that holds: the leaf first, the anchor last."""

    path: tuple[Certificate, ...]

    @property
    def leaf(self) -> Certificate:
        """The certificate that was asked about."""
        return self.path[0]

    def check_at(self, at_ms: int) -> None:
        """Raise `TrustError` SM2022 unless every certificate is valid at `at_ms`, too."""
        for one in self.path:
            if not one.holds_at(at_ms):
                raise expired(one, at_ms)


def verify(chain: tuple[bytes, ...], anchors: tuple[bytes, ...], *, at_ms: int, purpose: Purpose) -> Verified:
    """Find a path from the first of `chain` by the others to one of `anchors`, all DER, for `purpose` at `at_ms`.

    The order of the other certificates does not matter. Raise `TrustError` SM2020 (a certificate that cannot be read),
    SM2021 (no path), SM2022 (a path, but not at that time), SM2023 (not made for this).
    """
    if not 0 < len(chain) <= _OFFERED_LIMIT or not anchors:
        got = f"{len(chain)} certificates and {len(anchors)} anchors"
        raise TrustError("SM2021", got=got, want=f"1 to {_OFFERED_LIMIT}, and an anchor")
    leaf = certificate.read(chain[0])
    _check_leaf(leaf, purpose)
    offered = [certificate.read(der) for der in dict.fromkeys(chain[1:])]
    trusted = [certificate.read(der) for der in dict.fromkeys(anchors)]
    missed: TrustError | None = None
    for path in _Search(offered, trusted).paths((leaf,)):
        try:
            _check_path(path, purpose)
            found = Verified(path)
            found.check_at(at_ms)
        except TrustError as err:
            missed = missed or err
            continue
        return found
    if missed is not None:
        raise missed
    want = "a certificate issued under " + " or ".join(one.subject for one in trusted[:4])
    known = leaf.issuer in {one.subject for one in (*offered, *trusted)}
    got = f"issued by {leaf.issuer}" + (", but no valid signatures lead there" if known else "")
    raise TrustError("SM2021", subject=leaf.subject, got=got, want=want)


def expired(one: Certificate, at_ms: int) -> TrustError:
    """Say that `one` is not valid at `at_ms`."""
    got = f"valid only from {instant.render(one.not_before_ms)} until {instant.render(one.not_after_ms)}"
    return TrustError("SM2022", subject=one.subject or None, got=got, want=f"valid at {instant.render(at_ms)}")


class _Search:
    def __init__(self, offered: list[Certificate], anchors: list[Certificate]) -> None:
        self._offered, self._anchors, self._left = offered, anchors, _TRIED_LIMIT

    def paths(self, path: tuple[Certificate, ...]) -> Iterator[tuple[Certificate, ...]]:
        """Give the paths that go on from `path` and end in an anchor."""
        last = path[-1]
        for one in self._anchors:
            if one.der == last.der:
                yield path  # the leaf itself is trusted, as a Notary trust store may have it
            elif one not in path and self._issued(one, last):
                yield (*path, one)
        if len(path) + 1 >= PATH_LIMIT:
            return
        for one in self._offered:
            if one not in path and one not in self._anchors and self._issued(one, last):
                yield from self.paths((*path, one))

    def _issued(self, issuer: Certificate, subject: Certificate) -> bool:
        if issuer.parsed.subject != subject.parsed.issuer:
            return False
        self._left -= 1
        return self._left >= 0 and _signed(issuer.der, subject.der)


@lru_cache(maxsize=_KEPT)
def _signed(issuer: bytes, subject: bytes) -> bool:
    """Whether `issuer`'s key signed `subject`; names and signature, nothing else."""
    try:
        certificate.read(subject).parsed.verify_directly_issued_by(certificate.read(issuer).parsed)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _check_leaf(leaf: Certificate, purpose: Purpose) -> None:
    _understand(leaf)
    basic = _extension(leaf, x509.BasicConstraints)
    if basic is not None and basic.value.ca:
        raise _unfit(leaf, "a certificate authority's certificate", "one for signatures")
    usage = _extension(leaf, x509.KeyUsage)
    if usage is None or not (
        usage.value.digital_signature or (purpose == "time-stamping" and usage.value.content_commitment)
    ):
        raise _unfit(leaf, "no key usage digitalSignature", "key usage digitalSignature")
    extended = _extension(leaf, x509.ExtendedKeyUsage)
    uses = frozenset(extended.value) if extended is not None else frozenset()
    if purpose == "notary":
        if uses and (_USE[purpose] not in uses or uses & _NOT_NOTARY):
            raise _unfit(leaf, _names(uses), "extended key usage codeSigning and no foreign ones, or none at all")
    elif purpose == "time-stamping":
        if extended is None or not extended.critical or uses != {_USE[purpose]}:
            raise _unfit(leaf, _names(uses), "critical extended key usage timeStamping alone (RFC 3161 section 2.3)")
    elif _USE[purpose] not in uses:
        raise _unfit(leaf, _names(uses), "extended key usage codeSigning")


def _check_path(path: tuple[Certificate, ...], purpose: Purpose) -> None:
    """Check the issuers: each may issue certificates, for this, and that many below it."""
    below = 0  # intermediate certificates under the one at hand that are not self-issued
    for one in path[1:]:
        most = _authority(one, purpose)
        if most is not None and below > most:
            raise _unfit(one, f"{below} authorities below it", f"at most {most}")
        below += one.parsed.subject != one.parsed.issuer


@lru_cache(maxsize=_KEPT)
def _authority(one: Certificate, purpose: Purpose) -> int | None:
    """Check that `one` may issue certificates for `purpose`; give how many authorities may be below it, None: any."""
    _understand(one)
    basic = _extension(one, x509.BasicConstraints)
    if basic is None or not basic.value.ca:
        raise _unfit(one, "a certificate that may not issue others", "a certificate authority's")
    usage = _extension(one, x509.KeyUsage)
    if usage is not None and not usage.value.key_cert_sign:
        raise _unfit(one, "no key usage keyCertSign", "key usage keyCertSign")
    extended = _extension(one, x509.ExtendedKeyUsage)
    if extended is not None and not {_USE[purpose], ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & {*extended.value}:
        raise _unfit(one, _names(frozenset(extended.value)), f"an authority for {purpose}")
    return basic.value.path_length


def _understand(one: Certificate) -> None:
    for extension in one.extensions:
        if extension.oid == ExtensionOID.NAME_CONSTRAINTS:
            raise _unfit(one, "constraints on names", "none: they are not evaluated")
        if extension.critical and extension.oid not in _UNDERSTOOD:
            got = f"critical extension {extension.oid.dotted_string}"
            raise _unfit(one, got, "no critical extension without a meaning here")


def _extension(
    one: Certificate, kind: type[x509.extensions.ExtensionTypeVar]
) -> x509.Extension[x509.extensions.ExtensionTypeVar] | None:
    try:
        return one.extensions.get_extension_for_class(kind)
    except x509.ExtensionNotFound:
        return None


def _names(uses: frozenset[x509.ObjectIdentifier]) -> str:
    return "extended key usage " + (", ".join(sorted(use._name for use in uses)) or "missing")  # noqa: SLF001


def _unfit(one: Certificate, got: str, want: str) -> TrustError:
    return TrustError("SM2023", subject=one.subject or None, got=got, want=want)
