from __future__ import annotations

import json
from typing import Any

import pytest

from secmount.errors import ContentError
from secmount.oci import manifest
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index, Manifest
from tests.support.layouts import DUPLICATE_KEYS, OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, ambiguous, describe, encode

CONFIG = describe(b"{}", OCI_EMPTY)
LAYER = describe(b"x", "application/x", annotations={"org.opencontainers.image.title": "x"})
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

GOOD: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": OCI_MANIFEST,
    "artifactType": "application/x-test",
    "config": CONFIG,
    "layers": [LAYER],
}
GOOD_INDEX: dict[str, Any] = {
    "schemaVersion": 2,
    "mediaType": OCI_INDEX,
    "manifests": [describe(b"m", OCI_MANIFEST, platform={"os": "linux", "architecture": "arm64", "variant": "v8"})],
}


def parse(document: object, expected: str | None = None) -> Manifest | Index:
    raw = document if isinstance(document, bytes) else encode(document)
    return manifest.parse(raw, expected=expected, subject="x")


def test_manifest() -> None:
    raw = encode({**GOOD, "subject": describe(b"s", OCI_MANIFEST), "annotations": {"a": "b"}})
    parsed = parse(raw, OCI_MANIFEST)
    assert isinstance(parsed, Manifest)
    assert parsed.raw is raw
    assert parsed.digest == Digest.of(raw)
    assert (parsed.media_type, parsed.artifact_type) == (OCI_MANIFEST, "application/x-test")
    assert (str(parsed.config.digest), parsed.config.size) == (CONFIG["digest"], 2)
    assert [layer.annotations["org.opencontainers.image.title"] for layer in parsed.layers] == ["x"]
    assert parsed.subject is not None
    assert parsed.annotations == {"a": "b"}


def test_index() -> None:
    parsed = parse(GOOD_INDEX, OCI_INDEX)
    assert isinstance(parsed, Index)
    assert str(parsed.manifests[0].platform) == "linux/arm64/v8"
    assert (parsed.artifact_type, parsed.subject) == (None, None)


def test_the_digest_is_in_the_algorithm_it_was_asked_for_by() -> None:
    raw = encode(GOOD)
    assert manifest.parse(raw, expected=None, subject="x", algorithm="sha512").digest == Digest.of(raw, "sha512")


@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        ({**GOOD, "mediaType": DOCKER_MANIFEST}, DOCKER_MANIFEST),
        ({key: value for key, value in GOOD.items() if key != "mediaType"}, OCI_MANIFEST),
        ({key: value for key, value in GOOD_INDEX.items() if key != "mediaType"}, OCI_INDEX),
    ],
)
def test_type_is_what_the_document_says_or_else_holds(document: dict[str, Any], media_type: str) -> None:
    assert parse(document).media_type == media_type
    assert parse(document, media_type).media_type == media_type


@pytest.mark.parametrize("artifact_type", [None, ""])
def test_artifact_type_falls_back_to_the_config(artifact_type: str | None) -> None:
    parsed = parse({**GOOD, "artifactType": artifact_type})
    assert parsed.artifact_type == OCI_EMPTY


def changed(**fields: Any) -> dict[str, Any]:
    return {**GOOD, **fields}


def layer(**fields: Any) -> dict[str, Any]:
    return changed(layers=[{**LAYER, **fields}])


AMBIGUOUS = {
    "index and manifest": json.loads(ambiguous(encode(GOOD), encode(GOOD_INDEX))),
    "index and manifest, nulls": changed(manifests=None),
    "index with a config": {**GOOD_INDEX, "config": CONFIG},
    "neither": {"schemaVersion": 2},
    "neither, schema 1": {"schemaVersion": 1, "fsLayers": []},
    "manifest that says index": changed(mediaType=OCI_INDEX),
    "index that says manifest": {**GOOD_INDEX, "mediaType": OCI_MANIFEST},
    "unknown type": changed(mediaType="application/x-test"),
    "config type": changed(mediaType="application/vnd.oci.image.config.v1+json"),
    "Layers beside layers": changed(Layers=[]),
    "MediaType beside mediaType": changed(MediaType=OCI_INDEX),
    "Digest in a layer": layer(Digest="sha256:" + "0" * 64),
    "SIZE in the config": changed(config={**CONFIG, "SIZE": 3}),
    "OS in a platform": {
        **GOOD_INDEX,
        "manifests": [describe(b"m", OCI_MANIFEST, platform={"OS": "linux", "architecture": "arm64"})],
    },
    "Subject": changed(Subject=describe(b"s", OCI_MANIFEST)),
}


