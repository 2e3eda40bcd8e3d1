"""Mutants of good signatures: refused with a code or the unchanged truth, never a traceback, never another fact."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from secmount.errors import ContentError, TrustError
from secmount.trust import spki
from secmount.trust.evidence import Evidence, Signature
from secmount.trust.formats import bundle, statement
from tests.support import keys, shelf
from tests.support.examples import examples
from tests.support.layouts import BUNDLE, OCI_MANIFEST, Json, describe, encode
from tests.unit.trust.bench import MODEL, OTHER, RELEASE, evidence, signed

CODES = ("SM2", "SM5", "SM4014")  # the last: a referrer may name a blob that nobody has
GOOD = signed(repository="ghcr.io/acme/model", signed_at="2026-11-24T00:00:00Z", annotations={"team": "ml"})
TRUTH = evidence(GOOD).signatures[0]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
values = st.recursive(
    scalars | st.sampled_from(["", "AAAA", "sha256", MODEL.digest.hex, str(OTHER.digest), keys.IN_TOTO, RELEASE.hint]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=6,
)


def mutated_bytes(good: bytes) -> st.SearchStrategy[bytes]:
    """Cut, repeat, exchange or insert something."""

    @st.composite
    def build(draw: st.DrawFn) -> bytes:
        data = bytearray(good)
        for _ in range(draw(st.integers(1, 3))):
            start = draw(st.integers(0, len(data)))
            stop = draw(st.integers(start, min(len(data), start + 40)))
            data[start:stop] = draw(
                st.binary(max_size=4)
                | st.sampled_from([bytes(data[start:stop]) * 2, b"", b'",', b"}", b"\\u0000", b"{}"])
            )
        return bytes(data)

    return build()


def mutated_json(good: Json) -> st.SearchStrategy[Json]:
    """Exchange, remove or add a value somewhere."""
    places = list(_places(good))

    @st.composite
    def build(draw: st.DrawFn) -> Json:
        document = copy.deepcopy(good)
        *path, last = draw(st.sampled_from(places))
        holder: Any = document
        for step in path:
            holder = holder[step]
        change = draw(st.sampled_from(["exchange", "remove", "add", "repeat"]))
        if change == "remove":
            del holder[last]
        elif change == "exchange":
            holder[last] = draw(values)
        elif isinstance(holder, dict):
            holder[draw(st.text(max_size=12) | st.sampled_from(list(holder)))] = draw(values)
        else:
            holder.append(holder[last] if change == "repeat" else draw(values))
        return document

    return build()


def _places(value: Any, path: tuple[Any, ...] = ()) -> Any:
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in rows:
        yield (*path, key)
        yield from _places(inner, (*path, key))


def facts(found: Signature) -> Signature:
    return replace(found, material=None)


def unchanged_or_refused(found: Evidence) -> None:
    for one in found.considered:
        assert one.outcome == "counts" or (one.code or "").startswith(CODES)
    for signature in found.signatures:
        assert facts(signature) == facts(TRUTH)


def under(bundle_bytes: bytes) -> Evidence:
    return evidence(keys.refer(shelf.row_of(MODEL), bundle_bytes))


@examples(300)
@given(mutated_bytes(GOOD.bundle))
@example(GOOD.bundle)
def test_bytes_of_a_bundle(data: bytes) -> None:
    unchanged_or_refused(under(data))


@examples(300)
@given(mutated_json(keys.decoded(GOOD.bundle)))
def test_values_of_a_bundle(document: Json) -> None:
    unchanged_or_refused(under(_encoded(document)))


@examples(200)
@given(mutated_bytes(GOOD.manifest))
def test_bytes_of_a_referrer(data: bytes) -> None:
    unchanged_or_refused(evidence(replace(GOOD, manifest=data, row=describe(data, OCI_MANIFEST))))


@examples(200)
@given(mutated_json(keys.decoded(GOOD.manifest)))
def test_values_of_a_referrer(document: Json) -> None:
    data = _encoded(document)
    unchanged_or_refused(evidence(replace(GOOD, manifest=data, row=describe(data, OCI_MANIFEST))))


@examples(300)
@given(mutated_json(json.loads(base64.b64decode(keys.decoded(GOOD.bundle)["dsseEnvelope"]["payload"]))))
def test_statements_that_really_were_signed(said: Json) -> None:
    payload = _encoded(said)
    found = under(keys.bundle(str(MODEL.digest), RELEASE, payload=payload))
    for one in found.considered:
        assert one.outcome == "counts" or (one.code or "").startswith(CODES)
    if found.signatures:
        rows = [row for row in said["subject"] if row["digest"].get("sha256") == MODEL.digest.hex]
        assert said["predicateType"] == keys.COSIGN_SIGN
        assert len(rows) == 1
        assert found.signatures[0].bound_to == (rows[0].get("annotations") or {}).get(keys.REPOSITORY)


@examples(300)
@given(values)
def test_any_document_as_bundle_and_as_statement(value: object) -> None:
    data = _encoded(value)
    _refuses(lambda: bundle.parse(data, declared=BUNDLE))
    _refuses(lambda: statement.parse(data))


@examples(300)
@given(st.sampled_from(keys.ALGORITHMS), st.data())
def test_an_accepted_key_is_what_cryptography_would_write(algorithm: str, data: st.DataObject) -> None:
    der = data.draw(mutated_bytes(keys.pair(algorithm).spki))
    try:
        found = spki.parse(der, subject="x")
    except TrustError as err:
        assert err.code == "SM2103"
        return
    assert found.spki == der
    assert _rewritten(der) == der


@examples(100)
@given(mutated_bytes(keys.pair().public_pem))
def test_a_public_key_file_is_read_or_refused(data: bytes) -> None:
    _refuses(lambda: spki.load(data, subject="x"))


def _rewritten(der: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return serialization.load_der_public_key(der).public_bytes(serialization.Encoding.DER, form)


def _refuses(read: Callable[[], object]) -> None:
    try:
        read()
    except (TrustError, ContentError) as err:
        assert err.code.startswith(CODES)


def _encoded(value: object) -> bytes:
    try:
        return encode(value)
    except UnicodeEncodeError:
        assume(False)
        raise
