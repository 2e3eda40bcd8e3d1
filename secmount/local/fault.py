"""What the operating system refused, as a `StorageError` with the path and the errno's own text.

Wrapped here, at the edge, so that a full or failing disk has one code wherever it is met: store, state or log.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from secmount.errors import StorageError

_CODES = {
    errno.ENOSPC: "SM7001",
    errno.EDQUOT: "SM7001",
    errno.EFBIG: "SM7001",
    errno.EROFS: "SM7002",
    errno.EACCES: "SM7003",
    errno.EPERM: "SM7003",
    errno.ENOENT: "SM7004",
    errno.ELOOP: "SM7012",
    errno.ENOTDIR: "SM7013",
    errno.EISDIR: "SM7013",
    errno.ENXIO: "SM7013",
}


def storage_error(err: OSError, subject: str) -> StorageError:
    """Give `err` its code.

    SM7001 no space, SM7002 read-only, SM7003 permission, SM7004 absent, SM7012 link, SM7013 wrong kind, else SM7005.
    """
    number = err.errno
    text = err.strerror or str(err)
    name = errno.errorcode.get(number, str(number)) if number is not None else type(err).__name__
    return StorageError(_CODES.get(number or 0, "SM7005"), subject=subject, got=f"{name} ({text})")


@contextmanager
def faults(subject: str) -> Iterator[None]:
    """Turn an `OSError` of the block into its `StorageError`; `subject` names the path that was worked on."""
    try:
        yield
    except OSError as err:
        raise storage_error(err, subject) from err


def place_of(dirfd: int, name: str = "") -> str:
    """Give the path behind `dirfd` (joined with `name`) for a message; only ever for people to read."""
    try:
        base = os.readlink(f"/proc/self/fd/{dirfd}")
    except OSError:
        return name or f"directory handle {dirfd}"
    return os.path.join(base, name) if name else base
