"""Signers by certificate, as the Notary Project has them: anchors, and attributes of the leaf's subject. Design 3.3.

Whether revoked certificates are looked for must be said: silence would be read as "surely". Certificates are taken as
they are; what they say is for `trust.check`, which has the arithmetic.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType

from secmount.policy.signers.bounds import Bounds, Files, content
from secmount.policy.toml import Table
from secmount.trust.signer import X509Signer

KEYS = frozenset({"x509", "subject", "revocation", "timestamp-authority"})
ATTRIBUTES = ("CN", "O", "OU", "L", "ST", "C")  # RFC 4514 section 3, those that Notary's trust policies name
ANCHORS_LIMIT = 64  # certificates in a file
PEM_LIMIT = 256 << 10  # bytes of a file of certificates
CRL_LIMIT = 1 << 20  # bytes of a revocation list

_BLOCK = re.compile(rb"-----BEGIN CERTIFICATE-----\r?\n([A-Za-z0-9+/=\r\n]+)-----END CERTIFICATE-----")
_CRL_LABEL = b"-----BEGIN X509 CRL-----"


def read(table: Table, bounds: Bounds, files: Files) -> X509Signer | None:
    """Read a signer by certificate; what is wrong goes to the table's findings."""
    anchors = _anchors(table, "x509", files)
    if not table.has("x509"):
        table.fault("SM1205", got="no x509", want='x509 = "roots/FILE.pem"')
    subject = _subject(table)
    said, crl = _revocation(table, files)
    stamps = _anchors(table, "timestamp-authority", files)
    if anchors is None or not subject or not said:
        return None
    certificates, root = anchors
    return X509Signer(
        name=bounds.name,
        line=bounds.line,
        anchors=certificates,
        root=root,
        subject=subject,
        crl=crl,
        stamp_anchors=() if stamps is None else stamps[0],
        valid_from=bounds.valid_from,
        valid_until=bounds.valid_until,
        revoked=bounds.revoked,
        revoked_since=bounds.revoked_since,
        message_signature=bounds.message_signature,
    )


def _anchors(table: Table, key: str, files: Files) -> tuple[tuple[bytes, ...], str] | None:
    """Read the certificates in the file that `key` names, and the digest of its bytes."""
    path = table.text(key)
    raw = None if path is None else content(table, key, path, PEM_LIMIT, files)
    if raw is None:
        return None
    try:
        return pem(raw), f"sha256:{hashlib.sha256(raw).hexdigest()}"
    except ValueError as err:
        table.fault("SM1231", key, got=f"{path}: {err}", want="PEM blocks CERTIFICATE, and nothing else but comments")
        return None


def pem(data: bytes) -> tuple[bytes, ...]:
    """Give the DER of every certificate in a PEM file, in its order; raise ValueError that says what is wrong."""
    blocks = _BLOCK.findall(data)
    if not blocks or data.count(b"-----BEGIN ") != len(blocks):
        raise ValueError("a block that is no certificate" if blocks else "no certificate")
    if len(blocks) > ANCHORS_LIMIT:
        raise ValueError(f"{len(blocks)} certificates, where {ANCHORS_LIMIT} may be")
    found = tuple(_der(block) for block in blocks)
    if len(set(found)) != len(found):
        raise ValueError("a certificate twice")
    return found


def _der(block: bytes) -> bytes:
    try:
        data = base64.b64decode(re.sub(rb"[\r\n]", b"", block), validate=True)
    except binascii.Error as err:
        raise ValueError("PEM with broken base64") from err
    if not _is_sequence(data):
        raise ValueError("a block that is not one DER sequence")
    return data


def _is_sequence(data: bytes) -> bool:
    """Say whether `data` is one DER SEQUENCE from its first byte to its last, of a length in two or three bytes."""
    if len(data) < 4 or data[0] != 0x30 or data[1] not in (0x81, 0x82, 0x83):
        return False
    width = data[1] & 0x7F
    return len(data) == 2 + width + int.from_bytes(data[2 : 2 + width])


def _subject(table: Table) -> Mapping[str, str]:
    inner = table.table("subject")
    if inner is None:
        if not table.has("subject"):
            table.fault("SM1205", got="no subject", want='subject = { CN = "…", O = "…" }')
        return {}
    if not inner.values:
        inner.fault("SM1203", got="an empty table", want='{ CN = "…", O = "…" }')
    wanted = {name: inner.text(name) for name in ATTRIBUTES}
    inner.finish()
    for name, value in wanted.items():
        if value is not None and "*" in value:
            inner.fault("SM1206", name, got=repr(value), want="the exact value: subjects are no patterns")
    return MappingProxyType({name: value for name, value in wanted.items() if value is not None})


def _revocation(table: Table, files: Files) -> tuple[bool, bytes | None]:
    """Give whether it was said how revoked certificates are known, and the revocation list."""
    said = table.text("revocation")
    if said is None:
        if not table.has("revocation"):
            table.fault("SM1205", got="no word on revoked certificates", want='revocation = "none" or "crl:FILE"')
        return False, None
    if said == "none":
        return True, None
    path = said.removeprefix("crl:")
    if path == said or not path:
        table.fault("SM1203", "revocation", got=repr(said), want='"none" or "crl:FILE"')
        return False, None
    raw = content(table, "revocation", path, CRL_LIMIT, files)
    if raw is not None and not raw.lstrip().startswith(_CRL_LABEL) and not _is_sequence(raw):
        table.fault("SM1231", "revocation", got=f"{path}: no revocation list", want="a CRL, PEM or DER")
        return False, None
    return raw is not None, raw
