"""Narrowing a finished tree: a subfolder or one file of it, and what patterns keep or leave out.

Nothing here can widen: it works on the value that met its obligations, and asks no source for anything. A link that led
into what was cut away leads out of the new root; the links are checked again.
"""

from __future__ import annotations

from secmount.errors import ContentError
from secmount.oci.layer import check_path
from secmount.tree.links import resolve
from secmount.tree.node import Directory, Dropped, Node
from secmount.tree.options import Selection


def narrow(root: Directory, wanted: Selection) -> tuple[Directory, tuple[Dropped, ...]]:
    """Give what `wanted` leaves of `root`, and what the patterns took away, only the topmost path of each.

    Raise `ContentError` SM5101 to SM5103 (not a path), SM5112, SM5127 (links on the way that lead out, or have no end),
    SM5124 (nothing there, or nothing left).
    """
    if wanted.subpath is not None:
        root = _cut(root, wanted.subpath)
    dropped: list[Dropped] = []
    if wanted.include or wanted.exclude:
        root = _filter(root, wanted, "", kept=not wanted.include, dropped=dropped)
    if not root.entries and wanted != Selection():
        raise ContentError("SM5124", got="nothing is left", want="at least one path")
    return root, tuple(dropped)


def _cut(root: Directory, subpath: str) -> Directory:
    """Give the folder at `subpath`, or a folder with nothing but the file there; links are followed inside the tree."""
    path = check_path(subpath.removesuffix("/"), subject="--subpath")
    node = resolve(root, path, subject="--subpath")
    if node is None:
        raise ContentError("SM5124", subject=path, got="nothing there", want="a path of the tree")
    return node if isinstance(node, Directory) else Directory({path.rpartition("/")[2]: node}, root.mtime, root.layer)


def _filter(folder: Directory, wanted: Selection, prefix: str, *, kept: bool, dropped: list[Dropped]) -> Directory:
    entries: dict[str, Node] = {}
    for name, node in folder.entries.items():
        path = prefix + name
        if any(pattern.matches(path) for pattern in wanted.exclude):
            dropped.append(Dropped(path, node.layer, "--exclude"))
            continue
        stays = kept or any(pattern.matches(path) for pattern in wanted.include)
        if isinstance(node, Directory):
            below: list[Dropped] = []
            node = _filter(node, wanted, path + "/", kept=stays, dropped=below)  # noqa: PLW2901
            stays = stays or bool(node.entries)
            dropped += below if stays else ()
        if stays:
            entries[name] = node
        else:
            dropped.append(Dropped(path, node.layer, "--include"))
    return Directory(entries, folder.mtime, folder.layer)
