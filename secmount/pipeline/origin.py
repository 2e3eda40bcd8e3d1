"""Where an artifact's documents and evidence are read: at its registry, or in the store that kept them.

A digest that is held is decided from what was kept, and only if that does not suffice from the registry: evidence is
positive, so more of it can only help. A tag is resolved at its registry once. Where the registry cannot be asked, a tag
means what it meant when it was last resolved only with `--offline`, `--pull never` or within `stale-tags`; and what
came of that is shown and logged. Design, promises 2 and 8.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Literal, TypeVar

from secmount.errors import ContentError, RegistryError, SecmountError
from secmount.oci import instant
from secmount.oci.reference import LayoutReference, Reference, RegistryReference
from secmount.policy import rules
from secmount.registry.kept import KeptSource
from secmount.registry.resolution import Resolution
from secmount.registry.resolve import resolve
from secmount.registry.source import Source
from secmount.value import dataclass

if TYPE_CHECKING:
    from secmount.oci.descriptor import Platform
    from secmount.oci.digest import Digest
    from secmount.pipeline.parts import Parts

Judged = TypeVar("Judged")
UNREACHABLE = 5  # exit status of what a later attempt may cure; design 3.1
LATER, RESOLVED = "SM4302", "SM4303"


@dataclass(frozen=True, slots=True)
class Origin:
    """A source, what the reference's tag meant there, and since when that is known where it was not just asked."""

    source: Source
    digest: Digest | None = None
    kind: Literal["layout", "registry", "kept"] = "layout"
    resolved_ms: int | None = None


def judged(
    parts: Parts,
    reference: RegistryReference,
    judge: Callable[[Origin], Judged],
    *,
    suffices: Callable[[Judged], bool],
) -> Judged:
    """Give what `judge` makes of the first origin that suffices, or of the last that could be asked.

    Raise `RegistryError` SM4302 (offline, and the tag was never resolved), SM4303 (the digest is not held), and what
    the registry raises.
    """
    network = parts.network
    remote = cache(lambda: parts.open_source(reference))
    digest = reference.digest
    if network.offline or network.pull == "never":
        resolved = None
        if digest is None:
            digest, resolved = _last(parts, reference)
        return judge(Origin(_kept(parts, reference, digest, None), digest, "kept", resolved))
    if digest is None:
        try:
            digest = remote().head(reference.tag, None).digest
        except RegistryError as err:
            if not _unreachable(err) or network.pull == "always":
                raise
            digest, resolved = _stale(parts, reference, err)
            return judge(Origin(_kept(parts, reference, digest, None), digest, "kept", resolved))
    found = None
    if network.pull != "always":
        found = _from_kept(lambda: _kept(parts, reference, digest, remote), digest, judge)
        if found is not None and suffices(found):
            return found
    try:
        return judge(Origin(remote(), digest, "registry"))
    except RegistryError as err:
        if found is None or not _unreachable(err):
            raise
        return found


def _unreachable(err: RegistryError) -> bool:
    from secmount.errors.catalog import exit_status  # the catalogue is read for errors only

    return exit_status(err) == UNREACHABLE


def _from_kept(kept: Callable[[], Source], digest: Digest, judge: Callable[[Origin], Judged]) -> Judged | None:
    """Judge what is kept; None where it is not all there, which the registry may mend."""
    try:
        return judge(Origin(kept(), digest, "kept"))
    except (RegistryError, ContentError):
        return None


def held_under(digest: Digest) -> str:
    """Give what the state remembers of a name beside its tags: that it gave this digest. No tag is spelled so."""
    return f"@{digest}"


def _kept(parts: Parts, reference: RegistryReference, digest: Digest, remote: Callable[[], Source] | None) -> Source:
    """Open what is kept of `digest`, if it was kept under the very name that is asked for.

    What another repository gave, perhaps to somebody with its credentials, is not given to whoever knows the digest.
    """
    layout = parts.kept_source()
    if layout is None or parts.store().state.tags.get(reference.name, held_under(digest)) is None:
        got = f"{digest} is not kept of {reference.name}"
        raise RegistryError("SM4303", subject=reference.text, got=got, want="what was pulled before")
    try:
        layout.head(None, digest)
    except SecmountError as err:
        raise RegistryError("SM4303", got=f"{digest} is not kept ({err.code})", want="what was pulled before") from err
    return KeptSource(layout, remote)


def _last(parts: Parts, reference: RegistryReference) -> tuple[Digest, int]:
    found = None if reference.tag is None else parts.store().state.tags.get(reference.name, reference.tag)
    if found is None:
        raise RegistryError("SM4302", subject=reference.text, got="a tag that was never resolved here", want="@DIGEST")
    return found


def _stale(parts: Parts, reference: RegistryReference, failure: RegistryError) -> tuple[Digest, int]:
    """Give what the tag last meant if the configuration allows it to be that old; else raise `failure`."""
    allowed = parts.network.stale_tags_ms
    found = None if reference.tag is None else parts.store().state.tags.get(reference.name, reference.tag)
    if allowed is None or found is None:
        raise failure
    age = parts.clock() - found[1]
    if not 0 <= age <= allowed:
        raise failure
    return found


def shown_age(resolved_ms: int, now_ms: int) -> str:
    """Say when a tag was last resolved."""
    minutes = max(0, now_ms - resolved_ms) // 60_000
    days, hours = minutes // 1440, minutes // 60 % 24
    age = f"{days} days {hours} h" if days else f"{hours} h {minutes % 60} min"
    return f"{instant.render(resolved_ms)}, {age} ago"


@dataclass(frozen=True, slots=True)
class Meaning:
    """A resolution, and since when the tag is known to mean it where it was not just asked."""

    resolution: Resolution
    resolved_ms: int | None


def meaning(parts: Parts, reference: Reference, platform: Platform | None) -> Meaning:
    """Resolve; raise `PolicyError` SM3001 where no rule is for the name (nothing is contacted then), SM4xxx, SM5xxx."""
    rules.choose(parts.policy(), reference.name, asserted=False)

    def judge(origin: Origin) -> Meaning:
        found = resolve(
            reference,
            origin.source,
            name=reference.name,
            name_source="asked",
            platform=platform,
            digest=origin.digest,
        )
        return Meaning(found, origin.resolved_ms)

    if isinstance(reference, LayoutReference):
        return judge(Origin(parts.open_source(reference)))
    return judged(parts, reference, judge, suffices=lambda _: True)
