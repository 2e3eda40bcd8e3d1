"""The index: an SQLite file beside the log that finds entries fast. It can be deleted at any time and is made again.

It only ever finds: what is shown is read from the entry itself. Rows hold what the filters ask for; texts that many
rows share are kept once. Each use takes in what was appended since the last.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, Final

from secmount.errors import StorageError
from secmount.review.filter import Filter
from secmount.review.reader import Reader
from secmount.review.row import Row, decisions, row
from secmount.review.row import reader as entry_reader

NAME: Final = "index.db"
VERSION: Final = 1  # another version is made again
BATCH: Final = 4_096  # entries taken in at a time
COLUMNS: Final = Row._fields
SHARED: Final = frozenset(
    {"kind", "verdict", "subject", "reference", "repository", "revision", "namespace", "user", "codes", "signers"}
)
_TABLES = """
CREATE TABLE meta (version INTEGER, origin TEXT, size INTEGER);
CREATE TABLE texts (id INTEGER PRIMARY KEY, text TEXT UNIQUE NOT NULL);
CREATE TABLE entries (position INTEGER PRIMARY KEY, time INTEGER, kind INTEGER, verdict INTEGER, decision TEXT,
  subject INTEGER, reference INTEGER, repository INTEGER, revision INTEGER, namespace INTEGER, user INTEGER,
  codes INTEGER, signers INTEGER, occurrences INTEGER, elapsed INTEGER);
CREATE TABLE decisions (decision TEXT, position INTEGER, PRIMARY KEY (decision, position)) WITHOUT ROWID;
"""
_SHARED_AT: Final = frozenset(at for at, name in enumerate(COLUMNS) if name in SHARED)
_KNOWN_LIMIT: Final = 200_000  # shared texts remembered at a time
_LIST: Final = ", ".join(COLUMNS)


class Index:
    """An open index that holds every entry of its reader's log."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self.database = database
        self.size: int = database.execute("SELECT size FROM meta").fetchone()[0]
        self._texts = _Texts(database)

    def positions(self, wanted: Filter, *, newest_first: bool = True, start: int = 0) -> Iterator[int]:
        """Give the positions of the entries that `wanted` matches."""
        where, values = self._where(wanted)
        order = "DESC" if newest_first else "ASC"
        query = f"SELECT position FROM entries WHERE position >= ?{where} ORDER BY position {order}"  # noqa: S608 - no text from outside
        for (position,) in self.database.execute(query, [start, *values]):
            yield position

    def rows(self, wanted: Filter) -> Iterator[Row]:
        """Give the rows that `wanted` matches, oldest first."""
        where, values = self._where(wanted)
        query = f"SELECT {_LIST} FROM entries WHERE 1{where} ORDER BY position"  # noqa: S608 - no text from outside
        return map(self._row, self.database.execute(query, values))

    def between(self, start: int, stop: int) -> list[Row]:
        """Give the rows of entries `start` to `stop` - 1."""
        query = f"SELECT {_LIST} FROM entries WHERE position >= ? AND position < ? ORDER BY position"  # noqa: S608
        return [self._row(found) for found in self.database.execute(query, (start, stop))]

    def _row(self, r: tuple[Any, ...]) -> Row:
        text = self._texts
        return Row(
            r[0], r[1], text[r[2]], text[r[3]], r[4], text[r[5]], text[r[6]], text[r[7]], text[r[8]], text[r[9]],
            text[r[10]], text[r[11]], text[r[12]], r[13], r[14],
        )  # fmt: skip

    def decision(self, text: str) -> list[int]:
        """Give the positions that belong to a decision id, or to the only one that begins with `text`.

        Raise `StorageError` SM7112 if there is none, or several.
        """
        query = "SELECT decision, position FROM decisions WHERE decision >= ? AND decision < ? LIMIT 1000"
        found = self.database.execute(query, (text, text + "\U0010ffff")).fetchall()
        exact = [position for decision, position in found if decision == text]
        ids = {decision for decision, _ in found}
        if not exact and len(ids) != 1:
            got = "nothing" if not ids else f"{len(ids)} decisions that begin so"
            raise StorageError("SM7112", subject=text[:80], got=got, want="a decision id of this log")
        return exact or [position for _, position in found]

    def _where(self, wanted: Filter) -> tuple[str, list[Any]]:
        parts: list[str] = []
        values: list[Any] = []
        for clause, value in (("time >= ?", wanted.since), ("time < ?", wanted.until)):
            if value is not None:
                parts.append(clause)
                values.append(value)
        for column, test, text in (
            ("kind", "text = ?", wanted.kind),
            ("verdict", "text = ?", wanted.verdict),
            ("namespace", "text = ?", wanted.namespace),
            ("user", "text = ?", wanted.user),
            ("reference", "instr(text, ?) > 0", wanted.reference),
            ("codes", "instr(text, ?) > 0", None if wanted.code is None else f"\n{wanted.code}\n"),
            ("signers", "instr(text, ?) > 0", None if wanted.signer is None else f"\n{wanted.signer}\n"),
            ("subject", "substr(text, 1, length(?)) = ?", _digest_start(wanted.digest)),
            ("revision", "substr(text, 1, length(?)) = ?", _digest_start(wanted.revision)),
        ):
            if text is not None:
                parts.append(f"{column} IN (SELECT id FROM texts WHERE {test})")  # noqa: S608 - the table above
                values += [text] * test.count("?")
        return "".join(f" AND {part}" for part in parts), values


