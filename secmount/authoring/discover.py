"""`secmount discover`: what is attached to an artifact, and to that in turn, and which of it a signer of ours made.

Everything is judged by its own bytes: a referrer that says it is about something else is shown, with that, and not
followed. Depth and number are bounded; what is beyond is said to be there. Nothing is decided and nothing recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import field, replace
from typing import Literal

from secmount.errors import ContentError, RegistryError, SecmountError, TrustError
from secmount.oci import manifest as documents
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index, Manifest
from secmount.registry.resolution import Resolution
from secmount.registry.source import ABSENT, Referrers, Source
from secmount.trust.evidence import Considered, Evidence
from secmount.trust.gather import gather
from secmount.trust.signer import Signer
from secmount.value import dataclass

DEPTH_LIMIT = 4  # a signature of an SBOM of an artifact is at 2
NODES_LIMIT = 256  # attached manifests that are read, all together
HINT_LIMIT = 200  # characters
TITLE = "org.opencontainers.image.title"
SUFFIXES = (".sig", ".att", ".sbom")  # of cosign's tags, by which things were attached before referrers

Found = Literal["itself", "entry", "referrer", "tag"]


@dataclass(frozen=True, slots=True)
class Node:
    """A manifest or index. `hint`: a name that it, or its list, gives it, which nobody vouches for.

    `considered` is what came of the signature material in it, as material about what it is attached to; `fault` is why
    it could not be read or is not what its list says; `attached` is what is attached to it in turn.
    """

    digest: Digest
    media_type: str
    artifact_type: str | None
    size: int  # bytes of its layers
    found: Found
    tag: str | None = None
    hint: str | None = None
    considered: tuple[Considered, ...] = ()
    fault: SecmountError | None = None
    attached: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Discovery:
    """The tree; `root` is the index, where the reference named one, with the chosen manifest as an entry."""

    resolution: Resolution
    root: Node
    truncated: bool
    evidence: Evidence


class _Once:
    """A source that is asked everything once: the walk, and the search for evidence at each step, read the same."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._referrers: dict[Digest, Referrers] = {}
        self._manifests: dict[Digest, bytes] = {}
        self._tags: dict[str, Descriptor | RegistryError] = {}

    def head(self, tag: str | None, digest: Digest | None) -> Descriptor:
        if tag is None or digest is not None:
            return self._source.head(tag, digest)
        if tag not in self._tags:
            try:
                self._tags[tag] = self._source.head(tag, None)
            except RegistryError as err:
                self._tags[tag] = err
        found = self._tags[tag]
        if isinstance(found, RegistryError):
            raise found
        return found

    def manifest(self, wanted: Descriptor) -> bytes:
        if wanted.digest not in self._manifests:
            self._manifests[wanted.digest] = self._source.manifest(wanted)
        return self._manifests[wanted.digest]

    def small(self, wanted: Descriptor, *, limit: int) -> bytes:
        return self._source.small(wanted, limit=limit)

    def stream(self, wanted: Descriptor, *, offset: int = 0) -> AbstractContextManager[Iterator[bytes]]:
        return self._source.stream(wanted, offset=offset)

    def referrers(self, subject: Digest) -> Referrers:
        if subject not in self._referrers:
            self._referrers[subject] = self._source.referrers(subject)
        return self._referrers[subject]


@dataclass(slots=True)
class _Walk:
    source: Source
    resolution: Resolution
    signers: Mapping[str, Signer]
    now_ms: int | None  # that certificates without a stamp are judged at
    left: int = NODES_LIMIT
    truncated: bool = False
    seen: set[Digest] = field(default_factory=set)


def discover(
    resolution: Resolution, source: Source, signers: Mapping[str, Signer], *, now_ms: int | None = None
) -> Discovery:
    """Walk over everything attached to what `resolution` found at `source`.

    Raise `RegistryError` where the source cannot be asked about the artifact itself.
    """
    walk = _Walk(_Once(source), resolution, signers, now_ms)
    evidence = gather(resolution, walk.source, signers, now_ms=now_ms)
    chosen = resolution.manifest
    walk.seen |= set(resolution.subjects)
    tops = [document for document in (resolution.index, chosen) if document is not None]
    below = {document.digest: tuple(_attached(walk, document, evidence, 1)) for document in tops}
    root = replace(_node(chosen, "itself"), attached=below[chosen.digest])
    if resolution.index is not None:
        entry = replace(root, found="entry", hint=None if resolution.platform is None else str(resolution.platform))
        root = replace(_node(resolution.index, "itself"), attached=(*below[resolution.index.digest], entry))
    return Discovery(resolution, root, walk.truncated or evidence.truncated, evidence)


