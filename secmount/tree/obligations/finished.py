"""What the decision asks of the finished tree: every final path is held against it, archive members and hard links too.

What is forbidden is looked for before anything is withheld: a path that the floor forbids refuses the artifact even
where a rule would only withhold it. A file is withheld under all of its names as soon as one of them is: a hard link is
no second file. Design 3.3, 3.4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from secmount.errors import ContentError
from secmount.oci.digest import Digest
from secmount.policy.decision import Obligations
from secmount.policy.glob import Pattern
from secmount.tree.dump import walk
from secmount.tree.node import Directory, File, Node, Symlink

Withheld = tuple[tuple[str, str], ...]  # (path, reason)


def meet(root: Directory, asked: Obligations) -> tuple[Directory, Withheld]:
    """Give `root` without what is to be withheld, and the list of that.

    Raise `ContentError` SM5118 (a forbidden path) or SM5119 (a file with a forbidden digest).
    """
    _forbid(root, asked)
    reasons: dict[str, str] = {}
    names: dict[int, str] = {}  # of withheld files, by identity
    for path, node in walk(root) if asked.exclude else ():
        above = reasons.get(path.rpartition("/")[0])
        pattern = _matching(asked.exclude, path) if above is None else None
        if above is not None or pattern is not None:
            reasons[path] = above or f"exclude {pattern}"
            if isinstance(node, File):
                names.setdefault(id(node), path)
    if not reasons:
        return root, ()
    for path, node in walk(root):
        if path not in reasons and id(node) in names:
            reasons[path] = f"hard link of {names[id(node)]}"
    return without(root, reasons), tuple(sorted(reasons.items()))


def check_files(root: Directory, wanted: Mapping[str, Digest], withheld: Withheld, *, partial: bool) -> None:
    """Hold the tree against a signed list of files: the same paths, the same digests, no link.

    If `partial`, a path of the list may be missing that was withheld, and no other. Raise `ContentError` SM5120.
    """
    found: dict[str, File] = {}
    for path, node in walk(root):
        if isinstance(node, Symlink):
            raise ContentError("SM5120", subject=path, got="a symlink", want="the files that were signed")
        if isinstance(node, File):
            found[path] = node
    gone = {path for path, _ in withheld} if partial else set[str]()
    for path in sorted(wanted.keys() | found.keys()):
        file, digest = found.get(path), wanted.get(path)
        got = str(file.digest) if file else "no such file"
        if digest is None:
            raise ContentError("SM5120", subject=path, got=got, want="no file that the signature does not name")
        if file.digest != digest if file else path not in gone:
            raise ContentError("SM5120", subject=path, got=got, want=str(digest))


def without(root: Directory, paths: Mapping[str, str], prefix: str = "") -> Directory:
    """Give `root` without `paths`; directories in which nothing changes are the same values."""
    entries: dict[str, Node] = {}
    for name, node in root.entries.items():
        path = prefix + name
        if path not in paths:
            entries[name] = without(node, paths, path + "/") if isinstance(node, Directory) else node
    same = len(entries) == len(root.entries) and all(entries[name] is node for name, node in root.entries.items())
    return root if same else Directory(entries, root.mtime, root.layer)


def _forbid(root: Directory, asked: Obligations) -> None:
    if not asked.forbid_paths and not asked.forbid_digests:
        return
    for path, node in walk(root):
        pattern = _matching(asked.forbid_paths, path)
        if pattern is not None:
            raise ContentError("SM5118", subject=f"layer {node.layer}, entry {path!r}", got=path, want=f"no {pattern}")
        if isinstance(node, File) and node.digest in asked.forbid_digests:
            raise ContentError("SM5119", subject=f"layer {node.layer}, entry {path!r}", got=str(node.digest))


def _matching(patterns: Sequence[Pattern], path: str) -> str | None:
    return next((pattern.text for pattern in patterns if pattern.matches(path)), None)
