"""Reading a whole log to check it: each entry against its tile, and in full also as a record, its parts, its index row.

A large log is read by two processes, each its share of the bundles; what a child finds comes back through a pipe.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict, field
from hashlib import sha256
from typing import Final

from secmount.audit.tlog import merkle, tiles
from secmount.errors import StorageError
from secmount.review.index import NAME, Index, open_as_it_is
from secmount.review.reader import Reader
from secmount.review.row import parts, row
from secmount.review.row import reader as entry_reader
from secmount.value import dataclass

PARALLEL: Final = 50_000  # entries from which on two processes pay
PROBLEMS: Final = 20  # problems reported of one kind; the first say enough


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as it should be."""

    code: str
    subject: str
    got: str
    want: str

    def error(self) -> StorageError:
        """Give it as an error."""
        return StorageError(self.code, subject=self.subject, got=self.got, want=self.want)


@dataclass(slots=True)
class Scan:
    """What reading a range of bundles found: their roots, where tiles disagree, problems, parts looked at."""

    roots: list[bytes] = field(default_factory=list)
    differing: list[tuple[int, int]] = field(default_factory=list)  # (bundle, first entry that differs from its tile)
    problems: list[Problem] = field(default_factory=list)
    parts: int = 0

    def note(self, problem: Problem) -> None:
        """Keep a problem, if not enough of its kind are kept already."""
        if sum(known.code == problem.code for known in self.problems) < PROBLEMS:
            self.problems.append(problem)


def scan(reader: Reader, *, full: bool) -> Scan:
    """Read every bundle."""
    bundles = -(-reader.size // tiles.WIDTH)
    if reader.size < PARALLEL or (os.cpu_count() or 1) < 2:
        return _scan(reader, 0, bundles, full=full)
    middle = bundles // 2
    child, pipe = _start(reader, middle, bundles, full=full)
    try:
        first = _scan(reader, 0, middle, full=full)
    finally:
        with open(pipe, "rb") as stream:
            answer = stream.read()
        os.waitpid(child, 0)
    second = _received(answer)
    problems = first.problems + second.problems
    merged = Scan(first.roots + second.roots, first.differing + second.differing, [], first.parts + second.parts)
    for problem in problems:
        merged.note(problem)
    return merged


def _scan(reader: Reader, start: int, stop: int, *, full: bool) -> Scan:
    found = Scan()
    seen: set[str] = set()
    with ExitStack() as stack:
        index = stack.enter_context(open_as_it_is(reader)) if full else None
        for number in range(start, stop):
            _bundle(reader, number, found, index, seen if full else None)
            if len(found.problems) > 4 * PROBLEMS:
                break
    found.parts = len(seen)
    return found


def _bundle(reader: Reader, number: int, found: Scan, index: Index | None, seen: set[str] | None) -> None:
    first = number * tiles.WIDTH
    width = min(tiles.WIDTH, reader.size - first)
    data = reader.folder.bundle(number) or b""
    entries = [raw for _, raw in tiles.frames(data)][:width]
    leaves = [sha256(b"\0" + raw).digest() for raw in entries]
    found.roots.append(merkle.fold(leaves) if leaves else merkle.EMPTY)
    joined = b"".join(leaves)
    try:
        tile = reader.folder.tile(0, number, width)
    except StorageError as err:
        found.note(Problem(err.code, err.subject or "", err.got or "", err.want or ""))
        tile = joined
    if len(entries) < width:
        got = f"{len(entries)} whole entries"
        found.note(Problem("SM7106", f"{reader.directory}/{tiles.bundle_path(number)}", got, f"{width} entries"))
    elif width == tiles.WIDTH and len(data) != sum(2 + len(raw) for raw in entries):
        want = f"{width} entries and nothing behind them"
        found.note(Problem("SM7106", f"{reader.directory}/{tiles.bundle_path(number)}", f"{len(data)} bytes", want))
    elif tile != joined:
        at = next(at for at in range(width) if tile[at * 32 : at * 32 + 32] != leaves[at])
        found.differing.append((number, first + at))
    if seen is not None:
        for digest in _records(reader, first, entries, found, index):
            if digest not in seen:
                seen.add(digest)
                _check_part(reader, digest, found)


def _records(reader: Reader, first: int, entries: list[bytes], found: Scan, index: Index | None) -> Iterator[str]:
    """Check each entry as a record and against its row in the index; give the parts that they name."""
    read = entry_reader()
    rows = index.between(first, min(first + len(entries), index.size)) if index is not None else []
    known = {row.position: row for row in rows}
    for position, raw in enumerate(entries, first):
        try:
            fields = read(raw)
            wanted = row(position, fields)
        except StorageError as err:
            found.note(Problem(err.code, f"entry {position}", err.got or "", "an audit record"))
            continue
        if index is not None and position < index.size and known.get(position) != wanted:
            got = "a row that differs" if position in known else "no row"
            found.note(Problem("SM7110", f"{reader.directory}/{NAME}, entry {position}", got, "the entry's row"))
        if fields.parts or fields.input_sha256 is not None:
            yield from parts(fields)


def _check_part(reader: Reader, digest: str, found: Scan) -> None:
    try:
        reader.folder.part(digest)
    except StorageError as err:
        found.note(Problem(err.code, err.subject or "", err.got or "", err.want or ""))


def _start(reader: Reader, start: int, stop: int, *, full: bool) -> tuple[int, int]:
    pipe, end = os.pipe()
    child = os.fork()
    if child:
        os.close(end)
        return child, pipe
    status = 1
    try:
        os.close(pipe)
        done = _scan(reader, start, stop, full=full)
        answer = {
            "roots": b"".join(done.roots).hex(),
            "differing": done.differing,
            "problems": [asdict(problem) for problem in done.problems],
            "parts": done.parts,
        }
        with open(end, "wb") as stream:
            stream.write(json.dumps(answer).encode())
        status = 0
    finally:
        os._exit(status)  # whatever happened: the parent sees an answer or none


def _received(answer: bytes) -> Scan:
    if not answer:
        raise StorageError("SM7101", subject="audit verify", got="no answer from its second process", want="its share")
    value = json.loads(answer)
    roots = bytes.fromhex(value["roots"])
    return Scan(
        [roots[at : at + 32] for at in range(0, len(roots), 32)],
        [(bundle, entry) for bundle, entry in value["differing"]],
        [Problem(**problem) for problem in value["problems"]],
        value["parts"],
    )
