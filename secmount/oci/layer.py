"""What a layer is, by annotations and types alone: a file with a path, an archive, or unknown until its bytes are seen.

`shape` is the one function that names a file: the policy's input and the tree both use it, so that a path that a rule
allowed is the path that is mounted. Design 3.6; OCI image-spec v1.1 `annotations.md`; oras-go `content/file`; CNCF
model-spec v0.0.7 `specs-go/v1`.
"""

from __future__ import annotations

import re
from typing import Any, Literal

from secmount.errors import ContentError
from secmount.oci import descriptor, exact, instant
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import Manifest
from secmount.oci.producers import COMPRESSED_FILES, FIXED_NAMES
from secmount.value import dataclass

TITLE = "org.opencontainers.image.title"
ORAS_UNPACK = "io.deis.oras.content.unpack"
ORAS_DIGEST = "io.deis.oras.content.digest"
PATH_ANNOTATIONS = (TITLE, "org.cncf.model.filepath", "org.cnai.model.filepath")
METADATA_ANNOTATIONS = (
    "org.cncf.model.file.metadata+json",
    "org.cnai.model.file.metadata+json",
    "org.cnai.model.file.metadata",
)
IMAGE_CONFIGS = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)

NAME_LIMIT = 255  # bytes of one component; NAME_MAX of every Linux file system, EROFS's own limit
PATH_LIMIT = 4096  # bytes of a path; PATH_MAX
DEPTH_LIMIT = 128  # components of a path
NUMBERED_LIMIT = 1000  # layers of an artifact whose producer's fixed names are numbered; each is counted among all
_METADATA_LIMIT = 16 << 10  # bytes of a file metadata annotation

_IMAGE_LAYER = re.compile(
    r"application/vnd\.(?:oci\.image\.layer\.(?:nondistributable\.)?v1\.tar(?:\+(?:gzip|zstd))?"
    r"|docker\.image\.rootfs\.(?:foreign\.)?diff\.tar(?:\.(?:gzip|zstd))?)"
)
# ORAS labels a plain file so by default, and users of CRI-O's documented types do it by hand (cri-o#9132).
_MAYBE_FILE = re.compile(r"application/vnd\..+\.layer\.v1\.tar")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0080-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_DRIVE = re.compile(r"[A-Za-z]:")

Compression = Literal["none", "gzip", "zstd", "any"]
Kind = Literal["file", "archive", "unknown"]


@dataclass(frozen=True, slots=True)
class LayerShape:
    """What `layers[position]` is taken for.

    `path` is where a file goes; for an unknown layer, where it goes if it is a file; None for an archive. `prefix` is
    the directory that every entry of an archive must lie in ("" for anywhere). `compression` is what has to be undone
    (`any`: what the bytes show), `unpacked` the digest that the undone bytes must have, where an annotation says one.
    `basis` names what decided.
    """

    position: int
    kind: Kind
    path: str | None
    compression: Compression
    basis: str
    image: bool = False
    prefix: str = ""
    unpacked: Digest | None = None
    executable: bool = False
    mtime: int = 0  # nanoseconds


def shape(layer: Descriptor, position: int, manifest: Manifest) -> LayerShape:
    """Say what `layer`, which is `manifest.layers[position]`, is and where its file goes.

    Raise `ContentError`: SM5101 to SM5103 for a path that is not one inside the tree, SM5104 for an unpack annotation
    that is neither true nor false, SM5122 for an encrypted layer, SM5010 and SM5012 for file metadata that is not what
    model-spec says.
    """
    subject = f"layer {position}"
    tokens = _tokens(layer.media_type)
    if "encrypted" in tokens:
        raise ContentError("SM5122", subject=subject, got=layer.media_type)
    image = (
        manifest.config.media_type in IMAGE_CONFIGS
        and ORAS_UNPACK not in layer.annotations
        and _IMAGE_LAYER.fullmatch(layer.media_type) is not None
    )
    kind: Kind
    kind, basis = ("archive", "media type") if image else _kind(layer, tokens, subject)
    if kind == "archive":
        prefix = _prefix(layer, subject) if basis == ORAS_UNPACK else ""
        compression = _compression(tokens, basis)
        unpacked = _unpacked(layer, subject)
        return LayerShape(position, kind, None, compression, basis, image=image, prefix=prefix, unpacked=unpacked)
    executable, mtime = _metadata(layer, subject)
    compression = _compression(tokens, basis) if layer.media_type.startswith(COMPRESSED_FILES) else "none"
    path = _path(layer, position, manifest, subject)
    return LayerShape(position, kind, path, compression, basis, executable=executable, mtime=mtime)