def _attached(walk: _Walk, about: Manifest | Index, evidence: Evidence, depth: int) -> Iterator[Node]:
    """Give what is attached to `about`: by the referrers list, then by tags."""
    rows = walk.source.referrers(about.digest)
    walk.truncated |= rows.truncated
    listed: list[tuple[Descriptor, Found, str | None]] = [(row, "referrer", None) for row in rows]
    listed += [(row, "tag", tag) for tag, row in _tagged(walk.source, about.digest)]
    for row, found, tag in listed:
        if row.digest in walk.seen:
            continue
        if not walk.left:
            walk.truncated = True
            return
        walk.left -= 1
        walk.seen.add(row.digest)
        yield _read(walk, row, about, evidence, _Place(found, tag, depth))


@dataclass(frozen=True, slots=True)
class _Place:
    found: Found
    tag: str | None
    depth: int


def _tagged(source: Source, about: Digest) -> Iterator[tuple[str, Descriptor]]:
    for suffix in SUFFIXES:
        tag = f"{about.algorithm}-{about.hex}{suffix}"
        try:
            yield tag, source.head(tag, None)
        except RegistryError as err:
            if err.code not in ABSENT:
                raise


def _read(walk: _Walk, row: Descriptor, about: Manifest | Index, evidence: Evidence, place: _Place) -> Node:
    shown = Node(row.digest, row.media_type, row.artifact_type, 0, place.found, place.tag, _hint(row.annotations))
    try:
        raw = walk.source.manifest(row)
        document = documents.parse(raw, expected=row.media_type, subject=str(row.digest))
    except (ContentError, RegistryError) as err:
        return replace(shown, considered=_of(evidence, {row.digest}), fault=err)
    hint = _hint(document.annotations) or shown.hint or _title(document)
    node = replace(_node(document, place.found), digest=row.digest, tag=place.tag, hint=hint)
    if place.found == "referrer" and not _is_about(document, about):
        named = "nothing" if document.subject is None else str(document.subject.digest)
        return replace(node, fault=TrustError("SM2003", subject=str(row.digest), got=named, want=str(about.digest)))
    layers = () if isinstance(document, Index) else document.layers
    material = {row.digest, *(layer.digest for layer in layers)}
    considered = _of(evidence, material, about.digest)
    if considered and not _has_referrers(walk.source, document):
        return replace(node, considered=considered)  # nobody attaches to a signature by tags, and each costs a request
    return replace(node, considered=considered, attached=_below(walk, document, place.depth))


def _has_referrers(source: Source, document: Manifest | Index) -> bool:
    try:
        return bool(source.referrers(document.digest))
    except RegistryError:
        return False


def _below(walk: _Walk, document: Manifest | Index, depth: int) -> tuple[Node, ...]:
    """Give what is attached to something attached; a source that fails here has answered for what matters more."""
    try:
        if depth == DEPTH_LIMIT:
            walk.truncated |= bool(walk.source.referrers(document.digest))
            return ()
        if isinstance(document, Index):
            return tuple(_attached(walk, document, Evidence(document.digest), depth + 1))
        inner = replace(walk.resolution, manifest=document, index=None, platform=None)
        evidence = gather(inner, walk.source, walk.signers, now_ms=walk.now_ms)
        return tuple(_attached(walk, document, evidence, depth + 1))
    except RegistryError:
        walk.truncated = True
        return ()


def _is_about(document: Manifest | Index, about: Manifest | Index) -> bool:
    return document.subject is not None and document.subject.digest == about.digest


def _of(evidence: Evidence, material: set[Digest], about: Digest | None = None) -> tuple[Considered, ...]:
    rows = (row for row in evidence.considered if row.material in material)
    return tuple(row for row in rows if about is None or row.subject in (None, about))


def _node(document: Manifest | Index, found: Found) -> Node:
    size = 0 if isinstance(document, Index) else sum(layer.size for layer in document.layers)
    return Node(document.digest, document.media_type, document.artifact_type, size, found)


def _hint(annotations: Mapping[str, str]) -> str | None:
    """Give the name that annotations tell, bounded."""
    for name in (TITLE, "org.opencontainers.image.description"):
        if annotations.get(name):
            return annotations[name][:HINT_LIMIT]
    return None


def _title(document: Manifest | Index) -> str | None:
    """Give the name of the only file in it."""
    layers = () if isinstance(document, Index) else document.layers
    return _hint({TITLE: layers[0].annotations.get(TITLE, "")}) if len(layers) == 1 else None
