"""Records of what is no decision and no mount: what was loaded, which key was used, which roots are believed now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from secmount.audit.record import record

Purpose = Literal["artifact signature", "verification summary"]


def policy_loaded(*, now_ms: int, revision: str, path: str, files: Mapping[str, str]) -> dict[str, Any]:
    """Record a policy folder's revision; `files`: path → digest, each of them kept as the part of that name."""
    return record(
        "policy.loaded", now_ms=now_ms, policy_revision=revision, details={"path": path, "files": dict(files)}
    )


def config_loaded(*, now_ms: int, digest: str) -> dict[str, Any]:
    """Record a configuration as it works: file, flags and environment together. Its part `config` has that digest."""
    return record("config.loaded", now_ms=now_ms, details={"config": digest})


def trust_updated(
    *, now_ms: int, request: Mapping[str, Any], place: str, before: str | None, after: str, origin: str
) -> dict[str, Any]:
    """Record that other roots are believed from now on.

    `place`: where they are kept; `before`, `after`: digests of the trusted root; `origin`: who authenticated it. Keep
    the new root's bytes as the part `root`.
    """
    changed = {"place": place, "before": before, "after": after, "origin": origin}
    return record("trust.updated", now_ms=now_ms, request=request, details={"root": changed})


def key_used(
    purpose: Purpose,
    *,
    now_ms: int,
    request: Mapping[str, Any],
    principal: str,
    subject: str,
    reference: str | None,
    repository: str | None = None,
) -> dict[str, Any]:
    """Record that a private key signed `subject` (a digest); `principal`: the sha256 of its public half.

    To be durable before the signature is given to anybody.
    """
    used = {"purpose": purpose, "principal": principal, "repository": repository}
    return record(
        "key.used", now_ms=now_ms, request=request, subject=subject, reference=reference, details={"key": used}
    )
