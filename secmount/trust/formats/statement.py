"""In-toto statements v1 and v0.1 (in-toto/attestation `spec/v1/statement.md`), read after their signature was checked.

Unknown fields are ignored, as the specification tells consumers. Subjects without a name are taken: cosign writes them.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from secmount.errors import ContentError, TrustError
from secmount.oci import exact
from secmount.trust.claim import ENTRIES_LIMIT, Statement, Subject
from secmount.trust.evidence import MATERIAL_LIMIT

TYPES = frozenset({"https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"})


def parse(payload: bytes) -> Statement:
    """Read a statement; raise `TrustError` SM2010, or SM2013 for more than 32 subjects."""
    try:
        value = exact.read(payload, limit=MATERIAL_LIMIT, subject="statement")
    except ContentError as err:
        raise TrustError("SM2010", got=err.got, want="a statement in exact JSON") from err
    kind = value.get("_type") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in TYPES:
        raise TrustError("SM2010", got=f"_type {kind!r}", want=" or ".join(sorted(TYPES)))
    predicate_type, subjects = value.get("predicateType"), value.get("subject")
    if not isinstance(predicate_type, str) or not predicate_type:
        raise TrustError("SM2010", got=f"predicateType {predicate_type!r}", want="a URI")
    if not isinstance(subjects, list) or not subjects:
        raise TrustError("SM2010", got=f"subject {subjects!r}", want="a list of subjects")
    if len(subjects) > ENTRIES_LIMIT:
        raise TrustError("SM2013", subject="subject", got=f"{len(subjects)} of them", want=f"at most {ENTRIES_LIMIT}")
    return Statement(tuple(_subject(row) for row in subjects), predicate_type, value.get("predicate"))


def _subject(row: Any) -> Subject:
    if not isinstance(row, dict):
        raise TrustError("SM2010", got=f"subject {row!r}", want="an object")
    name, digests, annotations = row.get("name"), row.get("digest"), row.get("annotations")
    if name is not None and not isinstance(name, str):
        raise TrustError("SM2010", got=f"subject name {name!r}", want="text or none")
    if not isinstance(digests, dict) or not digests or not all(isinstance(text, str) for text in digests.values()):
        raise TrustError("SM2010", got=f"subject digest {digests!r}", want="algorithms and their digests")
    if annotations is not None and not isinstance(annotations, dict):
        raise TrustError("SM2010", got=f"subject annotations {annotations!r}", want="an object or none")
    return Subject(name, MappingProxyType(digests), MappingProxyType(annotations or {}))
