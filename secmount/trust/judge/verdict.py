"""What comes of a claim: evidence where it counts, and in any case what was considered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from secmount.errors import SecmountError, TrustError
from secmount.oci.digest import Digest
from secmount.trust.claim import Claim
from secmount.trust.evidence import Attestation, Considered, Signature, SignatureTime
from secmount.trust.meaning import COSIGN_SIGN, Meaning
from secmount.value import dataclass

# Sound as far as it was looked at, but not by or for whom it must be.
_UNACCEPTABLE = frozenset(
    {"SM2004", "SM2006", "SM2007", "SM2008", "SM2009", "SM2012", "SM2014", "SM2015", "SM2016", "SM2021", "SM2022"}
    | {"SM2028", "SM2030", "SM2031", "SM2032", "SM2033", "SM2034", "SM2035", "SM2037", "SM2039", "SM2041"}
    | {"SM2062", "SM2063", "SM2072", "SM2073"}
)


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a claim; where it counts, `signatures` or `attestations`: one for each root it stands under."""

    considered: Considered
    signatures: tuple[Signature, ...] = ()
    attestations: tuple[Attestation, ...] = ()


@dataclass(frozen=True, slots=True)
class Holder:
    """Who made a claim, as far as it was authenticated, and when; `signers` are the policy's names that fit."""

    signers: tuple[str, ...]
    principal: str
    time: SignatureTime
    key: str | None = None
    issuer: str | None = None
    identity: str | None = None
    claims: Mapping[str, str] = field(default_factory=dict, hash=False)
    root: str | None = None
    root_updated_ms: int | None = None
    expires_ms: int | None = None
    logged: bool = False  # an entry in a transparency log of the root holds


def found(claim: Claim, about: Digest, holders: tuple[Holder, ...], meaning: Meaning) -> Judged:
    """Give the evidence that `claim`, made by `holders` and meaning `meaning`, is.

    An attestation is evidence, and considered as a signature that it is not (SM2008, CVE-2022-35929).
    """
    signers = tuple(dict.fromkeys(name for holder in holders for name in holder.signers))
    if meaning.kind == "signature":
        considered = Considered(claim.material, claim.format, "counts", signers=signers, subject=about)
        return Judged(considered, signatures=tuple(_signature(claim, about, holder, meaning) for holder in holders))
    err = TrustError("SM2008", got=repr(meaning.predicate_type), want=COSIGN_SIGN)
    considered = refused(err, claim.format, about, material=claim.material, signers=signers)
    return Judged(considered, attestations=tuple(_attestation(claim, about, holder, meaning) for holder in holders))


def _signature(claim: Claim, about: Digest, holder: Holder, meaning: Meaning) -> Signature:
    return Signature(
        format=claim.format,
        subject=about,
        signers=holder.signers,
        principal=holder.principal,
        key=holder.key,
        issuer=holder.issuer,
        identity=holder.identity,
        claims=holder.claims,
        bound_to=meaning.said.bound_to,
        annotations=meaning.said.annotations,
        time=holder.time,
        material=claim.material,
        root=holder.root,
        root_updated_ms=holder.root_updated_ms,
        files=meaning.files,
        expires_ms=holder.expires_ms,
        logged=holder.logged,
    )


def _attestation(claim: Claim, about: Digest, holder: Holder, meaning: Meaning) -> Attestation:
    return Attestation(
        format=claim.format,
        subject=about,
        predicate_type=meaning.predicate_type,
        predicate=meaning.predicate,
        signers=holder.signers,
        principal=holder.principal,
        issuer=holder.issuer,
        identity=holder.identity,
        claims=holder.claims,
        time=holder.time,
        material=claim.material,
        root=holder.root,
        root_updated_ms=holder.root_updated_ms,
        expires_ms=holder.expires_ms,
        bound_to=meaning.said.bound_to,
        logged=holder.logged,
    )


def refused(
    err: SecmountError, form: str, about: Digest, *, material: Digest | None, signers: tuple[str, ...] = ()
) -> Considered:
    """Record that `material`, found at `about`, does not count because of `err`."""
    return Considered(
        material=material,
        format=form,
        outcome="unacceptable" if err.code in _UNACCEPTABLE else "invalid",
        code=err.code,
        got=": ".join(part for part in (err.subject, err.got) if part) or None,
        want=err.want,
        signers=signers,
        subject=about,
    )
