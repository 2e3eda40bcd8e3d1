"""One X.509 certificate, read: RFC 5280, with the errors of `cryptography` as ours.

Everything here is about what the certificate says; whether anyone stands for it is `chain`'s to find.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from secmount.errors import TrustError
from secmount.trust import spki
from secmount.trust.spki import PublicKey
from secmount.value import dataclass

SIZE_LIMIT = 64 << 10  # bytes; Fulcio's have 1 KiB
_KEPT = 64  # certificates remembered as read: those of trust roots come with every signature
_HASHES = frozenset({"sha256", "sha384", "sha512"})  # that a signature on a certificate may use; None: Ed25519
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate whose every part could be read; `key` is sound (see `trust.spki`)."""

    der: bytes = field(repr=False)
    parsed: x509.Certificate = field(repr=False, compare=False)
    key: PublicKey
    subject: str  # RFC 4514
    issuer: str  # RFC 4514
    not_before_ms: int
    not_after_ms: int
    extensions: x509.Extensions = field(repr=False, compare=False)

    def holds_at(self, at_ms: int) -> bool:
        """Whether `at_ms` is within the validity; both ends are. RFC 5280 section 4.1.2.5."""
        return self.not_before_ms <= at_ms <= self.not_after_ms


@lru_cache(maxsize=_KEPT)
def read(der: bytes) -> Certificate:
    """Read a DER certificate; raise `TrustError` SM2020."""
    want = "an X.509 v3 certificate in DER with an accepted key, signed with SHA-256, SHA-384, SHA-512 or Ed25519"
    try:
        if len(der) > SIZE_LIMIT:
            raise ValueError(f"{len(der)} bytes")  # noqa: TRY301 - one handler for all that keeps it from being read
        parsed = x509.load_der_x509_certificate(der)
        key = spki.parse(
            parsed.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), subject="its key"
        )
        algorithm = parsed.signature_hash_algorithm
        found = Certificate(
            der=der,
            parsed=parsed,
            key=key,
            subject=parsed.subject.rfc4514_string(),
            issuer=parsed.issuer.rfc4514_string(),  # names are read when they are asked for, and raise only then
            not_before_ms=milliseconds(parsed.not_valid_before_utc),
            not_after_ms=milliseconds(parsed.not_valid_after_utc),
            extensions=parsed.extensions,
        )
    except TrustError as err:
        raise TrustError("SM2020", got=err.got, want=want) from err
    except Exception as err:  # whatever the parser says about hostile bytes, they are no certificate
        raise TrustError("SM2020", got=f"{type(err).__name__}: {err}", want=want) from err
    if parsed.version is not x509.Version.v3 or (algorithm is not None and algorithm.name not in _HASHES):
        got = f"{parsed.version.name}, signed with {algorithm.name if algorithm else 'Ed25519'}"
        raise TrustError("SM2020", subject=found.subject, got=got, want=want)
    return found


def milliseconds(moment: datetime) -> int:
    """Give a moment of UTC, which need not say so, as milliseconds since 1970."""
    return round((moment.replace(tzinfo=UTC) - _EPOCH).total_seconds() * 1000)


_NAMES = {
    NameOID.COUNTRY_NAME: "C",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.LOCALITY_NAME: "L",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COMMON_NAME: "CN",
}


def attributes(one: Certificate) -> Mapping[str, str]:
    """Give those attributes of the subject that stand in it exactly once, by their short names; RFC 4514 section 3."""
    rows = [(_NAMES[row.oid], row.value) for row in one.parsed.subject if row.oid in _NAMES]
    counted = Counter(name for name, _ in rows)
    return {name: value for name, value in rows if counted[name] == 1 and isinstance(value, str)}
