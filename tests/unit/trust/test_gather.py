"""Gathering: what is found and where, the limits, and that one bad piece does not spoil the others."""

from __future__ import annotations

import pytest

from secmount.errors import ContentError, RegistryError
from secmount.oci.digest import Digest
from secmount.oci.manifest import MANIFEST_LIMIT, Index, Manifest
from secmount.trust import gather as module
from secmount.trust.evidence import Evidence
from secmount.trust.gather import gather
from tests.support import keys, legacy, shelf
from tests.support.keyless import Keyless
from tests.support.keys import Signed
from tests.support.layouts import BUNDLE, OCI_MANIFEST, describe
from tests.support.minisig import WORKFLOW
from tests.support.shelf import Shelf
from tests.unit.trust import world
from tests.unit.trust.bench import MODEL, OTHER, RELEASE, STRANGER, evidence, signed, signer, signers

REPOSITORY = "ghcr.io/acme/model"


def at(source: Shelf, about: Manifest = MODEL, index: Index | None = None) -> Evidence:
    return gather(shelf.resolved(about, index), source, signers())


def numbered(number: int, key: keys.KeyPair = STRANGER) -> Signed:
    return signed(key, annotations={"n": str(number)})


def test_a_signature_gives_what_it_says() -> None:
    one = signed(repository=REPOSITORY, signed_at="2026-11-24T00:00:00Z", annotations={"team": "ml"})
    found = evidence(one)
    assert found.subject == MODEL.digest
    assert not found.truncated
    (signature,) = found.signatures
    assert (signature.format, signature.subject, signature.signers) == ("sigstore-bundle", MODEL.digest, ("release",))
    assert signature.principal == signature.key == RELEASE.principal
    assert (signature.issuer, signature.identity, signature.claims) == (None, None, {})
    assert signature.bound_to == REPOSITORY
    assert signature.annotations == {"team": "ml"}
    assert (signature.time.not_before, signature.time.not_before_source) == (1_795_478_400_000, keys.SIGNED_AT)
    assert (signature.time.not_after, signature.time.not_after_source) == (None, None)
    assert signature.material == Digest.of(one.bundle)
    (considered,) = found.considered
    assert (considered.outcome, considered.code, considered.signers) == ("counts", None, ("release",))
    assert (considered.material, considered.subject) == (signature.material, MODEL.digest)


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_every_kind_of_key(algorithm: str) -> None:
    key = keys.pair(algorithm)
    (found,) = evidence(signed(key), by=signers(signer(key))).signatures
    assert found.principal == key.principal


def test_no_signature_and_no_signers() -> None:
    assert evidence() == Evidence(MODEL.digest)
    nobody = evidence(signed(), by={})
    assert nobody.signatures == ()
    assert [one.code for one in nobody.considered] == ["SM2004"]
    assert nobody.considered[0].want == "one of no configured keys"


def test_several_signers_whatever_the_order() -> None:
    second = keys.pair("ed25519")
    both = signers(signer(RELEASE), signer(second, "qa"))
    one, two = signed(), signed(second)
    forth, back = evidence(one, two, by=both), evidence(two, one, by=both)
    assert {found.signers for found in forth.signatures} == {("release",), ("qa",)}
    assert forth.signatures == back.signatures


def test_one_payload_signed_twice_by_one_workflow_is_two_signatures() -> None:
    """Which of them a rule counts depends on the tag and the time: none takes the other's place."""
    said = legacy.payload(str(MODEL.digest))
    sans = [WORKFLOW, WORKFLOW.replace("/v1", "/v2")]
    made = [world.made(Keyless(artifact=said, certifying={"san": san})) for san in sans]
    for layers in (made, made[::-1]):
        source = Shelf()
        legacy.attach(source, str(MODEL.digest), *(legacy.keyless(bundle, said) for bundle in layers))
        found = gather(shelf.resolved(MODEL), source, {"ci": world.signer("ci")}, now_ms=world.NOW_MS)
        assert [one.identity for one in found.signatures] == sans


def test_signatures_of_the_index_are_about_the_index() -> None:
    index = shelf.index_of(MODEL, OTHER)
    source = Shelf()
    source.attach(signed(about=index, repository=REPOSITORY), to=str(index.digest))
    found = at(source, index=index)
    assert found.subject == MODEL.digest
    (signature,) = found.signatures
    assert signature.subject == index.digest
    assert found.considered[0].subject == index.digest
    assert at(source).signatures == ()


