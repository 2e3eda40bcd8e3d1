"""What secmount signs, the others accept: the layout copied by oras into a registry, judged by cosign."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.interop import model
from tests.interop.conftest import Published
from tests.interop.peers.run import PASSWORD, Cosign, run
from tests.interop.product import Product, mounting

pytestmark = pytest.mark.peer


@pytest.fixture
def layout(tmp_path: Path, files: Path) -> Path:
    """An unsigned layout that oras packed."""
    made = tmp_path / "packed"
    words = ["--artifact-type", model.ARTIFACT_TYPE, *model.LAYERS]
    run("oras", "push", "--oci-layout", f"{made}:v1", *words, cwd=files)
    return made


@pytest.fixture
def keys(tmp_path: Path, product: Product) -> Path:
    """A folder with `ours.key` and `ours.pub`, made by secmount."""
    folder = tmp_path / "keys"
    folder.mkdir()
    made = product.run("key generate", "ours", cwd=folder, password=PASSWORD)
    assert made.exit == 0, made.document
    assert (folder / "ours.key").stat().st_mode & 0o777 == 0o600
    return folder


@pytest.fixture(params=["referrers", "fallback"])
def destination(request: pytest.FixtureRequest, with_referrers: str, without_referrers: str, tmp_path: Path) -> str:
    """A fresh repository in each kind of registry."""
    host = with_referrers if request.param == "referrers" else without_referrers
    return f"{host}/ours/{tmp_path.name.replace('_', '-').lower()}"


def sign(product: Product, layout: Path, key: Path, *words: str) -> None:
    signed = product.run("sign", f"oci:{layout}:v1", "--key", str(key), *words, password=PASSWORD)
    assert signed.exit == 0, signed.document


def test_cosign_accepts_our_signature(
    layout: Path, keys: Path, product: Product, cosign: Cosign, destination: str
) -> None:
    sign(product, layout, keys / "ours.key")
    run("oras", "copy", "-r", "--from-oci-layout", f"{layout}:v1", "--to-plain-http", f"{destination}:v1")
    digest = run("crane", "digest", f"{destination}:v1").strip()
    (found,) = cosign.verify(f"{destination}:v1", keys / "ours.pub")
    assert found["critical"]["image"]["docker-manifest-digest"] == digest  # type: ignore[index]


def test_cosign_signs_with_our_key(layout: Path, keys: Path, cosign: Cosign, destination: str) -> None:
    run("oras", "copy", "--from-oci-layout", f"{layout}:v1", "--to-plain-http", f"{destination}:v1")
    digest = run("crane", "digest", f"{destination}:v1").strip()
    cosign.sign(f"{destination}@{digest}", key=keys / "ours.key")
    assert cosign.verify(f"{destination}:v1", keys / "ours.pub")


def test_we_sign_with_a_key_of_cosign(layout: Path, product: Product, cosign: Cosign, destination: str) -> None:
    sign(product, layout, cosign.key)
    run("oras", "copy", "-r", "--from-oci-layout", f"{layout}:v1", "--to-plain-http", f"{destination}:v1")
    assert cosign.verify(f"{destination}:v1", cosign.public)


def test_both_signatures_stand_beside_each_other(
    layout: Path, keys: Path, tmp_path: Path, product: Product, cosign: Cosign, destination: str
) -> None:
    """Signed by us, then by cosign in the registry, then copied back: each is enough where its key is named."""
    sign(product, layout, keys / "ours.key", "--as", "ghcr.io/acme/model")
    run("oras", "copy", "-r", "--from-oci-layout", f"{layout}:v1", "--to-plain-http", f"{destination}:v1")
    digest = run("crane", "digest", f"{destination}:v1").strip()
    cosign.sign(f"{destination}@{digest}")
    back = tmp_path / "back"
    run("oras", "copy", "-r", "--from-plain-http", f"{destination}:v1", "--to-oci-layout", f"{back}:v1")
    for name, public in (("a", keys / "ours.pub"), ("b", cosign.public)):
        judge = Product(tmp_path / name).configure()
        judge.trust(public, "ghcr.io/acme/**")
        verified = judge.run("verify", f"oci:{back}:v1", "--as", "ghcr.io/acme/model")
        assert verified.exit == 0, verified.document


def test_a_signature_for_another_name_does_not_count(
    layout: Path, keys: Path, tmp_path: Path, product: Product, destination: str
) -> None:
    """Ours says what it is for, and that survives the way through a registry; cosign's says nothing."""
    sign(product, layout, keys / "ours.key", "--as", "ghcr.io/acme/model")
    back = tmp_path / "back"
    run("oras", "copy", "-r", "--from-oci-layout", f"{layout}:v1", "--to-plain-http", f"{destination}:v1")
    run("oras", "copy", "-r", "--from-plain-http", f"{destination}:v1", "--to-oci-layout", f"{back}:v1")
    judge = Product(tmp_path / "judge").configure()
    judge.trust(keys / "ours.pub", "ghcr.io/**")
    refused = judge.run("verify", f"oci:{back}:v1", "--as", "ghcr.io/acme/other")
    assert refused.exit == 20, refused.document
    assert [check["id"] for check in refused.document["decision"]["checks"] if not check["ok"]] == ["bind"]


def test_others_can_read_what_we_signed(layout: Path, keys: Path, product: Product) -> None:
    sign(product, layout, keys / "ours.key")
    found = json.loads(run("oras", "discover", "--oci-layout", "--format", "json", f"{layout}:v1"))
    (referrer,) = found["referrers"]
    assert referrer["artifactType"] == "application/vnd.dev.sigstore.bundle.v0.3+json"
    seen = json.loads(run("skopeo", "inspect", "--raw", f"oci:{layout}:v1"))
    assert len(seen["layers"]) == len(model.LAYERS)


def test_others_can_read_our_store(tmp_path: Path, product: Product, modern: Published) -> None:
    """The store is an OCI layout, and the evidence is in it."""
    source, target = tmp_path / "l", tmp_path / "mounted"
    run("oras", "copy", "-r", "--from-plain-http", f"{modern.name}:v1", "--to-oci-layout", f"{source}:v1")
    assert product.run("mount", f"oci:{source}:v1", str(target), *mounting()).exit == 0
    assert product.run("unmount", str(target)).exit == 0
    held = json.loads(run("oras", "discover", "--oci-layout", "--format", "json", f"{product.store}@{modern.digest}"))
    assert len(held["referrers"]) == 1
    referrer = held["referrers"][0]["digest"]
    manifest = run("oras", "manifest", "fetch", "--oci-layout", f"{product.store}@{referrer}")
    assert json.loads(manifest)["subject"]["digest"] == modern.digest
