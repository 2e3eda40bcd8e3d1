"""A denial as the error that faces show: its first reason's code, the nearest miss, what the user may do."""

from __future__ import annotations

from secmount.errors import Place, PolicyError, SecmountError, TrustError
from secmount.pipeline.admission import Admission
from secmount.policy import denial
from secmount.policy.decision import Check


def error(admission: Admission, *, now_ms: int) -> SecmountError:
    """Give the error of a denied admission; the TOML to add only where the signature itself verified."""
    decision, resolution, policy, rule = admission.decision, admission.resolution, admission.policy, admission.rule
    failed = next(
        (check for check in decision.checks if not check.ok), Check("decision", ok=False, got=None, want=None)
    )
    code = decision.deny[0]
    kind = TrustError if code.startswith("SM2") else PolicyError
    missing = denial.addition(resolution, admission.evidence, policy, rule, now_ms=now_ms)
    advice = (
        ()
        if missing is None
        else (f"if that signer is right, write in {missing.place.file}:{missing.place.line}\n{missing.toml}",)
    )
    return kind(
        code,
        subject=f"{resolution.reference.text} ({resolution.digest})",
        got=failed.got,
        want=failed.want,
        place=Place(policy.file, rule.line),
        help=advice,
        decision_id=decision.id,
    )
