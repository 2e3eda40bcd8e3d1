"""Cosign's older signatures: what they say, several at one tag, and where they are looked for."""

from __future__ import annotations

import json

import pytest

from secmount.errors import RegistryError, TrustError
from secmount.oci.digest import Digest
from secmount.trust.claim import CertificateChain, KeyHint
from secmount.trust.evidence import Evidence
from secmount.trust.formats import legacy as module
from secmount.trust.gather import gather
from tests.support import keys, legacy, shelf
from tests.support.keyless import Keyless
from tests.support.layouts import Json, encode
from tests.support.minisig import WORKFLOW, b64, der
from tests.support.shelf import Shelf
from tests.unit.trust import world
from tests.unit.trust.attacks.formats.attestations import Seen, alone, attestation, intoto, whole
from tests.unit.trust.attacks.formats.build import SUBJECT, company, keyless, looked_at
from tests.unit.trust.attacks.formats.legacy import GOOD, saying, tagged
from tests.unit.trust.attacks.formats.statements import PROVENANCE, SUMMARY, VSA, attested
from tests.unit.trust.bench import MODEL, RELEASE, STRANGER, signer, signers
from tests.unit.trust.world import NOW_MS

TAG = SUBJECT.replace(":", "-")
BOTH = signers(signer(RELEASE), signer(STRANGER, "second"))


def at(source: Shelf, **more: object) -> Evidence:
    return gather(shelf.resolved(MODEL), source, signers(), **more)  # type: ignore[arg-type]


def test_a_signature_gives_what_it_says() -> None:
    optional: Json = {"team": "ml", "build": 7, "io.secmount.signed-at": "2026-11-24T00:00:00Z"}
    (found,) = looked_at(saying(optional=optional), signers()).signatures
    assert (found.format, found.bound_to, found.signers) == ("cosign-legacy", "ghcr.io/acme/model", ("release",))
    assert dict(found.annotations) == {"team": "ml"}
    assert found.time.not_before == 1_795_478_400_000
    assert found.material == Digest.of(legacy.payload(SUBJECT, optional=optional))
    assert (found.issuer, found.identity, found.root, found.files) == (None, None, None, None)


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("", None),
        ("ghcr.io/acme/model", "ghcr.io/acme/model"),
        ("index.docker.io/library/redis", "docker.io/library/redis"),
        ("ghcr.io/acme/model:v1", "ghcr.io/acme/model"),
        (f"ghcr.io/acme/model@{SUBJECT}", "ghcr.io/acme/model"),
    ],
)
def test_the_reference_binds_to_a_repository(reference: str, expected: str | None) -> None:
    (found,) = looked_at(saying(reference=reference), signers()).signatures
    assert found.bound_to == expected


def test_a_layout_is_bound_by_the_optional_part() -> None:
    optional: Json = {"io.secmount.repository": "oci:/srv/model"}
    (found,) = looked_at(saying(reference="", optional=optional), signers()).signatures
    assert found.bound_to == "oci:/srv/model"


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_every_kind_of_key(algorithm: str) -> None:
    pair = keys.pair(algorithm)
    assert looked_at(tagged(lambda: legacy.layer(GOOD, pair)), signers(signer(pair))).signatures


def test_a_keyless_signature_gives_identity_and_times() -> None:
    (found,) = looked_at(tagged(lambda: legacy.keyless(world.made(Keyless(artifact=GOOD)), GOOD)), keyless()).signatures
    assert (found.identity, found.signers, found.root) == (WORKFLOW, ("ci",), world.plain_root().digest)
    assert found.time.not_after_source == "transparency log"
    assert found.time.not_before is not None


