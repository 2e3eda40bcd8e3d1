"""Signing: the documents cosign v3 writes, and what our own reading makes of them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from secmount.errors import TrustError
from secmount.oci import descriptor
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index, Manifest
from secmount.publish import keys, sign
from secmount.publish.keys import PrivateKey
from secmount.publish.sign import SignedReferrer
from secmount.trust.evidence import Evidence
from secmount.trust.gather import gather
from tests.support import keys as made
from tests.support import shelf
from tests.support.shelf import Shelf
from tests.unit.trust.bench import MODEL, RELEASE, signer, signers

REPOSITORY = "ghcr.io/acme/model"
NOW = 1_795_478_400_123


@pytest.fixture
def key(tmp_path: Path) -> PrivateKey:
    path = tmp_path / "release.key"
    path.write_bytes(RELEASE.private_pem)
    path.chmod(0o600)
    return keys.load_private(str(path), password=None)


def row(about: Manifest | Index = MODEL) -> Descriptor:
    return descriptor.from_json(shelf.row_of(about), subject="x")


def make(key: PrivateKey, about: Manifest | Index = MODEL, **more: Any) -> SignedReferrer:
    words = {"repository": REPOSITORY, "annotations": {"team": "ml"}, "now_ms": NOW, **more}
    return sign.sign(row(about), key, **words)


def verified(signed: SignedReferrer, about: Manifest, index: Index | None = None) -> Evidence:
    source = Shelf({str(blob.digest): data for blob, data in signed.blobs})
    source.blobs[str(signed.manifest.digest)] = signed.raw
    subject = index or about
    source.lists[str(subject.digest)] = [
        {
            "mediaType": signed.manifest.media_type,
            "digest": str(signed.manifest.digest),
            "size": signed.manifest.size,
            "artifactType": signed.manifest.artifact_type,
        }
    ]
    return gather(shelf.resolved(about, index), source, signers())


def test_what_we_sign_counts(key: PrivateKey) -> None:
    (found,) = verified(make(key), MODEL).signatures
    assert (found.signers, found.bound_to, found.annotations) == (("release",), REPOSITORY, {"team": "ml"})
    assert found.time.not_before == NOW


def test_an_index_is_signed_like_a_manifest(key: PrivateKey) -> None:
    index = shelf.index_of(MODEL)
    (found,) = verified(make(key, index), MODEL, index).signatures
    assert found.subject == index.digest


def test_without_a_repository_the_signature_is_for_any(key: PrivateKey) -> None:
    (found,) = verified(make(key, repository=None, annotations={}), MODEL).signatures
    assert (found.bound_to, found.annotations) == (None, {})


def test_the_documents_are_the_ones_of_cosign(key: PrivateKey) -> None:
    signed = make(key)
    (config, empty), (layer, bundle) = signed.blobs
    assert json.loads(signed.raw) == {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2,
            "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        },
        "layers": [
            {
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "digest": str(Digest.of(bundle)),
                "size": len(bundle),
            }
        ],
        "subject": shelf.row_of(MODEL),
        "annotations": {
            "dev.sigstore.bundle.content": "dsse-envelope",
            "dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1",
            "org.opencontainers.image.created": "2026-11-24T00:00:00.123Z",
        },
    }
    assert (empty, config.size, layer.digest, layer.size) == (b"{}", 2, Digest.of(bundle), len(bundle))
    document = json.loads(bundle)
    envelope = document.pop("dsseEnvelope")
    assert document == {
        "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
        "verificationMaterial": {"publicKey": {"hint": RELEASE.hint}},
    }
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert [list(one) for one in envelope["signatures"]] == [["sig"]]
    assert json.loads(base64.b64decode(envelope["payload"])) == made.statement(
        str(MODEL.digest),
        repository=REPOSITORY,
        signed_at="2026-11-24T00:00:00.123Z",
        annotations={"team": "ml"},
    )


def test_the_referrer_describes_itself(key: PrivateKey) -> None:
    signed = make(key)
    assert signed.manifest.digest == Digest.of(signed.raw)
    assert signed.manifest.size == len(signed.raw)
    assert signed.manifest.artifact_type == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert dict(signed.manifest.annotations) == json.loads(signed.raw)["annotations"]


def test_text_beyond_ascii_is_signed_as_it_is(key: PrivateKey) -> None:
    (found,) = verified(make(key, annotations={"Größe": "☃\u202e\n"}), MODEL).signatures
    assert found.annotations == {"Größe": "☃\u202e\n"}


@pytest.mark.parametrize("name", ["", "io.secmount.repository", "io.secmount.signed-at", "io.secmount.x"])
def test_reserved_annotations(key: PrivateKey, name: str) -> None:
    with pytest.raises(TrustError, match="SM2111"):
        make(key, annotations={name: "x"})


def test_too_many_annotations(key: PrivateKey) -> None:
    for many in ({str(number): "" for number in range(65)}, {"x": "y" * (64 << 10)}):
        with pytest.raises(TrustError, match="SM2111"):
            make(key, annotations=many)
    assert make(key, annotations={"x": "y" * ((64 << 10) - 1)}).raw


@pytest.mark.parametrize("name", ["model", "GHCR.io/acme/model", "ghcr.io/acme/model:v1", "oci:relative", ""])
def test_a_repository_that_no_rule_could_match(key: PrivateKey, name: str) -> None:
    with pytest.raises(TrustError, match="SM2011"):
        make(key, repository=name)


def test_a_sha512_digest_is_not_signed(key: PrivateKey) -> None:
    other = Descriptor("application/vnd.oci.image.manifest.v1+json", Digest("sha512", "0" * 128), 5)
    with pytest.raises(TrustError, match="SM2112"):
        sign.sign(other, key, repository=None, annotations={}, now_ms=NOW)


def test_signing_with_each_kind_of_key(tmp_path: Path) -> None:
    for algorithm in made.ALGORITHMS:
        files = keys.generate(algorithm, str(tmp_path), password=None, algorithm=algorithm)
        private = keys.load_private(files.private, password=None)
        signed = make(private)
        source = Shelf({str(blob.digest): data for blob, data in signed.blobs})
        source.blobs[str(signed.manifest.digest)] = signed.raw
        source.lists[str(MODEL.digest)] = [
            {
                "mediaType": signed.manifest.media_type,
                "digest": str(signed.manifest.digest),
                "size": len(signed.raw),
            }
        ]
        by = signers(signer(made.KeyPair(private.handle)))
        assert len(gather(shelf.resolved(MODEL), source, by).signatures) == 1
