"""Key files: one kind of file, one encoding of a key."""

from __future__ import annotations

import base64
import hashlib

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519

from secmount.policy import publickey
from tests.support import keys


def pem(der: bytes, label: str = "PUBLIC KEY", *, width: int = 64) -> bytes:
    text = base64.b64encode(der).decode()
    rows = "\n".join(text[at : at + width] for at in range(0, len(text), width))
    return f"-----BEGIN {label}-----\n{rows}\n-----END {label}-----\n".encode()


@pytest.mark.parametrize("algorithm", keys.ALGORITHMS)
def test_every_algorithm_that_trust_checks_is_read(algorithm: str) -> None:
    pair = keys.pair(algorithm)
    found = publickey.read(pair.public_pem)
    assert (found.algorithm, found.spki, found.principal) == (algorithm, pair.spki, pair.principal)
    assert found.principal == f"sha256:{hashlib.sha256(pair.spki).hexdigest()}"


def test_line_ends_and_widths_do_not_matter() -> None:
    pair = keys.pair()
    for text in (pair.public_pem.replace(b"\n", b"\r\n"), b"\n" + pair.public_pem + b"\n\n", pem(pair.spki, width=76)):
        assert publickey.read(text).principal == pair.principal


def compressed() -> bytes:
    point = keys.pair().private.public_key()
    assert isinstance(point, ec.EllipticCurvePublicKey)
    raw = point.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    return bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + raw


def rsa_without_null() -> bytes:
    spki = keys.pair("rsa-2048").spki
    inner = spki[4:].replace(
        bytes.fromhex("300d06092a864886f70d0101010500"), bytes.fromhex("300b06092a864886f70d010101"), 1
    )
    return b"\x30\x82" + len(inner).to_bytes(2) + inner


def rsa_with_a_longer_length() -> bytes:
    spki = keys.pair("rsa-2048").spki
    return b"\x30\x83\x00" + spki[2:4] + spki[4:]


def rsa_with_a_negative_modulus() -> bytes:
    """Without the leading zero of the modulus: DER reads a negative number, a lenient reader the same key."""
    numbers = keys.pair("rsa-2048").private.public_key()
    assert isinstance(numbers, rsa.RSAPublicKey)
    modulus = numbers.public_numbers().n.to_bytes(256)
    pair = b"\x02\x82\x01\x00" + modulus + b"\x02\x03\x01\x00\x01"
    bits = b"\x00\x30\x82" + len(pair).to_bytes(2) + pair
    body = bytes.fromhex("300d06092a864886f70d0101010500") + b"\x03\x82" + len(bits).to_bytes(2) + bits
    return b"\x30\x82" + len(body).to_bytes(2) + body


def explicit_curve() -> bytes:
    spki = keys.pair().spki
    return spki.replace(bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030101"), 1)


@pytest.mark.parametrize(
    "encoded",
    [
        compressed,
        rsa_without_null,
        rsa_with_a_longer_length,
        rsa_with_a_negative_modulus,
        explicit_curve,
        lambda: keys.pair().spki + b"\0",
        lambda: keys.pair().spki[:-1],
        lambda: b"",
        lambda: b"\x30",
        lambda: b"\x30\x80\0\0",
        lambda: keys.pair("rsa-2048").spki + b"\0",
        lambda: keys.pair("rsa-2048").spki[:-1],
    ],
)
def test_a_second_encoding_of_a_key_is_not_read(encoded: object) -> None:
    """It would be another principal, and count beside the first."""
    assert callable(encoded)
    with pytest.raises(ValueError, match=r"."):
        publickey.read(pem(encoded()))


@pytest.mark.parametrize("algorithm", ["ecdsa-p224", "ecdsa-secp256k1", "rsa-1024"])
def test_weak_and_foreign_keys_are_not_read(algorithm: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        publickey.read(keys.pair(algorithm).public_pem)


def test_keys_that_do_not_sign_are_not_read() -> None:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    others = (
        x25519.X25519PrivateKey.generate().public_key(),
        ed448.Ed448PrivateKey.generate().public_key(),
        dsa.generate_private_key(1024).public_key(),
    )
    for other in others:
        with pytest.raises(ValueError, match="unknown kind"):
            publickey.read(other.public_bytes(serialization.Encoding.PEM, form))


def test_an_exponent_that_hides_nothing_is_not_read() -> None:
    for exponent in (b"\x01", b"\x04"):
        spki = keys.pair("rsa-2048").spki
        changed = spki.removesuffix(b"\x02\x03\x01\x00\x01") + b"\x02\x01" + exponent
        assert changed != spki
        with pytest.raises(ValueError, match=r"."):
            publickey.read(pem(changed))


def test_what_is_not_one_public_key() -> None:
    one = keys.pair().public_pem
    for text, said in [
        (keys.pair().private_pem, "private key"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "certificate"),
        (b"-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----\n", "rsa public key"),
        (b"", "not a PEM"),
        (b"AAAA", "not a PEM"),
        (keys.pair().spki, "not a PEM"),
        (one + one, "public key"),
        (b"note\n" + one, "public key"),
        (one + b"note", "public key"),
        (one.replace(b"\n", b"\nA", 1), "."),
        (one.replace(b"\n", b"\n!", 1), "public key"),
    ]:
        with pytest.raises(ValueError, match=said):
            publickey.read(text)
