"""What `push` and `sign` write to and read from, as configuration and options have it; and what this store pushed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from secmount.errors import InputError
from secmount.oci.digest import Digest
from secmount.oci.reference import LayoutReference, Reference, RegistryReference
from secmount.publish.layout import LayoutWriter
from secmount.registry.layout import LayoutSource
from secmount.store.cas import Store

if TYPE_CHECKING:
    from secmount.app.ways import Ways
    from secmount.config.value import Config
    from secmount.publish.remote import RegistryWriter
    from secmount.publish.writer import Writer
    from secmount.registry.source import Source


@contextmanager
def writer(reference: Reference, config: Config, ways: Ways, *, chunk_size: int | None = None) -> Iterator[Writer]:
    """Open the place that `reference` names, for writing.

    Raise `InputError` SM1018 (an archive), SM1039 (a registry, offline), and what opening it raises.
    """
    if isinstance(reference, LayoutReference):
        check_layout(reference)
        with LayoutWriter(reference.path) as layout:
            yield layout
    else:
        with _repository(reference, config, ways, chunk_size) as repository:
            yield repository


@contextmanager
def source(reference: Reference, config: Config, ways: Ways) -> Iterator[Source]:
    """Open the same place for reading; errors as in `writer`."""
    if isinstance(reference, LayoutReference):
        check_layout(reference)
        with LayoutSource(reference.path) as layout:
            yield layout
    else:
        check_online(reference, ways)
        from secmount.app import wire

        with wire.registry(reference.name, config, ways) as registry:
            yield registry


def check_layout(reference: LayoutReference) -> None:
    """Raise `InputError` SM1018 for an archive: it is not written to."""
    if reference.archive:
        raise InputError("SM1018", subject=reference.text, got="an archive", want="an oci: layout folder")


def check_online(reference: RegistryReference, ways: Ways) -> None:
    """Raise `InputError` SM1039 if no connection may be opened."""
    if ways.offline:
        raise InputError("SM1039", subject=reference.text, got="--offline", want="an oci: layout, or no --offline")


def known(config: Config, name: str, tag: str) -> Digest | None:
    """Say at which digest this store pushed a tag, or holds what was approved under it."""
    with Store(config.store, uid=os.geteuid()) as store:
        found = store.state.tags.get(name, tag)
    return None if found is None else found[0]


def remember(config: Config, reference: RegistryReference, digest: Digest) -> None:
    """Note what was pushed under a tag, so that `sign` takes the tag."""
    if reference.tag is not None:
        with Store(config.store, uid=os.geteuid()) as store:
            store.state.tags.put(reference.name, reference.tag, digest, time.time_ns() // 1_000_000)


def _repository(reference: RegistryReference, config: Config, ways: Ways, chunk_size: int | None) -> RegistryWriter:
    from secmount.app import naming, wire
    from secmount.publish.remote import RegistryWriter

    check_online(reference, ways)
    location = naming.hosts(config, ways).locate(reference.name)[-1]  # the primary: mirrors are read from
    return RegistryWriter(
        location, wire.credentials(config, ways), wire.settings(config, ways), wire.effects(), chunk_size=chunk_size
    )
