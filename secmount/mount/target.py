"""The directory a tree is mounted on: looked at and held through descriptors, so that what was checked is what is used.

The last component is never followed if it is a symbolic link; those before it are resolved by the kernel, once.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from secmount.errors import MountError
from secmount.local.owned import kind
from secmount.mount import table
from secmount.value import dataclass

_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_MODE = 0o755  # of a directory made here


@dataclass(frozen=True, slots=True)
class Target:
    """An empty directory, held open. `parent` and `directory` are O_PATH descriptors, good inside `prepare`'s block."""

    path: str  # absolute, links resolved
    parent: int
    name: str  # of the directory in `parent`
    directory: int
    created: bool


@contextmanager
def prepare(path: str, *, store: str | None = None) -> Iterator[Target]:
    """Hold the directory `path` for a mount; if it is missing and its parent is there, it is made.

    A directory made here is removed again if the block raises. Raise `MountError` SM6010 (no parent), SM6011 (not a
    directory), SM6012 (a link), SM6013 (not empty), SM6014 (a mount point), SM6015 (in the directory `store`), SM6016
    (refused by the system).
    """
    with ExitStack() as stack:
        parent, name = _parent(path, stack)
        created = _make(parent, name, path)
        if created:
            stack.push(lambda kind, *_: _unmake(parent, name) if kind else None)
        directory = _open(parent, name, path)
        stack.callback(os.close, directory)
        _check_free(parent, name, directory, path)
        if store is not None:
            _check_outside(directory, store, path)
        yield Target(os.readlink(f"/proc/self/fd/{directory}"), parent, name, directory, created)


def remove_created(path: str) -> None:
    """Remove the directory `path` that `prepare` made, unless something is in it now; raise `MountError` SM6016."""
    try:
        os.rmdir(path)
    except FileNotFoundError:
        return
    except OSError as err:
        if err.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR, errno.EBUSY):
            raise _refused(err, path) from err


def _parent(path: str, stack: ExitStack) -> tuple[int, str]:
    trimmed = path.rstrip("/")
    base, name = os.path.split(trimmed)
    if name in ("", ".", ".."):  # what it is called in its parent is known only once it is resolved
        trimmed = os.path.realpath(path or ".")
        base, name = os.path.split(trimmed)
    try:
        parent = os.open(base or ".", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError) as err:
        raise MountError("SM6010", subject=path, got=f"no directory {base}", want="a directory that exists") from err
    except (OSError, ValueError) as err:
        raise _refused(err, path) from err
    stack.callback(os.close, parent)
    return parent, name or "."


def _make(parent: int, name: str, path: str) -> bool:
    try:
        os.mkdir(name, _MODE, dir_fd=parent)
    except FileExistsError:
        return False
    except (OSError, ValueError) as err:
        raise _refused(err, path) from err
    return True


def _unmake(parent: int, name: str) -> None:
    with suppress(OSError):  # another error is on its way; an empty directory that stays does no harm
        os.rmdir(name, dir_fd=parent)


def _open(parent: int, name: str, path: str) -> int:
    try:
        directory = os.open(name, _LOOK, dir_fd=parent)
    except OSError as err:
        raise _refused(err, path) from err
    mode = os.fstat(directory).st_mode
    if stat.S_ISDIR(mode):
        return directory
    os.close(directory)
    code = "SM6012" if stat.S_ISLNK(mode) else "SM6011"
    raise MountError(code, subject=path, got=kind(mode), want="an empty directory, or none whose parent exists")


def _check_free(parent: int, name: str, directory: int, path: str) -> None:
    if name == "." or table.mount_id(directory) != table.mount_id(parent):
        row = table.by_id(table.mount_id(directory))
        got = f"{row.fstype} mount of {row.source}" if row else "a mount point"
        raise MountError("SM6014", subject=path, got=got, want="a directory that nothing is mounted on")
    try:
        readable = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=directory)
        try:
            with os.scandir(readable) as entries:
                first = next(entries, None)
        finally:
            os.close(readable)
    except OSError as err:
        raise _refused(err, path) from err
    if first is not None:
        raise MountError("SM6013", subject=path, got=f"it holds {first.name!r}", want="an empty directory")


def _check_outside(directory: int, store: str, path: str) -> None:
    """Walk from `directory` up to the root; on the way must not be the store."""
    try:
        forbidden = os.stat(store)
    except FileNotFoundError:
        return
    except OSError as err:
        raise _refused(err, store) from err
    here, info = ".", None
    try:
        while info is None or not os.path.samestat(os.stat(here, dir_fd=directory), info):
            info = os.stat(here, dir_fd=directory)
            if os.path.samestat(info, forbidden):
                raise MountError("SM6015", subject=path, got=f"a directory in the store {store}", want="one outside")
            here += "/.."
    except OSError as err:
        raise _refused(err, path) from err


def _refused(err: OSError | ValueError, path: str) -> MountError:
    if isinstance(err, OSError) and err.errno is not None:
        got = f"{errno.errorcode.get(err.errno, err.errno)} ({err.strerror})"
    else:
        got = str(err)
    return MountError("SM6016", subject=path, got=got)
