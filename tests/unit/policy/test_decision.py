"""`decide` against engines that err or lie: an answer that is not wholly consistent allows nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from secmount.errors import PolicyError
from secmount.policy import engine
from secmount.policy.decision import Approved, Decision, Obligations, decide
from secmount.policy.engine import Answer, Judged, Reason
from secmount.policy.input import Request, document
from secmount.policy.rules import Policy, Rule, choose
from secmount.registry.resolution import Resolution
from secmount.trust.evidence import Evidence
from tests.support import facts, policies
from tests.support.policies import DAY, DECISION, NOW, SIGNERS, artifact, digest, evidence, judge, layer, rule, signed


@dataclass
class Liar:
    """An engine whose answers are the real one's with some fields replaced."""

    lies: dict[str, Any]
    name: str = "liar"

    def evaluate(self, document: Mapping[str, Any], policy: Policy) -> Answer:
        return engine.parse(policies.engine().evaluate(document, policy).document() | self.lies)


def answer_of(policy: Policy, resolution: Resolution, proof: Evidence) -> tuple[Rule, Answer]:
    chosen = choose(policy, resolution.name, asserted=False)
    given = document(resolution, proof, request=Request(), now_ms=NOW, newest_ms=None)
    return chosen, policies.engine().evaluate(given, policy)


def refused(policy: Policy, resolution: Resolution, proof: Evidence, lies: dict[str, Any]) -> str:
    """Give the code and the fact under which the decision was refused."""
    with pytest.raises(PolicyError) as caught:
        judge(policy, resolution, proof, by=Liar(lies))
    assert caught.value.decision_id == DECISION
    return f"{caught.value.code} {caught.value.got} {caught.value.want or ''}"


ALLOW: dict[str, Any] = {"allow": True, "deny": []}


def passed(answer: Answer) -> list[dict[str, Any]]:
    return [{"id": row.id, "ok": True, "got": row.got, "want": row.want} for row in answer.checks]


def test_only_decide_makes_an_approval() -> None:
    decision = Decision(DECISION, "allowed", None, None, "sha256:x")
    with pytest.raises(TypeError, match=r"^only decide\(\) makes an Approved$"):
        Approved(artifact(), decision, Obligations(), object())


@pytest.mark.parametrize("proof", [evidence(), evidence(signed("release"))])
def test_what_a_decision_is_about(tmp_path: Path, proof: Evidence) -> None:
    policy, resolution = rule(tmp_path / "p"), artifact()
    chosen, answer = answer_of(policy, resolution, proof)
    for more in ({}, {"memo": True}, {"memo": False}):
        verdict = decide(
            resolution, proof, policy, chosen, answer, decision_id=DECISION, now_ms=NOW, exec_asked=False, **more
        )
        decision = verdict.decision
        assert verdict.resolution is resolution
        assert (decision.id, decision.memo, decision.policy_revision) == (
            DECISION,
            more.get("memo", False),
            policy.revision,
        )
        assert (decision.rule, decision.rule_line) == (policy.rules[0].name, policy.rules[0].line)
        allowed = isinstance(verdict, Approved)
        assert allowed is bool(proof.signatures)
        assert decision.verdict == ("allowed" if allowed else "denied")
        assert decision.approved == ((0,) if allowed else ())
        assert decision.exec is False


def test_an_approval_cannot_be_changed_into_another(tmp_path: Path) -> None:
    verdict = judge(rule(tmp_path / "p"), artifact(), evidence(signed("release")))
    assert isinstance(verdict, Approved)
    with pytest.raises((TypeError, ValueError)):
        replace(verdict, decision=replace(verdict.decision, approved=(0, 1)))  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("lies", "said"),
    [
        ({"rule": "another"}, "longest match"),
        ({"rule": None}, "longest match"),
        ({"allow": False}, "denied without a reason"),
        ({"deny": [{"code": "SM3017", "args": {"check": "max-size"}}]}, "not the same"),
        ({"approved": []}, "no layer"),
        ({"approved": [0, 0]}, "out of order or twice"),
        ({"approved": [1, 0]}, "out of order or twice"),
        ({"approved": [2]}, "does not exist"),
        ({"approved": [-1]}, "does not exist"),
        ({"valid_until": NOW}, "run out"),
        ({"exec": True}, "exec where"),
        ({"obligations": {}}, "obligations"),
        ({"checks": []}, "no word on bind, layers, max-size, rule, signatures, signer-validity"),
    ],
)
def test_contradictions_are_no_answer(tmp_path: Path, lies: dict[str, Any], said: str) -> None:
    policy = rule(tmp_path / "p", 'max-size = "1KiB"')
    told = refused(policy, artifact(layer("a"), layer("b")), evidence(signed("release")), lies)
    assert told.startswith("SM3094")
    assert said in told


