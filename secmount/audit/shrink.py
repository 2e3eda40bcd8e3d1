"""Fitting a record into an entry: the long fields of a large record become parts, its shape stays.

`details` moves whole (parts.details); of `withheld` the first rows stay and all of them are in parts.withheld.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from secmount.audit.tlog.tiles import ENTRY_LIMIT
from secmount.errors import StorageError
from secmount.oci import canonical

INLINE: Final = 16 << 10  # bytes up to which an entry keeps its long fields; a bundle of 256 stays readable at once
ROWS: Final = 16  # rows of `withheld` that stay
_FACTS: Final = frozenset({"schema", "kind", "time", "decision_id", "subject", "reference", "target", "tree_digest"})


def encode(record: Mapping[str, Any], put: Callable[[bytes], str]) -> bytes:
    """Give the entry's bytes, at most ENTRY_LIMIT; `put` keeps a part. Raise `StorageError` SM7104."""
    raw = canonical.encode(record)
    if len(raw) <= INLINE:
        return raw
    value = dict(record)
    if value["details"] is not None and len(canonical.encode(value["details"])) > INLINE // 4:
        value = _moved(value, "details", None, put)
    if isinstance(value["withheld"], list) and len(value["withheld"]) > ROWS:
        value = _moved(value, "withheld", value["withheld"][:ROWS], put)
    raw = canonical.encode(value)
    if len(raw) > ENTRY_LIMIT:
        raise StorageError("SM7104", subject="audit record", got=f"{len(raw)} bytes", want=f"at most {ENTRY_LIMIT}")
    return raw


def bare(record: Mapping[str, Any]) -> bytes:
    """Give an entry's bytes without any part, for the reserve."""
    value = {**record, "details": None, "withheld": None} if len(canonical.encode(record)) > INLINE else record
    raw = canonical.encode(value)
    if len(raw) > ENTRY_LIMIT:
        raw = canonical.encode({name: item if name in _FACTS else None for name, item in value.items()})
    return raw


def _moved(value: dict[str, Any], name: str, rest: Any, put: Callable[[bytes], str]) -> dict[str, Any]:
    digest = put(canonical.encode(value[name]))
    return {**value, name: rest, "parts": {**value["parts"], name: digest}}
