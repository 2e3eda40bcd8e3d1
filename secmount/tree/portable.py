"""Names that other file systems do not have: Windows's, and those that fold case or normalise (macOS).

Collisions are always reported; `--portable` refuses them, and every name that Windows cannot store.
"""

from __future__ import annotations

import re
import unicodedata

from secmount.errors import ContentError
from secmount.tree.dump import walk
from secmount.tree.node import Directory

# Windows, "Naming Files, Paths, and Namespaces": reserved characters and names, no space or full stop at the end.
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\\ud800-\udfff]|[ .]\Z')
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\.|\Z)", re.IGNORECASE)


def collisions(root: Directory) -> tuple[tuple[str, ...], ...]:
    """List the groups of paths that a file system which folds case and normalises takes for one."""
    found: list[tuple[str, ...]] = []
    _collect(root, "", found)
    return tuple(found)


def check(root: Directory, colliding: tuple[tuple[str, ...], ...]) -> None:
    """Raise `ContentError` SM5117 (collisions) or SM5126 (a name that Windows cannot store)."""
    if colliding:
        raise ContentError("SM5117", got=", ".join(map(repr, colliding[0])), want="names that differ in more than case")
    for path, node in walk(root):
        name = path.rpartition("/")[2]
        if _UNFIT.search(name) or _RESERVED.match(name):
            subject = f"layer {node.layer}, entry {path!r}"
            raise ContentError("SM5126", subject=subject, got=repr(name), want="a name that every file system has")


def _collect(folder: Directory, prefix: str, found: list[tuple[str, ...]]) -> None:
    names = list(folder.entries)
    if len(set(map(_fold, names))) != len(names):
        groups: dict[str, list[str]] = {}
        for name in names:
            groups.setdefault(_fold(name), []).append(prefix + name)
        found += [tuple(group) for group in groups.values() if len(group) > 1]
    for name, node in folder.entries.items():
        if isinstance(node, Directory):
            _collect(node, f"{prefix}{name}/", found)


def _fold(name: str) -> str:
    if name.isascii():
        return name.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name).casefold())