def test_a_check_that_failed_or_stands_twice_allows_nothing(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p")
    resolution, proof = artifact(), evidence(signed("release"))
    _, answer = answer_of(policy, resolution, proof)
    rows = passed(answer)
    assert "not the same" in refused(policy, resolution, proof, {"checks": [rows[0] | {"ok": False}, *rows[1:]]})
    both = {"checks": [rows[0] | {"ok": False}, *rows[1:]], "deny": [{"code": "SM3002", "args": {"check": "rule"}}]}
    assert "allowed with a failed check" in refused(policy, resolution, proof, both)
    assert "answered twice" in refused(policy, resolution, proof, {"checks": [*rows, rows[-1]]})


@pytest.mark.parametrize(
    ("key", "check"),
    [
        ('max-age = "9d"', "max-age"),
        ('artifact-types = ["**"]', "artifact-types"),
        ('media-types = ["**"]', "media-types"),
        ('annotations = { "a" = ["b"] }', "annotations"),
        ('max-size = "1KiB"', "max-size"),
        ('namespaces = ["*"]', "namespaces"),
        ('no-rollback = "tag"', "no-rollback"),
        ('[[rules.attestations]]\ntype = "t"\nsigners = ["ci"]', "attestations"),
    ],
)
def test_a_check_that_the_rule_asks_for_must_be_answered(tmp_path: Path, key: str, check: str) -> None:
    policy = rule(tmp_path / "p", key)
    resolution, proof = artifact(annotations={"a": "b"}), evidence(signed("release"))
    _, answer = answer_of(policy, resolution, proof)
    rows = [row for row in passed(answer) if row["id"] != check]
    assert f"no word on {check}" in refused(policy, resolution, proof, ALLOW | {"checks": rows})


@pytest.mark.parametrize("table", ["digests", "media-types", "paths"])
def test_a_floor_must_be_answered(tmp_path: Path, table: str) -> None:
    value = f"sha256:{'0' * 64}" if table == "digests" else "application/x"
    policy = rule(tmp_path / "p", deny=f'{table} = ["{value}"]')
    resolution, proof = artifact(), evidence(signed("release"))
    _, answer = answer_of(policy, resolution, proof)
    rows = [row for row in passed(answer) if row["id"] != f"deny.{table}"]
    assert f"no word on deny.{table}" in refused(policy, resolution, proof, ALLOW | {"checks": rows})


def lie_allowing(policy: Policy, resolution: Resolution, proof: Evidence, **more: Any) -> str:
    """Turn the real denial into an allowing answer that is consistent in itself."""
    _, answer = answer_of(policy, resolution, proof)
    return refused(policy, resolution, proof, ALLOW | {"checks": passed(answer)} | more)


@pytest.mark.parametrize(
    ("more", "proof", "said"),
    [
        ("", evidence(), "too few"),
        ("", evidence(signed("ci")), "too few"),
        ("", evidence(signed("release", key="ci")), "too few"),
        ("", evidence(signed("release", not_before=NOW + 300_001)), "too few"),
        ("", evidence(signed("release", bound_to="ghcr.io/acme/x")), "too few"),
        ('bind = "repository"', evidence(signed("release")), "too few"),
        ('max-age = "1d"', evidence(signed("release", not_before=NOW - DAY - 1)), "too few"),
        ('max-age = "1d"', evidence(signed("release", not_before=None)), "too few"),
        ('artifact-types = ["x/y"]', evidence(signed("release")), "artifact type"),
        ('media-types = ["x/y"]', evidence(signed("release")), "media type"),
        ('annotations = { "a" = ["b"] }', evidence(signed("release")), "annotation"),
        ('max-size = "9B"', evidence(signed("release")), "larger"),
    ],
)
def test_a_lie_of_the_program_alone_allows_nothing(tmp_path: Path, more: str, proof: Evidence, said: str) -> None:
    told = lie_allowing(rule(tmp_path / "p", more), artifact(), proof)
    assert told.startswith("SM3096 allowed")
    assert said in told


@pytest.mark.parametrize(
    "keys",
    [
        "revoked = true",
        "revoked-since = 2026-01-01T00:00:00Z",
        "valid = { from = 2027-01-01T00:00:00Z }",
        "valid = { until = 2026-01-01T00:00:00Z }",
    ],
)
@pytest.mark.parametrize("stamped", [True, False])
def test_a_lie_about_a_key_out_of_force_allows_nothing(tmp_path: Path, keys: str, *, stamped: bool) -> None:
    signers = SIGNERS.replace('key = "keys/release.pub"', f'key = "keys/release.pub"\n{keys}')
    proof = evidence(signed("release", not_after=NOW if stamped else None))
    assert "too few" in lie_allowing(rule(tmp_path / "p", signers=signers), artifact(), proof)


def test_a_lie_about_principals_allows_nothing(tmp_path: Path) -> None:
    policy = rule(
        tmp_path / "p", who='require = [{ signers = ["release"] }, { signers = ["ci", "qa"], threshold = 2 }]'
    )
    every = signed("release", "ci", "qa", key="release")
    assert "too few" in lie_allowing(policy, artifact(), evidence(every, every, every))
    assert "too few" in lie_allowing(policy, artifact(), evidence(every, signed("ci"), signed("ci")))


@pytest.mark.parametrize("approved", [[0], [1], [0, 1, 2]])
def test_a_lie_about_layers_allows_nothing(tmp_path: Path, approved: list[int]) -> None:
    policy = rule(tmp_path / "p", 'exclude = ["*.pkl"]')
    resolution = artifact(layer("a"), layer("EVIL.PKL"), layer("b"))
    told = refused(policy, resolution, evidence(signed("release")), {"approved": approved})
    assert told.startswith("SM3096")
    assert "the approved layers are not" in told


INDEX = replace(policies.index(), raw=b'{"manifests":[]}', artifact_type="application/vnd.acme.set")


@pytest.mark.parametrize(
    ("deny", "said"),
    [
        (f'digests = ["{digest("config")}"]', "a digest"),
        (f'digests = ["{digest("index")}"]', "a digest"),
        ('media-types = ["application/vnd.oci.image.index.**"]', "a media type"),
        ('media-types = ["application/vnd.ACME.set"]', "a media type"),
        (f'digests = ["sha512:{hashlib.sha512(INDEX.raw).hexdigest()}"]', "a digest"),
        ('media-types = ["*/vnd.cncf.model.weight.**"]', "a media type"),
        ('media-types = ["application/vnd.oci.image.manifest.**"]', "a media type"),
        ('media-types = ["application/vnd.cncf.model.config.**"]', "a media type"),
        ('paths = ["MODEL.*"]', "a path"),
    ],
)
def test_a_lie_about_a_floor_allows_nothing(tmp_path: Path, deny: str, said: str) -> None:
    told = lie_allowing(rule(tmp_path / "p", deny=deny), artifact(index=INDEX), evidence(signed("release")))
    assert told.startswith("SM3096")
    assert said in told


def test_texts_that_a_check_cannot_have_are_no_answer(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p")
    resolution, proof = artifact(), evidence(signed("release"))
    _, answer = answer_of(policy, resolution, proof)
    rows = passed(answer)
    for at, row in enumerate(rows):
        if row["id"] in ("signatures", "signer-validity", "bind"):
            with pytest.raises(PolicyError) as caught:
                judge(policy, resolution, proof, by=Liar({"checks": [*rows[:at], row | {"got": 5}, *rows[at + 1 :]]}))
            assert caught.value.code == "SM3093"


def test_a_rule_of_another_name_or_evidence_of_another_artifact_is_a_bug(tmp_path: Path) -> None:
    policy = rule(tmp_path / "p")
    resolution, proof = artifact(), evidence(signed("release"))
    chosen, answer = answer_of(policy, resolution, proof)
    for other_rule, other_proof, said in (
        (replace(chosen), proof, "a rule that is not the one for this name"),
        (chosen, Evidence(digest("x"), proof.signatures), "evidence about another artifact"),
    ):
        with pytest.raises(ValueError, match=f"^{said}$"):
            decide(
                resolution,
                other_proof,
                policy,
                other_rule,
                answer,
                decision_id=DECISION,
                now_ms=NOW,
                exec_asked=False,
            )


def test_a_remembered_answer_counts_only_while_it_is_valid() -> None:
    answer = Answer(
        True, "r", (Judged("rule", True, None, None),), (Reason("SM3002", {"check": "rule"}),), (0,), {}, False, 200
    )
    inside = [now for now in (99, 100, 199, 200) if engine.reusable(answer, decided_ms=100, now_ms=now)]
    assert inside == [100, 199]
    timeless = replace(answer, valid_until=None)
    assert [now for now in (99, 100, 10**15) if engine.reusable(timeless, decided_ms=100, now_ms=now)] == [100, 10**15]


def test_the_age_of_a_root_must_be_answered(tmp_path: Path) -> None:
    top = '[trust]\nmax-root-age = "30d"'
    policy = facts.load(tmp_path / "p", 'signers = ["ci-workflow"]', signers=facts.CI, top=top)
    resolution, proof = artifact(), evidence(facts.keyless())
    _, answer = answer_of(policy, resolution, proof)
    rows = [row for row in passed(answer) if row["id"] != "root-age"]
    assert "no word on root-age" in refused(policy, resolution, proof, ALLOW | {"checks": rows})
