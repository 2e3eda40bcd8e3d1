"""A source over a registry and its mirrors. OCI distribution-spec v1.1, Pull and Listing Referrers.

Mirrors are asked for bytes by digest only; what a tag means, and what refers to an artifact, the primary says.
Everything small is hashed here; a digest that a registry states in a header is compared and never believed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Self, TypeVar

from secmount.errors import ContentError, InputError, RegistryError, SecmountError
from secmount.oci import manifest
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.instant import Clock
from secmount.oci.manifest import INDEX_TYPES, MANIFEST_LIMIT, MANIFEST_TYPES
from secmount.registry.credentials.value import Credentials
from secmount.registry.hosts.value import Hosts, Location
from secmount.registry.http.blob import Blob
from secmount.registry.http.client import Client, Effects
from secmount.registry.http.listing import Listing
from secmount.registry.http.settings import HttpSettings
from secmount.registry.http.wire.answers import Answer
from secmount.registry.http.wire.transport import Deadline
from secmount.registry.source import ABSENT, AGAIN, Referrers

_ABSENT = frozenset({404})
_MIRROR_ATTEMPTS = 2  # there is somebody else to ask
_KEPT = 16  # manifests kept since they were read by tag
_ACCEPT = {"Accept": ", ".join(sorted(MANIFEST_TYPES | INDEX_TYPES))}
_UNSPECIFIC = frozenset({"", "application/json", "application/octet-stream", "text/plain", "binary/octet-stream"})

T = TypeVar("T")


class HttpSource:
    """One name at a registry; no connection is made before the first question. Several threads may ask at once."""

    def __init__(
        self,
        name: str,
        hosts: Hosts,
        credentials: Credentials,
        settings: HttpSettings,
        *,
        clock: Clock,
        sleep: Callable[[float], None],
        random: Callable[[int], bytes],
    ) -> None:
        """Find out where `name` (`host/path`) is; raise what `hosts` raises, and `RegistryError` SM4136."""
        self.name = name
        self.locations: tuple[Location, ...] = hosts.locate(name)
        effects, deadline = Effects(clock, sleep, random), Deadline(settings, subject=name)
        hasty = replace(settings, attempts=min(settings.attempts, _MIRROR_ATTEMPTS))
        self._clients = tuple(
            Client(location, credentials, hasty if location.mirror else settings, effects=effects, deadline=deadline)
            for location in self.locations
        )
        self._primary = self._clients[-1]
        self._kept: dict[Digest, bytes] = {}
        self._shunned: set[Client] = set()  # mirrors that failed or lied
        self.mirror_errors: list[SecmountError] = []  # why mirrors were passed over

    def __enter__(self) -> Self:
        """Close at the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        for client in self._clients:
            client.close()

    @property
    def tag_source(self) -> str:
        """Name the host that says what a tag means."""
        return self._primary.location.access.host

    def reach(self) -> None:
        """Ask the primary whether it is a registry that lets us in; raise `RegistryError` SM41xx."""
        self._primary.document("/v2/", {}, limit=MANIFEST_LIMIT)

    def head(self, tag: str | None, digest: Digest | None) -> Descriptor:
        """Say which manifest or index is meant, by digest if given, else by tag, from its bytes.

        Raise `RegistryError` SM4010 (no such tag), SM4014 (no such manifest), SM41xx; `ContentError` SM50xx.
        """
        if digest is not None:
            return self._by_digest(lambda client: self._head(client, str(digest), digest))
        if tag is None:
            raise ValueError("a registry is asked for a tag or a digest")
        return self._head(self._primary, tag, None)

    def manifest(self, wanted: Descriptor) -> bytes:
        """Read a manifest or index, hashed; raise `RegistryError` SM4014, SM41xx and `ContentError` SM50xx."""
        raw = self._kept.get(wanted.digest)
        if raw is not None and len(raw) == wanted.size:
            return raw
        if wanted.size > MANIFEST_LIMIT:
            raise self._too_big(wanted, MANIFEST_LIMIT)
        return self._by_digest(lambda client: self._manifest(client, wanted))

    def small(self, wanted: Descriptor, *, limit: int) -> bytes:
        """Read a blob of at most `limit` bytes, hashed; errors as in `manifest`."""
        if wanted.size > limit:
            raise self._too_big(wanted, limit)
        return self._by_digest(lambda client: self._small(client, wanted))

    @contextmanager
    def stream(self, wanted: Descriptor, *, offset: int = 0) -> Iterator[Iterator[bytes]]:
        """Open a blob from `offset` bytes on, not hashed, to be taken up again where the connection broke.

        Raise `RegistryError` SM4014, SM41xx and `ContentError` SM5002, the chunks too. A mirror that fails, or whose
        bytes the block finds wrong (it raises `ContentError`), is not asked again, and SM4123 says that others can be.
        """
        with self._by_digest(lambda client: Blob(client, wanted, offset)) as blob:
            try:
                yield blob.chunks()
            except (ContentError, RegistryError) as err:
                if blob.client is self._primary:
                    raise
                self._pass_over(blob.client, err)
                raise RegistryError(AGAIN, subject=blob.client.shown, got=err.code) from err

    def referrers(self, subject: Digest) -> Referrers:
        """List what says that it is about `subject`: by the API, or behind the fallback tag where there is none.

        Raise `RegistryError` SM4122 (a next page elsewhere), SM41xx; `ContentError` SM5010, SM5012.
        """
        return Listing(self._primary).read(subject)

    def _by_digest(self, ask: Callable[[Client], T]) -> T:
        """Ask the mirrors in order, then the primary, whose errors are the ones that count."""
        for client in self._clients[:-1]:
            if client in self._shunned or client.location.pull == "tag-only":
                continue
            try:
                return ask(client)
            except (RegistryError, ContentError) as err:
                self._pass_over(client, err)
        return ask(self._primary)

    def _pass_over(self, client: Client, err: SecmountError) -> None:
        self.mirror_errors.append(err)
        if err.code not in ABSENT:
            self._shunned.add(client)

    def _head(self, client: Client, reference: str, digest: Digest | None) -> Descriptor:
        answer, raw = self._document(client, reference, by_tag=digest is None)
        subject = f"{client.shown}, {reference}"
        _check_stated(answer, raw, subject)
        found = Digest.of(raw) if digest is None else digest
        list(found.check([raw], len(raw)))
        document = manifest.parse(raw, expected=_media_type(answer), subject=subject, algorithm=found.algorithm)
        self._keep(found, raw)
        return Descriptor(document.media_type, found, len(raw), artifact_type=document.artifact_type)

    def _manifest(self, client: Client, wanted: Descriptor) -> bytes:
        answer, raw = self._document(client, str(wanted.digest), by_tag=False)
        subject = f"{client.shown}, {wanted.digest}"
        _check_stated(answer, raw, subject)
        list(wanted.digest.check([raw], wanted.size))
        said = _media_type(answer)
        if said not in (None, wanted.media_type):
            raise ContentError("SM5013", subject=subject, got=f"Content-Type {said}", want=wanted.media_type)
        return raw

    def _small(self, client: Client, wanted: Descriptor) -> bytes:
        with Blob(client, wanted, 0) as blob:
            return b"".join(wanted.digest.check(blob.chunks(), wanted.size))

    def _document(self, client: Client, reference: str, *, by_tag: bool) -> tuple[Answer, bytes]:
        target = f"/v2/{client.location.repository}/manifests/{reference}"
        answer, raw = client.document(target, _ACCEPT, limit=MANIFEST_LIMIT, passed=_ABSENT)
        if answer.status in _ABSENT:
            code, got = ("SM4010", f"no tag {reference!r}") if by_tag else ("SM4014", f"no manifest {reference}")
            raise RegistryError(code, subject=client.shown, got=got)
        return answer, raw

    def _keep(self, digest: Digest, raw: bytes) -> None:
        """Keep what was read to learn its digest, for it is asked for next."""
        self._kept[digest] = raw
        for old in list(self._kept)[:-_KEPT]:
            self._kept.pop(old, None)

    def _too_big(self, wanted: Descriptor, limit: int) -> ContentError:
        got, want = f"{wanted.size} bytes", f"at most {limit} bytes"
        return ContentError("SM5011", subject=f"{self.name}, {wanted.digest}", got=got, want=want)


def _media_type(answer: Answer) -> str | None:
    """Give what the registry says that a document is; None if that says nothing."""
    said = (answer.header("Content-Type") or "").partition(";")[0].strip().lower()
    return None if said in _UNSPECIFIC else said


def _check_stated(answer: Answer, raw: bytes, subject: str) -> None:
    stated = answer.header("Docker-Content-Digest")
    if stated is None:
        return
    try:
        want = Digest.parse(stated)
    except InputError:
        raise ContentError("SM5001", subject=subject, got="a Docker-Content-Digest that is none") from None
    got = Digest.of(raw, want.algorithm)
    if got != want:
        raise ContentError("SM5001", subject=subject, got=str(got), want=f"{want}, as the registry says")