def test_a_chain_beside_the_certificate_is_read() -> None:
    bundle = world.made(Keyless(artifact=GOOD))
    said, kind, notes = legacy.keyless(bundle, GOOD)
    chain = legacy.pem(der(world.sigstore().intermediate.certificate)) * 2
    assert looked_at(tagged(lambda: (said, kind, {**notes, legacy.CHAIN: chain})), keyless()).signatures
    with pytest.raises(TrustError, match="SM2013"):
        module.parse(said, {**notes, legacy.CHAIN: chain * 6})


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_certificates_are_read_line_by_line_as_cosign_writes_them(end: str) -> None:
    text = "".join(legacy.pem(bytes((number,)) * 100, width=64) for number in range(10)).replace("\n", end)
    notes = {legacy.SIGNATURE: "AAAA", legacy.CERTIFICATE: text, legacy.CHAIN: text}
    chain = tuple(bytes((number,)) * 100 for number in range(10))
    assert module.parse(GOOD, notes).by == CertificateChain((chain[0], *chain))
    for more in (legacy.CERTIFICATE, legacy.CHAIN):
        with pytest.raises(TrustError, match="SM2013"):
            module.parse(GOOD, {**notes, more: text + legacy.pem(b"one more")})


def test_without_a_certificate_nothing_names_the_key() -> None:
    for notes in ({}, {legacy.CERTIFICATE: "", legacy.CHAIN: "", legacy.BUNDLE: "", legacy.STAMP: ""}):
        claim = module.parse(GOOD, {legacy.SIGNATURE: "AAAA", **notes})
        assert (claim.by, claim.entries, claim.stamps) == (KeyHint(""), (), ())


def test_the_first_entry_of_a_log_is_one() -> None:
    body = encode({"kind": "hashedrekord", "apiVersion": "0.0.1"})
    payload: Json = {"body": b64(body), "integratedTime": 0, "logIndex": 0, "logID": "ab" * 32}
    text = json.dumps({"SignedEntryTimestamp": "AAAA", "Payload": payload})
    (entry,) = module.parse(GOOD, {legacy.SIGNATURE: "AAAA", legacy.BUNDLE: text}).entries
    assert (entry.log_index, entry.integrated_time, entry.log_id) == (0, 0, b"\xab" * 32)
    assert (entry.kind, entry.version, entry.body) == ("hashedrekord", "0.0.1", body)


def test_a_managed_key_that_was_logged_has_the_log_s_time() -> None:
    bundle = world.made(Keyless(artifact=GOOD, managed=True, key=RELEASE.private))
    (found,) = looked_at(tagged(lambda: legacy.keyless(bundle, GOOD)), signers()).signatures
    assert found.time.not_after_source == "transparency log"


def test_what_is_beside_the_signature_is_no_evidence() -> None:
    notes = {"team": "evil", "io.secmount.repository": "ghcr.io/evil/model", "predicateType": keys.COSIGN_SIGN}
    (found,) = looked_at(tagged(lambda: legacy.layer(GOOD, RELEASE, **notes)), signers()).signatures
    assert (found.bound_to, dict(found.annotations)) == ("ghcr.io/acme/model", {})


def test_several_signatures_over_one_payload_are_several() -> None:
    source = Shelf()
    legacy.attach(source, SUBJECT, legacy.layer(GOOD, RELEASE), legacy.layer(GOOD, STRANGER))
    found = gather(shelf.resolved(MODEL), source, BOTH)
    assert {one.signers for one in found.signatures} == {("release",), ("second",)}
    assert len({one.material for one in found.signatures}) == 1


def test_one_bad_layer_hides_no_other() -> None:
    source = Shelf()
    layers = [legacy.layer(GOOD, STRANGER), (b"x", legacy.SIMPLE, {}), legacy.layer(GOOD, RELEASE)]
    legacy.attach(source, SUBJECT, *layers, (b"text", "text/plain", {}))
    found = at(source)
    assert [one.code for one in found.considered] == ["SM2004", "SM2051", None]
    assert not found.truncated


def test_an_attestation_is_evidence_of_its_own() -> None:
    for version in (keys.STATEMENT_V01, keys.STATEMENT_V1):
        found = looked_at(attested(predicate_type=PROVENANCE, statement_type=version), signers())
        (one,) = found.attestations
        assert (one.predicate_type, one.predicate, one.signers) == (PROVENANCE, {}, ("release",))
        assert found.signatures == ()


@pytest.mark.parametrize("stamped", [whole, alone])
def test_a_stamp_of_an_attestation_is_of_its_envelope_or_of_its_signature(stamped: Seen) -> None:
    (found,) = looked_at(attestation(stamped=stamped), keyless()).attestations
    assert (found.predicate_type, found.identity) == (PROVENANCE, WORKFLOW)
    assert found.time.not_after_source == "timestamp authority"


