"""Gather the evidence about an artifact: find signature material, parse it, check it, keep what it says.

Evidence is positive. Material that is broken, foreign or over a limit adds nothing and takes nothing away: each piece
is read by itself, and the worst it can do is to be listed as considered.
What was judged before is taken from memory: the same bytes about the same artifact under the same signers and roots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from types import MappingProxyType

from secmount.errors import ContentError, SecmountError, TrustError
from secmount.oci.digest import Digest
from secmount.oci.manifest import Index, Manifest
from secmount.registry.resolution import Resolution
from secmount.registry.source import Source
from secmount.trust import discovery, remembered
from secmount.trust.discovery import Broken, Found, More
from secmount.trust.evidence import SIGNATURES_LIMIT, Evidence, Kept, Signature
from secmount.trust.formats import modelsigning
from secmount.trust.judge.verdict import Judged, refused
from secmount.trust.material import Material
from secmount.trust.remembered import Remembered
from secmount.trust.root import TrustRoot
from secmount.trust.signer import Signer
from secmount.value import dataclass

KEPT_LIMIT = 8 << 20  # bytes of evidence kept beside an artifact; 32 bundles as producers write them take 0.3 MiB


@dataclass(frozen=True, slots=True)
class _By:
    """What material is judged by."""

    signers: Mapping[str, Signer]
    now_ms: int | None
    root: TrustRoot | None
    memory: Remembered | None


@dataclass(frozen=True, slots=True)
class _Result:
    judged: Judged
    material: Material | None = None  # None where it could not be read


def gather(
    resolution: Resolution,
    source: Source,
    signers: Mapping[str, Signer],
    *,
    now_ms: int | None = None,
    root: TrustRoot | None = None,
    elsewhere: Source | None = None,
    memory: Remembered | None = None,
) -> Evidence:
    """Give what is authenticated about the manifest and, if it was reached through one, its index.

    `now_ms` and `root` are what `judge` is given. `elsewhere` is a repository in which signatures are looked for first
    (`signatures-from`); `memory` is asked before anything is checked, and told what was found.
    Raise `RegistryError` where a source cannot be asked. `Evidence.truncated` says that a limit left material unread.
    """
    by = _By(signers, now_ms, root, memory)
    results: list[_Result] = []
    truncated = False
    index = () if resolution.index is None else (resolution.index,)
    documents: tuple[Manifest | Index, ...] = (resolution.manifest, *index)
    for about in documents:
        for found in _find(about, source, elsewhere, lambda: len(results) >= SIGNATURES_LIMIT):
            if isinstance(found, More):
                truncated = True
            else:
                results.append(_examine(found, about, by))
    return Evidence(
        subject=resolution.digest,
        signatures=_signatures(results),
        attestations=tuple(one for result in results for one in result.judged.attestations),
        considered=tuple(result.judged.considered for result in results),
        truncated=truncated,
        kept=tuple(_kept(results)),
    )


def _find(
    about: Manifest | Index, source: Source, elsewhere: Source | None, enough: Callable[[], bool]
) -> Iterator[Found]:
    parts = [discovery.find(place, about, enough) for place in (elsewhere, source) if place is not None]
    if isinstance(about, Manifest):
        parts.append(discovery.find_own(source, about, enough))
    return chain.from_iterable(parts)


def _examine(found: Material | Broken, about: Manifest | Index, by: _By) -> _Result:
    if isinstance(found, Broken):
        return _Result(_refused(found.err, about, found.material, found.format))
    if by.memory is None:
        return _Result(_judge(found, about, by)[0], found)
    key = remembered.key(found, about.digest, by.signers, by.root)
    judged = remembered.recall(by.memory, key, about.digest)
    if judged is None:
        judged, lasting = _judge(found, about, by)
        if lasting:
            remembered.note(by.memory, key, judged)
    return _Result(judged, found)


def _judge(found: Material, about: Manifest | Index, by: _By) -> tuple[Judged, bool]:
    """Parse and judge; say whether the same will be found at any other time."""
    try:
        claim = found.claim()
    except (TrustError, ContentError) as err:
        return _refused(err, about, found.layer.digest, found.format), False
    from secmount.trust.judge.claims import judge  # cryptography is loaded only where something is new

    judged = judge(claim, about, by.signers, now_ms=by.now_ms, root=by.root)
    if found.own:
        judged = replace(judged, signatures=tuple(_with_itself(one, found) for one in judged.signatures))
    return judged, remembered.lasting(claim, by.signers)


def _with_itself(signature: Signature, found: Material) -> Signature:
    """Add a signature that is one of the model's files to what it says of the files: it cannot list itself."""
    if signature.files is None:
        return signature
    files = {**signature.files, modelsigning.NAME: found.layer.digest}
    return replace(signature, files=MappingProxyType(files))


def _refused(err: SecmountError, about: Manifest | Index, material: Digest | None, form: str) -> Judged:
    return Judged(refused(err, form, about.digest, material=material))


def _signatures(results: list[_Result]) -> tuple[Signature, ...]:
    """Give each signature once, however often its material is listed, in an order that no source decides.

    One payload may be signed by one principal at several tags or times: none of these takes another's place.
    """
    found = dict.fromkeys(one for result in results for one in result.judged.signatures)
    return tuple(sorted(found, key=_order))


def _order(one: Signature) -> tuple[str, ...]:
    time = one.time
    values = (one.subject, one.material, one.principal, one.root, one.identity, time.not_before, time.not_after)
    return tuple(map(str, values))


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
