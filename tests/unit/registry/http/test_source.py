"""What a source gives: mirrors before the primary, referrers with signatures first, everything small hashed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from secmount.errors import ContentError, RegistryError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.registry.source import AGAIN
from tests.support.lying import INDEX, MANIFEST, Gate, Lying, Reply, changed, cut, endless, error, headed
from tests.support.wires import REPOSITORY, Model, model, place, read, wire
from tests.unit.registry.http.conftest import Start

BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
NOISE = "application/vnd.acme.noise"


def listed(number: int, kind: str | None = NOISE, **more: Any) -> dict[str, Any]:
    row = {"mediaType": MANIFEST, "digest": f"sha256:{number:064x}", "size": 500, **more}
    return row if kind is None else {**row, "artifactType": kind}


def index(*rows: dict[str, Any], link: str | None = None) -> Reply:
    body = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": rows}).encode()
    headers = (("Content-Type", INDEX), *(() if link is None else (("Link", f'<{link}>; rel="next"'),)))
    return Reply(headers=headers, body=body)


def api(held: Model, query: str = "") -> str:
    return f"/v2/{REPOSITORY}/referrers/{held.described.digest}{query}"


def fallback(held: Model) -> str:
    return f"/v2/{REPOSITORY}/manifests/sha256-{held.described.digest.hex}"


def kinds(server: Lying, held: Model) -> list[str | None]:
    with wire(place(server)).source as source:
        return [row.artifact_type for row in source.referrers(held.described.digest)]


def test_signatures_come_first(start: Start) -> None:
    server = start()
    held = model(server)
    rows = [listed(number) for number in range(100)]
    rows.append(listed(200, "application/vnd.oci.empty.v1+json"))  # how some registries list a bundle
    rows.append(listed(201, BUNDLE))
    rows.append(listed(202, None, annotations={"dev.sigstore.bundle.content": "dsse-envelope"}))
    server.serve(api(held), index(*rows))
    with wire(place(server)).source as source:
        found = source.referrers(held.described.digest)
    assert [row.artifact_type for row in found[:4]] == [BUNDLE, None, "application/vnd.oci.empty.v1+json", NOISE]
    assert len(found) == 64
    assert found.truncated


def test_pages_are_read_to_the_end(start: Start) -> None:
    server = start()
    held = model(server)
    server.serve(api(held), index(listed(1), link=api(held, "?last=1")))
    server.serve(api(held, "?last=1"), index(listed(2), link="?last=2"))
    server.serve(api(held, "?last=2"), index(listed(3, BUNDLE)))
    assert kinds(server, held) == [BUNDLE, NOISE, NOISE]


def test_a_signature_behind_a_flood_is_asked_for_by_its_type(start: Start) -> None:
    server = start()
    held = model(server)
    server.serve(api(held), Reply(headers=(("Content-Type", INDEX),), body=b" " * (5 << 20)))
    server.serve(api(held, "?artifactType=application%2Fvnd.dev.sigstore.bundle.v0.3%2Bjson"), index(listed(1, BUNDLE)))
    with wire(place(server)).source as source:
        found = source.referrers(held.described.digest)
    assert [row.artifact_type for row in found] == [BUNDLE]
    assert found.truncated


@pytest.mark.parametrize("status", [404, 405, 501])
def test_without_the_api_the_fallback_tag_is_read(start: Start, status: int) -> None:
    server = start()
    held = model(server)
    server.on("/referrers/", error(status, "UNSUPPORTED"))
    server.serve(fallback(held), index(listed(1, BUNDLE)))
    assert kinds(server, held) == [BUNDLE]


def test_an_api_that_is_younger_than_the_signature(start: Start) -> None:
    server = start()
    held = model(server)
    server.serve(api(held), index(listed(1)))
    server.serve(fallback(held), index(listed(2, BUNDLE)))
    assert kinds(server, held) == [BUNDLE, NOISE]


def test_no_fallback_tag_is_asked_for_where_the_api_knows_signatures(start: Start) -> None:
    server = start()
    held = model(server)
    server.serve(api(held), index(listed(1, BUNDLE)))
    assert kinds(server, held) == [BUNDLE]
    assert server.asked("manifests") == []


def test_a_broken_row_takes_no_other_away(start: Start) -> None:
    server = start()
    held = model(server)
    server.serve(api(held), index(listed(1, "no type"), {"mediaType": 5}, listed(2, BUNDLE)))
    assert kinds(server, held) == [BUNDLE]


def test_a_registry_that_cannot_be_asked_is_no_empty_list(start: Start) -> None:
    """Otherwise whoever can break a request has made an artifact unsigned."""
    server = start()
    held = model(server)
    server.on("/referrers/", error(500, "UNKNOWN"))
    with pytest.raises(RegistryError) as caught:
        kinds(server, held)
    assert caught.value.code == "SM4106"


def test_a_tag_is_read_once(start: Start) -> None:
    server = start()
    held = model(server)
    with wire(place(server)).source as source:
        head = source.head("v1", None)
        assert source.manifest(head) == held.manifest
    assert len(server.asked("/manifests/")) == 1
    assert head.artifact_type == "application/vnd.acme.model"


def test_legacy_signature_tags_are_found(start: Start) -> None:
    server = start()
    held = model(server, tag="sha256-abc.sig")
    source = wire(place(server)).source
    assert source.head("sha256-abc.sig", None).digest == held.described.digest


def test_sha512(start: Start) -> None:
    server = start()
    held = model(server)
    digest = Digest.of(held.manifest, "sha512")
    server.serve(
        f"/v2/{REPOSITORY}/manifests/{digest}",
        Reply(headers=(("Docker-Content-Digest", str(digest)),), body=held.manifest),
    )
    source = wire(place(server)).source
    head = source.head(None, digest)
    assert head.digest == digest
    assert source.manifest(Descriptor(MANIFEST, digest, head.size)) == held.manifest


@pytest.mark.parametrize("limit", [4, 5])
def test_nothing_over_a_limit_is_asked_for(start: Start, limit: int) -> None:
    server = start()
    server.add(REPOSITORY, b"12345")
    wanted = Descriptor("a/b", Digest.of(b"12345"), 5)
    source = wire(place(server)).source
    if limit == 5:
        assert source.small(wanted, limit=limit) == b"12345"
        return
    with pytest.raises(ContentError) as caught:
        source.small(wanted, limit=limit)
    assert caught.value.code == "SM5011"
    assert server.asked() == []


def test_no_more_than_a_blob_has_is_streamed(start: Start) -> None:
    server = start()
    held = model(server)
    server.on("/blobs/", endless())
    with (
        wire(place(server)).source as source,
        source.stream(held.content) as chunks,
        pytest.raises(ContentError) as caught,
    ):
        list(chunks)
    assert caught.value.code == "SM5002"


def test_ten_thousand_rows_are_looked_at(start: Start) -> None:
    server = start()
    held = model(server)
    server.serve(api(held), index(*(listed(number) for number in range(10_100)), listed(20_000, BUNDLE)))
    with wire(place(server)).source as source:
        found = source.referrers(held.described.digest)
    assert found.truncated
    assert {row.artifact_type for row in found} == {NOISE}
    assert len(server.asked("artifactType=")) == 3  # signatures are asked for by their types


def both(start: Start) -> tuple[Lying, Lying, Model]:
    mirror, primary = start(), start()
    model(mirror)
    return mirror, primary, model(primary)


def test_a_mirror_serves_bytes(start: Start) -> None:
    mirror, primary, held = both(start)
    with wire(place(mirror, mirror=True), place(primary)).source as source:
        assert source.tag_source == primary.host()
        assert read(source, held.content) == held.layer
        assert source.small(held.content, limit=1 << 20) == held.layer
        assert source.manifest(held.described) == held.manifest
        assert source.head(None, held.described.digest).digest == held.described.digest
    assert primary.asked() == []


@pytest.mark.parametrize(
    "lie",
    [
        error(404, "BLOB_UNKNOWN"),
        error(403, "DENIED"),
        error(500, "UNKNOWN"),
        cut(0),
        changed(b"x" * 3000),
        changed(b"short"),
        headed(("Content-Encoding", "gzip")),
    ],
    ids=["404", "403", "500", "cut", "other", "short", "encoded"],
)
def test_a_mirror_that_fails_or_lies_is_passed_over(start: Start, lie: Any) -> None:
    mirror, primary, held = both(start)
    mirror.on("/v2/", lie)
    found = wire(place(mirror, mirror=True), place(primary))
    with found.source as source:
        assert source.small(held.content, limit=1 << 20) == held.layer
        assert source.manifest(held.described) == held.manifest
        assert len(source.mirror_errors) >= 1
    assert primary.asked("/blobs/")


def test_a_mirror_whose_layer_was_wrong_is_not_asked_again(start: Start) -> None:
    mirror, primary, held = both(start)
    mirror.on("/blobs/", changed(b"x" * len(held.layer)))
    with wire(place(mirror, mirror=True), place(primary)).source as source:
        with pytest.raises(RegistryError) as caught:
            read(source, held.content)
        assert caught.value.code == AGAIN
        assert read(source, held.content) == held.layer
    assert len(mirror.asked("/blobs/")) == 1


def test_a_mirror_that_breaks_off_is_not_asked_again(start: Start) -> None:
    mirror, primary, held = both(start)
    mirror.on("/blobs/", cut(10))
    with wire(place(mirror, mirror=True), place(primary)).source as source:
        with pytest.raises(RegistryError) as caught:
            read(source, held.content)
        assert caught.value.code == AGAIN
        assert read(source, held.content) == held.layer
    assert primary.asked("/blobs/")


def test_what_the_primary_gives_is_final(start: Start) -> None:
    server = start()
    held = model(server)
    server.on("/blobs/", changed(b"x" * len(held.layer)))
    with wire(place(server)).source as source:
        for _ in range(2):
            with pytest.raises(ContentError) as caught:
                read(source, held.content)
            assert caught.value.code == "SM5001"


def test_a_mirror_that_is_down_is_passed_over(start: Start) -> None:
    mirror, primary, held = both(start)
    mirror.__exit__()
    with wire(place(mirror, mirror=True), place(primary)).source as source:
        assert read(source, held.content) == held.layer
        assert read(source, held.content) == held.layer
        assert [err.code for err in source.mirror_errors] == ["SM4100"]


def test_a_mirror_for_tags_only_is_asked_nothing(start: Start) -> None:
    mirror, primary, held = both(start)
    with wire(place(mirror, mirror=True, pull="tag-only"), place(primary)).source as source:
        source.head("v1", None)
        read(source, held.content)
    assert mirror.asked() == []


def test_reaching_a_registry(start: Start) -> None:
    server = start()
    wire(place(server)).source.reach()
    server.gate = Gate("basic")
    with pytest.raises(RegistryError) as caught:
        wire(place(server)).source.reach()
    assert caught.value.code == "SM4110"
    assert {seen.target for seen in server.asked()} == {"/v2/"}


def test_a_host_that_cannot_be_one(start: Start) -> None:
    with pytest.raises(RegistryError) as caught:
        wire(place(start(), name="user@evil"))
    assert caught.value.code == "SM4136"


def test_the_name_says_where_it_is(start: Start) -> None:
    server = start()
    found = wire(place(server)).source
    assert [location.access.host for location in found.locations] == [server.host()]
    assert found.name == f"{server.host()}/{REPOSITORY}"
