"""What may be set about talking to registries; every bound has a default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from types import MappingProxyType

from secmount.value import dataclass

TIMEOUT_MS = 30_000  # of one connection attempt, and of waiting for some bytes
ATTEMPTS = 4


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """`private_addresses` False refuses hosts whose addresses are not public ones (docs/operations.md).

    `deadline_ms` bounds all of a source's work, from its first request on. `realms` names, by a registry's host, other
    hosts whose token servers get its credentials. `environment` is where proxies are read from; None: the process's.
    """

    timeout_ms: int = TIMEOUT_MS
    deadline_ms: int | None = None
    attempts: int = ATTEMPTS
    private_addresses: bool = True
    user_agent: str = "secmount"
    realms: Mapping[str, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))
    environment: Mapping[str, str] | None = field(default=None, repr=False)  # a proxy's URL may hold a password
