"""What a store keeps of an artifact, as a source: documents and evidence from the store, missing content from afar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from secmount.errors import RegistryError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.registry.source import Referrers, Source


class KeptSource:
    """A source of one artifact that was read before; it speaks by digest only.

    `remote`, where there is one, is asked for content that the store does not hold, and for nothing else.
    """

    def __init__(self, layout: Source, remote: Callable[[], Source] | None) -> None:
        self._layout, self._remote = layout, remote

    def head(self, tag: str | None, digest: Digest | None) -> Descriptor:
        """Find a kept document by digest, or evidence by a tag that names its subject; SM4010, SM4014."""
        return self._layout.head(tag, digest)

    def manifest(self, wanted: Descriptor) -> bytes:
        """Read a kept manifest or index."""
        return self._layout.manifest(wanted)

    def small(self, wanted: Descriptor, *, limit: int) -> bytes:
        """Read a kept config or signature blob."""
        return self._layout.small(wanted, limit=limit)

    def stream(self, wanted: Descriptor, *, offset: int = 0) -> AbstractContextManager[Iterator[bytes]]:
        """Open content; without a remote raise `RegistryError` SM4301."""
        if self._remote is None:
            got = f"{wanted.digest} is not held"
            raise RegistryError("SM4301", subject=wanted.media_type, got=got, want="content that was pulled before")
        return self._remote().stream(wanted, offset=offset)

    def referrers(self, subject: Digest) -> Referrers:
        """List kept referrers."""
        return self._layout.referrers(subject)
