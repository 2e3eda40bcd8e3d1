"""Whether a signer may have made a signature at the time it was made.

Only `not_after` is asked, the time by which a third party says the signature existed: the signer's own words about the
time would let a stolen key sign yesterday. Without it nothing with a bound holds (GHSA-wqqc-jjcq-vfxm's lesson).
"""

from __future__ import annotations

from secmount.oci import instant
from secmount.trust.evidence import SignatureTime
from secmount.trust.signer import Signer


def outside(signer: Signer, time: SignatureTime) -> tuple[str, str] | None:
    """Say what was got and what the signer's bounds want of a signature of `time`; None if it is within them."""
    bounds = {
        "not before": signer.valid_from,
        "before": signer.valid_until,
        "before its revocation at": signer.revoked_since,
    }
    named = " and ".join(f"{name} {instant.render(ms)}" for name, ms in bounds.items() if ms is not None)
    if not named:
        return None
    want = f"first seen {named}"
    at = time.not_after
    if at is None:
        return "no time of the signature that a third party attests", want
    early = signer.valid_from is not None and at < signer.valid_from
    late = any(end is not None and at >= end for end in (signer.valid_until, signer.revoked_since))
    return (f"first seen at {instant.render(at)}", want) if early or late else None


def revoked(signer: Signer, time: SignatureTime) -> tuple[str, str] | None:
    """Say the same of `revoked-since` alone."""
    since, at = signer.revoked_since, time.not_after
    return None if since is None or (at is not None and at < since) else outside(signer, time)
