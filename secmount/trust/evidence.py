"""Evidence: what was authenticated about one artifact, and what was looked at in vain.

Only `Signature` values reach the policy; every fact in them stood under a signature by a configured signer's key.
`Considered` is for people: explanations, the audit record, the nearest miss in a denial.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any, Literal

from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.value import dataclass

MATERIAL_LIMIT = 1 << 20  # bytes of one signature's material; design, promise 1
SIGNATURES_LIMIT = 32  # signatures examined for one artifact; design 3.4, CVE-2023-46737's lesson


@dataclass(frozen=True, slots=True)
class SignatureTime:
    """Milliseconds. `not_before` only from inside the signed bytes; `not_after` only from a third party."""

    not_before: int | None = None
    not_before_source: str | None = None
    not_after: int | None = None
    not_after_source: str | None = None


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature that verified, about `subject`, by a key that `signers` name."""

    format: str
    subject: Digest
    signers: tuple[str, ...]
    principal: str
    key: str | None = None  # sha256:<hex> of a key that lasts: a managed one, or an X.509 signer's
    issuer: str | None = None
    identity: str | None = None
    claims: Mapping[str, str] = field(default_factory=dict, hash=False)
    bound_to: str | None = None  # the repository named inside the signed bytes
    annotations: Mapping[str, str] = field(default_factory=dict, hash=False)
    time: SignatureTime = SignatureTime()
    material: Digest | None = None
    root: str | None = None  # sha256:<hex> of the trust root it stands under; None for a managed key
    root_updated_ms: int | None = None  # when that root was last vouched for, where anyone says
    files: Mapping[str, Digest] | None = field(default=None, hash=False)  # what a model signature says the tree is
    expires_ms: int | None = None  # until when it counts: signed, or the end of a certificate without a stamp
    logged: bool = False  # a transparency log of the root, of the default one for a managed key, has it


@dataclass(frozen=True, slots=True)
class Attestation:
    """A statement about `subject` that is no signature: only a rule's `attestations` ask for it."""

    format: str
    subject: Digest
    predicate_type: str
    predicate: Any = field(hash=False)
    signers: tuple[str, ...]
    principal: str
    issuer: str | None = None
    identity: str | None = None
    claims: Mapping[str, str] = field(default_factory=dict, hash=False)
    time: SignatureTime = SignatureTime()
    material: Digest | None = None
    root: str | None = None
    root_updated_ms: int | None = None
    expires_ms: int | None = None
    bound_to: str | None = None
    logged: bool = False


@dataclass(frozen=True, slots=True)
class Considered:
    """One piece of signature material and what came of it; `code` is None where it counts.

    `outcome`: counts, unacceptable (it verified or may be sound, but is not by or for whom it must be), invalid.
    """

    material: Digest | None
    format: str
    outcome: Literal["counts", "unacceptable", "invalid"]
    code: str | None = None
    got: str | None = None
    want: str | None = None
    signers: tuple[str, ...] = ()  # whose key it verified with, where it did
    subject: Digest | None = None  # the manifest or index it was found at


@dataclass(frozen=True, slots=True)
class Kept:
    """Evidence as bytes, to be kept in the store so that `--offline` can decide anew."""

    descriptor: Descriptor
    raw: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of an artifact whose manifest is `subject`."""

    subject: Digest
    signatures: tuple[Signature, ...] = ()
    attestations: tuple[Attestation, ...] = ()
    considered: tuple[Considered, ...] = ()
    truncated: bool = False
    kept: tuple[Kept, ...] = ()
