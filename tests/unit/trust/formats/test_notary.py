"""Notary Project signatures: what they say, by every kind of key, with and without a time stamp."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from secmount.errors import ContentError, TrustError
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index
from secmount.trust.claim import CertificateChain, Payload
from secmount.trust.formats import notary as module
from tests.support import notary, shelf
from tests.support.layouts import Json, describe
from tests.support.minisig import NOW
from tests.unit.trust import corporate
from tests.unit.trust.attacks.formats.build import SUBJECT, company, looked_at, referring
from tests.unit.trust.attacks.formats.notary import TARGET, made, signed, token
from tests.unit.trust.bench import MODEL
from tests.unit.trust.corporate import issuing, key, leaf, root, signer
from tests.unit.trust.world import NOW_MS

DAY = 86_400_000


def test_a_signature_gives_what_it_says() -> None:
    notes = {"team": "ml", "io.secmount.repository": "ghcr.io/acme/model"}
    (found,) = looked_at(made(annotations=notes, signed_at="2026-11-24T01:00:00+01:00"), company()).signatures
    assert (found.format, str(found.subject), found.signers) == ("notary", SUBJECT, ("corp",))
    assert found.identity == "O=Acme,CN=release"
    assert found.principal == f"x509 {signer().root} O=Acme,CN=release"
    assert (found.bound_to, dict(found.annotations)) == ("ghcr.io/acme/model", {"team": "ml"})
    assert (found.time.not_before, found.time.not_before_source) == (1_795_478_400_000, notary.TIME)
    assert (found.time.not_after, found.expires_ms) == (None, NOW_MS + 10 * DAY)


def test_secmount_s_own_time_is_taken_before_the_header_s() -> None:
    notes = {"io.secmount.signed-at": "2026-11-20T00:00:00Z"}
    (found,) = looked_at(made(annotations=notes), company()).signatures
    assert found.time.not_before_source == "io.secmount.signed-at"


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048", "rsa3072", "rsa4096"])
def test_every_kind_of_key(kind: str) -> None:
    assert looked_at(made(pair=key(kind)), company()).signatures


def test_a_stamp_outlives_the_certificate() -> None:
    ended = leaf(end=NOW + timedelta(days=1))
    late = NOW_MS + 100 * DAY
    (found,) = looked_at(made(leaf=ended, stamp=token()), company(), now_ms=late).signatures
    assert (found.time.not_after, found.expires_ms) == (NOW_MS, None)
    assert looked_at(made(leaf=ended), company(), now_ms=late).signatures == ()


def test_a_signed_expiry_is_kept() -> None:
    (found,) = looked_at(made(expiry="2026-11-24T12:00:00Z", stamp=token()), company()).signatures
    assert found.expires_ms == 1_795_478_400_000 + DAY // 2
    assert looked_at(made(expiry="2026-11-24T12:00:00Z", stamp=token()), company(), now_ms=None).signatures == ()


def test_revocation_lists_are_asked() -> None:
    lists = corporate.revoking() + corporate.revoking(by=root())
    assert looked_at(made(), {"corp": corporate.stamping(crl=lists)}).signatures


def test_a_leaf_below_the_root_alone() -> None:
    assert looked_at(made(chain=[leaf(by=root()), root().certificate]), company()).signatures


def test_what_is_beside_the_signature_is_no_evidence() -> None:
    def beside(whole: Json) -> None:
        whole["header"].update({"io.cncf.notary.signingAgent": "evil", "team": "evil", "alg": "none"})

    (found,) = looked_at(made(edit=beside), company()).signatures
    assert dict(found.annotations) == {}


def test_a_header_that_is_neither_critical_nor_known_says_nothing() -> None:
    assert looked_at(made(edit_header=lambda head: head.update({"kid": "x"})), company()).signatures


def test_an_index_is_signed_like_a_manifest() -> None:
    index = shelf.index_of(MODEL)
    assert isinstance(index, Index)

    def at_index() -> object:
        target = describe(index.raw, index.media_type)
        data = notary.envelope(target, key(), [leaf(), issuing().certificate, root().certificate])
        return notary.attach(shelf.row_of(index), data)

    make = referring(at_index, to=str(index.digest))  # type: ignore[arg-type]
    (found,) = looked_at(make, company(), index=index).signatures
    assert found.subject == index.digest


def test_the_signed_bytes_are_the_text_that_was_sent() -> None:
    data = signed()().bundle
    whole = json.loads(data)
    claim = module.parse(data, declared=notary.JWS)
    assert claim.signed == f"{whole['protected']}.{whole['payload']}".encode()
    assert claim.algorithm == "ES256"
    assert claim.material == Digest.of(data)
    assert claim.content == Payload("notary", decoded(whole["payload"]), decoded(whole["protected"]))
    assert module.target(decoded(whole["payload"])).digest == TARGET["digest"]


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def test_ten_certificates_are_read() -> None:
    whole = json.loads(signed()().bundle)
    whole["header"]["x5c"] = ["AAAA"] * 10
    assert module.parse(json.dumps(whole).encode(), declared=notary.JWS).by == CertificateChain((b"\0\0\0",) * 10)


def test_a_signature_may_end_in_any_letter() -> None:
    whole = json.loads(signed()().bundle)
    for number in range(64):
        text = notary.b64url(bytes((0, 0, number)))
        claim = module.parse(json.dumps({**whole, "signature": text}).encode(), declared=notary.JWS)
        assert claim.signature == bytes((0, 0, number))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"payload":"","protected":"","header":{},"signature":""}'])
def test_what_is_no_envelope(data: bytes) -> None:
    with pytest.raises((TrustError, ContentError), match="SM2060"):
        module.parse(data, declared=notary.JWS)


def test_a_layer_of_another_type_is_no_envelope() -> None:
    with pytest.raises(TrustError, match="SM2060"):
        module.parse(signed()().bundle, declared="application/json")


@pytest.mark.parametrize("text", ["A", "AB==", "A+B/", "QUJ", "", None, 1])
def test_base64url_has_one_spelling(text: object) -> None:
    whole = {**json.loads(signed()().bundle), "signature": text}
    with pytest.raises(TrustError, match="SM2060"):
        module.parse(json.dumps(whole).encode(), declared=notary.JWS)
