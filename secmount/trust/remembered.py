"""Verified evidence, remembered: what was judged once need not be judged again under the very same circumstances.

The key covers all that a judgement depends on: the versions of this program and of the libraries that judge, the
artifact, every byte of the material and of its carrier, the complete value of every signer, the trust roots. What
depends on the time of day is never remembered, nor is anything that RFC 8785 cannot write. Whoever can change the
memory can change the policy's other memos as well.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import fields
from types import MappingProxyType
from typing import Any, Protocol

import secmount
from secmount.errors import SecmountError
from secmount.oci import canonical, exact
from secmount.oci.digest import Digest
from secmount.trust.claim import CertificateChain, Claim
from secmount.trust.evidence import Attestation, Considered, Signature, SignatureTime
from secmount.trust.judge.verdict import Judged
from secmount.trust.material import Material
from secmount.trust.root import TrustRoot
from secmount.trust.signer import Signer, X509Signer
from secmount.trust.sigstore import version

FORM = 5  # of what is written; part of every key, to be raised when judging changes without a new version
_LIMIT = 4 << 20  # bytes of one remembered judgement; a model signature's list of files makes the long ones
_PLAIN = (str, int, type(None))


class Remembered(Protocol):
    """Where judgements are kept: text by key."""

    def get(self, key: str) -> str | None:
        """Give what was put under `key`."""

    def put(self, key: str, value: str) -> None:
        """Keep `value` under `key`."""


def key(material: Material, about: Digest, signers: Mapping[str, Signer], root: TrustRoot | None) -> str:
    """Name everything that judging `material` about the artifact depends on but for the time."""
    layer = material.layer
    parts = [
        [secmount.__version__, FORM, *version.judging()],
        str(about),
        [material.format, layer.media_type, str(layer.digest), dict(layer.annotations), material.own],
        str(material.manifest.digest),
        {name: _signer(signer) for name, signer in signers.items()},
        None if root is None else _root(root),
    ]
    return f"sha256:{hashlib.sha256(canonical.encode(parts)).hexdigest()}"


def lasting(claim: Claim, signers: Mapping[str, Signer]) -> bool:
    """Whether judging `claim` has the same outcome at any time: certificates of X.509 signers expire."""
    return not (
        isinstance(claim.by, CertificateChain) and any(isinstance(signer, X509Signer) for signer in signers.values())
    )


def recall(memory: Remembered, name: str, about: Digest) -> Judged | None:
    """Give the judgement that is remembered under `name`; None for none, and for one that is not what was written."""
    text = memory.get(name)
    if text is None:
        return None
    try:
        value = exact.read(text.encode(), limit=_LIMIT, subject="remembered evidence")
        judged = Judged(
            _decode(Considered, value["considered"]),
            tuple(_decode(Signature, row) for row in value["signatures"]),
            tuple(_decode(Attestation, row) for row in value["attestations"]),
        )
    except (SecmountError, ValueError, TypeError, KeyError, AttributeError):
        return None
    signed, attested = (one.subject for one in judged.signatures), (one.subject for one in judged.attestations)
    return judged if {judged.considered.subject, *signed, *attested} == {about} else None


def note(memory: Remembered, name: str, judged: Judged) -> None:
    """Keep `judged` under `name`, if it can be written down."""
    try:
        raw = canonical.encode(
            {
                "considered": _encode(judged.considered),
                "signatures": [_encode(one) for one in judged.signatures],
                "attestations": [_encode(one) for one in judged.attestations],
            }
        )
    except ValueError:
        return
    if len(raw) <= _LIMIT:
        memory.put(name, raw.decode())


def _signer(signer: Signer) -> list[Any]:
    """Give a signer's kind and every field: one that is added later is covered, or refused."""
    return [type(signer).__name__, {field.name: _part(getattr(signer, field.name)) for field in fields(signer)}]


def _part(value: Any) -> Any:
    match value:
        case None | bool() | int() | str():
            return value
        case bytes():
            return hashlib.sha256(value).hexdigest()
        case tuple():
            return [_part(one) for one in value]
        case TrustRoot():
            return _root(value)
        case Mapping():
            return {name: _part(one) for name, one in value.items()}
        case _:  # an identity pattern
            return value.text


def _root(root: TrustRoot) -> list[Any]:
    return [root.digest, hashlib.sha256(root.raw).hexdigest(), root.updated_ms]


def _encode(value: Signature | Attestation | Considered) -> dict[str, Any]:
    return {field.name: _written(getattr(value, field.name)) for field in fields(value)}


def _written(value: Any) -> Any:
    match value:
        case Digest():
            return str(value)
        case SignatureTime():
            return {field.name: getattr(value, field.name) for field in fields(value)}
        case Mapping():
            return {name: _written(one) for name, one in value.items()}
        case _:
            return value


def _decode(kind: type[Any], row: dict[str, Any]) -> Any:
    """Make a value of what was written; what is raised otherwise `recall` catches, and nobody reads."""
    names = {field.name for field in fields(kind)}
    if set(row) != names:
        raise ValueError
    return kind(**{name: _READ.get(name, _plain)(value) for name, value in row.items()})


def _plain(value: Any) -> Any:
    if not isinstance(value, _PLAIN):
        raise TypeError
    return value


def _digest(text: str | None) -> Digest | None:
    return None if text is None else Digest.parse(text)


def _texts(value: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType({name: _plain(text) for name, text in value.items()})


def _files(value: Mapping[str, str] | None) -> Mapping[str, Digest] | None:
    return None if value is None else MappingProxyType({name: Digest.parse(text) for name, text in value.items()})


def _names(value: list[str]) -> tuple[str, ...]:
    return tuple(_plain(name) for name in value)


_READ: dict[str, Callable[[Any], Any]] = {
    "subject": _digest,
    "material": _digest,
    "signers": _names,
    "time": lambda row: _decode(SignatureTime, row),
    "claims": _texts,
    "annotations": _texts,
    "files": _files,
    "predicate": lambda value: value,
}
