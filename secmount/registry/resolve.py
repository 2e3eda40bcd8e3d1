"""What a reference means: one manifest, the index it was chosen from, and its config. Resolved once.

Nothing but manifests and the config is read here. Every document is hashed again, whatever the source did, and must be
of the type and size that its descriptor said. An index in an index is refused: a signature is about the manifest or
about the one index that a `Resolution` holds, and would be lost two steps away.
"""

from __future__ import annotations

from typing import Literal

from secmount.errors import ContentError, RegistryError
from secmount.oci import manifest
from secmount.oci.descriptor import Descriptor, Platform
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index, Manifest
from secmount.oci.reference import Reference
from secmount.registry import platform as platforms
from secmount.registry.resolution import Resolution
from secmount.registry.source import CONFIG_LIMIT, Source

EMPTY_CONFIG = b"{}"  # image-spec v1.1 manifest.md, Guidance for an Empty Descriptor; its blob need not be stored
_EMPTY_DIGEST = Digest.of(EMPTY_CONFIG)


def resolve(
    reference: Reference,
    source: Source,
    *,
    name: str,
    name_source: Literal["asked", "asserted"],
    platform: Platform | None,
    digest: Digest | None = None,
) -> Resolution:
    """Find the manifest that `reference` means at `source`; `platform` None is this machine's.

    `digest`: what the reference's tag was resolved to before; the source is not asked for the tag again.

    Raise `RegistryError` SM4xxx (not there; SM4020–SM4022 for an index) and `ContentError` SM50xx (not what it says).
    """
    pinned = reference.digest or digest
    head = source.head(None if pinned else reference.tag, pinned)
    if pinned is not None and head.digest != pinned:
        raise ContentError("SM5001", subject=reference.text, got=str(head.digest), want=str(pinned))
    document = _read(source, head, name)
    chosen, index = head, None
    if isinstance(document, Index):
        index = document
        chosen = platforms.choose(index.manifests, platform, shown=f"{name}, index {index.digest}")
        document = _read(source, chosen, name)
    if isinstance(document, Index):
        raise RegistryError("SM4022", subject=name, got=f"index {document.digest}", want="a manifest")
    return Resolution(
        reference=reference,
        name=name,
        name_source=name_source,
        manifest=document,
        index=index,
        platform=chosen.platform,
        config=_config(source, document),
    )


def _read(source: Source, wanted: Descriptor, name: str) -> Manifest | Index:
    raw = source.manifest(wanted)
    list(wanted.digest.check([raw], wanted.size))
    subject = f"{name}, {wanted.digest}"
    return manifest.parse(raw, expected=wanted.media_type, subject=subject, algorithm=wanted.digest.algorithm)


def _config(source: Source, document: Manifest) -> bytes:
    if document.config.digest == _EMPTY_DIGEST:
        list(document.config.digest.check([EMPTY_CONFIG], document.config.size))
        return EMPTY_CONFIG
    raw = source.small(document.config, limit=CONFIG_LIMIT)
    list(document.config.digest.check([raw], document.config.size))
    return raw
