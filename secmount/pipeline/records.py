"""What the pipeline writes into the log, in the terms of `audit.record`. Design 3.7."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from secmount.audit import events, record
from secmount.errors import SecmountError
from secmount.oci import instant
from secmount.pipeline.admission import Admission, Wanted
from secmount.pipeline.parts import Parts
from secmount.policy.input import Request
from secmount.policy.rules import Policy
from secmount.store.pull import Held
from secmount.store.tables.mounts import MountRow
from secmount.trust.evidence import Considered


def asked(request: Request) -> dict[str, Any]:
    """Who asked."""
    return record.request(**asdict(request))


def decided(parts: Parts, wanted: Wanted, admission: Admission, *, elapsed_ms: int) -> dict[str, Any]:
    """Record a decision; the log keeps its input and manifest beside it."""
    decision, resolution, resolved = admission.decision, admission.resolution, admission.origin.resolved_ms
    return record.record(
        "decision",
        now_ms=parts.clock(),
        decision_id=decision.id,
        subject=str(resolution.digest),
        reference=wanted.reference.text,
        request=asked(wanted.request),
        verdict=decision.verdict,
        deny=decision.deny,
        signers=decision.signers,
        withheld=[asdict(item) for item in decision.withheld],
        policy_revision=decision.policy_revision,
        engine=parts.engine_name,
        memo=decision.memo,
        details=record.decision_details(
            name=resolution.name,
            rule=decision.rule,
            line=decision.rule_line,
            checks=[asdict(check) for check in decision.checks],
            considered=[considered(item) for item in admission.evidence.considered],
            approved=decision.approved,
            elapsed_ms=elapsed_ms,
            evidence_from=admission.origin.kind,
            tag_resolved=None if resolved is None else instant.render(resolved),
        ),
    )


def undecided(
    parts: Parts, wanted: Wanted, decision_id: str, policy: Policy | None, error: SecmountError
) -> dict[str, Any]:
    """Record that no decision could be taken, or no rule covers the name; access is denied either way."""
    return record.record(
        "decision",
        now_ms=parts.clock(),
        decision_id=decision_id,
        reference=wanted.reference.text,
        request=asked(wanted.request),
        verdict="denied" if error.code == "SM3001" else "undecided",
        deny=[error.code],
        policy_revision=policy.revision if policy else None,
        error=record.fault(error),
    )


def effect(parts: Parts, kind: str, row: MountRow, wanted_request: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Record an intent to mount, its outcome, or an unmount."""
    return record.record(
        kind,
        now_ms=parts.clock(),
        decision_id=row.decision_id,
        subject=str(row.manifest),
        reference=row.reference,
        request=wanted_request,
        policy_revision=row.policy_revision,
        target=row.target,
        withheld=[{"path": path, "reason": reason} for path, reason in row.withheld],
        **more,
    )


def failed(parts: Parts, wanted: Wanted, admission: Admission, target: str, error: SecmountError) -> dict[str, Any]:
    """Record that an approved artifact did not come to a mount."""
    decision = admission.decision
    return record.record(
        "mount.failed",
        now_ms=parts.clock(),
        decision_id=decision.id,
        subject=str(admission.resolution.digest),
        reference=wanted.reference.text,
        request=asked(wanted.request),
        policy_revision=decision.policy_revision,
        target=target,
        error=record.fault(error),
    )


def pulled(
    parts: Parts, wanted: Wanted, admission: Admission, held: Held | None, error: SecmountError | None
) -> dict[str, Any]:
    """Record that approved layers are in the store, or why they are not."""
    layers = [] if held is None else [row.descriptor for row in held.layers]
    amount = {"layers": len(layers), "bytes": sum(layer.size for layer in layers)}
    return record.record(
        "pull",
        now_ms=parts.clock(),
        decision_id=admission.decision.id,
        subject=str(admission.resolution.digest),
        reference=wanted.reference.text,
        request=asked(wanted.request),
        policy_revision=admission.decision.policy_revision,
        withheld=[asdict(item) for item in admission.decision.withheld],
        error=None if error is None else record.fault(error),
        details={"pulled": amount},
    )


def checked(
    parts: Parts,
    request: Request,
    row: MountRow | None,
    *,
    amount: Mapping[str, int],
    findings: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    """Record a check of the mount `row`, or of everything."""
    return record.record(
        "check",
        now_ms=parts.clock(),
        subject=None if row is None else str(row.manifest),
        reference=None if row is None else row.reference,
        request=asked(request),
        target=None if row is None else row.target,
        tree_digest=None if row is None else str(row.tree),
        details={"checked": dict(amount), "findings": [dict(item) for item in findings]},
    )


def considered(item: Considered) -> dict[str, Any]:
    """Signature material as the log and the documents show it."""
    return {
        "material": str(item.material) if item.material else None,
        "format": item.format,
        "outcome": item.outcome,
        "code": item.code,
        "got": item.got,
        "want": item.want,
    }


def policy_loaded(parts: Parts, policy: Policy) -> None:
    """Record a policy revision the first time this log meets it, with every file of it kept beside the log."""
    files = {file.path: f"sha256:{file.sha256}" for file in policy.files}
    parts.log.append_once(
        f"policy.loaded-{policy.revision.removeprefix('sha256:')}",
        lambda: events.policy_loaded(now_ms=parts.clock(), revision=policy.revision, path=policy.path, files=files),
        kept=lambda: {file.path: file.data for file in policy.files},
    )


def config_loaded(parts: Parts) -> None:
    """Record the configuration the first time this log meets it, what it says kept beside the log."""
    snapshot = parts.configuration()
    digest = sha256(snapshot).hexdigest()
    parts.log.append_once(
        f"config.loaded-{digest}",
        lambda: events.config_loaded(now_ms=parts.clock(), digest=f"sha256:{digest}"),
        kept=lambda: {"config": snapshot},
    )
