"""Ask logs and timestamp authorities of a trust root when a signature existed."""

from __future__ import annotations

from secmount.errors import TrustError
from secmount.trust.check import log, stamp
from secmount.trust.check.log import Made
from secmount.trust.claim import Claim
from secmount.trust.judge.times import LOG, STAMP, Attested
from secmount.trust.root import Roots


def every(claim: Claim, made: Made, roots: Roots, *, second: bool) -> tuple[Attested, ...]:
    """Check every stamp and every log entry of `claim`: all must hold. Give the times; there may be none.

    `second`: stamps are checked by rfc3161-client here; without it, the caller has sigstore-python do that.
    Raise `TrustError` SM2026 to SM2030.
    """
    stamped = tuple(_stamped(one, claim, roots, second=second) for one in claim.stamps)
    logged = [log.verify(entry, made, roots.logs, stamped_ms=stamped) for entry in claim.entries]
    return (*(Attested(ms, STAMP) for ms in stamped), *(Attested(ms, LOG) for ms in logged if ms is not None))


def sound(claim: Claim, made: Made, roots: Roots) -> tuple[tuple[Attested, ...], bool]:
    """Give the times of those stamps and log entries that hold, and whether an entry does.

    The others are nobody's word and add nothing.
    """
    found: list[Attested] = []
    logged = False
    for one in claim.stamps:
        try:
            found.append(Attested(_stamped(one, claim, roots, second=True), STAMP))
        except TrustError:
            continue
    for entry in claim.entries:
        try:
            ms = log.verify(entry, made, roots.logs)  # without a promise it gives no time, stamped or not
        except TrustError:
            continue
        logged = True
        if ms is not None:
            found.append(Attested(ms, LOG))
    return tuple(found), logged


def _stamped(one: bytes, claim: Claim, roots: Roots, *, second: bool) -> int:
    return stamp.verify(one, claim.signature, roots.stampers, envelope=claim.envelope, second=second)
