"""The rule is chosen by name, before anything is contacted, and the program finds the same one."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmount.errors import PolicyError
from secmount.policy import rules
from secmount.policy.decision import Approved
from secmount.policy.rules import Policy
from tests.support.policies import SIGNERS, artifact, evidence, judge, load, signed

MATCHES = (
    "**",
    "ghcr.io/**",
    "ghcr.io/acme/**",
    "ghcr.io/acme/model",
    "ghcr.io/acme/model/**",
    "ghcr.io/acme-evil/x/**",
    "oci:/srv/**",
    "oci:/srv/models/**",
    "oci:/srv/models/x",
)


def policy(root: Path, *matches: str, unsigned: tuple[str, ...] = ()) -> Policy:
    tables = "".join(
        f'[[rules]]\nmatch = "{match}"\n{"unsigned = true" if match in unsigned else signers}\n'
        for match, signers in ((match, 'signers = ["release"]') for match in matches)
    )
    return load(root, f"version = 1\n{SIGNERS}{tables}")


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("ghcr.io/acme/model", "ghcr.io/acme/model"),
        ("ghcr.io/acme/model/v2", "ghcr.io/acme/model/**"),
        ("ghcr.io/acme/models", "ghcr.io/acme/**"),
        ("ghcr.io/acme/x/y", "ghcr.io/acme/**"),
        ("ghcr.io/acme", "ghcr.io/acme/**"),
        ("ghcr.io/acme-evil/y", "ghcr.io/**"),
        ("ghcr.io.evil.io/acme/model", "**"),
        ("evil.io/ghcr.io/acme/model", "**"),
        ("oci:/srv/models/x", "oci:/srv/models/x"),
        ("oci:/srv/models/x/y", "oci:/srv/models/**"),
        ("oci:/srv/models", "oci:/srv/models/**"),
        ("oci:/srv/models-evil", "oci:/srv/**"),
    ],
)
def test_the_longest_match_wins_and_the_program_agrees(tmp_path: Path, name: str, match: str) -> None:
    for number, order in enumerate((MATCHES, MATCHES[::-1])):
        known = policy(tmp_path / str(number), *order)
        assert rules.choose(known, name, asserted=False).match.text == match
        assert judge(known, artifact(name=name), evidence(signed("release"))).decision.rule == match


@pytest.mark.parametrize("name", ["ghcr.io/other/x", "oci:/home/x", "oci:/srv2/x", "oci:srv/x", "oci://srv/x"])
def test_no_rule_is_a_denial_before_any_connection(tmp_path: Path, name: str) -> None:
    known = policy(tmp_path / "p", "ghcr.io/acme/**", "oci:/srv/**")
    with pytest.raises(PolicyError) as caught:
        rules.choose(known, name, asserted=False)
    assert (caught.value.code, caught.value.subject) == ("SM3001", name)
    assert caught.value.place is not None
    assert caught.value.place.file == f"{tmp_path}/p/policy.toml"


def test_everything_else_is_not_a_layout(tmp_path: Path) -> None:
    """`**` is for registry names: a folder on disk is nobody's until a rule says so."""
    known = policy(tmp_path / "p", "**")
    with pytest.raises(PolicyError) as caught:
        rules.choose(known, "oci:/srv/x", asserted=False)
    assert "--as NAME" in str(caught.value.got)


def test_a_layout_under_an_asserted_name_is_judged_by_that_name(tmp_path: Path) -> None:
    known = policy(tmp_path / "p", "**", "oci:/srv/**")
    verdict = judge(known, artifact(name="ghcr.io/acme/model", asserted=True), evidence(signed("release")))
    assert isinstance(verdict, Approved)
    assert verdict.decision.rule == "**"


def test_a_rule_without_signatures_is_not_for_asserted_names(tmp_path: Path) -> None:
    known = policy(tmp_path / "p", "ghcr.io/acme/**", "ghcr.io/acme/model", unsigned=("ghcr.io/acme/model",))
    assert rules.choose(known, "ghcr.io/acme/model", asserted=False).unsigned
    assert rules.choose(known, "ghcr.io/acme/model", asserted=True).match.text == "ghcr.io/acme/**"
    alone = policy(tmp_path / "q", "ghcr.io/acme/model", unsigned=("ghcr.io/acme/model",))
    with pytest.raises(PolicyError) as caught:
        rules.choose(alone, "ghcr.io/acme/model", asserted=True)
    assert caught.value.code == "SM3001"
    assert "never matches an asserted name" in str(caught.value.got)


def test_a_policy_without_rules_denies_everything(tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as caught:
        rules.choose(load(tmp_path / "p", "version = 1\n"), "ghcr.io/acme/model", asserted=False)
    assert caught.value.code == "SM3001"


COMPONENT = st.sampled_from(["a", "b", "a-b", "aa"])
BASE = st.lists(COMPONENT, min_size=1, max_size=4).map(lambda parts: "h.io/" + "/".join(parts))


@given(base=BASE, name=BASE, prefix=st.booleans())
def test_prefixes_are_of_whole_components(base: str, name: str, *, prefix: bool) -> None:
    found = rules.match(base + "/**" if prefix else base)
    parts, wanted = name.split("/"), base.split("/")
    assert found.matches(name) is (parts[: len(wanted)] == wanted if prefix else parts == wanted)


@given(name=BASE)
def test_of_all_matches_of_a_name_no_two_weigh_alike(name: str) -> None:
    parts = name.split("/")
    texts = ["**", name, *("/".join(parts[:length]) + "/**" for length in range(1, len(parts) + 1))]
    weights = [rules.match(text).weight for text in texts]
    assert len(set(weights)) == len(weights)
    assert max(weights) == rules.match(name).weight