@pytest.mark.parametrize("document", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_ambiguous(document: dict[str, Any]) -> None:
    with pytest.raises(ContentError) as caught:
        parse(document)
    assert caught.value.code == "SM5013"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (GOOD, DOCKER_MANIFEST),
        (GOOD, OCI_INDEX),
        (GOOD_INDEX, OCI_MANIFEST),
        ({key: value for key, value in GOOD.items() if key != "mediaType"}, OCI_INDEX),
        (GOOD, "application/json"),
    ],
)
def test_another_type_than_announced(document: dict[str, Any], expected: str) -> None:
    with pytest.raises(ContentError) as caught:
        parse(document, expected)
    assert caught.value.code == "SM5013"


MISSHAPEN = {
    "not an object": [],
    "text": "x",
    "no schemaVersion": {key: value for key, value in GOOD.items() if key != "schemaVersion"},
    "schemaVersion 1": changed(schemaVersion=1),
    "schemaVersion true": changed(schemaVersion=True),
    "schemaVersion 2.0": b'{"schemaVersion":2.0,"manifests":[]}',
    "no config": {key: value for key, value in GOOD.items() if key != "config"},
    "config null": changed(config=None),
    "no layers": {key: value for key, value in GOOD.items() if key != "layers"},
    "layers null": changed(layers=None),
    "layers an object": changed(layers={}),
    "too many layers": changed(layers=[LAYER] * 10_001),
    "layer null": changed(layers=[None]),
    "negative size": layer(size=-1),
    "size beyond 2^53": layer(size=(1 << 53) + 1),
    "size as text": layer(size="1"),
    "size as fraction": layer(size=1.0),
    "size true": layer(size=True),
    "no size": changed(layers=[{key: value for key, value in LAYER.items() if key != "size"}]),
    "digest of an unknown algorithm": layer(digest="md5:" + "0" * 32),
    "digest with a path": layer(digest="sha256:../../../escaped.txt"),
    "digest in upper case": layer(digest="sha256:" + "A" * 64),
    "media type empty": layer(mediaType=""),
    "media type without subtype": layer(mediaType="application"),
    "media type with a line break": layer(mediaType="application/x\n"),
    "media type with a space after it": layer(mediaType="application/x "),
    "media type with a quoted parameter": layer(mediaType='application/x; a="b"'),
    "artifact type malformed": changed(artifactType="x"),
    "artifact type of an index malformed": {**GOOD_INDEX, "artifactType": "x"},
    "annotation not text": changed(annotations={"a": 1}),
    "annotations a list": changed(annotations=["a"]),
    "layer annotation null": layer(annotations={"a": None}),
    "subject without digest": changed(subject={"mediaType": OCI_MANIFEST, "size": 1}),
    "manifests null": {**GOOD_INDEX, "manifests": None},
}


@pytest.mark.parametrize("document", MISSHAPEN.values(), ids=MISSHAPEN.keys())
def test_misshapen(document: object) -> None:
    with pytest.raises(ContentError) as caught:
        parse(document)
    assert caught.value.code == "SM5012"


def test_duplicate_keys() -> None:
    with pytest.raises(ContentError) as caught:
        parse(DUPLICATE_KEYS)
    assert caught.value.code == "SM5010"


def test_too_large() -> None:
    with pytest.raises(ContentError) as caught:
        parse(encode(GOOD) + b" " * manifest.MANIFEST_LIMIT)
    assert caught.value.code == "SM5011"


@pytest.mark.parametrize(
    "media_type",
    ["application/vnd.dev.sigstore.bundle+json;version=0.3", "text/plain; charset=utf-8", "a/b;c=d;e=f;g=h"],
)
def test_media_types_with_parameters(media_type: str) -> None:
    parsed = parse(layer(mediaType=media_type))
    assert isinstance(parsed, Manifest)
    assert parsed.layers[0].media_type == media_type
