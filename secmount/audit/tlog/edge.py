"""The right edge of the tree: what a writer must know to append in O(log n), in memory and by value.

`peaks` are the complete subtrees of the entries so far, widest first; `leaves` the hashes of the last, partial bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field

from secmount.audit.tlog import merkle, tiles
from secmount.value import dataclass


@dataclass(slots=True)
class Edge:
    """Grows by `add`; `completed` collects the tile hashes that a full bundle gives to the levels above."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)

    def add(self, entry: bytes) -> list[tuple[int, int, bytes]]:
        """Take one entry; give (level, number, hash) for each tile hash above level 0 that it completed."""
        found = merkle.leaf(entry)
        if len(self.leaves) == tiles.WIDTH:
            self.leaves = []
        self.leaves.append(found)
        risen, at, height = [], self.size, 0
        while at & 1:
            found = merkle.node(self.peaks.pop(), found)
            at, height = at >> 1, height + 1
            if height % 8 == 0:
                risen.append((height // 8, at, found))
        self.peaks.append(found)
        self.size += 1
        return risen

    def root(self) -> bytes:
        """Give the root of the tree as it is."""
        return _bag(self.peaks)


def restored(hashes: merkle.Hashes, bundles: int) -> Edge:
    """Give the edge of a log of `bundles` full bundles, from its tiles of level 1 and above."""
    size = bundles * tiles.WIDTH
    peaks, start = [], 0
    for level in range(size.bit_length() - 1, 7, -1):
        if size >> level & 1:
            peaks.append(hashes(level, start >> level))
            start += 1 << level
    return Edge(size, peaks, [])


def _bag(peaks: Sequence[bytes]) -> bytes:
    if not peaks:
        return merkle.EMPTY
    found = peaks[-1]
    for left in reversed(peaks[:-1]):
        found = merkle.node(left, found)
    return found
