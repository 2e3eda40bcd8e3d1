"""Why an authenticated fact does not count now: a key out of force, a stale root, another repository, an age.

`not_after`, by which a third party saw it, is what windows and revocations are held against; `not_before`, from inside
the signed bytes, is what age is counted from. What is not known does not hold. Design 3.4.
"""

from __future__ import annotations

from secmount.oci import instant
from secmount.policy.credit.fits import Fact, meant
from secmount.policy.credit.question import Question
from secmount.policy.rules import Rule
from secmount.trust.evidence import Signature
from secmount.trust.signer import KeylessSigner, KeySigner, Signer, X509Signer

SKEW = 300_000  # milliseconds a time may lie in the future; design 3.4


def unacceptable(signature: Signature, signer: Signer, asked: Question) -> str | None:
    """Say why a signature by `signer` does not count for what is asked, or None if it does."""
    rule = asked.rule
    reasons = (
        _part(signature, rule),
        out_of_force(signature, signer, asked),
        stale(signature, signer, asked),
        _unbound(signature, rule, asked.resolution.name),
        _old(signature, rule, asked.now_ms),
    )
    return next((reason for reason in reasons if reason is not None), None)


def out_of_force(fact: Fact, signer: Signer, asked: Question) -> str | None:
    """Say why what `signer` vouched for does not hold any more, or not yet; a revocation holds whoever names it."""
    time = fact.time
    for other in asked.policy.signers.values():
        reason = _revoked(fact, other) if meant(other, fact) else None
        if reason is not None:
            return reason
    if any(stamp is not None and stamp > asked.now_ms + SKEW for stamp in (time.not_before, time.not_after)):
        return "its time lies in the future"
    if fact.expires_ms is not None and asked.now_ms >= fact.expires_ms:
        return f"it counted until {instant.render(fact.expires_ms)}"
    return _unlogged(fact, signer) or _out_of_window(fact, signer)


def stale(fact: Fact, signer: Signer, asked: Question) -> str | None:
    """Say why the trust root of a keyless `signer` is too old to be believed; other signers stand under none."""
    max_age = asked.policy.max_root_age
    if max_age is None or not isinstance(signer, KeylessSigner):
        return None
    if fact.root_updated_ms is None:
        return f"nobody says how old the trust root of {signer.name} is"
    if fact.root_updated_ms > asked.now_ms + SKEW:
        return f"the trust root of {signer.name} comes from the future"
    if asked.now_ms - fact.root_updated_ms <= max_age:
        return None
    return f"the trust root of {signer.name} was last vouched for at {instant.render(fact.root_updated_ms)}"


def _unlogged(fact: Fact, signer: Signer) -> str | None:
    if fact.logged or isinstance(signer, X509Signer) or not signer.logged:
        return None
    return f"{signer.name} must have it logged, and no transparency log is known to have it"


def _out_of_window(fact: Fact, signer: Signer) -> str | None:
    time, what = fact.time, _what(signer)
    if (signer.valid_from, signer.valid_until) == (None, None):
        return None
    if time.not_after is None:
        return f"{what} has a window, and no third party says when it signed"
    if signer.valid_from is not None and time.not_after < signer.valid_from:
        return f"{what} was not valid yet when it signed, only from {instant.render(signer.valid_from)}"
    if signer.valid_until is not None and time.not_after >= signer.valid_until:
        return f"{what} was not valid any more when it signed, only until {instant.render(signer.valid_until)}"
    return None


def _what(signer: Signer) -> str:
    return f"the {'key' if isinstance(signer, KeySigner) else 'identity'} of {signer.name}"


def _revoked(fact: Fact, signer: Signer) -> str | None:
    """Say that `signer`, whom `fact` is by, is revoked."""
    what = _what(signer)
    if signer.revoked:
        return f"{what} is revoked"
    if signer.revoked_since is None:
        return None
    if fact.time.not_after is None:
        return f"{what} is revoked since {instant.render(signer.revoked_since)}, and no third party says when it signed"
    late = fact.time.not_after >= signer.revoked_since
    return f"{what} was revoked when it signed, since {instant.render(signer.revoked_since)}" if late else None


def _part(signature: Signature, rule: Rule) -> str | None:
    if signature.files is None or not rule.exclude or rule.model_signing_partial:
        return None
    return "it is a model signature, of every file, and the rule excludes some (model-signing-partial)"


def _unbound(signature: Signature, rule: Rule, name: str) -> str | None:
    allowed = {"repository": (name,), "named": (name, None), "any": (signature.bound_to,)}[rule.bind]
    return None if signature.bound_to in allowed else f"it names {signature.bound_to or 'no repository'}"


def _old(signature: Signature, rule: Rule, now_ms: int) -> str | None:
    if rule.max_age is None:
        return None
    if signature.time.not_before is None:
        return "nothing signed says when it was made"
    return "it is too old" if now_ms - signature.time.not_before > rule.max_age else None
