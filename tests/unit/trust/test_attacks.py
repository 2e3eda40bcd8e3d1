"""Attacks on managed-key signatures: each one material that must not count, and says why."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import keys, shelf
from tests.support.layouts import Json, encode
from tests.unit.trust.bench import MODEL, OTHER, RELEASE, STRANGER, evidence, refusal, signed

Edit = Callable[[Json], Any]


def test_a_signature_by_an_unknown_key() -> None:
    found = refusal(signed(STRANGER))
    assert (found.code, found.outcome, found.signers) == ("SM2004", "unacceptable", ())
    assert found.got == f"a key that calls itself {STRANGER.principal}"


def test_a_signature_that_calls_itself_by_a_configured_key() -> None:
    assert refusal(signed(STRANGER, hint=RELEASE.hint)).code == "SM2005"


@pytest.mark.parametrize("hint", ["", "release", STRANGER.hint, "AAAA", "\u202e", "A" * 3000], ids=range(6))
def test_a_hint_decides_nothing(hint: str) -> None:
    assert evidence(signed(hint=hint)).signatures[0].principal == RELEASE.principal


def test_a_copied_bundle_under_a_new_referrer() -> None:
    copied = keys.refer(shelf.row_of(MODEL), signed(about=OTHER).bundle)
    found = refusal(copied)
    assert (found.code, found.outcome, found.signers) == ("SM2007", "unacceptable", ("release",))
    assert str(OTHER.digest) in (found.got or "")
    assert found.want == str(MODEL.digest)


def test_a_copied_referrer_listed_at_another_artifact() -> None:
    found = refusal(signed(about=OTHER))
    assert (found.code, found.outcome) == ("SM2003", "invalid")
    assert str(OTHER.digest) in (found.got or "")


@pytest.mark.parametrize(
    "change", [{"size": 1}, {"mediaType": "application/vnd.oci.image.index.v1+json"}, {"digest": "sha256:" + "0" * 64}]
)
def test_a_referrer_whose_subject_does_not_fit_exactly(change: Json) -> None:
    assert refusal(signed(edit_manifest=lambda document: document["subject"].update(change))).code == "SM2003"


def test_a_referrer_without_a_subject() -> None:
    assert refusal(signed(edit_manifest=lambda document: document.pop("subject"))).code == "SM2003"


@pytest.mark.parametrize(
    "predicate",
    [
        "https://slsa.dev/provenance/v1",
        "https://sigstore.dev/cosign/sign/v1/",
        "https://cosign.sigstore.dev/attestation/v1",
    ],
)
def test_an_attestation_is_not_a_signature(predicate: str) -> None:
    found = refusal(signed(predicate_type=predicate))
    assert (found.code, found.outcome, found.signers) == ("SM2008", "unacceptable", ("release",))


def test_an_attestation_that_the_referrer_calls_a_signature() -> None:
    attestation = signed(predicate_type="https://slsa.dev/provenance/v1")
    assert json.loads(attestation.manifest)["annotations"]["dev.sigstore.bundle.predicateType"] == keys.COSIGN_SIGN
    assert refusal(attestation).code == "SM2008"


def test_a_payload_type_exchanged_after_signing() -> None:
    swapped = signed(
        payload_type="application/json", edit_envelope=lambda envelope: envelope.update(payloadType=keys.IN_TOTO)
    )
    assert refusal(swapped).code == "SM2005"


def test_a_statement_signed_under_another_payload_type() -> None:
    assert refusal(signed(payload_type="application/json")).code == "SM2009"


def test_a_payload_signed_without_its_pae() -> None:
    def bare(envelope: Json) -> None:
        payload = base64.b64decode(envelope["payload"])
        envelope["signatures"][0]["sig"] = base64.b64encode(RELEASE.sign(payload)).decode()

    assert refusal(signed(edit_envelope=bare)).code == "SM2005"


def test_bytes_moved_between_payload_type_and_payload() -> None:
    """Joined without their lengths, what was signed and what is shown would be the same bytes."""
    payload = json.dumps(keys.statement(str(MODEL.digest))).encode()
    head, _, rest = payload.partition(b" ")

    def moved(envelope: Json) -> None:
        envelope.update(payloadType=keys.IN_TOTO, payload=base64.b64encode(payload).decode())

    kind = f"{keys.IN_TOTO} {head.decode()}"
    assert f"{kind} {rest.decode()}" == f"{keys.IN_TOTO} {payload.decode()}"
    assert refusal(signed(payload=rest, payload_type=kind, edit_envelope=moved)).code == "SM2005"


def test_a_payload_changed_after_signing() -> None:
    def changed(envelope: Json) -> None:
        envelope["payload"] = base64.b64encode(encode(keys.statement(str(MODEL.digest), repository="x.io/y"))).decode()

    assert refusal(signed(edit_envelope=changed)).code == "SM2005"


def test_two_signatures_in_one_envelope() -> None:
    def doubled(envelope: Json) -> None:
        envelope["signatures"].insert(0, {"sig": base64.b64encode(b"junk").decode()})

    assert refusal(signed(edit_envelope=doubled)).code == "SM2013"


def test_no_signature_in_an_envelope() -> None:
    assert refusal(signed(edit_envelope=lambda envelope: envelope.update(signatures=[]))).code == "SM2001"
    assert refusal(signed(edit_envelope=lambda envelope: envelope["signatures"][0].update(sig=""))).code == "SM2001"


@pytest.mark.parametrize("junk", [b"\0", b"0\x06\x02\x01\0\x02\x01\0", b"0\x06\x02\x01\x01\x02\x01\x01", b"A" * 3000])
def test_junk_for_a_signature(junk: bytes) -> None:
    sig = base64.b64encode(junk).decode()
    assert refusal(signed(edit_envelope=lambda envelope: envelope["signatures"][0].update(sig=sig))).code == "SM2005"


def test_keyid_decides_nothing() -> None:
    named = signed(edit_envelope=lambda envelope: envelope["signatures"][0].update(keyid=STRANGER.hint))
    assert evidence(named).signatures[0].principal == RELEASE.principal
    foreign = signed(STRANGER, edit_envelope=lambda envelope: envelope["signatures"][0].update(keyid=RELEASE.hint))
    assert refusal(foreign).code == "SM2004"


@pytest.mark.parametrize(
    "digests",
    [
        {"sha512": "0" * 128},
        {"sha256": MODEL.digest.hex.upper()},
        {"sha256": MODEL.digest.hex[:63]},
        {"sha256": f"sha256:{MODEL.digest.hex}"},
        {"SHA256": MODEL.digest.hex},
        {"sha256": f" {MODEL.digest.hex}"},
        {"gitCommit": MODEL.digest.hex, "sha256": OTHER.digest.hex},
    ],
)
def test_a_subject_whose_digest_is_not_exactly_ours(digests: dict[str, str]) -> None:
    assert refusal(signed(edit_statement=lambda said: said["subject"][0].update(digest=digests))).code == "SM2007"


def test_a_digest_in_the_name_of_a_subject() -> None:
    def named(said: Json) -> None:
        said["subject"] = [{"name": str(MODEL.digest), "digest": {"sha256": OTHER.digest.hex}}]

    assert refusal(signed(edit_statement=named)).code == "SM2007"


def test_the_same_subject_twice_with_different_words() -> None:
    def twice(said: Json) -> None:
        row = said["subject"][0]
        said["subject"] = [row, {**row, "annotations": {keys.REPOSITORY: "ghcr.io/evil/model"}}]

    assert refusal(signed(repository="ghcr.io/acme/model", edit_statement=twice)).code == "SM2010"


def test_one_of_several_subjects_is_enough_and_only_its_words_count() -> None:
    def second(said: Json) -> None:
        foreign = {"digest": {"sha256": OTHER.digest.hex}, "annotations": {keys.REPOSITORY: "ghcr.io/evil/model"}}
        said["subject"] = [foreign, *said["subject"]]

    (found,) = evidence(signed(repository="ghcr.io/acme/model", edit_statement=second)).signatures
    assert found.bound_to == "ghcr.io/acme/model"


@pytest.mark.parametrize("count", [33, 5000])
def test_more_subjects_than_are_read(count: int) -> None:
    def many(said: Json) -> None:
        said["subject"] = said["subject"] * count

    assert refusal(signed(edit_statement=many)).code == "SM2013"


@pytest.mark.parametrize("kind", ["https://in-toto.io/Statement/v2", "", None, 1])
def test_a_statement_of_another_version(kind: object) -> None:
    assert refusal(signed(edit_statement=lambda said: said.update(_type=kind))).code == "SM2010"


def test_a_signed_payload_with_a_duplicate_key() -> None:
    good, bad = (encode(keys.statement(str(one.digest))).decode() for one in (MODEL, OTHER))
    payload = good[:-1] + "," + bad[1:]
    assert refusal(signed(payload=payload.encode())).code == "SM2010"


def test_a_signed_payload_that_is_no_statement() -> None:
    for payload in (b"null", b"[]", b"{}", b"not json", b'"' + str(MODEL.digest).encode() + b'"'):
        assert refusal(signed(payload=payload)).code == "SM2010"


def test_a_bundle_with_a_duplicate_key() -> None:
    good, bad = signed().bundle.decode(), signed(STRANGER).bundle.decode()
    both = good[:-1] + "," + bad[1:]
    assert refusal(keys.refer(shelf.row_of(MODEL), both.encode())).code == "SM5010"


def test_a_certificate_beside_a_key_hint() -> None:
    def both(bundle: Json) -> None:
        bundle["verificationMaterial"]["certificate"] = {"rawBytes": "AAAA"}

    assert refusal(signed(edit_bundle=both)).code == "SM2001"


@pytest.mark.parametrize(
    "material",
    [{"certificate": {"rawBytes": "AAAA"}}, {"x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}] * 3}}],
)
def test_a_certificate_is_not_taken_for_a_key(material: Json) -> None:
    found = refusal(signed(edit_bundle=lambda bundle: bundle.update(verificationMaterial=material)))
    assert (found.code, found.outcome) == ("SM2006", "unacceptable")


def test_a_message_signature_beside_an_envelope() -> None:
    message = keys.decoded(keys.message_bundle(MODEL.raw, RELEASE))["messageSignature"]
    assert refusal(signed(edit_bundle=lambda bundle: bundle.update(messageSignature=message))).code == "SM2001"
