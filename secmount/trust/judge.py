"""Judge one claim about one artifact: whose signature is it, does it hold, and does it mean what it must.

The order is fixed: the signature first, under every configured key and never under one that the material chooses; the
payload is read only if it holds; then the bounds of the key. What counts as a signature is in design 3.4.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from secmount.errors import SecmountError, TrustError
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index, Manifest
from secmount.trust import annotation, spki
from secmount.trust.check import key, window
from secmount.trust.claim import CertificateChain, Claim, Envelope, KeyHint, Message, Subject
from secmount.trust.evidence import Considered, Signature
from secmount.trust.formats import dsse, statement
from secmount.trust.signer import KeySigner, Signer

COSIGN_SIGN = "https://sigstore.dev/cosign/sign/v1"  # cosign v3.1, cmd/cosign/cli/sign; an attestation has another
_UNACCEPTABLE = frozenset(
    {"SM2004", "SM2006", "SM2007", "SM2008", "SM2009", "SM2012", "SM2014", "SM2015", "SM2016"}
)  # sound as far as it was looked at, but not by or for whom it must be
_MESSAGE_DIGESTS = {"SHA2_256": "sha256", "SHA2_384": "sha384", "SHA2_512": "sha512"}  # sigstore_common.proto


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of a claim; `signature` where it counts."""

    considered: Considered
    signature: Signature | None = None


def judge(claim: Claim, about: Manifest | Index, signers: Mapping[str, Signer]) -> Judged:
    """Decide whether `claim` is a signature of a configured signer about `about`; raises nothing for bad material."""
    holders: tuple[KeySigner, ...] = ()
    try:
        holders = _holders(claim, about, signers)
        said = annotation.read(_meaning(claim, about, holders))
        for signer in holders:
            _in_force(signer, said)
    except TrustError as err:
        return Judged(refused(err, claim.format, about.digest, material=claim.material, signers=_names(holders)))
    principal = holders[0].principal
    signature = Signature(
        format=claim.format,
        subject=about.digest,
        signers=_names(holders),
        principal=principal,
        key=principal,
        bound_to=said.bound_to,
        annotations=said.annotations,
        time=said.time,
        material=claim.material,
    )
    counted = Considered(claim.material, claim.format, "counts", signers=_names(holders), subject=about.digest)
    return Judged(counted, signature)


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


def _names(holders: tuple[KeySigner, ...]) -> tuple[str, ...]:
    return tuple(signer.name for signer in holders)


def _holders(claim: Claim, about: Manifest | Index, signers: Mapping[str, Signer]) -> tuple[KeySigner, ...]:
    """Give the signers whose key made the signature: one key, under whatever names.

    Two keys can hold for one signature (from an ECDSA signature anyone computes another key that fits it), and one
    signature must not be two principals.
    """
    if isinstance(claim.by, CertificateChain):
        raise TrustError("SM2006", got="a certificate", want="a signature by a configured key")
    signed = about.raw if claim.signed is None else claim.signed
    keyed = [signer for signer in signers.values() if isinstance(signer, KeySigner)]
    keys = {signer.principal: signer.spki for signer in keyed}
    fitting = [
        principal
        for principal, der in keys.items()
        if key.holds(spki.parse(der, subject=principal), claim.signature, signed)
    ]
    if not fitting:
        raise _unknown(claim.by, keys)
    if len(fitting) > 1:
        raise TrustError("SM2016", got=" and ".join(fitting), want="one key")
    return tuple(signer for signer in keyed if signer.principal == fitting[0])


def _unknown(hint: KeyHint, keys: Mapping[str, bytes]) -> TrustError:
    """Name the miss by the hint, which nothing vouches for and nothing is decided by."""
    named = _fingerprint(hint)
    if named in keys:
        return TrustError("SM2005", got=f"a signature that does not hold under {named}", want="one that does")
    shown = f"a key that calls itself {named}" if named else "a key that is not named"
    return TrustError("SM2004", got=shown, want="one of " + (", ".join(keys) or "no configured keys"))


def _fingerprint(hint: KeyHint) -> str | None:
    """Read a hint as cosign writes it: base64 of the SHA-256 of the key."""
    try:
        octets = base64.b64decode(hint.hint, validate=True)
    except ValueError:
        return None
    return f"sha256:{octets.hex()}" if len(octets) == hashlib.sha256().digest_size else None


def _in_force(signer: KeySigner, said: annotation.Said) -> None:
    if signer.revoked:
        raise TrustError("SM2014", subject=signer.name, got="a revoked key", want="a key in force")
    missed = window.outside(signer, said.time)
    if missed:
        raise TrustError("SM2015", subject=signer.name, got=missed[0], want=missed[1])


def _meaning(claim: Claim, about: Manifest | Index, holders: tuple[KeySigner, ...]) -> Mapping[str, object]:
    """Check that what was signed is a signature about `about`; give the annotations of the signed subject."""
    match claim.content:
        case Message() as message:
            _bare(message, about, holders)
            return {}
        case Envelope() as envelope:
            return _stated(envelope, about).annotations


def _bare(message: Message, about: Manifest | Index, holders: tuple[KeySigner, ...]) -> None:
    if not all(signer.message_signature for signer in holders):
        raise TrustError(
            "SM2012", subject=holders[0].name, got="a bare signature over the manifest", want="a statement"
        )
    if not message.digest:
        return
    name = _MESSAGE_DIGESTS.get(message.algorithm)
    if name is None or hashlib.new(name, about.raw).digest() != message.digest:
        got = f"messageDigest {message.algorithm or 'without an algorithm'} of other bytes"
        raise TrustError("SM2007", got=got, want=str(about.digest))


def _stated(envelope: Envelope, about: Manifest | Index) -> Subject:
    if envelope.payload_type != dsse.IN_TOTO:
        raise TrustError("SM2009", got=repr(envelope.payload_type), want=dsse.IN_TOTO)
    said = statement.parse(envelope.payload)
    if said.predicate_type != COSIGN_SIGN:
        raise TrustError("SM2008", got=repr(said.predicate_type), want=COSIGN_SIGN)
    named = [subject for subject in said.subjects if subject.digests.get(about.digest.algorithm) == about.digest.hex]
    if not named:
        others = (f"{name}:{text}" for subject in said.subjects for name, text in subject.digests.items())
        raise TrustError("SM2007", got=f"a signature of {', '.join(others)}", want=str(about.digest))
    if len(named) > 1:
        raise TrustError("SM2010", got=f"{about.digest} {len(named)} times", want="each subject once")
    return named[0]
