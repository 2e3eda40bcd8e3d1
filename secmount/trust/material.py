"""Signature material: the bytes that a claim is read from, and the manifest that carries them.

What kind it is follows from the layer's media type, or from the name `model.sig`: the carrier's digest covers both.
"""

from __future__ import annotations

from dataclasses import field

from secmount.errors import ContentError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import Manifest
from secmount.registry.source import Source
from secmount.trust.claim import Claim
from secmount.trust.evidence import MATERIAL_LIMIT, Kept
from secmount.trust.formats import bundle, legacy, modelsigning, notary
from secmount.value import dataclass

_TITLE = "org.opencontainers.image.title"  # image-spec v1.1 `annotations.md`, as the next one
_REF_NAME = "org.opencontainers.image.ref.name"
_EMPTY = b"{}"  # the config of a referrer that has none; image-spec v1.1, Guidance for an empty descriptor
_EMPTY_DIGEST = Digest.of(_EMPTY)


@dataclass(frozen=True, slots=True)
class Material:
    """One signature's bytes: a layer of `manifest`, which `tag` names, or which is the artifact itself if `own`."""

    manifest: Manifest
    layer: Descriptor
    raw: bytes = field(repr=False)
    tag: str | None = None
    own: bool = False

    @property
    def format(self) -> str:
        """Give the name of the format that it claims to be."""
        return format_of(self.layer) or bundle.FORMAT

    def claim(self) -> Claim:
        """Parse it; raise `TrustError` SM20xx or `ContentError` SM5010, SM5011."""
        kind = self.layer.media_type
        match self.format:
            case legacy.FORMAT if kind == legacy.PAYLOAD:
                return legacy.parse(self.raw, self.layer.annotations)
            case legacy.FORMAT:
                return legacy.parse_envelope(self.raw, self.layer.annotations)
            case notary.FORMAT:
                return notary.parse(self.raw, declared=kind)
            case _:
                return bundle.parse(self.raw, declared=kind if kind.startswith(bundle.FAMILY) else None)

    def kept(self) -> tuple[Kept, ...]:
        """Give what an OCI layout must hold for it to be found and read again, in the order of writing."""
        if self.own:
            return (Kept(self.layer, self.raw),)
        found = self.manifest
        notes = found.annotations if self.tag is None else {**found.annotations, _REF_NAME: self.tag}
        carrier = Descriptor(found.media_type, found.digest, len(found.raw), notes, artifact_type=found.artifact_type)
        config = (Kept(found.config, _EMPTY),) if found.config.digest == _EMPTY_DIGEST else ()
        return (*config, Kept(self.layer, self.raw), Kept(carrier, found.raw))


def format_of(layer: Descriptor) -> str | None:
    """Give the format of what `layer` carries; None: it is no signature material."""
    if layer.media_type.startswith(bundle.FAMILY) or is_model_signature(layer):
        return bundle.FORMAT
    if layer.media_type in (legacy.PAYLOAD, legacy.ENVELOPE):
        return legacy.FORMAT
    return notary.FORMAT if layer.media_type in (notary.JWS, notary.COSE) else None


def is_model_signature(layer: Descriptor) -> bool:
    """Whether `layer` has the name of a model's signature."""
    return layer.annotations.get(_TITLE) == modelsigning.NAME


def read(source: Source, layer: Descriptor) -> bytes:
    """Read a layer that is signature material; raise `ContentError` SM5011 and what `source` raises."""
    if layer.size > MATERIAL_LIMIT:
        got, want = f"{layer.size} bytes", f"at most {MATERIAL_LIMIT}"
        raise ContentError("SM5011", subject=str(layer.digest), got=got, want=want)
    return source.small(layer, limit=MATERIAL_LIMIT)


def read_manifest(source: Source, row: Descriptor) -> bytes:
    """Read a manifest that may carry signature material; it is held to the same limit."""
    if row.size > MATERIAL_LIMIT:
        raise ContentError("SM5011", subject=str(row.digest), got=f"{row.size} bytes", want=f"at most {MATERIAL_LIMIT}")
    return source.manifest(row)
