"""Denials in words: the nearest miss, what was wanted, and the TOML to add where nothing else is missing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from secmount.policy import denial
from secmount.policy.decision import Approved, Check, Denied
from secmount.policy.denial import Addition
from secmount.policy.rules import Policy, choose
from secmount.registry.resolution import Resolution
from secmount.trust.evidence import Considered, Evidence
from tests.support.policies import DAY, NOW, SIGNERS, artifact, evidence, judge, layer, load, rule, signed


def checks(verdict: Approved | Denied) -> Mapping[str, Check]:
    return {check.id: check for check in verdict.decision.checks}


def addition(policy: Policy, proof: Evidence, resolution: Resolution | None = None) -> Addition | None:
    resolution = resolution or artifact()
    chosen = choose(policy, resolution.name, asserted=False)
    return denial.addition(resolution, proof, policy, chosen, now_ms=NOW)


@pytest.mark.parametrize(
    ("who", "proof", "got", "want"),
    [
        ('signers = ["release"]', evidence(), "no signature", "release"),
        (
            'signers = ["release", "ci"]',
            evidence(signed("qa")),
            "signed by qa, whom the rule does not name",
            "release or ci",
        ),
        (
            'signers = ["release", "ci"]\nthreshold = 2',
            evidence(signed("ci")),
            "signed by ci",
            "release and ci",
        ),
        (
            'signers = ["release", "ci", "qa"]\nthreshold = 2',
            evidence(signed("ci"), signed("ci", bound_to="x.io/y")),
            "signed by ci; signed by ci, but it names x.io/y",
            "2 of release, ci, qa",
        ),
        (
            'require = [{ signers = ["release"] }, { signers = ["ci"] }]',
            evidence(signed("release", "ci", not_before=NOW)),
            "signed by release",
            "release and ci",
        ),
        (
            'signers = ["release"]',
            evidence(
                considered=(
                    Considered(None, "bundle", "invalid", "SM2010", "bytes"),
                    Considered(None, "bundle", "unacceptable", "SM2020", "about sha256:a", "sha256:b"),
                )
            ),
            "bundle: about sha256:a, want sha256:b; bundle: bytes",
            "release",
        ),
    ],
)
def test_the_nearest_miss(tmp_path: Path, who: str, proof: Evidence, got: str, want: str) -> None:
    check = checks(judge(rule(tmp_path / "p", who=who), artifact(), proof))["signatures"]
    assert (check.ok, check.got, check.want) == (False, got, want)


@pytest.mark.parametrize(
    ("keys", "time", "said"),
    [
        ("revoked = true", {}, "the key of release is revoked"),
        ("revoked-since = 2026-01-01T00:00:00Z", {}, "no third party says when it signed"),
        ("revoked-since = 2026-01-01T00:00:00Z", {"not_after": NOW}, "was revoked when it signed"),
        ("valid = { from = 2027-01-01T00:00:00Z }", {"not_after": NOW}, "was not valid yet when it signed"),
        ("valid = { until = 2026-01-01T00:00:00Z }", {"not_after": NOW}, "was not valid any more when it signed"),
        ("", {"not_before": NOW + DAY}, "its time lies in the future"),
    ],
)
def test_why_a_key_was_not_in_force(tmp_path: Path, keys: str, time: dict[str, Any], said: str) -> None:
    signers = SIGNERS.replace("[signers.ci]", f"{keys}\n[signers.ci]")
    verdict = judge(rule(tmp_path / "p", signers=signers), artifact(), evidence(signed("release", **time)))
    found = checks(verdict)
    assert found["signatures"].ok
    assert (found["signer-validity"].ok, found["signer-validity"].want) == (False, "a key in force when release signed")
    assert said in str(found["signer-validity"].got)


def test_age_and_binding(tmp_path: Path) -> None:
    verdict = judge(rule(tmp_path / "a", 'max-age = "90m"'), artifact(), evidence(signed("release")))
    check = checks(verdict)["max-age"]
    assert (check.ok, check.got, check.want) == (False, "signed by release, but it is too old", "at most 90m old")
    verdict = judge(rule(tmp_path / "b", 'bind = "repository"'), artifact(), evidence(signed("release")))
    check = checks(verdict)["bind"]
    assert (check.ok, check.got, check.want) == (
        False,
        "signed by release, but it names no repository",
        "ghcr.io/acme/model",
    )
    verdict = judge(rule(tmp_path / "c", 'max-age = "2w"\nbind = "any"'), artifact(), evidence(signed("release")))
    found = checks(verdict)
    assert (found["max-age"].got, found["max-age"].want) == ("2026-09-20T14:13:20.000Z", "at most 2w old")
    assert (found["bind"].got, found["bind"].want) == ("no name", "any name")


def test_what_the_artifact_has_and_the_rule_wants(tmp_path: Path) -> None:
    more = (
        'artifact-types = ["x/y", "x/z"]\nmedia-types = ["x/y"]\nannotations = { a = ["1", "2"], b = ["3"] }\n'
        'max-size = "10B"\nnamespaces = ["ml-*"]'
    )
    policy = rule(tmp_path / "p", more, deny='media-types = ["*/vnd.cncf.**"]\npaths = ["*.bin"]')
    found = checks(
        judge(policy, artifact(layer("m.bin", size=11), annotations={"a": "9"}), evidence(signed("release")))
    )
    assert {name: (check.got, check.want) for name, check in found.items() if not check.ok} == {
        "artifact-types": ("application/vnd.cncf.model.manifest.v1+json", "x/y, x/z"),
        "media-types": ("application/vnd.cncf.model.weight.v1.raw", "x/y"),
        "annotations": ('a = "9", no b that counts', 'a = "1" or "2", b = "3"'),
        "max-size": ("11 bytes", "at most 10 bytes"),
        "namespaces": (None, "ml-*"),
        "deny.media-types": (
            "application/vnd.cncf.model.config.v1+json, application/vnd.cncf.model.manifest.v1+json, "
            "application/vnd.cncf.model.weight.v1.raw",
            "none that is denied",
        ),
        "deny.paths": ("m.bin", "none that is denied"),
    }


def test_long_lists_are_cut(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p", deny='paths = ["**"]')
    verdict = judge(policy, artifact(*(layer(f"f{number}") for number in range(9))), evidence(signed("release")))
    assert checks(verdict)["deny.paths"].got == "f0, f1, f2, f3, f4, 4 more"


def test_toml_to_add_where_only_the_name_of_a_signer_is_missing(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p")
    found = addition(policy, evidence(signed("ci")))
    assert found is not None
    assert (found.toml, found.replaces, found.rule) == ('signers = ["release", "ci"]', "signers", "ghcr.io/acme/**")
    assert (found.place.file, found.place.line) == (f"{tmp_path}/p/policy.toml", policy.rules[0].line)
    changed = load(
        tmp_path / "q", (tmp_path / "p/policy.toml").read_text().replace('signers = ["release"]', found.toml)
    )
    assert isinstance(judge(changed, artifact(), evidence(signed("ci"))), Approved)


@pytest.mark.parametrize(
    ("more", "proof"),
    [
        ("", evidence()),
        ("", evidence(considered=(Considered(None, "bundle", "unacceptable", "SM2020"),))),
        ("", evidence(signed("release"))),
        ("", evidence(signed("ci", key="qa"))),
        ("", evidence(signed("ci", bound_to="ghcr.io/acme/other"))),
        ("", evidence(signed("ci", not_before=NOW + DAY))),
        ('max-age = "1s"', evidence(signed("ci"))),
    ],
)
def test_no_toml_where_more_is_missing(tmp_path: Path, more: str, proof: Evidence) -> None:
    assert addition(rule(tmp_path / "p", more), proof) is None


def test_no_toml_that_would_not_suffice_or_is_ambiguous(tmp_path: Path) -> None:
    two = rule(tmp_path / "a", "threshold = 2", who='signers = ["release", "qa"]')
    assert addition(two, evidence(signed("ci"))) is None
    assert addition(two, evidence(signed("ci"), signed("qa"))) is not None
    groups = rule(tmp_path / "b", who='require = [{ signers = ["release"] }, { signers = ["qa"] }]')
    assert addition(groups, evidence(signed("ci"))) is None
    assert addition(rule(tmp_path / "c", who="unsigned = true"), evidence(signed("ci"))) is None


def test_no_toml_for_a_revoked_key(tmp_path: Path) -> None:
    signers = SIGNERS.replace("[signers.qa]", "revoked = true\n[signers.qa]")
    assert addition(rule(tmp_path / "p", signers=signers), evidence(signed("ci"))) is None
