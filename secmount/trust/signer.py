"""Signers that a policy configures: whom a signature can count for."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class KeySigner:
    """A managed public key under a name; instants are milliseconds, `line` is its line in policy.toml.

    `valid_from`, `valid_until` and `revoked_since` need an authenticated time of the signature: without one they fail.
    """

    name: str
    line: int
    spki: bytes = field(repr=False)  # DER SubjectPublicKeyInfo
    principal: str  # sha256:<hex> of spki
    valid_from: int | None = None
    valid_until: int | None = None
    revoked: bool = False
    revoked_since: int | None = None
    message_signature: bool = False  # a bare signature over the manifest's bytes counts, too


Signer = KeySigner  # keyless and Notary signers join here
