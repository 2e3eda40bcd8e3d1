"""Mutants of the other formats: refused with a code or the unchanged truth, never a traceback, never another fact."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from secmount.errors import ContentError, TrustError
from secmount.trust.evidence import Evidence, Signature
from secmount.trust.formats import legacy as older
from secmount.trust.formats import modelsigning, notary, statement
from tests.property.test_trust_mutants import CODES, mutated_bytes, mutated_json, values
from tests.support import keys, legacy, modelsig, shelf
from tests.support import notary as envelopes
from tests.support.examples import examples
from tests.support.keyless import Keyless
from tests.support.layouts import Json, encode
from tests.support.shelf import Shelf
from tests.unit.trust import world
from tests.unit.trust.attacks.formats.build import SUBJECT, Make, company, keyless, looked_at, referring
from tests.unit.trust.attacks.formats.legacy import GOOD
from tests.unit.trust.attacks.formats.models import FILES
from tests.unit.trust.attacks.formats.notary import signed, token
from tests.unit.trust.attacks.formats.statements import PROVENANCE
from tests.unit.trust.bench import MODEL, RELEASE, signers

LAYER = legacy.layer(legacy.payload(SUBJECT, optional={"team": "ml"}), RELEASE)
KEYLESS = legacy.keyless(world.made(Keyless(artifact=GOOD, stamps=1)), GOOD)
ENVELOPE = signed(annotations={"team": "ml"}, stamp=token())().bundle
MODEL_SIG = modelsig.sign(FILES, RELEASE)
ATTESTED = keys.envelope(RELEASE, encode(keys.statement(SUBJECT, predicate_type=PROVENANCE)))


def tagged(layer: legacy.Layer, suffix: str = ".sig") -> Make:
    return lambda source: _attach(source, layer, suffix)


def _attach(source: Shelf, layer: legacy.Layer, suffix: str) -> None:
    legacy.attach(source, SUBJECT, layer, suffix=suffix)


def enclosed(data: bytes) -> Make:
    return referring(lambda: envelopes.attach(shelf.row_of(MODEL), data))


def truth(found: Evidence) -> Signature:
    (one,) = found.signatures
    return replace(one, material=None)


OLD_TRUTH = truth(looked_at(tagged(LAYER), signers()))
KEYLESS_TRUTH = truth(looked_at(tagged(KEYLESS), keyless()))
NOTARY_TRUTH = truth(looked_at(enclosed(ENVELOPE), company()))
# a stamp is nobody's word under the signer: without it the signature may count, by the clock
UNSTAMPED = truth(looked_at(enclosed(signed(annotations={"team": "ml"})().bundle), company()))


def unchanged(found: Evidence, *truths: Signature) -> None:
    for one in found.considered:
        assert one.outcome == "counts" or (one.code or "").startswith(CODES), one
    for signature in found.signatures:
        assert replace(signature, material=None) in truths


@examples(100)
@given(mutated_bytes(LAYER[0]))
@example(LAYER[0])
def test_bytes_of_a_payload(data: bytes) -> None:
    unchanged(looked_at(tagged((data, *LAYER[1:])), signers()), OLD_TRUTH)


@examples(100)
@given(mutated_json(json.loads(LAYER[0])))
def test_payloads_that_really_were_signed(said: Json) -> None:
    data = encoded(said)
    found = looked_at(tagged(legacy.layer(data, RELEASE)), signers())
    for one in found.considered:
        assert one.outcome == "counts" or (one.code or "").startswith(CODES), one
    if found.signatures:
        critical = said["critical"]
        assert critical["type"] == legacy.SIGNED
        assert critical["image"] == {"docker-manifest-digest": SUBJECT}
        assert list(critical["identity"]) == ["docker-reference"]


@st.composite
def noted(draw: st.DrawFn, good: dict[str, str]) -> dict[str, str]:
    """Change the text of one annotation, as bytes or as JSON, or take it away."""
    name = draw(st.sampled_from(sorted(good)))
    how = draw(st.sampled_from(["bytes", "json", "gone"]))
    notes = dict(good)
    if how == "gone":
        del notes[name]
    elif how == "json" and good[name].startswith("{"):
        notes[name] = json.dumps(draw(mutated_json(json.loads(good[name]))))
    else:
        notes[name] = draw(mutated_bytes(good[name].encode())).decode("utf-8", "replace")
    return notes


@examples(100)
@given(noted(dict(KEYLESS[2])))
def test_annotations_of_a_keyless_signature(notes: dict[str, str]) -> None:
    found = looked_at(tagged((KEYLESS[0], KEYLESS[1], notes)), keyless())
    for one in found.considered:
        assert one.outcome == "counts" or (one.code or "").startswith(CODES), one
    for signature in found.signatures:  # the stamp or the entry may be gone, and the time is then the other's
        assert replace(signature, material=None, time=KEYLESS_TRUTH.time, logged=True) == KEYLESS_TRUTH
        assert signature.logged is ("dev.sigstore.cosign/bundle" in notes)
        assert signature.time.not_before == KEYLESS_TRUTH.time.not_before
        assert signature.time.not_after in (KEYLESS_TRUTH.time.not_after, world.NOW_MS + 30_000)


@examples(100)
@given(mutated_bytes(ENVELOPE))
@example(ENVELOPE)
def test_bytes_of_an_envelope(data: bytes) -> None:
    unchanged(looked_at(enclosed(data), company()), NOTARY_TRUTH, UNSTAMPED)


@examples(100)
@given(mutated_json(json.loads(ENVELOPE)))
def test_values_of_an_envelope(document: Json) -> None:
    unchanged(looked_at(enclosed(encoded(document)), company()), NOTARY_TRUTH, UNSTAMPED)


@examples(100)
@given(mutated_json(envelopes.header("ES256", expiry="2030-01-01T00:00:00Z")))
def test_headers_that_really_were_signed(head: Json) -> None:
    encoded(head)
    data = signed(edit_header=lambda given: _replace(given, head))().bundle
    found = looked_at(enclosed(data), company())
    for one in found.considered:
        assert one.outcome == "counts" or (one.code or "").startswith(CODES), one
    if found.signatures:
        assert (head["alg"], head["cty"]) == ("ES256", envelopes.PAYLOAD)
        assert set(head["crit"]) <= {envelopes.SCHEME, envelopes.EXPIRY}
        assert head[envelopes.SCHEME] == "notary.x509"
        assert (envelopes.EXPIRY in head) == (envelopes.EXPIRY in head["crit"])


def _replace(given: Json, head: Json) -> None:
    given.clear()
    given.update(head)


@examples(300)
@given(mutated_json(modelsig.statement(FILES)))
def test_model_statements_that_really_were_signed(said: Json) -> None:
    payload = encoded(said)
    bundle = keys.bundle(SUBJECT, RELEASE, payload=payload)
    found = looked_at(referring(lambda: keys.refer(shelf.row_of(MODEL), bundle)), signers())
    for one in found.considered:
        assert one.outcome == "counts" or (one.code or "").startswith(CODES), one
    for signature in found.signatures:
        rows = said["predicate"]["resources"]
        assert signature.files is not None
        assert {name: digest.hex for name, digest in signature.files.items()} == {
            row["name"]: row["digest"] for row in rows
        }
        assert len(signature.files) == len(rows)


@examples(300)
@given(mutated_json(ATTESTED))
def test_values_of_an_attestation(document: Json) -> None:
    raw = encoded(document)
    found = looked_at(tagged((raw, legacy.DSSE, {}), ".att"), signers())
    assert found.signatures == ()
    for one in found.attestations:
        assert (one.predicate_type, one.predicate, one.signers) == (PROVENANCE, {}, ("release",))


@examples(200)
@given(values)
def test_any_document_as_payload_header_target_and_predicate(value: Any) -> None:
    data = encoded(value)
    said = encode({**keys.statement(SUBJECT, predicate_type=modelsig.PREDICATE), "predicate": value})
    for read in (
        lambda: older.read(data),
        lambda: older.parse_envelope(data, {}),
        lambda: notary.parse(data, declared=notary.JWS),
        lambda: notary.header(data),
        lambda: notary.target(data),
        lambda: modelsigning.files(statement.parse(said)),
    ):
        try:
            read()
        except (TrustError, ContentError) as err:
            assert err.code.startswith(CODES)


@examples(100)
@given(st.dictionaries(st.sampled_from(sorted(KEYLESS[2])), st.text(max_size=40), max_size=5))
def test_any_annotations(notes: dict[str, str]) -> None:
    try:
        older.parse(GOOD, notes)
    except (TrustError, ContentError) as err:
        assert err.code.startswith(CODES)


def encoded(value: object) -> bytes:
    try:
        return encode(value)
    except UnicodeEncodeError:
        assume(False)
        raise
