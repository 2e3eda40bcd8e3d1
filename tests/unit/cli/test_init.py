"""`policy init`: from keys, and from whoever signed an artifact, once somebody has said yes."""

from __future__ import annotations

import io
import json
import sys
import unicodedata
from pathlib import Path

import pytest

from tests.support import keyless, keys
from tests.support.command import Desk, Result
from tests.support.keyless import Keyless
from tests.support.layouts import BUNDLE, Layout
from tests.support.lying import INDEX, MANIFEST, Lying
from tests.support.minisig import MiniSigstore

WARNING = "this proves who signed, not that you should trust them"
FROM = ("policy", "init", "--policy", "new", "--from")
RELEASE = keys.pair("ecdsa-p256", 0)


class Answering(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def ready(secmount: Desk) -> Desk:
    return secmount.ready()


def test_several_keys(ready: Desk) -> None:
    assert ready("key", "generate", "other").exit == 0
    made = ready.json(
        "policy", "init", "--policy", "new", "--key", "release.pub", "--key", "other.pub", "--match", "**"
    )
    assert made.exit == 0 and made.document["signed_by"] == []
    assert 'signers = ["release", "other"]' in Path("new/policy.toml").read_text()


@pytest.mark.parametrize(
    "words",
    [(), ("--key", "release.pub"), ("--match", "**"), ("--key", "release.pub", "--match", "**", "--trusted-root", "x")],
)
def test_what_is_missing_is_said(secmount: Desk, words: tuple[str, ...]) -> None:
    result = secmount.json("policy", "init", "--policy", "new", *words)
    assert result.code == "SM1010" and "--from REF" in result.document["error"]["want"]


def test_who_signed_is_shown_and_nothing_is_written_without_a_yes(ready: Desk) -> None:
    result = ready(*FROM, "oci:models/bert:v1", "--key", "release.pub")
    assert result.exit == 2 and "SM1051" in result.err and not Path("new").exists()
    assert WARNING in result.err and "signed by  release: key sha256:" in result.err
    assert ready.json(*FROM, "oci:models/bert:v1", "--key", "release.pub").code == "SM1051"


@pytest.mark.parametrize(("answer", "exit"), [("y\n", 0), ("\n", 2), ("yesterday\n", 2)])
def test_at_a_terminal_it_asks(ready: Desk, monkeypatch: pytest.MonkeyPatch, answer: str, exit: int) -> None:
    monkeypatch.setattr(sys, "stdin", Answering(answer))
    result = ready(*FROM, "oci:models/bert:v1", "--key", "release.pub")
    assert result.exit == exit and Path("new/policy.toml").exists() == (exit == 0)
    assert "? [y/N] " in result.err and result.err.index(WARNING) < result.err.index("[y/N]")


def test_with_json_it_never_asks(ready: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Answering("y\n"))
    assert ready.json(*FROM, "oci:models/bert:v1", "--key", "release.pub").code == "SM1051"


def verify(ready: Desk, reference: str, *more: str) -> Result:
    return ready.json("verify", reference, "--policy", "new", *more)


def test_what_it_writes_lets_the_signer_sign_and_nobody_else(ready: Desk) -> None:
    assert ready("key", "generate", "other").exit == 0
    ready.model("foreign", variant=1, key="other")
    document = ready.json(
        *FROM, "oci:models/bert:v1", "--key", "release.pub", "--match", "oci:models/**", "--yes"
    ).document
    assert [row["name"] for row in document["signed_by"]] == ["release"] and document["artifact"]["tag"] == "v1"
    assert verify(ready, "oci:models/bert:v1").exit == 0
    assert verify(ready, "oci:models/foreign:v1").exit == 12
    assert ready.json("policy", "check", "--policy", "new").exit == 0


@pytest.mark.parametrize(
    ("model", "words", "exit", "code"),
    [
        ("bert", (), 12, "SM1052"),
        ("bert", ("--key", "other.pub"), 12, "SM1052"),
        ("unsigned", ("--key", "release.pub"), 10, "SM1053"),
        ("bert", ("--key", "release.key"), 2, "SM1221"),
        ("bert", ("--trusted-root", "release.pub"), 2, "SM2201"),
        ("bert", ("--trusted-root", "none"), 2, "SM1020"),
    ],
)
def test_nobody_to_trust(ready: Desk, model: str, words: tuple[str, ...], exit: int, code: str) -> None:
    assert ready("key", "generate", "other").exit == 0
    ready.model("unsigned", variant=1, key=None)
    result = ready.json(*FROM, f"oci:models/{model}:v1", "--yes", *words)
    assert (result.exit, result.code) == (exit, code) and not Path("new").exists()


def test_a_policy_that_is_there_stays_and_nothing_is_asked(ready: Desk) -> None:
    with Lying() as registry:
        words = ("policy", "init", "--from", f"{registry.host()}/acme/model:v1", "--yes", "--plain-http")
        assert ready.json(*words).code == "SM1220"
        assert registry.seen == []


def test_offline_no_registry_is_asked(ready: Desk) -> None:
    with Lying() as registry:
        result = ready.json(*FROM, f"{registry.host()}/acme/model:v1", "--yes", "--plain-http", "--offline")
        assert result.code == "SM1010" and registry.seen == []


def test_an_artifact_in_a_registry(ready: Desk) -> None:
    config = b"{}"
    with Lying() as registry:
        weights = registry.add("acme/model", b"weights")
        layer = {"mediaType": "application/octet-stream", "digest": weights, "size": 7}
        empty = {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": registry.add("acme/model", config),
            "size": 2,
        }
        body = {"schemaVersion": 2, "mediaType": MANIFEST, "config": empty, "layers": [layer]}
        raw = json.dumps(body | {"artifactType": "application/vnd.test"}).encode()
        digest = registry.add("acme/model", raw, media_type=MANIFEST, tag="v1")
        signed = keys.sign_manifest(raw, RELEASE)
        for blob in signed.blobs:
            registry.add("acme/model", blob)
        registry.add("acme/model", signed.manifest, media_type=MANIFEST)
        listed = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [signed.row]}
        registry.add("acme/model", json.dumps(listed).encode(), media_type=INDEX, tag=digest.replace(":", "-"))
        Path("release.pub").write_bytes(RELEASE.public_pem)
        reference = f"{registry.host()}/acme/model:v1"
        result = ready.json(*FROM, reference, "--key", "release.pub", "--yes", "--plain-http")
        assert result.exit == 0, result.err
        assert f'match = "{registry.host()}/acme/model"' in Path("new/policy.toml").read_text()
        assert not registry.asked(f"/blobs/{weights}")
        assert verify(ready, reference, "--plain-http").exit == 0


