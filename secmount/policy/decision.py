"""Decide whether a resolved artifact may be used.

`decide` is the only maker of `Approved`. Whatever fetches content or builds trees asks for one, so a path around the
policy does not type-check. This guards against mistakes, not against hostile Python in the process.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import InitVar, field, replace
from typing import Literal

from secmount.errors import PolicyError
from secmount.oci.digest import Digest
from secmount.oci.layer import shape
from secmount.policy import denial, recheck
from secmount.policy.credit.count import Credit, credit
from secmount.policy.credit.question import Question
from secmount.policy.engine import Answer
from secmount.policy.glob import Pattern
from secmount.policy.rules import Policy, Rule, choose
from secmount.registry.resolution import Resolution
from secmount.trust.evidence import Attestation, Evidence, Signature
from secmount.value import dataclass

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
    files: Mapping[str, Digest] | None = field(default=None, hash=False)  # the tree has these and no others
    files_partial: bool = False  # what is withheld may be missing from it


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
    newest_ms: int | None = None  # the highest time inside signatures that counted: the mark for no-rollback


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


def decide(
    resolution: Resolution,
    evidence: Evidence,
    policy: Policy,
    rule: Rule,
    answer: Answer,
    *,
    decision_id: str,
    now_ms: int,
    exec_asked: bool,
    memo: bool = False,
    newest_ms: int | None = None,
) -> Approved | Denied:
    """Turn the program's `answer` under `rule` into an approval or a denial. `memo`: the answer was remembered.

    `newest_ms` is what the program was told of the past, see `input.document`.

    Raise `PolicyError` SM3094 for an answer that contradicts itself, the policy or the rule that was chosen, SM3096 for
    one that allows what our own checks do not; ValueError where evidence or rule are of something else, which is a bug.
    """
    _check_arguments(resolution, evidence, policy, rule)
    contradiction = next(_contradictions(resolution, policy, rule, answer, now_ms), None)
    if contradiction is not None:
        raise PolicyError("SM3094", subject=resolution.name, got=contradiction, decision_id=decision_id)
    asked = Question(resolution, evidence, policy, rule, now_ms, newest_ms)
    given = credit(asked)
    decision = replace(_denial(asked, given, answer, decision_id), memo=memo)
    if not answer.allow:
        return Denied(resolution, decision)
    against = next(recheck.disagreements(asked, given, answer.approved), None)
    if against is not None:
        raise PolicyError("SM3096", subject=resolution.name, got="allowed", want=against, decision_id=decision_id)
    decision = replace(
        decision,
        verdict="allowed",
        approved=answer.approved,
        withheld=_withheld(resolution, rule),
        exec=rule.exec and answer.exec and exec_asked,
        newest_ms=given.newest_ms,
    )
    return Approved(resolution, decision, _obligations(policy, rule, given), _SEAL)


def _denial(asked: Question, given: Credit, answer: Answer, decision_id: str) -> Decision:
    """Write `answer` down, as the denial that it is unless all else is well."""
    missed = denial.Missed(asked, given)
    return Decision(
        id=decision_id,
        verdict="denied",
        rule=asked.rule.name,
        rule_line=asked.rule.line,
        policy_revision=asked.policy.revision,
        checks=tuple(Check(row.id, row.ok, *denial.text(row, missed)) for row in answer.checks),
        deny=denial.codes(answer, asked.evidence),
        signers=given.signers,
        valid_until=answer.valid_until,
    )


def _check_arguments(resolution: Resolution, evidence: Evidence, policy: Policy, rule: Rule) -> None:
    facts: tuple[Signature | Attestation, ...] = (*evidence.signatures, *evidence.attestations)
    if evidence.subject != resolution.digest or any(fact.subject not in resolution.subjects for fact in facts):
        raise ValueError("evidence about another artifact")
    if rule is not choose(policy, resolution.name, asserted=resolution.name_source != "asked"):
        raise ValueError("a rule that is not the one for this name")


def _contradictions(resolution: Resolution, policy: Policy, rule: Rule, answer: Answer, now_ms: int) -> Iterator[str]:
    """Say what in `answer` cannot be meant, whatever the evidence."""
    ids = [row.id for row in answer.checks]
    failed = {row.id for row in answer.checks if not row.ok}
    if answer.rule != rule.name:
        yield f"rule {answer.rule!r} where {rule.name!r} is the longest match"
    if len(set(ids)) != len(ids):
        yield "a check that is answered twice"
    if {reason.args["check"] for reason in answer.deny} != failed:
        yield "checks that failed and reasons for the denial are not the same"
    if answer.allow == bool(failed):
        yield "allowed with a failed check" if answer.allow else "denied without a reason"
    if any(index not in range(len(resolution.manifest.layers)) for index in answer.approved):
        yield "an approved layer that does not exist"
    if list(answer.approved) != sorted(set(answer.approved)):
        yield "approved layers out of order or twice"
    if answer.valid_until is not None and answer.valid_until <= now_ms:
        yield "an answer that has run out"
    if answer.exec and not rule.exec:
        yield "exec where the rule does not allow it"
    if answer.allow:
        yield from _unfounded(policy, rule, answer)


def _unfounded(policy: Policy, rule: Rule, answer: Answer) -> Iterator[str]:
    """Say what is missing from an answer that allows."""
    silent = _asked(policy, rule) - {row.id for row in answer.checks}
    if silent:
        yield f"no word on {', '.join(sorted(silent))}"
    if not answer.approved:
        yield "allowed with no layer"
    if answer.obligations != _as_answered(policy, rule):
        yield "obligations that are not the rule's"


def _asked(policy: Policy, rule: Rule) -> set[str]:
    """Name the checks that an answer under `rule` must speak about."""
    signed = not rule.unsigned
    return {
        check
        for check, asked in {
            "rule": True,
            "signatures": True,
            "signer-validity": signed,
            "root-age": signed and policy.max_root_age is not None,
            "bind": signed,
            "max-age": rule.max_age is not None,
            "no-rollback": rule.no_rollback is not None,
            "attestations": bool(rule.attestations),
            "artifact-types": rule.artifact_types is not None,
            "media-types": rule.media_types is not None,
            "annotations": bool(rule.annotations),
            "max-size": rule.max_size is not None,
            "namespaces": rule.namespaces is not None,
            "deny.digests": bool(policy.deny.digests),
            "deny.media-types": bool(policy.deny.media_types),
            "deny.paths": bool(policy.deny.paths),
            "layers": True,
        }.items()
        if asked
    }


def _as_answered(policy: Policy, rule: Rule) -> dict[str, object]:
    """Write the obligations as the program must answer them."""
    return {
        "exclude": [pattern.text for pattern in rule.exclude],
        "forbid_paths": [pattern.text for pattern in policy.deny.paths],
        "forbid_digests": [str(digest) for digest in policy.deny.digests],
        "max_unpacked_size": rule.max_unpacked_size,
        "symlinks": rule.symlinks,
    }


def _obligations(policy: Policy, rule: Rule, given: Credit) -> Obligations:
    return Obligations(
        exclude=rule.exclude,
        forbid_paths=policy.deny.paths,
        forbid_digests=frozenset(policy.deny.digests),
        max_unpacked_size=rule.max_unpacked_size,
        symlinks=rule.symlinks,
        files=given.files,
        files_partial=rule.model_signing_partial,
    )


def _withheld(resolution: Resolution, rule: Rule) -> tuple[Withheld, ...]:
    """Name the file layers that the rule leaves out; their paths hide what earlier layers had there."""
    withheld: list[Withheld] = []
    for position, layer in enumerate(resolution.manifest.layers):
        found = shape(layer, position, resolution.manifest)
        pattern = recheck.excluded(found, rule)
        if found.path is not None and pattern is not None:
            withheld.append(Withheld(found.path, f"exclude {pattern.text}"))
    return tuple(withheld)
