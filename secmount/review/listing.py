"""`audit log`: the entries a filter wants, found by the index in a large log, each read from the log itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from secmount.audit.entry import Entry
from secmount.audit.tlog.tiles import WIDTH
from secmount.errors import StorageError
from secmount.review.filter import Filter
from secmount.review.reader import Reader
from secmount.review.row import read, split

SMALL: Final = 4_096  # entries up to which reading them all is faster than opening an index
HEAD: Final = ("time", "kind", "verdict", "reference", "by", "decision")
FOLLOW_WAIT: Final = 0.5  # seconds between two looks of --follow


def log(reader: Reader, wanted: Filter, *, newest_first: bool = True) -> Iterator[Entry]:
    """Give the wanted entries lazily.

    Raise `StorageError` SM7110 where the index found an entry that does not match, SM7113 for an entry that is no
    record.
    """
    if not wanted:
        return reader.entries(newest_first=newest_first)
    if reader.size <= SMALL:
        return _matching(reader.entries(newest_first=newest_first), wanted)
    return _found(reader, wanted, newest_first=newest_first)


def follow(
    open_reader: Callable[[], Reader | None], wanted: Filter, *, start: int, wait: Callable[[float], None]
) -> Iterator[Entry]:
    """Give the wanted entries from index `start` on, and go on as they come; `wait` sleeps, or raises to end."""
    while True:
        reader = open_reader()
        if reader is not None and reader.size > start:
            yield from _matching(reader.entries(start=start), wanted)
            start = reader.size
        wait(FOLLOW_WAIT)


def line(entry: Entry) -> bytes:
    """Give an entry as a line of NDJSON: the record with its index."""
    return b'{"index":%d,%b\n' % (-1 if entry.index is None else entry.index, entry.raw[1:])


def cells(entry: Entry) -> tuple[str, ...]:
    """Give an entry as a row of a table whose head is HEAD; not escaped."""
    row = read(entry.index or 0, entry.raw)
    record = entry.record
    verdict = " ".join([row.verdict or "", *split(row.codes)]).strip()
    if row.occurrences > 1:
        verdict += f" ×{row.occurrences}"
    return (
        record["time"].replace("T", " ")[:19],
        row.kind,
        verdict,
        row.reference or row.subject or record.get("target") or "",
        ", ".join(split(row.signers)) or row.user or "",
        row.decision or "",
    )


def _matching(entries: Iterator[Entry], wanted: Filter) -> Iterator[Entry]:
    return (entry for entry in entries if wanted.matches(read(entry.index or 0, entry.raw)))


def _found(reader: Reader, wanted: Filter, *, newest_first: bool) -> Iterator[Entry]:
    from secmount.review.index import open_index

    number, bundle = -1, list[bytes]()
    with open_index(reader) as index:
        for position in index.positions(wanted, newest_first=newest_first):
            if position // WIDTH != number:
                number = position // WIDTH
                first, last = number * WIDTH, min(reader.size, (number + 1) * WIDTH)
                bundle = [raw for _, raw in reader.folder.entries(first, last)]
            if position % WIDTH >= len(bundle):
                raise reader.missing(position)
            raw = bundle[position % WIDTH]
            if not wanted.matches(read(position, raw)):
                raise StorageError(
                    "SM7110", subject=f"entry {position}", got="a row that does not fit it", want="its row"
                )
            yield Entry(position, raw)
