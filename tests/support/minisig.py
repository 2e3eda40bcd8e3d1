"""A whole Sigstore in memory, at any time and with any defect: Fulcio, its CT log, Rekor v1 and v2, a TSA, the root.

Needs `cryptography` and no code of secmount; what it makes passes sigstore-python, too, unless it is made to be wrong.
Every document on the way passes an `edit` function, so that one thing can be wrong and all else intact. Shapes:
protobuf-specs `sigstore_bundle.proto`, `sigstore_trustroot.proto`, Rekor's types, RFC 6962, C2SP `tlog-checkpoint`.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from tests.support import rfc3161
from tests.support.rfc3161 import Stamping, octets, utf8

Json = dict[str, Any]
Edit = Callable[[Json], Any]
Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)
GITHUB = "https://token.actions.githubusercontent.com"
WORKFLOW = "https://github.com/acme/app/.github/workflows/release.yml@refs/tags/v1"
REPOSITORY = (12, "https://github.com/acme/app")  # a claim: last arc of Fulcio's extension, value
V03 = "application/vnd.dev.sigstore.bundle.v0.3+json"
ROOT_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
SCTS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")
FULCIO = "1.3.6.1.4.1.57264.1"


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def canon(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def spki(private: Private) -> bytes:
    return private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def p256() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "mini.test"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


@dataclass(frozen=True)
class Issuer:
    """A certificate authority: its certificate and key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def usage(*, sign: bool = False, commit: bool = False, issue: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=commit,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issue,
        crl_sign=issue,
        encipher_only=False,
        decipher_only=False,
    )


