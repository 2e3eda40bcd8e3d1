"""Attacks by what stands around a signature: message signatures, keys, revocation, referrers, limits."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from tests.support import keys, shelf
from tests.support.layouts import BUNDLE, OCI_EMPTY, OCI_MANIFEST, Json, describe, encode
from tests.unit.trust import curve
from tests.unit.trust.bench import MODEL, OTHER, RELEASE, STRANGER, evidence, refusal, signed, signer, signers

Edit = Callable[[Json], Any]


def test_a_bare_signature_counts_only_for_a_signer_that_says_so() -> None:
    bare = keys.refer(shelf.row_of(MODEL), keys.message_bundle(MODEL.raw, RELEASE))
    found = refusal(bare)
    assert (found.code, found.outcome, found.signers) == ("SM2012", "unacceptable", ("release",))
    allowed = signers(signer(RELEASE, message_signature=True))
    (counted,) = evidence(bare, by=allowed).signatures
    assert counted.bound_to is None
    assert counted.time.not_before is None


def test_a_bare_signature_over_other_bytes() -> None:
    allowed = signers(signer(RELEASE, message_signature=True))
    other = keys.refer(shelf.row_of(MODEL), keys.message_bundle(OTHER.raw, RELEASE))
    assert refusal(other, by=allowed).code == "SM2005"


@pytest.mark.parametrize("change", [{"digest": "AAAA"}, {"algorithm": "SHA3_256"}, {"algorithm": None}])
def test_a_bare_signature_that_names_another_digest(change: Json) -> None:
    allowed = signers(signer(RELEASE, message_signature=True))

    def lying(bundle: Json) -> None:
        bundle["messageSignature"]["messageDigest"].update(change)

    bare = keys.refer(shelf.row_of(MODEL), keys.message_bundle(MODEL.raw, RELEASE, edit_bundle=lying))
    assert refusal(bare, by=allowed).code == "SM2007"


def test_a_message_signature_is_not_an_envelope() -> None:
    """The same signature bytes must not verify in the other of the two shapes."""
    payload = encode(keys.statement(str(MODEL.digest)))
    sig = base64.b64encode(RELEASE.sign(keys.pae(keys.IN_TOTO, payload))).decode()
    whole = keys.decoded(keys.message_bundle(MODEL.raw, RELEASE))
    whole["messageSignature"] = {"signature": sig}
    allowed = signers(signer(RELEASE, message_signature=True))
    assert refusal(keys.refer(shelf.row_of(MODEL), encode(whole)), by=allowed).code == "SM2005"


def test_a_second_key_computed_from_a_signature_is_not_a_second_signer() -> None:
    original = signed()
    twin = curve.key_that_fits(original.bundle, RELEASE)
    assert twin.principal != RELEASE.principal
    both = signers(signer(RELEASE), replace(signer(RELEASE, "twin"), spki=twin.spki, principal=twin.principal))
    assert evidence(original, by=signers(replace(both["twin"]))).signatures[0].principal == twin.principal
    found = refusal(original, by=both)
    assert (found.code, found.outcome) == ("SM2016", "unacceptable")


def test_one_key_under_two_names_is_one_principal() -> None:
    both = signers(signer(RELEASE), signer(RELEASE, "again"))
    (found,) = evidence(signed(), by=both).signatures
    assert found.signers == ("release", "again")
    assert found.principal == RELEASE.principal


def test_one_bundle_listed_twice_is_one_signature() -> None:
    first = signed()
    second = keys.refer(shelf.row_of(MODEL), first.bundle, edit_manifest=lambda one: one["annotations"].update(a="b"))
    found = evidence(first, second)
    assert len(found.signatures) == 1
    assert [one.outcome for one in found.considered] == ["counts", "counts"]


def test_a_revoked_key() -> None:
    found = refusal(signed(), by=signers(signer(RELEASE, revoked=True)))
    assert (found.code, found.outcome, found.signers) == ("SM2014", "unacceptable", ("release",))


def test_revocation_sticks_to_the_key_under_whatever_name() -> None:
    both = signers(signer(RELEASE), signer(RELEASE, "old", revoked=True))
    assert refusal(signed(), by=both).code == "SM2014"


@pytest.mark.parametrize("bound", ["valid_from", "valid_until", "revoked_since"])
def test_a_bounded_key_needs_a_time_that_its_holder_cannot_write(bound: str) -> None:
    limits: Json = {bound: 1_700_000_000_000}
    bounded = signers(signer(RELEASE, **limits))
    for said in ("2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"):
        assert refusal(signed(signed_at=said), by=bounded).code == "SM2015"


@pytest.mark.parametrize(
    "said",
    [
        {keys.SIGNED_AT: "yesterday"},
        {keys.SIGNED_AT: "2026-11-24T00:00:00"},
        {keys.SIGNED_AT: 1_764_000_000},
        {keys.SIGNED_AT: ""},
        {keys.REPOSITORY: "GHCR.io/acme/model"},
        {keys.REPOSITORY: "ghcr.io/acme/model:v1"},
        {keys.REPOSITORY: "model"},
        {keys.REPOSITORY: ""},
        {keys.REPOSITORY: ["ghcr.io/acme/model"]},
        {keys.REPOSITORY: "oci:srv/model"},
        {keys.REPOSITORY: "oci:/srv/../model"},
        {keys.REPOSITORY: "oci:/srv/model:v1"},
        {"io.secmount.only-on-tuesdays": "true"},
    ],
)
def test_a_restriction_that_cannot_be_read(said: Json) -> None:
    found = refusal(signed(annotations=said))
    assert (found.code, found.outcome, found.signers) == ("SM2011", "invalid", ("release",))


def test_facts_come_only_from_inside_the_signed_bytes() -> None:
    def told(document: Json) -> None:
        document["annotations"].update({keys.REPOSITORY: "ghcr.io/evil/model", keys.SIGNED_AT: "2026-01-01T00:00:00Z"})

    (found,) = evidence(signed(edit_manifest=told)).signatures
    assert found.bound_to is None
    assert found.time.not_before is None
    assert found.annotations == {}


def _entry() -> Json:
    return {
        "logIndex": "7",
        "logId": {"keyId": "AAAA"},
        "kindVersion": {"kind": "dsse", "version": "0.0.1"},
        "integratedTime": "1700000000",
        "inclusionPromise": {"signedEntryTimestamp": "AAAA"},
        "inclusionProof": {"rootHash": "AAAA", "treeSize": "9", "hashes": ["AAAA"], "checkpoint": {"envelope": "x"}},
        "canonicalizedBody": "AAAA",
    }


def _garbage(bundle: Json) -> None:
    material = bundle["verificationMaterial"]
    material["tlogEntries"] = [_entry()]
    material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": "AAAA"}]}


def test_garbage_for_a_log_entry_is_not_believed_and_harms_nothing() -> None:
    (found,) = evidence(signed(edit_bundle=_garbage)).signatures
    assert found.time.not_after is None
    bounded = signers(signer(RELEASE, valid_from=1_600_000_000_000))
    assert refusal(signed(edit_bundle=_garbage), by=bounded).code == "SM2015"
    assert refusal(signed(STRANGER, edit_bundle=_garbage)).code == "SM2004"


def test_more_log_entries_or_stamps_than_are_read() -> None:
    def entries(bundle: Json) -> None:
        bundle["verificationMaterial"]["tlogEntries"] = [_entry()] * 33

    def stamps(bundle: Json) -> None:
        stamp = {"signedTimestamp": "AAAA"}
        bundle["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": [stamp] * 33}

    assert refusal(signed(edit_bundle=entries)).code == "SM2013"
    assert refusal(signed(edit_bundle=stamps)).code == "SM2013"


def test_a_weak_hash_is_no_signature() -> None:
    assert refusal(signed(signing={"digest": hashes.SHA1()})).code == "SM2005"


def test_a_referrer_with_two_bundles_or_none() -> None:
    extra = describe(b"x", BUNDLE)
    assert refusal(signed(edit_manifest=lambda document: document["layers"].append(extra))).code == "SM2002"
    assert refusal(signed(edit_manifest=lambda document: document.update(layers=[]))).code == "SM2002"
    other = describe(b"x", "text/plain")
    assert refusal(signed(edit_manifest=lambda document: document["layers"].insert(0, other))).code == "SM2002"


def test_a_bundle_whose_type_is_not_what_its_layer_says() -> None:
    old = "application/vnd.dev.sigstore.bundle+json;version=0.1"
    assert refusal(keys.refer(shelf.row_of(MODEL), signed().bundle, layer_type=old)).code == "SM2001"
    new = "application/vnd.dev.sigstore.bundle.v0.4+json"
    assert refusal(keys.refer(shelf.row_of(MODEL), signed(media_type=new).bundle, layer_type=new)).code == "SM2001"


def test_artifact_type_is_a_hint() -> None:
    for kind in ("application/spdx+json", OCI_EMPTY, None):
        lying = keys.refer(shelf.row_of(MODEL), signed().bundle, artifact_type=kind)
        assert len(evidence(lying).signatures) == 1
    assert refusal(keys.refer(shelf.row_of(MODEL), b"{}", layer_type="text/plain")).code == "SM2002"


def test_other_referrers_are_no_signature_material() -> None:
    report = keys.refer(
        shelf.row_of(MODEL), b"{}", layer_type="application/spdx+json", artifact_type="application/spdx+json"
    )
    found = evidence(report)
    assert found.signatures == ()
    assert found.considered == ()
    assert found.kept == ()


def test_a_bundle_larger_than_is_read() -> None:
    large = signed(annotations={"x": "y" * (1 << 20)})
    found = refusal(large)
    assert (found.code, found.outcome) == ("SM5011", "invalid")


def test_a_referrer_manifest_larger_than_is_read() -> None:
    large = signed(edit_manifest=lambda document: document["annotations"].update(x="y" * (1 << 20)))
    assert refusal(large).code == "SM5011"


def test_a_referrer_listed_under_another_type() -> None:
    row = signed()
    assert (
        refusal(replace(row, row={**row.row, "mediaType": "application/vnd.docker.distribution.manifest.v2+json"})).code
        == "SM5013"
    )
    assert row.row["mediaType"] == OCI_MANIFEST
