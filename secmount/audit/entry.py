"""One entry of the log, as appended or as read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from secmount.errors import StorageError
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """`raw` are the logged bytes. `index` is None where the record is not in the log (yet).

    Then `kept` says whether it waits in the reserve or, `repeated`, has been counted with denials like it.
    """

    index: int | None
    raw: bytes = field(repr=False)
    repeated: bool = False
    kept: bool = True

    @property
    def record(self) -> Mapping[str, Any]:
        """Parse the bytes; raise `StorageError` SM7113 if they are no record."""
        return parse(self.raw, self.index)


def parse(raw: bytes, index: int | None) -> dict[str, Any]:
    """Read an entry's bytes; raise `StorageError` SM7113. Only the log's own writing is read so, never a stranger's."""
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not isinstance(value.get("kind"), str) or not isinstance(value.get("time"), str):
        raise StorageError("SM7113", subject=f"entry {index}", got=repr(raw[:60]), want="an audit record")
    return value