def test_an_attestation_that_was_logged_as_a_whole() -> None:
    """What cosign logged before there was the kind dsse: the envelope's hash, and the certificate."""
    (found,) = looked_at(attestation(logged=intoto()), keyless()).attestations
    assert (found.identity, found.time.not_after_source) == (WORKFLOW, "transparency log")
    assert looked_at(attestation(logged=intoto(), stamped=whole), keyless()).attestations


@pytest.mark.parametrize("seen", [{"stamped": whole}, {"logged": intoto()}])
def test_a_managed_key_has_the_time_of_whoever_saw_its_envelope(seen: Json) -> None:
    (found,) = looked_at(attestation(managed=RELEASE, **seen), signers()).attestations
    assert found.signers == ("release",) and found.time.not_after is not None


def test_a_stamp_of_a_company_s_envelope_outlives_the_certificate() -> None:
    ended = NOW_MS + 11 * 86_400_000
    (found,) = looked_at(attestation(company=True, stamped=whole), company(), now_ms=ended).attestations
    assert found.time.not_after_source == "timestamp authority"
    assert not looked_at(attestation(company=True), company(), now_ms=ended).attestations


@pytest.mark.parametrize("result", ["PASSED", "FAILED"])
def test_a_summary_is_an_attestation_whatever_it_says(result: str) -> None:
    said = {**SUMMARY, "verificationResult": result}
    statement = {**keys.statement(SUBJECT, predicate_type=VSA), "predicate": said}
    source = Shelf()
    legacy.attach(source, SUBJECT, legacy.attested(keys.envelope(RELEASE, encode(statement))), suffix=".att")
    found = at(source)
    assert [one.predicate for one in found.attestations] == [said]
    assert found.signatures == ()


def test_a_referrer_of_cosign_s_experiment_holds_several() -> None:
    layers = [legacy.layer(GOOD, RELEASE), legacy.layer(GOOD, STRANGER)]
    subject = shelf.row_of(MODEL)

    def edit(document: Json) -> None:
        kind = "application/vnd.dev.cosign.artifact.sig.v1+json"
        about = {name: subject[name] for name in ("mediaType", "digest", "size")}
        document.update(artifactType=kind, subject=about)

    source = Shelf()
    row = legacy.attach(source, SUBJECT, *layers, edit=edit)
    source.tags.clear()
    source.lists[SUBJECT] = [row]
    assert len(gather(shelf.resolved(MODEL), source, BOTH).signatures) == 2


def test_a_source_that_cannot_be_asked_for_a_tag_stops_everything() -> None:
    source = Shelf(faults={f"{TAG}.sig": RegistryError("SM4001", subject="ghcr.io")})
    with pytest.raises(RegistryError, match="SM4001"):
        at(source)


def test_a_tag_that_names_several_manifests_names_none() -> None:
    source = Shelf(faults={f"{TAG}.sig": RegistryError("SM4011", subject="layout")})
    assert [one.code for one in at(source).considered] == ["SM4011"]


def test_endless_signatures_at_a_tag() -> None:
    source = Shelf()
    layers = [legacy.layer(legacy.payload(SUBJECT, optional={"n": number}), STRANGER) for number in range(40)]
    legacy.attach(source, SUBJECT, *layers, legacy.layer(GOOD, RELEASE))
    found = at(source)
    assert (len(found.considered), found.truncated) == (32, True)
    assert len(source.asked) == 33  # the manifest and 32 payloads


def test_what_is_kept_is_found_again_at_its_tag() -> None:
    source = Shelf()
    legacy.attach(source, SUBJECT, legacy.layer(GOOD, RELEASE))
    kept = at(source).kept
    again = Shelf()
    for part in kept:
        again.put(part.raw)
        name = part.descriptor.annotations.get("org.opencontainers.image.ref.name")
        if name is not None:
            again.tags[name] = {
                "mediaType": part.descriptor.media_type,
                "digest": str(part.descriptor.digest),
                "size": part.descriptor.size,
            }
    assert at(again) == at(source)
    assert at(again).signatures
