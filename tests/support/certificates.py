"""Certificates made at run time: an authority, servers below it, and everything that can be wrong with one."""

from __future__ import annotations

import datetime
import ipaddress
import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    def write(self, folder: Path, name: str) -> tuple[str, str]:
        """Write `name.crt` and `name.pem` (the key); give their paths."""
        chain, key = folder / f"{name}.crt", folder / f"{name}.pem"
        chain.write_bytes(self.certificate.public_bytes(serialization.Encoding.PEM))
        form = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        key.write_bytes(self.key.private_bytes(serialization.Encoding.PEM, *form))
        return str(chain), str(key)


@cache
def authority(name: str = "test authority") -> Pair:
    """Make an authority that nobody believes yet."""
    return _issue(name, None, is_authority=True, days=(-30, 365))


def leaf(issuer: Pair, *names: str, days: tuple[int, int] = (-1, 30), client: bool = False) -> Pair:
    """Make a certificate for `names` (hosts or addresses), valid from and until so many days from now."""
    return _issue(names[0], issuer, names=names, days=days, client=client)


def server_context(pair: Pair, folder: Path, *, clients: Pair | None = None, demand: bool = False) -> ssl.SSLContext:
    """Give a server's context; with `clients` it asks for certificates below that authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair.write(folder, f"server-{pair.certificate.serial_number}"))
    if clients is not None:
        context.load_verify_locations(clients.write(folder, "clients")[0])
        context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_OPTIONAL
    return context


def _issue(
    common: str,
    issuer: Pair | None,
    *,
    names: tuple[str, ...] = (),
    days: tuple[int, int],
    is_authority: bool = False,
    client: bool = False,
) -> Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    now = datetime.datetime.now(datetime.UTC)
    signing = key if issuer is None else issuer.key
    usage = ExtendedKeyUsageOID.CLIENT_AUTH if client else ExtendedKeyUsageOID.SERVER_AUTH
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + days[0] * _DAY)
        .not_valid_after(now + days[1] * _DAY)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName([_name(name) for name in names]), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
    if is_authority:
        usages = {"digital_signature": True, "key_cert_sign": True, "crl_sign": True}
        others = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
        fields = {**dict.fromkeys((*others, "encipher_only", "decipher_only"), False), **usages}
        builder = builder.add_extension(x509.KeyUsage(**fields), critical=True)
    return Pair(builder.sign(signing, hashes.SHA256()), key)


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
