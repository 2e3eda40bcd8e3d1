"""Public keys as a policy names them: PEM SubjectPublicKeyInfo, each key in exactly one encoding.

The principal is the hash of the encoding, so a key that could be written in two ways would be two principals and reach
a threshold alone. Accepted is what RFC 5480, RFC 8410 and RFC 3279 make canonical: named curve, uncompressed point,
`rsaEncryption` with NULL parameters, DER. Not accepted: explicit curve parameters (CVE-2020-0601's lesson), compressed
points, RSASSA-PSS identifiers, other curves, RSA below 2048 bits, points off the curve, Ed25519 points of small order.

Read without `cryptography`: importing it takes 30 ms, which every mount of a held artifact would pay at policy load.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import field

from secmount.errors import TrustError
from secmount.trust.encoding import decode_base64
from secmount.value import dataclass

PEM_LIMIT = 16 << 10  # bytes of a PEM file; an RSA key of 8192 bits takes 1.5 KiB
RSA_LEAST = 2048  # bits; NIST SP 800-131A rev. 2
RSA_MOST = 8192  # bits; verification time grows with the cube
_EXPONENTS = range(1 << 16, 1 << 256)  # FIPS 186-5 section 5.1, odd ones

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\r?\n((?:[A-Za-z0-9+/=]+\r?\n)*)-----END \1-----", re.ASCII)
_HEADER = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----", re.ASCII)

_RSA_IDENTIFIER = bytes.fromhex("06092a864886f70d010101")  # rsaEncryption
_RSA_ALGORITHM = b"\x30\x0d" + _RSA_IDENTIFIER + b"\x05\x00"
_ED25519_PREFIX = bytes.fromhex("302a300506032b6570032100")
_EC_PREFIXES = {
    "ecdsa-p256": bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200"),
    "ecdsa-p384": bytes.fromhex("3076301006072a8648ce3d020106052b81040022036200"),
    "ecdsa-p521": bytes.fromhex("30819b301006072a8648ce3d020106052b8104002303818600"),
}
_EC_IDENTIFIER = bytes.fromhex("2a8648ce3d0201")  # id-ecPublicKey

# (p, b) of y² = x³ - 3x + b; NIST SP 800-186 section 3.2.1
_CURVES = {
    "ecdsa-p256": (
        2**256 - 2**224 + 2**192 + 2**96 - 1,
        0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    ),
    "ecdsa-p384": (
        2**384 - 2**128 - 2**96 + 2**32 - 1,
        0xB3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF,
    ),
    "ecdsa-p521": (
        2**521 - 1,
        0x51953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00,
    ),
}
_ED25519_P = 2**255 - 19
_ED25519_D = -121665 * pow(121666, -1, _ED25519_P) % _ED25519_P


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A sound public key. `point` is an EC point (X9.62) or Ed25519 key; `modulus` and `exponent` are RSA's."""

    kind: str  # ecdsa-p256, ecdsa-p384, ecdsa-p521, ed25519, rsa-<bits>
    spki: bytes = field(repr=False)
    point: bytes = field(default=b"", repr=False)
    modulus: int = field(default=0, repr=False)
    exponent: int = 0

    @property
    def principal(self) -> str:
        """Who signs with it: `sha256:<hex>` of the SubjectPublicKeyInfo."""
        return "sha256:" + hashlib.sha256(self.spki).hexdigest()


def load(pem: bytes, *, subject: str) -> PublicKey:
    """Read a PEM file with one public key in it and nothing else.

    Raise `TrustError` SM2101 (not such a file), SM2102 (it holds a private key) or SM2103 (a key that is not accepted).
    """
    want = "one PEM block, PUBLIC KEY"
    if len(pem) > PEM_LIMIT:
        raise TrustError("SM2101", subject=subject, got=f"{len(pem)} bytes", want=want)
    text = pem.decode("ascii", "replace")
    labels = _HEADER.findall(text)
    if any("PRIVATE" in label for label in labels):
        raise TrustError("SM2102", subject=subject, got=labels[0], want=want)
    found = _BLOCK.fullmatch(text.strip(" \t\r\n"))
    if not found or found[1] != "PUBLIC KEY":
        raise TrustError("SM2101", subject=subject, got=", ".join(labels[:4]) or "no PEM block", want=want)
    try:
        der = decode_base64("".join(found[2].split()))
    except ValueError as err:
        raise TrustError("SM2101", subject=subject, got=str(err), want="base64 between the PEM lines") from err
    return parse(der, subject=subject)


