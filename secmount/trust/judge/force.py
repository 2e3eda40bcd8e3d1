"""Which signers are in force for a signature of a certain time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from secmount.errors import TrustError
from secmount.trust.check import window
from secmount.trust.evidence import SignatureTime
from secmount.trust.signer import KeySigner, Signer, X509Signer

One = TypeVar("One", bound=Signer)


def in_force(signers: tuple[One, ...], time: SignatureTime, *, logged: bool) -> tuple[One, ...]:
    """Give those of `signers`, all of whom made the signature, whose bounds `time` is within.

    `logged`: it is in a transparency log, as some signers' must be. Revocation sticks to the holder: one revoked name
    refuses the signature, whatever other names fit. Raise `TrustError` SM2014 (revoked), SM2015 (out of bounds, or
    without a time that a third party attests), SM2041 (not logged).
    """
    unrevoked(signers, time)
    missed_by = {signer.name: _missed(signer, time, logged=logged) for signer in signers}
    standing = tuple(signer for signer in signers if missed_by[signer.name] is None)
    if not standing:
        name, (code, got, want) = next((name, missed) for name, missed in missed_by.items() if missed)
        raise TrustError(code, subject=name, got=got, want=want)
    return standing


def _missed(signer: Signer, time: SignatureTime, *, logged: bool) -> tuple[str, str, str] | None:
    outside = window.outside(signer, time)
    if outside is not None:
        return "SM2015", *outside
    if not logged and not isinstance(signer, X509Signer) and signer.logged:
        return "SM2041", "no log entry that holds", "one, as policy.toml says logged = true"
    return None


def unrevoked(signers: Iterable[Signer], time: SignatureTime) -> None:
    """Raise `TrustError` SM2014 or SM2015 if one of `signers`, whose key made the signature, is revoked."""
    for signer in signers:
        if signer.revoked:
            what = "key" if isinstance(signer, KeySigner) else "identity"
            raise TrustError("SM2014", subject=signer.name, got=f"a revoked {what}", want="one in force")
        missed = window.revoked(signer, time)
        if missed:
            raise TrustError("SM2015", subject=signer.name, got=missed[0], want=missed[1])
