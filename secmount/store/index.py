"""The store's index.json: which artifacts and which evidence are kept, for `--offline` and for other programs.

Image-spec v1.1 `image-layout.md#indexjson-file`. Changed under a lock, by one rename; rows of other programs are
left as they are. A reference name stands at most once: it is taken away from the row that bore it before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from secmount.errors import ContentError, StorageError
from secmount.local.fault import faults, place_of
from secmount.local.files import lock, read_if_any, remove, write_atomic
from secmount.oci import exact
from secmount.oci.descriptor import Descriptor
from secmount.oci.manifest import LAYER_LIMIT, MANIFEST_LIMIT, OCI_INDEX
from secmount.store.layout import mark

NAME = "index.json"
REF_NAME = "org.opencontainers.image.ref.name"  # image-spec v1.1 `annotations.md`
_LOCK = "index"
Row = dict[str, Any]


class StoreIndex:
    """index.json below the handle `root`; its lock lies in the folder `locks`."""

    def __init__(self, root: int, locks: int) -> None:
        """Make index.json and then oci-layout, where they are missing."""
        self._root, self._locks = root, locks
        if read_if_any(root, NAME, MANIFEST_LIMIT) is None:
            with self._locked():
                if read_if_any(root, NAME, MANIFEST_LIMIT) is None:
                    self._write({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []})
        mark(root)

    def rows(self) -> tuple[Row, ...]:
        """Give the rows as they stand; raise `StorageError` SM7033."""
        return tuple(self._read()["manifests"])

    def add(self, entries: Iterable[tuple[Descriptor, str | None]]) -> bool:
        """Add (descriptor, reference name) rows that are missing, in one step; say whether anything was written.

        A row without a name is not added where the digest already has a row. Raise `StorageError` SM7033, SM7006
        and the like.
        """
        wanted = [_row(descriptor, name) for descriptor, name in entries]
        if _merge(self._read(), wanted) is None:
            return False
        with self._locked():
            merged = _merge(self._read(), wanted)
            if merged is not None:
                self._write(merged)
        return merged is not None

    def _read(self) -> Row:
        place = place_of(self._root, NAME)
        raw = read_if_any(self._root, NAME, MANIFEST_LIMIT)
        try:
            value = exact.read(raw or b"", limit=MANIFEST_LIMIT, subject=NAME)
        except ContentError as err:
            raise StorageError("SM7033", subject=place, got=err.got, want="one JSON document") from err
        rows = value.get("manifests") if isinstance(value, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise StorageError("SM7033", subject=place, got="no list of manifests", want="an OCI image index")
        return dict(value)

    def _write(self, value: Row) -> None:
        data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
        if len(data) > MANIFEST_LIMIT or len(value["manifests"]) > LAYER_LIMIT:
            place = place_of(self._root, NAME)
            raise StorageError("SM7033", subject=place, got=f"{len(value['manifests'])} rows, {len(data)} bytes")
        write_atomic(self._root, NAME, data, mode=0o600)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with lock(self._locks, _LOCK, exclusive=True):
            place = place_of(self._root)
            with faults(place):
                drafts = [name for name in os.listdir(self._root) if name.startswith(f".{NAME}.")]
            for name in drafts:  # of a process that died while it held the lock
                remove(self._root, name)
            yield


def ref_name(row: Mapping[str, Any]) -> str | None:
    """Give the row's reference name, whatever else it holds."""
    annotations = row.get("annotations")
    name = annotations.get(REF_NAME) if isinstance(annotations, dict) else None
    return name if isinstance(name, str) else None


def _row(descriptor: Descriptor, name: str | None) -> Row:
    row: Row = {"mediaType": descriptor.media_type, "digest": str(descriptor.digest), "size": descriptor.size}
    if descriptor.artifact_type is not None:
        row["artifactType"] = descriptor.artifact_type
    if descriptor.platform is not None:
        parts = {"architecture": descriptor.platform.architecture, "os": descriptor.platform.os}
        variant = descriptor.platform.variant
        row["platform"] = parts if variant is None else {**parts, "variant": variant}
    if name is not None:
        row["annotations"] = {REF_NAME: name}
    return row


def _merge(value: Row, wanted: list[Row]) -> Row | None:
    """Give the index with `wanted` in it, or None if nothing is missing."""
    rows: list[Row] = list(value["manifests"])
    for row in wanted:
        rows = _place(rows, row)
    return None if rows == value["manifests"] else {**value, "manifests": rows}


def _place(rows: list[Row], row: Row) -> list[Row]:
    name = ref_name(row)
    same = [other for other in rows if other.get("digest") == row["digest"]]
    if (name is None and same) or any(ref_name(other) == name for other in same):
        return rows
    freed = [_unnamed(other) if name is not None and ref_name(other) == name else other for other in rows]
    return [other for other in freed if not (other.get("digest") == row["digest"] and ref_name(other) is None)] + [row]


def _unnamed(row: Row) -> Row:
    annotations = {key: value for key, value in row["annotations"].items() if key != REF_NAME}
    rest = {key: value for key, value in row.items() if key != "annotations"}
    return {**rest, "annotations": annotations} if annotations else rest