def parse(der: bytes, *, subject: str) -> PublicKey:
    """Read a DER SubjectPublicKeyInfo; raise `TrustError` SM2103."""
    try:
        return _key(der)
    except ValueError as err:
        want = "ECDSA P-256, P-384 or P-521, Ed25519, or RSA of 2048 to 8192 bits, in canonical DER"
        raise TrustError("SM2103", subject=subject, got=str(err), want=want) from err


def _key(der: bytes) -> PublicKey:
    for kind, prefix in _EC_PREFIXES.items():
        if der.startswith(prefix):
            return PublicKey(kind, der, point=_ec_point(kind, der[len(prefix) :]))
    if der.startswith(_ED25519_PREFIX):
        return PublicKey("ed25519", der, point=_ed25519_point(der[len(_ED25519_PREFIX) :]))
    if _RSA_IDENTIFIER in der[:24]:
        return _rsa(der)
    if _EC_IDENTIFIER in der[:32]:
        raise ValueError("an EC key on another curve, with explicit parameters or a compressed point")
    raise ValueError("a key of another algorithm or encoding")


def _ec_point(kind: str, point: bytes) -> bytes:
    p, b = _CURVES[kind]
    length = (p.bit_length() + 7) // 8
    if len(point) != 1 + 2 * length or point[0] != 4:
        raise ValueError("a point that is not uncompressed, or bytes after it")
    x, y = int.from_bytes(point[1 : 1 + length]), int.from_bytes(point[1 + length :])
    if x >= p or y >= p or (y * y - (x * x - 3) * x - b) % p:
        raise ValueError("a point that is not on its curve")
    return point


def _ed25519_point(point: bytes) -> bytes:
    """Check `point` after RFC 8032 section 5.1.3; under a key of small order one signature would fit every message."""
    p = _ED25519_P
    if len(point) != 32:
        raise ValueError("an Ed25519 key of another length")
    y = int.from_bytes(point, "little") & ((1 << 255) - 1)
    square = (y * y - 1) * pow(_ED25519_D * y * y + 1, -1, p) % p
    if y >= p or (square and pow(square, (p - 1) // 2, p) != 1):
        raise ValueError("bytes that are no point of Ed25519")
    if _small_order(y, square):
        raise ValueError("an Ed25519 point of small order")
    return point


def _small_order(y: int, square: int) -> bool:
    """Whether 8·(x, y) is neutral: y is 1 or -1 (orders 1, 2), or 0 (order 4), or doubling gives y = 0 (order 8)."""
    return y in (0, 1, _ED25519_P - 1) or (y * y + square) % _ED25519_P == 0


def _rsa(der: bytes) -> PublicKey:
    outer, rest = _element(der, 0x30)
    if rest or not outer.startswith(_RSA_ALGORITHM):
        raise ValueError("an RSA key that is not in canonical DER")
    bits, rest = _element(outer[len(_RSA_ALGORITHM) :], 0x03)
    if rest or not bits.startswith(b"\0"):
        raise ValueError("an RSA key that is not in canonical DER")
    numbers, rest = _element(bits[1:], 0x30)
    modulus, after = _integer(numbers)
    exponent, left = _integer(after)
    if rest or left:
        raise ValueError("bytes after an RSA key")
    size = modulus.bit_length()
    if not RSA_LEAST <= size <= RSA_MOST:
        raise ValueError(f"an RSA key of {size} bits")
    if modulus % 2 == 0 or exponent % 2 == 0 or exponent not in _EXPONENTS:
        raise ValueError(f"an RSA key with exponent {exponent}" if modulus % 2 else "an even RSA modulus")
    return PublicKey(f"rsa-{size}", der, modulus=modulus, exponent=exponent)


def _element(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """Split one DER element of `tag` off: its content, what follows. X.690 sections 8.1 and 10.1 (shortest length)."""
    if len(data) < 2 or data[0] != tag:
        raise ValueError("an RSA key that is not in canonical DER")
    length, start = data[1], 2
    if length >= 0x80:
        start = 2 + (length & 0x7F)
        length = int.from_bytes(data[2:start])
        if not 3 <= start <= 4 or len(data) < start or length < 0x80 or data[2] == 0:
            raise ValueError("an RSA key that is not in canonical DER")
    if len(data) < start + length:
        raise ValueError("an RSA key that is cut off")
    return data[start : start + length], data[start + length :]


def _integer(data: bytes) -> tuple[int, bytes]:
    content, rest = _element(data, 0x02)
    if not b"\x00\x80" <= content < b"\x80":  # nothing, a needless zero before it, a negative number, zero
        raise ValueError("an RSA key with a number that is not in canonical DER")
    return int.from_bytes(content), rest
