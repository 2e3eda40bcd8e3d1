"""SLSA verification summaries (VSA) v1: read so far that a policy's `where` meets what the specification promises.

`https://slsa.dev/spec/v1.0/verification_summary`. A summary is an attestation, whatever its result: which one it must
have (PASSED, unless another is named) and of which resource is the rule's to demand.
"""

from __future__ import annotations

from typing import Any

from secmount.errors import TrustError

PREDICATE = "https://slsa.dev/verification_summary/v1"
_RESULTS = frozenset({"PASSED", "FAILED"})


def check(predicate: Any) -> None:
    """Raise `TrustError` SM2080 for a predicate without a result, a resource or a verifier of their kinds."""
    value = predicate if isinstance(predicate, dict) else {}
    result, resource, verifier = (value.get(name) for name in ("verificationResult", "resourceUri", "verifier"))
    if not isinstance(result, str) or result not in _RESULTS:
        raise TrustError("SM2080", subject="verificationResult", got=repr(result), want="PASSED or FAILED")
    if not isinstance(resource, str) or not resource:
        raise TrustError("SM2080", subject="resourceUri", got=repr(resource), want="a URI")
    if not isinstance(verifier, dict) or not isinstance(verifier.get("id"), str):
        raise TrustError("SM2080", subject="verifier", got=repr(verifier), want="an object with an id")
