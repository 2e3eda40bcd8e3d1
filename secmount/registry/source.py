"""Where artifacts come from: the `Source` protocol that a layout, an archive, the store and a registry fulfil.

A source is believed in nothing. What it gives as manifest or small blob has been hashed against the descriptor asked
for before it is returned; what it streams has not, and its only consumer is `store`, through `Digest.check`. A
referrers list is a hint: every referrer is fetched and judged by its own bytes, for registries rewrite `artifactType`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol, Self

from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest

CONFIG_LIMIT = 4 << 20  # bytes of a config read before the decision; design, promise 1
ABSENT = frozenset({"SM4010", "SM4014"})  # `RegistryError` codes of a source that answered: there is no such thing here
AGAIN = "SM4123"  # the `RegistryError` of a stream that failed at one place of several: another one is asked next
REFERRERS_LIMIT = 64  # referrers read for one subject; more are recorded as truncated


class Referrers(tuple[Descriptor, ...]):
    """A referrers list of at most REFERRERS_LIMIT rows; `truncated` says that there may be more than was looked at."""

    truncated: bool

    def __new__(cls, rows: Iterable[Descriptor] = (), *, truncated: bool = False) -> Self:
        """Cut `rows` at the limit."""
        row = tuple(rows)
        self = super().__new__(cls, row[:REFERRERS_LIMIT])
        self.truncated = truncated or len(row) > REFERRERS_LIMIT
        return self


class Source(Protocol):
    """One named artifact's place: `RegistryError` SM4xxx for what is not there, `ContentError` SM5xxx for lies."""

    def head(self, tag: str | None, digest: Digest | None) -> Descriptor:
        """Say which manifest or index is meant: by digest if given, else by tag, else the only one there is."""

    def manifest(self, wanted: Descriptor) -> bytes:
        """Read a manifest or index (at most MANIFEST_LIMIT bytes), hashed."""

    def small(self, wanted: Descriptor, *, limit: int) -> bytes:
        """Read a config or signature blob of at most `limit` bytes, hashed."""

    def stream(self, wanted: Descriptor, *, offset: int = 0) -> AbstractContextManager[Iterator[bytes]]:
        """Open a content blob from `offset` bytes on; the chunks are not verified.

        A source with several places raises `RegistryError` AGAIN at the end of the block where one of them failed, or
        the block found its bytes wrong, and does not ask that one any more: the stream may be opened again.
        """

    def referrers(self, subject: Digest) -> Referrers:
        """List manifests that say they are about `subject`: referrers and the fallback tag's entries."""
