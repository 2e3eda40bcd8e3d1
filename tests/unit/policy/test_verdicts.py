"""Every key that is enforced changes a verdict, through the shipped program, and attacks on each."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secmount.policy.decision import Approved, Denied
from secmount.policy.input import Request
from secmount.trust.evidence import Considered, Evidence
from tests.support.policies import (
    DAY,
    MODEL,
    NOW,
    RAW,
    SIGNERS,
    TAR,
    artifact,
    codes,
    digest,
    evidence,
    failed,
    index,
    judge,
    layer,
    load,
    rule,
    signed,
)

WINDOW = "2026-01-01T00:00:00Z"
AT = 1_767_225_600_000  # the same in milliseconds


def signers(keys: str) -> str:
    return SIGNERS.replace('key = "keys/release.pub"', f'key = "keys/release.pub"\n{keys}')


def test_a_signed_artifact_is_allowed(tmp_path: Path) -> None:
    verdict = judge(rule(tmp_path / "p"), artifact(), evidence(signed("release")))
    assert isinstance(verdict, Approved)
    decision = verdict.decision
    assert (decision.verdict, decision.deny, decision.signers, decision.approved) == ("allowed", (), ("release",), (0,))
    assert (decision.rule, decision.rule_line, decision.exec) == ("ghcr.io/acme/**", 11, False)


@pytest.mark.parametrize(
    ("considered", "code"),
    [
        ((), "SM3003"),
        ((Considered(None, "bundle", "invalid", "SM2010"),), "SM3005"),
        ((Considered(None, "bundle", "unacceptable", "SM2020"),), "SM3004"),
        ((Considered(None, "bundle", "invalid", "SM2010"), Considered(None, "b", "unacceptable", "SM2020")), "SM3004"),
    ],
)
def test_no_signature_by_what_was_found(tmp_path: Path, considered: tuple[Considered, ...], code: str) -> None:
    verdict = judge(rule(tmp_path / "p"), artifact(), evidence(considered=considered))
    assert isinstance(verdict, Denied)
    assert codes(verdict) == (code,)


def test_a_signer_that_the_rule_does_not_name(tmp_path: Path) -> None:
    verdict = judge(rule(tmp_path / "p"), artifact(), evidence(signed("ci")))
    assert codes(verdict) == ("SM3004",)
    assert "signed by ci, whom the rule does not name" in str(verdict.decision.checks[1].got)


def test_a_threshold_needs_that_many_keys(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p", "threshold = 2", who='signers = ["release", "ci", "qa"]')
    assert codes(judge(policy, artifact(), evidence(signed("release")))) == ("SM3010",)
    assert codes(judge(policy, artifact(), evidence(signed("release"), signed("release")))) == ("SM3010",)
    assert isinstance(judge(policy, artifact(), evidence(signed("qa"), signed("release"))), Approved)


def test_one_key_listed_under_two_names_counts_once(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p", who='require = [{ signers = ["release"] }, { signers = ["ci"] }]')
    both = signed("release", "ci", key="release")
    assert codes(judge(policy, artifact(), evidence(both))) == ("SM3010",)
    assert codes(judge(policy, artifact(), evidence(both, both))) == ("SM3010",)
    assert isinstance(judge(policy, artifact(), evidence(both, signed("ci"))), Approved)


def test_every_group_of_require_holds(tmp_path: Path) -> None:
    who = 'require = [{ signers = ["release"] }, { signers = ["qa", "ci"], threshold = 1 }]'
    policy = rule(tmp_path / "p", who=who)
    assert codes(judge(policy, artifact(), evidence(signed("release")))) == ("SM3010",)
    assert codes(judge(policy, artifact(), evidence(signed("qa"), signed("ci")))) == ("SM3010",)
    assert isinstance(judge(policy, artifact(), evidence(signed("release"), signed("ci"))), Approved)


def test_a_name_without_its_key_counts_for_nothing(tmp_path: Path) -> None:
    forged = signed("release", key="qa")
    assert codes(judge(rule(tmp_path / "p"), artifact(), evidence(forged))) == ("SM3004",)


def test_a_signature_of_the_index_covers_its_manifest(tmp_path: Path) -> None:
    through = artifact(index=index())
    verdict = judge(rule(tmp_path / "p"), through, evidence(signed("release", about="index")))
    assert isinstance(verdict, Approved)


@pytest.mark.parametrize(
    ("keys", "not_after", "allowed"),
    [
        (f"valid = {{ from = {WINDOW} }}", AT, True),
        (f"valid = {{ from = {WINDOW} }}", AT - 1, False),
        (f"valid = {{ from = {WINDOW} }}", None, False),
        (f"valid = {{ until = {WINDOW} }}", AT - 1, True),
        (f"valid = {{ until = {WINDOW} }}", AT, False),
        (f"valid = {{ until = {WINDOW} }}", None, False),
        (f"revoked-since = {WINDOW}", AT - 1, True),
        (f"revoked-since = {WINDOW}", AT, False),
        (f"revoked-since = {WINDOW}", None, False),
        ("revoked = true", AT, False),
        ("revoked = false", None, True),
    ],
)
def test_a_key_counts_while_it_is_in_force(tmp_path: Path, keys: str, not_after: int | None, allowed: bool) -> None:
    policy = rule(tmp_path / "p", signers=signers(keys))
    verdict = judge(policy, artifact(), evidence(signed("release", not_after=not_after)))
    assert isinstance(verdict, Approved) is allowed
    assert codes(verdict) == (() if allowed else ("SM3011",))


def test_another_signer_makes_up_for_a_revoked_one(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p", signers=signers("revoked = true"), who='signers = ["release", "ci"]')
    assert isinstance(judge(policy, artifact(), evidence(signed("release"), signed("ci"))), Approved)


@pytest.mark.parametrize("time", ["not_before", "not_after"])
def test_five_minutes_of_the_future_are_the_limit(tmp_path: Path, time: str) -> None:
    policy = rule(tmp_path / "p")
    near: dict[str, Any] = {time: NOW + 300_000}
    far: dict[str, Any] = {time: NOW + 300_001}
    assert isinstance(judge(policy, artifact(), evidence(signed("release", **near))), Approved)
    verdict = judge(policy, artifact(), evidence(signed("release", **far)))
    assert codes(verdict) == ("SM3011",)
    assert verdict.decision.valid_until == NOW + 1


@pytest.mark.parametrize(
    ("bind", "bound_to", "allowed"),
    [
        ("", None, True),
        ("", "ghcr.io/acme/model", True),
        ("", "ghcr.io/acme/other", False),
        ("", "ghcr.io/acme/model/", False),
        ('bind = "named"', "ghcr.io/acme/other", False),
        ('bind = "repository"', "ghcr.io/acme/model", True),
        ('bind = "repository"', None, False),
        ('bind = "any"', "ghcr.io/acme/other", True),
    ],
)
def test_a_signature_is_bound_to_its_repository(tmp_path: Path, bind: str, bound_to: str | None, allowed: bool) -> None:
    verdict = judge(rule(tmp_path / "p", bind), artifact(), evidence(signed("release", bound_to=bound_to)))
    assert codes(verdict) == (() if allowed else ("SM3012",))


def test_age_counts_from_the_signed_time(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p", 'max-age = "1d"')
    fresh = judge(policy, artifact(), evidence(signed("release", not_before=NOW - DAY)))
    assert isinstance(fresh, Approved)
    assert fresh.decision.valid_until == NOW + 1
    assert codes(judge(policy, artifact(), evidence(signed("release", not_before=NOW - DAY - 1)))) == ("SM3013",)
    assert codes(judge(policy, artifact(), evidence(signed("release", not_before=None, not_after=NOW)))) == ("SM3013",)


def test_an_old_signature_beside_a_fresh_one_of_another_does_not_mix(tmp_path: Path) -> None:
    """No signature satisfies bind and max-age at once, though each is satisfied by one."""
    policy = rule(tmp_path / "p", 'max-age = "1d"\nbind = "repository"')
    old = signed("release", not_before=NOW - 2 * DAY, bound_to="ghcr.io/acme/model")
    unbound = signed("release", not_before=NOW)
    assert codes(judge(policy, artifact(), evidence(old, unbound))) == ("SM3013",)


def test_types(tmp_path: Path) -> None:
    proof = evidence(signed("release"))
    policy = rule(tmp_path / "a", f'artifact-types = ["{MODEL.upper()}"]')
    assert isinstance(judge(policy, artifact(), proof), Approved)
    assert codes(judge(policy, artifact(artifact_type="application/x"), proof)) == ("SM3014",)
    policy = rule(tmp_path / "m", 'media-types = ["application/vnd.cncf.model.**"]')
    assert isinstance(judge(policy, artifact(layer("a"), layer("b", media_type=RAW.upper())), proof), Approved)
    other = layer("b", media_type="application/vnd.cncf.models")
    assert codes(judge(policy, artifact(layer("a"), other), proof)) == ("SM3015",)


def test_annotations_are_exact(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p", 'annotations = { "licence" = ["MIT", "Apache-2.0"] }')
    proof = evidence(signed("release"))
    assert isinstance(judge(policy, artifact(annotations={"licence": "MIT"}), proof), Approved)
    for notes in ({}, {"licence": "mit"}, {"Licence": "MIT"}, {"licence": "MIT OR GPL-3.0"}):
        assert codes(judge(policy, artifact(annotations=notes), proof)) == ("SM3016",)


def test_sizes_add_up_withheld_layers_included(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p", 'max-size = "1KiB"\nexclude = ["*.pkl"]\nmax-unpacked-size = "2KiB"')
    proof = evidence(signed("release"))
    verdict = judge(policy, artifact(layer("a", size=1000), layer("b.pkl", size=24)), proof)
    assert isinstance(verdict, Approved)
    assert verdict.obligations.max_unpacked_size == 2048
    assert codes(judge(policy, artifact(layer("a", size=1000), layer("b.pkl", size=25)), proof)) == ("SM3017",)


@pytest.mark.parametrize(
    ("namespace", "allowed"), [("ml-a", True), ("ml-", True), ("ML-a", False), ("xml-a", False), (None, False)]
)
def test_namespaces(tmp_path: Path, namespace: str | None, allowed: bool) -> None:
    policy = rule(tmp_path / "p", 'namespaces = ["ml-*"]')
    verdict = judge(policy, artifact(), evidence(signed("release")), request=Request(namespace=namespace))
    assert codes(verdict) == (() if allowed else ("SM3018",))


def test_exclude_withholds_files_in_every_spelling_and_keeps_the_rest(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p", 'exclude = ["**/*.pkl"]')
    layers = [layer(path) for path in ("evil.pkl", "a/b/EVIL.PKL", "model.bin", "x.pkl/y", "ev\u212ail.p\u212al")]
    verdict = judge(
        policy,
        artifact(*layers, layer("dir.pkl", media_type=TAR), layer(None, media_type=TAR)),
        evidence(signed("release")),
    )
    assert isinstance(verdict, Approved)
    assert verdict.decision.approved == (2, 3, 5, 6)
    assert [held.path for held in verdict.decision.withheld] == ["evil.pkl", "a/b/EVIL.PKL", "ev\u212ail.p\u212al"]
    assert {held.reason for held in verdict.decision.withheld} == {"exclude **/*.pkl"}
    assert [pattern.text for pattern in verdict.obligations.exclude] == ["**/*.pkl"]


def test_nothing_left_is_denied(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p", 'exclude = ["**"]')
    assert codes(judge(policy, artifact(layer("a"), layer("b")), evidence(signed("release")))) == ("SM3022",)


def test_exec_needs_the_rule_and_the_user(tmp_path: Path) -> None:
    for number, (allowed, asked) in enumerate([(True, True), (True, False), (False, True), (False, False)]):
        policy = rule(tmp_path / str(number), f'exec = {str(allowed).lower()}\nsymlinks = "any"')
        verdict = judge(policy, artifact(), evidence(signed("release")), exec_asked=asked)
        assert isinstance(verdict, Approved)
        assert verdict.decision.exec is (allowed and asked)
        assert verdict.obligations.symlinks == "any"


@pytest.mark.parametrize("which", ["index", "manifest", "config", f"layer model.bin {RAW}"])
def test_denied_digests_wherever_they_stand(tmp_path: Path, which: str) -> None:
    policy = rule(tmp_path / "p", deny=f'digests = ["{digest(which)}"]')
    verdict = judge(policy, artifact(index=index()), evidence(signed("release")))
    assert codes(verdict) == ("SM3019",)
    assert str(digest(which)) in str([check.got for check in verdict.decision.checks if check.id == "deny.digests"])


@pytest.mark.parametrize(
    "kind", ["image.index", "image.manifest", "cncf.model.config", "cncf.model.manifest", "cncf.model.weight"]
)
def test_denied_media_types_wherever_they_stand(tmp_path: Path, kind: str) -> None:
    vendor = "oci" if kind.startswith("image") else kind.partition(".")[0]
    pattern = f"application/vnd.{kind}.**".replace("vnd.image", f"vnd.{vendor}.image").upper()
    policy = rule(tmp_path / "p", deny=f'media-types = ["{pattern}"]')
    assert codes(judge(policy, artifact(index=index()), evidence(signed("release")))) == ("SM3020",)


def test_denied_paths_refuse_the_artifact(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p", deny='paths = ["**/.ssh/**"]')
    proof = evidence(signed("release"))
    assert codes(judge(policy, artifact(layer("home/.SSH/authorized_keys")), proof)) == ("SM3021",)
    verdict = judge(policy, artifact(layer("x.ssh/a")), proof)
    assert isinstance(verdict, Approved)
    assert [pattern.text for pattern in verdict.obligations.forbid_paths] == ["**/.ssh/**"]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("raw", [b"{}", b"[]"])
def test_a_document_is_denied_under_every_algorithm(tmp_path: Path, algorithm: str, raw: bytes) -> None:
    """It was asked for by one digest; the policy may name it by another."""
    policy = rule(tmp_path / "p", deny=f'digests = ["{algorithm}:{hashlib.new(algorithm, raw).hexdigest()}"]')
    resolution = replace(artifact(), config=b"[]")
    assert codes(judge(policy, resolution, evidence(signed("release")))) == ("SM3019",)


def test_denied_digests_go_to_the_tree_which_knows_the_files(tmp_path: Path) -> None:
    verdict = judge(rule(tmp_path / "p", deny=f'digests = ["{digest("x")}"]'), artifact(), evidence(signed("release")))
    assert isinstance(verdict, Approved)
    assert verdict.obligations.forbid_digests == {digest("x")}


def test_a_layer_that_may_be_an_archive_is_left_to_the_tree(tmp_path: Path) -> None:
    maybe = layer("b.pkl", media_type="application/vnd.acme.layer.v1.tar")
    policy = rule(tmp_path / "p", 'exclude = ["*.pkl"]', deny='paths = ["*.pkl"]')
    verdict = judge(policy, artifact(maybe), evidence(signed("release")))
    assert isinstance(verdict, Approved)
    assert verdict.decision.approved == (0,)


def test_floors_hold_where_no_signature_is_asked_for(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p", who="unsigned = true", deny=f'digests = ["{digest("manifest")}"]')
    assert codes(judge(policy, artifact(), evidence())) == ("SM3019",)


def test_unsigned_is_for_names_that_were_asked_for(tmp_path: Path) -> None:
    policy = load(
        tmp_path / "p",
        f'version = 1\n{SIGNERS}[[rules]]\nmatch = "ghcr.io/acme/**"\nunsigned = true\n'
        '[[rules]]\nmatch = "**"\nsigners = ["release"]\n',
    )
    assert isinstance(judge(policy, artifact(), evidence()), Approved)
    verdict = judge(policy, artifact(asserted=True), evidence())
    assert (verdict.decision.rule, codes(verdict)) == ("**", ("SM3003",))


def test_duplicate_layers_are_judged_each(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p", 'exclude = ["*.pkl"]')
    verdict = judge(
        policy, artifact(layer("a"), layer("a"), layer("b.pkl"), layer("b.pkl")), evidence(signed("release"))
    )
    assert verdict.decision.approved == (0, 1)


def test_several_failures_are_all_said_and_the_first_decides(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p", 'max-size = "1B"\nmax-age = "1s"', deny='paths = ["**"]')
    verdict = judge(policy, artifact(), evidence())
    assert codes(verdict) == ("SM3003", "SM3017", "SM3021")
    assert failed(verdict) == {"signatures", "signer-validity", "bind", "max-age", "max-size", "deny.paths"}


def test_evidence_of_another_artifact_is_a_bug(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p")
    with pytest.raises(ValueError, match="evidence about"):
        judge(policy, artifact(), Evidence(digest("other"), (signed("release"),)))
    with pytest.raises(ValueError, match="a signature about neither"):
        judge(policy, artifact(), evidence(signed("release", about="other")))
