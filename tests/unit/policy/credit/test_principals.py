"""Whom a keyless fact is counted as: issuer and identity, an https identity without its last `@` and what follows."""

from __future__ import annotations

import pytest

from secmount.oci.digest import Digest
from secmount.policy.credit.fits import keyless_principal
from secmount.trust.evidence import Signature


@pytest.mark.parametrize(
    ("identity", "counted"),
    [
        ("https://h/a/w.yml@refs/tags/v1", "https://h/a/w.yml"),
        ("https://h/a@b/w.yml@refs/tags/v1", "https://h/a@b/w.yml"),
        ("https://h/a/w.yml", "https://h/a/w.yml"),
        ("release@acme.example", "release@acme.example"),
        ("http://h/a@b", "http://h/a@b"),
    ],
)
def test_the_last_mark_is_where_an_identity_is_cut(identity: str, counted: str) -> None:
    fact = Signature(
        format="sigstore-bundle",
        subject=Digest.of(b"x"),
        signers=("ci",),
        principal="whatever the fact says",
        issuer="https://issuer.example",
        identity=identity,
    )
    assert keyless_principal(fact) == f"https://issuer.example {counted}"
