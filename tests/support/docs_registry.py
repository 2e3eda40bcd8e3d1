"""The registry that documentation pages speak with: a real one, with a private authority's certificate and one user."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.interop.peers.distribution import distribution

HOST = "localhost:5000"  # as pages write it
USER, PASSWORD = "ada", "correct horse"
_HASH = "$2b$04$Z.Ytfpt0/l1MbLi6nVBYZeJ9b0vquqWHwzCwmQ1QSKM8Z7HHS3cHy"  # bcrypt of PASSWORD
FILES = {
    "config.json": b'{"architectures": ["Tiny"]}\n',
    "model.safetensors": bytes(range(256)) * 256,
    "preprocess.pkl": b"\x80\x04N.",
    "tokenizer/vocab.json": b"{}\n",
}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Run it; give its host. `folder` gets bert/…, ca.pem, password.txt and a configuration that names them."""
    for name, data in FILES.items():
        path = folder / "bert" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    hidden = folder / ".registry"
    hidden.mkdir()
    (folder / "password.txt").write_text(PASSWORD + "\n")
    (hidden / "passwords").write_text(f"{USER}:{_HASH}\n")
    authority, certificate, key = _certificates()
    (folder / "ca.pem").write_bytes(authority)
    (hidden / "server.pem").write_bytes(certificate)
    (hidden / "server.key").write_bytes(key)
    with (folder / "config.toml").open("a") as file:
        file.write(f'[registry]\nca-file = "{folder}/ca.pem"\nauthfile = "{folder}/auth.json"\n')
    tls = (hidden / "server.pem", hidden / "server.key")
    with distribution(hidden / "run", tls=tls, passwords=hidden / "passwords") as running:
        yield running.host


def _certificates() -> tuple[bytes, bytes, bytes]:
    """Make an authority, and a certificate of localhost with its key; all PEM."""
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
        if not ca:
            builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        made.append(builder.sign(issuer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    form = serialization.PrivateFormat.PKCS8
    key_pem = leaf.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return made[0], made[1], key_pem
