"""What is asked: whether an artifact may be used under a rule, at an instant, by what is known of it."""

from __future__ import annotations

from secmount.policy.rules import Policy, Rule
from secmount.registry.resolution import Resolution
from secmount.trust.evidence import Evidence
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """`newest_ms` is the mark that `no-rollback` is held against: the highest time that counted before, if any."""

    resolution: Resolution
    evidence: Evidence
    policy: Policy
    rule: Rule
    now_ms: int
    newest_ms: int | None = None
