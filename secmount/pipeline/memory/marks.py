"""How new an artifact was when it was last mounted: the marks that `no-rollback` compares with. Design 3.3, 3.4.

A mark is the newest authenticated `not_before` of what was credited, by policy folder, name, tag and rule. It is read
for every decision, advanced only after a mount, and never pruned. Between the two another command may have mounted
something newer: then this mount does not stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from secmount.errors import PolicyError
from secmount.oci import instant

if TYPE_CHECKING:
    from secmount.pipeline.admission import Admission
    from secmount.pipeline.parts import Parts
    from secmount.policy.rules import Policy, Rule
    from secmount.registry.resolution import Resolution

WHOLE = ""  # stands for every tag where the repository counts
BY_DIGEST = "@"  # what was asked for without a tag; no tag is spelled so


def newest(parts: Parts, policy: Policy, rule: Rule, resolution: Resolution) -> int | None:
    """Give the mark (milliseconds); None where the rule asks for none, or nothing was mounted yet."""
    if rule.no_rollback is None:
        return None
    return parts.store().state.history.newest(*_key(policy, rule, resolution))


def advance(parts: Parts, admission: Admission) -> None:
    """Note what was mounted; raise `PolicyError` SM3024 where something newer was, meanwhile."""
    newest_ms = admission.decision.newest_ms
    if admission.rule.no_rollback is not None and newest_ms is not None:
        key = _key(admission.policy, admission.rule, admission.resolution)
        history = parts.store().state.history
        history.note(*key, newest_ms)
        known = history.newest(*key)
        if known is not None and known > newest_ms:
            got, want = instant.render(newest_ms), f"{instant.render(known)} or later, which was mounted meanwhile"
            raise PolicyError("SM3024", subject=admission.resolution.name, got=got, want=want)


def _key(policy: Policy, rule: Rule, resolution: Resolution) -> tuple[str, str, str, str]:
    tag = WHOLE if rule.no_rollback == "repository" else resolution.reference.tag or BY_DIGEST
    return policy.path, resolution.name, tag, rule.name
