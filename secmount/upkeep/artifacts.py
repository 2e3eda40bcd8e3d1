"""Which artifacts the store holds: rows of its index that are nobody's referrer, with whether every layer is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from secmount.errors import SecmountError
from secmount.oci import manifest
from secmount.oci.digest import Digest
from secmount.oci.manifest import MANIFEST_LIMIT, Index, Manifest
from secmount.store.cas import Store
from secmount.store.index import ref_name
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class HeldArtifact:
    """A held manifest. `complete`: all its layers are held, withheld ones are not; `size` is the layers' in bytes."""

    reference: str
    digest: Digest
    artifact_type: str
    size: int
    complete: bool


def artifacts(store: Store) -> tuple[HeldArtifact, ...]:
    """List what is held, in the order of the index; a row that cannot be read is left out, not the others with it."""
    return tuple(_read(store))


def _read(store: Store) -> Iterator[HeldArtifact]:
    names: dict[str, str] = {}
    for row in store.index.rows():
        name = ref_name(row)
        if name is not None:
            names.setdefault(str(row.get("digest")), name)
    seen: set[str] = set()
    for row in store.index.rows():
        text = str(row.get("digest"))
        found = None if text in seen else _document(store, row)
        seen.add(text)
        if isinstance(found, Manifest) and found.subject is None:
            held = all(store.has(layer) for layer in found.layers)
            size = sum(layer.size for layer in found.layers)
            yield HeldArtifact(names.get(text, ""), found.digest, found.artifact_type, size, held)


def _document(store: Store, row: Mapping[str, Any]) -> Manifest | Index | None:
    try:
        digest = Digest.parse(str(row.get("digest")))
        blob = store.open(digest)
        try:
            raw = blob.pread(min(blob.size, MANIFEST_LIMIT + 1), 0)
        finally:
            blob.close()
        return manifest.parse(raw, expected=None, subject=str(digest))
    except SecmountError:
        return None
