"""Signature material of the real cosign, read by `trust.gather`, and ours with each kind of key, judged by cosign."""

from __future__ import annotations

from pathlib import Path

import pytest

from secmount.oci import descriptor, manifest, reference
from secmount.oci.manifest import Manifest
from secmount.publish import keys, sign
from secmount.registry import resolve
from secmount.registry.layout import LayoutSource
from secmount.trust import spki
from secmount.trust.evidence import Evidence
from secmount.trust.gather import gather
from secmount.trust.signer import KeySigner, Signer
from tests.interop.peers.run import PASSWORD, Cosign, run
from tests.support import keys as made
from tests.support import layouts, shelf

pytestmark = pytest.mark.peer

# cosign signs with the hash of the key's curve and verifies with SHA-256 unless it is told
HASHES = {"ecdsa-p384": "sha384", "ecdsa-p521": "sha512"}


def signers(**several: Path) -> dict[str, Signer]:
    loaded = {name: spki.load(path.read_bytes(), subject=name) for name, path in several.items()}
    return {name: KeySigner(name, 1, key.spki, key.principal) for name, key in loaded.items()}


def evidence(layout: str, by: dict[str, Signer]) -> Evidence:
    named = reference.parse(f"oci:{layout}:v1", cwd="/")
    with LayoutSource(layout) as source:
        found = resolve.resolve(named, source, name=named.name, name_source="asked", platform=None)
        return gather(found, source, by)


def import_key(cosign: Cosign, pair: made.KeyPair, name: str) -> Path:
    """Give cosign a key of ours in its own form; give its public half."""
    (cosign.folder / f"{name}.pem").write_bytes(pair.private_pem)
    run("cosign", "import-key-pair", "--key", f"{name}.pem", "-o", name, "-y", cwd=cosign.folder)
    return cosign.folder / f"{name}.pub"


# with an Ed25519 key cosign 3.1.3 signs prehashed and then refuses its own bundle
@pytest.mark.parametrize("algorithm", [name for name in made.ALGORITHMS if name != "ed25519"])
def test_cosign_signs_with_every_kind_of_key_that_it_knows(
    algorithm: str, cosign: Cosign, with_referrers: str, tmp_path: Path
) -> None:
    name = f"{with_referrers}/kinds/{algorithm}"
    model = layouts.model(tmp_path / "packed", weights=algorithm.encode())
    run("oras", "copy", "--from-oci-layout", f"{model.layout.path}:v1", "--to-plain-http", f"{name}:v1")
    public = import_key(cosign, made.pair(algorithm), algorithm)
    cosign.sign(f"{name}@{model.digest}", key=cosign.folder / f"{algorithm}.key")
    back = f"{tmp_path}/back"
    run("oras", "copy", "-r", "--from-plain-http", f"{name}:v1", "--to-oci-layout", f"{back}:v1")
    found = evidence(back, signers(release=public))
    assert [one.principal for one in found.signatures] == [made.pair(algorithm).principal]
    assert evidence(back, signers(other=cosign.public)).considered[0].code == "SM2004"


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_cosign_accepts_what_we_sign_with_every_kind_of_key(
    algorithm: str, cosign: Cosign, with_referrers: str, tmp_path: Path
) -> None:
    name = f"{with_referrers}/ours/{algorithm}"
    files = keys.generate("release", str(tmp_path), password=PASSWORD.encode(), algorithm=algorithm)
    private = keys.load_private(files.private, password=PASSWORD.encode)
    model = layouts.model(tmp_path / "packed", weights=algorithm.encode())
    subject = descriptor.from_json(model.manifest, subject="model")
    signed = sign.sign(subject, private, repository=name, annotations={"team": "ml"}, now_ms=1_795_478_400_000)
    for _, data in signed.blobs:
        model.layout.add_blob(data)
    model.layout.add_document(signed.raw, artifactType=signed.manifest.artifact_type)
    run("oras", "copy", "-r", "--from-oci-layout", f"{model.layout.path}:v1", "--to-plain-http", f"{name}:v1")
    where = ["--trusted-root", "root.json", "--insecure-ignore-tlog", "--allow-http-registry"]
    words = ["--signature-digest-algorithm", HASHES.get(algorithm, "sha256"), "-a", "team=ml"]
    shown = run("cosign", "verify", "--key", files.public, *where, *words, f"{name}:v1", cwd=cosign.folder)
    assert f'"io.secmount.repository":"{name}"' in shown


def test_an_attestation_of_cosign_is_no_signature(cosign: Cosign, with_referrers: str, tmp_path: Path) -> None:
    name = f"{with_referrers}/attested/model"
    model = layouts.model(tmp_path / "packed")
    run("oras", "copy", "--from-oci-layout", f"{model.layout.path}:v1", "--to-plain-http", f"{name}:v1")
    (cosign.folder / "predicate.json").write_text('{"buildDefinition":{},"runDetails":{}}')
    configuration = ["--trusted-root", "root.json", "--signing-config", "services.json", "-y"]
    places = ["--allow-http-registry", "--allow-insecure-registry", "--key", str(cosign.key)]
    words = ["--type", "slsaprovenance1", "--predicate", "predicate.json", f"{name}@{model.digest}"]
    run("cosign", "attest", *configuration, *places, *words, cwd=cosign.folder)
    run("oras", "copy", "-r", "--from-plain-http", f"{name}:v1", "--to-oci-layout", f"{tmp_path}/back:v1")
    found = evidence(f"{tmp_path}/back", signers(release=cosign.public))
    assert found.signatures == ()
    assert [(one.code, one.signers) for one in found.considered] == [("SM2008", ("release",))]


def test_a_blob_signature_over_the_manifest(cosign: Cosign, tmp_path: Path) -> None:
    model = layouts.model(tmp_path / "packed")
    raw = model.layout.blob_path(model.manifest).read_bytes()
    (tmp_path / "manifest.json").write_bytes(raw)
    configuration = ["--trusted-root", "root.json", "--signing-config", "services.json", "-y"]
    words = ["--key", str(cosign.key), "--bundle", f"{tmp_path}/bundle.json", f"{tmp_path}/manifest.json"]
    run("cosign", "sign-blob", *configuration, *words, cwd=cosign.folder)
    document = manifest.parse(raw, expected=None, subject="model")
    assert isinstance(document, Manifest)
    source = shelf.Shelf()
    bare = made.refer(shelf.row_of(document), (tmp_path / "bundle.json").read_bytes())
    source.attach(bare, to=model.digest)
    key = spki.load(cosign.public.read_bytes(), subject="release")
    for accepted in (False, True):
        by = {"release": KeySigner("release", 1, key.spki, key.principal, message_signature=accepted)}
        found = gather(shelf.resolved(document), source, by)
        assert len(found.signatures) == accepted
        assert [one.code for one in found.considered] == [None if accepted else "SM2012"]
