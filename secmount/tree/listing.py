"""A tree as `inspect --tree` shows it: every path and its layer, and everything that is not there and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from secmount.oci import instant
from secmount.tree.dump import escape, walk
from secmount.tree.node import File, Symlink, Tree

_MS = 1_000_000  # nanoseconds


class Line(NamedTuple):
    """One path of a tree; `digest` and `target` are None where the type has none, `mtime` is in nanoseconds."""

    path: str
    type: str  # f, d or l
    mode: int
    size: int
    digest: str | None
    target: str | None
    layer: int
    mtime: int


def lines(tree: Tree) -> Iterator[Line]:
    """Give the paths of `tree` in the order of its dump, the root left out."""
    for path, node in walk(tree.root):
        if isinstance(node, File):
            mode = 0o555 if node.executable else 0o444
            yield Line(path, "f", mode, node.size, str(node.digest), None, node.layer, node.mtime)
        elif isinstance(node, Symlink):
            yield Line(path, "l", 0o777, 0, None, node.target, node.layer, node.mtime)
        else:
            yield Line(path, "d", 0o555, 0, None, None, node.layer, node.mtime)


def document(tree: Tree) -> dict[str, Any]:
    """Give the same as JSON values.

    A name that is not UTF-8 is written as the dump writes it, and its row has `escaped: true`; times are RFC 3339, null
    outside of the years 1970 to 9999.
    """
    return {
        "digest": str(tree.digest),
        "files": tree.files,
        "bytes": tree.bytes,
        "paths": [_row(line) for line in lines(tree)],
        "withheld": [{**_path(path), "reason": reason} for path, reason in tree.withheld],
        "dropped": [{**_path(drop.path), "layer": drop.layer, "reason": drop.reason} for drop in tree.dropped],
        "collisions": [[_path(path)["path"] for path in group] for group in tree.collisions],
    }


def _row(line: Line) -> dict[str, Any]:
    return {
        **_path(line.path),
        "type": {"f": "file", "d": "directory", "l": "symlink"}[line.type],
        "mode": f"{line.mode:04o}",
        "size": line.size,
        "digest": line.digest,
        "target": None if line.target is None else _path(line.target)["path"],
        "layer": line.layer,
        "mtime": _time(line.mtime),
    }


def _path(path: str) -> dict[str, Any]:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return {"path": escape(path), "escaped": True}
    return {"path": path, "escaped": False}


def _time(ns: int) -> str | None:
    try:
        return instant.render(ns // _MS) if ns >= 0 else None
    except OverflowError:
        return None