@pytest.fixture
def hosted(ready: Desk) -> MiniSigstore:
    """An artifact that a workflow signed by a private Sigstore."""
    mini = MiniSigstore()
    layout = Layout(Path("models/ci"))
    row = layout.add_manifest([layout.add_file("weights", b"weights")])
    layout.tag(row, "v1")
    statement = json.dumps(keys.statement(row["digest"])).encode()
    layout.attach_referrer(row, keyless.bundle(mini, Keyless(statement=statement)), BUNDLE)
    layout.write_index()
    Path("root.json").write_bytes(mini.trusted_root())
    return mini


def test_a_workflow_under_a_private_root(ready: Desk, hosted: MiniSigstore) -> None:
    result = ready(*FROM, "oci:models/ci:v1", "--trusted-root", "root.json", "--yes")
    assert result.exit == 0, result.err
    assert "acme-app: https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1" in result.err
    assert "the policy will say https://github.com/acme/app/.github/workflows/release.yml@refs/tags/**" in result.err
    assert Path("new/roots/acme-app.json").read_bytes() == hosted.trusted_root()
    assert verify(ready, "oci:models/ci:v1").exit == 0
    assert verify(ready, "oci:models/bert:v1").code == "SM3001"


def test_under_the_default_root_a_private_certificate_is_nobodys(ready: Desk, hosted: MiniSigstore) -> None:
    assert ready.json(*FROM, "oci:models/ci:v1", "--yes").code == "SM1052"


def test_a_hostile_identity_is_harmless(ready: Desk) -> None:
    mini = MiniSigstore()
    layout = Layout(Path("models/ci"))
    row = layout.add_manifest([layout.add_file("weights", b"weights")])
    layout.tag(row, "v1")
    certifying = {"san": 'x"\ny = 1@acme.example', "issuer": "https://accounts.example", "claims": ()}
    statement = json.dumps(keys.statement(row["digest"])).encode()
    layout.attach_referrer(row, keyless.bundle(mini, Keyless(statement=statement, certifying=certifying)), BUNDLE)
    layout.write_index()
    Path("root.json").write_bytes(mini.trusted_root())
    result = ready(*FROM, "oci:models/ci:v1", "--trusted-root", "root.json", "--yes")
    assert result.exit in {0, 12}
    assert {char for char in result.err + result.out if unicodedata.category(char) in {"Cc", "Cf"}} <= {"\n"}
    if result.exit == 0:
        assert ready("policy", "check", "--policy", "new").exit == 0
