"""Reading, writing and locking in a directory of ours.

Bounded, atomic and durable, through the directory's handle, never through a link.
"""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager

from secmount.errors import StorageError
from secmount.local.fault import faults, place_of, storage_error
from secmount.local.owned import check_entry, check_owned, kind

LOCK_WAIT = 30.0  # seconds that `lock` waits unless told otherwise
_POLL = 0.02  # seconds between two attempts at a lock that is held


def write_atomic(dirfd: int, name: str, data: bytes, *, mode: int) -> None:
    """Put `data` at `name` as one step that survives power loss: readers see the old bytes or the new ones.

    A link at `name` is replaced, not followed. Raise `StorageError` SM7001 to SM7005; then `name` is as it was.
    """
    subject = place_of(dirfd, name)
    temporary = f".{name}.{os.urandom(8).hex()}.new"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with faults(subject):
        handle = os.open(temporary, flags, 0o600, dir_fd=dirfd)
        try:
            try:
                os.fchmod(handle, mode)
                write_all(handle, data)
                os.fsync(handle)
            finally:
                os.close(handle)
            os.rename(temporary, name, src_dir_fd=dirfd, dst_dir_fd=dirfd)
        except BaseException:
            remove(dirfd, temporary)
            raise
    sync_directory(dirfd)


def write_all(handle: int, data: bytes | memoryview) -> None:
    """Write all of `data` at the handle's position; the system's `OSError` passes through."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(handle, rest) :]


def read_bounded(dirfd: int, name: str, limit: int) -> bytes:
    """Read the regular file `name`, at most `limit` bytes.

    Raise `StorageError` SM7004 (absent), SM7012 (a link), SM7013 (not a regular file), SM7014 (longer), SM7003, SM7005.
    """
    subject = place_of(dirfd, name)
    with faults(subject):
        handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=dirfd)
        try:
            return _read(handle, limit, subject)
        finally:
            os.close(handle)


def read_if_any(dirfd: int, name: str, limit: int) -> bytes | None:
    """Read like `read_bounded`; None if there is no such file."""
    try:
        return read_bounded(dirfd, name, limit)
    except StorageError as err:
        if err.code == "SM7004":
            return None
        raise


def read_owned(path: str, *, uid: int, what: str, limit: int) -> bytes:
    """Read the regular file at `path`, which nobody but root or `uid` controls; links to such a file are followed.

    `what` says what it is for (`configuration file`). Raise `StorageError` SM7010 to SM7012 where others control it,
    SM7004 (absent), SM7013 (not a regular file), SM7014 (longer than `limit` bytes), SM7003, SM7005.
    """
    check_owned(path, uid=uid, what=what)
    subject = f"{what} {path}"
    with faults(subject):
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # does not wait at a named pipe
        try:
            check_entry(os.fstat(handle), uid=uid, what=what, shown=path)
            return _read(handle, limit, subject)
        finally:
            os.close(handle)


def _read(handle: int, limit: int, subject: str) -> bytes:
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        raise StorageError("SM7013", subject=subject, got=kind(mode), want="a regular file")
    parts, length = [], 0
    while chunk := os.read(handle, min(limit + 1 - length, 1 << 20)):
        parts.append(chunk)
        length += len(chunk)
        if length > limit:
            raise StorageError("SM7014", subject=subject, got=f"more than {limit} bytes", want=f"at most {limit} bytes")
    return b"".join(parts)


def remove(dirfd: int, name: str) -> None:
    """Unlink `name` if it is there; other faults are `StorageError`s."""
    try:
        os.unlink(name, dir_fd=dirfd)
    except FileNotFoundError:
        return
    except OSError as err:
        raise storage_error(err, place_of(dirfd, name)) from err


def sync_directory(dirfd: int) -> None:
    """Make the names in the directory survive power loss; raise `StorageError` SM7005 and the like."""
    with faults(place_of(dirfd)):
        os.fsync(dirfd)


@contextmanager
def lock(
    dirfd: int, name: str, *, exclusive: bool, wait: float | None = LOCK_WAIT, transient: bool = False
) -> Iterator[None]:
    """Hold the lock file `name` (flock) for the block; it is created with mode 0600.

    `wait`: seconds; 0 does not wait, None waits for ever. Raise `StorageError` SM7006 (busy, exit 75) when time is up.
    The system gives the lock back when the process dies. `transient`, for exclusive locks of endless many names: the
    file is removed afterwards.
    """
    subject = place_of(dirfd, name)
    deadline = None if wait is None else time.monotonic() + wait
    operation = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    with faults(subject):
        handle = _open_lock(dirfd, name)
    try:
        with faults(subject):
            while not (_acquire(handle, operation, deadline) and _is_named(handle, dirfd, name)):
                if deadline is not None and time.monotonic() >= deadline:
                    raise StorageError("SM7006", subject=subject, got=f"held by another process for {wait:g} s")
                os.close(handle)
                handle = _open_lock(dirfd, name)
        try:
            yield
        finally:
            if transient and exclusive:
                remove(dirfd, name)
    finally:
        os.close(handle)


def _open_lock(dirfd: int, name: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    return os.open(name, flags, 0o600, dir_fd=dirfd)


def _acquire(handle: int, operation: int, deadline: float | None) -> bool:
    if deadline is None:
        fcntl.flock(handle, operation)
        return True
    while True:
        try:
            fcntl.flock(handle, operation | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
        else:
            return True


def _is_named(handle: int, dirfd: int, name: str) -> bool:
    """Whether the lock still bears its name: the last holder of a transient one has taken the name away."""
    try:
        return os.path.samestat(os.stat(name, dir_fd=dirfd, follow_symlinks=False), os.fstat(handle))
    except FileNotFoundError:
        return False
