"""The nearest miss of identities, certificates and statements in words, and the TOML that would let a signer count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from secmount.policy import denial
from secmount.policy.decision import Approved
from secmount.trust.evidence import Considered, Evidence
from tests.support import facts
from tests.support.facts import (
    CI,
    CORP,
    GITHUB,
    PERSON,
    TAG,
    TESTED,
    VSA,
    WORKFLOW,
    ann,
    certified,
    evidence,
    judge,
    keyless,
)
from tests.support.policies import DAY, KEYS, NOW, artifact, digest, signed

OTHER = CI.replace("ci-workflow", "ci-other").replace("**", "v2")
EVERYBODY = CI + OTHER + PERSON + CORP


@pytest.mark.parametrize(
    ("who", "proof", "said"),
    [
        (
            'signers = ["release"]',
            evidence(keyless()),
            f"signed by ci-workflow ({TAG}), whom the rule does not name",
        ),
        (
            'signers = ["release"]',
            evidence(certified()),
            "signed by corp (CN=release,O=Acme), whom the rule does not name",
        ),
        (
            'signers = ["ci-workflow", "ci-other"]\nthreshold = 2',
            evidence(keyless(), keyless("ci-other", identity=f"{WORKFLOW}@refs/tags/v2")),
            f"signed by ci-workflow; signed by ci-other ({WORKFLOW}@refs/tags/v2), "
            "but that identity is counted already",
        ),
        (
            'signers = ["release", "corp"]\nthreshold = 2',
            evidence(signed("release"), replace(certified(), key=KEYS["release"].principal)),
            "signed by release; signed by corp (CN=release,O=Acme), but that key is counted already",
        ),
        (
            'signers = ["release", "qa"]\nthreshold = 2',
            evidence(signed("release"), signed("qa", key="release")),
            "signed by release; signed by qa, whom the rule does not name",
        ),
        (
            'signers = ["person"]',
            evidence(replace(ann(not_after=NOW), expires_ms=NOW)),
            "signed by person (ann@acme.example), but it counted until 2026-09-21T14:13:20.000Z",
        ),
        (
            'signers = ["release", "ci"]\nthreshold = 2',
            evidence(facts.model("release", {"a": "1"}), facts.model("ci", {"a": "2"})),
            "signed by release; signed by ci; their model signatures say different things of the files",
        ),
        (
            'signers = ["release"]\nexclude = ["*.pkl"]',
            evidence(facts.model("release", {"a": "1"})),
            "signed by release, but it is a model signature, of every file, and the rule excludes some "
            "(model-signing-partial)",
        ),
        (
            'signers = ["release"]',
            evidence(
                replace(facts.statement(VSA, {}, "ci"), material=digest("m")),
                considered=(Considered(digest("m"), "bundle", "unacceptable", "SM2008", VSA, signers=("ci",)),),
            ),
            f"an attestation of {VSA} by ci, which is no signature",
        ),
        (
            'signers = ["release"]',
            evidence(
                considered=(
                    Considered(None, "bundle", "invalid", "SM2010", "broken"),
                    Considered(None, "bundle", "unacceptable", "SM2004", "an unknown key"),
                    Considered(None, "bundle", "unacceptable", "SM2007", "of sha256:a", "sha256:b", ("release",)),
                )
            ),
            "bundle by the key of release: of sha256:a, want sha256:b; bundle: an unknown key; bundle: broken",
        ),
        ('signers = ["release"]', evidence(truncated=True), "more was there than is read"),
    ],
)
def test_the_nearest_miss(tmp_path: Path, who: str, proof: Evidence, said: str) -> None:
    verdict = judge(facts.load(tmp_path / "p", who, signers=EVERYBODY), artifact(), proof)
    first = next(check for check in verdict.decision.checks if not check.ok)
    assert first.got == said


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("revoked = true", "the identity of person is revoked"),
        (
            "revoked-since = 2026-01-01T00:00:00Z",
            "the identity of person was revoked when it signed, since 2026-01-01T00:00:00.000Z",
        ),
        (
            "valid = { until = 2026-01-01T00:00:00Z }",
            "the identity of person was not valid any more when it signed, only until 2026-01-01T00:00:00.000Z",
        ),
        (
            "valid = { from = 2027-01-01T00:00:00Z }",
            "the identity of person was not valid yet when it signed, only from 2027-01-01T00:00:00.000Z",
        ),
    ],
)
def test_why_an_identity_was_not_in_force(tmp_path: Path, keys: str, said: str) -> None:
    policy = facts.load(tmp_path / "p", 'signers = ["person"]', signers=f"{PERSON}{keys}\n")
    verdict = judge(policy, artifact(), evidence(ann(not_after=NOW)))
    first = next(check for check in verdict.decision.checks if not check.ok)
    assert first.got == f"signed by person (ann@acme.example), but {said}"


@pytest.mark.parametrize(
    ("updated", "said"),
    [
        (None, "nobody says how old the trust root of ci-workflow is"),
        (0, "the trust root of ci-workflow was last vouched for at 1970-01-01T00:00:00.000Z"),
        (NOW + 300_001, "the trust root of ci-workflow comes from the future"),
    ],
)
def test_why_a_root_is_not_believed(tmp_path: Path, updated: int | None, said: str) -> None:
    top = '[trust]\nmax-root-age = "30d"'
    policy = facts.load(tmp_path / "p", 'signers = ["ci-workflow"]', signers=CI, top=top)
    verdict = judge(policy, artifact(), evidence(keyless(updated=updated)))
    first = next(check for check in verdict.decision.checks if not check.ok)
    assert first.got == f"signed by ci-workflow ({TAG}), but {said}"
    assert first.want == "a trust root that was vouched for at most 30d ago"
    allowed = judge(policy, artifact(), evidence(keyless(updated=NOW)))
    [shown] = [check for check in allowed.decision.checks if check.id == "root-age"]
    assert shown.got == "2026-09-21T14:13:20.000Z"


def test_the_edges_of_a_roots_age(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", 'signers = ["ci-workflow"]', signers=CI, top='[trust]\nmax-root-age = "30d"')
    edges = (NOW - 30 * DAY - 1, NOW - 30 * DAY, NOW + 300_000, NOW + 300_001)
    verdicts = [judge(policy, artifact(), evidence(keyless(updated=updated))) for updated in edges]
    assert [isinstance(verdict, Approved) for verdict in verdicts] == [False, True, True, False]


@pytest.mark.parametrize(("length", "shown"), [(198, '"' + "x" * 198 + '"'), (199, '"' + "x" * 199 + "…")])
def test_a_long_value_of_a_statement_is_cut(tmp_path: Path, length: int, shown: str) -> None:
    table = f'[[rules.attestations]]\ntype = "{TESTED}"\nsigners = ["ci"]\nwhere = {{ "/a" = ["b"] }}'
    policy = facts.load(tmp_path / "p", f'signers = ["release"]\n{table}')
    verdict = judge(policy, artifact(), evidence(signed("release"), facts.statement(TESTED, {"a": "x" * length}, "ci")))
    first = next(check for check in verdict.decision.checks if not check.ok)
    assert first.got == f'one by ci, but /a is {shown}, want "b"'


def test_toml_to_add_for_an_identity_that_the_rule_does_not_name(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", 'signers = ["release"]', signers=EVERYBODY)
    for fact, name in ((keyless(), "ci-workflow"), (ann(), "person"), (certified(), "corp")):
        found = denial.addition(artifact(), evidence(fact), policy, policy.rules[0], now_ms=NOW)
        assert found is not None
        assert found.toml == f'signers = ["release", "{name}"]'
        changed = facts.load(tmp_path / name, found.toml, signers=EVERYBODY)
        assert isinstance(judge(changed, artifact(), evidence(fact)), Approved)


def test_no_toml_where_the_identity_is_not_the_signers_or_a_statement_is_missing(tmp_path: Path) -> None:
    policy = facts.load(tmp_path / "p", 'signers = ["release"]', signers=EVERYBODY)
    forged = keyless(issuer=f"{GITHUB}/other")
    assert denial.addition(artifact(), evidence(forged), policy, policy.rules[0], now_ms=NOW) is None
    table = f'[[rules.attestations]]\ntype = "{VSA}"\nsigners = ["ci"]'
    wanting = facts.load(tmp_path / "q", f'signers = ["release"]\n{table}', signers=EVERYBODY)
    assert denial.addition(artifact(), evidence(keyless()), wanting, wanting.rules[0], now_ms=NOW) is None
