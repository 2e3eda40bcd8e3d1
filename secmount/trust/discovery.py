"""Where signature material is: referrers, cosign's older tags, and a model's signature among its files.

Lazily, in this order: nothing is fetched for a reader who has enough. One piece that cannot be read hides no
other; a source that cannot be asked is another matter and raises, for what it holds is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from secmount.errors import ContentError, RegistryError, SecmountError, TrustError
from secmount.oci import manifest as documents
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index, Manifest
from secmount.registry.source import ABSENT, Source
from secmount.trust import material, referrers
from secmount.trust.formats import bundle, legacy
from secmount.trust.material import Material
from secmount.value import dataclass

_AMBIGUOUS = "SM4011"  # a layout that names several manifests alike: none of them is taken
_TAGS = (".sig", ".att")  # cosign `specs/SIGNATURE_SPEC.md`, `specs/ATTESTATION_SPEC.md`


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that is listed as material and cannot be read."""

    material: Digest | None
    err: SecmountError
    format: str = bundle.FORMAT  # that it claims to be; what cannot be read at all claims none, and most are bundles


@dataclass(frozen=True, slots=True)
class More:
    """There is, or may be, more than was listed or fetched."""


Found = Material | Broken | More


def find(source: Source, about: Manifest | Index, enough: Callable[[], bool]) -> Iterator[Found]:
    """Find what is attached to `about` in `source`, until there is `enough`.

    Raise `RegistryError` where `source` cannot be asked.
    """
    yield from _referrers(source, about, enough)
    for suffix in _TAGS:
        yield from _tagged(source, f"{about.digest.algorithm}-{about.digest.hex}{suffix}", enough)


def find_own(source: Source, about: Manifest, enough: Callable[[], bool]) -> Iterator[Found]:
    """Find the signature of a model among the artifact's own layers."""
    yield from _read(source, about, filter(material.is_model_signature, about.layers), enough, own=True)


def _referrers(source: Source, about: Manifest | Index, enough: Callable[[], bool]) -> Iterator[Found]:
    try:
        rows = source.referrers(about.digest)
    except (ContentError, RegistryError) as err:
        yield _broken(err, None)
        return
    for row in referrers.ordered(rows):
        if enough():
            yield More()
            return
        try:
            found = referrers.read(source, row, about)
        except (TrustError, ContentError, RegistryError) as err:
            yield _broken(err, row.digest)
            continue
        if found is not None:
            yield from _read(source, found[0], found[1], enough)
    if rows.truncated:
        yield More()


def _tagged(source: Source, tag: str, enough: Callable[[], bool]) -> Iterator[Found]:
    try:
        row = source.head(tag, None)
    except (ContentError, RegistryError) as err:
        if err.code not in ABSENT:
            yield _broken(err, None)
        return
    if enough():
        yield More()
        return
    try:
        raw = material.read_manifest(source, row)
        found = documents.parse(raw, expected=row.media_type, subject=tag)
    except (ContentError, RegistryError) as err:
        yield _broken(err, row.digest)
        return
    if isinstance(found, Manifest):
        layers = [layer for layer in found.layers if layer.media_type in (legacy.PAYLOAD, legacy.ENVELOPE)]
        yield from _read(source, found, layers, enough, tag=tag)


def _read(
    source: Source,
    carrier: Manifest,
    layers: Iterable[Descriptor],
    enough: Callable[[], bool],
    *,
    tag: str | None = None,
    own: bool = False,
) -> Iterator[Found]:
    for layer in layers:
        if enough():
            yield More()
            return
        try:
            raw = material.read(source, layer)
        except (ContentError, RegistryError) as err:
            yield _broken(err, layer.digest, material.format_of(layer) or bundle.FORMAT)
            continue
        yield Material(carrier, layer, raw, tag, own)


def _broken(err: SecmountError, about: Digest | None, form: str = bundle.FORMAT) -> Broken:
    if isinstance(err, RegistryError) and err.code not in (*ABSENT, _AMBIGUOUS):
        raise err
    return Broken(about, err, form)
