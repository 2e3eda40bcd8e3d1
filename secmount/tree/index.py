"""Entries as bytes and back: how a walked layer is kept, so that it need not be walked again.

A line of JSON with the number of rows and the length of each column in bytes, then the columns; cells are joined by
NUL, which no path and no number holds. Only ever written by us and read through the store, which hashes it; a form that
is not ours means a bug or a forged store, and is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO

from secmount.errors import ContentError
from secmount.store.blob import Blob
from secmount.tree.archive.entry import Entry, Note

FORM = "secmount.index/v1"  # part of every key under which an index is stored: change it with the walker's rules
_HEAD_LIMIT = 4096  # bytes of the first line; ten numbers of at most 20 digits


def write(out: BinaryIO, entries: Sequence[Entry], notes: Sequence[Note]) -> None:
    """Write the entries and notes of one layer."""
    columns = [*zip(*entries, strict=True), *zip(*notes, strict=True)]
    encoded = ["\0".join(map(str, column)).encode("utf-8", "surrogateescape") for column in columns]
    head = {"form": FORM, "entries": len(entries), "notes": len(notes), "columns": list(map(len, encoded))}
    out.write(json.dumps(head).encode() + b"\n")
    for column in encoded:
        out.write(column)


def read(blob: Blob, *, subject: str) -> tuple[list[Entry], tuple[Note, ...]]:
    """Read back what `write` wrote; raise `ContentError` SM5128."""
    try:
        head, offset = _head(blob)
        columns = list(_columns(blob, head["columns"], offset))
        width = len(Entry._fields) if head["entries"] else 0
        entries = list(map(Entry._make, _rows(*columns[:width]))) if width else []
        notes = tuple(map(Note._make, zip(*columns[width:], strict=True)))
        sound = (head["form"], head["entries"], head["notes"]) == (FORM, len(entries), len(notes))
    except (ValueError, KeyError, TypeError) as err:
        raise ContentError("SM5128", subject=subject, got=repr(err), want=f"an index of form {FORM}") from err
    if not sound:
        raise ContentError("SM5128", subject=subject, got=repr(head), want=f"an index of form {FORM}")
    return entries, notes


def _head(blob: Blob) -> tuple[dict[str, Any], int]:
    """Read the first line, and say where the columns begin."""
    line, end, _ = blob.pread(_HEAD_LIMIT, 0).partition(b"\n")
    head = json.loads(line)
    if not end or not isinstance(head, dict):
        raise ValueError("no first line")
    return head, len(line) + 1


def _columns(blob: Blob, lengths: list[int], offset: int) -> Iterator[list[str]]:
    for length in lengths:
        data = blob.pread(length, offset)
        if len(data) != length:
            raise ValueError("a column is cut short")
        yield data.decode("utf-8", "surrogateescape").split("\0")
        offset += length


def _rows(*columns: list[str]) -> Iterable[tuple[Any, ...]]:
    path, kind, executable, mtime, offset, size, digest, target = columns
    flags = map("True".__eq__, executable)
    return zip(path, kind, flags, map(int, mtime), map(int, offset), map(int, size), digest, target, strict=True)
