"""The closed loop against real registries: signed by the real cosign there, decided, pulled and mounted by secmount.

And what somebody can do who controls the registry: change a blob, a manifest, a tag, copy a signature.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop import model
from tests.interop.conftest import Published, push
from tests.interop.peers.distribution import Distribution, distribution
from tests.interop.peers.run import Cosign, run
from tests.interop.product import Product, mounting

pytestmark = pytest.mark.peer


@dataclass(frozen=True, slots=True)
class Place:
    """A registry of one kind, with a signed model in it."""

    published: Published
    distribution: Distribution | None


@pytest.fixture(scope="module", params=["docker-registry", "ociregistry"])
def place(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, files: Path, cosign: Cosign
) -> Iterator[Place]:
    if request.param == "ociregistry":
        yield Place(request.getfixturevalue("modern"), None)
        return
    with distribution(tmp_path_factory.mktemp("distribution")) as running:
        yield Place(push(running.host, files, cosign), running)


@pytest.fixture
def product(tmp_path: Path, cosign: Cosign, place: Place) -> Product:
    made = Product(tmp_path / "secmount").configure()
    made.trust(cosign.public, f"{place.published.name.partition('/')[0]}/**")
    return made


def layers(name: str, digest: str) -> list[str]:
    manifest = json.loads(run("crane", "manifest", f"{name}@{digest}"))
    return [str(layer["digest"]) for layer in manifest["layers"]]


def refused(product: Product, reference: str, tmp_path: Path, *codes: str) -> None:
    """Nothing is left but the record."""
    answer = product.run("mount", reference, str(tmp_path / "mnt"), "--plain-http", *mounting())
    assert answer.document["error"]["code"] in codes, answer.document["error"]
    assert answer.exit in {10, 12, 13, 30} and not (tmp_path / "mnt").exists()
    assert not list((product.store / "ingest").iterdir())
    assert product.run("ls").document["mounts"] == []


def test_what_cosign_signed_is_mounted(product: Product, place: Place, tmp_path: Path) -> None:
    reference, target = f"{place.published.name}:v1", tmp_path / "mnt"
    answer = product.run("mount", reference, str(target), "--plain-http", *mounting())
    assert answer.exit == 0, answer.document["error"]
    try:
        assert model.read(target) == model.SEEN
        assert answer.document["artifact"]["digest"] == place.published.digest
    finally:
        assert product.run("unmount", str(target)).exit == 0
    offline = product.run("verify", f"{place.published.name}@{place.published.digest}", "--offline")
    assert offline.exit == 0


def test_a_blob_changed_in_the_registrys_storage(place: Place, product: Product, tmp_path: Path) -> None:
    if place.distribution is None:
        pytest.skip("this registry keeps its blobs in memory; tests/unit/cli/test_origin.py has the same lie")
    path = place.distribution.blob(layers(place.published.name, place.published.digest)[1])
    whole = path.read_bytes()
    path.write_bytes(b"X" + whole[1:])
    try:
        refused(product, f"{place.published.name}:v1", tmp_path, "SM5001", "SM5002")
    finally:
        path.write_bytes(whole)


def test_a_manifest_changed_in_the_registrys_storage(place: Place, product: Product, tmp_path: Path) -> None:
    if place.distribution is None:
        pytest.skip("this registry keeps its manifests in memory; tests/unit/registry/http has the same lie")
    path = place.distribution.blob(place.published.digest)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"model", b"medol", 1))
    try:
        answer = product.run("verify", f"{place.published.name}@{place.published.digest}", "--plain-http")
        assert answer.exit != 0 and answer.document["decision"] is None
    finally:
        path.write_bytes(whole)


def test_a_tag_that_moves_between_resolve_and_mount(
    place: Place, product: Product, tmp_path: Path, files: Path
) -> None:
    name, tag = place.published.name, "moving"
    run("crane", "tag", f"{name}:v1", tag)
    resolved = product.run("resolve", f"{name}:{tag}", "--plain-http").document["artifact"]["digest"]
    (tmp_path / "other.txt").write_text("not signed\n")
    run("oras", "push", "--plain-http", f"{name}:{tag}", "other.txt:text/plain", cwd=tmp_path)
    refused(product, f"{name}:{tag}", tmp_path, "SM3003")
    target = tmp_path / "mnt"
    answer = product.run("mount", f"{name}@{resolved}", str(target), "--plain-http", *mounting())
    assert answer.exit == 0 and answer.document["artifact"]["digest"] == place.published.digest
    assert product.run("unmount", str(target)).exit == 0


def test_a_signature_copied_from_another_artifact(
    place: Place, product: Product, tmp_path: Path, cosign: Cosign
) -> None:
    name = place.published.name.replace("model", "copied")
    (tmp_path / "evil.txt").write_text("evil\n")
    run("oras", "push", "--plain-http", f"{name}:v1", "evil.txt:text/plain", cwd=tmp_path)
    victim = json.loads(run("crane", "manifest", f"{name}:v1"))
    digest = run("crane", "digest", f"{name}:v1").strip()
    bundle = tmp_path / "bundle.json"
    found = json.loads(run("oras", "discover", "--plain-http", f"{place.published.name}:v1", "--format", "json"))
    rows = found.get("referrers") or found["manifests"]
    manifest = json.loads(run("crane", "manifest", f"{place.published.name}@{rows[0]['digest']}"))
    kind, layer = manifest["artifactType"], manifest["layers"][0]["digest"]
    bundle.write_text(run("crane", "blob", f"{place.published.name}@{layer}"))
    run(
        "oras",
        "attach",
        "--plain-http",
        f"{name}@{digest}",
        "--artifact-type",
        kind,
        f"bundle.json:{kind}",
        cwd=tmp_path,
    )
    assert victim
    refused(product, f"{name}:v1", tmp_path, "SM3004", "SM3005")
    answer = product.run("verify", f"{name}:v1", "--plain-http")
    assert [row["code"] for row in answer.document["considered"]] == ["SM2007"]


def test_a_registry_that_is_gone(place: Place, product: Product, tmp_path: Path) -> None:
    name = "127.0.0.1:1/acme/model"
    (product.policy / "policy.toml").write_text(
        (product.policy / "policy.toml").read_text().replace(place.published.name.partition("/")[0], "127.0.0.1:1")
    )
    answer = product.run("mount", f"{name}:v1", str(tmp_path / "mnt"), "--plain-http", "--timeout", "3s")
    assert answer.exit == 5 and answer.document["error"]["retryable"] is True
