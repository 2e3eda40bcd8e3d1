"""The second look by itself, at values that no loader would give it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from secmount.oci.layer import shape
from secmount.policy import recheck
from secmount.policy.credit import attested, count, force
from secmount.policy.credit.question import Question
from secmount.policy.glob import path
from secmount.policy.rules import AttestationRule, Deny, Group, Policy, Rule, match
from secmount.trust.evidence import SignatureTime
from secmount.trust.signer import KeySigner
from tests.support import facts
from tests.support.policies import KEYS, NOW, artifact, evidence, layer, rule, signed

RULE = Rule("r", 1, match("**"), (Group(("release",), 1),))
SIGNER = KeySigner("release", 1, KEYS["release"].spki, KEYS["release"].principal)


def unacceptable(
    signer: KeySigner = SIGNER, of: Rule = RULE, *, bound_to: str | None = None, **time: int | None
) -> str | None:
    signature = replace(signed("release", bound_to=bound_to), time=SignatureTime(**time))  # type: ignore[arg-type]
    policy = Policy("/p", {"release": signer}, (of,), Deny(), "sha256:r", (), {})
    return force.unacceptable(signature, signer, Question(artifact(), evidence(signature), policy, of, NOW))


@pytest.mark.parametrize(
    ("change", "last"),
    [
        ({"revoked_since": NOW}, NOW - 1),
        ({"valid_until": NOW}, NOW - 1),
        ({"valid_from": NOW + 1}, None),
    ],
)
def test_windows_are_half_open(change: dict[str, Any], last: int | None) -> None:
    signer = replace(SIGNER, **change)
    assert unacceptable(signer, not_after=NOW) is not None
    assert unacceptable(signer) is not None
    assert last is None or unacceptable(signer, not_after=last) is None


def test_a_window_begins_at_its_first_millisecond() -> None:
    assert unacceptable(replace(SIGNER, valid_from=NOW), not_after=NOW) is None


def test_the_edges_of_age_and_future() -> None:
    aged = replace(RULE, max_age=1000)
    assert unacceptable(of=aged, not_before=NOW - 1000) is None
    assert unacceptable(of=aged, not_before=NOW - 1001) == "it is too old"
    assert unacceptable(not_before=NOW + force.SKEW) is None
    assert unacceptable(not_before=NOW + force.SKEW + 1) is not None
    assert unacceptable(not_after=NOW + force.SKEW + 1) is not None


@pytest.mark.parametrize(
    ("require", "unsigned", "signers", "met"),
    [
        ((Group(("a",), 1),), False, {"a"}, True),
        ((Group(("a", "b"), 2),), False, {"a"}, False),
        ((Group(("a",), 0),), False, set(), False),
        ((), False, {"a"}, False),
        ((), True, set(), True),
        ((Group(("a",), 1),), True, set(), False),
        ((Group(("a",), 1), Group(("b",), 1)), False, {"a"}, False),
    ],
)
def test_who_suffices(require: tuple[Group, ...], signers: set[str], *, unsigned: bool, met: bool) -> None:
    assert count.enough(replace(RULE, require=require, unsigned=unsigned), signers) is met


def test_one_key_under_two_names_is_credited_once(tmp_path: Path) -> None:
    """The loader refuses such a policy; the second look does not rely on it."""
    policy = rule(tmp_path / "p", who='signers = ["release", "ci"]\nthreshold = 2')
    same = {"release": policy.signers["release"], "ci": replace(policy.signers["release"], name="ci")}
    policy = replace(policy, signers=same)
    proof = evidence(signed("release", "ci"), signed("ci", "release", key="release"))
    found = count.credit(Question(artifact(), proof, policy, policy.rules[0], NOW))
    assert (found.met, found.signers) == (False, ("release",))


def test_what_is_about_another_artifact_counts_for_nothing(tmp_path: Path) -> None:
    """Such evidence is refused before; the second look does not rely on it."""
    policy = rule(tmp_path / "p")
    proof = evidence(signed("release", about="other"))
    assert count.credit(Question(artifact(), proof, policy, policy.rules[0], NOW)) == count.Credit(met=False)
    said = facts.statement("t", {}, "ci", about="other")
    wanted = AttestationRule(1, "t", ("ci",))
    asked = Question(artifact(), facts.evidence(said), policy, policy.rules[0], NOW)
    assert attested.unsuitable(said, wanted, asked) == f"it is about {said.subject}"


def test_only_what_is_surely_a_file_is_withheld_whole() -> None:
    """A plain file under ORAS's default type may be an archive: its bytes tell, and the tree withholds it then."""
    resolution = artifact(layer("a.pkl"), layer("b.pkl", media_type="application/vnd.acme.layer.v1.tar"))
    excluding = replace(RULE, exclude=(path("*.pkl"),))
    shapes = [shape(each, at, resolution.manifest) for at, each in enumerate(resolution.manifest.layers)]
    assert [each.kind for each in shapes] == ["file", "unknown"]
    assert [recheck.excluded(each, excluding) is not None for each in shapes] == [True, False]