def test_a_signature_of_the_index_does_not_sign_the_manifest_itself() -> None:
    """Listed at the manifest, or said inside to be about the index while it hangs at the manifest: neither counts."""
    index = shelf.index_of(MODEL, OTHER)
    source = Shelf()
    source.attach(signed(about=index), to=str(MODEL.digest))
    source.attach(keys.refer(shelf.row_of(MODEL), signed(about=index).bundle), to=str(MODEL.digest))
    found = at(source, index=index)
    assert found.signatures == ()
    assert [one.code for one in found.considered] == ["SM2003", "SM2007"]


def test_one_broken_referrer_does_not_break_the_others() -> None:
    source = Shelf()
    subject = str(MODEL.digest)
    broken = source.attach(numbered(1), to=subject)
    source.blobs[broken["digest"]] = source.blobs[broken["digest"]].replace(b"schema", b"schemb")
    gone = source.attach(numbered(2), to=subject)
    del source.blobs[gone["digest"]]
    hollow = numbered(3)
    source.attach(hollow, to=subject)
    del source.blobs[str(Digest.of(hollow.bundle))]
    source.attach(keys.refer(shelf.row_of(MODEL), b"not json"), to=subject)
    long = source.attach(numbered(4), to=subject)
    source.lists[subject][-1] = {**long, "size": long["size"] + 1}
    source.attach(signed(), to=subject)
    found = at(source)
    assert len(found.signatures) == 1
    assert [one.code for one in found.considered] == ["SM5001", "SM4014", "SM4014", "SM5010", "SM5002", None]
    assert [one.outcome for one in found.considered] == ["invalid"] * 5 + ["counts"]
    assert all(one.material for one in found.considered)
    assert {(one.format, one.subject) for one in found.considered} == {("sigstore-bundle", MODEL.digest)}


def test_a_broken_list_is_no_list() -> None:
    index = shelf.index_of(MODEL)
    source = Shelf(faults={str(MODEL.digest): ContentError("SM5010", subject="fallback tag")})
    source.attach(signed(about=index), to=str(index.digest))
    found = at(source, index=index)
    assert [one.code for one in found.considered] == ["SM5010", None]
    assert found.considered[0].material is None


@pytest.mark.parametrize("where", ["list", "manifest", "bundle"])
def test_a_source_that_cannot_be_asked_stops_everything(where: str) -> None:
    one = signed()
    digests = {"list": str(MODEL.digest), "manifest": one.row["digest"], "bundle": str(Digest.of(one.bundle))}
    source = Shelf(faults={digests[where]: RegistryError("SM4001", subject="ghcr.io")})
    source.attach(one, to=str(MODEL.digest))
    with pytest.raises(RegistryError, match="SM4001"):
        at(source)


def test_more_referrers_than_are_read() -> None:
    source = Shelf()
    for number in range(64):
        report = keys.refer(shelf.row_of(MODEL), b"%d" % number, layer_type="text/plain", artifact_type="text/plain")
        source.attach(report, to=str(MODEL.digest))
    assert not at(source).truncated
    source.attach(signed(), to=str(MODEL.digest))
    found = at(source)
    assert found.truncated
    assert found.signatures == ()


def test_more_signatures_than_are_examined() -> None:
    source = Shelf()
    source.attach(signed(), to=str(MODEL.digest))
    for number in range(31):
        source.attach(numbered(number), to=str(MODEL.digest))
    whole = at(source)
    assert (len(whole.considered), whole.truncated) == (32, False)
    source.attach(numbered(99), to=str(MODEL.digest))
    asked = len(source.asked)
    cut = at(source)
    assert (len(cut.considered), cut.truncated) == (32, True)
    assert len(cut.signatures) == 1
    assert len(source.asked) - asked == 64  # a manifest and a bundle each, nothing of the 33rd


def test_the_limit_is_for_the_artifact_not_for_each_subject() -> None:
    index = shelf.index_of(MODEL)
    source = Shelf()
    for number in range(32):
        source.attach(numbered(number), to=str(MODEL.digest))
    source.attach(signed(about=index), to=str(index.digest))
    found = at(source, index=index)
    assert (len(found.considered), found.truncated) == (32, True)


