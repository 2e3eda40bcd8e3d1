"""A Sigstore trust root: which certificate authorities, logs and timestamp authorities are believed, and since when.

`TrustRoot` is the document with its origin; `Roots` is what it says. protobuf-specs `sigstore_trustroot.proto`.
"""

from __future__ import annotations

from dataclasses import field

from secmount.oci import instant
from secmount.trust.spki import PublicKey
from secmount.value import dataclass

ROOT_LIMIT = 1 << 20  # bytes of a trusted_root.json; the public-good one has 7 KiB


@dataclass(frozen=True, slots=True)
class TrustRoot:
    """The bytes of a `trusted_root.json` (protobuf-specs `sigstore_trustroot.proto`), and where they came from.

    `updated_ms` is when its publisher last vouched for it, as far as that is known: by a TUF timestamp that was
    verified, or by the release of the package that carries it. None: nobody says, and `max-root-age` fails.
    """

    source: str  # for people: "sigstore 4.5.1", "roots/acme.json", "https://tuf.example/ at 2026-11-01T00:00:00Z"
    digest: str  # sha256:<hex> of raw
    raw: bytes = field(repr=False)
    updated_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Window:
    """When something is good for use, both ends included. sigstore_common.proto, TimeRange; None is without an end."""

    start_ms: int | None = None
    end_ms: int | None = None

    def holds(self, at_ms: int) -> bool:
        """Whether `at_ms` is within."""
        return (self.start_ms is None or self.start_ms <= at_ms) and (self.end_ms is None or at_ms <= self.end_ms)

    def __str__(self) -> str:
        start = "the beginning" if self.start_ms is None else instant.render(self.start_ms)
        return f"from {start}" if self.end_ms is None else f"from {start} until {instant.render(self.end_ms)}"


@dataclass(frozen=True, slots=True)
class Authority:
    """A certificate or timestamp authority: DER, each next certificate the issuer of the one before, a root last."""

    uri: str
    certificates: tuple[bytes, ...] = field(repr=False)
    window: Window


@dataclass(frozen=True, slots=True)
class Log:
    """A transparency log. For Rekor the first four bytes of `log_id` are the hint in its checkpoints' signatures."""

    url: str
    key: PublicKey
    log_id: bytes
    window: Window


@dataclass(frozen=True, slots=True)
class Roots:
    """All that a trust root says; `unusable` names what is in it and cannot be checked here (a key of another kind)."""

    authorities: tuple[Authority, ...]
    stampers: tuple[Authority, ...]
    logs: tuple[Log, ...]
    ctlogs: tuple[Log, ...]
    unusable: tuple[str, ...] = ()
