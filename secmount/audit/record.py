"""The audit record: one JSON object per event, its shape frozen (design 3.7, docs/formats/audit.md).

Every field is always there, null if unknown. The log holds the record's RFC 8785 bytes. A record carries facts, never
secrets: what looks like a credential in text from outside is cut out here, whoever put it in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from secmount.errors import SecmountError
from secmount.oci import instant

SCHEMA: Final = "secmount.audit/v1"
KINDS: Final = frozenset(
    {
        "decision",
        "pull",
        "mount.intent",
        "mount.done",
        "mount.failed",
        "unmount",
        "policy.loaded",
        "config.loaded",
        "trust.updated",
        "prune",
        "check",
        "key.used",
        "log.created",
        "log.repaired",
    }
)
FIELDS: Final = (
    "decision_id",
    "deny",
    "details",
    "enforced",
    "engine",
    "error",
    "input_sha256",
    "kind",
    "memo",
    "parts",
    "policy_revision",
    "reference",
    "repeated",
    "request",
    "schema",
    "signers",
    "subject",
    "target",
    "time",
    "tree_digest",
    "verdict",
    "withheld",
)
REQUEST_FIELDS: Final = ("face", "namespace", "pod", "service_account", "use", "user", "verb")
TEXT_LIMIT = 4096  # characters of one text in a record; PATH_MAX, and beyond any reference
VERDICTS: Final = frozenset({"allowed", "denied", "undecided"})

_SECRETS = re.compile(
    r"(?P<userinfo>(?<=://)[^/@\s:]*:[^/@\s]*(?=@(?!sha[0-9]+:)))"
    r"|(?P<scheme>\b(?:bearer|basic)\s+)[A-Za-z0-9+/._~=-]{8,}"
    r"|(?P<field>\b(?:password|passwd|secret|(?:access_|refresh_|identity)?token)[\"']?\s*[=:]\s*[\"']?)[^\s\"'&,;]{4,}"
    r"|(?P<pem>-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z))",
    re.DOTALL | re.IGNORECASE,
)
_PUNCTUATION = frozenset(":= ")  # no secret of the patterns above stands without one of these


def record(
    kind: str,
    *,
    now_ms: int,
    decision_id: str | None = None,
    subject: str | None = None,
    reference: str | None = None,
    request: Mapping[str, Any] | None = None,
    verdict: str | None = None,
    enforced: Iterable[str] | None = None,
    deny: Iterable[str] | None = None,
    signers: Iterable[str] | None = None,
    withheld: Iterable[Mapping[str, Any]] | None = None,
    policy_revision: str | None = None,
    engine: str | None = None,
    memo: bool | None = None,
    input_sha256: str | None = None,
    target: str | None = None,
    tree_digest: str | None = None,
    error: Mapping[str, Any] | None = None,
    parts: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Build the record of one event; raise ValueError for a kind, verdict or request that is not of the format."""
    _check(kind, verdict, request)
    lists = {"enforced": enforced, "deny": deny, "signers": signers, "withheld": withheld}
    values: dict[str, Any] = {
        "schema": SCHEMA,
        "kind": kind,
        "time": instant.render(now_ms),
        "decision_id": decision_id,
        "subject": subject,
        "reference": reference,
        "request": request,
        "verdict": verdict,
        **{name: _listed(rows) for name, rows in lists.items()},
        "policy_revision": policy_revision,
        "engine": engine,
        "memo": memo,
        "input_sha256": input_sha256,
        "target": target,
        "tree_digest": tree_digest,
        "error": error,
        "parts": dict(parts or {}),
        "details": details,
        "repeated": None,
    }
    return {name: clean(value) for name, value in values.items()}


def _check(kind: str, verdict: str | None, request: Mapping[str, Any] | None) -> None:
    if kind not in KINDS:
        raise ValueError(f"unknown kind {kind!r}")
    if verdict is not None and verdict not in VERDICTS:
        raise ValueError(f"unknown verdict {verdict!r}")
    if request is not None and tuple(sorted(request)) != REQUEST_FIELDS:
        raise ValueError(f"a request has exactly {', '.join(REQUEST_FIELDS)}")


def request(
    *,
    face: str,
    use: str,
    verb: str,
    user: str | None = None,
    namespace: str | None = None,
    pod: str | None = None,
    service_account: str | None = None,
) -> dict[str, Any]:
    """Build the `request` of a record: who asked, by which face and verb, for which use."""
    return {
        "face": face,
        "use": use,
        "verb": verb,
        "user": user,
        "namespace": namespace,
        "pod": pod,
        "service_account": service_account,
    }


def fault(error: SecmountError) -> dict[str, Any]:
    """Build the `error` of a record from an error that was met."""
    return {"code": error.code, "subject": error.subject, "got": error.got, "want": error.want}


def decision_details(
    *,
    name: str | None,
    rule: str | None,
    line: int | None,
    checks: Iterable[Mapping[str, Any]],
    considered: Iterable[Mapping[str, Any]],
    approved: Iterable[int],
    elapsed_ms: int | None = None,
    evidence_from: str | None = None,
    tag_resolved: str | None = None,
) -> dict[str, Any]:
    """Build the `details` of a decision: rule and line in policy.toml, every check, every signature looked at.

    `name` is what the rule was chosen by, `elapsed_ms` the time from the request to the decision, `evidence_from` a
    layout, the registry or the store, `tag_resolved` when the tag was last resolved where the registry was not asked.
    """
    return {
        "name": name,
        "rule": None if rule is None else {"name": rule, "line": line},
        "checks": [{key: row.get(key) for key in ("id", "ok", "got", "want")} for row in checks],
        "considered": [
            {key: row.get(key) for key in ("material", "format", "outcome", "code", "got", "want")}
            for row in considered
        ],
        "approved": list(approved),
        "elapsed_ms": elapsed_ms,
        "evidence_from": evidence_from,
        "tag_resolved": tag_resolved,
    }


def clean(value: Any) -> Any:
    """Give `value` as plain JSON values, texts cut at TEXT_LIMIT, lone surrogates escaped and credentials cut out."""
    match value:
        case str():
            return _clean_text(value)
        case Mapping():
            return {_clean_text(str(key)): clean(item) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            rows = sorted(value) if isinstance(value, set | frozenset) else value
            return [clean(item) for item in rows]
        case None | bool() | int() | float():
            return value
        case _:
            return _clean_text(str(value))


def _clean_text(text: str) -> str:
    if not text.isascii():
        text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    if len(text) > TEXT_LIMIT:  # cut once more than needed, so that no half of a credential stands at the end
        kept = _SECRETS.sub(_cut, text[: 2 * TEXT_LIMIT])
        return kept[:TEXT_LIMIT] + "…" if len(kept) > TEXT_LIMIT else kept
    if len(text) <= 8 or (len(text) == 71 and text.startswith("sha256:")) or not _PUNCTUATION.intersection(text):
        return text
    return _SECRETS.sub(_cut, text)


def _cut(found: re.Match[str]) -> str:
    return f"{found['scheme'] or found['field'] or ''}[removed]"


def _listed(values: Iterable[Any] | None) -> list[Any] | None:
    return None if values is None else list(values)
