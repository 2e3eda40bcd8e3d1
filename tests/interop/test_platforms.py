"""An index that cosign signed, as oras and skopeo copy it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interop import model
from tests.interop.conftest import Published
from tests.interop.peers.run import Cosign, run
from tests.interop.product import Product, mounting

pytestmark = pytest.mark.peer

PLATFORMS = ("amd64", "arm64")


@pytest.fixture(scope="session")
def index(with_referrers: str, cosign: Cosign, tmp_path_factory: pytest.TempPathFactory) -> Published:
    """A signed index of two platforms, each with a file that says its name."""
    name, folder = f"{with_referrers}/acme/several", tmp_path_factory.mktemp("several")
    for platform in PLATFORMS:
        (folder / "platform.txt").write_text(platform)
        words = [
            "--artifact-type",
            model.ARTIFACT_TYPE,
            "--artifact-platform",
            f"linux/{platform}",
            "platform.txt:text/plain",
        ]
        run("oras", "push", "--plain-http", f"{name}:{platform}", *words, cwd=folder)
    run("oras", "manifest", "index", "create", "--plain-http", f"{name}:v1", *PLATFORMS)
    digest = run("crane", "digest", f"{name}:v1").strip()
    cosign.sign(f"{name}@{digest}")
    return Published(name, digest)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_signed_index_covers_the_platform_that_is_chosen(
    platform: str, tmp_path: Path, product: Product, index: Published
) -> None:
    layout, target = tmp_path / "l", tmp_path / "mounted"
    run("oras", "copy", "-r", "--from-plain-http", f"{index.name}:v1", "--to-oci-layout", f"{layout}:v1")
    mounted = product.run("mount", f"oci:{layout}:v1", str(target), "--platform", f"linux/{platform}", *mounting())
    assert mounted.exit == 0, mounted.document
    try:
        assert model.read(target) == {"platform.txt": platform.encode()}
    finally:
        assert product.run("unmount", str(target)).exit == 0


def test_a_rewritten_index_has_lost_its_signature(tmp_path: Path, product: Product, index: Published) -> None:
    """skopeo drops fields that it does not know, so the digest that was signed is gone."""
    words = ["--all", "--src-tls-verify=false", "--insecure-policy"]
    run("skopeo", "copy", *words, f"docker://{index.name}:v1", f"oci:{tmp_path}/l:v1")
    refused = product.run("verify", f"oci:{tmp_path}/l:v1", "--platform", "linux/amd64")
    assert refused.exit == 10, refused.document
