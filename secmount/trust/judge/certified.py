"""Claims by a certificate: under the trust root of each keyless signer, under the anchors of each X.509 signer.

What fails nearest to its end is what is told: a signature by another identity says more than "another authority".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from secmount.errors import TrustError
from secmount.oci import instant
from secmount.oci.manifest import Index, Manifest
from secmount.trust import meaning
from secmount.trust.check import certificate
from secmount.trust.claim import CertificateChain, Claim, Message
from secmount.trust.evidence import SignatureTime
from secmount.trust.judge import keyless, times, x509
from secmount.trust.judge.force import in_force, unrevoked
from secmount.trust.judge.verdict import Holder, Judged, found, refused
from secmount.trust.meaning import Meaning
from secmount.trust.root import TrustRoot
from secmount.trust.signer import KeylessSigner, KeySigner, Signer, X509Signer
from secmount.trust.sigstore import opinion
from secmount.value import dataclass

_STEPS = (  # how far a claim came, by what stopped it
    ("SM2020", "SM2021"),
    ("SM2023", "SM2005", "SM2040"),
    ("SM2027", "SM2026", "SM2029", "SM2028", "SM2030", "SM2031"),
    ("SM2022", "SM2025", "SM2024"),
    ("SM2033", "SM2035"),
    ("SM2032", "SM2034", "SM2037", "SM2038"),
)


@dataclass(frozen=True, slots=True)
class _Fit:
    """Signers of one root, or one X.509 signer, that made a claim, as far as the certificate says."""

    signers: tuple[KeylessSigner | X509Signer, ...]
    holder: Holder
    proven: keyless.Proven | None = None
    root: TrustRoot | None = None


def judge(
    claim: Claim,
    by: CertificateChain,
    about: Manifest | Index,
    signers: Mapping[str, Signer],
    *,
    now_ms: int | None,
) -> Judged:
    """Decide whether a configured identity made `claim`, and what it says about `about`; raise nothing if it is bad.

    Where several roots or anchors fit, there is one piece of evidence for each whose signers are in force. A revocation
    under any of them refuses the claim.
    """
    fits: list[_Fit] = []
    try:
        fits = _fits(claim, by, about, tuple(signers.values()), now_ms)
        bare = [fit for fit in fits if all(signer.message_signature for signer in fit.signers)]
        said = meaning.read(claim, about, bare=bool(bare))
        _unexpired(said, now_ms)
        for fit in fits:
            unrevoked(fit.signers, fit.holder.time)
        fits = _standing(bare if isinstance(claim.content, Message) else fits, said)
        holders = tuple(fit.holder for fit in fits)
        _check_key(by, signers, holders)
        _agreed(claim, about, fits)
    except TrustError as err:
        names = tuple(name for fit in fits for name in fit.holder.signers)
        return Judged(refused(err, claim.format, about.digest, material=claim.material, signers=names))
    return found(claim, about.digest, holders, said)


def _fits(
    claim: Claim, by: CertificateChain, about: Manifest | Index, signers: tuple[Signer, ...], now_ms: int | None
) -> list[_Fit]:
    fits: list[_Fit] = []
    missed: list[TrustError] = []
    barred: list[X509Signer] = []
    keyed = [signer for signer in signers if isinstance(signer, KeylessSigner)]
    for root in {signer.root.digest: signer.root for signer in keyed}.values():
        group = tuple(signer for signer in keyed if signer.root.digest == root.digest)
        try:
            fits.append(_keyless(claim, by, about, group, root))
        except TrustError as err:
            missed.append(err)
    for signer in signers:
        if isinstance(signer, X509Signer):
            try:
                fits.append(_x509(claim, by, about, signer, now_ms))
            except TrustError as err:
                missed.append(err)
                barred += [signer] if x509.means(signer, by) else []
    if not fits:
        raise max(missed, key=_step)
    unrevoked(barred, SignatureTime())  # a stamp or list that is no good must not take a revocation out of the way
    return fits


def _keyless(
    claim: Claim, by: CertificateChain, about: Manifest | Index, group: tuple[KeylessSigner, ...], root: TrustRoot
) -> _Fit:
    alone = not opinion.representable(claim)
    proven = keyless.prove(claim, by.certificates[0], about, root, alone=alone)
    identity = proven.identity
    fitting = keyless.fitting(identity, group)
    holder = Holder(
        signers=tuple(signer.name for signer in fitting),
        principal=identity.principal,
        time=proven.time,
        issuer=identity.issuer,
        identity=identity.name,
        claims=identity.claims,
        root=root.digest,
        root_updated_ms=root.updated_ms,
        logged=bool(claim.entries),  # each was proven
    )
    return _Fit(fitting, holder, proven, root)


def _x509(claim: Claim, by: CertificateChain, about: Manifest | Index, signer: X509Signer, now_ms: int | None) -> _Fit:
    proven = x509.prove(claim, by, about, signer, now_ms=now_ms)
    holder = Holder(
        signers=(signer.name,),
        principal=f"x509 {signer.root} {proven.subject}",
        time=times.span(SignatureTime(), proven.attested),
        key=proven.key,
        identity=proven.subject,
        claims=proven.attributes,
        root=signer.root,
        expires_ms=proven.expires_ms,
    )
    return _Fit((signer,), holder)


def _step(err: TrustError) -> int:
    return next((step for step, codes in enumerate(_STEPS) if err.code in codes), 0)


def _standing(fits: list[_Fit], said: Meaning) -> list[_Fit]:
    """Give those of `fits` that have signers in force; raise `TrustError` SM2015 or SM2041 if none has."""
    standing: list[_Fit] = []
    missed: list[TrustError] = []
    for fit in fits:
        try:
            standing.append(replace(fit, holder=_held(fit, said)))
        except TrustError as err:
            missed.append(err)
    if missed and not standing:
        raise missed[0]
    return standing


def _held(fit: _Fit, said: Meaning) -> Holder:
    """Give the holder as those signers of it who are in force, with the times that the signed bytes add."""
    time, inside = fit.holder.time, said.said.time
    if time.not_before is None:
        time = replace(time, not_before=inside.not_before, not_before_source=inside.not_before_source)
    standing = in_force(fit.signers, time, logged=fit.holder.logged)
    ends = [ms for ms in (fit.holder.expires_ms, said.expires_ms) if ms is not None]
    names = tuple(signer.name for signer in standing)
    return replace(fit.holder, signers=names, time=time, expires_ms=min(ends, default=None))


def _check_key(by: CertificateChain, signers: Mapping[str, Signer], holders: tuple[Holder, ...]) -> None:
    """Raise `TrustError` SM2014, SM2015 for a certificate of a key that is revoked as a managed one: it is one key."""
    principal = certificate.read(by.certificates[0]).key.principal
    same = [signer for signer in signers.values() if isinstance(signer, KeySigner) and signer.principal == principal]
    for holder in holders:
        unrevoked(same, holder.time)


def _unexpired(said: Meaning, now_ms: int | None) -> None:
    if said.expires_ms is None or (now_ms is not None and now_ms < said.expires_ms):
        return
    want = "an unexpired one" + ("" if now_ms is None else f" at {instant.render(now_ms)}")
    raise TrustError("SM2039", got=f"a signature that counts until {instant.render(said.expires_ms)}", want=want)


def _agreed(claim: Claim, about: Manifest | Index, fits: list[_Fit]) -> None:
    """Ask sigstore-python, whose import costs a third of a second, only about what counts otherwise."""
    for fit in fits:
        if fit.proven is not None and fit.root is not None and opinion.representable(claim):
            opinion.agree(claim, about.raw, fit.proven.identity, fit.root)
