"""Looks through the manifests of a layout: which artifact stands alone, and what refers to a digest.

Bytes are looked at before they are hashed, for a layout may hold thousands; whatever is returned is a hint, to be
fetched and hashed by whoever believes it. A scan stops at its limits and says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from secmount.errors import ContentError, InputError
from secmount.oci import manifest
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import INDEX_TYPES, MANIFEST_LIMIT, Index, Manifest
from secmount.registry.files import Files, blob_name
from secmount.registry.source import REFERRERS_LIMIT, Referrers

DOCUMENTS_LIMIT = 4096  # manifests and indexes that one question may read
BYTES_LIMIT = 64 << 20  # bytes of them
DEPTH_LIMIT = 3  # indexes below indexes; referrers indexes and platform indexes stand on the first level
UNLISTED_LIMIT = 64 << 10  # bytes of a manifest that no index lists; a signature's has about one KiB


class Scan:
    """One question to a layout; `truncated` once a limit was met."""

    def __init__(self, files: Files, entries: Iterable[Descriptor]) -> None:
        self.truncated = False
        self._files = files
        self._entries = tuple(entries)
        self._documents = DOCUMENTS_LIMIT
        self._bytes = BYTES_LIMIT
        self._parsed: dict[Digest, Manifest | Index | None] = {}

    def alone(self, rows: tuple[Descriptor, ...]) -> tuple[Descriptor, ...]:
        """Leave out of `rows` children of other rows, referrers of what is there, and indexes of referrers only."""
        documents = {row.digest: self._parse(row) for row in rows}
        indexes = [document for document in documents.values() if isinstance(document, Index)]
        children = {child.digest for index in indexes for child in index.manifests}
        known = {*documents, *children}
        return tuple(
            row
            for row in rows
            if row.digest not in children
            and not self._is_about(documents[row.digest], known)
            and not self._is_referrers_index(documents[row.digest], known)
        )

    def referrers(self, subject: Digest) -> Referrers:
        """List what says that it is about `subject`: entries, entries of nested indexes, else unlisted blobs.

        What mentions the digest but cannot be read as a manifest is listed too, so that its fault is met and recorded.
        """
        found: dict[Digest, Descriptor] = {}
        for row, raw in self._listed():
            if len(found) > REFERRERS_LIMIT:
                break
            about = _referrer(row, raw, subject)
            if about is not None:
                found.setdefault(row.digest, about)
        if not found:
            found = {row.digest: row for row in self._unlisted(subject)}
        return Referrers(found.values(), truncated=self.truncated)

    def _listed(self) -> Iterator[tuple[Descriptor, bytes]]:
        queue = deque((entry, 0) for entry in self._entries)
        seen: set[Digest] = set()
        while queue:
            row, depth = queue.popleft()
            if row.digest in seen:
                continue
            seen.add(row.digest)
            raw = self._read(blob_name(row.digest), MANIFEST_LIMIT)
            if raw is None:
                continue
            yield row, raw
            if row.media_type in INDEX_TYPES and depth < DEPTH_LIMIT:
                document = _parse(row, raw)
                if isinstance(document, Index):
                    queue.extend((child, depth + 1) for child in document.manifests)

    def _unlisted(self, subject: Digest) -> Iterator[Descriptor]:
        """Find referrers that nothing points to: `cosign save` (3.1) writes bundles so."""
        for name in self._files.list("blobs/sha256", limit=DOCUMENTS_LIMIT):
            try:
                digest = Digest.parse(f"sha256:{name}")
            except InputError:
                continue  # not a blob's name
            raw = self._read(blob_name(digest), UNLISTED_LIMIT)
            if raw is None or not _mentions(raw, subject) or Digest.of(raw) != digest:
                continue
            try:
                document = manifest.parse(raw, expected=None, subject=str(digest))
            except ContentError:
                continue  # a blob that is no manifest
            if document.subject is not None and document.subject.digest == subject:
                yield _describe(Descriptor(document.media_type, digest, len(raw)), document)

    def _is_referrers_index(self, document: Manifest | Index | None, known: set[Digest]) -> bool:
        if not isinstance(document, Index) or not document.manifests:
            return False
        return all(self._is_about(self._parse(child), known) for child in document.manifests)

    def _is_about(self, document: Manifest | Index | None, known: set[Digest]) -> bool:
        if document is None or document.subject is None:
            return False
        return document.subject.digest in known or self._is_there(document.subject.digest)

    def _is_there(self, digest: Digest) -> bool:
        file = self._files.find(blob_name(digest))
        if file is not None:
            file.close()
        return file is not None

    def _parse(self, row: Descriptor) -> Manifest | Index | None:
        if row.digest not in self._parsed:
            raw = self._read(blob_name(row.digest), MANIFEST_LIMIT)
            self._parsed[row.digest] = None if raw is None else _parse(row, raw)
        return self._parsed[row.digest]

    def _read(self, name: str, limit: int) -> bytes | None:
        """Read a blob of at most `limit` bytes; None where there is none, or no room for it in the limits."""
        file = self._files.find(name)
        if file is None:
            return None
        try:
            if file.size > limit:
                return None
            if not self._documents or file.size > self._bytes:
                self.truncated = True
                return None
            self._documents -= 1
            self._bytes -= file.size
            return file.read(limit)
        finally:
            file.close()


def _parse(row: Descriptor, raw: bytes) -> Manifest | Index | None:
    try:
        return manifest.parse(raw, expected=row.media_type, subject=str(row.digest), algorithm=row.digest.algorithm)
    except ContentError:
        return None  # it shows nothing about others; whoever asks for it by its digest meets the fault


def _mentions(raw: bytes, subject: Digest) -> bool:
    return subject.hex.encode() in raw or b"\\u" in raw  # an escape could spell the digest


def _referrer(row: Descriptor, raw: bytes, subject: Digest) -> Descriptor | None:
    if not _mentions(raw, subject):
        return None
    document = _parse(row, raw)
    if document is None:
        return row if subject.hex.encode() in raw else None
    if document.subject is None or document.subject.digest != subject:
        return None
    return _describe(row, document)


def _describe(row: Descriptor, document: Manifest | Index) -> Descriptor:
    return Descriptor(row.media_type, row.digest, row.size, document.annotations, document.artifact_type)