def check_path(path: str, *, subject: str, what: str = "path") -> str:
    """Give `path` back if it is relative, clean and short; for names that documents carry (titles, policy, options).

    Raise `ContentError` SM5101 (leaves the tree in some spelling), SM5102 (not one clean spelling), SM5103 (too long).
    """
    shown = f"{what} {path!r}"
    parts = path.split("/")
    if path.startswith(("/", "\\", "~")) or ".." in parts or _DRIVE.match(path) or ".." in path.split("\\"):
        raise ContentError("SM5101", subject=subject, got=shown, want="a path inside the tree")
    if "" in parts or "." in parts or "\\" in path or _CONTROL.search(path):
        raise ContentError("SM5102", subject=subject, got=shown, want="components joined by single slashes")
    try:
        encoded = path.encode("utf-8")
    except UnicodeEncodeError as err:
        raise ContentError("SM5102", subject=subject, got=shown, want="UTF-8") from err
    check_lengths(encoded, subject=subject)
    return path


def check_lengths(path: bytes, *, subject: str) -> None:
    """Raise `ContentError` SM5103 where `path`, one of its components or its depth is over the limits."""
    if len(path) > PATH_LIMIT:
        raise ContentError("SM5103", subject=subject, got=f"a path of {len(path)} bytes", want=f"at most {PATH_LIMIT}")
    parts = path.split(b"/")
    if len(parts) > DEPTH_LIMIT:
        raise ContentError("SM5103", subject=subject, got=f"{len(parts)} components", want=f"at most {DEPTH_LIMIT}")
    longest = max(map(len, parts))
    if longest > NAME_LIMIT:
        raise ContentError("SM5103", subject=subject, got=f"a name of {longest} bytes", want=f"at most {NAME_LIMIT}")


def _tokens(media_type: str) -> frozenset[str]:
    subtype = media_type.partition(";")[0].partition("/")[2].strip().lower()
    return frozenset(token.removeprefix("x-") for token in re.split(r"[.+]", subtype))


def _kind(layer: Descriptor, tokens: frozenset[str], subject: str) -> tuple[Kind, str]:
    unpack = layer.annotations.get(ORAS_UNPACK)
    if unpack not in (None, "true", "false"):
        raise ContentError("SM5104", subject=subject, got=f"{ORAS_UNPACK} {unpack!r}", want="true or false")
    if unpack is not None:
        return ("archive" if unpack == "true" else "file"), ORAS_UNPACK
    if not tokens & {"tar", "tgz"}:
        return "file", "media type"
    if TITLE in layer.annotations and _MAYBE_FILE.fullmatch(layer.media_type):
        return "unknown", "bytes"
    return "archive", "media type"


def _compression(tokens: frozenset[str], basis: str) -> Compression:
    if tokens & {"gzip", "gz", "tgz"}:
        return "gzip"
    if tokens & {"zstd", "zst"}:
        return "zstd"
    # oras-go packs a directory as tar+gzip under any media type that the user gives (content/file, extractTarGzip).
    return "any" if basis == ORAS_UNPACK else "none"


def _prefix(layer: Descriptor, subject: str) -> str:
    title = layer.annotations.get(TITLE, "")
    return check_path(title, subject=subject, what="title") if title not in ("", ".") else ""


def _unpacked(layer: Descriptor, subject: str) -> Digest | None:
    text = layer.annotations.get(ORAS_DIGEST)
    return None if text is None else descriptor.digest(text, subject=f"{subject}, {ORAS_DIGEST}")


def _path(layer: Descriptor, position: int, manifest: Manifest, subject: str) -> str:
    for annotation in PATH_ANNOTATIONS:
        if annotation in layer.annotations:
            return check_path(layer.annotations[annotation], subject=subject, what=annotation.rpartition(".")[2])
    fixed = FIXED_NAMES.get(layer.media_type)
    if fixed is not None and not fixed.name and layer.name is not None:
        return check_path(layer.name, subject=subject, what="name")
    if fixed is None or not fixed.name or len(manifest.layers) > NUMBERED_LIMIT:
        return f"{layer.digest.algorithm}-{layer.digest.hex[:12]}"
    same = [index for index, other in enumerate(manifest.layers) if other.media_type == layer.media_type]
    nth = same.index(position) + 1
    if len(same) == 1 or (nth == 1 and not fixed.sharded):
        return fixed.name
    stem, dot, suffix = fixed.name.partition(".")
    return f"{stem}-{nth:05}-of-{len(same):05}{dot}{suffix}" if fixed.sharded else f"{stem}-{nth}{dot}{suffix}"


def _metadata(layer: Descriptor, subject: str) -> tuple[bool, int]:
    text = next((layer.annotations[name] for name in METADATA_ANNOTATIONS if name in layer.annotations), None)
    if text is None:
        return False, 0
    value: Any = exact.read(text.encode("utf-8"), limit=_METADATA_LIMIT, subject=subject)
    mode, mtime = (value.get("mode", 0), value.get("mtime")) if isinstance(value, dict) else (None, None)
    if not isinstance(mode, int) or isinstance(mode, bool) or not isinstance(mtime, str | None):
        raise ContentError("SM5012", subject=subject, got="file metadata", want="an object with mode and mtime")
    try:
        return bool(mode & 0o111), 0 if mtime is None else instant.parse(mtime) * 1_000_000
    except ValueError as err:
        raise ContentError("SM5012", subject=subject, got=f"mtime {mtime!r}", want="RFC 3339") from err
