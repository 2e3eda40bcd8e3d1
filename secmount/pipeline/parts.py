"""What the pipeline works with, made by `app` and passed in; what may not be needed is made when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from secmount.audit.log import AuditLog
from secmount.mount.backend import Backend
from secmount.oci.instant import Clock
from secmount.oci.reference import Reference
from secmount.policy.engine import Engine
from secmount.policy.rules import Policy
from secmount.registry.source import Source
from secmount.store.cas import Store
from secmount.trust.root import TrustRoot
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Network:
    """What may be asked of registries, and how old an answer about a tag may be where they cannot be asked."""

    offline: bool = False
    pull: Literal["always", "missing", "never"] = "missing"
    stale_tags_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Parts:
    """The stages' tools; `random` gives unforeseeable bytes."""

    policy: Callable[[], Policy]
    open_source: Callable[[Reference], Source]
    open_elsewhere: Callable[[Reference], Source]  # another host than was named: options are for that one
    engine: Callable[[], Engine]
    store: Callable[[], Store]
    log: AuditLog
    backends: Callable[[], Mapping[str, Backend]]
    clock: Clock
    random: Callable[[int], bytes]
    kept_source: Callable[[], Source | None]  # what the store keeps, as a layout; None where there is no store yet
    network: Network
    default_root: Callable[[], TrustRoot]  # of the public-good Sigstore, as it is known here
    engine_name: str  # part of a memo's key: answers of one engine are not another's
    configuration: Callable[[], bytes]  # as the log keeps it
