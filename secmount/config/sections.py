"""The sections of config.toml as values: which keys there are, and their ranges."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from secmount.config.table import Table
from secmount.config.value import AuditLogSettings, RegistrySettings
from secmount.errors import InputError
from secmount.oci import reference
from secmount.tree.limits import Limits

_LIMITS = {"entries": ("entries", 100_000_000), "unpacked-size": ("unpacked", 1 << 50), "ratio": ("ratio", 1 << 20)}
_ENGINE = {"deadline-ms": ("policy_deadline_ms", 600_000), "memory-mib": ("policy_memory_mib", 4096)}  # wasm32: 4 GiB
_AUDIT_LISTS = {"mask": "mask", "witness-files": "witness_files", "witness-commands": "witness_commands"}
_REGISTRY = (
    "authfile",
    "ca-file",
    "helpers",
    "realms",
    "timeout",
    "deadline",
    "attempts",
    "private-addresses",
    "stale-tags",
)
_HELPER = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)  # the suffix of docker-credential-*
_HOST = re.compile(r"[a-z0-9]+(?:[.-]+[a-z0-9]+)*(?::[0-9]{1,5})?", re.ASCII)
_SHORT = re.compile(r"[a-z0-9]+(?:[._/-]+[a-z0-9]+)*", re.ASCII)


def limits(table: Table) -> Limits:
    """Read `[limits]`."""
    return replace(Limits(), **_whole(table, _LIMITS))


def engine(table: Table) -> dict[str, int]:
    """Read `[policy-engine]`."""
    return _whole(table, _ENGINE)


def audit_log(table: Table) -> AuditLogSettings:
    """Read `[audit-log]`."""
    table.known(("key", *_AUDIT_LISTS))
    found: dict[str, Any] = {"key": table.absolute("key")} if "key" in table.values else {}
    for key, name in _AUDIT_LISTS.items():
        if key in table.values:
            found[name] = table.texts(key, paths=key != "mask")
    return AuditLogSettings(**found)


def registry(table: Table) -> RegistrySettings:
    """Read `[registry]`."""
    table.known(_REGISTRY)
    values, found = table.values, RegistrySettings()
    if "authfile" in values:
        found = replace(found, authfile=table.absolute("authfile"))
    if "ca-file" in values:
        found = replace(found, ca_file=table.absolute("ca-file"))
    if "helpers" in values:
        found = replace(found, helpers=_helpers(table.table("helpers")))
    if "realms" in values:
        found = replace(found, realms=_realms(table.table("realms")))
    if "timeout" in values:
        found = replace(found, timeout_ms=table.duration("timeout", least="100ms", most="10m"))
    if "deadline" in values:
        found = replace(found, deadline_ms=table.duration("deadline", least="1s", most="7d"))
    if "attempts" in values:
        found = replace(found, attempts=table.whole("attempts", most=20))
    if "private-addresses" in values:
        found = replace(found, private_addresses=table.flag("private-addresses"))
    if "stale-tags" in values:
        found = replace(found, stale_tags_ms=table.duration("stale-tags", least="1m", most="365d"))
    return found


def aliases(table: Table) -> dict[str, str]:
    """Read `[aliases]`: short names to full ones, neither with a tag or digest."""
    found = {}
    for short in table.values:
        full = table.text(short)
        if not _SHORT.fullmatch(short) or is_full(short):
            raise table.misuse(short, got=table.spell(short), want="a short name, such as bert or acme/bert")
        try:
            found[short] = reference.registry_name(full)
        except InputError as err:
            raise table.wrong(short, "a full name without tag or digest, such as ghcr.io/acme/bert") from err
    return found


def is_full(name: str) -> bool:
    """Say whether `name` begins with a host."""
    first, slash, _ = name.partition("/")
    return bool(slash) and (first == "localhost" or any(mark in first for mark in ".:["))


def _helpers(table: Table) -> dict[str, str]:
    for name in table.values:
        if not _HELPER.fullmatch(name):
            raise table.misuse(name, got=table.spell(name), want="a name of letters, digits, '_', '.', '-'")
    return {name: table.absolute(name) for name in table.values}


def _realms(table: Table) -> dict[str, frozenset[str]]:
    found = {}
    for host in table.values:
        servers = table.texts(host)
        if not all(_HOST.fullmatch(name) for name in (host, *servers)) or any(":" in name for name in servers):
            raise table.wrong(host, "HOST[:PORT] = [HOST, …], in lower case")
        found[host] = frozenset(servers)
    return found


def _whole(table: Table, names: Mapping[str, tuple[str, int]]) -> dict[str, int]:
    table.known(tuple(names))
    return {names[key][0]: table.whole(key, most=names[key][1]) for key in table.values}


READERS: Mapping[str, Callable[[Table], Any]] = MappingProxyType(
    {"limits": limits, "audit-log": audit_log, "registry": registry, "aliases": aliases}
)
