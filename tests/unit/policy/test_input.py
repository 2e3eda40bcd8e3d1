"""The input of the decision program: its schema, its exactness, and what is never in it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from secmount.errors import ContentError
from secmount.oci.descriptor import Platform
from secmount.oci.reference import parse
from secmount.policy.input import Request, document
from secmount.registry.resolution import Resolution
from secmount.trust.evidence import Considered, Evidence
from tests.support.policies import NOW, TAR, artifact, digest, evidence, index, layer, signed

ROOT = Path(__file__).parents[3]
SCHEMA = json.loads((ROOT / "docs/formats/input-v1.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def given_of(resolution: Resolution, proof: Evidence, **more: Any) -> dict[str, Any]:
    wanted: dict[str, Any] = {"request": Request(), "now_ms": NOW, "newest_ms": None} | more
    found = document(resolution, proof, **wanted)
    VALIDATOR.validate(found)
    assert json.loads(json.dumps(found)) == found
    return found


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def golden() -> dict[str, Any]:
    resolution = replace(
        artifact(layer("A/Model.bin"), layer(None, media_type=TAR)), platform=Platform("linux", "amd64")
    )
    stamped = signed("release", not_after=NOW, bound_to="ghcr.io/acme/model")
    return given_of(
        resolution, evidence(stamped), request=Request("csi", "csi", "mount", "u", "n", "p", "s"), newest_ms=5
    )


def test_golden_request_and_reference() -> None:
    found = golden()
    assert found["request"] == {
        "face": "csi",
        "use": "csi",
        "verb": "mount",
        "user": "u",
        "namespace": "n",
        "pod": "p",
        "service_account": "s",
    }
    assert found["reference"] == {
        "text": "ghcr.io/acme/model",
        "registry": "ghcr.io",
        "repository": "acme/model",
        "tag": "latest",
        "digest": None,
        "name_source": "asked",
        "transport": "registry",
    }


def test_golden_layers() -> None:
    first, second = artifact(layer("A/Model.bin"), layer(None, media_type=TAR)).manifest.layers
    assert golden()["artifact"]["layers"] == [
        {
            "index": 0,
            "digest": str(first.digest),
            "media_type": first.media_type,
            "size": 10,
            "annotations": {"org.opencontainers.image.title": "A/Model.bin"},
            "path": "A/Model.bin",
            "kind": "file",
            "folded": {"path": "a/model.bin", "media_type": first.media_type},
        },
        {
            "index": 1,
            "digest": str(second.digest),
            "media_type": TAR,
            "size": 10,
            "annotations": {},
            "path": None,
            "kind": "archive",
            "folded": {"path": None, "media_type": TAR},
        },
    ]


def test_golden_times() -> None:
    found = golden()
    assert found["artifact"]["platform"] == {"os": "linux", "architecture": "amd64", "variant": None}
    assert found["signatures"][0]["time"] == {
        "not_before": "2026-09-20T14:13:20.000Z",
        "not_before_ms": NOW - 86_400_000,
        "not_before_source": None,
        "not_after": "2026-09-21T14:13:20.000Z",
        "not_after_ms": NOW,
        "not_after_source": None,
    }
    assert (found["history"], found["now_ms"], found["attestations"]) == ({"newest_ms": 5}, NOW, [])


def test_every_field_is_there_when_nothing_is_known() -> None:
    found = given_of(artifact(name="oci:/srv/x"), evidence())
    assert (found["reference"]["registry"], found["reference"]["repository"]) == (None, "oci:/srv/x")
    assert (found["artifact"]["index"], found["artifact"]["reached_through"], found["artifact"]["platform"]) == (
        None,
    ) * 3
    assert found["artifact"]["authenticated"] is False


def test_an_index_is_seen_only_where_a_signature_covers_it() -> None:
    through = artifact(index=index())
    found = given_of(through, evidence(signed("release")))["artifact"]
    assert (found["index"], found["authenticated"]) == (None, True)
    assert found["reached_through"]["digest"] == str(digest("index"))
    found = given_of(through, evidence(signed("release", about="index")))["artifact"]
    assert (found["index"]["annotations"], found["authenticated"]) == ({"who": "index"}, True)


def test_evidence_of_another_artifact_is_a_bug() -> None:
    with pytest.raises(ValueError, match=str(digest("other"))):
        given_of(artifact(), Evidence(digest("other")))
    with pytest.raises(ValueError, match="neither"):
        given_of(artifact(), evidence(signed("release", about="index")))


def test_what_was_looked_at_in_vain_is_not_in_it() -> None:
    hostile = Considered(digest("m"), "bundle", "unacceptable", "SM2002", "secret-word")
    assert "secret-word" not in json.dumps(given_of(artifact(), evidence(considered=(hostile,))))


def test_a_reference_keeps_its_digest_and_an_asserted_name_its_source() -> None:
    reference = parse(f"oci:/srv/x@{digest('manifest')}", cwd="/")
    resolution = replace(artifact(asserted=True), reference=reference)
    found = given_of(resolution, evidence())["reference"]
    assert found["digest"] == str(digest("manifest"))
    assert (found["name_source"], found["transport"], found["registry"]) == ("asserted", "layout", "ghcr.io")


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a//b", "a\nb"])
def test_a_path_outside_the_tree_is_no_input(path: str) -> None:
    with pytest.raises(ContentError) as caught:
        given_of(artifact(layer(path)), evidence())
    assert caught.value.code.startswith("SM51")


@pytest.mark.parametrize("gone", sorted(SCHEMA["$defs"]["input"]["required"]))
def test_the_schema_wants_every_field(gone: str) -> None:
    found = given_of(artifact(), evidence(signed("release")))
    assert list(VALIDATOR.iter_errors({key: value for key, value in found.items() if key != gone}))


def test_the_schema_knows_no_other_field_anywhere() -> None:
    found = given_of(artifact(index=index()), evidence(signed("release", about="index")))

    def objects(value: Any) -> Any:
        if isinstance(value, dict):
            yield value
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from objects(item)

    free = [found["artifact"]["annotations"], found["signatures"][0]["claims"], found["signatures"][0]["annotations"]]
    free += [found["artifact"]["index"]["annotations"], found["artifact"]["config"]["annotations"]]
    free += [row["annotations"] for row in found["artifact"]["layers"]]
    for table in objects(found):
        if not any(table is one for one in free):
            table["unheard-of"] = 1
            assert list(VALIDATOR.iter_errors(found))
            del table["unheard-of"]


@given(
    title=st.text(min_size=1, max_size=20), notes=st.dictionaries(st.text(max_size=9), st.text(max_size=9), max_size=3)
)
def test_whatever_documents_carry_is_in_the_schema_or_refused(title: str, notes: dict[str, str]) -> None:
    try:
        given_of(artifact(layer(title), annotations=notes), evidence())
    except ContentError as err:
        assert err.code.startswith("SM51")
