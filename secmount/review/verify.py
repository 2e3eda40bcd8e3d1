"""`audit verify`: is the log what was signed, and is it the continuation of what is remembered elsewhere.

Plain: the checkpoint's signature, every entry, every tile, and consistency with each remembered checkpoint. Full: also
every entry as a record, every part it names, and the whole index.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from secmount.audit.reserve import Reserve
from secmount.audit.tlog import merkle, tiles
from secmount.audit.tlog.note import Checkpoint, open_checkpoint
from secmount.errors import StorageError
from secmount.review.index import delete
from secmount.review.reader import Reader
from secmount.review.scan import Problem, Scan, scan
from secmount.value import dataclass

NOT_ANCHORED: Final = (
    "not anchored: no checkpoint from outside the log's folder was compared. Whoever can write to the folder and has "
    "its key could have cut off the end, put back an older copy, or built the whole log anew, and this check would "
    "still pass. Give a checkpoint that was kept elsewhere: secmount audit verify --checkpoint FILE"
)


@dataclass(frozen=True, slots=True)
class Anchor:
    """A remembered checkpoint that the log was found to continue."""

    place: str
    size: int


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found; the log is sound if there are no problems. `anchored` names what it was compared with."""

    directory: str
    origin: str
    size: int
    root: str  # hexadecimal
    key: str  # the public key that was believed
    full: bool
    problems: tuple[Problem, ...]
    anchored: tuple[Anchor, ...]
    parts: int  # parts that were hashed
    notes: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Say whether nothing was found."""
        return not self.problems

    def error(self) -> StorageError | None:
        """Give the first problem as the error that the command ends with."""
        return self.problems[0].error() if self.problems else None


def verify(reader: Reader, *, checkpoints: Sequence[tuple[str, str]] = (), full: bool = False) -> Verification:
    """Check the log; `checkpoints` are (place, note) pairs from elsewhere, signed by the log's key.

    Faults of the log are problems of the result; only what keeps us from looking raises. An index that lies is deleted.
    """
    anchored, problems = _anchor(reader, checkpoints)
    found = scan(reader, full=full)
    problems = [*_tree(reader, found), *problems, *found.problems]
    if any(problem.code == "SM7110" for problem in problems):
        delete(reader)
    return Verification(
        reader.directory,
        reader.checkpoint.origin,
        reader.size,
        reader.checkpoint.root.hex(),
        str(reader.verifier),
        full,
        tuple(dict.fromkeys(problems)),
        tuple(anchored),
        found.parts,
        tuple(_notes(reader, anchored)),
    )


def glance(reader: Reader) -> tuple[tuple[Problem, ...], tuple[Anchor, ...]]:
    """Check what takes no time however large the log is: its continuity, and that its last entry was signed."""
    anchored, problems = _anchor(reader, ())
    last, current = reader.size - 1, reader.checkpoint
    if last >= 0:
        try:
            entry, proof = merkle.leaf(reader.folder.entry(last)), reader.proof(last)
            if not merkle.included(entry, last, current.size, proof, current.root):
                problems.append(Problem("SM7106", f"entry {last}", "other bytes than were signed", "what was signed"))
        except StorageError as err:
            problems.append(Problem(err.code, err.subject or "", err.got or "", err.want or ""))
    return tuple(problems), tuple(anchored)


def _anchor(reader: Reader, checkpoints: Sequence[tuple[str, str]]) -> tuple[list[Anchor], list[Problem]]:
    """Compare with what is remembered elsewhere."""
    anchored: list[Anchor] = []
    problems: list[Problem] = []
    for place, remembered in _remembered(reader, checkpoints, problems):
        problem = _continues(reader, place, remembered)
        if problem is None:
            anchored.append(Anchor(place, remembered.size))
        else:
            problems.append(problem)
    return anchored, problems


def _tree(reader: Reader, found: Scan) -> Iterator[Problem]:
    """Compare what the entries hash to with the signed root, and say which is at fault where a tile disagrees."""
    root = merkle.fold(found.roots) if found.roots else merkle.EMPTY
    sound = root == reader.checkpoint.root
    named = False
    for number, entry in found.differing:
        tile = f"{reader.directory}/{tiles.tile_path(0, number)}"
        if sound or _stored_root(reader, number) == found.roots[number]:
            yield Problem("SM7108", tile, f"another hash for entry {entry}", "the entry's hash")
        else:
            named = True
            yield Problem("SM7106", f"entry {entry}", "other bytes than were signed", f"the entry hashed in {tile}")
    if not sound and not named:
        yield Problem("SM7106", reader.directory, f"root {root.hex()}", f"root {reader.checkpoint.root.hex()}")
    if sound:
        yield from _upper_tiles(reader, found.roots[: reader.size // tiles.WIDTH])


def _upper_tiles(reader: Reader, row: Sequence[bytes]) -> Iterator[Problem]:
    level = 1
    while row:
        for number, start in enumerate(range(0, len(row), tiles.WIDTH)):
            wanted = b"".join(row[start : start + tiles.WIDTH])
            try:
                same = reader.folder.tile(level, number, len(wanted) // tiles.HASH_SIZE) == wanted
            except StorageError as err:
                yield Problem(err.code, err.subject or "", err.got or "", err.want or "")
                continue
            if not same:
                path = f"{reader.directory}/{tiles.tile_path(level, number)}"
                yield Problem("SM7108", path, "another hash", "the root of the tile below")
        row = [merkle.fold(row[at : at + 256]) for at in range(0, len(row) // 256 * 256, 256)]
        level += 1


def _stored_root(reader: Reader, number: int) -> bytes | None:
    """Give the root of a full bundle as the tile above has it."""
    if (number + 1) * tiles.WIDTH > reader.size:
        return None
    try:
        return reader.folder.hashes(reader.size)(8, number)
    except StorageError:
        return None


def _remembered(
    reader: Reader, checkpoints: Sequence[tuple[str, str]], problems: list[Problem]
) -> Iterator[tuple[str, Checkpoint]]:
    try:
        kept = reader.anchors.remembered()
        if kept is not None:
            if kept.origin == reader.checkpoint.origin:
                open_checkpoint(kept.note, reader.verifier)
            yield f"{reader.anchors.place}, on this machine", kept
    except StorageError as err:
        problems.append(Problem("SM7107", reader.anchors.place or "", err.got or "", err.want or ""))
    for place, note in checkpoints:
        try:
            yield place, open_checkpoint(note, reader.verifier)
        except StorageError as err:
            problems.append(Problem(err.code, place, err.got or "", err.want or ""))


def _continues(reader: Reader, place: str, remembered: Checkpoint) -> Problem | None:
    current = reader.checkpoint
    want = f"the {remembered.size} entries of {remembered.origin} that {place} remembers"
    if remembered.origin != current.origin:
        return Problem("SM7107", reader.directory, f"the log {current.origin}", want)
    if remembered.size > current.size:
        return Problem("SM7107", reader.directory, f"{current.size} entries", want)
    try:
        proof = merkle.consistency(reader.folder.hashes(current.size), remembered.size, current.size)
    except StorageError as err:
        return Problem("SM7107", reader.directory, f"tiles that give no proof ({err.subject})", want)
    if not merkle.consistent(remembered.size, remembered.root, current.size, current.root, proof):
        return Problem("SM7107", reader.directory, "other entries", want)
    return None


def _notes(reader: Reader, anchored: Sequence[Anchor]) -> Iterator[str]:
    if not anchored:
        yield NOT_ANCHORED
    waiting = len(Reserve(reader.folder).waiting())
    if waiting:
        yield f"{waiting} records wait in the reserve, unsigned; the next command that can write puts them into the log"
