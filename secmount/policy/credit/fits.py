"""Whether a fact is by a signer, asked once more of the fact itself: the names it came with are not believed.

A keyless principal is the issuer and, of an https URI, what stands before `@refs/`, or else before the last `@`: one
workflow under two tags is one principal, and a tag may be called `v1@x`. Design 3.4.
"""

from __future__ import annotations

from collections.abc import Iterable

from secmount.policy.glob import REF_MARK
from secmount.trust.evidence import Attestation, Signature
from secmount.trust.signer import KeylessSigner, KeySigner, Signer

Fact = Signature | Attestation


def fits(signer: Signer, fact: Fact) -> bool:
    """Say whether `fact` is by `signer`, under the root it names and as the principal that it must be."""
    if isinstance(signer, KeySigner):
        return fact.principal == signer.principal
    if isinstance(signer, KeylessSigner):
        return meant(signer, fact) and fact.root == signer.root.digest and fact.principal == keyless_principal(fact)
    return meant(signer, fact) and fact.principal == f"x509 {signer.root} {fact.identity}"


def meant(signer: Signer, fact: Fact) -> bool:
    """Say whether `signer` is whom `fact` is by, for what is revoked: a keyless identity is that under any root."""
    if isinstance(signer, KeySigner):
        return fact.principal == signer.principal
    if isinstance(signer, KeylessSigner):
        named = fact.identity is not None and fact.issuer == signer.issuer and signer.identity.matches(fact.identity)
        return named and _has(fact, signer.claims.items())
    return (
        fact.issuer is None and fact.root == signer.root and bool(signer.subject) and _has(fact, signer.subject.items())
    )


def keyless_principal(fact: Fact) -> str:
    """Name the principal of a keyless fact."""
    identity = fact.identity or ""
    if identity.startswith("https://") and "@" in identity:
        end = identity.find(REF_MARK) if REF_MARK in identity else identity.rindex("@")
        identity = identity[:end]
    return f"{fact.issuer} {identity}"


def counted_as(fact: Fact) -> str:
    """Name what `fact` is counted as: its principal; of a subject without its root, as it may stand under several."""
    return f"x509 {fact.identity}" if fact.principal.startswith("x509 ") else fact.principal


def made_with(fact: Fact) -> str:
    """Name the key that made `fact`: certified under other subjects, or managed as well, it is still one."""
    lasting = fact.key if isinstance(fact, Signature) and fact.principal.startswith("x509 ") else None
    return lasting or counted_as(fact)


def _has(fact: Fact, wanted: Iterable[tuple[str, str]]) -> bool:
    return all(fact.claims.get(name) == value for name, value in wanted)
