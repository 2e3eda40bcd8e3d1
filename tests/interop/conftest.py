"""One key pair, two kinds of registry, and in each a model that the real cosign signed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interop import model
from tests.interop.peers.run import Cosign, registry, run
from tests.interop.product import Product


@dataclass(frozen=True, slots=True)
class Published:
    """A signed artifact in a registry: `host/path`, tag `v1`, and its digest."""

    name: str
    digest: str

    @property
    def fallback(self) -> str:
        """The tag of the referrers index where a registry has no referrers API."""
        return self.digest.replace(":", "-")


@pytest.fixture(scope="session")
def cosign(tmp_path_factory: pytest.TempPathFactory) -> Cosign:
    return Cosign.make(tmp_path_factory.mktemp("cosign"))


@pytest.fixture(scope="session")
def with_referrers() -> Iterator[str]:
    with registry() as host:
        yield host


@pytest.fixture(scope="session")
def without_referrers() -> Iterator[str]:
    with registry("-no-referrers") as host:
        yield host


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model.write(tmp_path_factory.mktemp("model"))


def push(host: str, files: Path, cosign: Cosign) -> Published:
    name = f"{host}/acme/model"
    run("oras", "push", "--plain-http", f"{name}:v1", "--artifact-type", model.ARTIFACT_TYPE, *model.LAYERS, cwd=files)
    digest = run("crane", "digest", f"{name}:v1").strip()
    cosign.sign(f"{name}@{digest}")
    return Published(name, digest)


@pytest.fixture(scope="session")
def modern(with_referrers: str, files: Path, cosign: Cosign) -> Published:
    """In a registry with the referrers API: the signature is a referrer and has no tag."""
    return push(with_referrers, files, cosign)


@pytest.fixture(scope="session")
def classic(without_referrers: str, files: Path, cosign: Cosign) -> Published:
    """In a registry without: the signature is behind the fallback tag."""
    return push(without_referrers, files, cosign)


@pytest.fixture
def product(tmp_path: Path, cosign: Cosign) -> Product:
    """secmount, trusting cosign's key for every layout of this test."""
    made = Product(tmp_path / "secmount").configure()
    made.trust(cosign.public, f"oci:{tmp_path}/**")
    return made
