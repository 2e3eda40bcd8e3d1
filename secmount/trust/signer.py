"""Signers that a policy configures: whom a signature can count for.

Instants are milliseconds, `line` is a signer's line in policy.toml. What has a bound in time needs an authenticated
time of the signature: without one it fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Protocol

from secmount.trust.root import TrustRoot
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class KeySigner:
    """A managed public key under a name."""

    name: str
    line: int
    spki: bytes = field(repr=False)  # DER SubjectPublicKeyInfo
    principal: str  # sha256:<hex> of spki
    valid_from: int | None = None
    valid_until: int | None = None
    revoked: bool = False
    revoked_since: int | None = None
    message_signature: bool = False  # a bare signature over the manifest's bytes counts, too
    logged: bool = False  # counts only with an entry in a transparency log that holds


class IdentityPattern(Protocol):
    """A pattern for certificate identities; `policy.glob.Identity` is one."""

    @property
    def text(self) -> str:
        """Give the pattern as written."""

    def matches(self, value: str) -> bool:
        """Say whether `value` is meant."""


@dataclass(frozen=True, slots=True)
class KeylessSigner:
    """An identity that a Sigstore certificate states: issuer exactly, subject alternative name by pattern."""

    name: str
    line: int
    issuer: str
    identity: IdentityPattern
    root: TrustRoot
    claims: Mapping[str, str] = field(default_factory=dict, hash=False)  # name of a Fulcio extension: exact value
    valid_from: int | None = None
    valid_until: int | None = None
    revoked: bool = False
    revoked_since: int | None = None
    message_signature: bool = False
    logged: bool = False


@dataclass(frozen=True, slots=True)
class X509Signer:
    """A Notary Project identity: a leaf under `anchors` whose subject has each of `subject` exactly once and so."""

    name: str
    line: int
    anchors: tuple[bytes, ...] = field(repr=False)  # DER certificates
    root: str  # sha256:<hex> over the anchors file's bytes
    subject: Mapping[str, str] = field(hash=False)  # short attribute name: value; C, ST, L, O, OU, CN
    crl: bytes | None = field(default=None, repr=False)  # PEM or DER; None: revocation = "none"
    stamp_anchors: tuple[bytes, ...] = field(default=(), repr=False)  # of timestamp authorities, DER
    valid_from: int | None = None
    valid_until: int | None = None
    revoked: bool = False
    revoked_since: int | None = None
    message_signature: bool = False


Signer = KeySigner | KeylessSigner | X509Signer
