"""What a table needs of the database, and the strict reading of its values."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from secmount.errors import InputError, StorageError
from secmount.oci.digest import Digest

Value = str | int | None


class Connection(Protocol):
    """An open database. Faults are `StorageError`: SM7001 full, SM7006 busy, SM7020 damaged, SM7002, SM7003, SM7005."""

    @property
    def path(self) -> str:
        """Where the database lies, for messages."""

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Give the rows of one query."""

    def run(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Change rows, durable on return outside of a transaction; give their number."""

    def transaction(self) -> AbstractContextManager[None]:
        """Make the block's changes one durable step; an exception undoes them. Blocks may be nested."""


def read_digest(text: str, path: str) -> Digest:
    """Parse a digest that a row holds; raise `StorageError` SM7020."""
    try:
        return Digest.parse(text)
    except InputError as err:
        raise StorageError("SM7020", subject=path, got=f"digest {text!r}") from err


def write_text(text: str) -> str:
    """Write a path or name as a JSON string: odd bytes of a path are surrogates, which SQLite's texts cannot hold."""
    return json.dumps(text)


def read_text(text: str, path: str) -> str:
    """Read what `write_text` wrote; raise `StorageError` SM7020."""
    try:
        value = json.loads(text)
    except ValueError as err:
        raise StorageError("SM7020", subject=path, got=f"text {text!r}") from err
    if not isinstance(value, str):
        raise StorageError("SM7020", subject=path, got=f"text {text!r}")
    return value


def write_list(values: Sequence[str]) -> str:
    """Write texts as a JSON list."""
    return json.dumps(list(values), separators=(",", ":"))


def read_list(text: str, path: str) -> tuple[str, ...]:
    """Read what `write_list` wrote; raise `StorageError` SM7020."""
    try:
        value = json.loads(text)
    except ValueError as err:
        raise StorageError("SM7020", subject=path, got=f"list {text!r}") from err
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise StorageError("SM7020", subject=path, got=f"list {text!r}")
    return tuple(value)
