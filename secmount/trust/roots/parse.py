"""Read a `trusted_root.json` (protobuf-specs `sigstore_trustroot.proto`, TrustedRoot), strictly and offline.

Certificates stay DER here: they are looked into where a signature is checked, so that reading a policy costs no
`cryptography`. A key of a kind that is not checked here (a curve or algorithm of tomorrow) makes its log unusable, not
the root: the root of a publisher may move on before this program does.
"""

from __future__ import annotations

from functools import lru_cache

from secmount.errors import SecmountError, TrustError
from secmount.oci import exact, instant
from secmount.trust import spki
from secmount.trust.formats.protojson import Fields
from secmount.trust.root import ROOT_LIMIT, Authority, Log, Roots, TrustRoot, Window

MEDIA_TYPES = frozenset(
    {
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "application/vnd.dev.sigstore.trustedroot+json;version=0.2",
        "application/vnd.dev.sigstore.trustedroot.v0.2+json",
    }
)
_EACH_LIMIT = 64  # authorities, logs and certificates of a chain; the public-good root has 2 of each
_KEPT = 16  # documents remembered as read; a policy has a few

_AUTHORITY = ("subject", "uri", "certChain", "validFor", "operator")
_LOG = ("baseUrl", "hashAlgorithm", "publicKey", "logId", "checkpointKeyId", "operator")
_WHOLE = ("mediaType", "tlogs", "certificateAuthorities", "ctlogs", "timestampAuthorities")


def parse(root: TrustRoot) -> Roots:
    """Read what `root` says; raise `TrustError` SM2201 for one that cannot be read or names no authority."""
    try:
        return _parse(root.raw)
    except SecmountError as err:
        got = ": ".join(part for part in (err.subject, err.got) if part)
        raise TrustError("SM2201", subject=root.source, got=got, want=err.want) from err


@lru_cache(maxsize=_KEPT)
def _parse(raw: bytes) -> Roots:
    whole = Fields(exact.read(raw, limit=ROOT_LIMIT, subject="trust root"), "root", _WHOLE)
    if whole.text("mediaType") not in MEDIA_TYPES:
        raise whole.refuse("mediaType", repr(whole.text("mediaType")), " or ".join(sorted(MEDIA_TYPES)))
    unusable: list[str] = []
    authorities = _authorities(whole, "certificateAuthorities")
    if not authorities:
        raise whole.refuse("certificateAuthorities", "none", "at least one")
    return Roots(
        authorities=authorities,
        stampers=_authorities(whole, "timestampAuthorities"),
        logs=_logs(whole, "tlogs", unusable),
        ctlogs=_logs(whole, "ctlogs", unusable),
        unusable=tuple(unusable),
    )


def _authorities(whole: Fields, name: str) -> tuple[Authority, ...]:
    found = []
    for row in whole.messages(name, *_AUTHORITY, limit=_EACH_LIMIT):
        row.message("subject", "organization", "commonName")
        chain = row.message("certChain", "certificates").messages("certificates", "rawBytes", limit=_EACH_LIMIT)
        certificates = tuple(certificate.octets("rawBytes") for certificate in chain)
        if not certificates or not all(certificates):
            raise row.refuse("certChain", "none, or an empty certificate", "DER certificates, a root last")
        found.append(Authority(row.text("uri"), certificates, _window(row)))
    return tuple(found)


def _logs(whole: Fields, name: str, unusable: list[str]) -> tuple[Log, ...]:
    found: dict[bytes, Log] = {}
    for row in whole.messages(name, *_LOG, limit=_EACH_LIMIT):
        url, key = row.text("baseUrl"), row.message("publicKey", "rawBytes", "keyDetails", "validFor")
        log_id = row.message("logId", "keyId").octets("keyId")
        if row.text("hashAlgorithm") != "SHA2_256":
            raise row.refuse("hashAlgorithm", repr(row.text("hashAlgorithm")), "SHA2_256")
        if len(log_id) < 4:
            raise row.refuse("logId", f"{len(log_id)} bytes", "the hash of a key")
        if log_id in found:
            raise row.refuse("logId", "an identifier that stands twice", "each log once")
        octets = key.octets("rawBytes")
        try:
            public = spki.parse(octets, subject=url)
        except TrustError as err:
            unusable.append(f"{name} {url}: {err.got}")
            continue
        found[log_id] = Log(url, public, log_id, _window(key))
    return tuple(found.values())


def _window(row: Fields) -> Window:
    span = row.message("validFor", "start", "end")
    window = Window(_instant(span, "start"), _instant(span, "end"))
    if window.start_ms is not None and window.end_ms is not None and window.start_ms > window.end_ms:
        raise row.refuse("validFor", str(window), "an end after its start")
    return window


def _instant(span: Fields, name: str) -> int | None:
    if not span.has(name):
        return None
    try:
        return instant.parse(span.text(name))
    except ValueError as err:
        raise span.refuse(name, str(err), "RFC 3339 with an offset") from err
