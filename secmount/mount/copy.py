"""The copy backend: ordinary files in an ordinary directory, for where nothing can be mounted. Taken only by name.

Nothing is enforced: whoever may write there can change the files. What is copied is hashed again, and stands in a
staging directory until all of it is verified and flushed; only then it gets its place.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import ClassVar

from secmount.errors import MountError, SecmountError
from secmount.local.files import lock, read_if_any, remove, write_atomic
from secmount.local.owned import make_directory
from secmount.mount import linux
from secmount.mount.backend import Mounted, Opener, Options
from secmount.mount.copied import removal
from secmount.mount.copied.record import Entry, Record, planned
from secmount.mount.copied.writing import DIRECTORY_MODE, Copier
from secmount.mount.target import Target, remove_created
from secmount.oci.digest import Digest
from secmount.tree.node import Directory, Tree
from secmount.value import dataclass

_PRIVATE = 0o700
_STAGING = ".secmount-copying"
_RECORD_LIMIT = 1 << 30  # bytes; a million entries with paths of 500
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_OPEN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NO_FLAG = {errno.EINVAL, errno.ENOSYS}  # a file system that knows no RENAME_NOREPLACE


@dataclass(frozen=True, slots=True)
class CopyBackend:
    """Copies. `records`: the directory (made if missing) where what was copied is remembered."""

    records: str
    name: ClassVar[str] = "copy"
    mounting: ClassVar[bool] = False

    def probe(self) -> str | None:
        """Give None: files can be copied anywhere."""
        return None

    def mount(self, tree: Tree, target: Target, options: Options, opener: Opener) -> Mounted:
        """Copy `tree` into the empty directory `target`.

        Raise `ContentError` SM5001 (a file is not what the tree says), `MountError` SM6022, SM6040 (refused by the
        system), SM6041 (no space), `StorageError`; then everything written is removed.
        """
        staging = _STAGING
        while staging in tree.root.entries:
            staging += "~"
        with self._record(target.path) as record, _directory(target) as directory:
            if os.listdir(directory):  # another process was quicker
                raise MountError(
                    "SM6013", subject=target.path, got="it is not empty any more", want="an empty directory"
                )
            begun = Record(staging, finished=False, entries=tuple(planned(tree.root)))
            record.write(begun)
            try:
                finished = _copy(tree.root, directory, begun, options, opener)
                record.write(finished)
                _settle(directory, finished)
            except BaseException as err:
                self._take_back(directory, record)
                if isinstance(err, OSError):
                    raise _refused(err, target.path) from err
                raise
            device = os.fstat(directory).st_dev
        return Mounted(target.path, self.name, (), (), None, device, tree.digest, options.source, target.created)

    def unmount(self, mounted: Mounted, *, lazy: bool) -> tuple[str, ...]:
        """Remove what was copied; give the paths that were left, being changed or not ours. `lazy` changes nothing.

        Raise `MountError` SM6030 (no copy of ours is there), SM6032 (refused by the system), SM6042 (damaged record).
        """
        del lazy
        with self._record(mounted.target) as record:
            found = record.read()
            if found is None:
                raise MountError("SM6030", subject=mounted.target, got="no copy of ours")
            try:
                left = _remove(mounted.target, found)
            except OSError as err:
                raise MountError("SM6032", subject=mounted.target, got=_text(err)) from err
            record.forget()
        if mounted.created:
            remove_created(mounted.target)
        return left

    @contextmanager
    def _record(self, target: str) -> Iterator[_File]:
        """Hold the record of a target, alone."""
        handle = make_directory(self.records, uid=os.geteuid(), what="records of copies")
        try:
            name = Digest.of(os.fsencode(target)).hex
            with lock(handle, f"{name}.lock", exclusive=True, wait=0, transient=True):
                yield _File(handle, name, target)
        finally:
            os.close(handle)

    def _take_back(self, directory: int, record: _File) -> None:
        """Remove a copy that failed; the record stays if that fails too, so that unmount can do it."""
        with suppress(OSError, SecmountError):  # the first failure is what the user must see
            found = record.read()
            if found is not None:
                removal.remove(directory, found)
                record.forget()


@dataclass(frozen=True, slots=True)
class _File:
    """The file of one record."""

    handle: int
    name: str
    target: str

    def read(self) -> Record | None:
        data = read_if_any(self.handle, self.name, _RECORD_LIMIT)
        try:
            return None if data is None else Record.parse(data)
        except ValueError as err:
            raise MountError("SM6042", subject=self.target, got=err) from err

    def write(self, record: Record) -> None:
        write_atomic(self.handle, self.name, record.to_bytes(), mode=0o600)

    def forget(self) -> None:
        remove(self.handle, self.name)


@contextmanager
def _directory(target: Target) -> Iterator[int]:
    try:
        handle = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=target.directory)
    except OSError as err:
        raise _refused(err, target.path) from err
    try:
        yield handle
    finally:
        os.close(handle)


def _copy(root: Directory, target: int, record: Record, options: Options, opener: Opener) -> Record:
    """Write everything into the staging directory and flush it; give the record of what is there."""
    os.mkdir(record.staging, _PRIVATE, dir_fd=target)
    staging = os.open(record.staging, _OPEN, dir_fd=target)
    try:
        if os.fstat(staging).st_uid != os.geteuid():  # exchanged by whom the directory above belongs to
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        copier = Copier(staging, options, opener)
        try:
            copier.directory(root, staging, "")
        finally:
            copier.close()
        linux.sync_filesystem(staging)
    finally:
        os.close(staging)
    return Record(record.staging, finished=True, entries=tuple(copier.entries))


def _settle(target: int, record: Record) -> None:
    """Move what is at the top of the staging directory to its place."""
    staging = os.open(record.staging, _OPEN, dir_fd=target)
    try:
        for entry in record.entries:
            if "/" not in entry.path:
                _move(staging, target, entry)
    finally:
        os.close(staging)
    os.rmdir(record.staging, dir_fd=target)
    os.fsync(target)


def _move(staging: int, target: int, entry: Entry) -> None:
    if entry.kind != "d":
        _rename(staging, target, entry.path)
        return
    handle = os.open(entry.path, _OPEN, dir_fd=staging)
    try:
        _rename(staging, target, entry.path)
        os.fchmod(handle, DIRECTORY_MODE)  # not before: moving a directory takes the right to write in it
    finally:
        os.close(handle)


def _rename(staging: int, target: int, name: str) -> None:
    try:
        linux.rename_new(staging, name, target)
    except linux.KernelError as err:
        if err.errno not in _NO_FLAG:
            raise
        with suppress(FileNotFoundError):
            os.lstat(name, dir_fd=target)
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from err
        os.rename(name, name, src_dir_fd=staging, dst_dir_fd=target)


def _remove(path: str, record: Record) -> tuple[str, ...]:
    try:
        directory = os.open(path, _OPEN)
    except FileNotFoundError:
        return ()
    try:
        return removal.remove(directory, record)
    finally:
        os.close(directory)


def _refused(err: OSError, path: str) -> MountError:
    return MountError("SM6041" if err.errno in _FULL else "SM6040", subject=path, got=_text(err))


def _text(err: OSError) -> str:
    return f"{errno.errorcode.get(err.errno or 0, err.errno)} ({err.strerror})"
