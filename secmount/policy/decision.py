"""Decide whether a resolved artifact may be used.

`decide` is the only maker of `Approved`. Whatever fetches content or builds trees asks for one, so a path around the
policy does not type-check. This guards against mistakes, not against hostile Python in the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from typing import Literal

from secmount.oci.digest import Digest
from secmount.policy.glob import Pattern
from secmount.registry.resolution import Resolution

_SEAL = object()  # never leaves this module


@dataclass(frozen=True, slots=True)
class Check:
    """One thing the rule asked for; `got` and `want` are rendered text."""

    id: str
    ok: bool
    got: str | None
    want: str | None


@dataclass(frozen=True, slots=True)
class Withheld:
    """A path that will not be in the tree, and the pattern or rule that keeps it out."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Obligations:
    """What the tree must meet before it is minted. Patterns match every final path, case-folded."""

    exclude: tuple[Pattern, ...] = ()
    forbid_paths: tuple[Pattern, ...] = ()
    forbid_digests: frozenset[Digest] = frozenset()
    max_unpacked_size: int | None = None
    symlinks: Literal["inside", "any"] = "inside"
    files: Mapping[str, Digest] | None = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer, as commands and the audit log show it; `deny` holds SM codes, the first decides the exit status."""

    id: str
    verdict: Literal["allowed", "denied", "undecided"]
    rule: str | None
    rule_line: int | None
    policy_revision: str
    checks: tuple[Check, ...] = ()
    deny: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()
    approved: tuple[int, ...] = ()
    withheld: tuple[Withheld, ...] = ()
    exec: bool = False
    valid_until: int | None = None
    memo: bool = False


@dataclass(frozen=True, slots=True)
class Approved:
    """`decision` allowed `resolution`, for the layers whose indices `decision.approved` lists, under `obligations`."""

    resolution: Resolution
    decision: Decision
    obligations: Obligations
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only decide() makes an Approved")


@dataclass(frozen=True, slots=True)
class Denied:
    """`decision` refused `resolution`."""

    resolution: Resolution
    decision: Decision
