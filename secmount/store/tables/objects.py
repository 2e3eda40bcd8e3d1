"""What is known of stored objects: the stamp each had when it was hashed, and what was derived from what."""

from __future__ import annotations

from typing import Literal

from secmount.oci.digest import Digest
from secmount.store.tables.connection import Connection, read_digest

Area = Literal["blobs", "derived"]

SCHEMA = (
    """CREATE TABLE hashes (
        area TEXT NOT NULL CHECK (area IN ('blobs', 'derived')),
        digest TEXT NOT NULL,
        stamp TEXT NOT NULL,
        PRIMARY KEY (area, digest))""",
    """CREATE TABLE derived (
        kind TEXT NOT NULL,
        key TEXT NOT NULL,
        digest TEXT NOT NULL,
        PRIMARY KEY (kind, key))""",
)


class Hashes:
    """Stamps of files whose bytes had their digest when they were hashed."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def stamp(self, area: Area, digest: Digest) -> str | None:
        """Give the stamp (device, inode, size, times) recorded for the object."""
        sql = "SELECT stamp FROM hashes WHERE area = ? AND digest = ?"
        return next((str(row[0]) for row in self._connection.rows(sql, (area, str(digest)))), None)

    def record(self, area: Area, digest: Digest, stamp: str) -> None:
        """Say that the file with `stamp` was hashed and has `digest`."""
        sql = "INSERT OR REPLACE INTO hashes (area, digest, stamp) VALUES (?, ?, ?)"
        self._connection.run(sql, (area, str(digest), stamp))

    def forget(self, area: Area, digest: Digest) -> None:
        """Drop the stamp."""
        self._connection.run("DELETE FROM hashes WHERE area = ? AND digest = ?", (area, str(digest)))


class Derived:
    """Which object was made for (kind, key)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, kind: str, key: str) -> Digest | None:
        """Give the digest of what was made."""
        rows = self._connection.rows("SELECT digest FROM derived WHERE kind = ? AND key = ?", (kind, key))
        return read_digest(rows[0][0], self._connection.path) if rows else None

    def record(self, kind: str, key: str, digest: Digest) -> None:
        """Say that `digest` was made for (kind, key)."""
        sql = "INSERT OR REPLACE INTO derived (kind, key, digest) VALUES (?, ?, ?)"
        self._connection.run(sql, (kind, key, str(digest)))

    def forget(self, kind: str, key: str) -> None:
        """Take the row away; the object stays until it is pruned."""
        self._connection.run("DELETE FROM derived WHERE kind = ? AND key = ?", (kind, key))
