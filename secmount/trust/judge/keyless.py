"""Claims by a Sigstore certificate: the whole of the Sigstore client specification, under the root of each signer.

Everything that is there must hold: every stamp, every log entry. Checked here and, where it can represent the bundle,
by sigstore-python as well: both must accept (`trust.sigstore.opinion`).
"""

from __future__ import annotations

from secmount.errors import TrustError
from secmount.oci import instant
from secmount.oci.manifest import Index, Manifest
from secmount.trust.check import certificate, chain, fulcio, key, sct
from secmount.trust.check.certificate import Certificate
from secmount.trust.check.chain import Verified
from secmount.trust.check.fulcio import Identity
from secmount.trust.check.log import Made
from secmount.trust.claim import Claim, Envelope
from secmount.trust.evidence import SignatureTime
from secmount.trust.judge import attesting, times
from secmount.trust.root import Authority, Roots, TrustRoot
from secmount.trust.roots.parse import parse
from secmount.trust.signer import KeylessSigner
from secmount.value import dataclass

CERTIFICATE = "certificate"  # what says not_before: the authority, which gave the certificate out then


@dataclass(frozen=True, slots=True)
class Proven:
    """A claim that holds under a root, by whom, and when."""

    identity: Identity
    time: SignatureTime


def prove(claim: Claim, leaf: bytes, about: Manifest | Index, root: TrustRoot, *, alone: bool) -> Proven:
    """Check the whole of `claim`, made with the key in the certificate `leaf`, under `root`.

    `alone`: sigstore-python has no form for the claim and will not be asked. Raise `TrustError` SM2005, SM2020 to
    SM2031 or SM2201.
    """
    roots, holder = parse(root), certificate.read(leaf)
    candidates = _authorities(holder, roots)
    signed = about.raw if claim.signed is None else claim.signed
    if claim.algorithm is not None or not key.holds(holder.key, claim.signature, signed):
        raise TrustError("SM2005", got="a signature that does not hold under its certificate", want="one that does")
    payload = claim.content.payload if isinstance(claim.content, Envelope) else None
    made = Made(signed, claim.signature, payload, leaf, certified=True, envelope=claim.envelope)
    attested = attesting.every(claim, made, roots, second=alone)
    if not attested:
        got = "neither a log's promise nor a time stamp"
        raise TrustError("SM2031", got=got, want="a third party's time, for a certificate that lives minutes")
    verified = _at(candidates, attested)
    sct.verify(verified, roots.ctlogs)
    said = SignatureTime(not_before=holder.not_before_ms, not_before_source=CERTIFICATE)
    return Proven(fulcio.read(holder), times.span(said, attested))


def _authorities(holder: Certificate, roots: Roots) -> list[tuple[Authority, Verified]]:
    """Give the authorities under which `holder` stands when it was given out; when it was used is asked later."""
    found: list[tuple[Authority, Verified]] = []
    missed: list[TrustError] = []
    for authority in roots.authorities:
        *between, anchor = authority.certificates
        try:
            path = chain.verify((holder.der, *between), (anchor,), at_ms=holder.not_before_ms, purpose="code-signing")
        except TrustError as err:
            missed.append(err)
            continue
        found.append((authority, path))
    if not found:
        raise next((err for err in missed if err.code != "SM2021"), missed[-1])
    return found


def _at(candidates: list[tuple[Authority, Verified]], attested: tuple[times.Attested, ...]) -> Verified:
    """Give the path under an authority that was good at each of the times, as was every certificate."""
    missed: list[TrustError] = []
    for authority, verified in candidates:
        try:
            for one in attested:
                verified.check_at(one.ms)
                if not authority.window.holds(one.ms):
                    got = f"signed at {instant.render(one.ms)} ({one.source})"
                    want = f"an authority that is good {authority.window}"
                    raise TrustError("SM2022", subject=authority.uri or None, got=got, want=want)  # noqa: TRY301
        except TrustError as err:
            missed.append(err)
            continue
        return verified
    raise missed[0]


def fitting(identity: Identity, signers: tuple[KeylessSigner, ...]) -> tuple[KeylessSigner, ...]:
    """Give those of `signers` that `identity` is; raise `TrustError` SM2032, SM2033, SM2034 with the nearest miss."""
    missed = [(signer, _miss(identity, signer)) for signer in signers]
    found = tuple(signer for signer, err in missed if err is None)
    if not found:
        raise max((err for _, err in missed if err), key=lambda err: _NEARER.index(err.code))
    return found


_NEARER = ("SM2033", "SM2032", "SM2034")


def _miss(identity: Identity, signer: KeylessSigner) -> TrustError | None:
    named, same = signer.identity.matches(identity.name), signer.issuer == identity.issuer
    if not named:
        got = identity.name if same else f"{identity.name}, vouched for by {identity.issuer}"
        want = signer.identity.text if same else f"{signer.identity.text}, vouched for by {signer.issuer}"
        return TrustError("SM2033", subject=signer.name, got=got, want=want)
    if not same:
        return TrustError(
            "SM2032", subject=signer.name, got=f"{identity.name} of {identity.issuer}", want=signer.issuer
        )
    for name, value in signer.claims.items():
        if identity.claims.get(name) != value:
            got = f"{name} {identity.claims[name]}" if name in identity.claims else f"no {name}"
            return TrustError("SM2034", subject=signer.name, got=got, want=f"{name} {value}")
    return None
