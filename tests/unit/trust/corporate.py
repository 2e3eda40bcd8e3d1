"""An authority of certificates as companies have them, a signer under it, and claims that its leaves make."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from secmount.oci.digest import Digest
from secmount.oci.manifest import Manifest
from secmount.trust.claim import CertificateChain, Claim, Envelope, Message
from secmount.trust.formats import dsse
from secmount.trust.judge.claims import judge
from secmount.trust.judge.verdict import Judged
from secmount.trust.signer import X509Signer
from tests.support.keys import KeyPair
from tests.support.layouts import Json
from tests.support.minisig import NOW, Issuer, Private, authority, der, usage
from tests.unit.trust.bench import MODEL
from tests.unit.trust.world import NOW_MS, STATEMENT, sigstore

SUBJECT = {"CN": "release", "O": "Acme"}
_NAMES = {"CN": NameOID.COMMON_NAME, "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME}


@cache
def root() -> Issuer:
    return authority("corp root")


@cache
def issuing() -> Issuer:
    return authority("corp issuing", under=root(), length=0)


@cache
def key(kind: str = "p256") -> KeyPair:
    curves = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}
    if kind in curves:
        return KeyPair(ec.generate_private_key(curves[kind]))
    return KeyPair(rsa.generate_private_key(65537, int(kind.removeprefix("rsa"))))


def leaf(
    private: Private | None = None,
    *,
    by: Issuer | None = None,
    subject: Sequence[tuple[str, str]] = tuple(SUBJECT.items()),
    start: datetime = NOW - timedelta(days=10),
    end: datetime = NOW + timedelta(days=10),
    uses: Sequence[ObjectIdentifier] = (ExtendedKeyUsageOID.CODE_SIGNING,),
    alone: bool = False,
) -> x509.Certificate:
    """Give a certificate for signatures; `alone`: signed by itself."""
    private = private or key().private
    above = by or issuing()
    name = x509.Name([x509.NameAttribute(_NAMES[kind], value) for kind, value in subject])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if alone else above.certificate.subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(usage(sign=True), critical=True)
    )
    if uses:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    signer = private if alone else above.key
    assert not isinstance(signer, rsa.RSAPrivateKey)
    return builder.sign(signer, hashes.SHA384())


def claim(
    certificate: x509.Certificate,
    *,
    pair: KeyPair | None = None,
    chain: Sequence[x509.Certificate] | None = None,
    stamps: Sequence[datetime] = (),
    foreign: bool = False,
    algorithm: str | None = None,
    signature: bytes | None = None,
    payload: bytes = STATEMENT,
) -> Claim:
    """Make a claim about MODEL with the key of `certificate`."""
    signed = dsse.pae(dsse.IN_TOTO, payload)
    signature = signature or (pair or key()).sign(signed)
    between = [issuing().certificate] if chain is None else chain
    return Claim(
        format="corporate",
        material=Digest.of(signature),
        signed=signed,
        signature=signature,
        by=CertificateChain((der(certificate), *(der(one) for one in between))),
        content=Envelope(dsse.IN_TOTO, payload),
        stamps=tuple((sigstore(1) if foreign else sigstore()).stamp(signature, at) for at in stamps),
        algorithm=algorithm,
    )


def bare(certificate: x509.Certificate) -> Claim:
    """Make a claim of a signature over MODEL's own bytes."""
    return replace(claim(certificate, signature=key().sign(MODEL.raw)), signed=None, content=Message("", b""))


def signer(name: str = "corp", **more: Any) -> X509Signer:
    """Give the signer for SUBJECT under the root."""
    anchors = tuple(der(one) for one in more.pop("anchors", (root().certificate,)))
    given: Json = {"line": 1, "root": f"sha256:{hashlib.sha256(anchors[0]).hexdigest()}", "subject": SUBJECT, **more}
    return X509Signer(name, anchors=anchors, **given)


def stamping(name: str = "corp", **more: Any) -> X509Signer:
    """Give a signer that names a timestamp authority, too."""
    return signer(name, stamp_anchors=(der(sigstore().tsa_root.certificate),), **more)


def judged(made: Claim, *signers: X509Signer, about: Manifest = MODEL, now_ms: int | None = NOW_MS) -> Judged:
    """Judge; without signers `signer()` alone."""
    return judge(made, about, {one.name: one for one in signers or (signer(),)}, now_ms=now_ms)


def revoking(
    *serials: int,
    by: Issuer | None = None,
    start: datetime = NOW - timedelta(days=1),
    end: datetime = NOW + timedelta(days=1),
    critical: bool = False,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
) -> bytes:
    """Give a revocation list, PEM."""
    from cryptography.hazmat.primitives.serialization import Encoding

    above = by or issuing()
    builder = x509.CertificateRevocationListBuilder(above.certificate.subject, start, end)
    for serial in serials:
        row = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(start).build()
        builder = builder.add_revoked_certificate(row)
    for extension, is_critical in more:
        builder = builder.add_extension(extension, critical=is_critical)
    if critical:
        scope = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)
        builder = builder.add_extension(scope, critical=True)
    return builder.sign(above.key, hashes.SHA384()).public_bytes(Encoding.PEM)
