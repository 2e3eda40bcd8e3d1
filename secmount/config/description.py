"""Every key of config.toml: what it says, its form, how it stands in a `Config`; and the JSON Schema made of that.

`config show` and `config schema` read this table, a test compares it with what `config.file` accepts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import field
from types import MappingProxyType
from typing import Any

from secmount.config.value import Config
from secmount.value import dataclass

ID = "https://secmount.dev/schema/config-v1.json"
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))


@dataclass(frozen=True, slots=True)
class Key:
    """A key, dotted as in `registry.timeout`; `get` gives its value as the file would write it, None if not set."""

    name: str
    says: str
    form: Mapping[str, Any] = field(hash=False)
    get: Callable[[Config], Any]


def duration(ms: int | None) -> str | None:
    """Write milliseconds as the file does: `30s`, `24h`."""
    if ms is None:
        return None
    unit, size = next((unit, size) for unit, size in _UNITS if ms % size == 0)
    return f"{ms // size}{unit}"


def _form(**words: Any) -> Mapping[str, Any]:
    return MappingProxyType(words)


def _whole(most: int) -> Mapping[str, Any]:
    return _form(type="integer", minimum=1, maximum=most)


_PATH = _form(type="string", pattern="^/", examples=["/srv/secmount"])
_PATHS = _form(type="array", items={"type": "string", "pattern": "^/"})
_DURATION = _form(type="string", pattern="^[1-9][0-9]{0,8}(ms|s|m|h|d)$", examples=["30s", "24h"])
_LOCKABLE = ["audit", "backend", "policy", "state", "store"]

KEYS = (
    Key("store", "Where artifacts are held, and the log unless `audit` says otherwise.", _PATH, lambda c: c.store),
    Key("policy", "The policy folder.", _PATH, lambda c: c.policy),
    Key("audit", "Where the audit log lies.", _PATH, lambda c: c.audit),
    Key("state", "Compiled policies, kernel probes, remembered checkpoints.", _PATH, lambda c: c.state),
    Key("backend", "How trees become visible.", _form(type="string", enum=["erofs", "copy"]), lambda c: c.backend),
    Key(
        "locked",
        "Keys that neither options nor the environment change.",
        _form(type="array", items={"enum": _LOCKABLE}, uniqueItems=True),
        lambda c: sorted(c.locked),
    ),
    Key("limits.entries", "Files and folders of one artifact.", _whole(100_000_000), lambda c: c.limits.entries),
    Key("limits.unpacked-size", "Bytes that an artifact unpacks to.", _whole(1 << 50), lambda c: c.limits.unpacked),
    Key("limits.ratio", "Unpacked to packed bytes of a layer.", _whole(1 << 20), lambda c: c.limits.ratio),
    Key("policy-engine.deadline-ms", "Time for one decision.", _whole(600_000), lambda c: c.policy_deadline_ms),
    Key("policy-engine.memory-mib", "Memory for one decision.", _whole(4096), lambda c: c.policy_memory_mib),
    Key("audit-log.key", "The log's signing key, instead of one in its folder.", _PATH, lambda c: c.audit_log.key),
    Key(
        "audit-log.mask",
        "JSON pointers into records: what stands there is replaced by a salted hash.",
        _form(type="array", items={"type": "string", "pattern": "^/"}),
        lambda c: list(c.audit_log.mask),
    ),
    Key(
        "audit-log.witness-files", "Files that get every checkpoint.", _PATHS, lambda c: list(c.audit_log.witness_files)
    ),
    Key(
        "audit-log.witness-commands",
        "Programs that get every checkpoint on their input.",
        _PATHS,
        lambda c: list(c.audit_log.witness_commands),
    ),
    Key("registry.authfile", "Credentials, as podman writes them.", _PATH, lambda c: c.registry.authfile),
    Key("registry.ca-file", "More certificate authorities, PEM.", _PATH, lambda c: c.registry.ca_file),
    Key(
        "registry.helpers",
        "Credential helpers: name to program. As root no others run.",
        _form(type="object", additionalProperties={"type": "string", "pattern": "^/"}),
        lambda c: dict(c.registry.helpers),
    ),
    Key(
        "registry.realms",
        "Other hosts whose token servers get the credentials of a registry: host to hosts.",
        _form(type="object", additionalProperties={"type": "array", "items": {"type": "string"}}),
        lambda c: {host: sorted(others) for host, others in c.registry.realms.items()},
    ),
    Key("registry.timeout", "For each answer of a registry.", _DURATION, lambda c: duration(c.registry.timeout_ms)),
    Key("registry.deadline", "For all that a command asks.", _DURATION, lambda c: duration(c.registry.deadline_ms)),
    Key("registry.attempts", "How often something is asked.", _whole(20), lambda c: c.registry.attempts),
    Key(
        "registry.private-addresses",
        "Whether registries at loopback, link-local and private addresses are asked.",
        _form(type="boolean"),
        lambda c: c.registry.private_addresses,
    ),
    Key(
        "registry.stale-tags",
        "How old a kept tag may be when its registry does not answer; not set: it is not used.",
        _DURATION,
        lambda c: duration(c.registry.stale_tags_ms),
    ),
    Key(
        "aliases",
        'Short names: `bert = "ghcr.io/acme/bert"`.',
        _form(type="object", additionalProperties={"type": "string"}),
        lambda c: dict(c.aliases),
    ),
)


@dataclass(frozen=True, slots=True)
class Value:
    """A key with its value, and where that comes from: `default`, `environment`, `flag` or the file's path."""

    name: str
    value: Any = field(hash=False)
    origin: str
    locked: bool


def values(config: Config) -> tuple[Value, ...]:
    """Give every key as it stands."""
    return tuple(Value(key.name, key.get(config), _origin(config, key.name), key.name in config.locked) for key in KEYS)


def _origin(config: Config, name: str) -> str:
    inner = [
        source for key, source in config.origin.items() if key.startswith(f"{name}.")
    ]  # of a table such as aliases
    return config.origin.get(name) or (inner[0] if inner else "default")


def schema() -> dict[str, Any]:
    """Give the JSON Schema of config.toml (draft 2020-12), for editors: `#:schema` in the first line names it."""
    root: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "config.toml of secmount",
        "type": "object",
        "additionalProperties": False,
        "properties": {},
    }
    for key in KEYS:
        table, _, name = key.name.rpartition(".")
        place = root["properties"]
        if table:
            empty = {"type": "object", "additionalProperties": False, "properties": {}}
            place = place.setdefault(table, empty)["properties"]
        place[name] = {"description": key.says, **key.form}
    return root
