"""Whom a keyless fact is counted as: issuer and identity, an https identity up to `@refs/`, or its last `@`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from secmount.oci.digest import Digest
from secmount.policy.credit.fits import keyless_principal, made_with
from secmount.trust.evidence import Signature
from tests.support import facts, policies


@pytest.mark.parametrize(
    ("identity", "counted"),
    [
        ("https://h/a/w.yml@refs/tags/v1", "https://h/a/w.yml"),
        ("https://h/a@b/w.yml@refs/tags/v1", "https://h/a@b/w.yml"),
        ("https://h/a/w.yml@refs/tags/v1@x", "https://h/a/w.yml"),
        ("https://h/a/w.yml@refs/tags/v1@refs/x", "https://h/a/w.yml"),
        ("https://h/a@b/w.yml@0123abcd", "https://h/a@b/w.yml"),
        ("https://h/a/w.yml", "https://h/a/w.yml"),
        ("release@acme.example", "release@acme.example"),
        ("http://h/a@b", "http://h/a@b"),
    ],
)
def test_where_an_identity_is_cut(identity: str, counted: str) -> None:
    fact = Signature(
        format="sigstore-bundle",
        subject=Digest.of(b"x"),
        signers=("ci",),
        principal="whatever the fact says",
        issuer="https://issuer.example",
        identity=identity,
    )
    assert keyless_principal(fact) == f"https://issuer.example {counted}"


def test_only_an_x509_signature_is_asked_for_its_key() -> None:
    """What is managed or keyless is named by its principal alone, whatever else a fact may say."""
    certified, about = facts.certified(), Digest.of(b"x")
    assert made_with(replace(certified, key="sha256:a")) == "sha256:a"
    assert made_with(replace(certified, key=None)) == f"x509 {certified.identity}"
    assert made_with(Signature("test", about, ("release",), "sha256:release", key="sha256:a")) == "sha256:release"
    said = replace(facts.statement("t", {}, "ci"), principal="x509 sha256:r CN=a", identity="CN=a")
    assert made_with(said) == "x509 CN=a"


def test_one_subject_with_two_keys_is_one_signer(tmp_path: Path) -> None:
    other = facts.CORP.replace("[signers.corp]", "[signers.other]").replace("corp.pem", "more.pem")
    policy = facts.load(tmp_path / "p", 'signers = ["corp", "other"]\nthreshold = 2', signers=facts.CORP + other)
    under = facts.sha256(facts.FILES["more.pem"])
    both = replace(facts.certified(), key="sha256:a"), replace(facts.certified("other", root=under), key="sha256:b")
    assert policies.codes(facts.judge(policy, policies.artifact(), facts.evidence(*both))) == ("SM3010",)
