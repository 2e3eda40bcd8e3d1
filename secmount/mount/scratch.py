"""Files without a name: they vanish with their descriptor, whatever happens to the process."""

from __future__ import annotations

import errno
import os
from collections.abc import Generator, Iterable

# The file system, or its directory, cannot hold one.
_UNFIT = {errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.ENOTDIR, errno.EROFS, errno.EACCES, errno.EPERM}


def unnamed(directories: Iterable[str], pieces: Iterable[bytes]) -> Generator[int, None, None]:
    """Give a file of these bytes in each directory that can hold one, until the caller has what it wants.

    Each is closed when the next is asked for. Raise `OSError` where the disk is full or fails.
    """
    data = list(pieces)
    for directory in directories:
        try:
            handle = os.open(directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except OSError as err:
            if err.errno in _UNFIT:
                continue
            raise
        try:
            with open(handle, "wb", closefd=False) as file:
                file.writelines(data)
            yield handle
        finally:
            os.close(handle)
