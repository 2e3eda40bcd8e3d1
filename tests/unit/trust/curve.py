"""ECDSA key recovery on P-256 (SEC 1 section 4.1.6): a signature fits two keys, and anyone can compute the other."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from tests.support import keys
from tests.support.keys import KeyPair
from tests.support.layouts import digest_of

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
Point = tuple[int, int] | None


@dataclass(frozen=True)
class Forged:
    """A public key whose private half nobody knows."""

    spki: bytes

    @property
    def principal(self) -> str:
        return digest_of(self.spki)


def key_that_fits(bundle: bytes, signed_by: KeyPair) -> Forged:
    """Compute the other key under which the DSSE signature of `bundle` holds."""
    envelope = keys.decoded(bundle)["dsseEnvelope"]
    message = keys.pae(envelope["payloadType"], base64.b64decode(envelope["payload"]))
    r, s = decode_dss_signature(base64.b64decode(envelope["signatures"][0]["sig"]))
    z = int.from_bytes(hashlib.sha256(message).digest())
    y = pow(r**3 - 3 * r + B, (P + 1) // 4, P)
    for nonce in ((r, y), (r, P - y)):
        found = _times(pow(r, -1, N), _add(_times(s, nonce), _times(-z % N, G)))
        assert found is not None
        spki = (
            ec.EllipticCurvePublicNumbers(*found, ec.SECP256R1())
            .public_key()
            .public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        )
        if spki != signed_by.spki:
            return Forged(spki)
    raise AssertionError("recovery gave the same key twice")


def _add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % P == 0:
        return None
    rise, run = (3 * a[0] * a[0] - 3, 2 * a[1]) if a == b else (b[1] - a[1], b[0] - a[0])
    slope = rise * pow(run, -1, P)
    x = (slope * slope - a[0] - b[0]) % P
    return x, (slope * (a[0] - x) - a[1]) % P


def _times(scalar: int, point: Point) -> Point:
    total: Point = None
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point, scalar = _add(point, point), scalar >> 1
    return total
