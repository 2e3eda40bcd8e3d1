"""What a reference turned out to mean, once: the value everything after speaks of."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from secmount.oci.descriptor import Platform
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index, Manifest
from secmount.oci.reference import Reference
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Resolution:
    """`manifest` is what will be mounted; `index` the list it was chosen from, if the reference named one.

    `name` is what rules are matched by: the reference's own, or the user's `--as NAME` (then `asserted`).
    """

    reference: Reference
    name: str
    name_source: Literal["asked", "asserted"]
    manifest: Manifest
    index: Index | None
    platform: Platform | None
    config: bytes = field(repr=False)

    @property
    def digest(self) -> Digest:
        """The manifest's digest."""
        return self.manifest.digest

    @property
    def subjects(self) -> tuple[Digest, ...]:
        """Digests a signature may be about: the manifest, and the index it was reached through."""
        return (self.manifest.digest,) if self.index is None else (self.manifest.digest, self.index.digest)
