"""A source over an OCI image layout. OCI image-spec v1.1 `image-layout.md`.

`oci-layout` and `index.json` are read once, when the layout is opened; whatever is asked later is answered from that.
Blobs are found by digests alone, their sizes compared before they are read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

from secmount.errors import ContentError, RegistryError
from secmount.oci import exact, manifest
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import MANIFEST_LIMIT, OCI_INDEX, Index
from secmount.registry import entries
from secmount.registry.files import Files, OpenFile, blob_name, fault
from secmount.registry.folder import FolderFiles
from secmount.registry.scan import Scan
from secmount.registry.source import Referrers

_MARK_LIMIT = 4096  # bytes of the file `oci-layout`
_VERSION = re.compile(r"1\.0\.[0-9]{1,9}", re.ASCII)  # imageLayoutVersion; 1.0.0 is the only one so far


class Layout:
    """A `Source` over the files of a layout, wherever they lie; it owns `files`."""

    def __init__(self, files: Files) -> None:
        """Read the layout's mark and index; raise `RegistryError` SM4002–SM4006 or `ContentError` SM5010–SM5013."""
        self._files = files
        try:
            self._shown = files.shown
            self._check_mark()
            self._index = self._read_index()
        except BaseException:
            files.close()
            raise

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the layout's handles back."""
        self._files.close()

    def head(self, tag: str | None, digest: Digest | None) -> Descriptor:
        """Say which manifest or index is meant: by digest if given, else by tag, else the only artifact there is.

        By digest the type is what the bytes say. Raise `RegistryError` SM4010–SM4014, and `ContentError` SM50xx.
        """
        if digest is not None:
            return self._by_digest(digest)
        if tag is not None:
            return entries.named(self._index.manifests, tag, shown=self._shown)
        rows = entries.artifacts(self._index.manifests)
        if len(rows) > 1:
            rows = Scan(self._files, self._index.manifests).alone(rows)
        if len(rows) > 1:
            raise entries.several(rows, shown=self._shown)
        if not rows:
            got = f"{len(self._index.manifests)} entries, none of them an artifact of its own"
            raise RegistryError("SM4013", subject=self._shown, got=got)
        return rows[0]

    def manifest(self, wanted: Descriptor) -> bytes:
        """Read a manifest or index, hashed; raise `RegistryError` SM4014 and `ContentError` SM5001, SM5002, SM5011."""
        return self.small(wanted, limit=MANIFEST_LIMIT)

    def small(self, wanted: Descriptor, *, limit: int) -> bytes:
        """Read a blob of at most `limit` bytes, hashed; errors as in `manifest`."""
        if wanted.size > limit:
            got, want = f"{wanted.size} bytes", f"at most {limit} bytes"
            raise ContentError("SM5011", subject=f"{self._shown}, {wanted.digest}", got=got, want=want)
        with self._open(wanted) as file:
            return b"".join(wanted.digest.check(file.chunks(0, wanted.size), wanted.size))

    @contextmanager
    def stream(self, wanted: Descriptor, *, offset: int = 0) -> Iterator[Iterator[bytes]]:
        """Open a blob from `offset` bytes on, not hashed; raise `RegistryError` SM4014 and `ContentError` SM5002."""
        with self._open(wanted) as file:
            yield file.chunks(offset, wanted.size)

    def referrers(self, subject: Digest) -> Referrers:
        """List manifests that say they are about `subject`; raise `RegistryError` SM4002, SM4003, SM4006."""
        return Scan(self._files, self._index.manifests).referrers(subject)

    def _by_digest(self, digest: Digest) -> Descriptor:
        file = self._find(digest)
        try:
            subject = f"{self._shown}, {digest}"
            if file.size > MANIFEST_LIMIT:
                got, want = f"{file.size} bytes", f"a manifest of at most {MANIFEST_LIMIT} bytes"
                raise ContentError("SM5011", subject=subject, got=got, want=want)
            raw = b"".join(digest.check(file.chunks(0, file.size), file.size))
        finally:
            file.close()
        document = manifest.parse(raw, expected=None, subject=subject, algorithm=digest.algorithm)
        return Descriptor(document.media_type, digest, len(raw), artifact_type=document.artifact_type)

    @contextmanager
    def _open(self, wanted: Descriptor) -> Iterator[OpenFile]:
        file = self._find(wanted.digest)
        try:
            if file.size != wanted.size:
                got, want = f"{file.size} bytes", f"{wanted.size} bytes"
                raise ContentError("SM5002", subject=f"{self._shown}, {wanted.digest}", got=got, want=want)
            yield file
        finally:
            file.close()

    def _find(self, digest: Digest) -> OpenFile:
        file = self._files.find(blob_name(digest))
        if file is None:
            raise RegistryError("SM4014", subject=self._shown, got=f"no blob {digest}")
        return file

    def _check_mark(self) -> None:
        raw = self._read_file("oci-layout", _MARK_LIMIT)
        value = exact.read(raw, limit=_MARK_LIMIT, subject=f"{self._shown}/oci-layout")
        version = value.get("imageLayoutVersion") if isinstance(value, dict) else None
        if not isinstance(version, str) or not _VERSION.fullmatch(version):
            got = f"imageLayoutVersion {version!r}"
            raise RegistryError("SM4004", subject=self._shown, got=got, want="version 1.0.0 of the layout")

    def _read_index(self) -> Index:
        subject = f"{self._shown}/index.json"
        raw = self._read_file("index.json", MANIFEST_LIMIT)
        index = manifest.parse(raw, expected=OCI_INDEX, subject=subject)
        if not isinstance(index, Index):
            raise ContentError("SM5013", subject=subject, got=index.media_type, want=OCI_INDEX)
        return index

    def _read_file(self, name: str, limit: int) -> bytes:
        file = self._files.find(name)
        if file is None:
            raise RegistryError("SM4004", subject=self._shown, got=f"no {name}", want="an OCI image layout")
        try:
            if file.size > limit:
                got, want = f"{file.size} bytes", f"at most {limit} bytes"
                raise ContentError("SM5011", subject=f"{self._shown}/{name}", got=got, want=want)
            return file.read(limit)
        finally:
            file.close()


class LayoutSource(Layout):
    """A layout folder; `close` it, or use it for a block."""

    def __init__(self, path: str) -> None:
        """Open the folder at `path`; raise `RegistryError` SM4001–SM4006 or `ContentError` SM5010–SM5013."""
        super().__init__(FolderFiles.open(path))

    @classmethod
    def at(cls, dirfd: int, *, shown: str) -> Self:
        """Open the layout behind a directory handle, which stays the caller's; `shown` names it in errors."""
        try:
            handle = os.dup(dirfd)
        except OSError as err:
            raise fault(err, shown) from err
        self = cls.__new__(cls)
        Layout.__init__(self, FolderFiles(handle, shown))
        return self
