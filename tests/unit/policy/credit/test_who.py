"""Identities and certificates through the shipped program: what counts, and each part of it being another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secmount.policy.decision import Approved
from secmount.trust.evidence import Signature
from tests.support import facts
from tests.support.facts import (
    CALLER,
    CI,
    CORP,
    GITHUB,
    PERSON,
    TAG,
    UPDATED,
    WORKFLOW,
    ann,
    certified,
    default_root,
    evidence,
    judge,
    keyless,
    sha256,
)
from tests.support.policies import DAY, NOW, artifact, codes, digest, index, signed

KEYLESS = 'signers = ["ci-workflow"]'
CERTIFIED = 'signers = ["corp"]'


def test_a_workflow_signs(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", KEYLESS, signers=CI)
    verdict = judge(policy, artifact(), evidence(keyless(bound_to="ghcr.io/acme/model")))
    assert isinstance(verdict, Approved)
    assert verdict.decision.signers == ("ci-workflow",)
    assert verdict.decision.newest_ms == NOW - DAY
    through = judge(policy, artifact(index=index()), evidence(replace(keyless(), subject=digest("index"))))
    assert isinstance(through, Approved)


def test_a_person_signs(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", 'signers = ["person"]', signers=PERSON)
    assert isinstance(judge(policy, artifact(), evidence(ann())), Approved)


def test_a_signer_under_the_default_root(tmp_path: Path) -> None:
    signers = CI.replace("trusted-root", "#")
    policy = facts.load(tmp_path / "p", KEYLESS, signers=signers, default=True)
    assert isinstance(judge(policy, artifact(), evidence(keyless(root=default_root().digest))), Approved)
    assert codes(judge(policy, artifact(), evidence(keyless()))) == ("SM3004",)


@pytest.mark.parametrize(
    "more",
    [
        {"issuer": f"{GITHUB}/"},
        {"issuer": GITHUB.upper()},
        {"identity": f"{WORKFLOW}@refs/heads/main"},
        {"identity": WORKFLOW},
        {"identity": f"{WORKFLOW}@refs/tags/v1@refs/tags/v1"},
        {"identity": TAG.replace("acme/app", "acme/App")},
        {"claims": {}},
        {"claims": {"source-repository": f"{CALLER}/"}},
        {"claims": {"source-repository-owner": CALLER}},
        {"root": None},
        {"root": sha256(b"x")},
    ],
)
def test_every_part_of_an_identity_counts(tmp_path: Path, more: dict[str, Any]) -> None:
    policy = facts.load(tmp_path / "p", KEYLESS, signers=CI)
    assert codes(judge(policy, artifact(), evidence(keyless(**more)))) == ("SM3004",)


@pytest.mark.parametrize(
    "change",
    [
        {"principal": GITHUB},
        {"principal": f"{GITHUB} {TAG}"},
        {"principal": f"{GITHUB} {WORKFLOW} "},
        {"identity": None},
        {"issuer": None},
        {"signers": ("release",)},
    ],
)
def test_a_principal_is_what_issuer_and_identity_make_it(tmp_path: Path, change: dict[str, Any]) -> None:
    policy = facts.load(tmp_path / "p", KEYLESS, signers=CI)
    assert codes(judge(policy, artifact(), evidence(replace(keyless(), **change)))) == ("SM3004",)


def test_two_workflows_of_one_signer_are_credited_to_it_once(tmp_path: Path) -> None:
    """A principal goes to the first signer that it signed as, although the second would have been enough for both."""
    wide = CI.replace(f"{WORKFLOW}@refs/tags/**", "https://github.com/acme/**@refs/**")
    narrow = CI.replace("ci-workflow", "narrow")
    policy = facts.load(tmp_path / "p", 'signers = ["ci-workflow", "narrow"]\nthreshold = 2', signers=wide + narrow)
    names = ("ci-workflow", "narrow")
    other = keyless(*names, identity="https://github.com/acme/other/x.yml@refs/tags/v1")
    assert codes(judge(policy, artifact(), evidence(keyless(*names), other))) == ("SM3010",)
    turned = facts.load(tmp_path / "q", 'signers = ["narrow", "ci-workflow"]\nthreshold = 2', signers=wide + narrow)
    assert isinstance(judge(turned, artifact(), evidence(keyless(*names), other)), Approved)


def test_key_and_identity_reach_a_threshold_together(tmp_path: Path) -> None:
    policy = facts.load(
        tmp_path / "p", 'signers = ["release", "ci-workflow", "corp"]\nthreshold = 3', signers=CI + CORP
    )
    proof = evidence(signed("release"), keyless(), certified())
    assert isinstance(judge(policy, artifact(), proof), Approved)
    assert codes(judge(policy, artifact(), evidence(signed("release"), keyless(), keyless()))) == ("SM3010",)


def test_a_certificate_signs(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", CERTIFIED, signers=CORP)
    for subject in ("CN=release,O=Acme", "CN=release,O=Acme,C=DE"):
        assert isinstance(judge(policy, artifact(), evidence(certified(subject=subject))), Approved)


@pytest.mark.parametrize(
    "fact",
    [
        certified(subject="CN=release"),
        certified(subject="CN=Release,O=Acme"),
        certified(claims={"CN": "release"}),
        certified(root=sha256(b"x")),
        replace(certified(), principal="x509 CN=release,O=Acme"),
        replace(certified(), identity=None),
        replace(certified(), issuer="https://issuer.example"),
        replace(certified(), root=None),
    ],
)
def test_every_part_of_a_subject_counts(tmp_path: Path, fact: Signature) -> None:
    policy = facts.load(tmp_path / "p", CERTIFIED, signers=CORP)
    assert codes(judge(policy, artifact(), evidence(fact))) == ("SM3004",)


def test_max_root_age(tmp_path: Path) -> None:
    top = '[trust]\nmax-root-age = "30d"'
    policy = facts.load(tmp_path / "p", KEYLESS, signers=CI, top=top)
    last = UPDATED + 30 * DAY
    verdict = judge(policy, artifact(), evidence(keyless()))
    assert isinstance(verdict, Approved)
    assert verdict.decision.valid_until == last + 1
    assert isinstance(judge(policy, artifact(), evidence(keyless()), now=last), Approved)
    assert codes(judge(policy, artifact(), evidence(keyless()), now=last + 1)) == ("SM3023",)
    assert codes(judge(policy, artifact(), evidence(keyless(updated=None)))) == ("SM3023",)
    ahead = keyless(updated=NOW + 300_001)
    verdict = judge(policy, artifact(), evidence(ahead))
    assert codes(verdict) == ("SM3023",)
    assert verdict.decision.valid_until == NOW + 1


def test_max_root_age_is_about_roots_of_sigstore(tmp_path: Path) -> None:
    top = '[trust]\nmax-root-age = "1s"'
    policy = facts.load(tmp_path / "p", 'signers = ["release", "corp"]\nthreshold = 2', signers=CORP, top=top)
    assert isinstance(judge(policy, artifact(), evidence(signed("release"), certified())), Approved)


@pytest.mark.parametrize(
    ("keys", "not_after", "allowed"),
    [
        ("revoked = true", NOW - DAY, False),
        ("revoked-since = 2026-01-01T00:00:00Z", NOW, False),
        ("revoked-since = 2026-01-01T00:00:00Z", None, False),
        ("revoked-since = 2026-12-01T00:00:00Z", NOW, True),
        ("valid = { until = 2026-01-01T00:00:00Z }", NOW, False),
        ("valid = { until = 2026-12-01T00:00:00Z }", NOW, True),
        ("valid = { from = 2026-12-01T00:00:00Z }", NOW, False),
    ],
)
@pytest.mark.parametrize("kind", ["keyless", "x509"])
def test_windows_and_revocations_are_for_every_kind(
    tmp_path: Path, keys: str, not_after: int | None, kind: str, *, allowed: bool
) -> None:
    table, rule, fact = (CI, KEYLESS, keyless()) if kind == "keyless" else (CORP, CERTIFIED, certified())
    policy = facts.load(tmp_path / "p", rule, signers=f"{table}{keys}\n")
    fact = replace(fact, time=replace(fact.time, not_after=not_after))
    assert codes(judge(policy, artifact(), evidence(fact))) == (() if allowed else ("SM3011",))


def test_what_has_run_out_counts_no_more(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", CERTIFIED, signers=CORP)
    proof = evidence(replace(certified(), expires_ms=NOW + 1))
    verdict = judge(policy, artifact(), proof)
    assert isinstance(verdict, Approved)
    assert verdict.decision.valid_until == NOW + 1
    late = judge(policy, artifact(), proof, now=NOW + 1)
    assert codes(late) == ("SM3011",)
    assert "it counted until 2026-09-21T14:13:20.001Z" in str([check.got for check in late.decision.checks])


def burnt(keys: str, identity: str = f"{WORKFLOW}@refs/tags/v1", caller: str = CALLER) -> str:
    """Write a revoked signer that no rule names."""
    table = CI.replace("ci-workflow", "burnt").replace(f"{WORKFLOW}@refs/tags/**", identity)
    return table.replace(f'"{CALLER}"', f'"{caller}"') + keys


@pytest.mark.parametrize(
    ("other", "allowed"),
    [
        (burnt("revoked = true\n"), False),
        (burnt("revoked = true\n", "https://github.com/acme/**@refs/**"), False),
        (burnt("revoked = true\n").replace("acme.json", "other.json"), False),
        (burnt("revoked-since = 2026-01-01T00:00:00Z\n"), False),
        (burnt("revoked-since = 2026-12-01T00:00:00Z\n"), True),
        (burnt("revoked = true\n", f"{WORKFLOW}@refs/tags/v2"), True),
        (burnt("revoked = true\n", WORKFLOW), True),
        (burnt("revoked = true\n", caller="https://github.com/acme/other"), True),
        (burnt("revoked = true\n").replace(f'"{GITHUB}"', f'"{GITHUB}/acme"'), True),
        (CORP + "revoked = true\n", True),
        (PERSON + "revoked = true\n", True),
    ],
)
def test_a_revocation_sticks_to_whom_it_means(tmp_path: Path, other: str, *, allowed: bool) -> None:
    policy = facts.load(tmp_path / "p", KEYLESS, signers=CI + other)
    verdict = judge(policy, artifact(), evidence(keyless(time={"not_after": NOW})))
    assert codes(verdict) == (() if allowed else ("SM3011",))


def test_a_revoked_certificate_is_revoked_for_its_other_signer(tmp_path: Path) -> None:
    wide = '[signers.wide]\nx509 = "corp.pem"\nsubject = { O = "Acme" }\nrevocation = "none"\n'
    policy = facts.load(tmp_path / "p", 'signers = ["wide"]', signers=wide + CORP + "revoked = true\n")
    fact = certified("wide", "corp")
    assert codes(judge(policy, artifact(), evidence(fact))) == ("SM3011",)
    assert isinstance(judge(policy, artifact(), evidence(certified("wide", subject="CN=ann,O=Acme"))), Approved)


def test_a_subject_is_revoked_under_its_root(tmp_path: Path) -> None:
    other = CORP.replace("[signers.corp]", "[signers.other]").replace("corp.pem", "more.pem")
    policy = facts.load(tmp_path / "p", CERTIFIED, signers=CORP + other + "revoked = true\n")
    assert isinstance(judge(policy, artifact(), evidence(certified())), Approved)
    fact = certified("other", root=sha256(facts.FILES["more.pem"]))
    named = facts.load(tmp_path / "q", 'signers = ["other"]', signers=CORP + other + "revoked = true\n")
    assert codes(judge(named, artifact(), evidence(fact))) == ("SM3011",)
