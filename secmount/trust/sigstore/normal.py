"""Documents as sigstore-python's models want them: what ProtoJSON lets a producer leave out is written out.

Nothing is taken away but nulls, which mean the same as absence, and nothing is changed but the spelling of integers.
"""

from __future__ import annotations

from typing import Any

_ROOT_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"  # the one that it reads; 0.2 only adds fields


def bundle(value: Any) -> Any:
    """Complete a bundle."""
    whole = _without_nulls(value)
    material = whole["verificationMaterial"]
    for entry in material.setdefault("tlogEntries", []):
        _integers(entry, "logIndex", "integratedTime")
        proof = entry.get("inclusionProof")
        if proof is not None:
            _integers(proof, "logIndex", "treeSize")
            proof.setdefault("hashes", [])
    return whole


def root(value: Any) -> Any:
    """Complete a trust root."""
    whole = _without_nulls(value)
    whole["mediaType"] = _ROOT_TYPE
    for name in ("tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities"):
        whole.setdefault(name, [])
    for row in (*whole["certificateAuthorities"], *whole["timestampAuthorities"]):
        subject = row.setdefault("subject", {})
        subject.setdefault("organization", "")
        subject.setdefault("commonName", "")
        row.setdefault("validFor", {}).setdefault("start", "1970-01-01T00:00:00Z")
    for row in (*whole["tlogs"], *whole["ctlogs"]):
        row.setdefault("baseUrl", "")
        row["publicKey"].setdefault("validFor", {}).setdefault("start", "1970-01-01T00:00:00Z")
    return whole


def _integers(row: Any, *names: str) -> None:
    for name in names:
        row[name] = str(row.get(name, "0"))


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(item) for name, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
