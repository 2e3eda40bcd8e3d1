"""One artifact of one producer, and the tree that it must mount as."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.archives import Artifact

Contents = Mapping[str, str | bytes]  # a file's bytes, `/` for a directory, `-> target` for a link


@dataclass(frozen=True, slots=True)
class Row:
    """`what` is the producer's artifact, `mounts` what becomes of it, `source` who says so; the rest proves it."""

    producer: str
    what: str
    mounts: str
    source: str
    make: Callable[[Path], Artifact]
    contents: Contents
    executable: frozenset[str] = frozenset()
    mtimes: Mapping[str, int] | None = None  # seconds
    real: str = ""  # the interop test that runs the producer's own tool
