"""Signatures by certificates of an authority that the policy names."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from secmount.trust.formats import dsse
from secmount.trust.judge.claims import judge
from secmount.trust.judge.verdict import Judged
from secmount.trust.signer import KeySigner, Signer
from tests.support import keys
from tests.support.minisig import NOW, Issuer, authority, der
from tests.unit.trust import corporate, world
from tests.unit.trust.bench import MODEL
from tests.unit.trust.corporate import claim, issuing, judged, key, leaf, revoking, root, signer, stamping
from tests.unit.trust.world import NOW_MS, STATEMENT, sigstore

DAY = timedelta(days=1)
BOTH = revoking() + revoking(by=root())


def code(found: Judged) -> str | None:
    assert found.signatures == ()
    return found.considered.code


def test_a_signature_counts_with_its_subject_and_root() -> None:
    (found,) = judged(claim(leaf())).signatures
    assert found.signers == ("corp",)
    assert found.identity == "O=Acme,CN=release"
    assert found.principal == f"x509 {signer().root} O=Acme,CN=release"
    assert found.key == key().principal  # by which it is known to be no other signer's
    assert (found.root, found.issuer, dict(found.claims)) == (signer().root, None, corporate.SUBJECT)
    assert (found.time.not_after, found.expires_ms) == (None, NOW_MS + 10 * 86_400_000)


def test_a_self_signed_certificate_that_is_the_anchor_counts() -> None:
    alone = leaf(alone=True)
    assert judged(claim(alone, chain=()), signer(anchors=(alone,))).signatures


def test_with_a_stamp_the_certificates_are_judged_at_its_time() -> None:
    ended = leaf(end=NOW - DAY)
    (found,) = judged(claim(ended, stamps=[NOW - 2 * DAY]), stamping()).signatures
    assert (found.time.not_after, found.expires_ms) == (NOW_MS - 2 * 86_400_000, None)
    assert found.time.not_after_source == "timestamp authority"


def test_the_earliest_of_several_stamps_counts() -> None:
    (found,) = judged(claim(leaf(), stamps=[NOW - DAY, NOW - 2 * DAY]), stamping()).signatures
    assert found.time.not_after == NOW_MS - 2 * 86_400_000


def test_a_stamp_of_the_envelope_is_one_of_the_signature_in_it() -> None:
    made = replace(claim(leaf()), envelope=b"envelope", stamps=(sigstore().stamp(b"envelope", NOW - DAY),))
    (found,) = judged(made, stamping()).signatures
    assert found.time.not_after == NOW_MS - 86_400_000
    assert code(judged(replace(made, envelope=b"another"), stamping())) == "SM2029"


def test_stamps_under_a_policy_without_an_authority_are_not_read() -> None:
    (found,) = judged(claim(leaf(), stamps=[NOW], foreign=True)).signatures
    assert found.time.not_after is None


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: judged(claim(leaf(end=NOW - DAY))), "SM2022"),
        (lambda: judged(claim(leaf(start=NOW + DAY))), "SM2022"),
        (lambda: judged(claim(leaf()), now_ms=None), "SM2031"),
        (lambda: judged(claim(leaf(), stamps=[NOW], foreign=True), stamping()), "SM2030"),
        (lambda: judged(claim(leaf(), stamps=[NOW - 20 * DAY]), stamping()), "SM2022"),
        (lambda: judged(claim(leaf(), stamps=[NOW, NOW - 20 * DAY]), stamping()), "SM2022"),
        (lambda: judged(claim(leaf(by=authority("corp issuing")))), "SM2021"),
        (lambda: judged(claim(leaf(), chain=())), "SM2021"),
        (lambda: judged(claim(leaf(subject=[("CN", "staging"), ("O", "Acme")]))), "SM2035"),
        (lambda: judged(claim(leaf(subject=[("CN", "release"), ("CN", "x"), ("O", "Acme")]))), "SM2035"),
        (lambda: judged(claim(leaf(subject=[("CN", "release")]))), "SM2035"),
        (lambda: judged(claim(leaf(subject=[]))), "SM2035"),
        (lambda: judged(claim(leaf(uses=[ExtendedKeyUsageOID.SERVER_AUTH]))), "SM2023"),
        (
            lambda: judged(claim(leaf(uses=[ExtendedKeyUsageOID.CODE_SIGNING, ExtendedKeyUsageOID.TIME_STAMPING]))),
            "SM2023",
        ),
        (lambda: judged(claim(leaf(), pair=key("p384"))), "SM2005"),
        (lambda: judged(claim(leaf()), signer(revoked=True)), "SM2014"),
        (lambda: judged(claim(leaf()), signer(revoked_since=NOW_MS + 86_400_000)), "SM2015"),
        (lambda: judged(claim(leaf()), signer(valid_until=NOW_MS + 86_400_000)), "SM2015"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_does_not_count(made: object, expected: str) -> None:
    assert callable(made)
    assert code(made()) == expected


def test_a_leaf_without_extended_usage_counts() -> None:
    assert judged(claim(leaf(uses=[]))).signatures


def _joined(kind: str) -> bytes:
    r, s = decode_dss_signature(key(kind).sign(dsse.pae(dsse.IN_TOTO, STATEMENT)))
    size = {"p256": 32, "p384": 48, "p521": 66}[kind]
    return r.to_bytes(size) + s.to_bytes(size)


@pytest.mark.parametrize(("kind", "algorithm"), [("p256", "ES256"), ("p384", "ES384"), ("p521", "ES512")])
def test_a_jws_signature_has_the_algorithm_of_its_key(kind: str, algorithm: str) -> None:
    certificate, raw = leaf(key(kind).private), _joined(kind)
    assert judged(claim(certificate, signature=raw, algorithm=algorithm)).signatures
    assert code(judged(claim(certificate, signature=raw, algorithm="PS256"))) == "SM2040"
    assert code(judged(claim(certificate, signature=raw[:-1], algorithm=algorithm))) == "SM2005"
    assert code(judged(claim(certificate, signature=key(kind).sign(b"x"), algorithm=algorithm))) == "SM2005"


def test_a_key_that_no_jws_has_an_algorithm_for() -> None:
    pair = keys.pair("ed25519")
    found = judged(claim(leaf(pair.private), pair=pair, algorithm="EdDSA"))
    assert (code(found), found.considered.want) == ("SM2040", "another kind of key")


def test_a_stamp_without_its_certificate_is_nobodys() -> None:
    made = claim(leaf())
    bare = sigstore().stamp(made.signature, bag=())
    found = judged(replace(made, stamps=(bare,)), stamping())
    assert (code(found), found.considered.want) == ("SM2030", "one of an anchor of the policy")


def test_rsa_in_a_jws_is_pss_with_a_salt_as_long_as_the_hash() -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    private = key("rsa2048").private
    assert isinstance(private, rsa.RSAPrivateKey)
    signed = dsse.pae(dsse.IN_TOTO, STATEMENT)
    certificate = leaf(private)
    for salt, counts in ((32, True), (20, False)):
        scheme = padding.PSS(padding.MGF1(hashes.SHA256()), salt)
        found = judged(claim(certificate, signature=private.sign(signed, scheme, hashes.SHA256()), algorithm="PS256"))
        assert bool(found.signatures) is counts
    plain = private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    assert code(judged(claim(certificate, signature=plain, algorithm="PS256"))) == "SM2005"


def test_a_certificate_on_the_list_is_revoked() -> None:
    one = leaf()
    lists = revoking(one.serial_number) + revoking(by=root())
    assert code(judged(claim(one), signer(crl=lists))) == "SM2037"
    above = revoking() + revoking(issuing().certificate.serial_number, by=root())
    assert code(judged(claim(one), signer(crl=above))) == "SM2037"
    assert judged(claim(one), signer(crl=BOTH)).signatures


@pytest.mark.parametrize(
    "lists",
    [
        revoking(),
        revoking(by=root()),
        revoking(end=NOW - DAY / 2) + revoking(by=root()),
        revoking(start=NOW + DAY / 2) + revoking(by=root()),
        revoking(by=authority("corp issuing")) + revoking(by=root()),
        revoking(by=Issuer(authority("corp renamed").certificate, issuing().key)) + revoking(by=root()),
        revoking(critical=True) + revoking(by=root()),
        b"-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n",
        b"0\x00",
    ],
    ids=[
        "no list of the root",
        "no list of the issuer",
        "stale",
        "not yet",
        "forged",
        "renamed",
        "partial",
        "broken",
        "empty",
    ],
)
def test_a_list_that_does_not_decide_denies(lists: bytes) -> None:
    assert code(judged(claim(leaf()), signer(crl=lists))) == "SM2038"


KEPT = [(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), b"\x18\x0f20261031120000Z"), False)]
GONE = [(x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.60"), b"\x18\x0f20261031120001Z"), False)]


def test_a_list_says_nothing_of_a_certificate_that_has_ended_unless_it_says_so() -> None:
    """A key that was revoked can sign and have it stamped until its certificate ends, and then the list forgets it."""
    one = leaf(end=NOW - DAY)
    made, above = claim(one, stamps=[NOW - 2 * DAY]), revoking(by=root())
    assert judged(made, stamping()).signatures
    for lists in (revoking(), revoking(more=GONE)):
        assert code(judged(made, stamping(crl=lists + above))) == "SM2038"
    assert judged(made, stamping(crl=revoking(more=KEPT) + above)).signatures
    assert code(judged(made, stamping(crl=revoking(one.serial_number, more=KEPT) + above))) == "SM2037"


@pytest.mark.parametrize("version", [b"\x02\x01\x01", b"\x02\x01\x05"])
def test_lists_that_cannot_be_read_when_they_are_asked(version: bytes) -> None:
    plain = x509.load_pem_x509_crl(revoking()).public_bytes(Encoding.DER)
    spoilt = plain.replace(b"\x02\x01\x01", version, 1).replace(b"corp issuing", b"corp\xffissuing", 1)
    assert code(judged(claim(leaf()), signer(crl=spoilt))) == "SM2038"


def test_a_list_needs_the_time() -> None:
    made = claim(leaf(), stamps=[NOW])
    assert code(judged(made, stamping(crl=BOTH), now_ms=None)) == "SM2038"


def test_the_nearest_miss_of_several_signers_is_told() -> None:
    far, near = signer("far", anchors=(authority("other").certificate,)), signer("near", subject={"CN": "other"})
    found = judged(claim(leaf()), far, near)
    assert (found.considered.code, found.considered.got) == ("SM2035", "near: O=Acme,CN=release")


def test_a_corporate_signature_and_a_keyless_signer_in_one_policy() -> None:
    from secmount.trust.judge.claims import judge

    both: dict[str, Signer] = {"ci": world.signer(), "corp": signer()}
    found = judge(claim(leaf()), MODEL, both, now_ms=NOW_MS)
    assert found.signatures[0].signers == ("corp",)
    assert der(root().certificate) in signer().anchors


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"revoked": True}, "SM2014"),
        ({"revoked_since": NOW_MS - 20 * 86_400_000}, "SM2015"),
        ({"revoked_since": NOW_MS - 86_400_000}, None),  # stamped before
        ({"valid_until": NOW_MS - 20 * 86_400_000}, None),  # a window is of the name, a revocation of the key
        ({}, None),
    ],
)
def test_a_certificate_of_a_revoked_key_does_not_count(bounds: dict[str, Any], expected: str | None) -> None:
    pair = key()
    managed = KeySigner("release", 1, pair.spki, f"sha256:{hashlib.sha256(pair.spki).hexdigest()}", **bounds)
    corp = stamping()
    made = claim(leaf(), stamps=[NOW - 2 * DAY])
    found = judge(made, MODEL, {one.name: one for one in (managed, corp)}, now_ms=NOW_MS)
    assert (found.considered.code, bool(found.signatures)) == (expected, expected is None)
