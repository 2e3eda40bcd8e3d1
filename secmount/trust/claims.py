"""The claims of a Sigstore certificate that a policy may ask for: their names here, their identifiers at Fulcio.

Fulcio's `docs/oid-info.md`, arc 1.3.6.1.4.1.57264.1. Those up to 6 hold bare text, those from 9 on a DER UTF8String.
The issuer (1 and 8) is no claim: every keyless signer states it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

FULCIO = "1.3.6.1.4.1.57264.1"
SOURCE_REPOSITORY = "source-repository"  # who called the workflow; the identity alone does not say

CLAIMS: Mapping[str, int] = MappingProxyType(  # name in policy.toml: last arc
    {
        "github-workflow-trigger": 2,
        "github-workflow-sha": 3,
        "github-workflow-name": 4,
        "github-workflow-repository": 5,
        "github-workflow-ref": 6,
        "build-signer-uri": 9,
        "build-signer-digest": 10,
        "runner-environment": 11,
        SOURCE_REPOSITORY: 12,
        "source-repository-digest": 13,
        "source-repository-ref": 14,
        "source-repository-id": 15,
        "source-repository-owner": 16,
        "source-repository-owner-id": 17,
        "build-config-uri": 18,
        "build-config-digest": 19,
        "build-trigger": 20,
        "run-invocation-uri": 21,
        "source-repository-visibility": 22,
        "deployment-environment": 23,
    }
)
