"""An artifact to be: its blobs and the exact bytes of its manifest, before any of it is written anywhere.

Plain packages are what `oras push` makes, and what `oras pull` gives back: a file is a layer with a title, a folder is
a tar+gzip that says that it is to be unpacked. ModelPack packages have a layer for each file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import field

from secmount.errors import InputError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.layer import TITLE
from secmount.oci.manifest import EMPTY, LAYER_LIMIT, MANIFEST_LIMIT, OCI_MANIFEST
from secmount.publish.pack import files, modelpack, words
from secmount.publish.pack.layers import Blob, Options, layers
from secmount.value import dataclass

UNKNOWN_ARTIFACT = "application/vnd.unknown.artifact.v1"  # oras's, where nothing says what it is
UNKNOWN_CONFIG = "application/vnd.unknown.config.v1+json"
EMPTY_CONFIG = b"{}"
CONFIG_LIMIT = 4 << 20  # bytes; design, promise 1: no reader of ours takes more
ANNOTATIONS_SIZE = 1 << 20  # characters of a manifest's annotations, so that layers have room beside them


@dataclass(frozen=True, slots=True)
class Package:
    """What is to be written: the blobs (the config last), then the manifest."""

    blobs: tuple[Blob, ...]
    raw: bytes = field(repr=False)
    manifest: Descriptor

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        return sum(blob.descriptor.size for blob in self.blobs)


@contextmanager
def pack(texts: Sequence[str], options: Options) -> Iterator[Package]:
    """Read and hash everything that `texts` (`PATH[:MEDIA-TYPE]`) name; the package is good inside the block.

    Raise `InputError` SM1030–SM1035.
    """
    _check(options)
    with ExitStack() as stack:
        made: list[Blob] = []
        unpacked: list[Digest] = []
        for text in texts:
            word = words.read(text, kinds=modelpack.KINDS if options.format == "modelpack" else frozenset())
            for blob, digest in layers(word, options, stack):
                made.append(blob)
                unpacked.append(digest)
        _check_titles(made)
        yield _package(made, _config(options, unpacked), options)


def _check(options: Options) -> None:
    if options.artifact_type is not None:
        words.media_type(options.artifact_type, subject="--artifact-type")
    size = sum(len(name) + len(text) for name, text in options.annotations.items())
    if size > ANNOTATIONS_SIZE or not all(name and _is_text(name + text) for name, text in options.annotations.items()):
        want = f"names and texts in UTF-8, at most {ANNOTATIONS_SIZE} characters together"
        raise InputError("SM1035", subject="--annotation", got=f"{size} characters", want=want)


def _is_text(text: str) -> bool:
    return not any(0xD800 <= ord(char) < 0xE000 for char in text)


def _check_titles(layers: Sequence[Blob]) -> None:
    if not layers or len(layers) > LAYER_LIMIT:
        raise InputError("SM1033", got=f"{len(layers)} layers", want=f"1 to {LAYER_LIMIT}; a tar has room for more")
    seen: dict[str, str] = {}
    for layer in layers:
        title = layer.descriptor.annotations[TITLE]
        if title in seen:
            got = f"the title {title!r} for {seen[title]} and {layer.shown}"
            raise InputError("SM1033", got=got, want="each title once")
        seen[title] = layer.shown


def _config(options: Options, unpacked: Sequence[Digest]) -> Blob:
    if options.config is None:
        media_type = EMPTY if options.format == "plain" else modelpack.CONFIG_TYPE
        raw = EMPTY_CONFIG if options.format == "plain" else modelpack.config(options.name, unpacked)
        return Blob(Descriptor(media_type, Digest.of(raw), len(raw)), raw, "the config")
    word = words.read(options.config)
    data = files.named(word.path)
    if data.size > CONFIG_LIMIT:
        raise InputError("SM1031", subject=word.path, got=f"{data.size} bytes", want=f"at most {CONFIG_LIMIT}")
    raw = b"".join(data)
    media_type = word.media_type or (UNKNOWN_CONFIG if options.format == "plain" else modelpack.CONFIG_TYPE)
    return Blob(Descriptor(media_type, Digest.of(raw), len(raw)), raw, word.path)


def _package(layers: Sequence[Blob], config: Blob, options: Options) -> Package:
    artifact_type = options.artifact_type
    if artifact_type is None and options.format == "modelpack":
        artifact_type = modelpack.ARTIFACT_TYPE
    if artifact_type is None and config.descriptor.media_type == EMPTY:
        artifact_type = UNKNOWN_ARTIFACT  # image-spec: with the empty config there must be one
    document: dict[str, object] = {"schemaVersion": 2, "mediaType": OCI_MANIFEST}
    if artifact_type is not None:
        document["artifactType"] = artifact_type
    document["config"] = _row(config.descriptor)
    document["layers"] = [_row(layer.descriptor) for layer in layers]
    if options.annotations:
        document["annotations"] = dict(sorted(options.annotations.items()))
    raw = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    if len(raw) > MANIFEST_LIMIT:
        got, want = f"a manifest of {len(raw)} bytes", f"at most {MANIFEST_LIMIT}; a tar has room for more files"
        raise InputError("SM1033", got=got, want=want)
    own = Descriptor(OCI_MANIFEST, Digest.of(raw), len(raw), artifact_type=artifact_type)
    return Package((*layers, config), raw, own)


def _row(descriptor: Descriptor) -> dict[str, object]:
    found: dict[str, object] = {
        "mediaType": descriptor.media_type,
        "digest": str(descriptor.digest),
        "size": descriptor.size,
    }
    if descriptor.annotations:
        found["annotations"] = dict(sorted(descriptor.annotations.items()))
    return found
