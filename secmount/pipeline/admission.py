"""What is asked of the pipeline, and a decision with all that it was taken from."""

from __future__ import annotations

from secmount.oci.descriptor import Platform
from secmount.oci.reference import Reference
from secmount.pipeline.origin import Origin
from secmount.policy.decision import Approved, Decision, Denied
from secmount.policy.input import Request
from secmount.policy.rules import Policy, Rule
from secmount.registry.resolution import Resolution
from secmount.registry.source import Source
from secmount.trust.evidence import Evidence
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a face asks for; `asserted` is the name of `--as`."""

    reference: Reference
    request: Request
    asserted: str | None = None
    platform: Platform | None = None
    exec: bool = False
    uid: int = 0  # that files and directories shall belong to
    gid: int = 0

    @property
    def name(self) -> str:
        """The name that rules are matched by."""
        return self.asserted or self.reference.name


@dataclass(frozen=True, slots=True)
class Admission:
    """A decision, what it was taken from, and where the artifact was read."""

    outcome: Approved | Denied
    evidence: Evidence
    policy: Policy
    rule: Rule
    origin: Origin
    taken_ms: int
    input: bytes

    @property
    def decision(self) -> Decision:
        """The decision itself."""
        return self.outcome.decision

    @property
    def source(self) -> Source:
        """What content is pulled from."""
        return self.origin.source

    @property
    def resolution(self) -> Resolution:
        """What it is about."""
        return self.outcome.resolution
