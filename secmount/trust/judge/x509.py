"""Claims by a certificate of an authority that a policy names, as the Notary Project has them.

Notary Project `trust-store-trust-policy.md`, `signature-specification.md`: with a time stamp the certificates are
judged at its time, without one they must be valid now. A policy that names no timestamp authority reads no stamp.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from secmount.errors import TrustError
from secmount.oci.manifest import Index, Manifest
from secmount.trust.check import certificate, chain, key, revocation, stamp
from secmount.trust.check.certificate import Certificate
from secmount.trust.claim import CertificateChain, Claim
from secmount.trust.judge.times import STAMP, Attested
from secmount.trust.root import Authority, Window
from secmount.trust.signer import X509Signer
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Proven:
    """A claim that holds under a signer's anchors; `expires_ms` where nothing but the clock says that it does."""

    subject: str
    key: str  # whose key the certificate is for: the principal of it as a managed one
    attributes: Mapping[str, str] = field(hash=False)
    attested: tuple[Attested, ...]
    expires_ms: int | None


def prove(
    claim: Claim, by: CertificateChain, about: Manifest | Index, signer: X509Signer, *, now_ms: int | None
) -> Proven:
    """Check the whole of `claim` as one of `signer`.

    Raise `TrustError` SM2005, SM2020 to SM2023, SM2029 to SM2031, SM2035, SM2037, SM2038 or SM2040.
    """
    leaf = certificate.read(by.certificates[0])
    attributes = certificate.attributes(leaf)
    _signed(claim, leaf, about)
    authorities = tuple(Authority("", (anchor,), Window()) for anchor in signer.stamp_anchors)
    stamps = claim.stamps if authorities else ()
    times = (stamp.verify(one, claim.signature, authorities, envelope=claim.envelope) for one in stamps)
    attested = tuple(Attested(ms, STAMP) for ms in times)
    moments = [one.ms for one in attested] or ([] if now_ms is None else [now_ms])
    if not moments:
        raise TrustError("SM2031", got="no time stamp", want="one, or the time now")
    verified = chain.verify(by.certificates, signer.anchors, at_ms=moments[0], purpose="notary")
    for moment in moments[1:]:
        verified.check_at(moment)
    if not _named(signer, attributes):
        want = ", ".join(f"{name}={value}" for name, value in signer.subject.items())
        raise TrustError("SM2035", subject=signer.name, got=leaf.subject or "an empty subject", want=want)
    if signer.crl is not None:
        revocation.check(verified, signer.crl, now_ms=now_ms)
    end = None if attested else min(one.not_after_ms for one in verified.path)
    return Proven(leaf.subject, leaf.key.principal, attributes, attested, end)


def means(signer: X509Signer, by: CertificateChain) -> bool:
    """Whether the holder is whom `signer` names, by subject and anchors; nothing else of the claim is asked."""
    try:
        leaf = certificate.read(by.certificates[0])
        if not _named(signer, certificate.attributes(leaf)):
            return False
        chain.verify(by.certificates, signer.anchors, at_ms=leaf.not_before_ms, purpose="notary")
    except TrustError as err:
        return err.code == "SM2022"
    return True


def _named(signer: X509Signer, attributes: Mapping[str, str]) -> bool:
    return all(attributes.get(name) == value for name, value in signer.subject.items())


def _signed(claim: Claim, leaf: Certificate, about: Manifest | Index) -> None:
    signed = about.raw if claim.signed is None else claim.signed
    own = key.algorithm_of(leaf.key)
    if claim.algorithm is not None and claim.algorithm != own:
        raise TrustError("SM2040", subject=leaf.subject, got=claim.algorithm, want=own or "another kind of key")
    holds = key.holds if claim.algorithm is None else key.holds_jws
    if not holds(leaf.key, claim.signature, signed):
        raise TrustError("SM2005", got="a signature that does not hold under its certificate", want="one that does")
