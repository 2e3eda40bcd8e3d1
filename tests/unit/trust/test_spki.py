"""Public keys: one encoding each, and nothing weak."""

from __future__ import annotations

import base64
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa, x25519

from secmount.errors import TrustError
from secmount.trust import spki
from tests.support import keys

ED25519 = bytes.fromhex("302a300506032b6570032100")
P256 = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
SMALL_ORDER = [  # libsodium, ge25519_has_small_order, and the first ones with the sign of x
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
]
NOT_REDUCED = [  # y is p or p + 1
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]


def pem(der: bytes, label: str = "PUBLIC KEY") -> bytes:
    body = base64.b64encode(der).decode()
    lines = "\n".join(body[at : at + 64] for at in range(0, len(body), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


def code_of(data: bytes) -> str:
    with pytest.raises(TrustError) as caught:
        spki.load(data, subject="keys/release.pub")
    assert caught.value.subject == "keys/release.pub"
    return caught.value.code


@pytest.mark.parametrize("algorithm", [*keys.ALGORITHMS, "rsa-3072"])
def test_every_accepted_kind_loads_with_the_principal_that_cosign_hints_at(algorithm: str) -> None:
    pair = keys.pair(algorithm)
    found = spki.load(pair.public_pem, subject="x")
    assert (found.kind, found.spki, found.principal) == (algorithm, pair.spki, pair.principal)


def test_line_ends_and_blank_lines_around_the_block_do_not_matter() -> None:
    pair = keys.pair()
    windows = b"\r\n" + pair.public_pem.replace(b"\n", b"\r\n") + b"\r\n\r\n"
    assert spki.load(windows, subject="x").principal == pair.principal


def test_a_file_of_exactly_the_limit_is_read() -> None:
    good = keys.pair().public_pem
    assert spki.load(good + b"\n" * (spki.PEM_LIMIT - len(good)), subject="x").spki == keys.pair().spki
    assert code_of(good + b"\n" * (spki.PEM_LIMIT + 1 - len(good))) == "SM2101"


@pytest.mark.parametrize("algorithm", ["rsa-1024", "ecdsa-p224", "ecdsa-secp256k1"])
def test_weak_keys_and_other_curves(algorithm: str) -> None:
    assert code_of(keys.pair(algorithm).public_pem) == "SM2103"


def test_algorithms_that_are_not_verified_here() -> None:
    for private in (ed448.Ed448PrivateKey.generate(), x25519.X25519PrivateKey.generate()):
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        assert code_of(public) == "SM2103"


def test_private_keys_are_named_as_such() -> None:
    assert code_of(keys.pair().private_pem) == "SM2102"
    assert code_of(keys.pair().public_pem + keys.pair().private_pem) == "SM2102"
    assert code_of(pem(b"x", "ENCRYPTED SIGSTORE PRIVATE KEY")) == "SM2102"
    assert code_of(b"-----BEGIN EC PRIVATE KEY-----\nbroken") == "SM2102"


def test_files_that_are_not_one_public_key() -> None:
    good = keys.pair().public_pem
    other = keys.pair("ecdsa-p256", 1).public_pem
    rsa_old = keys.pair("rsa-2048").private.public_key()
    assert isinstance(rsa_old, rsa.RSAPublicKey)
    pkcs1 = rsa_old.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.PKCS1)
    for data in (
        b"",
        b"hello",
        good + other,
        good + good,
        b"# release\n" + good,
        good.replace(b"-----END", b"!\n-----END"),
        good.replace(b"BEGIN PUBLIC", b"BEGIN  PUBLIC"),
        good.replace(b"END PUBLIC", b"END OTHER"),
        pem(keys.pair().spki, "CERTIFICATE"),
        pkcs1,
        base64.b64encode(keys.pair().spki),
        keys.pair().spki,
        good.decode().encode("utf-16"),
        good + b" " * (16 << 10),
        b"\f" + good,
        b"X" + good + b"X",
        b"".join(pem(b"x", f"KIND {number}") for number in range(6)),
        good.replace(b"\n-----END", b"A\n-----END"),
        good.replace(b"==\n-----END", b"\n-----END"),
    ):
        assert code_of(data) == "SM2101"


def test_base64_has_one_spelling() -> None:
    der = keys.pair().spki
    body = base64.b64encode(der).decode()
    assert body.endswith("==")
    sloppy = body[:-3] + chr(ord(body[-3]) + 1) + "=="
    assert base64.b64decode(sloppy) == der
    assert code_of(f"-----BEGIN PUBLIC KEY-----\n{sloppy}\n-----END PUBLIC KEY-----\n".encode()) == "SM2101"


def test_a_compressed_point_is_another_spelling_of_the_same_key() -> None:
    public = keys.pair().private.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    der = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    loaded = serialization.load_der_public_key(der)
    assert isinstance(loaded, ec.EllipticCurvePublicKey)
    assert loaded.public_numbers() == public.public_numbers()
    assert code_of(pem(der)) == "SM2103"


def test_explicit_curve_parameters() -> None:
    """CVE-2020-0601: with a generator of one's own choice any public key has a known private key."""
    p, a, b, g, n = (
        "00ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
        "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
        "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
        "00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    )
    field = tlv(0x30, bytes.fromhex("06072a8648ce3d0101") + tlv(2, bytes.fromhex(p)))
    curve = tlv(0x30, tlv(4, bytes.fromhex(a)) + tlv(4, bytes.fromhex(b)))
    parameters = b"\x02\x01\x01" + field + curve + tlv(4, bytes.fromhex(g)) + tlv(2, bytes.fromhex(n)) + b"\x02\x01\x01"
    algorithm = tlv(0x30, bytes.fromhex("06072a8648ce3d0201") + tlv(0x30, parameters))
    point = keys.pair().spki[-65:]
    assert code_of(pem(tlv(0x30, algorithm + tlv(3, b"\0" + point)))) == "SM2103"


def tlv(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(octets)]) + octets + content


@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ecdsa-p384", "ecdsa-p521"])
def test_points_off_the_curve(algorithm: str) -> None:
    der = bytearray(keys.pair(algorithm).spki)
    der[-1] ^= 1
    assert code_of(pem(bytes(der))) == "SM2103"


@pytest.mark.parametrize("algorithm", [*keys.ALGORITHMS])
def test_nothing_may_follow_a_key_or_be_missing(algorithm: str) -> None:
    der = keys.pair(algorithm).spki
    for changed in (der + b"\0", der[:-1], b"", der[:1], der[:-40]):
        with pytest.raises(TrustError, match="SM2103"):
            spki.parse(changed, subject="x")


def test_a_coordinate_beyond_the_field_is_another_spelling() -> None:
    """A point with y + p would be the same point; P-521 has the room to write it."""
    prefix = bytes.fromhex("30819b301006072a8648ce3d020106052b8104002303818600")
    der = keys.pair("ecdsa-p521").spki
    assert der.startswith(prefix)
    y = int.from_bytes(der[-66:]) + 2**521 - 1
    assert y.bit_length() <= 528
    with pytest.raises(TrustError, match="SM2103"):
        spki.parse(der[:-66] + y.to_bytes(66), subject="x")


@pytest.mark.parametrize(
    ("point", "words"),
    [(point, "an Ed25519 point of small order") for point in SMALL_ORDER]
    + [(point, "bytes that are no point of Ed25519") for point in NOT_REDUCED],
)
def test_ed25519_points_of_small_order_or_not_reduced(point: str, words: str) -> None:
    assert words_of(ED25519 + bytes.fromhex(point)) == words


def words_of(der: bytes) -> str:
    with pytest.raises(TrustError, match="SM2103") as caught:
        spki.parse(der, subject="x")
    return caught.value.got or ""


def test_why_small_order_matters() -> None:
    """Under the neutral element as key, R = S·B fits every message; with S = 0, R is the neutral element too."""
    neutral = bytes.fromhex(SMALL_ORDER[1])
    forged = neutral + bytes(32)
    public = ed25519.Ed25519PublicKey.from_public_bytes(neutral)
    public.verify(forged, b"pay Mallory")
    public.verify(forged, b"pay Eve")


def test_ed25519_bytes_that_are_no_point() -> None:
    """An x exists if (y² - 1) / (d·y² + 1), d = -121665/121666, is a square: a quotient is one if the product is."""
    p, accepted = 2**255 - 19, 0
    for y in range(2, 80):
        product = (y * y - 1) * (121666 - 121665 * y * y) * 121666
        der = ED25519 + y.to_bytes(32, "little")
        if pow(product, (p - 1) // 2, p) == 1:
            assert spki.parse(der, subject="x").point == y.to_bytes(32, "little")
            accepted += 1
        else:
            assert words_of(der) == "bytes that are no point of Ed25519"
    assert 20 <= accepted <= 60  # half of all y have no x


RSA = bytes.fromhex("300d06092a864886f70d0101010500")
MODULUS = b"\0" + b"\xc3" * 256
F4 = b"\x01\x00\x01"
NUMBERS = tlv(0x30, tlv(2, MODULUS) + tlv(2, F4))


def rsa_key(modulus: bytes, exponent: bytes) -> bytes:
    return rsa_info(tlv(0x30, tlv(2, modulus) + tlv(2, exponent)))


def rsa_info(numbers: bytes, *, algorithm: bytes = RSA, unused: bytes = b"\0", after: bytes = b"") -> bytes:
    return tlv(0x30, algorithm + tlv(3, unused + numbers) + after)


@pytest.mark.parametrize(
    ("modulus", "exponent"),
    [
        (MODULUS, b"\x03"),
        (MODULUS, b"\x01"),
        (MODULUS, b"\x01\x00\x00\x00"),
        (MODULUS, b"\x01" + b"\0" * 32 + b"\x01"),
        (MODULUS, b"\x81\x00\x01"),
        (MODULUS, b"\0\x01\x00\x01"),
        (MODULUS, b"\0\x7f\x00\x01"),
        (MODULUS, b""),
        (b"\0" + MODULUS, F4),
        (MODULUS[1:], F4),
        (b"\x80" + MODULUS[2:], F4),
        (MODULUS[:-1] + b"\xc2", F4),
        (b"\0" + b"\xc3" * 1025, F4),
        (b"\x43" + b"\xc3" * 255, F4),
    ],
)
def test_rsa_numbers_that_are_not_accepted(modulus: bytes, exponent: bytes) -> None:
    with pytest.raises(TrustError, match="SM2103"):
        spki.parse(rsa_key(modulus, exponent), subject="x")


def test_an_rsa_key_made_by_hand() -> None:
    assert rsa_info(NUMBERS) == rsa_key(MODULUS, F4)
    assert spki.parse(rsa_info(NUMBERS), subject="x").kind == "rsa-2048"


@pytest.mark.parametrize(
    ("modulus", "kind"),
    [
        (b"\0\x80" + b"\x01" * 255, "rsa-2048"),
        (b"\x43" + b"\x01" * 256, "rsa-2055"),
        (b"\0" + b"\xc3" * 1024, "rsa-8192"),
    ],
)
def test_rsa_numbers_at_the_edges(modulus: bytes, kind: str) -> None:
    assert spki.parse(rsa_key(modulus, F4), subject="x").kind == kind


_CANONICAL = "an RSA key that is not in canonical DER"
_NUMBER = "an RSA key with a number that is not in canonical DER"


@pytest.mark.parametrize(
    ("exponent", "words"),
    [
        (b"\x02\x00", _NUMBER),
        (b"\x02\x01\x00", _NUMBER),
        (b"\x02\x01\x80", _NUMBER),
        (b"\x02\x02\x00\x7f", _NUMBER),
        (b"\x02\x02\x00\x80", "an RSA key with exponent 128"),
        (b"\x02\x01\x7f", "an RSA key with exponent 127"),
        (b"\x02", _CANONICAL),
        (b"\x02\x80", _CANONICAL),
        (b"\x02\x80" + F4 + bytes(128), _CANONICAL),
        (b"\x02\x81", _CANONICAL),
        (b"\x02\x81\x7f" + b"\x01" * 127, _CANONICAL),
        (b"\x02\x81\x80" + b"\x01" * 128, f"an RSA key with exponent {int.from_bytes(bytes([1]) * 128)}"),
        (b"\x02\x81\x80", "an RSA key that is cut off"),
        (b"\x02\x82\xff", _CANONICAL),
        (b"\x02\x82\x00\x80", _CANONICAL),
        (b"\x02\x83\x01\x00\x00", _CANONICAL),
        (b"\x04\x03" + F4, _CANONICAL),
    ],
    ids=range(17),
)
def test_an_rsa_exponent_is_written_in_one_way(exponent: bytes, words: str) -> None:
    assert words_of(rsa_info(tlv(0x30, tlv(2, MODULUS) + exponent))) == words


@pytest.mark.parametrize(
    "der",
    [
        rsa_info(NUMBERS, algorithm=bytes.fromhex("300b06092a864886f70d01010a")),  # RSASSA-PSS
        rsa_info(NUMBERS, algorithm=bytes.fromhex("300b06092a864886f70d010101")),  # no NULL
        rsa_info(NUMBERS, algorithm=bytes.fromhex("300e06092a864886f70d010101058100")),
        rsa_info(NUMBERS, unused=b"\1"),
        rsa_info(NUMBERS, unused=b""),
        rsa_info(NUMBERS, after=b"\x05\0"),
        rsa_info(NUMBERS + b"\x05\0"),
        rsa_info(tlv(0x30, tlv(2, MODULUS) + tlv(2, F4) + b"\x02\x01\x01")),
        rsa_info(tlv(0x31, tlv(2, MODULUS) + tlv(2, F4))),
        rsa_info(tlv(0x30, tlv(2, MODULUS) + tlv(4, F4))),
        rsa_info(tlv(0x30, tlv(2, MODULUS) + b"\x02\x81\x03" + F4)),
        rsa_info(tlv(0x30, tlv(2, MODULUS) + b"\x02\x82\0\x03" + F4)),
        rsa_info(tlv(0x30, tlv(2, MODULUS) + b"\x02\x05" + F4)),
        rsa_info(tlv(0x30, tlv(2, MODULUS) + b"\x02\x80" + F4)),
        rsa_info(tlv(0x30, tlv(2, MODULUS) + b"\x02\x82\x03")),
        rsa_info(tlv(0x30, tlv(2, MODULUS) + b"\x02")),
        rsa_info(NUMBERS) + b"\0",
        rsa_info(NUMBERS)[:-1],
    ],
)
def test_rsa_keys_in_another_encoding(der: bytes) -> None:
    with pytest.raises(TrustError, match="SM2103"):
        spki.parse(der, subject="x")


def test_lengths_have_one_spelling() -> None:
    der = rsa_info(NUMBERS)
    assert der[1] == 0x82
    more = (int.from_bytes(der[2:4]) + 1).to_bytes(2)
    for changed in (der[:1] + b"\x83\0" + der[2:], der[:2] + more + der[4:]):
        with pytest.raises(TrustError, match="SM2103"):
            spki.parse(changed, subject="x")


def test_a_coordinate_without_its_leading_zero_is_another_spelling() -> None:
    while True:
        der = keys.KeyPair(ec.generate_private_key(ec.SECP256R1())).spki
        if der[-32] == 0:
            break
    assert spki.parse(der, subject="x").kind == "ecdsa-p256"
    with pytest.raises(TrustError, match="SM2103"):
        spki.parse(der[:-32] + der[-31:], subject="x")


def test_loading_a_key_does_not_import_cryptography() -> None:
    program = (
        "import sys; from secmount.trust import spki, claim, evidence, signer\n"
        "spki.load(sys.stdin.buffer.read(), subject='x')\n"
        "print([name for name in sys.modules if name.startswith('cryptography')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=keys.pair().public_pem, capture_output=True, check=True
    )
    assert done.stdout == b"[]\n"
