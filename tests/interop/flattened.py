"""What secmount makes of a layout, and what a folder or an archive of another tool holds, in one form to compare."""

from __future__ import annotations

import hashlib
import io
import os
import posixpath
import tarfile
from pathlib import Path

from secmount.oci.reference import parse
from secmount.policy.decision import Obligations
from secmount.registry.layout import LayoutSource
from secmount.registry.resolve import resolve
from secmount.store.cas import Store
from secmount.store.pull import pull
from secmount.tree.build import build
from secmount.tree.dump import walk
from secmount.tree.node import File, Symlink
from tests.support.stores import approve

Rows = dict[str, tuple[str, str]]  # path: (f, content digest), (l, target) or (d, "")


def ours(layout: Path, tag: str, store: Path) -> Rows:
    """Build the tree of an artifact in an OCI layout."""
    reference = parse(f"oci:{layout}:{tag}", cwd="/")
    source = LayoutSource(str(layout))
    resolution = resolve(reference, source, name="test", name_source="asked", platform=None)
    with Store(str(store), uid=os.getuid()) as opened:
        held = pull(approve(resolution, obligations=Obligations(symlinks="any")), source, opened)
        tree = build(held, opened)
        rows: Rows = {}
        for path, node in walk(tree.root):
            if isinstance(node, File):
                rows[path] = ("f", node.digest.hex)
            else:
                rows[path] = ("l", node.target) if isinstance(node, Symlink) else ("d", "")
        return rows


def folder(root: Path) -> Rows:
    """Read a folder that a tool wrote."""
    rows: Rows = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            rows[name] = ("l", os.readlink(path))
        elif path.is_dir():
            rows[name] = ("d", "")
        else:
            rows[name] = ("f", hashlib.sha256(path.read_bytes()).hexdigest())
    return rows


def exported(data: bytes) -> Rows:
    """Read an archive that lists each path once, in any order; hard links are the files that they lead to."""
    rows: Rows = {}
    links: dict[str, str] = {}
    with tarfile.open(fileobj=io.BytesIO(data)) as read:
        for member in read:
            name = posixpath.normpath(member.name)
            if member.issym():
                rows[name] = ("l", member.linkname)
            elif member.islnk():
                links[name] = posixpath.normpath(member.linkname)
            elif member.isdir():
                rows[name] = ("d", "")
            else:
                content = read.extractfile(member)
                assert content is not None
                rows[name] = ("f", hashlib.sha256(content.read()).hexdigest())
    while links:
        rows.update({name: rows[target] for name, target in links.items() if target in rows})
        links = {name: target for name, target in links.items() if name not in rows}
    for name in list(rows):
        while name := posixpath.dirname(name):
            rows.setdefault(name, ("d", ""))
    rows.pop(".", None)
    return rows
