"""What a decision was taken from is kept so that the store itself can be resolved and judged again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from secmount.oci import manifest
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import OCI_INDEX, OCI_MANIFEST, Index
from secmount.oci.reference import parse
from secmount.registry.layout import LayoutSource
from secmount.registry.resolution import Resolution
from secmount.store.cas import Store
from secmount.store.index import REF_NAME, ref_name
from secmount.store.keep import keep, logical_name
from secmount.trust.evidence import Evidence, Kept
from tests.support.layouts import BUNDLE, OCI_EMPTY, describe, encode
from tests.support.stores import describing, resolution

NAME = "ghcr.io/acme/model:v1"
BUNDLE_BYTES = b'{"a":"bundle"}'


def referrer_of(resolved: Resolution, annotations: dict[str, str] | None = None) -> tuple[Kept, ...]:
    subject = describe(resolved.manifest.raw, OCI_MANIFEST)
    raw = encode(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": BUNDLE,
            "config": describe(b"{}", OCI_EMPTY),
            "layers": [describe(BUNDLE_BYTES, BUNDLE)],
            "subject": subject,
        }
    )
    row = Descriptor(OCI_MANIFEST, Digest.of(raw), len(raw), annotations or {}, BUNDLE)
    return Kept(row, raw), Kept(describing(BUNDLE_BYTES, BUNDLE), BUNDLE_BYTES)


def evidence(resolved: Resolution, *kept: Kept) -> Evidence:
    return Evidence(resolved.digest, kept=kept)


def listed(store: Store) -> dict[str, str | None]:
    return {str(row["digest"]): ref_name(row) for row in store.index.rows()}


def test_store_can_be_resolved_and_gathered_again(store: Store) -> None:
    resolved = resolution([describing(b"layer")])
    kept = referrer_of(resolved)
    keep(store, resolved, evidence(resolved, *kept))
    with LayoutSource(store.root) as source:
        for found in (source.head(NAME, None), source.head(None, resolved.digest), source.head(None, None)):
            assert found.digest == resolved.digest
        assert source.manifest(found) == resolved.manifest.raw
        assert source.small(resolved.manifest.config, limit=100) == b"{}"
        (referrer,) = source.referrers(resolved.digest)
        assert source.manifest(referrer) == kept[0].raw
        assert source.small(kept[1].descriptor, limit=100) == BUNDLE_BYTES


def test_index_is_kept_and_named_and_its_chosen_manifest_is_found_by_digest(store: Store) -> None:
    plain = resolution([describing(b"layer")])
    raw = encode(
        {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [describe(plain.manifest.raw, OCI_MANIFEST)]}
    )
    index = manifest.parse(raw, expected=OCI_INDEX, subject="index")
    assert isinstance(index, Index)
    resolved = replace(plain, index=index)
    keep(store, resolved, evidence(resolved))
    assert listed(store) == {str(resolved.digest): None, str(index.digest): NAME}
    with LayoutSource(store.root) as source:
        assert source.head(NAME, None).digest == index.digest
        assert source.head(None, resolved.digest).digest == resolved.digest


def test_keeping_again_writes_nothing(store: Store) -> None:
    resolved = resolution([describing(b"layer")])
    everything = evidence(resolved, *referrer_of(resolved))
    keep(store, resolved, everything)
    before = {path: path.stat().st_ino for path in Path(store.root).rglob("*")}
    keep(store, resolved, everything)
    assert {path: path.stat().st_ino for path in Path(store.root).rglob("*")} == before


@pytest.mark.parametrize("name", [NAME, "v1", "sha256-" + "0" * 64, "sha256-" + "0" * 64 + ".sig"])
def test_evidence_cannot_take_the_name_of_an_artifact(store: Store, name: str) -> None:
    resolved = resolution([describing(b"layer")])
    kept = referrer_of(resolved, {REF_NAME: name})
    keep(store, resolved, evidence(resolved, *kept))
    assert listed(store) == {str(resolved.digest): NAME, str(kept[0].descriptor.digest): None}


def test_tags_that_find_evidence_by_its_subject_are_kept(store: Store) -> None:
    resolved = resolution([describing(b"layer")])
    name = f"sha256-{resolved.digest.hex}.sig"
    kept = referrer_of(resolved, {REF_NAME: name})
    keep(store, resolved, evidence(resolved, *kept))
    assert listed(store)[str(kept[0].descriptor.digest)] == name


def test_of_two_that_have_one_tag_in_two_repositories_the_first_keeps_it(store: Store) -> None:
    resolved = resolution([describing(b"layer")])
    name = f"sha256-{resolved.digest.hex}.sig"
    counts, material = referrer_of(resolved, {REF_NAME: name})
    other = Kept(describing(counts.raw + b" ", OCI_MANIFEST), counts.raw + b" ")
    other = Kept(replace(other.descriptor, annotations={REF_NAME: name}), other.raw)
    keep(store, resolved, evidence(resolved, counts, material, other))
    found = listed(store)
    assert found[str(counts.descriptor.digest)] == name
    assert found[str(other.descriptor.digest)] is None


def test_asserted_name_is_not_remembered(store: Store) -> None:
    resolved = replace(
        resolution([describing(b"layer")]), reference=parse("oci:/srv/x:v1", cwd="/"), name_source="asserted"
    )
    assert resolved.name == "ghcr.io/acme/model"
    keep(store, resolved, evidence(resolved))
    assert listed(store) == {str(resolved.digest): "oci:/srv/x:v1"}


def test_what_was_asked_for_by_digest_has_no_name(store: Store) -> None:
    assert logical_name(parse(f"ghcr.io/acme/model@sha256:{'0' * 64}", cwd="/")) is None
    assert logical_name(parse("ghcr.io/acme/model", cwd="/")) == "ghcr.io/acme/model:latest"
    assert logical_name(parse("oci:/srv/x", cwd="/")) is None
