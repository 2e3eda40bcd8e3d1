"""Time-stamp responses, read, and the one signature in them, checked. RFC 3161, RFC 5652 section 5, RFC 5816.

The certificate that made the signature is given by the caller, who knows what it chains to, and the signature is
checked under its key and no other: a bag of certificates in the token chooses nothing (CVE-2025-52556, CVE-2026-39984).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from secmount.oci import instant
from secmount.trust.check import der
from secmount.trust.check.certificate import Certificate
from secmount.trust.check.der import Element
from secmount.value import dataclass

SIGNED_DATA, TST_INFO = "1.2.840.113549.1.7.2", "1.2.840.113549.1.9.16.1.4"
_CONTENT_TYPE, _MESSAGE_DIGEST = "1.2.840.113549.1.9.3", "1.2.840.113549.1.9.4"
_CERTIFICATE_V1, _CERTIFICATE_V2 = "1.2.840.113549.1.9.16.2.12", "1.2.840.113549.1.9.16.2.47"
_HASHES: Mapping[str, str] = MappingProxyType(
    {
        "2.16.840.1.101.3.4.2.1": "sha256",
        "2.16.840.1.101.3.4.2.2": "sha384",
        "2.16.840.1.101.3.4.2.3": "sha512",
    }
)
_SIGNATURES: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        "1.2.840.10045.4.3.2": ("ecdsa", "sha256"),
        "1.2.840.10045.4.3.3": ("ecdsa", "sha384"),
        "1.2.840.10045.4.3.4": ("ecdsa", "sha512"),
        "1.2.840.113549.1.1.1": ("rsa", None),  # the digest algorithm's hash; RFC 3370 section 3.2
        "1.2.840.113549.1.1.11": ("rsa", "sha256"),
        "1.2.840.113549.1.1.12": ("rsa", "sha384"),
        "1.2.840.113549.1.1.13": ("rsa", "sha512"),
    }
)
_ALGORITHMS: Mapping[str, hashes.HashAlgorithm] = MappingProxyType(
    {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
)
_TIME = re.compile(rb"([0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})(\.[0-9]{1,9})?Z")
_EXPLICIT_0, _IMPLICIT_1 = 0xA0, 0xA1
_CERTIFICATES_LIMIT = 16


@dataclass(frozen=True, slots=True)
class Token:
    """A time-stamp token: what it says, and the parts by which its signature is checked."""

    at_ms: int
    imprint_hash: str
    imprint: bytes
    certificates: tuple[bytes, ...] = field(repr=False)
    issuer: bytes = field(repr=False)  # of the signer's certificate, DER
    serial: int
    content: bytes = field(repr=False)
    digest_hash: str
    attributes: Mapping[str, Element] = field(repr=False, hash=False)
    signed: bytes = field(repr=False)
    algorithm: str
    signature: bytes = field(repr=False)

    def by(self, one: Certificate) -> bool:
        """Whether the token names `one` as its signer; the name alone proves nothing."""
        return one.parsed.issuer.public_bytes() == self.issuer and one.parsed.serial_number == self.serial


def read(response: bytes) -> Token:
    """Read a granted TimeStampResp; raise ValueError."""
    status, *token = der.read(response, der.SEQUENCE).children(der.SEQUENCE)
    if status.children(der.INTEGER)[0].integer() != 0 or len(token) != 1:
        raise ValueError("a response that is not granted")
    kind, content = token[0].exactly(der.OID, _EXPLICIT_0)
    if token[0].tag != der.SEQUENCE or kind.oid() != SIGNED_DATA:
        raise ValueError("a token that is no signed data")
    (data,) = content.exactly(der.SEQUENCE)
    _, _, inner, *more = data.children(der.INTEGER, der.SET, der.SEQUENCE)
    bag = more.pop(0).children() if more and more[0].tag == _EXPLICIT_0 else ()
    if more and more[0].tag == _IMPLICIT_1:
        more.pop(0)  # revocation lists, of which none is asked here
    if len(more) != 1 or more[0].tag != der.SET or len(bag) > _CERTIFICATES_LIMIT:
        raise ValueError("a token without signers, or with too many certificates")
    kind, wrapped = inner.exactly(der.OID, _EXPLICIT_0)
    (octets,) = wrapped.exactly(der.OCTETS)
    if kind.oid() != TST_INFO:
        raise ValueError("a token about something else than a time")
    (signer,) = more[0].exactly(der.SEQUENCE)
    return _token(octets.content, tuple(one.raw for one in bag), signer)


def _token(content: bytes, certificates: tuple[bytes, ...], signer: Element) -> Token:
    at_ms, imprint_hash, imprint = _stated(content)
    _, name, digest, attributes, algorithm, signature, *_ = signer.children(
        der.INTEGER, der.SEQUENCE, der.SEQUENCE, _EXPLICIT_0, der.SEQUENCE, der.OCTETS
    )
    issuer, serial = name.exactly(der.SEQUENCE, der.INTEGER)
    found: dict[str, Element] = {}
    for row in attributes.children():
        kind, values = row.exactly(der.OID, der.SET)
        if kind.oid() in found:
            raise ValueError(f"attribute {kind.oid()} twice")
        found[kind.oid()] = _only(values)
    return Token(
        at_ms=at_ms,
        imprint_hash=imprint_hash,
        imprint=imprint,
        certificates=certificates,
        issuer=issuer.raw,
        serial=serial.integer(),
        content=content,
        digest_hash=_hash(digest),
        attributes=MappingProxyType(found),
        signed=bytes((der.SET,)) + attributes.raw[1:],  # RFC 5652 section 5.4: signed as a SET, sent as [0]
        algorithm=algorithm.children(der.OID)[0].oid(),
        signature=signature.content,
    )


def _only(values: Element) -> Element:
    """Give the one value of an attribute; RFC 5652 section 11 allows each of those here no more."""
    found = values.children()
    if len(found) != 1:
        raise ValueError(f"an attribute with {len(found)} values")
    return found[0]


def _stated(content: bytes) -> tuple[int, str, bytes]:
    """Give a TSTInfo's time and message imprint; what may follow them adds nothing here."""
    version, _, imprint, _, time, *_ = der.read(content, der.SEQUENCE).children(
        der.INTEGER, der.OID, der.SEQUENCE, der.INTEGER, der.TIME
    )
    algorithm, digest = imprint.exactly(der.SEQUENCE, der.OCTETS)
    found = _TIME.fullmatch(time.content)
    if version.integer() != 1 or found is None:
        raise ValueError("a time stamp of another version, or without a time in UTC")
    fields = [part.decode("ascii") for part in found.groups(default=b"")]
    text = "{}-{}-{}T{}:{}:{}{}Z".format(*fields)
    return instant.parse(text), _hash(algorithm), digest.content


