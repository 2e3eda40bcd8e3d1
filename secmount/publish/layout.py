"""Writes OCI image layout folders that any tool of the field reads. OCI image-spec v1.1 `image-layout.md`.

A blob gets its name only after it was hashed and flushed, `index.json` is replaced in one step under a lock, and what
other tools keep in it is kept. Whoever dies half-way leaves the layout as it was, and perhaps a blob nobody points to.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self

from secmount.errors import ContentError, RegistryError
from secmount.local.fault import faults
from secmount.local.files import lock, read_bounded, remove, sync_directory, write_all, write_atomic
from secmount.oci import exact, manifest
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import EMPTY, MANIFEST_LIMIT, OCI_INDEX, OCI_MANIFEST
from secmount.publish.writer import Standing
from secmount.registry.entries import REF_NAME
from secmount.registry.layout import LayoutSource
from secmount.registry.resolve import EMPTY_CONFIG
from secmount.registry.source import ABSENT

_MARK = b'{"imageLayoutVersion":"1.0.0"}'
_LOCK = "index.lock"  # as in the layouts of CRI-O and podman
_MODE = 0o644
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_BLOB = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 20  # bytes read at once


class LayoutWriter:
    """A layout folder, made if it is absent or empty; `close` it, or use it for a block.

    Raises `StorageError` SM7001–SM7013 for what the system refuses.
    """

    def __init__(self, path: str) -> None:
        """Open the layout; raise `RegistryError` SM4004 and the like for a folder that holds something else."""
        self._shown = path
        with faults(path):
            with suppress(FileExistsError):  # a file, which opening it as a folder says
                os.makedirs(path, exist_ok=True)
            self._handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if self._is_new():
                with lock(self._handle, _LOCK, exclusive=True):
                    self._make()
            LayoutSource.at(self._handle, shown=path).close()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the directory handle back."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)

    def add_blob(
        self, data: bytes | Iterable[bytes], media_type: str, *, annotations: Mapping[str, str] | None = None
    ) -> Descriptor:
        """Write a blob and describe it."""
        digest, size = self._write(_chunks(data), None)
        return Descriptor(media_type, digest, size, dict(annotations or {}))

    def has(self, blob: Descriptor) -> bool:
        """Say whether the blob is there, by reading it: what is there under its name may be damaged."""
        try:
            with self._folder(blob.digest.algorithm) as folder:
                handle = os.open(blob.digest.hex, _BLOB, dir_fd=folder)
        except OSError:
            return False  # whatever is in its place, writing the blob replaces it or says why not
        with open(handle, "rb", buffering=0) as file, suppress(ContentError), faults(f"{self._shown}/blobs"):
            for _ in blob.digest.check(iter(lambda: file.read(_CHUNK), b""), blob.size):
                pass
            return True
        return False

    def put(self, blob: Descriptor, data: bytes | Iterable[bytes]) -> None:
        """Write a blob that was described before; raise `ContentError` SM5001 or SM5002 if it is not that."""
        self._write(blob.digest.check(_chunks(data), blob.size), blob.digest)

    def add_manifest(
        self,
        layers: Sequence[Descriptor],
        *,
        artifact_type: str,
        config: Descriptor | None = None,
        annotations: Mapping[str, str] | None = None,
        subject: Descriptor | None = None,
        tag: str | None = None,
    ) -> Descriptor:
        """Write a manifest over blobs that are there, and list it; without `config` the empty one."""
        document: dict[str, Any] = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": artifact_type,
            "config": _json(config or self.add_blob(EMPTY_CONFIG, EMPTY)),
            "layers": [_json(layer) for layer in layers],
        }
        if subject is not None:
            document["subject"] = _json(Descriptor(subject.media_type, subject.digest, subject.size))
        if annotations:
            document["annotations"] = dict(annotations)
        return self.add_document(_encode(document), tag=tag)

    def add_document(self, raw: bytes, *, tag: str | None = None) -> Descriptor:
        """Write a manifest or index of exactly these bytes, and list it in `index.json` as what they say.

        A tag moves here from the entry that had it. Raise `ContentError` SM5010–SM5013 for no such document.
        """
        found = self._describe(raw)
        self._write([raw], None)
        with lock(self._handle, _LOCK, exclusive=True):
            self._list(found, tag)
        return found

    def standing(self, tag: str) -> Standing | None:
        """Read what a tag holds; None if there is no such tag."""
        with LayoutSource.at(self._handle, shown=self._shown) as source:
            try:
                return Standing(source.manifest(source.head(tag, None)))
            except RegistryError as err:
                if err.code not in ABSENT:
                    raise
                return None

    def replace(self, tag: str, raw: bytes, standing: Standing | None) -> bool:
        """Put a document at `tag` in place of `standing` (None: of nothing); False if it is not that any more."""
        found = self._describe(raw)
        self._write([raw], None)
        with lock(self._handle, _LOCK, exclusive=True):
            now = self.standing(tag)
            if (now and now.raw) != (standing and standing.raw):
                return False
            self._list(found, tag)
        return True

    def _describe(self, raw: bytes) -> Descriptor:
        document = manifest.parse(raw, expected=None, subject=f"{self._shown}, a document to be added")
        return Descriptor(document.media_type, Digest.of(raw), len(raw), artifact_type=document.artifact_type)

    def _is_new(self) -> bool:
        """Say whether nothing is here, or only what a writer leaves that died before it wrote the index."""
        with faults(self._shown):
            there = {name for name in os.listdir(self._handle) if not (name[0] == "." and name.endswith(".new"))}
        if not there <= {_LOCK, "oci-layout", "blobs"}:
            return False
        if "blobs" not in there:
            return True
        with self._folder("sha256") as folder, faults(self._shown):
            return not os.listdir(folder)

    def _make(self) -> None:
        if not self._is_new():
            return  # someone else made it while we waited
        with self._folder("sha256"):
            write_atomic(self._handle, "oci-layout", _MARK, mode=_MODE)
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": []}
        write_atomic(self._handle, "index.json", _encode(index), mode=_MODE)

    def _list(self, row: Descriptor, tag: str | None) -> None:
        subject = f"{self._shown}/index.json"
        raw = read_bounded(self._handle, "index.json", MANIFEST_LIMIT)
        manifest.parse(raw, expected=OCI_INDEX, subject=subject)
        index = exact.read(raw, limit=MANIFEST_LIMIT, subject=subject)
        digest = str(row.digest)
        if tag is None and any(other["digest"] == digest for other in index["manifests"]):
            return
        index["manifests"] = [other for other in index["manifests"] if not _gives_way(other, digest, tag)]
        names = {} if tag is None else {REF_NAME: tag}
        index["manifests"].append(
            _json(Descriptor(row.media_type, row.digest, row.size, names, artifact_type=row.artifact_type))
        )
        changed = _encode(index)
        manifest.parse(changed, expected=OCI_INDEX, subject=subject)
        write_atomic(self._handle, "index.json", changed, mode=_MODE)

    def _write(self, chunks: Iterable[bytes], expected: Digest | None) -> tuple[Digest, int]:
        """Write a blob under its digest; `expected`, where given, was checked by whoever gives the chunks."""
        algorithm = expected.algorithm if expected else "sha256"
        hasher, size, temporary = hashlib.new(algorithm), 0, f".{os.urandom(8).hex()}.new"
        with self._folder(algorithm) as folder, faults(f"{self._shown}/blobs"):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(temporary, flags, _MODE, dir_fd=folder)
            try:
                try:
                    for chunk in chunks:
                        hasher.update(chunk)
                        size += len(chunk)
                        write_all(handle, chunk)
                    os.fsync(handle)
                finally:
                    os.close(handle)
                os.rename(temporary, hasher.hexdigest(), src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                remove(folder, temporary)
                raise
            sync_directory(folder)
        return Digest(algorithm, hasher.hexdigest()), size

    @contextmanager
    def _folder(self, algorithm: str) -> Iterator[int]:
        """Open `blobs/<algorithm>`, made where it is missing, through no link."""
        handles = [self._handle]
        try:
            for name in ("blobs", algorithm):
                with faults(f"{self._shown}/blobs"):
                    handles.append(_subfolder(handles[-1], name))
            yield handles[-1]
        finally:
            for handle in handles[1:]:
                os.close(handle)


def _subfolder(parent: int, name: str) -> int:
    try:
        os.mkdir(name, 0o755, dir_fd=parent)
        os.fsync(parent)
    except FileExistsError:
        pass  # made before, or by someone else just now; what it is, opening it says
    return os.open(name, _FOLDER, dir_fd=parent)


def _gives_way(other: Mapping[str, Any], digest: str, tag: str | None) -> bool:
    name = (other.get("annotations") or {}).get(REF_NAME)
    return tag is not None and (name == tag or (name is None and other["digest"] == digest))


def _chunks(data: bytes | Iterable[bytes]) -> Iterable[bytes]:
    return [data] if isinstance(data, bytes) else data


def _json(row: Descriptor) -> dict[str, Any]:
    found: dict[str, Any] = {"mediaType": row.media_type, "digest": str(row.digest), "size": row.size}
    if row.artifact_type:
        found["artifactType"] = row.artifact_type
    if row.annotations:
        found["annotations"] = dict(row.annotations)
    return found


def _encode(document: Mapping[str, Any]) -> bytes:
    raw = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    if len(raw) > MANIFEST_LIMIT:
        raise ContentError("SM5011", got=f"a document of {len(raw)} bytes", want=f"at most {MANIFEST_LIMIT}")
    return raw
