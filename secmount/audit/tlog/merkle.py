"""The Merkle tree of RFC 6962 section 2.1 over SHA-256: roots, inclusion and consistency proofs, and their checks.

Pure. A tree is read through `Hashes`: the hash of the complete subtree of height `level` that is the `number`-th of
its level. Proofs are lists of hashes from the leaf's side to the root's. The checks follow RFC 9162 section 2.1.3.2
and 2.1.4.2, so they share no code with the makers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256

Hashes = Callable[[int, int], bytes]  # (level, number) → hash of leaves number·2^level … (number+1)·2^level - 1
EMPTY = sha256(b"").digest()


def leaf(entry: bytes) -> bytes:
    """Hash an entry."""
    return sha256(b"\0" + entry).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Hash two neighbours into their parent."""
    return sha256(b"\1" + left + right).digest()


def fold(hashes: Sequence[bytes]) -> bytes:
    """Give the root over `hashes` taken as leaves or as equally high complete subtrees; at least one."""
    row = list(hashes)
    while len(row) > 1:
        odd = [row.pop()] if len(row) % 2 else []
        row = [sha256(b"\1" + row[at] + row[at + 1]).digest() for at in range(0, len(row), 2)] + odd
    return row[0]


def root(hashes: Hashes, size: int) -> bytes:
    """Give the root of the first `size` entries."""
    return _range(hashes, 0, size) if size else EMPTY


def inclusion(hashes: Hashes, index: int, size: int) -> list[bytes]:
    """Prove that entry `index` is in the tree of `size` entries (PATH of RFC 6962 2.1.1)."""
    if not 0 <= index < size:
        raise ValueError(f"no entry {index} among {size}")
    return _path(hashes, index, 0, size)


def consistency(hashes: Hashes, old: int, new: int) -> list[bytes]:
    """Prove that the tree of `old` entries is the beginning of the tree of `new` ones (PROOF of RFC 6962 2.1.2)."""
    if not 0 <= old <= new:
        raise ValueError(f"{old} entries are not the beginning of {new}")
    return [] if old in {0, new} else _subproof(hashes, old, (0, new), whole=True)


def included(entry_hash: bytes, index: int, size: int, proof: Iterable[bytes], tree: bytes) -> bool:
    """Check an inclusion proof against the root `tree`."""
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, entry_hash
    for sibling in proof:
        if last == 0:
            return False
        if at & 1 or at == last:
            found = node(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node(found, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and found == tree


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Check a consistency proof between the roots of two sizes."""
    if not 0 <= old <= new:
        return False
    if old == 0:
        return not proof and old_root == EMPTY
    if old == new:
        return not proof and old_root == new_root
    rest = list(proof) if old & (old - 1) else [old_root, *proof]
    if not rest:
        return False
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = rest[0]
    for sibling in rest[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node(sibling, first), node(sibling, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node(second, sibling)
        at, last = at >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root


def _split(count: int) -> int:
    """Give the largest power of two below `count`."""
    return 1 << ((count - 1).bit_length() - 1)


def _range(hashes: Hashes, low: int, high: int) -> bytes:
    count = high - low
    if count & (count - 1) == 0 and low % count == 0:
        return hashes(count.bit_length() - 1, low // count)
    middle = low + _split(count)
    return node(_range(hashes, low, middle), _range(hashes, middle, high))


def _path(hashes: Hashes, index: int, low: int, high: int) -> list[bytes]:
    if high - low == 1:
        return []
    middle = low + _split(high - low)
    if index < middle:
        return [*_path(hashes, index, low, middle), _range(hashes, middle, high)]
    return [*_path(hashes, index, middle, high), _range(hashes, low, middle)]


def _subproof(hashes: Hashes, old: int, span: tuple[int, int], *, whole: bool) -> list[bytes]:
    low, high = span
    if old == high:
        return [] if whole else [_range(hashes, low, high)]
    middle = low + _split(high - low)
    if old <= middle:
        return [*_subproof(hashes, old, (low, middle), whole=whole), _range(hashes, middle, high)]
    return [*_subproof(hashes, old, (middle, high), whole=False), _range(hashes, low, middle)]
