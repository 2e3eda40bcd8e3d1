"""What is remembered between runs: answers and verified evidence, the newest artifact seen, what a tag meant last.

Memos only save time: they may be dropped at any moment. History may not: it is what `no-rollback` compares with.
"""

from __future__ import annotations

from secmount.oci.digest import Digest
from secmount.store.tables.connection import Connection, read_digest, write_text

MEMOS_LIMIT = 4096  # rows; the oldest go first

SCHEMA = (
    """CREATE TABLE memos (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        value TEXT NOT NULL,
        valid_from INTEGER NOT NULL,
        valid_until INTEGER,
        PRIMARY KEY (kind, key))""",
    "CREATE INDEX memos_age ON memos (valid_from)",
    """CREATE TABLE history (
        origin TEXT NOT NULL,
        name TEXT NOT NULL,
        tag TEXT NOT NULL,
        rule TEXT NOT NULL,
        newest_ms INTEGER NOT NULL,
        PRIMARY KEY (origin, name, tag, rule))""",
    """CREATE TABLE tags (
        name TEXT NOT NULL,
        tag TEXT NOT NULL,
        digest TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (name, tag))""",
)


class Memos:
    """Texts by (kind, key), each with the milliseconds `[valid_from, valid_until)` in which it may be used again."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, kind: str, key: str, *, now_ms: int) -> str | None:
        """Give the text if it may be used at `now_ms`; a clock before `valid_from` makes it unusable, too."""
        sql = """SELECT value FROM memos WHERE kind = ? AND key = ? AND valid_from <= ?
            AND (valid_until IS NULL OR ? < valid_until)"""
        rows = self._connection.rows(sql, (kind, key, now_ms, now_ms))
        return str(rows[0][0]) if rows else None

    def put(self, kind: str, key: str, value: str, *, valid_from: int, valid_until: int | None) -> None:
        """Remember `value`, and forget the oldest beyond MEMOS_LIMIT."""
        with self._connection.transaction():
            sql = "INSERT OR REPLACE INTO memos (kind, key, value, valid_from, valid_until) VALUES (?, ?, ?, ?, ?)"
            self._connection.run(sql, (kind, key, value, valid_from, valid_until))
            sql = (
                "DELETE FROM memos WHERE rowid IN (SELECT rowid FROM memos ORDER BY valid_from DESC LIMIT -1 OFFSET ?)"
            )
            self._connection.run(sql, (MEMOS_LIMIT,))

    def drop(self, kind: str) -> int:
        """Forget all of `kind`; give their number."""
        return self._connection.run("DELETE FROM memos WHERE kind = ?", (kind,))


class History:
    """The newest `not_before` of an artifact accepted, by the policy it was accepted under, name, tag and rule."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def newest(self, origin: str, name: str, tag: str, rule: str) -> int | None:
        """Give the newest instant (milliseconds) noted; `tag` is "" where the whole repository counts."""
        sql = "SELECT newest_ms FROM history WHERE origin = ? AND name = ? AND tag = ? AND rule = ?"
        rows = self._connection.rows(sql, (write_text(origin), write_text(name), tag, rule))
        return int(rows[0][0]) if rows else None

    def note(self, origin: str, name: str, tag: str, rule: str, ms: int) -> None:
        """Note `ms`; an older one changes nothing."""
        sql = """INSERT INTO history (origin, name, tag, rule, newest_ms) VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (origin, name, tag, rule) DO UPDATE SET newest_ms = max(newest_ms, excluded.newest_ms)"""
        self._connection.run(sql, (write_text(origin), write_text(name), tag, rule, ms))


class Tags:
    """What a tag meant when it was last asked for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, name: str, tag: str) -> tuple[Digest, int] | None:
        """Give (digest, milliseconds of the answer)."""
        rows = self._connection.rows(
            "SELECT digest, at_ms FROM tags WHERE name = ? AND tag = ?", (write_text(name), tag)
        )
        return (read_digest(rows[0][0], self._connection.path), int(rows[0][1])) if rows else None

    def newest_ms(self) -> int | None:
        """Give the milliseconds of the latest answer, None where there is none."""
        rows = self._connection.rows("SELECT max(at_ms) FROM tags")
        return None if rows[0][0] is None else int(rows[0][0])

    def put(self, name: str, tag: str, digest: Digest, at_ms: int) -> None:
        """Remember the answer."""
        sql = "INSERT OR REPLACE INTO tags (name, tag, digest, at_ms) VALUES (?, ?, ?, ?)"
        self._connection.run(sql, (write_text(name), tag, str(digest), at_ms))
