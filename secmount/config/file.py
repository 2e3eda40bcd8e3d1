"""config.toml, flags and environment to one `Config`. Design 3.2.

The file is `--config`, else `SECMOUNT_CONFIG`, else /etc/secmount/config.toml (root) or
$XDG_CONFIG_HOME/secmount/config.toml. As root nothing an ordinary user controls is believed: XDG_*, HOME and the other
SECMOUNT_* variables are ignored, and the file and its ancestors must belong to root (design, promise 11).
"""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from secmount.config.value import AuditLogSettings, Config
from secmount.errors import InputError, Place
from secmount.local import owned
from secmount.tree.limits import Limits

FILE_LIMIT = 1 << 20  # bytes
_FOLDERS = ("store", "policy", "audit", "state")
_KEYS = (*_FOLDERS, "backend", "locked", "limits", "policy-engine", "audit-log")
_LOCKABLE = frozenset({"store", "policy", "audit", "state", "backend"})
_LIMITS = {"entries": "entries", "unpacked-size": "unpacked", "ratio": "ratio"}
_AUDIT_LISTS = {"mask": "mask", "witness-files": "witness_files", "witness-commands": "witness_commands"}
_ENGINE = {"deadline-ms": "policy_deadline_ms", "memory-mib": "policy_memory_mib"}


def load(flags: Mapping[str, str | None], environment: Mapping[str, str], *, uid: int) -> Config:
    """Build the configuration; `flags` holds `config`, `store`, `policy`, `backend` (absolute folders) or None.

    Raise `InputError` SM1101–SM1104, `StorageError` SM70xx where a file is not owned as promise 11 wants.
    """
    path, required = _file(flags, environment, uid)
    table = _read(path, required=required, uid=uid) if path else {}
    base = _defaults(environment, uid)
    values: dict[str, Any] = {}
    origin = dict.fromkeys(("store", "policy", "audit", "state", "backend"), "default")
    _take_file(table, path or "", values, origin)
    locked = values.get("locked", frozenset())
    overrides = {key: (value, "flag") for key, value in flags.items() if key != "config" and value is not None}
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
        elif "store" in table:  # locked: where the file's store has it, whatever a flag says
            values.setdefault(key, os.path.join(_folder("store", table["store"], path or ""), key))
    return replace(base, **values, origin=origin)


def _file(flags: Mapping[str, str | None], environment: Mapping[str, str], uid: int) -> tuple[str | None, bool]:
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


def _read(path: str, *, required: bool, uid: int) -> dict[str, Any]:
    if not os.path.lexists(path) and not required:
        return {}
    try:
        owned.check_owned(path, uid=uid, what="configuration file")
        with open(path, "rb", opener=_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise InputError("SM1101", subject=path, got="not a regular file", want="a TOML file")
            data = file.read(FILE_LIMIT + 1)
    except OSError as err:
        raise InputError("SM1101", subject=path, got=err.strerror or str(err)) from err
    if len(data) > FILE_LIMIT:
        raise InputError("SM1102", subject=path, got=f"more than {FILE_LIMIT} bytes", want=f"at most {FILE_LIMIT}")
    try:
        return tomllib.loads(data.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as err:
        raise InputError("SM1102", subject=path, got=str(err), want="TOML 1.0 in UTF-8") from err


def _at_once(path: str, flags: int) -> int:
    """Open without waiting for somebody at the other end of a named pipe."""
    return os.open(path, flags | os.O_NONBLOCK)


def _take_file(table: dict[str, Any], path: str, values: dict[str, Any], origin: dict[str, str]) -> None:
    for key, value in table.items():
        if key in _FOLDERS:
            values[key] = _folder(key, value, path)
        elif key == "backend":
            values[key] = _text(key, value, path)
        elif key == "locked":
            values[key] = _locked(value, path)
        elif key == "limits":
            values[key] = replace(Limits(), **_whole(key, value, _LIMITS, path))
        elif key == "policy-engine":
            values.update(_whole(key, value, _ENGINE, path))
        elif key == "audit-log":
            values["audit_log"] = _audit_log(value, path)
        else:
            raise _misuse(key, _nearest(key, _KEYS), path)
        if key in origin:
            origin[key] = path


def _folder(key: str, value: object, path: str) -> str:
    text = _text(key, value, path)
    if not os.path.isabs(text):
        raise _misuse(f"{key} = {text!r}", "an absolute path", path)
    return os.path.normpath(text)


def _text(key: str, value: object, path: str) -> str:
    if not isinstance(value, str) or not value or "\0" in value:
        raise _misuse(f"{key} = {value!r}", "a text", path)
    return value


def _locked(value: object, path: str) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) and item in _LOCKABLE for item in value):
        raise _misuse(f"locked = {value!r}", f"a list of {', '.join(sorted(_LOCKABLE))}", path)
    return frozenset(value)


def _audit_log(value: object, path: str) -> AuditLogSettings:
    if not isinstance(value, dict):
        raise _misuse(f"audit-log = {value!r}", "a table", path)
    found: dict[str, Any] = {}
    for key, item in value.items():
        name = f"audit-log.{key}"
        if key == "key":
            found[key] = _folder(name, item, path)
        elif key not in _AUDIT_LISTS:
            raise _misuse(name, _nearest(key, ("key", *_AUDIT_LISTS)), path)
        elif not isinstance(item, list):
            raise _misuse(f"{name} = {item!r}", "a list", path)
        else:
            read = _text if key == "mask" else _folder
            found[_AUDIT_LISTS[key]] = tuple(read(name, each, path) for each in item)
    return AuditLogSettings(**found)


def _whole(section: str, value: object, names: Mapping[str, str], path: str) -> dict[str, int]:
    if not isinstance(value, dict):
        raise _misuse(f"{section} = {value!r}", "a table", path)
    for key, item in value.items():
        if key not in names:
            raise _misuse(f"{section}.{key}", _nearest(key, tuple(names)), path)
        if type(item) is not int or item < 1:
            raise _misuse(f"{section}.{key} = {item!r}", "a whole number of at least 1", path)
    return {names[key]: item for key, item in value.items()}


def _nearest(key: str, known: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(key, known, 1)
    return f"{close[0]}" if close else f"one of {', '.join(known)}"


def _misuse(got: str, want: str, path: str) -> InputError:
    return InputError("SM1103", subject=path, got=got, want=want, place=Place(path))
