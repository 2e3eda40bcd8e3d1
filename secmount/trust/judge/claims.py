"""Judge one claim about one artifact: whose signature is it, does it hold, and does it mean what it must.

The signature and who made it come first; the payload is read only if they hold; then the bounds of the signer. What
counts as a signature, and what as a principal, is in design 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping

from secmount.oci.manifest import Index, Manifest
from secmount.trust.claim import CertificateChain, Claim
from secmount.trust.judge import keyed
from secmount.trust.judge.verdict import Judged
from secmount.trust.root import TrustRoot
from secmount.trust.signer import KeySigner, Signer


def judge(
    claim: Claim,
    about: Manifest | Index,
    signers: Mapping[str, Signer],
    *,
    now_ms: int | None = None,
    root: TrustRoot | None = None,
) -> Judged:
    """Decide whether `claim` is a signature of a configured signer about `about`; raises nothing for bad material.

    `now_ms` is the time that certificates without a stamp and revocation lists are judged at: without it they fail.
    `root` is the default one, under which log entries and stamps beside a managed key's signature are looked at.
    """
    others = not all(isinstance(signer, KeySigner) for signer in signers.values())
    if isinstance(claim.by, CertificateChain) and others:
        from secmount.trust.judge import certified

        return certified.judge(claim, claim.by, about, signers, now_ms=now_ms)
    return keyed.judge(claim, about, signers, root=root)
