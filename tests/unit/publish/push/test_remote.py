"""Signatures in a repository: as referrers, in the fallback index where there is no API, and at cosign's older tag."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from secmount.errors import RegistryError, SecmountError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.publish import legacy, sign
from secmount.publish.keys import PrivateKey, generate, load_private
from tests.support.lying import INDEX, MANIFEST, Reply, Seen, error
from tests.support.storing import Storing
from tests.support.wires import NOW_MS, REPOSITORY
from tests.unit.publish.push.conftest import Open, Start

SUBJECT = Descriptor(MANIFEST, Digest.of(b"an artifact"), 11)
FALLBACK = f"sha256-{SUBJECT.digest.hex}"
FOREIGN = {"mediaType": MANIFEST, "digest": str(Digest.of(b"x")), "size": 1, "annotations": {"a": "b"}, "x-own": [1]}


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> PrivateKey:
    made = generate("k", str(tmp_path_factory.mktemp("keys")), password=None)
    return load_private(made.private, password=None)


def attach(registry: Storing, desk: Open, key: PrivateKey, **options: Any) -> Digest:
    signed = sign.sign(SUBJECT, key, repository="ghcr.io/acme/model", annotations={}, now_ms=NOW_MS)
    writer = desk(registry, **options).writer
    for blob, data in signed.blobs:
        writer.put(blob, data)
    return writer.add_document(signed.raw).digest


def older(registry: Storing, desk: Open, key: PrivateKey) -> Digest:
    return legacy.attach(
        SUBJECT, key, desk(registry).writer, repository="ghcr.io/acme/model", annotations={"a": "b"}, now_ms=NOW_MS
    )


def refused(act: Callable[[], object], code: str) -> SecmountError:
    with pytest.raises(RegistryError) as caught:
        act()
    assert caught.value.code == code, caught.value
    return caught.value


def index(*rows: Any) -> tuple[str, bytes]:
    return INDEX, json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}).encode()


def test_a_registry_with_the_api_needs_no_tag(registry: Storing, desk: Open, key: PrivateKey) -> None:
    made = attach(registry, desk, key)
    assert list(registry.manifests) == [str(made)]


def test_an_api_that_does_not_say_so_in_its_answer(registry: Storing, desk: Open, key: PrivateKey) -> None:
    """Without OCI-Subject the API itself is asked before a tag is written."""
    registry.on("PUT .*manifests", lambda _, truth: truth.but(headers=tuple(truth.headers[:1])))
    made = attach(registry, desk, key)
    assert list(registry.manifests) == [str(made)]


def test_without_the_api_the_index_is_kept_by_us(start: Start, desk: Open, key: PrivateKey) -> None:
    registry = start(referrers=False)
    first, second = attach(registry, desk, key), attach(registry, desk, key)
    rows = registry.tagged(FALLBACK)["manifests"]
    assert [row["digest"] for row in rows] == [str(first), str(second)]
    assert {row["artifactType"] for row in rows} == {"application/vnd.dev.sigstore.bundle.v0.3+json"}
    assert rows[0]["annotations"]["dev.sigstore.bundle.content"] == "dsse-envelope"


@pytest.mark.parametrize("status", [400, 405, 501])
def test_registries_without_the_api_say_so_in_other_words(
    start: Start, desk: Open, key: PrivateKey, status: int
) -> None:
    registry = start(referrers=False)
    registry.on("GET .*/referrers/", error(status, "UNSUPPORTED"))
    made = attach(registry, desk, key)
    assert [row["digest"] for row in registry.tagged(FALLBACK)["manifests"]] == [str(made)]


@pytest.mark.parametrize("status", [403, 500, 502])
def test_an_api_that_fails_is_not_taken_for_absent(start: Start, desk: Open, key: PrivateKey, status: int) -> None:
    registry = start(referrers=False)
    registry.on("GET .*/referrers/", error(status, "UNKNOWN"))
    with pytest.raises(RegistryError):
        attach(registry, desk, key, attempts=1)
    assert FALLBACK not in registry.manifests


def test_what_others_keep_in_the_index_stays(start: Start, desk: Open, key: PrivateKey) -> None:
    registry = start(referrers=False)
    registry.manifests[FALLBACK] = index(FOREIGN)
    made = attach(registry, desk, key)
    kept, own = registry.tagged(FALLBACK)["manifests"]
    assert kept == FOREIGN and own["digest"] == str(made)


@pytest.mark.parametrize("media_type", [MANIFEST, "application/json", "text/html"])
def test_something_else_at_the_tag_is_not_overwritten(
    start: Start, desk: Open, key: PrivateKey, media_type: str
) -> None:
    """Some registries answer with the artifact itself (oras-go#1396)."""
    registry = start(referrers=False)
    raw = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": FOREIGN, "layers": []}).encode()
    standing = registry.manifests[FALLBACK] = (media_type, raw if media_type == MANIFEST else b"<html>")
    refused(lambda: attach(registry, desk, key), "SM4325")
    assert registry.manifests[FALLBACK] == standing


class Rival:
    """Somebody else who writes to the tag just before we do, so many times."""

    def __init__(self, registry: Storing, tag: str, times: int, document: Callable[[int], tuple[str, bytes]]) -> None:
        self.registry, self.tag, self.left, self.document = registry, tag, times, document
        registry.on(f"PUT .*manifests/{tag}$", self.before)

    def before(self, seen: Seen, _: Reply) -> Reply:
        if not self.left:
            return self.registry._manifest(seen, self.tag)
        self.left -= 1
        if self.registry.marks:  # he was first, and ours comes too late
            self.registry.manifests[self.tag] = self.document(self.left)
            return self.registry._manifest(seen, self.tag)
        answer = self.registry._manifest(seen, self.tag)
        self.registry.manifests[self.tag] = self.document(self.left)  # he had read what was there before ours
        return answer


def other(number: int) -> dict[str, Any]:
    return {"mediaType": MANIFEST, "digest": str(Digest.of(bytes([number]))), "size": 1}


@pytest.mark.parametrize("marks", [True, False], ids=["If-Match", "read again"])
def test_two_at_once(start: Start, desk: Open, key: PrivateKey, marks: bool) -> None:
    registry = start(referrers=False, marks=marks)
    registry.manifests[FALLBACK] = index(FOREIGN)
    Rival(registry, FALLBACK, 2, lambda number: index(FOREIGN, other(number)))
    made = attach(registry, desk, key)
    digests = {row["digest"] for row in registry.tagged(FALLBACK)["manifests"]}
    assert digests == {FOREIGN["digest"], other(0)["digest"], str(made)}
    assert any("if-match" in seen.headers for seen in registry.asked("PUT")) is marks


@pytest.mark.parametrize("marks", [True, False], ids=["If-Match", "read again"])
def test_others_who_do_not_stop(start: Start, desk: Open, key: PrivateKey, marks: bool) -> None:
    registry = start(referrers=False, marks=marks)
    registry.manifests[FALLBACK] = index(FOREIGN)
    Rival(registry, FALLBACK, 99, lambda number: index(FOREIGN, other(number)))
    refused(lambda: attach(registry, desk, key), "SM4324")


def test_an_older_signature_is_a_layer_at_the_tag(registry: Storing, desk: Open, key: PrivateKey) -> None:
    older(registry, desk, key)
    made = registry.tagged(f"{FALLBACK}.sig")
    (layer,) = made["layers"]
    payload = json.loads(registry.blobs[layer["digest"]])
    assert payload["critical"] == {
        "identity": {"docker-reference": "ghcr.io/acme/model"},
        "image": {"docker-manifest-digest": str(SUBJECT.digest)},
        "type": "cosign container image signature",
    }
    assert payload["optional"]["a"] == "b" and payload["optional"]["io.secmount.repository"] == "ghcr.io/acme/model"
    assert set(layer["annotations"]) == {"dev.cosignproject.cosign/signature"}
    assert made["config"]["digest"] in registry.blobs and "artifactType" not in made


def test_older_signatures_are_added_to(registry: Storing, desk: Open, key: PrivateKey) -> None:
    older(registry, desk, key)
    before = registry.tagged(f"{FALLBACK}.sig")
    before["layers"][0]["annotations"]["dev.sigstore.cosign/bundle"] = "{}"
    before["annotations"] = {"kept": "as it is"}
    registry.manifests[f"{FALLBACK}.sig"] = (MANIFEST, json.dumps(before).encode())
    older(registry, desk, key)
    after = registry.tagged(f"{FALLBACK}.sig")
    assert after["layers"][:1] == before["layers"] and len(after["layers"]) == 2
    assert after["annotations"] == before["annotations"]


@pytest.mark.parametrize("algorithm", ["ecdsa-p384", "ecdsa-p521"])
def test_an_older_signature_is_made_with_sha256_whatever_the_curve(
    registry: Storing, desk: Open, tmp_path: Path, algorithm: str
) -> None:
    made = generate("k", str(tmp_path), password=None, algorithm=algorithm)
    older(registry, desk, load_private(made.private, password=None))
    (layer,) = registry.tagged(f"{FALLBACK}.sig")["layers"]
    public = serialization.load_pem_public_key(Path(made.public).read_bytes())
    assert isinstance(public, ec.EllipticCurvePublicKey)
    signature = base64.b64decode(layer["annotations"]["dev.cosignproject.cosign/signature"])
    public.verify(signature, registry.blobs[layer["digest"]], ec.ECDSA(hashes.SHA256()))


@pytest.mark.parametrize(
    "standing",
    [
        index(FOREIGN),
        (MANIFEST, json.dumps({"schemaVersion": 2, "config": FOREIGN, "layers": [FOREIGN]}).encode()),
        (MANIFEST, b"{}"),
        (MANIFEST, b"\xff"),
    ],
)
def test_something_else_at_the_older_tag(
    registry: Storing, desk: Open, key: PrivateKey, standing: tuple[str, bytes]
) -> None:
    registry.manifests[f"{FALLBACK}.sig"] = standing
    refused(lambda: older(registry, desk, key), "SM4325")
    assert registry.manifests[f"{FALLBACK}.sig"] == standing


def test_two_older_signatures_at_once(registry: Storing, desk: Open, key: PrivateKey) -> None:
    older(registry, desk, key)
    standing = registry.manifests[f"{FALLBACK}.sig"]
    Rival(registry, f"{FALLBACK}.sig", 1, lambda _: standing)
    older(registry, desk, key)
    assert len(registry.tagged(f"{FALLBACK}.sig")["layers"]) == 2


def test_a_tag_that_cannot_be_read_is_not_taken_for_absent(start: Start, desk: Open, key: PrivateKey) -> None:
    registry = start(referrers=False)
    registry.manifests[FALLBACK] = index(FOREIGN)
    registry.on("GET .*manifests", error(500, "UNKNOWN"))
    with pytest.raises(RegistryError):
        attach(registry, desk, key)
    assert registry.manifests[FALLBACK] == index(FOREIGN)


def test_where_it_is_written(registry: Storing, desk: Open, key: PrivateKey) -> None:
    attach(registry, desk, key)
    assert all(seen.target.startswith(f"/v2/{REPOSITORY}/") for seen in registry.seen)
