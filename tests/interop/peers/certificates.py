"""Certificates for the peers, as each of them asks for: authorities, and leaves for code signing or time stamping."""

from __future__ import annotations

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.support.minisig import usage

PEM = serialization.Encoding.PEM
Signing = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
DAY = dt.timedelta(days=1)


def now() -> dt.datetime:
    """Give the time now, without what certificates cannot say."""
    return dt.datetime.now(dt.UTC).replace(microsecond=0)


def name(organisation: str, common: str) -> x509.Name:
    names = ((NameOID.ORGANIZATION_NAME, organisation), (NameOID.COMMON_NAME, common))
    return x509.Name([x509.NameAttribute(oid, text) for oid, text in names])


def issue(
    subject: x509.Name,
    key: Signing,
    issuer: x509.Name,
    issuer_key: Signing,
    *,
    path_length: int | None = None,
    use: ObjectIdentifier | None = None,
    life: dt.timedelta = 3650 * DAY,
) -> bytes:
    """Give a certificate, PEM, that is good since an hour: an authority's, or a leaf's for `use`."""
    authority = use is None
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - DAY / 24)
        .not_valid_after(now() + life)
        .add_extension(x509.BasicConstraints(authority, path_length), critical=True)
        .add_extension(usage(issue=authority, sign=not authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if use is not None:  # for time stamps it must be critical, RFC 3161 section 2.3
        critical = use == ExtendedKeyUsageOID.TIME_STAMPING
        made = made.add_extension(x509.ExtendedKeyUsage([use]), critical=critical)
    return made.sign(issuer_key, hashes.SHA256()).public_bytes(PEM)


def private(key: Signing | ed25519.Ed25519PrivateKey) -> bytes:
    """Give the private key as PKCS #8, not encrypted."""
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def read(data: bytes) -> Signing:
    """Read what `private` gave."""
    found = serialization.load_pem_private_key(data, None)
    assert isinstance(found, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
    return found


def public(key: Signing | ed25519.Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
