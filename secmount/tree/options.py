"""How a tree is made of an artifact; every field is part of what the tree is kept under."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from secmount.policy.glob import Pattern
from secmount.tree.limits import Limits
from secmount.value import dataclass

OnConflict = Literal["last-wins", "error"]


@dataclass(frozen=True, slots=True)
class Selection:
    """What of the tree is wanted; `subpath` is cut out first, and patterns are matched against what is then left.

    With `include`, a path stays if it or a directory above it matches one of them, or it is a directory above one that
    stays; `exclude` takes away whatever matches. Patterns are those of policies (`policy.glob.path`).
    """

    subpath: str | None = None
    include: tuple[Pattern, ...] = ()
    exclude: tuple[Pattern, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """`portable` refuses names that collide when case is folded, or that Windows cannot store."""

    on_conflict: OnConflict = "last-wins"
    portable: bool = False
    limits: Limits = field(default_factory=Limits)
    selection: Selection = field(default_factory=Selection)
