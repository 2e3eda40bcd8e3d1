"""Where keys stand in a TOML document, for messages.

`tomllib` has no positions. A document's statements are found by growing line prefixes from the end of the statement
before: the shortest prefix that parses is one statement, as neither an open string nor an open array does. A key's line
is the first line of its statement.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from typing import Any

Path = tuple[str | int, ...]  # list elements by index

_AT = re.compile(r"\(at line ([0-9]+), column")


def line_of(err: ValueError) -> int | None:
    """Give the line that `tomllib` complains about, if it says one."""
    found = _AT.search(str(err))
    return int(found[1]) if found else None


def nearest_line(found: Mapping[Path, int], path: Path) -> int | None:
    """Give the line of the key at `path`, else of the nearest thing around it; `found` is what `lines` gave."""
    while path and path not in found:
        path = path[:-1]
    return found.get(path)


def lines(text: str) -> dict[Path, int]:
    """Give the line of every key of `text`, a TOML document that parses."""
    rows = text.replace("\r\n", "\n").split("\n")
    found: dict[Path, int] = {}
    counts: dict[Path, int] = {}  # elements so far of each array of tables
    base: Path = ()
    start = 0
    while start < len(rows):
        end, statement = _statement(rows, start)
        if rows[start].lstrip().startswith("["):
            base = _header(statement, counts, array=rows[start].lstrip().startswith("[["))
            for depth in range(1, len(base) + 1):
                found.setdefault(base[:depth], start + 1)
        else:
            for path in _paths(statement):
                found.setdefault(base + path, start + 1)
        start = end
    return found


def _statement(rows: list[str], start: int) -> tuple[int, Mapping[str, Any]]:
    """Parse the statement that begins at `rows[start]`; give the row after it, too.

    Only a row with a closing mark can end what the first row leaves open, so long lists take linear time.
    """
    for end in range(start + 1, len(rows) + 1):
        if end == start + 1 or any(mark in rows[end - 1] for mark in ("]", '"""', "'''")):
            try:
                return end, tomllib.loads("\n".join(rows[start:end]))
            except tomllib.TOMLDecodeError:
                continue
    return len(rows), {}


def _header(statement: Mapping[str, Any], counts: dict[Path, int], *, array: bool) -> Path:
    path: Path = ()
    value: Any = statement
    names: list[str] = []
    while isinstance(value, dict) and value:
        name, value = next(iter(value.items()))
        names.append(name)
        if isinstance(value, list):
            value = value[0]
    for at, name in enumerate(names):
        path = (*path, name)
        if array and at == len(names) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _paths(value: Any, base: Path = ()) -> list[Path]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, item in items for path in ((*base, key), *_paths(item, (*base, key)))]
