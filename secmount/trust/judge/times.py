"""When a signature existed, as third parties attest it: logs by their promise, timestamp authorities by their stamp.

The earliest time counts: each says "by then", and a stamp can be renewed by anyone at any later time.
"""

from __future__ import annotations

from secmount.trust.evidence import SignatureTime
from secmount.value import dataclass

LOG, STAMP = "transparency log", "timestamp authority"


@dataclass(frozen=True, slots=True)
class Attested:
    """A time, milliseconds, and what attests it."""

    ms: int
    source: str


def span(said: SignatureTime, attested: tuple[Attested, ...]) -> SignatureTime:
    """Give the time of a signature: not before what `said` says, not after the earliest of `attested`."""
    if not attested:
        return said
    first = min(attested, key=lambda one: one.ms)
    return SignatureTime(said.not_before, said.not_before_source, first.ms, first.source)
