"""The store's state: one SQLite database that several processes share.

Write-ahead log, every commit flushed, typed tables. A database that is damaged, foreign or of a newer secmount is
refused and left as it is, because it may hold mounts; it is created only where there is none, whole, by one rename.
The only door to sqlite3. Format: docs/formats/store.md.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from secmount.errors import StorageError
from secmount.local.fault import faults
from secmount.local.files import lock, remove, sync_directory
from secmount.local.owned import check_entry, kind, make_directory
from secmount.store.tables import memory, mounts, objects
from secmount.store.tables.connection import Value
from secmount.store.tables.memory import History, Memos, Tags
from secmount.store.tables.mounts import Leases, Mounts
from secmount.store.tables.objects import Derived, Hashes

VERSION = 1  # of the schema, in user_version
APPLICATION = 0x5EC30717  # application_id: the file is a state of secmount
BUSY_MS = 10_000  # wait for another process's transaction; each takes milliseconds
_CODES = {
    sqlite3.SQLITE_BUSY: "SM7006",
    sqlite3.SQLITE_LOCKED: "SM7006",
    sqlite3.SQLITE_FULL: "SM7001",
    sqlite3.SQLITE_READONLY: "SM7002",
    sqlite3.SQLITE_PERM: "SM7003",
    sqlite3.SQLITE_AUTH: "SM7003",
    sqlite3.SQLITE_CORRUPT: "SM7020",
    sqlite3.SQLITE_NOTADB: "SM7020",
    sqlite3.SQLITE_ERROR: "SM7020",  # a table or column that should be there is not
    sqlite3.SQLITE_MISMATCH: "SM7020",
}


class State:
    """An open state. May be used by several threads; a forked child opens its own."""

    def __init__(self, path: str, *, uid: int) -> None:
        """Open `path`, or create it and missing directories above it; all must be root's or `uid`'s alone.

        Raise `StorageError`: SM7010 to SM7013 (not ours), SM7020 (damaged), SM7021 (of a newer secmount), SM7006
        (busy), SM7001 to SM7005.
        """
        self.path = path = os.path.abspath(path)
        folder, name = os.path.split(path)
        dirfd = make_directory(folder, uid=uid, what="state folder")
        try:
            with faults(path):
                if os.fstatvfs(dirfd).f_flag & os.ST_RDONLY:  # SQLite would only say that it cannot open a file
                    raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            if not _exists(dirfd, name, uid, path):
                _create(dirfd, name, path)
        finally:
            os.close(dirfd)
        self._lock = threading.RLock()
        self._depth = 0
        self._connection = _connect(path)
        try:
            self._check_version()
        except BaseException:
            self._connection.close()
            raise
        self.hashes = Hashes(self)
        self.derived = Derived(self)
        self.mounts = Mounts(self)
        self.leases = Leases(self)
        self.memos = Memos(self)
        self.history = History(self)
        self.tags = Tags(self)

    @classmethod
    def if_any(cls, path: str, *, uid: int) -> Self | None:
        """Open `path` if it is there; None, and nothing created, if not."""
        return cls(path, uid=uid) if os.path.lexists(path) else None

    def close(self) -> None:
        """Give the database back."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def rows(self, sql: str, values: Sequence[Value] = ()) -> list[tuple[Any, ...]]:
        """Give the rows of one query (`Connection`)."""
        with self._lock, _faults(self.path):
            return self._connection.execute(sql, values).fetchall()

    def run(self, sql: str, values: Sequence[Value] = ()) -> int:
        """Change rows (`Connection`)."""
        with self.transaction(), _faults(self.path):
            return self._connection.execute(sql, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make the block's changes one durable step (`Connection`)."""
        with self._lock:
            if self._depth:
                yield
                return
            with _faults(self.path):
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
                with _faults(self.path):
                    self._connection.execute("COMMIT")
            finally:
                self._depth = 0
                if self._connection.in_transaction:
                    self._connection.rollback()

    def problems(self) -> tuple[str, ...]:
        """Read the whole database and name what is damaged in it; empty if nothing is."""
        try:
            rows = self.rows("PRAGMA integrity_check(20)") + self.rows("PRAGMA foreign_key_check")
        except StorageError as err:
            return (err.got or err.code,)
        return tuple(str(row[0]) for row in rows if row[0] != "ok")

    def _check_version(self) -> None:
        application = self.rows("PRAGMA application_id")[0][0]
        version = self.rows("PRAGMA user_version")[0][0]
        if application != APPLICATION or not isinstance(version, int) or version < 1:
            raise StorageError("SM7020", subject=self.path, got="another kind of database", want="a state of secmount")
        if version > VERSION:
            raise StorageError("SM7021", subject=self.path, got=f"schema {version}", want=f"schema {VERSION}")


def _exists(dirfd: int, name: str, uid: int, path: str) -> bool:
    try:
        with faults(path):
            info = os.stat(name, dir_fd=dirfd, follow_symlinks=False)
    except StorageError as err:
        if err.code == "SM7004":
            return False
        raise
    if not stat.S_ISREG(info.st_mode):
        raise StorageError("SM7013", subject=path, got=kind(info.st_mode), want="a regular file")
    check_entry(info, uid=uid, what="state", shown=path)
    return True


def _create(dirfd: int, name: str, path: str) -> None:
    """Make the database under another name and rename it, so that no half-made one is ever seen."""
    with lock(dirfd, f".{name}.lock", exclusive=True, transient=True):
        with faults(path):
            if os.access(name, os.F_OK, dir_fd=dirfd, follow_symlinks=False):
                return
        draft = f".{name}.new"
        for suffix in ("", "-wal", "-shm", "-journal"):
            remove(dirfd, draft + suffix)
        with faults(path):
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=dirfd))
        connection = _connect(os.path.join(os.path.dirname(path), draft))
        try:
            with _faults(path):
                connection.execute("PRAGMA synchronous = OFF")  # flushed once, when it is whole
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("BEGIN IMMEDIATE")
                for statement in (*objects.SCHEMA, *mounts.SCHEMA, *memory.SCHEMA):
                    connection.execute(statement + _options(statement))
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {VERSION}")
                connection.execute("COMMIT")
        finally:
            connection.close()
        with faults(path):
            _flush(dirfd, draft)
            os.rename(draft, name, src_dir_fd=dirfd, dst_dir_fd=dirfd)
        sync_directory(dirfd)


def _flush(dirfd: int, name: str) -> None:
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=dirfd)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _options(statement: str) -> str:
    """Typed tables where the library has them (3.37); enterprise distributions still carry older ones."""
    return " STRICT" if statement.startswith("CREATE TABLE") and sqlite3.sqlite_version_info >= (3, 37) else ""


def _connect(path: str) -> sqlite3.Connection:
    with _faults(path):
        connection = sqlite3.connect(path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
        try:
            for pragma in ("foreign_keys = ON", "synchronous = FULL", "trusted_schema = OFF", "cell_size_check = ON"):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def _faults(path: str) -> Iterator[None]:
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
        raise  # a bug of ours: SM9001
    except sqlite3.DatabaseError as err:
        number = getattr(err, "sqlite_errorcode", 0) & 0xFF
        name = getattr(err, "sqlite_errorname", type(err).__name__)
        raise StorageError(_CODES.get(number, "SM7005"), subject=path, got=f"{name} ({err})") from err
