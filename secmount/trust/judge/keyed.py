"""Claims by a managed key: under every configured key, and never under one that the material chooses.

Log entries and stamps beside such a signature decide nothing about it: the key does. They only say when it was made,
and that it was logged where a signer must be, and only where they hold under the default root; one that does not adds
nothing (docs/trust.md).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

from secmount.errors import TrustError
from secmount.oci.manifest import Index, Manifest
from secmount.trust import meaning, spki
from secmount.trust.check import key
from secmount.trust.claim import CertificateChain, Claim, Envelope, KeyHint
from secmount.trust.judge import times
from secmount.trust.judge.force import in_force
from secmount.trust.judge.verdict import Holder, Judged, found, refused
from secmount.trust.root import TrustRoot
from secmount.trust.roots.parse import parse
from secmount.trust.signer import KeySigner, Signer


def judge(
    claim: Claim, about: Manifest | Index, signers: Mapping[str, Signer], *, root: TrustRoot | None = None
) -> Judged:
    """Decide whether a configured key made `claim`, and what it says about `about`; raise nothing for bad material.

    `root`: under which log entries and stamps are looked at.
    """
    holders: tuple[KeySigner, ...] = ()
    try:
        holders = _holders(claim, about, signers)
        said = meaning.read(claim, about, bare=all(signer.message_signature for signer in holders))
        attested, logged = _attested(claim, about, holders[0], root)
        time = times.span(said.said.time, attested)
        standing = in_force(holders, time, logged=logged)
    except TrustError as err:
        names = tuple(signer.name for signer in holders)
        return Judged(refused(err, claim.format, about.digest, material=claim.material, signers=names))
    principal = holders[0].principal
    names = tuple(signer.name for signer in standing)
    holder = Holder(names, principal, time, key=principal, expires_ms=said.expires_ms, logged=logged)
    return found(claim, about.digest, (holder,), said)


def _attested(
    claim: Claim, about: Manifest | Index, signer: KeySigner, root: TrustRoot | None
) -> tuple[tuple[times.Attested, ...], bool]:
    if root is None or not (claim.entries or claim.stamps):
        return (), False
    from secmount.trust.check.log import Made  # X.509 and CMS, a tenth of a second that few keys' signatures need
    from secmount.trust.judge import attesting

    signed = about.raw if claim.signed is None else claim.signed
    payload = claim.content.payload if isinstance(claim.content, Envelope) else None
    made = Made(signed, claim.signature, payload, signer.spki, certified=False, envelope=claim.envelope)
    try:
        roots = parse(root)
    except TrustError:
        return (), False  # the key decides; a root that cannot be read attests nothing
    return attesting.sound(claim, made, roots)


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
