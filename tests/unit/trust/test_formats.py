"""Bundles, envelopes and statements: what is read, and what is refused where readers disagree."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from secmount.errors import ContentError, SecmountError, TrustError
from secmount.trust.claim import CertificateChain, Claim, Envelope, KeyHint, Message
from secmount.trust.encoding import decode_base64
from secmount.trust.formats import bundle, dsse, statement
from tests.support import keys
from tests.support.layouts import BUNDLE, Json, digest_of, encode
from tests.unit.trust.bench import MODEL, RELEASE

OLD = "application/vnd.dev.sigstore.bundle+json;version="
ENTRY: Json = {
    "logIndex": "7",
    "logId": {"keyId": "AQI="},
    "kindVersion": {"kind": "dsse", "version": "0.0.1"},
    "integratedTime": "1700000000",
    "inclusionPromise": {"signedEntryTimestamp": "Aw=="},
    "inclusionProof": {
        "logIndex": "5",
        "rootHash": "BA==",
        "treeSize": "9",
        "hashes": ["BQ==", "Bg=="],
        "checkpoint": {"envelope": "origin\n9\n"},
    },
    "canonicalizedBody": "Bw==",
}


def good(**change: Any) -> Json:
    whole = keys.decoded(keys.bundle(str(MODEL.digest), RELEASE))
    whole.update(change)
    return whole


def read(document: Json, declared: str = BUNDLE) -> Claim:
    return bundle.parse(encode(document), declared=declared)


def code_of(document: Json, declared: str = BUNDLE) -> str:
    with pytest.raises((TrustError, ContentError)) as caught:
        read(document, declared)
    return caught.value.code


def material(**change: Any) -> Json:
    return good(verificationMaterial={**good()["verificationMaterial"], **change})


def test_a_claim_holds_what_the_bundle_says_and_the_exact_signed_bytes() -> None:
    whole = good()
    claim = read(whole)
    payload = base64.b64decode(whole["dsseEnvelope"]["payload"])
    assert claim.content == Envelope(keys.IN_TOTO, payload)
    assert claim.signed == keys.pae(keys.IN_TOTO, payload)
    assert claim.by == KeyHint(RELEASE.hint)
    assert str(claim.material) == digest_of(encode(whole))
    assert (claim.entries, claim.stamps) == ((), ())


def test_a_message_signature_leaves_the_signed_bytes_to_the_artifact() -> None:
    claim = bundle.parse(keys.message_bundle(MODEL.raw, RELEASE), declared=BUNDLE)
    assert claim.signed is None
    assert isinstance(claim.content, Message)
    assert claim.content.algorithm == "SHA2_256"


@pytest.mark.parametrize("version", ["0.1", "0.2", "0.3"])
def test_older_media_types(version: str) -> None:
    assert read(good(mediaType=OLD + version), OLD + version).format == "sigstore-bundle"


def test_two_spellings_of_version_three() -> None:
    assert read(good(mediaType=OLD + "0.3"), BUNDLE).by == read(good(), OLD + "0.3").by


@pytest.mark.parametrize("kind", ["", None, OLD + "0.4", OLD, "application/json", OLD + "0.3 ", 3])
def test_other_media_types(kind: object) -> None:
    assert code_of(good(mediaType=kind)) == "SM2001"


def test_log_entries_and_stamps_are_read_as_they_stand() -> None:
    stamps = {"rfc3161Timestamps": [{"signedTimestamp": "CA=="}, {}]}
    claim = read(material(tlogEntries=[ENTRY], timestampVerificationData=stamps))
    (entry,) = claim.entries
    assert (entry.log_index, entry.log_id, entry.kind, entry.version) == (7, b"\1\2", "dsse", "0.0.1")
    assert (entry.integrated_time, entry.promise, entry.body) == (1_700_000_000, b"\3", b"\7")
    assert entry.proof is not None
    assert (entry.proof.log_index, entry.proof.tree_size, entry.proof.root_hash) == (5, 9, b"\4")
    assert (entry.proof.hashes, entry.proof.checkpoint) == ((b"\5", b"\6"), "origin\n9\n")
    assert claim.stamps == (b"\x08", b"")


def test_zero_and_empty_fields_may_be_absent_or_null() -> None:
    claim = read(material(tlogEntries=[{"inclusionProof": {}}], timestampVerificationData=None))
    (first,) = claim.entries
    assert (first.log_index, first.kind, first.integrated_time, first.promise, first.body) == (0, "", 0, b"", b"")
    assert first.proof is not None
    assert (first.proof.log_index, first.proof.hashes) == (0, ())
    assert read(material(publicKey={})).by == KeyHint("")
    assert read(good(messageSignature=None)).content == read(good()).content


@pytest.mark.parametrize("entry", [{}, {"inclusionProof": None}, {"inclusionPromise": ENTRY["inclusionPromise"]}])
def test_an_entry_without_a_proof_is_one_of_the_first_version(entry: Json) -> None:
    whole = material(tlogEntries=[entry])
    assert code_of(whole) == "SM2001"
    assert code_of({**whole, "mediaType": f"{OLD}0.2"}, f"{OLD}0.2") == "SM2001"
    (found,) = read({**whole, "mediaType": f"{OLD}0.1"}, f"{OLD}0.1").entries
    assert found.proof is None


@pytest.mark.parametrize("number", ["9223372036854775807", 9223372036854775807, 0, "0"])
def test_int64_as_text_or_number(number: object) -> None:
    assert read(material(tlogEntries=[{"inclusionProof": {}, "logIndex": number}])).entries[0].log_index == int(
        str(number)
    )


@pytest.mark.parametrize(
    "number", ["9223372036854775808", -1, "-1", "01", "1e3", 1.0, "1.0", "", " 1", "١", True, [1], "9" * 100]
)
def test_other_numbers(number: object) -> None:
    assert code_of(material(tlogEntries=[{"inclusionProof": {}, "logIndex": number}])) == "SM2001"


@pytest.mark.parametrize(
    "text", ["AAA", "AAA=A", "AA==\n", " AAAA", "AA-_", "AB==", "A===", "====", "AAAA====", "ÄAAA", 5, ["AAAA"], {}]
)
def test_base64_in_any_but_the_canonical_form(text: object) -> None:
    assert code_of(material(tlogEntries=[{"canonicalizedBody": text}])) == "SM2001"


def test_base64_decodes_only_what_encodes_to_the_same() -> None:
    assert decode_base64("AA==") == b"\0"
    assert decode_base64("") == b""
    for text in ("AB==", "AA=", "AA", "A A=", "AA==AA=="):
        with pytest.raises(ValueError, match=r"(?i)base64|padding|ascii|data"):
            decode_base64(text)


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"media_type": BUNDLE},
        {"dsse_envelope": {}},
        {"verificationMaterial": None},
        {"verificationMaterial": []},
        {"verificationMaterial": {}},
        {"dsseEnvelope": None},
        {"dsseEnvelope": "x"},
        {"dsseEnvelope": {}},
        {"messageSignature": {"signature": "AAAA"}},
        {"dsseEnvelope": None, "messageSignature": {}},
        {"dsseEnvelope": None, "messageSignature": {"signature": ""}},
    ],
)
def test_bundles_of_another_shape(change: Json) -> None:
    assert code_of(good(**change)) == "SM2001"


@pytest.mark.parametrize(
    "change",
    [
        {"public_key": {"hint": ""}},
        {"publicKey": None},
        {"publicKey": {"hint": 1}},
        {"publicKey": {"hint": "", "rawBytes": "AAAA"}},
        {"certificate": {"rawBytes": "AAAA"}},
        {"x509CertificateChain": {}},
        {"publicKey": None, "certificate": {}},
        {"publicKey": None, "x509CertificateChain": {}},
        {"publicKey": None, "x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}, {}]}},
        {"tlogEntries": {}},
        {"tlogEntries": [None]},
        {"tlogEntries": [{"logIndex": "1", "log_index": "2"}]},
        {"timestampVerificationData": {"rfc3161Timestamps": "AAAA"}},
    ],
)
def test_verification_material_of_another_shape(change: Json) -> None:
    assert code_of(material(**change)) == "SM2001"


def test_more_certificates_or_hashes_than_are_read() -> None:
    chain = {"certificates": [{"rawBytes": "AAAA"}] * 11}
    assert code_of(material(publicKey=None, x509CertificateChain=chain)) == "SM2013"
    assert code_of(material(tlogEntries=[{"inclusionProof": {"hashes": ["AAAA"] * 65}}])) == "SM2013"


def test_certificates_are_kept_in_order() -> None:
    chain = {"certificates": [{"rawBytes": "AQ=="}, {"rawBytes": "Ag=="}]}
    assert read(material(publicKey=None, x509CertificateChain=chain)).by == CertificateChain((b"\1", b"\2"))
    assert read(material(publicKey=None, certificate={"rawBytes": "AQ=="})).by == CertificateChain((b"\1",))


@pytest.mark.parametrize(
    "change", [{"payloadType": ""}, {"payload": ""}, {"payload": None}, {"signatures": None}, {"x": 1}]
)
def test_envelopes_of_another_shape(change: Json) -> None:
    envelope = {**good()["dsseEnvelope"], **change}
    assert code_of(good(dsseEnvelope=envelope)) == "SM2001"


def test_a_signature_with_other_fields() -> None:
    envelope = good()["dsseEnvelope"]
    for row in ({**envelope["signatures"][0], "cert": "x"}, {"sig": "AAAA", "keyid": 1}, "AAAA"):
        assert code_of(good(dsseEnvelope={**envelope, "signatures": [row]})) == "SM2001"


def test_pae_is_the_one_of_the_specification() -> None:
    assert dsse.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )
    assert dsse.pae("é", b"") == b"DSSEv1 2 \xc3\xa9 0 "


def test_json_that_parsers_disagree_about() -> None:
    raw = encode(good())
    for hostile in (
        raw[:-1] + b',"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"}',
        b"\xef\xbb\xbf" + raw,
        raw + b"{}",
        raw.replace(b'"hint":"', b'"hint":"\xff'),
        raw.replace(b'"hint":"', b'"hint":"\\ud800'),
        b"[" * 100 + b"]" * 100,
        b"",
    ):
        with pytest.raises(ContentError, match="SM5010"):
            bundle.parse(hostile, declared=BUNDLE)
    with pytest.raises(ContentError, match="SM5011"):
        bundle.parse(raw + b" " * (1 << 20), declared=BUNDLE)


def said(**change: Any) -> bytes:
    return encode({**keys.statement(str(MODEL.digest)), **change})


def test_statements_of_both_versions_with_and_without_names() -> None:
    for kind in (keys.STATEMENT_V1, keys.STATEMENT_V01):
        found = statement.parse(said(_type=kind))
        assert found.predicate_type == keys.COSIGN_SIGN
        assert found.subjects[0].name is None
        assert found.subjects[0].digests == {"sha256": MODEL.digest.hex}
    assert statement.parse(said(subject=[{"name": "x", "digest": {"sha256": "y"}}])).subjects[0].name == "x"


def test_unknown_fields_of_a_statement_are_ignored_as_it_demands() -> None:
    row = {"digest": {"sha256": "y"}, "uri": "x", "new": {}}
    assert statement.parse(said(extra=1, subject=[row])).subjects[0].annotations == {}


def test_a_predicate_is_given_as_it_is() -> None:
    assert statement.parse(said(predicate={"a": [1]})).predicate == {"a": [1]}
    document = json.loads(said())
    del document["predicate"]
    assert statement.parse(encode(document)).predicate is None


@pytest.mark.parametrize(
    "change",
    [
        {"_type": None},
        {"_type": ["https://in-toto.io/Statement/v1"]},
        {"predicateType": None},
        {"predicateType": ""},
        {"predicateType": 1},
        {"subject": None},
        {"subject": []},
        {"subject": {}},
        {"subject": [None]},
        {"subject": [{}]},
        {"subject": [{"digest": {}}]},
        {"subject": [{"digest": {"sha256": 1}}]},
        {"subject": [{"digest": [["sha256", "x"]]}]},
        {"subject": [{"digest": {"sha256": "x"}, "name": 1}]},
        {"subject": [{"digest": {"sha256": "x"}, "annotations": []}]},
        {"subject": [{"digest": {"sha256": "x"}}, 7]},
    ],
)
def test_statements_of_another_shape(change: Json) -> None:
    with pytest.raises(TrustError, match="SM2010"):
        statement.parse(said(**change))


def test_a_statement_with_more_subjects_than_are_read() -> None:
    row = {"digest": {"sha256": "x"}}
    assert len(statement.parse(said(subject=[row] * 32)).subjects) == 32
    with pytest.raises(SecmountError, match="SM2013"):
        statement.parse(said(subject=[row] * 33))
