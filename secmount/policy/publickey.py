"""Public keys of a policy folder: one PEM block of a SubjectPublicKeyInfo, in its one canonical encoding.

A key that could be written in two ways would be two principals, and count twice. So only these are read: P-256, P-384
and P-521 as named curves with an uncompressed point (RFC 5480), Ed25519 (RFC 8410), RSA of 2048 to 16384 bits with NULL
parameters (RFC 8017), all in DER. Whether a point lies on its curve is for `trust.check`, which has the arithmetic.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import field

from secmount.value import dataclass

PEM_LIMIT = 16 << 10  # bytes of a key file; RSA of 16384 bits takes 3 KiB

_PEM = re.compile(rb"\s*-----BEGIN PUBLIC KEY-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END PUBLIC KEY-----\s*")
_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,60})-----")
_POINTS = {  # what stands before the coordinates, and how many bytes those take
    "ecdsa-p256": (bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004"), 64),
    "ecdsa-p384": (bytes.fromhex("3076301006072a8648ce3d020106052b8104002203620004"), 96),
    "ecdsa-p521": (bytes.fromhex("30819b301006072a8648ce3d020106052b810400230381860004"), 132),
    "ed25519": (bytes.fromhex("302a300506032b6570032100"), 32),
}
_RSA = bytes.fromhex("300d06092a864886f70d0101010500")
_RSA_BITS = range(2048, 16_385)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key as a principal: `principal` is sha256 of `spki`, the DER SubjectPublicKeyInfo."""

    algorithm: str
    spki: bytes = field(repr=False)
    principal: str


def read(data: bytes) -> PublicKey:
    """Read a PEM file; raise ValueError that says what it is instead."""
    found = _PEM.fullmatch(data)
    if not found:
        label = _LABEL.search(data)
        raise ValueError(f"a PEM file of {label[1].decode().lower()}" if label else "not a PEM file")
    body = re.sub(rb"[\r\n]", b"", found[1])
    try:
        spki = base64.b64decode(body, validate=True)
    except binascii.Error as err:
        raise ValueError("PEM with broken base64") from err
    algorithm = next((name for name, (head, size) in _POINTS.items() if _fits(spki, head, size)), None)
    if algorithm is None:
        algorithm = _rsa(spki)
    return PublicKey(algorithm, spki, f"sha256:{hashlib.sha256(spki).hexdigest()}")


def _fits(spki: bytes, head: bytes, size: int) -> bool:
    return spki.startswith(head) and len(spki) == len(head) + size


def _rsa(spki: bytes) -> str:
    """Name the RSA key in `spki`: its numbers are read, and must give the same bytes when written again."""
    try:
        _, body = _element(spki, 0x30)
        at, _ = _element(body, 0x30)
        _, bits = _element(body[at:], 0x03)
        _, pair = _element(bits[1:], 0x30)
        at, modulus_bytes = _element(pair, 0x02)
        _, exponent_bytes = _element(pair[at:], 0x02)
    except (IndexError, ValueError) as err:
        raise ValueError("a public key of an unknown kind or encoding") from err
    modulus, exponent = int.from_bytes(modulus_bytes), int.from_bytes(exponent_bytes)
    numbers = _write(0x30, _number(modulus) + _number(exponent))
    if spki != _write(0x30, _RSA + _write(0x03, b"\0" + numbers)):
        raise ValueError("a public key of an unknown kind or encoding")
    if modulus.bit_length() not in _RSA_BITS or exponent < 3 or not exponent & 1:
        raise ValueError(f"an RSA key of {modulus.bit_length()} bits with exponent {exponent}")
    return f"rsa-{modulus.bit_length()}"


def _element(data: bytes, tag: int) -> tuple[int, bytes]:
    """Give the content of the DER element that `data` begins with, and where the next begins."""
    if data[0] != tag:
        raise ValueError("another tag")
    length, start = data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start])
    content = data[start : start + length]
    if len(content) != length:
        raise ValueError("cut off")
    return start + length, content


def _number(value: int) -> bytes:
    return _write(0x02, value.to_bytes(value.bit_length() // 8 + 1))


def _write(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + content