def _hash(algorithm: Element) -> str:
    oid = algorithm.children(der.OID)[0].oid()
    if oid not in _HASHES:
        raise ValueError(f"hash algorithm {oid}")
    return _HASHES[oid]


def holds(token: Token, one: Certificate) -> bool:
    """Whether the key in `one` signed `token`, and the token says so. Raise ValueError for what it must not lack."""
    attributes = token.attributes
    kind, digest = attributes.get(_CONTENT_TYPE), attributes.get(_MESSAGE_DIGEST)
    if kind is None or kind.oid() != TST_INFO or digest is None or digest.tag != der.OCTETS:
        raise ValueError("a token without content type or message digest")
    if digest.content != hashlib.new(token.digest_hash, token.content).digest() or not _meant(attributes, one):
        return False
    if token.algorithm not in _SIGNATURES:
        raise ValueError(f"signature algorithm {token.algorithm}")
    family, name = _SIGNATURES[token.algorithm]
    algorithm, public = _ALGORITHMS[name or token.digest_hash], one.parsed.public_key()
    try:
        if family == "ecdsa" and isinstance(public, ec.EllipticCurvePublicKey):
            public.verify(token.signature, token.signed, ec.ECDSA(algorithm))
        elif family == "rsa" and isinstance(public, rsa.RSAPublicKey):
            public.verify(token.signature, token.signed, padding.PKCS1v15(), algorithm)
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _meant(attributes: Mapping[str, Element], one: Certificate) -> bool:
    """Whether the signed attributes name `one` by its hash (ESSCertID, RFC 5035), so that no other can stand for it."""
    newer, older = attributes.get(_CERTIFICATE_V2), attributes.get(_CERTIFICATE_V1)
    named = newer or older
    if named is None:
        raise ValueError("a token that does not name its certificate")
    row = named.children(der.SEQUENCE)[0].children(der.SEQUENCE)[0].children()
    name = "sha256" if newer else "sha1"  # RFC 2634; the signature under the certificate's own key is what binds
    if newer and [part.tag for part in row[:1]] == [der.SEQUENCE]:
        name, row = _hash(row[0]), row[1:]
    return [part.raw for part in row[:1]] == [der.wrap(der.OCTETS, hashlib.new(name, one.der).digest())]
