"""Paths that nobody but root or the caller controls (design, promise 11).

A path is walked component by component from `/` through directory handles, so what was checked is what is used.
Every ancestor and the thing itself must be owned by root or by the caller, and be writable by nobody else: neither
group nor others (the group bits also show what a POSIX ACL grants). A root-owned sticky directory such as /tmp may be
an ancestor: there only its owner can rename or replace an entry. A symbolic link on the way is followed where it is
owned by root or the caller and stands in a directory that nobody else can write to; a link that is itself the thing
is not followed by `open_directory`, `make_directory` and `open_file`.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterator
from contextlib import contextmanager

from secmount.errors import StorageError
from secmount.local.fault import storage_error
from secmount.value import dataclass

LINKS_LIMIT = 40  # symbolic links followed for one path; Linux MAXSYMLINKS
_LOOK = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def check_owned(path: str, *, uid: int, what: str) -> None:
    """Check `path` and every ancestor, following a last link that may be believed.

    `what` says what it is for (`policy folder`). Raise `StorageError` SM7010 (another owner), SM7011 (others may
    write), SM7012 (link not believed, or too many), SM7004 (absent) or SM7003, SM7005, SM7013 from the system.
    """
    with _walk(path, uid=uid, what=what, follow_last=True, create=False):
        pass


def open_directory(path: str, *, uid: int, what: str) -> int:
    """Open the directory at `path`, checked as by `check_owned`; a link in last place is refused (SM7012)."""
    with _walk(path, uid=uid, what=what, follow_last=False, create=False) as found:
        return _reopen(found, os.O_RDONLY | os.O_DIRECTORY, what)


def make_directory(path: str, *, uid: int, what: str) -> int:
    """Open the directory at `path` like `open_directory`; it and missing ancestors are created with mode 0700."""
    with _walk(path, uid=uid, what=what, follow_last=False, create=True) as found:
        return _reopen(found, os.O_RDONLY | os.O_DIRECTORY, what)


def open_file(path: str, *, uid: int, what: str) -> int:
    """Open the regular file at `path` for reading, checked as by `check_owned`; anything else is SM7012 or SM7013."""
    with _walk(path, uid=uid, what=what, follow_last=False, create=False) as found:
        if not stat.S_ISREG(found.info.st_mode):
            raise StorageError(
                "SM7013", subject=f"{what} {found.shown}", got=kind(found.info.st_mode), want="a regular file"
            )
        return _reopen(found, os.O_RDONLY | os.O_NONBLOCK, what)


def check_entry(info: os.stat_result, *, uid: int, what: str, shown: str) -> None:
    """Check the owner and mode of an entry of a checked directory; raise `StorageError` SM7010 or SM7011."""
    if info.st_uid not in (0, uid):
        want = "owned by root" if uid == 0 else f"owned by root or uid {uid}"
        raise StorageError("SM7010", subject=f"{what} {shown}", got=f"owned by uid {info.st_uid}", want=want)
    if info.st_mode & _OTHERS_WRITE:
        who = "everyone" if info.st_mode & stat.S_IWOTH else "its group"
        raise StorageError(
            "SM7011",
            subject=f"{what} {shown}",
            got=f"mode {stat.S_IMODE(info.st_mode):04o}, writable by {who}",
            want="writable by its owner only",
            help=(f"chmod go-w {shlex.quote(shown)}",),
        )


def kind(mode: int) -> str:
    """Name the file type in `st_mode` for a message."""
    names = {
        stat.S_IFREG: "a regular file",
        stat.S_IFDIR: "a directory",
        stat.S_IFLNK: "a symbolic link",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
    }
    return names.get(stat.S_IFMT(mode), "an unknown kind of file")


@dataclass(frozen=True, slots=True)
class _Found:
    parent: int  # directory handle
    name: str
    info: os.stat_result
    shown: str


@contextmanager
def _walk(path: str, *, uid: int, what: str, follow_last: bool, create: bool) -> Iterator[_Found]:
    walk = _Walk(path, uid, what, follow_last=follow_last, create=create)
    try:
        try:
            found = walk.run()
        except OSError as err:
            raise storage_error(err, f"{what} {walk.shown}") from err
        yield found
    finally:
        walk.close()


class _Walk:
    """The walk of one path; holds two directory handles at most."""

    def __init__(self, path: str, uid: int, what: str, *, follow_last: bool, create: bool) -> None:
        if not path or "\0" in path:
            raise StorageError("SM7013", subject=what, got=repr(path), want="a path")
        self.uid, self.what, self.follow_last, self.create = uid, what, follow_last, create
        self.shown = path
        self.links = 0
        self.trail: list[str] = []
        self.handles: list[int] = []
        self.path = path

    def run(self) -> _Found:
        """Check every component; give the last one with the handle of the directory it stands in."""
        pending = _parts(self.path if self.path.startswith("/") else os.path.join(os.getcwd(), self.path))
        here = self._root(last=not pending)
        name, info = ".", os.fstat(here)
        while pending:
            name = pending.pop()
            self.shown = self._spell(name)
            child = self._look(name, here)
            self.handles.append(child)
            info = os.fstat(child)
            if stat.S_ISLNK(info.st_mode):
                target = self._link(child, info, here, last=not pending)
                self._drop(child)
                pending += _parts(target)
                here = self._root(last=not pending) if target.startswith("/") else here
                name, info = ".", os.fstat(here)
                self._check(info, last=not pending)
                continue
            self._check(info, last=not pending)
            self._enter(name)
            if pending:
                self._drop(here)
                here = child
        return _Found(here, name, info, self.shown)

    def close(self) -> None:
        while self.handles:
            os.close(self.handles.pop())

    def _root(self, *, last: bool) -> int:
        self.close()
        here = os.open("/", _LOOK | os.O_DIRECTORY)
        self.handles.append(here)
        self.trail.clear()
        self.shown = "/"
        self._check(os.fstat(here), last=last)
        return here

    def _drop(self, handle: int) -> None:
        self.handles.remove(handle)
        os.close(handle)

    def _look(self, name: str, here: int) -> int:
        try:
            return os.open(name, _LOOK, dir_fd=here)
        except FileNotFoundError:
            if not self.create:
                raise
        try:
            os.mkdir(name, 0o700, dir_fd=here)
            parent = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=here)
            try:
                os.fsync(parent)
            finally:
                os.close(parent)
        except FileExistsError:
            pass  # another process made it first; it is checked like any other
        return os.open(name, _LOOK, dir_fd=here)

    def _check(self, info: os.stat_result, *, last: bool) -> None:
        if not last and info.st_uid == 0 and info.st_mode & stat.S_ISVTX and stat.S_ISDIR(info.st_mode):
            return
        check_entry(info, uid=self.uid, what=self.what, shown=self.shown)
        if last and stat.S_ISREG(info.st_mode) and info.st_nlink > 1 and self._in_sticky():
            # without fs.protected_hardlinks anyone can give a file of root's a second name in /tmp
            raise StorageError(
                "SM7010", subject=f"{self.what} {self.shown}", got="a hard link in a directory of everyone's"
            )

    def _in_sticky(self) -> bool:
        return bool(os.fstat(self.handles[0]).st_mode & _OTHERS_WRITE)

    def _link(self, child: int, info: os.stat_result, here: int, *, last: bool) -> str:
        subject = f"{self.what} {self.shown}"
        target = os.readlink("", dir_fd=child)
        if last and not self.follow_last:
            raise StorageError("SM7012", subject=subject, got=f"a symbolic link to {target}", want="the path itself")
        if info.st_uid not in (0, self.uid):
            raise StorageError(
                "SM7012", subject=subject, got=f"a symbolic link of uid {info.st_uid}", want="one of root's"
            )
        if os.fstat(here).st_mode & _OTHERS_WRITE:
            raise StorageError("SM7012", subject=subject, got="a symbolic link in a directory of everyone's")
        self.links += 1
        if self.links > LINKS_LIMIT:
            raise StorageError("SM7012", subject=subject, got=f"more than {LINKS_LIMIT} symbolic links")
        return target

    def _spell(self, name: str) -> str:
        return os.path.normpath("/" + "/".join((*self.trail, name)))

    def _enter(self, name: str) -> None:
        if name != "..":
            self.trail.append(name)
        elif self.trail:
            self.trail.pop()


def _parts(path: str) -> list[str]:
    return [part for part in reversed(path.split("/")) if part not in ("", ".")]


def _reopen(found: _Found, flags: int, what: str) -> int:
    subject = f"{what} {found.shown}"
    try:
        handle = os.open(found.name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=found.parent)
    except OSError as err:
        raise storage_error(err, subject) from err
    if not os.path.samestat(os.fstat(handle), found.info):
        os.close(handle)
        raise StorageError("SM7010", subject=subject, got="exchanged while it was opened")
    return handle
