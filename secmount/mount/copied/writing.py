"""Writing a tree as ordinary files, each hashed from what stands there afterwards."""

from __future__ import annotations

import errno
import hashlib
import os

from secmount.errors import ContentError, MountError
from secmount.mount.backend import Opener, Options
from secmount.mount.copied.record import Entry
from secmount.store.blob import Blob
from secmount.tree.node import Directory, File, Symlink

DIRECTORY_MODE, FILE_MODE, PROGRAM_MODE = 0o555, 0o444, 0o555
_UNFINISHED = 0o700  # of a directory
_PIECE = 1 << 20  # bytes
_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# The kernel cannot copy between these two files itself.
_BY_HAND = {errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS, errno.EPERM, errno.EBADF, errno.ETXTBSY}


class Copier:
    """Writes below one directory, given by descriptor; `entries` grows with what is finished."""

    def __init__(self, root: int, options: Options, opener: Opener) -> None:
        self.root, self.opener = root, opener
        self.owner = (options.uid, options.gid) if os.geteuid() == 0 else None
        self.entries: list[Entry] = []
        self.first: dict[int, str] = {}  # identity of a file's value: the path it was written to
        self.blob: Blob | None = None

    def close(self) -> None:
        """Give the last blob back."""
        if self.blob is not None:
            self.blob.close()
            self.blob = None

    def directory(self, node: Directory, handle: int, prefix: str) -> None:
        """Write what `node` holds into the directory `handle`.

        Directories at the top stay writable to the owner. Raise `ContentError` SM5001, `MountError` SM6022, `OSError`.
        """
        for name, child in node.entries.items():
            path = prefix + name
            if isinstance(child, Directory):
                os.mkdir(name, _UNFINISHED, dir_fd=handle)
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=handle)
                try:
                    self.entries.append(Entry.of(path, os.fstat(inner)))
                    self.directory(child, inner, f"{path}/")
                    self._finish(inner, child.mtime, DIRECTORY_MODE if prefix else _UNFINISHED)
                finally:
                    os.close(inner)
            elif isinstance(child, Symlink):
                os.symlink(child.target, name, dir_fd=handle)
                if self.owner:
                    os.chown(name, *self.owner, dir_fd=handle, follow_symlinks=False)
                os.utime(name, ns=(child.mtime, child.mtime), dir_fd=handle, follow_symlinks=False)
                self.entries.append(Entry.of(path, os.lstat(name, dir_fd=handle)))
            elif id(child) in self.first:
                os.link(self.first[id(child)], name, src_dir_fd=self.root, dst_dir_fd=handle, follow_symlinks=False)
                self.entries.append(Entry.of(path, os.lstat(name, dir_fd=handle)))
            else:
                self._file(child, handle, name, path)
                self.first[id(child)] = path

    def _file(self, node: File, directory: int, name: str, path: str) -> None:
        handle = os.open(name, _NEW, 0o600, dir_fd=directory)
        try:
            self._fill(node, handle, path)
            digest = _hash(handle, node.digest.algorithm, node.size)
            if digest != node.digest.hex:
                got = f"{node.digest.algorithm}:{digest}"
                raise ContentError("SM5001", subject=path, got=got, want=node.digest)
            self._finish(handle, node.mtime, PROGRAM_MODE if node.executable else FILE_MODE)
            self.entries.append(Entry.of(path, os.fstat(handle)))
        finally:
            os.close(handle)

    def _finish(self, handle: int, mtime: int, mode: int) -> None:
        if self.owner:
            os.fchown(handle, *self.owner)
        os.fchmod(handle, mode)
        os.utime(handle, ns=(mtime, mtime))

    def _fill(self, node: File, handle: int, path: str) -> None:
        if not node.size:
            return
        blob, offset, done = self._open(node), node.extent.offset, 0
        source = blob.fileno()
        while done < node.size:
            count = 0
            if source is not None:
                try:
                    count = os.copy_file_range(source, handle, node.size - done, offset + done, done)
                except OSError as err:
                    if err.errno not in _BY_HAND:
                        raise
                    source = None
                    continue
            else:
                count = os.pwrite(handle, blob.pread(min(_PIECE, node.size - done), offset + done), done)
            if not count:
                raise MountError("SM6022", subject=path, got=f"{done} bytes", want=f"{node.size} bytes")
            done += count

    def _open(self, node: File) -> Blob:
        if self.blob is None or self.blob.digest != node.extent.blob:
            self.close()
            self.blob = self.opener(node.extent.blob)
        return self.blob


def _hash(handle: int, algorithm: str, size: int) -> str:
    digest, offset = hashlib.new(algorithm), 0
    while offset < size and (piece := os.pread(handle, min(_PIECE, size - offset), offset)):
        digest.update(piece)
        offset += len(piece)
    return digest.hexdigest()
