"""Signature material found as OCI referrers, judged by its own bytes. OCI distribution-spec v1.1, Listing Referrers.

A list of referrers is a hint, whoever wrote it: registries change `artifactType`, and anyone who may push may list
anything. A referrer is about an artifact only if its own `subject` is exactly that artifact's descriptor.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from secmount.errors import ContentError, TrustError
from secmount.oci import manifest as documents
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index, Manifest
from secmount.registry.source import Source
from secmount.trust.evidence import MATERIAL_LIMIT, Kept
from secmount.trust.formats import bundle

_EMPTY = b"{}"  # the config of a referrer that has none; image-spec v1.1, Guidance for an empty descriptor
_EMPTY_DIGEST = Digest.of(_EMPTY)


@dataclass(frozen=True, slots=True)
class Material:
    """A signature bundle, and the referrer manifest that carries it."""

    manifest: Manifest
    layer: Descriptor
    raw: bytes = field(repr=False)

    def kept(self) -> tuple[Kept, ...]:
        """Give what an OCI layout must hold for the referrer to be found and read again, in the order of writing."""
        found = self.manifest
        own = Descriptor(
            found.media_type, found.digest, len(found.raw), found.annotations, artifact_type=found.artifact_type
        )
        config = (Kept(found.config, _EMPTY),) if found.config.digest == _EMPTY_DIGEST else ()
        return (*config, Kept(self.layer, self.raw), Kept(own, found.raw))


def read(source: Source, row: Descriptor, about: Manifest | Index) -> Material | None:
    """Fetch the referrer that `row` describes, and its bundle; None where it is no signature material.

    Raise `TrustError` SM2002 or SM2003, `ContentError` SM50xx, or what `source` raises.
    """
    if row.size > MATERIAL_LIMIT:
        raise ContentError("SM5011", subject=str(row.digest), got=f"{row.size} bytes", want=f"at most {MATERIAL_LIMIT}")
    raw = source.manifest(row)
    found = documents.parse(raw, expected=row.media_type, subject=str(row.digest))
    if isinstance(found, Index) or not _is_material(found):
        return None
    layer = _layer(found)
    _check_subject(found, about)
    return Material(found, layer, source.small(layer, limit=MATERIAL_LIMIT))


def _is_material(found: Manifest) -> bool:
    kinds = (found.artifact_type, *(layer.media_type for layer in found.layers))
    return any(kind.startswith(bundle.FAMILY) for kind in kinds)


def _layer(found: Manifest) -> Descriptor:
    kinds = [layer.media_type for layer in found.layers]
    if len(kinds) != 1 or not kinds[0].startswith(bundle.FAMILY):
        got = f"{len(kinds)} layers: {', '.join(kinds[:4])}"
        raise TrustError("SM2002", subject=str(found.digest), got=got, want="one layer, a signature bundle")
    if found.layers[0].size > MATERIAL_LIMIT:
        got = f"{found.layers[0].size} bytes"
        raise ContentError("SM5011", subject=str(found.layers[0].digest), got=got, want=f"at most {MATERIAL_LIMIT}")
    return found.layers[0]


def _check_subject(found: Manifest, about: Manifest | Index) -> None:
    named = found.subject
    want = (about.media_type, about.digest, len(about.raw))
    got = None if named is None else (named.media_type, named.digest, named.size)
    if got != want:
        shown = "no subject" if got is None else "{} {} of {} bytes".format(*got)
        raise TrustError("SM2003", subject=str(found.digest), got=shown, want="{} {} of {} bytes".format(*want))