def authority(
    common: str,
    *,
    under: Issuer | None = None,
    start: datetime = NOW - timedelta(days=30),
    end: datetime = NOW + timedelta(days=3650),
    length: int | None = None,
    ca: bool = True,
    use: ObjectIdentifier | None = None,
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
    issue: bool = True,
) -> Issuer:
    """Make a certificate authority, a root or one `under` another."""
    key = ec.generate_private_key(ec.SECP384R1())
    signer = under.key if under else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common))
        .issuer_name(under.certificate.subject if under else name(common))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=length if ca else None), critical=True)
        .add_extension(usage(issue=issue, sign=not issue), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if use is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    for extension, critical in more:
        builder = builder.add_extension(extension, critical=critical)
    return Issuer(builder.sign(signer, hashes.SHA384()), key)


class MiniSigstore:
    """One private Sigstore. `now` is when things are made unless a call says otherwise."""

    def __init__(self, now: datetime = NOW, base: str = "https://mini.test") -> None:
        self.now, self.base, self.host = now, base, base.partition("//")[2]
        self.start, self.end = now - timedelta(days=30), now + timedelta(days=3650)
        span = {"start": self.start, "end": self.end}
        self.root = authority("mini root", length=1, **span)  # type: ignore[arg-type]
        self.intermediate = authority(
            "mini intermediate",
            under=self.root,
            length=0,
            use=ExtendedKeyUsageOID.CODE_SIGNING,
            **span,  # type: ignore[arg-type]
        )
        self.tsa_root = authority("mini tsa root", length=1, **span)  # type: ignore[arg-type]
        self.ct_key, self.log_key, self.tsa_key = p256(), p256(), p256()
        self.tsa = self.tsa_certificate()
        self.leaves = [sha(b"\x00filler%d" % number) for number in range(5)]
        self.log_id = sha(spki(self.log_key))

    def tsa_certificate(
        self,
        key: ec.EllipticCurvePrivateKey | None = None,
        under: Issuer | None = None,
        *,
        uses: Sequence[ObjectIdentifier] = (ExtendedKeyUsageOID.TIME_STAMPING,),
        may: x509.KeyUsage | None = None,
        critical: bool = True,
        serial: int | None = None,
        end: datetime | None = None,
    ) -> x509.Certificate:
        """Make the certificate of a timestamp authority."""
        above, public = under or self.tsa_root, (key or self.tsa_key).public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(name("mini tsa"))
            .issuer_name(above.certificate.subject)
            .public_key(public)
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(self.start)
            .not_valid_after(end or self.end)
            .add_extension(may or usage(sign=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=critical)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key()), critical=False)
            .sign(above.key, hashes.SHA384())
        )

    def certificate(
        self,
        key: Private,
        san: str | Sequence[x509.GeneralName] = WORKFLOW,
        *,
        issuer: str | None = GITHUB,
        issuer_text: str | None = "",
        at: datetime | None = None,
        minutes: int = 10,
        claims: Sequence[tuple[int, str]] = (REPOSITORY,),
        more: Sequence[tuple[x509.ExtensionType, bool]] = (),
        uses: Sequence[ObjectIdentifier] = (ExtendedKeyUsageOID.CODE_SIGNING,),
        sign: bool = True,
        ca: bool = False,
        by: Issuer | None = None,
        scts: int = 1,
        ct_key: ec.EllipticCurvePrivateKey | None = None,
        ct_id: bytes | None = None,
        ct_at: datetime | None = None,
    ) -> x509.Certificate:
        """Give out a certificate as Fulcio does; `issuer_text` is the older extension, empty: the same as `issuer`."""
        at, above, public = at or self.now, by or self.intermediate, key.public_key()
        builder = _leaf(public, above, at, at + timedelta(minutes=minutes))
        builder = builder.add_extension(usage(sign=sign, issue=ca), critical=True)
        extensions: list[tuple[x509.ExtensionType, bool]] = [(x509.ExtendedKeyUsage(uses), False)] if uses else []
        names = [_general(san)] if isinstance(san, str) else list(san)
        extensions += [(x509.SubjectAlternativeName(names), True)] if names else []
        extensions += [(x509.BasicConstraints(ca=True, path_length=None), True)] if ca else []
        text = issuer if issuer_text == "" else issuer_text
        extensions += [(_fulcio(1, text.encode()), False)] if text else []
        extensions += [(_fulcio(8, utf8(issuer)), False)] if issuer else []
        extensions += [(_fulcio(arc, utf8(value) if arc > 6 else value.encode()), False) for arc, value in claims]
        for extension, critical in (*extensions, *more):
            builder = builder.add_extension(extension, critical=critical)
        if not scts:
            return builder.sign(above.key, hashes.SHA384())
        body = builder.sign(above.key, hashes.SHA384()).tbs_certificate_bytes  # what is left without the timestamps
        ct = ct_key or self.ct_key
        one = self._sct(body, above, ct, sha(spki(self.ct_key)) if ct_id is None else ct_id, ct_at or at)
        rows = struct.pack("!H", len(one)) + one
        listed = struct.pack("!H", len(rows) * scts) + rows * scts
        return builder.add_extension(x509.UnrecognizedExtension(SCTS, octets(listed)), critical=False).sign(
            above.key, hashes.SHA384()
        )

    def _sct(self, body: bytes, above: Issuer, key: ec.EllipticCurvePrivateKey, log_id: bytes, at: datetime) -> bytes:
        ms = int(at.timestamp() * 1000)
        signed = struct.pack("!BBQH", 0, 0, ms, 1) + sha(spki(above.key)) + len(body).to_bytes(3) + body + b"\x00\x00"
        signature = key.sign(signed, ec.ECDSA(hashes.SHA256()))
        return (
            b"\x00" + log_id + struct.pack("!QH", ms, 0) + b"\x04\x03" + struct.pack("!H", len(signature)) + signature
        )

    def proof(self, body: bytes, *, grow: int = 3, note: Callable[[str], str] | None = None) -> Json:
        """Log `body` and prove it; `note` edits the checkpoint's text before it is signed."""
        self.leaves.append(sha(b"\x00" + body))
        index = len(self.leaves) - 1
        self.leaves += [sha(b"\x00later%d" % number) for number in range(grow)]
        root = _tree(self.leaves)
        text = f"{self.host}\n{len(self.leaves)}\n{b64(root)}\n"
        return {
            "logIndex": str(index),
            "rootHash": b64(root),
            "treeSize": str(len(self.leaves)),
            "hashes": [b64(one) for one in _path(index, self.leaves)],
            "checkpoint": {"envelope": self.note(note(text) if note else text)},
        }

    def note(self, text: str, *, key: ec.EllipticCurvePrivateKey | None = None, signer: str | None = None) -> str:
        """Sign a checkpoint's text."""
        signature = self.log_id[:4] + (key or self.log_key).sign(text.encode(), ec.ECDSA(hashes.SHA256()))
        return f"{text}\n\u2014 {signer or self.host} {b64(signature)}\n"

    def entry(
        self,
        body: Json,
        *,
        at: datetime | None = None,
        promise: bool = True,
        proof: bool = True,
        key: ec.EllipticCurvePrivateKey | None = None,
        edit_body: Edit | None = None,
        note: Callable[[str], str] | None = None,
        grow: int = 3,
    ) -> Json:
        """Log `body`; version 0.0.1 gets Rekor v1's time and promise."""
        if edit_body:
            edit_body(body)
        raw = canon(body)
        found = self.proof(raw, note=note, grow=grow)
        entry: Json = {
            "logIndex": found["logIndex"],
            "logId": {"keyId": b64(self.log_id)},
            "kindVersion": {"kind": body.get("kind", "dsse"), "version": body.get("apiVersion", "0.0.1")},
            "integratedTime": "0",
            "inclusionProof": found,
            "canonicalizedBody": b64(raw),
        }
        if entry["kindVersion"]["version"] == "0.0.1":
            seconds = int((at or self.now).timestamp())
            entry["integratedTime"] = str(seconds)
            if promise:
                row = {
                    "body": b64(raw),
                    "integratedTime": seconds,
                    "logID": self.log_id.hex(),
                    "logIndex": int(entry["logIndex"]),
                }
                signed = (key or self.log_key).sign(canon(row), ec.ECDSA(hashes.SHA256()))
                entry["inclusionPromise"] = {"signedEntryTimestamp": b64(signed)}
        if not proof:
            del entry["inclusionProof"]
        return entry

    def stamping(self, signature: bytes, at: datetime | None = None, **more: Any) -> Stamping:
        """Say what a stamp is made of, for the test to change."""
        given: Json = {"certificate": self.tsa, "key": self.tsa_key, "bag": (der(self.tsa),), **more}
        return Stamping(signature, at or self.now, **given)

    def stamp(self, signature: bytes, at: datetime | None = None, **more: Any) -> bytes:
        """Stamp `signature`."""
        return rfc3161.stamp(self.stamping(signature, at, **more))

    def trusted_root(self, edit: Edit | None = None) -> bytes:
        """Give the `trusted_root.json`."""
        window = {"start": rfc3339(self.start)}

        def chain(*certificates: x509.Certificate) -> Json:
            rows = [{"rawBytes": b64(der(one))} for one in certificates]
            return {"uri": self.base, "certChain": {"certificates": rows}, "validFor": dict(window)}

        def log(key: ec.EllipticCurvePrivateKey) -> Json:
            details = {"keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": dict(window)}
            return {
                "baseUrl": self.base,
                "hashAlgorithm": "SHA2_256",
                "publicKey": {"rawBytes": b64(spki(key)), **details},
                "logId": {"keyId": b64(sha(spki(key)))},
            }

        who = {"subject": {"organization": "mini.test", "commonName": "mini"}}
        root: Json = {
            "mediaType": ROOT_TYPE,
            "tlogs": [log(self.log_key)],
            "certificateAuthorities": [who | chain(self.intermediate.certificate, self.root.certificate)],
            "ctlogs": [log(self.ct_key)],
            "timestampAuthorities": [who | chain(self.tsa, self.tsa_root.certificate)],
        }
        if edit:
            edit(root)
        return json.dumps(root).encode()


def _leaf(public: Any, above: Issuer, start: datetime, end: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(above.certificate.subject)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(above.key.public_key()), critical=False)
    )


def _general(san: str) -> x509.GeneralName:
    return x509.UniformResourceIdentifier(san) if "://" in san else x509.RFC822Name(san)


def _fulcio(arc: int, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(ObjectIdentifier(f"{FULCIO}.{arc}"), value)


def _tree(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha(b"\x01" + _tree(leaves[:split]) + _tree(leaves[split:]))


def _path(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    split = 1 << ((len(leaves) - 1).bit_length() - 1)
    if index < split:
        return [*_path(index, leaves[:split]), _tree(leaves[split:])]
    return [*_path(index - split, leaves[split:]), _tree(leaves[:split])]
