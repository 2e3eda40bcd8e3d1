"""The log's tree against RFC 6962 written down naively, for any entries, sizes and changes."""

from __future__ import annotations

from hashlib import sha256

from hypothesis import assume, given
from hypothesis import strategies as st

from secmount.audit.tlog import edge as edges
from secmount.audit.tlog import merkle, tiles

SIZES = st.integers(1, 700)


def naive(entries: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1."""
    if not entries:
        return sha256(b"").digest()
    if len(entries) == 1:
        return sha256(b"\0" + entries[0]).digest()
    split = 1
    while split * 2 < len(entries):
        split *= 2
    return sha256(b"\1" + naive(entries[:split]) + naive(entries[split:])).digest()


def numbered(size: int) -> list[bytes]:
    return [b"%d" % number for number in range(size)]


def hashes(entries: list[bytes]) -> merkle.Hashes:
    return lambda level, number: naive(entries[number << level : (number + 1) << level])


@given(st.lists(st.binary(max_size=20), max_size=70))
def test_growing_one_by_one_gives_the_root_of_the_whole(entries: list[bytes]) -> None:
    edge = edges.Edge()
    for at, entry in enumerate(entries, 1):
        edge.add(entry)
        assert edge.root() == naive(entries[:at])
    assert edge.root() == merkle.root(hashes(entries), len(entries)) == naive(entries)


@given(SIZES, st.data())
def test_every_inclusion_proof_holds_and_for_nothing_else(size: int, data: st.DataObject) -> None:
    entries = numbered(size)
    index = data.draw(st.integers(0, size - 1))
    tree, leaf = naive(entries), merkle.leaf(entries[index])
    proof = merkle.inclusion(hashes(entries), index, size)
    assert merkle.included(leaf, index, size, proof, tree)
    other = data.draw(st.integers(-1, size + 1))
    assume(other != index)
    assert not merkle.included(leaf, other, size, proof, tree)
    assert not merkle.included(merkle.leaf(b"other"), index, size, proof, tree)
    assert not merkle.included(leaf, index, size, [*proof, tree], tree)
    assert not merkle.included(leaf, index, 2 * size + 1, proof, tree), "the root is that of another size"
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        assert not merkle.included(leaf, index, size, proof[:at] + proof[at + 1 :], tree)
        changed = [*proof[:at], sha256(proof[at]).digest(), *proof[at + 1 :]]
        assert not merkle.included(leaf, index, size, changed, tree)


@given(SIZES, SIZES, st.data())
def test_every_consistency_proof_holds_and_for_no_other_history(one: int, two: int, data: st.DataObject) -> None:
    old, new = sorted((one, two))
    entries = numbered(new)
    proof = merkle.consistency(hashes(entries), old, new)
    before, after = naive(entries[:old]), naive(entries)
    assert merkle.consistent(old, before, new, after, proof)
    other = list(entries[:old])
    other[data.draw(st.integers(0, old - 1))] = b"other"
    assert not merkle.consistent(old, naive(other), new, after, proof)
    assert not merkle.consistent(old, before, new, sha256(after).digest(), proof)
    assert not merkle.consistent(new, after, old, before, proof) or old == new
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        changed = [*proof[:at], sha256(proof[at]).digest(), *proof[at + 1 :]]
        assert not merkle.consistent(old, before, new, after, changed)
        assert not merkle.consistent(old, before, new, after, proof[:-1])


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20), st.integers(0, 6000))
def test_a_bundle_cut_anywhere_gives_its_whole_entries(entries: list[bytes], cut: int) -> None:
    data = b"".join(map(tiles.frame, entries))[:cut]
    found = [raw for _, raw in tiles.frames(data)]
    assert found == entries[: len(found)]
    assert len(found) == len(entries) or sum(2 + len(raw) for raw in entries[: len(found) + 1]) > cut


@given(st.integers(0, 10**12))
def test_a_tiles_number_can_be_read_from_its_path(number: int) -> None:
    path = tiles.number_path(number)
    assert int(path.replace("x", "").replace("/", "")) == number
    assert all(len(step.lstrip("x")) == 3 for step in path.split("/"))
