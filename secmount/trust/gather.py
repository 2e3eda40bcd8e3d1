"""Gather the evidence about an artifact: find signature material, parse it, check it, keep what it says.

Evidence is positive. Material that is broken, foreign or over a limit adds nothing and takes nothing away: each piece
is read by itself, and the worst it can do is to be listed as considered. A source that cannot be asked is another
matter and raises, for what it holds is not known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from secmount.errors import ContentError, RegistryError, SecmountError, TrustError
from secmount.oci.descriptor import Descriptor
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index, Manifest
from secmount.registry.resolution import Resolution
from secmount.registry.source import ABSENT, Source
from secmount.trust import referrers
from secmount.trust.evidence import SIGNATURES_LIMIT, Evidence, Kept, Signature
from secmount.trust.formats import bundle
from secmount.trust.judge.claims import judge
from secmount.trust.judge.verdict import Judged, refused
from secmount.trust.referrers import Material
from secmount.trust.signer import Signer

KEPT_LIMIT = 8 << 20  # bytes of evidence kept beside an artifact; 32 bundles as producers write them take 0.3 MiB


@dataclass(frozen=True, slots=True)
class _Result:
    judged: Judged
    material: Material | None = None  # None where it could not be read


def gather(resolution: Resolution, source: Source, signers: Mapping[str, Signer]) -> Evidence:
    """Give what is authenticated about the manifest and, if it was reached through one, its index.

    Raise `RegistryError` where `source` cannot be asked. `Evidence.truncated` says that a limit left material unread.
    """
    results: list[_Result] = []
    truncated = False
    for about in (resolution.manifest, resolution.index):
        if about is not None:
            found, cut = _read(source, about, signers, room=SIGNATURES_LIMIT - len(results))
            results += found
            truncated |= cut
    return Evidence(
        subject=resolution.digest,
        signatures=_signatures(results),
        attestations=tuple(one for result in results for one in result.judged.attestations),
        considered=tuple(result.judged.considered for result in results),
        truncated=truncated,
        kept=tuple(_kept(results)),
    )


def _read(
    source: Source, about: Manifest | Index, signers: Mapping[str, Signer], *, room: int
) -> tuple[list[_Result], bool]:
    """Read the referrers of `about`, at most `room` pieces of material; say whether some were left."""
    try:
        rows = source.referrers(about.digest)
    except (ContentError, RegistryError) as err:
        return [_broken(err, about, None)], False
    results: list[_Result] = []
    for row in {(row.media_type, row.digest, row.size): row for row in rows}.values():
        if len(results) == room:
            return results, True
        result = _examine(source, row, about, signers)
        if result is not None:
            results.append(result)
    return results, rows.truncated


def _examine(source: Source, row: Descriptor, about: Manifest | Index, signers: Mapping[str, Signer]) -> _Result | None:
    try:
        material = referrers.read(source, row, about)
    except (TrustError, ContentError, RegistryError) as err:
        return _broken(err, about, row.digest)
    if material is None:
        return None
    try:
        claim = bundle.parse(material.raw, declared=material.layer.media_type)
    except (TrustError, ContentError) as err:
        return _broken(err, about, material.layer.digest)
    return _Result(judge(claim, about, signers), material)


def _broken(err: SecmountError, about: Manifest | Index, material: Digest | None) -> _Result:
    """Record what cannot be read; what is not there is withheld, but a source that cannot be asked stops everything."""
    if isinstance(err, RegistryError) and err.code not in ABSENT:
        raise err
    return _Result(Judged(refused(err, bundle.FORMAT, about.digest, material=material)))


def _signatures(results: list[_Result]) -> tuple[Signature, ...]:
    """Give each signature once, however often its material is listed, in an order that no source decides."""
    found = {(one.subject, one.material, one.root): one for result in results for one in result.judged.signatures}
    return tuple(sorted(found.values(), key=lambda one: (str(one.subject), str(one.material), str(one.root))))


def _kept(results: list[_Result]) -> Iterator[Kept]:
    """Give the documents of what counts, then of what another policy could count, up to the limit."""
    left = KEPT_LIMIT
    for result in sorted(results, key=lambda result: not (result.judged.signatures or result.judged.attestations)):
        if result.material is None or result.judged.considered.outcome == "invalid":
            continue
        parts = result.material.kept()
        left -= sum(len(part.raw) for part in parts)
        if left < 0:
            return
        yield from parts
