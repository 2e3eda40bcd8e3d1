"""The way down from a held directory, one component at a time, for a reader that follows no link on it.

A descriptor is taken off the list before it is closed: an interrupt between the two may leave one open, but none is
closed twice, when its number may already be another file's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


@contextmanager
def descend(top: int, names: Iterable[str], enter: Callable[[str, int], int]) -> Iterator[int]:
    """Give the directory below `top` that `names` lead to, for a block; `top` itself stays the caller's.

    `enter` opens the directory of a name in that of a descriptor; what it raises passes through.
    """
    held: list[int] = []
    here = top
    try:
        for name in names:
            here = enter(name, here)
            held.append(here)
            if len(held) > 1:
                os.close(held.pop(0))
        yield here
    finally:
        while held:
            os.close(held.pop())
