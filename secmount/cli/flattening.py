"""The options that narrow or change the flattened tree."""

from __future__ import annotations

from typing import Annotated

import typer

from secmount.errors import InputError
from secmount.policy import glob
from secmount.policy.glob import Pattern
from secmount.tree.options import Options, Selection

Subpath = Annotated[
    str | None, typer.Option("--subpath", metavar="PATH", help="Mount this folder or file of the tree alone.")
]
Include = Annotated[
    list[str] | None, typer.Option("--include", metavar="PATTERN", help="Only these of the finished tree.")
]
Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="Without these of the finished tree.")
]
Portable = Annotated[bool, typer.Option("--portable", help="Refuse names that collide when case is folded.")]
OnConflict = Annotated[
    str, typer.Option("--on-conflict", metavar="last-wins|error", help="When two layers have one path.")
]


def options(
    *,
    subpath: str | None = None,
    include: list[str] | None = None,
    exclude: list[str] | None = None,
    portable: bool = False,
    on_conflict: str = "last-wins",
) -> Options:
    """Read them; raise `InputError` SM1010 for a pattern or word that is none."""
    if on_conflict not in ("last-wins", "error"):
        raise InputError("SM1010", subject="--on-conflict", got=on_conflict, want="last-wins or error")
    selection = Selection(subpath, _patterns("--include", include), _patterns("--exclude", exclude))
    return Options("error" if on_conflict == "error" else "last-wins", portable, selection=selection)


def _patterns(option: str, texts: list[str] | None) -> tuple[Pattern, ...]:
    found = []
    for text in texts or ():
        try:
            found.append(glob.path(text))
        except ValueError as err:
            raise InputError("SM1010", subject=option, got=repr(text), want=err) from err
    return tuple(found)
