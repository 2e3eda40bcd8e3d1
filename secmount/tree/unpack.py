"""From a held layer to its entries: the stage of the tree that reads content.

An archive is walked once, and the index of a large one kept as a derived object. A compressed one is unpacked into a
derived object of its own, hashed on the way, and the extents of its files point there; those of an uncompressed one
point into the verified blob itself. What an annotation or the image's config says that the unpacked bytes hash to is
checked at every build, not only at the first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import BinaryIO

from secmount.errors import ContentError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.layer import Compression, LayerShape
from secmount.store.blob import Blob
from secmount.store.cas import Store
from secmount.store.stored import StoredBlob
from secmount.tree import index
from secmount.tree.archive.decompress import compression, decompress
from secmount.tree.archive.entry import Entry, Layer, Note
from secmount.tree.archive.stream import ahead, behind, pieces
from secmount.tree.archive.tar import BLOCK, is_header, walk
from secmount.tree.limits import Limits
from secmount.value import dataclass

UNPACKED, INDEX = "unpacked", "index"  # kinds of derived objects
FORM = "1"  # of what unpacking makes; part of the keys
_THREADS = 4 << 20  # bytes of a blob from which threads give more than they cost
_INDEXED = 16 << 10  # bytes for each entry from which reading an index is faster than hashing the archive again
_WORTH = 1 << 10  # entries that an archive is taken to have at least, for a small one is walked in no time

_Walked = tuple[Sequence[Entry], tuple[Note, ...]]


@dataclass(frozen=True, slots=True)
class Request:
    """A held layer and what is known of it; `unpacked` is what it must unpack to, by its annotation or a diff_id."""

    layer: Descriptor
    shape: LayerShape
    unpacked: tuple[Digest, ...]
    limits: Limits  # what is left of them for this layer

    @property
    def subject(self) -> str:
        """How errors name the layer."""
        return f"layer {self.shape.position} ({self.layer.media_type})"


def unpack(request: Request, store: Store) -> Layer:
    """Give the entries of one layer.

    Raise `ContentError` SM5101 to SM5112 (`tree.archive.tar`, `tree.archive.decompress`), SM5104 (its bytes are not
    what its type says), SM5105 (it unpacks to other bytes than the config or an annotation says), SM5125 (an entry
    outside of the directory that the layer's title names), and what the store raises.
    """
    with store.open(request.layer.digest) as blob:
        method, archive = _judge(request, blob.pread(BLOCK, 0))
        layer = _archive(request, store, blob, method) if archive else _file(request, store, blob, method)
    _check_prefix(request, layer.entries)
    _check_limits(request, layer.entries)
    return layer


def _judge(request: Request, head: bytes) -> tuple[Compression, bool]:
    """Hold what the layer is said to be against its first bytes; give its compression, and whether it is an archive."""
    shape, found = request.shape, compression(head)
    if shape.kind == "file":
        if shape.compression not in {"none", found}:
            raise _disagreement(request, found)
        return shape.compression, False
    if found != "none" and is_header(head):
        raise _disagreement(request, f"{found} and a tar archive at once")
    if shape.kind == "unknown":
        return "none", is_header(head)
    if shape.compression not in {"any", found}:
        raise _disagreement(request, found if found != "none" else "not compressed")
    return found, True


def _disagreement(request: Request, found: str) -> ContentError:
    return ContentError("SM5104", subject=request.subject, got=f"bytes that are {found}", want=request.layer.media_type)


def _file(request: Request, store: Store, blob: StoredBlob, method: Compression) -> Layer:
    if method == "none":
        digest = blob.digest.hex if blob.digest.algorithm == "sha256" else _sha256(blob)
        return _single(request, blob, digest)
    with _derive(request, store, blob, method, lambda stream: _measure(request, stream)) as unpacked:
        return _single(request, unpacked, unpacked.digest.hex)


def _single(request: Request, blob: Blob, digest: str) -> Layer:
    shape = request.shape
    entry = Entry(shape.path or "", "f", shape.executable, shape.mtime, 0, blob.size, digest, "")
    return Layer(shape.position, blob.digest, (entry,))


def _sha256(blob: Blob) -> str:
    hasher = hashlib.sha256()
    for piece in pieces(blob):
        hasher.update(piece)
    return hasher.hexdigest()


def _archive(request: Request, store: Store, blob: StoredBlob, method: Compression) -> Layer:
    key = f"{blob.digest} {method} {FORM} {index.FORM}"
    with ExitStack() as stack:
        known = found = _indexed(request, store, key)
        base = blob
        if method != "none":
            walked: list[_Walked] = []
            consume = _pass if found else lambda stream: walked.append(_walk(request, stream))
            base = stack.enter_context(_derive(request, store, blob, method, consume))
            found = found or next(iter(walked), None)
        if found is None:
            found = _walk(request, stack.enter_context(ahead(pieces(base))) if base.size >= _THREADS else pieces(base))
        _check_digests(request, base)
        entries, notes = found
        if known is None and base.size >= _INDEXED * max(len(entries), _WORTH):
            store.derive(INDEX, key, lambda out: index.write(out, entries, notes)).close()
        return Layer(request.shape.position, base.digest, entries, request.shape.image, notes)


def _indexed(request: Request, store: Store, key: str) -> _Walked | None:
    known = store.open_derived(INDEX, key)
    if known is None:
        return None
    with known:
        try:
            return index.read(known, subject=request.subject)
        except ContentError as err:
            if err.code != "SM5128":
                raise
    store.forget(INDEX, key)  # somebody else's, or damaged; the archive is walked again
    return None


def _derive(
    request: Request,
    store: Store,
    blob: StoredBlob,
    method: Compression,
    consume: Callable[[Iterator[bytes]], object],
) -> StoredBlob:
    """Open what `blob` unpacks to; where it has to be unpacked first, `consume` sees the bytes as they come."""

    def write(out: BinaryIO) -> None:
        with ExitStack() as stack:
            source = decompress(pieces(blob), method, subject=request.subject, ratio=request.limits.ratio)
            put: Callable[[bytes], object] = out.write
            if blob.size >= _THREADS:
                source = stack.enter_context(ahead(source))
                put = stack.enter_context(behind(put))
            consume(_tee(source, put))

    return store.derive(UNPACKED, f"{blob.digest} {method} {FORM}", write)


def _tee(source: Iterable[bytes], put: Callable[[bytes], object]) -> Iterator[bytes]:
    for piece in source:
        put(piece)
        yield piece


def _walk(request: Request, stream: Iterable[bytes]) -> _Walked:
    notes: list[Note] = []
    entries = list(walk(stream, subject=request.subject, limits=request.limits, notes=notes))
    return entries, tuple(notes)


def _pass(stream: Iterator[bytes]) -> None:
    for _ in stream:
        pass


def _measure(request: Request, stream: Iterator[bytes]) -> None:
    left = request.limits.unpacked
    for piece in stream:
        left -= len(piece)
        if left < 0:
            want = f"at most {request.limits.unpacked} bytes"
            raise ContentError("SM5107", subject=request.subject, got="more bytes", want=want)


def _check_digests(request: Request, base: Blob) -> None:
    for wanted in request.unpacked:
        try:
            if wanted.algorithm != base.digest.algorithm:
                _pass(wanted.check(pieces(base), base.size))
        except ContentError as err:
            raise ContentError("SM5105", subject=request.subject, got=err.got, want=err.want) from err
        if wanted.algorithm == base.digest.algorithm and wanted != base.digest:
            raise ContentError("SM5105", subject=request.subject, got=str(base.digest), want=str(wanted))


def _check_prefix(request: Request, entries: Iterable[Entry]) -> None:
    """Hold an unpack annotation's title against every entry, as oras-go does (content/file, ensureBasePath)."""
    prefix = request.shape.prefix
    if not prefix:
        return
    for entry in entries:
        for path in (entry.path, entry.target) if entry.kind == "h" else (entry.path,):
            if path != prefix and not path.startswith(prefix + "/"):
                subject = f"{request.subject}, entry {entry.path!r}"
                raise ContentError(
                    "SM5125", subject=subject, got=repr(path), want=f"a path in {prefix!r}, the layer's title"
                )


def _check_limits(request: Request, entries: Sequence[Entry]) -> None:
    """Check the index of a walk that may have had wider limits."""
    limits, content = request.limits, sum(entry.size for entry in entries)
    if len(entries) > limits.entries:
        raise ContentError(
            "SM5107", subject=request.subject, got=f"{len(entries)} entries", want=f"at most {limits.entries}"
        )
    if content > limits.unpacked:
        raise ContentError("SM5107", subject=request.subject, got=f"{content} bytes", want=f"at most {limits.unpacked}")
