"""Symbolic links of a finished tree: none leaves it, by its letters or by what it leads through.

The letters are not enough: `a -> ..` inside `d` and `b -> d/a/..` each stay inside by their letters, and the second
leads out of the root (CVE-2026-85731 was such a chain). So every link is also followed in the tree as the kernel would.
"""

from __future__ import annotations

from collections.abc import Iterable

from secmount.errors import ContentError
from secmount.tree.limits import STEPS_LIMIT
from secmount.tree.node import Directory, Node, Symlink

LINKS_LIMIT = 40  # Linux's MAXSYMLINKS
_INSIDE = "a path inside the tree"


def check(root: Directory, links: Iterable[tuple[str, Symlink]]) -> None:
    """Raise `ContentError` SM5112 for a link that leads out of the tree, SM5127 for one without end.

    SM5107 where following all of them takes more than STEPS_LIMIT steps. One that leads to nothing is let be: it can do
    no harm, and trees that were narrowed have them.
    """
    steps = 0
    for path, link in links:
        subject = f"layer {link.layer}, entry {path!r}"
        if _leaves(path, link.target):
            raise ContentError("SM5112", subject=subject, got=f"target {link.target!r}", want=_INSIDE)
        _, taken = _follow(root, path, subject)
        steps += taken
        if steps > STEPS_LIMIT:
            raise ContentError("SM5107", subject=subject, got="links that are too long", want=f"{STEPS_LIMIT} steps")


def _leaves(path: str, target: str) -> bool:
    """Say whether `target`, written at `path`, leaves the root by its letters, at any step."""
    depth = path.count("/")
    for part in target.split("/"):
        depth += -1 if part == ".." else 0 if part in {"", "."} else 1
        if depth < 0:
            return True
    return target.startswith("/")


def resolve(root: Directory, path: str, *, subject: str) -> Node | None:
    """Follow `path` from `root`, links included, the last one too; give what is there, None if nothing is.

    Raise `ContentError` SM5112 where it leads out of the tree, SM5127 where there is no end.
    """
    return _follow(root, path, subject)[0]


def _follow(root: Directory, path: str, subject: str) -> tuple[Node | None, int]:
    trail = [root]
    rest, followed, steps = path.split("/")[::-1], 0, 0
    while rest:
        name, steps = rest.pop(), steps + 1
        if name in {"", "."}:
            continue
        if name == "..":
            if len(trail) == 1:
                raise ContentError("SM5112", subject=subject, got=f"{path!r}, which leads out", want=_INSIDE)
            trail.pop()
            continue
        node = trail[-1].entries.get(name)
        if isinstance(node, Symlink):
            followed += 1
            if followed > LINKS_LIMIT:
                raise ContentError("SM5127", subject=subject, got="links without end", want=f"at most {LINKS_LIMIT}")
            if node.target.startswith("/"):
                raise ContentError("SM5112", subject=subject, got=f"target {node.target!r} on the way", want=_INSIDE)
            rest += node.target.split("/")[::-1]
        elif isinstance(node, Directory):
            trail.append(node)
        elif any(part not in {"", "."} for part in rest):
            return None, steps
        else:
            return node, steps
    return trail[-1], steps
