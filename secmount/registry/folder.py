"""The files of a layout folder, through one directory handle.

The folder is opened once; below it no link is followed, and nothing but folders and regular files is opened, so that a
layout that someone else is changing meanwhile cannot lead out of itself, or hang us on a pipe.
"""

from __future__ import annotations

import os
import stat

from secmount.errors import RegistryError
from secmount.local.descent import descend
from secmount.local.owned import kind
from secmount.registry.files import OpenFile, fault

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class FolderFiles:
    """Files below a directory handle, which it owns."""

    def __init__(self, handle: int, shown: str) -> None:
        self.shown = shown
        self._handle = handle

    @classmethod
    def open(cls, path: str) -> FolderFiles:
        """Open the folder at `path`, links on the way to it included.

        Raise `RegistryError` SM4001 (not there), SM4005 (not a folder), SM4002, SM4003.
        """
        try:
            found = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError) as err:
            raise RegistryError("SM4001", subject=path, got=f"{err.strerror}", want="a layout folder") from err
        except OSError as err:
            raise fault(err, path) from err
        try:
            mode = os.fstat(found).st_mode
            if not stat.S_ISDIR(mode):
                raise RegistryError("SM4005", subject=path, got=kind(mode), want="a layout folder")
            return cls(os.open(".", _FOLDER, dir_fd=found), path)
        except OSError as err:
            raise fault(err, path) from err
        finally:
            os.close(found)

    def find(self, name: str) -> OpenFile | None:
        """Open a regular file of the layout, or None if there is none; raise `RegistryError` SM4002, SM4003, SM4006."""
        *folders, last = name.split("/")
        shown = f"{self.shown}/{name}"
        try:
            with descend(self._handle, folders, _enter) as here:
                handle = os.open(last, _FILE, dir_fd=here)
        except FileNotFoundError:
            return None
        except OSError as err:
            raise fault(err, shown) from err
        info = os.fstat(handle)
        if not stat.S_ISREG(info.st_mode):
            os.close(handle)
            raise RegistryError("SM4006", subject=shown, got=kind(info.st_mode), want="a regular file")
        return OpenFile(handle, start=0, size=info.st_size, shown=shown, owned=True)

    def list(self, folder: str, *, limit: int) -> tuple[str, ...]:
        """Give the names in `folder` in order, at most `limit`; none if there is no such folder."""
        names = []
        try:
            with descend(self._handle, folder.split("/"), _enter) as here, os.scandir(here) as entries:
                for entry in entries:
                    names.append(entry.name)
                    if len(names) == limit:
                        break
        except FileNotFoundError:
            return ()
        except OSError as err:
            raise fault(err, f"{self.shown}/{folder}") from err
        return tuple(sorted(names))

    def close(self) -> None:
        """Give the directory handle back."""
        if self._handle >= 0:
            handle, self._handle = self._handle, -1
            os.close(handle)


def _enter(name: str, here: int) -> int:
    return os.open(name, _FOLDER, dir_fd=here)
