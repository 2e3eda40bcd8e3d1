"""Fetch the approved layers into the store.

`pull` is the only maker of `Held`, and the only code that asks a source for content; it needs an `Approved` for
that. What was withheld is not asked for. This guards against mistakes, not against hostile Python in the process.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import InitVar, dataclass

from secmount.oci.descriptor import Descriptor
from secmount.policy.decision import Approved
from secmount.registry.source import Source
from secmount.store.cas import Store

_SEAL = object()  # never leaves this module

Progress = Callable[[Descriptor, int], None]  # (layer, bytes of it that are in the store so far)


@dataclass(frozen=True, slots=True)
class HeldLayer:
    """An approved layer whose bytes are in the store; `position` is its index in the manifest."""

    position: int
    descriptor: Descriptor


@dataclass(frozen=True, slots=True)
class Held:
    """All approved layers of an artifact, in the manifest's order, are in the store."""

    approved: Approved
    layers: tuple[HeldLayer, ...]
    seal: InitVar[object]

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("only pull() makes a Held")


def pull(approved: Approved, source: Source, store: Store, *, progress: Progress | None = None) -> Held:
    """Put every approved layer into `store`, each digest once, those that are held and fresh not at all.

    Raise `ContentError` SM5001, SM5002 (not these bytes), what the source raises, `StorageError` SM7001 to SM7005;
    layers that were complete by then stay, the one that was not leaves nothing.
    """
    layers = approved.resolution.manifest.layers
    held = tuple(HeldLayer(position, layers[position]) for position in sorted(approved.decision.approved))
    # by size, too: a second row may state another one for the same digest, and that is a lie to be found
    for descriptor in {(row.descriptor.digest, row.descriptor.size): row.descriptor for row in held}.values():
        if not store.has(descriptor):
            with source.stream(descriptor) as chunks:
                store.put(descriptor, _reporting(descriptor, chunks, progress))
        elif progress is not None:
            progress(descriptor, descriptor.size)
    return Held(approved, held, seal=_SEAL)


def _reporting(descriptor: Descriptor, chunks: Iterator[bytes], progress: Progress | None) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        yield chunk
        done += len(chunk)
        if progress is not None:
            progress(descriptor, done)
