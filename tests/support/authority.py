"""A private certificate authority, and a certificate of localhost by it."""

from __future__ import annotations

import datetime as dt

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID


def _signing_certificates() -> x509.KeyUsage:
    rest = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
    others = dict.fromkeys((*rest, "encipher_only", "decipher_only"), False)
    return x509.KeyUsage(key_cert_sign=True, crl_sign=True, **others)


def localhost() -> tuple[bytes, bytes, bytes]:
    """Give the authority, and a certificate of localhost with its key; all PEM."""
    now, day = dt.datetime.now(dt.UTC), dt.timedelta(days=1)
    issuer, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    names = [x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)]) for text in ("Acme CA", "localhost")]
    made = []
    for name, key, ca in ((names[0], issuer, True), (names[1], leaf, False)):
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(names[0])
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + 30 * day)
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
        )
        if ca:  # OpenSSL wants it said where Python, from 3.13 on, asks it to be strict
            builder = builder.add_extension(_signing_certificates(), critical=True)
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        made.append(builder.sign(issuer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    key_pem = leaf.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return made[0], made[1], key_pem
