"""The configuration as a value, and where each value came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from secmount.tree.limits import Limits
from secmount.value import dataclass

POLICY_DEADLINE_MS = 2_000  # a decision takes 2 ms; a cold compile of the program up to 1.1 s on a busy machine
POLICY_MEMORY_MIB = 64


@dataclass(frozen=True, slots=True)
class AuditLogSettings:
    """`[audit-log]`: a key file instead of the folder's own, what is masked (JSON pointers), who sees checkpoints."""

    key: str | None = None
    mask: tuple[str, ...] = ()
    witness_files: tuple[str, ...] = ()
    witness_commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    """`[registry]`: how registries are asked.

    `helpers`: credential helpers by name, as root the only ones that run. `stale_tags_ms`: how old a kept tag may be
    when its registry does not answer; None: it is not used. `realms`: by a registry's host, other hosts whose
    token servers get its credentials.
    """

    authfile: str | None = None
    ca_file: str | None = None
    helpers: Mapping[str, str] = field(default_factory=dict, hash=False)
    realms: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)
    timeout_ms: int = 30_000  # for each read
    deadline_ms: int | None = None  # for everything a command asks
    attempts: int = 4
    private_addresses: bool | None = None  # None: as the face has it (commands: yes; webhook and csi: no)
    stale_tags_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """Absolute folders and bounds; `origin` says for each key: default, the file, environment or flag."""

    store: str
    policy: str
    audit: str
    state: str
    runtime: str
    backend: str | None = None
    locked: frozenset[str] = frozenset()
    limits: Limits = field(default_factory=Limits)
    audit_log: AuditLogSettings = AuditLogSettings()
    policy_deadline_ms: int = POLICY_DEADLINE_MS
    policy_memory_mib: int = POLICY_MEMORY_MIB
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    aliases: Mapping[str, str] = field(default_factory=dict, hash=False)  # short name to full name
    origin: Mapping[str, str] = field(default_factory=dict, hash=False)
