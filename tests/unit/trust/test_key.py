"""Signatures under each kind of key: the right ones hold, all others do not."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from secmount.trust import spki
from secmount.trust.check.key import algorithm_of, holds, holds_jws
from secmount.trust.spki import PublicKey
from tests.support import keys
from tests.support.keys import KeyPair

MESSAGE = b"DSSEv1 1 a 1 b"
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def public(pair: KeyPair) -> PublicKey:
    return spki.parse(pair.spki, subject="x")


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_a_good_signature_and_a_changed_one(algorithm: str) -> None:
    pair, other = keys.pair(algorithm), keys.pair(algorithm, 1)
    signature = pair.sign(MESSAGE)
    assert holds(public(pair), signature, MESSAGE)
    assert not holds(public(pair), signature, MESSAGE + b"\0")
    assert not holds(public(pair), signature, b"")
    assert not holds(public(other), signature, MESSAGE)
    for changed in (b"", signature[:-1], signature + b"\0", bytes([signature[0] ^ 1]) + signature[1:], b"\0" * 64):
        assert not holds(public(pair), changed, MESSAGE)


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
@pytest.mark.parametrize("other", keys.ALGORITHMS)
def test_a_signature_of_another_kind_of_key(algorithm: str, other: str) -> None:
    expected = algorithm == other
    assert holds(public(keys.pair(algorithm)), keys.pair(other).sign(MESSAGE), MESSAGE) is expected


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"])
def test_the_curve_hash_and_sha256_and_no_other(algorithm: str) -> None:
    pair = keys.pair(algorithm)
    own = {"ecdsa-p256": "sha256", "ecdsa-p384": "sha384", "ecdsa-p521": "sha512"}[algorithm]
    for digest in (
        hashes.SHA1(),
        hashes.SHA224(),
        hashes.SHA256(),
        hashes.SHA384(),
        hashes.SHA512(),
        hashes.SHA3_256(),
    ):
        signature = pair.sign(MESSAGE, digest=digest)
        assert holds(public(pair), signature, MESSAGE) is (digest.name in ("sha256", own))


def test_ecdsa_signatures_that_are_not_der() -> None:
    pair = keys.pair()
    r, s = decode_dss_signature(pair.sign(MESSAGE))
    raw = r.to_bytes(32) + s.to_bytes(32)
    padded = encode_dss_signature(r, s)
    longer = padded[:1] + b"\x81" + padded[1:]
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    for signature in (
        raw,
        longer,
        encode_dss_signature(0, 0),
        encode_dss_signature(0, s),
        encode_dss_signature(r, 0),
        encode_dss_signature(r + order, s),
        encode_dss_signature(r, s + order),
        encode_dss_signature(order, order),
    ):
        assert not holds(public(pair), signature, MESSAGE)


def test_ed25519_is_not_malleable() -> None:
    pair = keys.pair("ed25519")
    signature = pair.sign(MESSAGE)
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    again = r + (s + ED25519_ORDER).to_bytes(32, "little")
    assert holds(public(pair), signature, MESSAGE)
    assert not holds(public(pair), again, MESSAGE)
    assert not holds(public(pair), b"\xff" * 32 + signature[32:], MESSAGE)
    assert not holds(public(pair), signature[:63], MESSAGE)


@pytest.mark.parametrize("salt", [0, 20, padding.PSS.DIGEST_LENGTH, padding.PSS.MAX_LENGTH])
def test_rsa_pss_with_any_salt(salt: int) -> None:
    pair = keys.pair("rsa-2048")
    assert isinstance(pair.private, rsa.RSAPrivateKey)
    signature = pair.private.sign(MESSAGE, padding.PSS(padding.MGF1(hashes.SHA256()), salt), hashes.SHA256())
    assert holds(public(pair), signature, MESSAGE)
    assert not holds(public(pair), signature, MESSAGE + b"x")


@pytest.mark.parametrize("digest", [hashes.SHA1(), hashes.SHA384(), hashes.SHA512()])
def test_rsa_with_another_hash(digest: hashes.HashAlgorithm) -> None:
    pair = keys.pair("rsa-2048")
    assert not holds(public(pair), pair.sign(MESSAGE, digest=digest), MESSAGE)


def test_a_signature_larger_than_any_key_makes() -> None:
    for algorithm in keys.ALGORITHMS:
        assert not holds(public(keys.pair(algorithm)), b"0" * (1 << 20), MESSAGE)


def test_a_prehashed_signature_is_not_a_signature_over_the_message() -> None:
    pair = keys.pair()
    assert isinstance(pair.private, ec.EllipticCurvePrivateKey)
    hasher = hashes.Hash(hashes.SHA256())
    hasher.update(MESSAGE)
    assert not holds(public(pair), pair.sign(hasher.finalize()), MESSAGE)


def test_a_key_without_a_jws_algorithm_signs_no_jws() -> None:
    pair = keys.pair("ed25519")
    assert algorithm_of(public(pair)) is None
    assert not holds_jws(public(pair), pair.sign(MESSAGE), MESSAGE)
