"""Our own registry client against registries of others: Debian's docker-registry, and go-containerregistry's."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from secmount.errors import RegistryError
from secmount.oci import manifest
from secmount.oci.manifest import Manifest
from secmount.registry.credentials.value import Basic, Credential
from secmount.registry.hosts.value import Access, Location
from secmount.registry.http.settings import HttpSettings
from secmount.registry.http.source import HttpSource
from tests.interop.conftest import Published, push
from tests.interop.peers.distribution import distribution
from tests.interop.peers.run import Cosign, run
from tests.support.docs_registry import PASSWORD, USER, served

pytestmark = pytest.mark.peer
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@dataclass(frozen=True)
class One:
    """One place, and the credentials for it."""

    location: Location
    credentials: Mapping[str, Credential]

    def locate(self, _: str) -> tuple[Location, ...]:
        return (self.location,)

    def find(self, host: str, _: str) -> Credential | None:
        return self.credentials.get(host)


def source(access: Access, repository: str, credential: Credential | None = None) -> HttpSource:
    found = One(Location(access, repository), {access.host: credential} if credential else {})
    return HttpSource(
        f"{access.host}/{repository}",
        found,
        found,
        HttpSettings(environment={}),
        clock=lambda: time.time_ns() // 1_000_000,
        sleep=time.sleep,
        random=os.urandom,
    )


@pytest.fixture(scope="module", params=["docker-registry", "ociregistry"])
def published(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, files: Path, cosign: Cosign
) -> Iterator[Published]:
    if request.param == "ociregistry":
        yield request.getfixturevalue("modern")
        return
    with distribution(tmp_path_factory.mktemp("distribution")) as running:
        yield push(running.host, files, cosign)


@pytest.fixture
def at(published: Published) -> Iterator[HttpSource]:
    host, _, repository = published.name.partition("/")
    with source(Access(host, "http"), repository) as found:
        yield found


def document(at: HttpSource, published: Published) -> Manifest:
    found = manifest.parse(at.manifest(at.head("v1", None)), expected=None, subject=published.name)
    assert isinstance(found, Manifest)
    return found


def test_a_tag_means_what_crane_says(at: HttpSource, published: Published) -> None:
    at.reach()
    head = at.head("v1", None)
    assert str(head.digest) == published.digest == run("crane", "digest", f"{published.name}:v1").strip()
    assert at.head(None, head.digest) == head
    assert at.manifest(head).decode() == run("crane", "manifest", f"{published.name}@{published.digest}")


def test_layers_come_whole_and_from_an_offset(at: HttpSource, published: Published) -> None:
    found = document(at, published)
    assert found.layers
    for layer in found.layers:
        with at.stream(layer) as chunks:
            whole = b"".join(layer.digest.check(chunks, layer.size))
        with at.stream(layer, offset=layer.size // 2) as chunks:
            assert b"".join(chunks) == whole[layer.size // 2 :]
        assert at.small(layer, limit=1 << 20) == whole
        assert hashlib.sha256(whole).hexdigest() == layer.digest.hex
    assert at.small(found.config, limit=1 << 20)


def test_the_signature_is_found(at: HttpSource, published: Published) -> None:
    """By the API, or behind the fallback tag, which is what docker-registry 2.8 leaves cosign."""
    head = at.head("v1", None)
    (row,) = at.referrers(head.digest)
    found = manifest.parse(at.manifest(row), expected=row.media_type, subject="signature")
    assert isinstance(found, Manifest)
    assert found.artifact_type == BUNDLE
    assert json.loads(at.small(found.layers[0], limit=1 << 20))["mediaType"] == BUNDLE
    assert at.referrers(row.digest) == ()


def test_what_is_not_there(at: HttpSource, published: Published) -> None:
    head = at.head("v1", None)
    for act, code in (
        (lambda: at.head("v2", None), "SM4010"),
        (lambda: at.head(None, head.digest.__class__("sha256", "0" * 64)), "SM4014"),
        (lambda: at.small(head.__class__("a/b", head.digest.__class__("sha256", "1" * 64), 5), limit=9), "SM4014"),
        (lambda: at.head(f"sha256-{head.digest.hex}.sig", None), "SM4010"),
    ):
        with pytest.raises(RegistryError) as caught:
            act()
        assert caught.value.code == code


def test_a_private_authority_and_a_password(tmp_path: Path) -> None:
    with served(tmp_path) as host:
        words = ("--username", USER, "--password", PASSWORD, "--plain-http=false", "--ca-file", "../ca.pem")
        run(
            "oras",
            "push",
            *words,
            f"{host}/acme/bert:v1",
            "config.json",
            cwd=tmp_path / "bert",
        )
        access = Access(host, ca_files=(str(tmp_path / "ca.pem"),), credential_key=host)
        with source(access, "acme/bert", Basic(USER, PASSWORD)) as known:
            known.reach()
            assert known.head("v1", None).size
        for credential, code in ((None, "SM4110"), (Basic(USER, "wrong"), "SM4111")):
            with source(access, "acme/bert", credential) as refused, pytest.raises(RegistryError) as caught:
                refused.reach()
            assert caught.value.code == code
        with source(Access(host), "acme/bert") as unknown, pytest.raises(RegistryError) as caught:
            unknown.reach()
        assert caught.value.code == "SM4130"
