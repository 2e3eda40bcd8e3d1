"""Notary Project signatures in JWS envelopes, as Notation makes them.

notaryproject/specifications `signature-specification.md`, `signature-envelope-jws.md` (v1.1); RFC 7515 section 7.2.2.
The protected header and the payload are signed; the header beside them holds the certificates and perhaps a time stamp,
and nothing else in it is read. Plugins are not run: a signature that needs one has a critical header that is refused.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from secmount.errors import ContentError, TrustError
from secmount.oci import exact, instant
from secmount.oci.digest import Digest
from secmount.trust.check import der
from secmount.trust.claim import CertificateChain, Claim, Payload
from secmount.trust.encoding import decode_base64
from secmount.trust.evidence import MATERIAL_LIMIT
from secmount.value import dataclass

FORMAT = "notary"
ARTIFACT = "application/vnd.cncf.notary.signature"
JWS = "application/jose+json"
COSE = "application/cose"
_PAYLOAD = "application/vnd.cncf.notary.payload.v1+json"
_PREFIX = "io.cncf.notary."
_SCHEME, _TIME, _EXPIRY = (_PREFIX + name for name in ("signingScheme", "signingTime", "expiry"))
_STAMP = _PREFIX + "timestampSignature"
_X509 = "notary.x509"
_ALGORITHMS = frozenset({"PS256", "PS384", "PS512", "ES256", "ES384", "ES512"})
_CHAIN_LIMIT = 10  # certificates, the root among them
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Header:
    """What is signed beside the payload; milliseconds."""

    algorithm: str
    signed_ms: int
    expires_ms: int | None


@dataclass(frozen=True, slots=True)
class Target:
    """The descriptor that was signed; `annotations` are what the signer said beside it."""

    media_type: str
    digest: str
    size: int
    annotations: Mapping[str, str] = field(hash=False)


def parse(raw: bytes, *, declared: str) -> Claim:
    """Read an envelope that its layer declares to be `declared`.

    Raise `TrustError` SM2060 (shape), SM2061 (a critical header that is not known), SM2062 (a scheme that no policy
    can name), SM2063 (COSE), SM2013 (too many certificates).
    """
    if declared == COSE:
        raise TrustError("SM2063", got=COSE, want=JWS)
    if declared != JWS:
        raise _malformed("media type", declared, JWS)
    whole = _object(raw, "envelope")
    if set(whole) != {"payload", "protected", "header", "signature"}:
        raise _malformed("envelope", ", ".join(sorted(whole)) or "nothing", "payload, protected, header, signature")
    protected, payload = _octets(whole["protected"], "protected"), _octets(whole["payload"], "payload")
    head = header(protected)
    unprotected = whole["header"]
    if not isinstance(unprotected, dict):
        raise _malformed("header", repr(unprotected), "an object")
    return Claim(
        format=FORMAT,
        material=Digest.of(raw),
        signed=f"{whole['protected']}.{whole['payload']}".encode(),
        signature=_octets(whole["signature"], "signature"),
        by=CertificateChain(_chain(unprotected.get("x5c"))),
        content=Payload("notary", payload, protected),
        stamps=_stamps(unprotected.get(_STAMP)),
        algorithm=head.algorithm,
    )


def header(raw: bytes) -> Header:
    """Read a protected header; raise `TrustError` SM2060, SM2061, SM2062.

    Each header that restricts must stand in `crit`, and whatever stands there must be known, as must what is Notary's:
    its plugins restrict, also where a signer forgot to say so. Another that is neither critical nor known is only the
    signer's word for somebody else.
    """
    value = _object(raw, "protected header")
    algorithm, crit = value.get("alg"), value.get("crit")
    if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
        raise _malformed("alg", repr(algorithm), " or ".join(sorted(_ALGORITHMS)))
    if value.get("cty") != _PAYLOAD:
        raise _malformed("cty", repr(value.get("cty")), _PAYLOAD)
    if not isinstance(crit, list) or not all(isinstance(name, str) for name in crit) or len(set(crit)) != len(crit):
        raise _malformed("crit", repr(crit), "a list of headers, each once")
    unknown = [name for name in crit if name not in (_SCHEME, _EXPIRY)]
    unknown += [name for name in value if name.startswith(_PREFIX) and name not in (_SCHEME, _TIME, _EXPIRY)]
    scheme = value.get(_SCHEME)
    if isinstance(scheme, str) and scheme != _X509:
        raise TrustError("SM2062", got=scheme, want=_X509)
    if unknown:
        raise TrustError("SM2061", got=unknown[0], want=f"only {_SCHEME}, {_EXPIRY}")
    needed = {name for name in (_SCHEME, _EXPIRY) if name == _SCHEME or name in value}
    if set(crit) != needed or scheme != _X509:
        raise _malformed("crit", f"{', '.join(crit) or 'nothing'}", f"{', '.join(sorted(needed))}, and their values")
    return Header(algorithm, _instant(value, _TIME), _instant(value, _EXPIRY) if _EXPIRY in value else None)


def target(raw: bytes) -> Target:
    """Read a payload whose signature holds; raise `TrustError` SM2064."""
    try:
        value = exact.read(raw, limit=MATERIAL_LIMIT, subject="payload")
    except ContentError as err:
        raise _unreadable(str(err.got)) from err
    found = value.get("targetArtifact") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(found, dict) or not {"mediaType", "digest", "size"} <= set(found):
        raise _unreadable("no descriptor of a target")
    unknown = set(found) - {"mediaType", "digest", "size", "annotations"}
    if unknown:
        raise _unreadable(f"a target with {min(unknown)!r}")
    media_type, digest, size, annotations = (
        found["mediaType"],
        found["digest"],
        found["size"],
        found.get("annotations"),
    )
    notes = {} if annotations is None else annotations
    texts = isinstance(media_type, str) and isinstance(digest, str) and isinstance(notes, dict)
    if not texts or type(size) is not int or not all(isinstance(text, str) for text in notes.values()):
        raise _unreadable("a target whose fields have other kinds")
    return Target(media_type, digest, size, notes)


def _chain(rows: Any) -> tuple[bytes, ...]:
    if not isinstance(rows, list) or not rows or not all(isinstance(row, str) and row for row in rows):
        raise _malformed("x5c", "none", "the certificates, the signer's first")
    if len(rows) > _CHAIN_LIMIT:
        raise TrustError("SM2013", subject="x5c", got=f"{len(rows)} of them", want=f"at most {_CHAIN_LIMIT}")
    return tuple(_base64(row, "x5c") for row in rows)


def _stamps(text: Any) -> tuple[bytes, ...]:
    if text is None:
        return ()
    if not isinstance(text, str) or not text:
        raise _malformed(_STAMP, repr(text), "base64")
    return (_response(_base64(text, _STAMP)),)


def _response(token: bytes) -> bytes:
    """Give the granted response (RFC 3161 section 2.4.2) that a bare token came in."""
    return der.wrap(der.SEQUENCE, der.wrap(der.SEQUENCE, der.wrap(der.INTEGER, b"\x00")), token)


def _base64(text: str, name: str) -> bytes:
    try:
        return decode_base64(text)
    except ValueError as err:
        raise _malformed(name, str(err), "base64 with padding") from err


def _instant(value: Mapping[str, Any], name: str) -> int:
    text = value.get(name)
    try:
        if not isinstance(text, str):
            raise ValueError(f"not text: {text!r}")  # noqa: TRY004, TRY301 - one handler for both
        return instant.parse(text)
    except ValueError as err:
        raise _malformed(name, str(err), "RFC 3339 with an offset") from err


def _octets(text: Any, name: str) -> bytes:
    """Decode base64url without padding in its one spelling, RFC 7515 section 2."""
    if isinstance(text, str) and text and _BASE64URL.fullmatch(text) and len(text) % 4 != 1:
        octets = base64.urlsafe_b64decode(text + "==")  # what is too much is not looked at
        if base64.urlsafe_b64encode(octets).rstrip(b"=") == text.encode():
            return octets
    raise _malformed(name, "something else", "base64url without padding")


def _object(raw: bytes, what: str) -> dict[str, Any]:
    try:
        value = exact.read(raw, limit=MATERIAL_LIMIT, subject=what)
    except ContentError as err:
        raise _malformed(what, str(err.got), "exact JSON") from err
    if not isinstance(value, dict):
        raise _malformed(what, "something else", "an object")
    return value


def _malformed(name: str, got: str, want: str) -> TrustError:
    return TrustError("SM2060", subject=name, got=got, want=want)


def _unreadable(got: str) -> TrustError:
    return TrustError("SM2064", got=got, want="targetArtifact with mediaType, digest, size, and nothing unknown")
