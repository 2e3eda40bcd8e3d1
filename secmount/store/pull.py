"""Fetch the approved layers into the store.

`pull` is the only maker of `Held`, and the only code that asks a source for content; it needs an `Approved` for
that. What was withheld is not asked for. This guards against mistakes, not against hostile Python in the process.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import InitVar

from secmount.errors import RegistryError
from secmount.oci.descriptor import Descriptor
from secmount.policy.decision import Approved
from secmount.registry.source import AGAIN, Source
from secmount.store.cas import Store
from secmount.value import dataclass

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


def pull(
    approved: Approved, source: Source, store: Store, *, progress: Progress | None = None, workers: int = 1
) -> Held:
    """Put every approved layer into `store`, each digest once, those that are held and fresh not at all.

    `workers` layers are fetched at once; then `source` and `progress` are used from as many threads. Raise
    `ContentError` SM5001, SM5002 (not these bytes), what the source raises, `StorageError` SM7001 to SM7005; layers
    that were complete by then stay, those that were not leave nothing.
    """
    layers = approved.resolution.manifest.layers
    held = tuple(HeldLayer(position, layers[position]) for position in sorted(approved.decision.approved))
    missing: list[Descriptor] = []
    # by size, too: a second row may state another one for the same digest, and that is a lie to be found
    for descriptor in {(row.descriptor.digest, row.descriptor.size): row.descriptor for row in held}.values():
        if not store.has(descriptor):
            missing.append(descriptor)
        elif progress is not None:
            progress(descriptor, descriptor.size)
    _fetch(missing, source, store, progress, workers)
    return Held(approved, held, seal=_SEAL)


def _fetch(missing: list[Descriptor], source: Source, store: Store, progress: Progress | None, workers: int) -> None:
    stop = threading.Event()

    def fetch(descriptor: Descriptor) -> None:
        while not stop.is_set():
            try:
                with source.stream(descriptor) as chunks:
                    store.put(descriptor, _reporting(descriptor, chunks, progress, stop))
                return
            except RegistryError as err:
                if err.code != AGAIN:
                    raise

    if workers == 1 or len(missing) < 2:
        for descriptor in missing:
            fetch(descriptor)
        return
    _at_once(fetch, missing, workers, stop)


def _at_once(
    fetch: Callable[[Descriptor], None], missing: list[Descriptor], workers: int, stop: threading.Event
) -> None:
    """Work in threads that do not keep an interrupted program alive; the first failure stops all of them."""
    waiting, failures = deque(missing), list[BaseException]()

    def work() -> None:
        try:
            while not stop.is_set() and (descriptor := _next(waiting)) is not None:
                fetch(descriptor)
        except BaseException as err:  # noqa: BLE001  # raised again by the thread that waits
            failures.append(err)
            stop.set()

    threads: list[threading.Thread] = []
    try:
        for _ in range(min(workers, len(missing))):
            thread = threading.Thread(target=work, daemon=True)
            try:
                thread.start()
            except RuntimeError:  # there may be no more threads: those that are there do it all
                break
            threads.append(thread)
        if not threads:
            work()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.1)  # in steps, so that an interrupt gets through
    finally:
        stop.set()
    if failures:
        raise failures[0]


def _next(waiting: deque[Descriptor]) -> Descriptor | None:
    try:
        return waiting.popleft()
    except IndexError:
        return None


class _StoppedError(Exception):
    """Another layer failed; raised only where nobody looks."""


def _reporting(
    descriptor: Descriptor, chunks: Iterator[bytes], progress: Progress | None, stop: threading.Event
) -> Iterator[bytes]:
    done = 0
    for chunk in chunks:
        if stop.is_set():
            raise _StoppedError
        yield chunk
        done += len(chunk)
        if progress is not None:
            progress(descriptor, done)
