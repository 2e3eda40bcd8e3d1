"""`secmount policy check`: everything that is to be said about a policy folder, with file and line.

Errors are what loading would refuse, all of them at once; warnings are what loads and should be looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from secmount.errors import InputError, Place
from secmount.policy import folder
from secmount.policy.rules import Policy, Rule
from secmount.policy.toml import Document, Finding


@dataclass(frozen=True, slots=True)
class Report:
    """The policy if it loads, and the findings: errors first, each group by line."""

    policy: Policy | None
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return self.policy is not None


def check(path: str, *, uid: int) -> Report:
    """Check the policy folder at `path` as `uid` would load it.

    Raise `InputError` SM1105 where there is none, `StorageError` SM7010 and the like where others control it.
    """
    try:
        reading = folder.read(path, uid=uid)
    except InputError as err:
        if err.code == "SM1105":
            raise
        place = err.place or Place(err.subject or path)
        return Report(None, (Finding("error", err.code, place, err.subject, err.got, err.want),))
    advice = () if reading.policy is None else tuple(_advice(reading.policy, reading.document))
    return Report(reading.policy, tuple(sorted((*reading.findings, *advice), key=_order)))


def _order(finding: Finding) -> tuple[str, int, str]:
    return finding.severity, finding.place.line or 0, finding.place.file


def _advice(policy: Policy, document: Document) -> Iterator[Finding]:
    if not policy.rules:
        yield Finding("warning", "SM1255", Place(policy.file), got="no [[rules]] table")
    for at, rule in enumerate(policy.rules):
        where = _Where(document, at, rule)
        if rule.unsigned:
            yield where.warning("SM1250", "unsigned", got=f"anything under {rule.match.text}", want="signers")
        if rule.bind == "any":
            yield where.warning("SM1251", "bind", got='"any"', want='"repository" or "named"')
        alive = {name for name in rule.signers if not policy.signers[name].revoked}
        if any(len(alive & set(group.signers)) < group.threshold for group in rule.require):
            revoked = ", ".join(sorted(set(rule.signers) - alive))
            yield where.warning("SM1254", "signers", got=f"{revoked} revoked", want="signers whose keys are in force")
    used = {name for rule in policy.rules for name in rule.signers}
    for name, signer in policy.signers.items():
        if name not in used:
            yield Finding("warning", "SM1253", Place(policy.file, signer.line), f"signers.{name}")


@dataclass(frozen=True, slots=True)
class _Where:
    document: Document
    at: int
    rule: Rule

    def warning(self, code: str, key: str, *, got: str, want: str) -> Finding:
        line = self.document.lines.get(("rules", self.at, key), self.rule.line)
        return Finding("warning", code, Place(self.document.file, line), f"rule {self.rule.name!r}: {key}", got, want)
