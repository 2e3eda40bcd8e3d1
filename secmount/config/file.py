"""config.toml, flags and environment to one `Config`. Design 3.2.

The file is `--config`, else `SECMOUNT_CONFIG`, else /etc/secmount/config.toml (root) or
$XDG_CONFIG_HOME/secmount/config.toml. As root nothing an ordinary user controls is believed: XDG_*, HOME and the other
SECMOUNT_* variables are ignored, and the file and its ancestors must belong to root (design, promise 11).
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from secmount.config.table import Table
from secmount.config.value import Config
from secmount.errors import InputError, Place, SecmountError, StorageError
from secmount.local import files
from secmount.local.toml import line_of

FILE_LIMIT = 1 << 20  # bytes
_FOLDERS = ("store", "policy", "audit", "state")
_SECTIONS = ("limits", "audit-log", "registry", "aliases")
_KEYS = (*_FOLDERS, "backend", "locked", "policy-engine", *_SECTIONS)
_LOCKABLE = frozenset({"store", "policy", "audit", "state", "backend"})
_REGISTRY_FLAGS = ("authfile", "ca-file")
_NOT_BELIEVED = frozenset({"SM7010", "SM7011", "SM7012"})  # whose it is, who can write to it, links


def load(flags: Mapping[str, str | None], environment: Mapping[str, str], *, uid: int) -> Config:
    """Build the configuration.

    `flags` holds `config`, `store`, `policy`, `authfile`, `ca-file` (absolute paths) and `backend`, or None.
    Raise `InputError` SM1101–SM1104, `StorageError` SM70xx where a file is not owned as promise 11 wants.
    """
    path, required = place(flags, environment, uid)
    table = _read(path, required=required, uid=uid)
    base = _defaults(environment, uid)
    values: dict[str, Any] = {}
    origin = dict.fromkeys(("store", "policy", "audit", "state", "backend"), "default")
    _take_file(table, values, origin)
    locked = values.get("locked", frozenset())
    given = {key: value for key in _REGISTRY_FLAGS if (value := flags.get(key)) is not None}
    words: dict[str, Any] = {key.replace("-", "_"): value for key, value in given.items()}
    values["registry"] = replace(values.get("registry", base.registry), **words)
    origin.update({f"registry.{key}": "flag" for key in given})
    overrides = {
        key: (value, "flag")
        for key, value in flags.items()
        if key not in ("config", *_REGISTRY_FLAGS) and value is not None
    }
    if uid != 0:
        for key in ("store", "policy"):
            value = environment.get(f"SECMOUNT_{key.upper()}")
            if value and key not in overrides:
                overrides[key] = (os.path.abspath(value), "environment")
    for key, (value, source) in overrides.items():
        if key in locked and values.get(key, getattr(base, key)) != value:
            raise InputError("SM1104", subject=key, got=f"{value!r} by {source}", want=f"what {path} says")
        values[key], origin[key] = value, source
    for key in ("audit", "state"):
        if key not in locked and origin["store"] != "default":
            values.setdefault(key, os.path.join(values["store"], key))
        elif "store" in table.values:  # locked: where the file's store has it, whatever a flag says
            values.setdefault(key, os.path.join(table.absolute("store"), key))
    return replace(base, **values, origin=origin)


def faults(path: str, *, uid: int) -> tuple[SecmountError, ...]:
    """Give everything that `load` refuses about the file at `path`: one error for each key."""
    try:
        whole = _read(path, required=True, uid=uid)
    except SecmountError as err:
        return (err,)
    found: list[SecmountError] = []
    for key, value in whole.values.items():
        inner = [{name: value[name]} for name in value] if isinstance(value, dict) and key in _KEYS else []
        for part in inner or [value]:
            try:
                _take_file(replace(whole, values={key: part}), {}, {})
            except InputError as err:
                found.append(err)
    return tuple(found)


def place(flags: Mapping[str, str | None], environment: Mapping[str, str], uid: int) -> tuple[str, bool]:
    """Give the path of the file, and whether it must be there because somebody named it."""
    chosen = flags.get("config") or environment.get("SECMOUNT_CONFIG")
    if chosen:
        return os.path.abspath(chosen), True
    if uid == 0:
        return "/etc/secmount/config.toml", False
    return os.path.join(_xdg(environment, "XDG_CONFIG_HOME", ".config"), "secmount", "config.toml"), False


def _xdg(environment: Mapping[str, str], name: str, below_home: str) -> str:
    value = environment.get(name, "")
    if os.path.isabs(value):
        return value
    return os.path.join(environment.get("HOME") or os.path.expanduser("~"), below_home)


def _defaults(environment: Mapping[str, str], uid: int) -> Config:
    if uid == 0:
        base, runtime, policy = "/var/lib/secmount", "/run/secmount", "/etc/secmount/policy"
        return Config(base, policy, f"{base}/audit", f"{base}/state", runtime)
    base = os.path.join(_xdg(environment, "XDG_DATA_HOME", ".local/share"), "secmount")
    state = os.path.join(_xdg(environment, "XDG_STATE_HOME", ".local/state"), "secmount")
    policy = os.path.join(_xdg(environment, "XDG_CONFIG_HOME", ".config"), "secmount", "policy")
    runtime = environment.get("XDG_RUNTIME_DIR", "")
    return Config(
        base, policy, f"{base}/audit", state, os.path.join(runtime if os.path.isabs(runtime) else state, "secmount-run")
    )


def _read(path: str, *, required: bool, uid: int) -> Table:
    if not os.path.lexists(path) and not required:
        return Table(path, "", {})
    try:
        data = files.read_owned(path, uid=uid, what="configuration file", limit=FILE_LIMIT)
    except StorageError as err:
        if err.code in _NOT_BELIEVED:
            raise
        code = "SM1102" if err.code == "SM7014" else "SM1101"
        raise InputError(code, subject=path, got=err.got, want=err.want) from err
    try:
        text = data.decode("utf-8")
        return Table(path, text, tomllib.loads(text))
    except (ValueError, RecursionError) as err:
        line = line_of(err) if isinstance(err, ValueError) else None
        raise InputError(
            "SM1102", subject=path, got=str(err), want="TOML 1.0 in UTF-8", place=Place(path, line)
        ) from err


def _take_file(table: Table, values: dict[str, Any], origin: dict[str, str]) -> None:
    table.known(_KEYS)
    for key in table.values:
        if key in _FOLDERS:
            values[key] = table.absolute(key)
        elif key == "backend":
            values[key] = table.text(key)
        elif key == "locked":
            values[key] = frozenset(table.texts(key, of=_LOCKABLE))
        elif key == "policy-engine":
            from secmount.config import sections  # they know what references look like, and most files have none

            values.update(sections.engine(table.table(key)))
        else:
            from secmount.config import sections

            values[key.replace("-", "_")] = sections.READERS[key](table.table(key))
        if isinstance(table.values[key], dict):
            origin.update((f"{key}.{name}", table.file) for name in table.values[key])
        else:
            origin[key] = table.file
