"""The older signatures and attestations of the real cosign, read from real registries and from what it saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from secmount.oci import reference
from secmount.oci.digest import Digest
from secmount.registry import resolve
from secmount.registry.layout import LayoutSource
from secmount.trust.evidence import Evidence
from secmount.trust.gather import gather
from tests.interop.conftest import Published
from tests.interop.peers.run import Cosign, run
from tests.interop.product import Product, mounting
from tests.interop.test_material import signers
from tests.support import layouts

pytestmark = pytest.mark.peer
PROVENANCE = "https://slsa.dev/provenance/v1"
OLDER = ("--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false")


@pytest.fixture
def published(with_referrers: str, cosign: Cosign, tmp_path: Path) -> Published:
    """A model of its own in a registry, signed and attested as cosign 2 did."""
    name = f"{with_referrers}/older/{tmp_path.name.replace('_', '-').lower()}"
    model = layouts.model(tmp_path / "packed")
    run("oras", "copy", "--from-oci-layout", f"{model.layout.path}:v1", "--to-plain-http", f"{name}:v1")
    cosign.sign(f"{name}@{model.digest}", bundle=False)
    (cosign.folder / "predicate.json").write_text('{"buildDefinition":{},"runDetails":{}}')
    places = ["--allow-http-registry", "--allow-insecure-registry", "--key", str(cosign.key), "-y"]
    words = ["--type", "slsaprovenance1", "--predicate", "predicate.json", f"{name}@{model.digest}"]
    run("cosign", "attest", *OLDER, *places, *words, cwd=cosign.folder)
    return Published(name, model.digest)


def saved(published: Published, folder: Path) -> str:
    """Let cosign write image, signatures and attestations into a layout."""
    run("cosign", "save", "--allow-http-registry", "--dir", str(folder), f"{published.name}@{published.digest}")
    return str(folder)


def evidence(layout: str, digest: str, public: Path) -> Evidence:
    named = reference.parse(f"oci:{layout}@{digest}", cwd="/")
    with LayoutSource(layout) as source:
        found = resolve.resolve(named, source, name=named.name, name_source="asked", platform=None)
        return gather(found, source, signers(release=public))


def test_what_cosign_saved_counts(published: Published, cosign: Cosign, tmp_path: Path) -> None:
    found = evidence(saved(published, tmp_path / "saved"), published.digest, cosign.public)
    (signature,) = found.signatures
    assert (signature.format, signature.bound_to) == ("cosign-legacy", published.name)
    assert str(signature.subject) == published.digest
    (attestation,) = found.attestations
    assert (attestation.predicate_type, attestation.signers) == (PROVENANCE, ("release",))
    assert [(one.outcome, one.code) for one in found.considered] == [("counts", None), ("unacceptable", "SM2008")]


def test_another_payload_in_what_was_saved_is_refused(published: Published, cosign: Cosign, tmp_path: Path) -> None:
    layout = Path(saved(published, tmp_path / "saved"))
    found = evidence(str(layout), published.digest, cosign.public)
    assert found.signatures[0].material is not None
    blob = layout / "blobs/sha256" / found.signatures[0].material.hex
    raw = blob.read_bytes()
    document = json.loads(raw)
    assert document["critical"]["type"] == "cosign container image signature"
    blob.chmod(0o600)
    blob.write_bytes(raw.replace(b"older", b"newer"))
    again = evidence(str(layout), published.digest, cosign.public)
    assert (again.signatures, again.considered[0].code) == ((), "SM5001")
    assert Digest.of(raw) == found.signatures[0].material


@pytest.mark.parametrize("where", ["with_referrers", "without_referrers"])
def test_a_model_signed_the_older_way_is_mounted_from_a_registry(
    where: str, request: pytest.FixtureRequest, cosign: Cosign, tmp_path: Path
) -> None:
    name = f"{request.getfixturevalue(where)}/older/mounted"
    model = layouts.model(tmp_path / "packed")
    run("oras", "copy", "--from-oci-layout", f"{model.layout.path}:v1", "--to-plain-http", f"{name}:v1")
    product = Product(tmp_path / "product").configure()
    product.trust(cosign.public, name)
    denied = product.run("verify", f"{name}@{model.digest}", "--plain-http")
    assert denied.exit == 10, denied.document["error"]
    cosign.sign(f"{name}@{model.digest}", bundle=False)
    allowed = product.run("mount", f"{name}@{model.digest}", str(tmp_path / "at"), "--plain-http", *mounting())
    assert allowed.exit == 0, allowed.document["error"]
    try:
        assert (tmp_path / "at/config.json").exists()
        offline = product.run("verify", f"{name}@{model.digest}", "--offline")
        assert offline.exit == 0, offline.document["error"]
    finally:
        product.run("unmount", str(tmp_path / "at"))
