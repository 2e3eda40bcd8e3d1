"""`secmount policy check`: everything that is to be said about a policy folder, with file and line.

Errors are what loading would refuse, all of them at once; warnings are what loads and should be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from secmount.errors import InputError, Place
from secmount.policy import folder
from secmount.policy.rules import Policy, Rule
from secmount.policy.toml import Document, Finding
from secmount.trust.root import TrustRoot
from secmount.trust.signer import KeylessSigner
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """The policy if it loads, and the findings: errors first, each group by line."""

    policy: Policy | None
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether there is no error."""
        return self.policy is not None


def check(path: str, *, uid: int, default_root: Callable[[], TrustRoot] | None = None) -> Report:
    """Check the policy folder at `path` as `uid` would load it; `default_root` is as in `folder.load`.

    Raise `InputError` SM1105 where there is none, `StorageError` SM7010 and the like where others control it.
    """
    try:
        reading = folder.read(path, uid=uid, default_root=default_root)
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
        for wanted in rule.attestations:
            if not wanted.where:
                got, want = f"{wanted.type} of any content", 'where = { "/POINTER" = ["VALUE"] }'
                subject = f"rule {rule.name!r}: attestations"
                yield Finding("warning", "SM1241", Place(policy.file, wanted.line), subject, got, want)
    yield from _about_signers(policy, document)


def _about_signers(policy: Policy, document: Document) -> Iterator[Finding]:
    used = {name for rule in policy.rules for name in rule.signers}
    used |= {name for rule in policy.rules for wanted in rule.attestations for name in wanted.signers}
    for name, signer in policy.signers.items():
        place, subject = Place(policy.file, signer.line), f"signers.{name}"
        if name not in used:
            yield Finding("warning", "SM1253", place, subject)
        if not isinstance(signer, KeylessSigner):
            continue
        table = document.values["signers"][name]
        if table.get("any-caller"):
            line = document.lines.get(("signers", name, "any-caller"), signer.line)
            yield Finding("warning", "SM1240", Place(policy.file, line), subject, "any-caller = true", "claims")
        if policy.max_root_age is not None and signer.root.updated_ms is None:
            yield Finding("warning", "SM1242", place, subject, signer.root.source, "a root that says how old it is")
        if signer.identity.text.startswith("*"):
            line = document.lines.get(("signers", name, "identity"), signer.line)
            got, want = repr(signer.identity.text), "an identity that begins with whose it is"
            yield Finding("warning", "SM1243", Place(policy.file, line), subject, got, want)


@dataclass(frozen=True, slots=True)
class _Where:
    document: Document
    at: int
    rule: Rule

    def warning(self, code: str, key: str, *, got: str, want: str) -> Finding:
        line = self.document.lines.get(("rules", self.at, key), self.rule.line)
        return Finding("warning", code, Place(self.document.file, line), f"rule {self.rule.name!r}: {key}", got, want)