def test_a_row_listed_many_times_is_read_once() -> None:
    source = Shelf()
    for _ in range(10):
        source.attach(signed(), to=str(MODEL.digest))
    one = source.lists[str(MODEL.digest)][0]
    source.lists[str(MODEL.digest)] = [one] * 10
    found = at(source)
    assert len(found.considered) == 1
    assert len(source.asked) == 2


def test_sizes_are_compared_before_anything_is_asked_for() -> None:
    source = Shelf()
    huge = describe(b"x", OCI_MANIFEST)
    huge["size"] = MANIFEST_LIMIT
    source.lists[str(MODEL.digest)] = [huge]
    layer = describe(b"x", BUNDLE)
    layer["size"] = 1 << 30
    source.attach(signed(edit_manifest=lambda document: document.update(layers=[layer])), to=str(MODEL.digest))
    found = at(source)
    assert [one.code for one in found.considered] == ["SM5011", "SM5011"]
    assert str(huge["digest"]) not in source.asked
    assert layer["digest"] not in source.asked


def test_what_is_kept_makes_the_evidence_again() -> None:
    first = evidence(signed(), signed(STRANGER), signed(predicate_type="https://slsa.dev/provenance/v1"))
    assert len(first.considered) == 3
    source = Shelf({str(kept.descriptor.digest): kept.raw for kept in first.kept})
    for kept in first.kept:
        assert Digest.of(kept.raw) == kept.descriptor.digest
        assert len(kept.raw) == kept.descriptor.size
    rows = [one.descriptor for one in first.kept if one.descriptor.media_type == OCI_MANIFEST]
    source.lists[str(MODEL.digest)] = [
        {"mediaType": row.media_type, "digest": str(row.digest), "size": row.size} for row in rows
    ]
    assert {row.artifact_type for row in rows} == {BUNDLE}
    assert not any("org.opencontainers.image.ref.name" in row.annotations for row in rows)
    again = at(source)
    assert again.signatures == first.signatures
    assert set(again.considered) == set(first.considered)
    assert str(Digest.of(b"{}")) in source.blobs


def test_what_is_broken_is_not_kept() -> None:
    assert evidence(keys.refer(shelf.row_of(MODEL), b"{}")).kept == ()
    assert evidence(signed(about=OTHER)).kept == ()
    assert evidence(signed(STRANGER, hint=RELEASE.hint)).kept == ()


def test_what_is_kept_is_bounded_and_begins_with_what_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_LIMIT", 4000)
    found = evidence(*(numbered(number) for number in range(4)), signed())
    bundles = [one.descriptor.digest for one in found.kept if one.descriptor.media_type == BUNDLE]
    assert bundles[0] == found.signatures[0].material
    assert 1 <= len(bundles) < 5
    assert sum(len(one.raw) for one in found.kept) <= 4000


@pytest.mark.parametrize(("less", "lost"), [(0, 0), (1, 1)])
def test_all_is_kept_that_the_limit_holds_and_broken_pieces_do_not_end_it(
    monkeypatch: pytest.MonkeyPatch, less: int, lost: int
) -> None:
    broken = keys.refer(shelf.row_of(MODEL), b"not json")
    given = (numbered(1), broken, numbered(2))
    whole = evidence(*given).kept
    assert len([one for one in whole if one.descriptor.media_type == BUNDLE]) == 2
    monkeypatch.setattr(module, "KEPT_LIMIT", sum(len(one.raw) for one in whole) - less)
    kept = evidence(*given).kept
    assert len([one for one in kept if one.descriptor.media_type == BUNDLE]) == 2 - lost


def test_a_config_of_its_own_is_not_taken_for_the_empty_one() -> None:
    config = describe(b'{"a":1}', "application/json")
    found = evidence(signed(edit_manifest=lambda document: document.update(config=config)))
    assert len(found.signatures) == 1
    assert [one.descriptor.media_type for one in found.kept] == [
        BUNDLE,
        OCI_MANIFEST,
    ]


def test_an_index_among_the_referrers_is_no_material() -> None:
    source = Shelf()
    index = shelf.index_of(MODEL)
    source.put(index.raw)
    source.lists[str(MODEL.digest)] = [{**shelf.row_of(index), "artifactType": BUNDLE}]
    found = at(source)
    assert (found.considered, found.truncated) == ((), False)
