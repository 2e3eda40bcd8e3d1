"""The values of a policy, and the choice of the rule that judges a name. Design 3.3.

A rule's `match` is an exact name, `PREFIX/**`, `**`, or the same for layouts: `oci:/abs/dir`, `oci:/abs/dir/**`. Names
are compared component-wise in their normal form; `**` and registry names never match a layout, nor the reverse. The
longest match wins and nothing is merged, so what a name needs can be read off one rule.
"""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from secmount.errors import InputError, Place, PolicyError
from secmount.oci.digest import Digest
from secmount.oci.reference import registry_name
from secmount.policy.glob import MATCH_ANY, Pattern
from secmount.policy.toml import Finding
from secmount.trust.signer import Signer
from secmount.value import dataclass

Bind = Literal["repository", "named", "any"]
Value = str | int | bool
LAYOUT = "oci:"
POLICY_FILE = "policy.toml"

_SPECIAL = re.compile(r"[*?{}\\\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Match:
    """Which names a rule is for. `base` is the name, or what stands before `/**`; "" for `**`."""

    text: str
    kind: Literal["exact", "prefix", "any"]
    base: str

    @property
    def layout(self) -> bool:
        """Whether it is for OCI layouts on disk."""
        return self.text.startswith(LAYOUT)

    @property
    def weight(self) -> int:
        """Order matches of one name: the longer wins, an exact one before the prefix of the same length."""
        return 0 if self.kind == "any" else 2 * len(self.base) + (self.kind == "exact")

    def matches(self, name: str) -> bool:
        """Say whether `name`, in its normal form, is meant."""
        if name.startswith(LAYOUT) != self.layout:
            return False
        if self.kind == "any":
            return True
        return name == self.base or (self.kind == "prefix" and name.startswith(self.base + "/"))


def match(text: str) -> Match:
    """Read a rule's match; raise ValueError that says how it must be written."""
    if text == MATCH_ANY:
        return Match(text, "any", "")
    base, kind = (text[:-3], "prefix") if text.endswith("/**") else (text, "exact")
    found = _SPECIAL.search(base)
    if found:
        raise ValueError(
            f"{found.group()!r} has no meaning here: a match is an exact name, PREFIX/**, ** or oci:/DIR/**"
        )
    if text.startswith(LAYOUT):
        _layout_base(base.removeprefix(LAYOUT), prefix=kind == "prefix")
    else:
        _registry_base(base, prefix=kind == "prefix")
    return Match(text, "prefix" if kind == "prefix" else "exact", base)


def _layout_base(path: str, *, prefix: bool) -> None:
    if path == "" and prefix:
        return
    if not path.startswith("/"):
        raise ValueError("an oci: match has an absolute path")
    if os.path.normpath(path) != path or path.startswith("//") or set(path) & set(":[]"):
        raise ValueError("an oci: match has a path without ':', brackets, '//', '.', '..' and a '/' at its end")


def _registry_base(base: str, *, prefix: bool) -> None:
    # Two components make any prefix a full name, and keep docker.io from putting `library` in between.
    more = "/x/x" if prefix else ""
    try:
        normal = registry_name(base + more)
    except InputError as err:
        raise ValueError(err.want or "a full name: HOST/PATH without tag or digest") from err
    if normal != base + more:
        raise ValueError(f"names are matched in their normal form: {normal.removesuffix(more)}{'/**' * prefix}")


@dataclass(frozen=True, slots=True)
class Group:
    """Signers of whom at least `threshold` must have signed, each with a key of its own."""

    signers: tuple[str, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class Condition:
    """What a predicate must hold at `pointer` (RFC 6901): one of `values`, of that very type. `tokens` is it, read."""

    pointer: str
    tokens: tuple[str, ...]
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class AttestationRule:
    """A statement of predicate `type` about the artifact that one of `signers` must have made; every `where` holds."""

    line: int
    type: str
    signers: tuple[str, ...]
    where: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One `[[rules]]` table. None means that the key is not there; sizes are bytes, ages milliseconds.

    A signer stands in at most one group, so that no principal can count twice, whatever the order.
    """

    name: str
    line: int
    match: Match
    require: tuple[Group, ...]
    unsigned: bool = False
    artifact_types: tuple[Pattern, ...] | None = None
    media_types: tuple[Pattern, ...] | None = None
    exclude: tuple[Pattern, ...] = ()
    annotations: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    max_size: int | None = None
    max_unpacked_size: int | None = None
    max_age: int | None = None
    bind: Bind = "named"
    namespaces: tuple[Pattern, ...] | None = None
    symlinks: Literal["inside", "any"] = "inside"
    exec: bool = False
    attestations: tuple[AttestationRule, ...] = ()
    no_rollback: Literal["tag", "repository"] | None = None
    signatures_from: str | None = None
    model_signing_partial: bool = False

    @property
    def signers(self) -> tuple[str, ...]:
        """Every signer of the rule, in the order in which principals are credited."""
        return tuple(name for group in self.require for name in group.signers)


@dataclass(frozen=True, slots=True)
class Deny:
    """Floors: they hold for every artifact, whatever rule applies."""

    digests: tuple[Digest, ...] = ()
    media_types: tuple[Pattern, ...] = ()
    paths: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadedFile:
    """A file of the folder as it was read: `path` relative, `sha256` in hexadecimal."""

    path: str
    sha256: str
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy folder, read once. `data` is what the decision program sees as `data.secmount.policy`."""

    path: str
    signers: Mapping[str, Signer] = field(hash=False)
    rules: tuple[Rule, ...]
    deny: Deny
    revision: str
    files: tuple[LoadedFile, ...]
    data: Mapping[str, Any] = field(hash=False, repr=False)
    warnings: tuple[Finding, ...] = ()
    max_root_age: int | None = None

    @property
    def file(self) -> str:
        """Give the path of policy.toml, for messages."""
        return os.path.join(self.path, POLICY_FILE)


def choose(policy: Policy, name: str, *, asserted: bool) -> Rule:
    """Give the rule for `name`, before anything is contacted; raise `PolicyError` SM3001 if there is none.

    `asserted`: the name is the user's word (`--as`), not where the artifact was read from; a rule that asks for no
    signature does not match it.
    """
    found = [rule for rule in policy.rules if rule.match.matches(name) and not (asserted and rule.unsigned)]
    if not found:
        raise PolicyError(
            "SM3001",
            subject=name,
            got=_nearby(policy, name, asserted=asserted),
            want="a rule that matches it",
            place=Place(policy.file),
        )
    return max(found, key=lambda rule: rule.match.weight)


def _nearby(policy: Policy, name: str, *, asserted: bool) -> str:
    if asserted and any(rule.match.matches(name) for rule in policy.rules):
        return "only a rule that asks for no signature, which never matches an asserted name"
    if name.startswith(LAYOUT):
        return "no rule for this oci: path; rules for registry names apply to a layout only with --as NAME"
    return f"{len(policy.rules)} rules, none of them for this name" if policy.rules else "a policy without rules"
