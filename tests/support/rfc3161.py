"""A timestamp authority that stamps what it is told, at any time, with any defect. RFC 3161, RFC 5652, RFC 5816.

Written without any code of secmount: DER is put together here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

SHA1, SHA256, SHA512 = "1.3.14.3.2.26", "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.3"
ECDSA_SHA256 = "1.2.840.10045.4.3.2"
TST_INFO = "1.2.840.113549.1.9.16.1.4"
_HASHES = {SHA1: hashlib.sha1, SHA256: hashlib.sha256, SHA512: hashlib.sha512}


def tlv(tag: int, *content: bytes) -> bytes:
    """Write one DER element."""
    body = b"".join(content)
    if len(body) < 0x80:
        return bytes((tag, len(body))) + body
    length = len(body).to_bytes((len(body).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(length))) + length + body


def seq(*content: bytes) -> bytes:
    return tlv(0x30, *content)


def set_of(*content: bytes) -> bytes:
    return tlv(0x31, *sorted(content))


def octets(content: bytes) -> bytes:
    return tlv(0x04, content)


def integer(value: int) -> bytes:
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1))


def oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    body = bytes((40 * first + second,))
    for arc in rest:
        part = [arc & 0x7F]
        while arc := arc >> 7:
            part.append(0x80 | arc & 0x7F)
        body += bytes(reversed(part))
    return tlv(0x06, body)


def utf8(text: str) -> bytes:
    return tlv(0x0C, text.encode())


def children(raw: bytes) -> list[bytes]:
    """Give the elements inside of an element."""
    found, at = [], _head(raw)
    while at < len(raw):
        end = at + _head(raw[at:]) + _length(raw[at:])
        found.append(raw[at:end])
        at = end
    return found


def changed(raw: bytes, *path: int, to: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """Change the elements inside of the element that the numbers of `path` lead to, and all lengths around it."""
    parts = children(raw)
    if path:
        first, *rest = path
        parts[first] = changed(parts[first], *rest, to=to)
    else:
        parts = to(parts)
    return tlv(raw[0], *parts)


def _head(raw: bytes) -> int:
    return 2 if raw[1] < 0x80 else 2 + (raw[1] & 0x7F)


def _length(raw: bytes) -> int:
    return raw[1] if raw[1] < 0x80 else int.from_bytes(raw[2 : _head(raw)])


@dataclass(frozen=True)
class Stamping:
    """Everything that goes into a stamp; a test exchanges what it wants to be wrong."""

    signature: bytes
    at: datetime
    certificate: x509.Certificate  # whom the token names
    key: ec.EllipticCurvePrivateKey  # whose key signs
    bag: tuple[bytes, ...] = ()  # certificates in the token
    imprint_hash: str = SHA256
    status: int = 0
    content_type: str = TST_INFO
    ess: bytes | None = b""  # hash of the named certificate; empty: the right one, None: no attribute at all
    ess_v1: bool = False
    digest: bytes | None = None  # the messageDigest attribute; None: the right one
    extra_signer: bool = False
    edit: Callable[[bytes], bytes] | None = None  # of the signed TSTInfo, before it is signed


def stamp(what: Stamping) -> bytes:
    """Give a TimeStampResp."""
    imprint = _HASHES[what.imprint_hash](what.signature).digest()
    info = seq(
        integer(1),
        oid("1.3.6.1.4.1.57264.2"),
        seq(seq(oid(what.imprint_hash), b"\x05\x00"), octets(imprint)),
        integer(0xDEADBEEF),
        tlv(0x18, what.at.strftime("%Y%m%d%H%M%SZ").encode()),
    )
    info = what.edit(info) if what.edit else info
    signer = _signer(what, info)
    signers = (signer, _signer(replace(what, digest=b"\x00" * 32), info)) if what.extra_signer else (signer,)
    data = seq(
        integer(3),
        set_of(seq(oid(SHA256))),
        seq(oid(what.content_type), tlv(0xA0, octets(info))),
        tlv(0xA0, *what.bag) if what.bag else b"",
        set_of(*signers),
    )
    return seq(seq(integer(what.status)), seq(oid("1.2.840.113549.1.7.2"), tlv(0xA0, data)))


def _signer(what: Stamping, info: bytes) -> bytes:
    certificate = what.certificate.public_bytes(Encoding.DER)
    attributes = [
        _attribute("1.2.840.113549.1.9.3", oid(what.content_type)),
        _attribute("1.2.840.113549.1.9.4", octets(what.digest or hashlib.sha256(info).digest())),
    ]
    if what.ess is not None:
        kind, own = (".12", hashlib.sha1) if what.ess_v1 else (".47", hashlib.sha256)
        named = what.ess or own(certificate).digest()
        attributes.append(_attribute("1.2.840.113549.1.9.16.2" + kind, seq(seq(seq(octets(named))))))
    signed = set_of(*attributes)
    return seq(
        integer(1),
        seq(what.certificate.issuer.public_bytes(), integer(what.certificate.serial_number)),
        seq(oid(SHA256)),
        b"\xa0" + signed[1:],
        seq(oid(ECDSA_SHA256)),
        octets(what.key.sign(signed, ec.ECDSA(hashes.SHA256()))),
    )


def _attribute(kind: str, value: bytes) -> bytes:
    return seq(oid(kind), set_of(value))
