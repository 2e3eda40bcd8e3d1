"""Signature material found as OCI referrers, judged by its own bytes. OCI distribution-spec v1.1, Listing Referrers.

A list of referrers is a hint, whoever wrote it: registries change `artifactType`, and anyone who may push may list
anything. A referrer is about an artifact only if its own `subject` is exactly that artifact's descriptor.
"""

from __future__ import annotations

from collections.abc import Iterable

from secmount.errors import TrustError
from secmount.oci import manifest as documents
from secmount.oci.descriptor import Descriptor
from secmount.oci.manifest import Index, Manifest
from secmount.registry.source import Source
from secmount.trust import material
from secmount.trust.formats import bundle, legacy, notary

_HINTS = ("sigstore", "notary", "cosign", "in-toto", "dsse")


def ordered(rows: Iterable[Descriptor]) -> list[Descriptor]:
    """Give each row once, those first that look like signatures: a limit shall not be used up by other things."""
    return sorted({(row.media_type, row.digest, row.size): row for row in rows}.values(), key=_unlikely)


def _unlikely(row: Descriptor) -> bool:
    texts = (row.artifact_type or "", *row.annotations, *row.annotations.values())
    return not any(hint in text for hint in _HINTS for text in texts)


def read(source: Source, row: Descriptor, about: Manifest | Index) -> tuple[Manifest, tuple[Descriptor, ...]] | None:
    """Fetch the referrer that `row` describes; give it with its layers of signature material, None if there are none.

    Raise `TrustError` SM2002 or SM2003, `ContentError` SM50xx, or what `source` raises.
    """
    raw = material.read_manifest(source, row)
    found = documents.parse(raw, expected=row.media_type, subject=str(row.digest))
    if isinstance(found, Index):
        return None
    layers = _layers(found)
    if not layers:
        return None
    _check_subject(found, about)
    return found, layers


def _layers(found: Manifest) -> tuple[Descriptor, ...]:
    """Give the layers that are signatures: one bundle or envelope, or several of cosign's older kind."""
    if len(found.layers) == 1 and material.format_of(found.layers[0]) is not None:
        return found.layers
    kinds = [layer.media_type for layer in found.layers]
    alone = [kind for kind in kinds if kind.startswith(bundle.FAMILY) or kind in (notary.JWS, notary.COSE)]
    if alone or found.artifact_type.startswith(bundle.FAMILY) or found.artifact_type == notary.ARTIFACT:
        got = f"{len(kinds)} layers: {', '.join(kinds[:4])}"
        raise TrustError("SM2002", subject=str(found.digest), got=got, want="one layer, a signature bundle or envelope")
    return tuple(layer for layer in found.layers if layer.media_type in (legacy.PAYLOAD, legacy.ENVELOPE))


def _check_subject(found: Manifest, about: Manifest | Index) -> None:
    named = found.subject
    want = (about.media_type, about.digest, len(about.raw))
    got = None if named is None else (named.media_type, named.digest, named.size)
    if got != want:
        shown = "no subject" if got is None else "{} {} of {} bytes".format(*got)
        raise TrustError("SM2003", subject=str(found.digest), got=shown, want="{} {} of {} bytes".format(*want))
