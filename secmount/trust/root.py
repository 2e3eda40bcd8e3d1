"""A Sigstore trust root: which certificate authorities, logs and timestamp authorities are believed, and since when."""

from __future__ import annotations

from dataclasses import dataclass, field

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
