"""Who signed an artifact, found out before there is a policy: only what verifies, and never by the material's word."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from secmount.authoring.init import NewKey, NewKeyless
from secmount.authoring.witness import Account, require, witnesses
from secmount.errors import InputError
from secmount.oci.reference import parse
from secmount.registry.layout import LayoutSource
from secmount.registry.resolve import resolve
from secmount.trust.claims import SOURCE_REPOSITORY
from secmount.trust.root import TrustRoot
from tests.support import keyless, keys
from tests.support.keyless import Keyless
from tests.support.layouts import BUNDLE, Layout
from tests.support.minisig import GITHUB, NOW, MiniSigstore

RELEASE, OTHER = keys.pair("ecdsa-p256", 0), keys.pair("ecdsa-p256", 1)
NOW_MS = round(NOW.timestamp() * 1000)
MINI, FOREIGN = MiniSigstore(), MiniSigstore()


def root_of(sigstore: MiniSigstore) -> TrustRoot:
    raw = sigstore.trusted_root()
    return TrustRoot("mini", f"sha256:{hashlib.sha256(raw).hexdigest()}", raw)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "layout")


@pytest.fixture
def row(layout: Layout) -> dict[str, Any]:
    row = layout.add_manifest([layout.add_file("weights", b"weights")])
    layout.tag(row, "v1")
    return row


def sign(
    layout: Layout, row: Mapping[str, Any], *, by: MiniSigstore = MINI, of: str | None = None, **more: Any
) -> None:
    statement = json.dumps(keys.statement(of or row["digest"])).encode()
    layout.attach_referrer(dict(row), keyless.bundle(by, Keyless(statement=statement, certifying=more)), BUNDLE)


def ask(layout: Layout, *public: keys.KeyPair, root: TrustRoot | None = None, own: bool = False) -> Account:
    layout.write_index()
    reference = parse(f"oci:{layout.path}:v1", cwd="/")
    given = [NewKey(f"key{number}", key.public_pem) for number, key in enumerate(public)]
    with LayoutSource(layout.path) as source:
        found = resolve(reference, source, name=reference.name, name_source="asked", platform=None)
        return witnesses(found, source, given, root or root_of(MINI), now_ms=NOW_MS, own_root=own)


def test_of_the_keys_given_the_one_that_signed(layout: Layout, row: dict[str, Any]) -> None:
    keys.sign_row(row, RELEASE).attach(layout)
    account = ask(layout, OTHER, RELEASE)
    assert [witness.new.name for witness in account.witnesses] == ["key1"] and account.silent == ("key0",)
    require(account, subject="x")


def test_without_a_key_given_nobody_is_believed(layout: Layout, row: dict[str, Any]) -> None:
    keys.sign_row(row, RELEASE).attach(layout)
    with pytest.raises(InputError) as caught:
        require(ask(layout), subject="x")
    assert caught.value.code == "SM1052"


def test_nothing_is_attached(layout: Layout, row: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        require(ask(layout, RELEASE), subject="x")
    assert caught.value.code == "SM1053"


def test_an_identity_under_the_root(layout: Layout, row: dict[str, Any]) -> None:
    workflow = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1.2"
    sign(layout, row, san=workflow, claims=((12, "https://github.com/acme/app"),))
    (witness,) = ask(layout).witnesses
    assert isinstance(witness.new, NewKeyless) and witness.new.name == "acme-app"
    assert (witness.new.issuer, witness.signature.identity) == (GITHUB, workflow)
    assert witness.new.identity == "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/**"
    assert witness.new.claims == {SOURCE_REPOSITORY: "https://github.com/acme/app"} and witness.new.root is None


def test_a_branch_and_an_address_are_named_exactly(layout: Layout, row: dict[str, Any]) -> None:
    workflow = "https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main"
    sign(layout, row, san=workflow)
    sign(layout, row, san="dev@acme.example", issuer="https://accounts.example", claims=())
    found = {
        witness.new.identity: witness.new for witness in ask(layout).witnesses if isinstance(witness.new, NewKeyless)
    }
    assert set(found) == {workflow, "dev@acme.example"}
    assert found["dev@acme.example"].name == "dev" and found["dev@acme.example"].claims == {}


def test_a_root_of_ones_own_goes_into_the_policy(layout: Layout, row: dict[str, Any]) -> None:
    sign(layout, row)
    (witness,) = ask(layout, own=True).witnesses
    assert isinstance(witness.new, NewKeyless) and witness.new.root == MINI.trusted_root()


def test_a_certificate_of_another_sigstore_is_nobodys(layout: Layout, row: dict[str, Any]) -> None:
    sign(layout, row, by=FOREIGN)
    assert ask(layout).witnesses == ()
    assert len(ask(layout, root=root_of(FOREIGN)).witnesses) == 1


def test_a_signature_of_something_else_is_nobodys(layout: Layout, row: dict[str, Any]) -> None:
    sign(layout, row, of="sha256:" + "0" * 64)
    assert ask(layout).witnesses == ()


@pytest.mark.parametrize(
    "san",
    [
        "*@acme.example",
        "https://github.com/*/app/.github/workflows/x.yml@refs/tags/v1",
        "https://github.com/**@refs/tags/v1",
    ],
)
def test_an_identity_that_would_be_a_pattern_is_not_taken(layout: Layout, row: dict[str, Any], san: str) -> None:
    """Whoever gets such a certificate would have written a policy for others."""
    sign(layout, row, san=san)
    assert ask(layout).witnesses == ()


def test_broken_material_hides_nobody(layout: Layout, row: dict[str, Any]) -> None:
    layout.attach_referrer(row, b"{", BUNDLE)
    layout.attach_referrer(row, b"{}", BUNDLE)
    sign(layout, row)
    keys.sign_row(row, RELEASE).attach(layout)
    assert len(ask(layout, RELEASE).witnesses) == 2


def test_two_callers_of_one_name_are_two_signers(layout: Layout, row: dict[str, Any]) -> None:
    for repository in ("https://github.com/acme/app", "https://github.com/acme/app/"):
        sign(layout, row, claims=((12, repository),))
    names = [witness.new.name for witness in ask(layout).witnesses]
    assert len(names) == len(set(names)) == 2
