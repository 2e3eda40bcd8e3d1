"""Signers in words: whom each one means, as `policy check` shows it."""

from __future__ import annotations

from secmount.oci import instant
from secmount.trust.signer import KeylessSigner, KeySigner, Signer, X509Signer


def kind(signer: Signer) -> str:
    """Name the kind of signer: key, keyless or x509."""
    return "key" if isinstance(signer, KeySigner) else "keyless" if isinstance(signer, KeylessSigner) else "x509"


def describe(signer: Signer) -> str:
    """Say in one line whose signatures count for `signer`, and when."""
    return ", ".join((*_whom(signer), *_when(signer)))


def _whom(signer: Signer) -> tuple[str, ...]:
    if isinstance(signer, KeySigner):
        return (f"key {signer.principal}",)
    if isinstance(signer, KeylessSigner):
        claims = tuple(f"{name} {value}" for name, value in signer.claims.items())
        return (signer.identity.text, f"by {signer.issuer}", *claims, f"under {signer.root.source}")
    subject = ", ".join(f"{name}={value}" for name, value in signer.subject.items())
    count = len(signer.anchors)
    under = f"under {count} certificate{'s' * (count != 1)} of {signer.root[:19]}"
    revocation = "revoked ones by a list" if signer.crl is not None else "revoked ones unknown"
    return (f"certificate {subject}", under, revocation)


def _when(signer: Signer) -> tuple[str, ...]:
    if signer.revoked:
        return ("REVOKED",)
    bounds = {"from": signer.valid_from, "until": signer.valid_until, "revoked since": signer.revoked_since}
    logged = not isinstance(signer, X509Signer) and signer.logged
    times = (f"{name} {instant.render(ms)}" for name, ms in bounds.items() if ms is not None)
    return (*times, *(["logged"] if logged else []))
