"""Where artifacts are written: a layout folder or a repository of a registry, in the same few steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Protocol

from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Standing:
    """What a tag holds now: the exact bytes, and the registry's entity tag, if it gives one."""

    raw: bytes = field(repr=False)
    mark: str | None = None

    @property
    def digest(self) -> Digest:
        """The digest of the bytes."""
        return Digest.of(self.raw)


class Writer(Protocol):
    """Blobs first, then the manifest that names them: whoever dies half-way leaves nothing that anybody can find."""

    def has(self, blob: Descriptor) -> bool:
        """Say whether a blob of that digest and size is there already."""

    def put(self, blob: Descriptor, data: bytes | Iterable[bytes]) -> None:
        """Write a blob; `data` can be iterated more than once, for it may be sent again.

        Raise `ContentError` SM5001 or SM5002 if it is not what `blob` says.
        """

    def add_document(self, raw: bytes, *, tag: str | None = None) -> Descriptor:
        """Write a manifest or index of exactly these bytes, under `tag`, too, if there is one."""

    def standing(self, tag: str) -> Standing | None:
        """Read what a tag holds; None if there is no such tag."""

    def replace(self, tag: str, raw: bytes, standing: Standing | None) -> bool:
        """Put a document at `tag` in place of `standing` (None: of nothing); False if it is not that any more."""
