"""A repository of a registry to write to, and the tags that hold what is about an artifact where nothing else can.

Where a registry has no referrers API the client keeps an index of an artifact's referrers at the tag `sha256-<hex>`
(OCI distribution-spec v1.1, Referrers Tag Schema): read, changed, written back. Two who do that at once can lose one's
entry; If-Match is sent where the registry gives an entity tag, and what is there afterwards is read again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Self

from secmount.errors import ContentError, RegistryError
from secmount.oci import exact, manifest
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import INDEX_TYPES, MANIFEST_LIMIT, MANIFEST_TYPES, OCI_INDEX, Index, Manifest
from secmount.publish.push.provider import CHUNK, Provider, layer_of
from secmount.publish.push.wire import Wire
from secmount.publish.writer import Standing
from secmount.registry.credentials.value import Credentials
from secmount.registry.hosts.value import Location
from secmount.registry.http.client import Effects
from secmount.registry.http.settings import HttpSettings

ATTEMPTS = 5  # at a tag that others write at the same time
_ACCEPT = (*sorted(MANIFEST_TYPES | INDEX_TYPES),)


class RegistryWriter:
    """A `Writer` to one repository; `close` it, or use it for a block.

    Raises `RegistryError` SM41xx and SM4320–SM4325.
    """

    def __init__(
        self,
        location: Location,
        credentials: Credentials,
        settings: HttpSettings,
        effects: Effects,
        *,
        chunk_size: int | None = None,
    ) -> None:
        """Take where, as whom and how; nothing is contacted. `chunk_size`: bytes of each piece that is sent."""
        self.shown = f"{location.access.host}/{location.repository}"
        self._chunk_size = chunk_size
        self._wire = Wire(location, credentials, settings, effects)
        self._provider = Provider(location, self._wire)

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def has(self, blob: Descriptor) -> bool:
        """Ask whether the blob is there."""
        return self._provider.blob_exists(layer_of(blob), self._provider.place)

    def put(self, blob: Descriptor, data: bytes | Iterable[bytes]) -> None:
        """Send a blob; raise `ContentError` SM5001 or SM5002 if it is not what `blob` says."""
        chunks = [data] if isinstance(data, bytes) else data
        self._provider.upload_blob(
            chunks,
            self._provider.place,
            layer_of(blob),
            do_chunked=self._chunk_size is not None,
            chunk_size=self._chunk_size or CHUNK,
        )

    def add_document(self, raw: bytes, *, tag: str | None = None) -> Descriptor:
        """Put a manifest or index of exactly these bytes, at `tag` or at its digest alone.

        One that has a subject is also entered into the subject's fallback index where the registry does not list it.
        Raise `ContentError` SM5010–SM5013 for no such document.
        """
        found, document = self._described(raw)
        response = self._put(raw, found.media_type, tag or str(found.digest))
        self._confirm(response, found, tag)
        subject = document.subject
        if subject is not None and response.headers.get("OCI-Subject") != str(subject.digest):
            self._enter(found, document, subject.digest)
        return found

    def standing(self, reference: str) -> Standing | None:
        """Read what a tag or digest holds; None if there is nothing."""
        response = self._provider.read_manifest(reference, _ACCEPT)
        if response is None:
            return None
        return Standing(response.content, response.headers.get("ETag"))

    def replace(self, tag: str, raw: bytes, standing: Standing | None) -> bool:
        """Put a manifest or index at `tag` in place of `standing`; False if another one was faster.

        Looked at are If-Match, where there is an entity tag, and what the tag holds afterwards.
        """
        found, _ = self._described(raw)
        response = self._put(raw, found.media_type, tag, match=standing.mark if standing else None)
        if response.status_code == 412:
            return False
        now = self.standing(tag)
        return now is not None and now.digest == found.digest

    def lists_referrers(self, subject: Digest) -> bool:
        """Say whether the registry has the referrers API: it answers with an index."""
        response = self._provider.read_referrers(subject, (OCI_INDEX,))
        return response is not None and response.headers.get("Content-Type", "").partition(";")[0] == OCI_INDEX

    def _described(self, raw: bytes) -> tuple[Descriptor, Manifest | Index]:
        document = manifest.parse(raw, expected=None, subject=f"{self.shown}, a document to be added")
        digest = Digest.of(raw)
        notes = document.annotations
        return Descriptor(document.media_type, digest, len(raw), notes, document.artifact_type), document

    def _put(self, raw: bytes, media_type: str, reference: str, *, match: str | None = None) -> Any:
        place = self._provider.place
        return self._provider.upload_manifest(raw, place, reference=reference, media_type=media_type, match=match)

    def _confirm(self, response: Any, found: Descriptor, tag: str | None) -> None:
        """See that the registry has what was sent, where its answer did not say so."""
        if response.headers.get("Docker-Content-Digest") == str(found.digest):
            return
        now = self.standing(tag or str(found.digest))
        if now is None or now.digest != found.digest:
            got = "nothing" if now is None else str(now.digest)
            raise RegistryError("SM4322", subject=f"{self.shown}:{tag or ''}", got=got, want=str(found.digest))

    def _enter(self, referrer: Descriptor, document: Manifest | Index, subject: Digest) -> None:
        if self.lists_referrers(subject):
            return
        tag = f"{subject.algorithm}-{subject.hex}"
        row = {
            "mediaType": referrer.media_type,
            "digest": str(referrer.digest),
            "size": referrer.size,
            **({"artifactType": document.artifact_type} if document.artifact_type else {}),
            **({"annotations": dict(document.annotations)} if document.annotations else {}),
        }
        for _ in range(ATTEMPTS):
            standing = self.standing(tag)
            rows = [] if standing is None else _rows(standing, f"{self.shown}:{tag}")
            if any(isinstance(other, dict) and other.get("digest") == row["digest"] for other in rows):
                return
            index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [*rows, row]}
            raw = json.dumps(index, separators=(",", ":"), ensure_ascii=False).encode()
            if len(raw) > MANIFEST_LIMIT:
                raise ContentError("SM5011", subject=f"{self.shown}:{tag}", got=f"{len(raw)} bytes")
            if self.replace(tag, raw, standing):
                return
        raise RegistryError("SM4324", subject=f"{self.shown}:{tag}", got=f"changed {ATTEMPTS} times meanwhile")


def _rows(standing: Standing, shown: str) -> list[Any]:
    """Give the entries of a fallback index as they stand; raise `RegistryError` SM4325 for anything else at its tag."""
    try:
        document = manifest.parse(standing.raw, expected=None, subject=shown)
    except ContentError as err:
        raise RegistryError("SM4325", subject=shown, got=f"{err.code}", want="an index of referrers") from err
    if not isinstance(document, Index):  # some registries answer with the artifact itself (oras-go#1396)
        raise RegistryError("SM4325", subject=shown, got=document.media_type, want="an index of referrers")
    rows: list[Any] = exact.read(standing.raw, limit=MANIFEST_LIMIT, subject=shown)["manifests"]
    return rows
