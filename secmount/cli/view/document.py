"""JSON documents of design 3.1: one shape for every verb, on success, denial, error and misuse."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from secmount.cli.view.outcome import Outcome

if TYPE_CHECKING:
    from secmount.errors import SecmountError
    from secmount.policy.decision import Decision
    from secmount.registry.resolution import Resolution

FIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType(  # each verb's own, null where a failure came before them
    {
        "audit-prove": ("proof", "key", "file"),
        "audit-replay": ("replayed", "counts"),
        "audit-report": ("file",),
        "audit-show": ("story",),
        "audit-stats": ("stats",),
        "audit-verify": ("verification", "proven"),
        "check": ("findings", "checked"),
        "completion": ("shell", "script"),
        "config-check": ("file", "findings"),
        "config-schema": ("document",),
        "config-show": ("file", "values"),
        "demo": ("folder", "steps"),
        "discover": ("root", "truncated"),
        "doctor": ("checks", "counts"),
        "explain": ("code", "title", "exit_status", "stage", "explain", "help"),
        "inspect": ("mount", "layers", "withheld", "considered", "tree"),
        "key-generate": ("key",),
        "login": ("login",),
        "logout": ("logout",),
        "ls": ("artifacts", "mounts"),
        "mount": ("mount",),
        "policy-check": ("findings", "revision", "signers"),
        "policy-init": ("policy", "signed_by"),
        "pull": ("pulled", "kept_since"),
        "resolve": ("index", "kept_since"),
        "push": ("pushed",),
        "sign": ("signature",),
        "trust-show": ("roots",),
        "trust-update": ("root",),
        "unmount": ("mount", "left"),
        "verify": ("considered",),
        "version": ("version", "python", "kernel"),
    }
)

VERBS = frozenset({*FIELDS, "audit-export", "audit-log"})  # the last two print lines, and a document only of a failure


def artifact(resolution: Resolution) -> dict[str, Any]:
    """Show what was resolved; `size` is the sum of the layers."""
    reference = resolution.reference
    return {
        "reference": reference.text,
        "name": resolution.name,
        "tag": reference.tag,
        "digest": str(resolution.digest),
        "platform": str(resolution.platform) if resolution.platform else None,
        "media_type": resolution.manifest.media_type,
        "artifact_type": resolution.manifest.artifact_type,
        "size": sum(layer.size for layer in resolution.manifest.layers),
    }


def decision(value: Decision) -> dict[str, Any]:
    """Show a decision."""
    rule = None if value.rule is None else {"name": value.rule, "line": value.rule_line}
    return {
        "id": value.id,
        "verdict": value.verdict,
        "rule": rule,
        "policy_revision": value.policy_revision,
        "checks": [{"id": check.id, "ok": check.ok, "got": check.got, "want": check.want} for check in value.checks],
        "signers": list(value.signers),
        "approved": list(value.approved),
        "withheld": [{"path": item.path, "reason": item.reason} for item in value.withheld],
        "memo": value.memo,
    }


def error(failure: SecmountError) -> dict[str, Any]:
    """Show an error with what the catalogue says of its code."""
    from secmount.errors import catalog

    entry = catalog.entry(failure.code)
    place = failure.place
    return {
        "code": failure.code,
        "title": entry.title if entry else "unknown code",
        "stage": entry.stage if entry else "bug",
        "subject": failure.subject,
        "got": failure.got,
        "want": failure.want,
        "source": None if place is None else {"file": place.file, "line": place.line},
        "help": [*failure.help, *(entry.help if entry else ())],
        "retryable": entry.retryable if entry else False,
        "decision_id": failure.decision_id,
    }


def whole(outcome: Outcome, exit_status: int) -> Mapping[str, Any]:
    """Put the one document together."""
    return {
        "schema": f"secmount.{outcome.verb}/v1",
        "ok": exit_status == 0,
        "exit": exit_status,
        "artifact": outcome.artifact,
        "decision": outcome.decision,
        "error": None if outcome.error is None else error(outcome.error),
        "warnings": list(outcome.warnings),
        **dict.fromkeys(FIELDS.get(outcome.verb, ())),
        **outcome.fields,
    }
