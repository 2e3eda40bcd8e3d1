"""What a command has to show, before it is known whether as text or JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any

from secmount.errors import SecmountError
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """`fields` are the verb's own JSON fields, `text` its lines for people; an `error` decides the exit status."""

    verb: str
    text: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    artifact: Mapping[str, Any] | None = None
    decision: Mapping[str, Any] | None = None
    error: SecmountError | None = None
    warnings: tuple[str, ...] = ()
    exit: int = 0
    lines: Iterable[str] | None = None  # printed as they come, instead of text and document (`audit log`)
