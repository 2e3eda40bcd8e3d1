"""A configuration as bytes: what the audit log keeps of it, so that a reviewer sees under which one a decision fell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from secmount.config.value import Config
from secmount.oci import canonical


def snapshot(config: Config) -> bytes:
    """Give the RFC 8785 bytes of every value and of where it came from. A configuration holds paths, no secrets."""
    return canonical.encode(_plain(config))


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