class _Texts(dict[int | None, Any]):
    """Shared texts by their number, read when they are asked for."""

    def __init__(self, database: sqlite3.Connection) -> None:
        super().__init__({None: None})
        self._database = database

    def __missing__(self, number: int) -> str:
        if len(self) > _KNOWN_LIMIT:
            self.clear()
            self[None] = None
        found = self._database.execute("SELECT text FROM texts WHERE id = ?", (number,)).fetchone()
        self[number] = found[0] if found else ""
        return str(self[number])


@contextmanager
def open_index(reader: Reader) -> Iterator[Index]:
    """Open the index of `reader`'s log and bring it up to date; in memory where the folder cannot be written.

    A damaged index, or one of another log or of more entries than there are, is made again.
    """
    database = _open(reader)
    with closing(database):
        yield Index(database)


@contextmanager
def open_as_it_is(reader: Reader) -> Iterator[Index | None]:
    """Open the index as it stands, to check it; None if there is none, or none that SQLite can read."""
    database = None
    try:
        if os.access(NAME, os.F_OK, dir_fd=reader.folder.dirfd):
            database = sqlite3.connect(f"file:{_path(reader)}?mode=ro", uri=True, timeout=30, isolation_level=None)
            database.execute("PRAGMA trusted_schema = OFF")
            index = Index(database)
        else:
            index = None
    except (sqlite3.Error, TypeError):
        index = None
    try:
        yield index
    finally:
        if database is not None:
            database.close()


def _path(reader: Reader) -> str:
    return f"/proc/self/fd/{reader.folder.dirfd}/{NAME}"


def _open(reader: Reader) -> sqlite3.Connection:
    path = _path(reader)
    for attempt in (path, path, ":memory:"):
        database = None
        try:
            if attempt is path:
                os.close(os.open(NAME, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600, dir_fd=reader.folder.dirfd))
            database = sqlite3.connect(attempt, timeout=30, isolation_level=None)
            _prepare(database, reader)
            _take_in(database, reader)
        except (sqlite3.Error, OSError, OverflowError, TypeError):
            if database is not None:
                database.close()
            delete(reader)
        else:
            return database
    raise StorageError("SM7110", subject=f"{reader.directory}/{NAME}", got="an index that cannot be made", want="one")


def delete(reader: Reader) -> None:
    """Delete the index file, if there is one and it may be deleted."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        with suppress(OSError):
            os.unlink(NAME + suffix, dir_fd=reader.folder.dirfd)


def _prepare(database: sqlite3.Connection, reader: Reader) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA trusted_schema = OFF")
    database.execute("BEGIN IMMEDIATE")
    if not database.execute("SELECT name FROM sqlite_master").fetchall():
        for statement in _TABLES.split(";"):
            database.execute(statement)
        database.execute("INSERT INTO meta VALUES (?, ?, 0)", (VERSION, reader.checkpoint.origin))
    version, origin, size = database.execute("SELECT version, origin, size FROM meta").fetchone()
    database.execute("COMMIT")
    (last,) = database.execute("SELECT coalesce(max(position) + 1, 0) FROM entries").fetchone()
    if (version, origin, last) != (VERSION, reader.checkpoint.origin, size) or size > reader.size:
        raise sqlite3.DatabaseError("another index")


def _take_in(database: sqlite3.Connection, reader: Reader) -> None:
    known: dict[str, int] = {}
    read = entry_reader()
    while True:
        (size,) = database.execute("SELECT size FROM meta").fetchone()
        if size >= reader.size:
            return
        stop = min(reader.size, size - size % 256 + BATCH)
        fields = [(index, read(raw)) for index, raw in reader.folder.entries(size, stop)]
        found = [(row(index, each), decisions(each)) for index, each in fields]
        database.execute("BEGIN IMMEDIATE")
        if database.execute("SELECT size FROM meta").fetchone() == (size,):
            insert(database, found, known if len(known) < _KNOWN_LIMIT else {})
            database.execute("UPDATE meta SET size = ?", (size + len(found),))
        database.execute("COMMIT")
        if size + len(found) < stop:
            raise StorageError("SM7106", subject=reader.directory, got=f"{size + len(found)} entries", want=f"{stop}")


def insert(database: sqlite3.Connection, rows: Sequence[tuple[Row, list[str]]], known: dict[str, int]) -> None:
    """Put rows in, with the decision ids that each answers to; `known` remembers the numbers of shared texts."""
    fresh = {str(found[at]) for found, _ in rows for at in _SHARED_AT if found[at] is not None} - known.keys()
    database.executemany("INSERT OR IGNORE INTO texts (text) VALUES (?)", [(text,) for text in fresh])
    for text in fresh:
        (known[text],) = database.execute("SELECT id FROM texts WHERE text = ?", (text,)).fetchone()
    numbered = [
        [known[str(value)] if at in _SHARED_AT and value is not None else value for at, value in enumerate(found)]
        for found, _ in rows
    ]
    database.executemany(f"INSERT INTO entries VALUES ({', '.join('?' * len(COLUMNS))})", numbered)  # noqa: S608 - marks only
    ids = [(text, found.position) for found, texts in rows for text in texts]
    database.executemany("INSERT OR IGNORE INTO decisions VALUES (?, ?)", ids)


def _digest_start(text: str | None) -> str | None:
    return None if text is None else f"sha256:{text.removeprefix('sha256:')}"
