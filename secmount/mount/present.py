"""Which of our mounts are there, and taking one away.

A mount is ours if id, device, type and source are those recorded when it was made. The source holds the manifest's
digest, so even ids that the kernel gave out anew can only mean the same artifact.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from contextlib import closing

from secmount.errors import MountError
from secmount.mount import busy, linux, table
from secmount.mount.backend import Mounted
from secmount.mount.detached import source_name
from secmount.mount.table import Row
from secmount.mount.target import remove_created


def find(mounted: Mounted, rows: Iterable[Row] | None = None) -> Row | None:
    """Find our mount in the table, or None if it is gone.

    What is not recorded is not compared: without an id (a mount whose outcome was never written down) the target must
    be the same.
    """
    wanted = source_name(mounted.source) if mounted.source else None
    for row in table.rows() if rows is None else rows:
        known = row.id == mounted.mount_id if mounted.mount_id is not None else row.target == mounted.target
        same_device = mounted.device is None or row.device == mounted.device
        if known and same_device and row.fstype == mounted.backend and wanted in (None, row.source):
            return row
    return None


def unmount(mounted: Mounted, *, lazy: bool) -> None:
    """Unmount what `mounted` says, and nothing else, then remove the directory if it was made for it.

    With `lazy` it vanishes at once and ends with its last user. Raise `MountError` SM6030 (it is not there), SM6031
    (busy, naming who uses it), SM6032 (the kernel refused), SM6033 (another mount lies on it).
    """
    rows = table.rows()
    row = find(mounted, rows)
    if row is None:
        if mounted.created:
            remove_created(mounted.target)
        raise MountError("SM6030", subject=mounted.target, got=_at(mounted.target, rows), want=mounted.source or None)
    parent, name = _open_parent(row)
    try:
        _check_top(row, parent, name)
        linux.unmount(parent, name, lazy=lazy)
    except linux.KernelError as err:
        if err.errno == errno.EBUSY:
            raise MountError("SM6031", subject=row.target, got=_users(row, rows)) from err
        raise MountError("SM6032", subject=row.target, got=err) from err
    finally:
        os.close(parent)
    if mounted.created:
        remove_created(mounted.target)


def _open_parent(row: Row) -> tuple[int, str]:
    base, name = os.path.split(row.target)
    try:
        return os.open(base, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), name
    except OSError as err:
        raise MountError("SM6032", subject=row.target, got=linux.KernelError(err.errno or 0, "open")) from err


def _check_top(row: Row, parent: int, name: str) -> None:
    """See that the name leads into this very mount: umount takes what lies on top."""
    try:
        top = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    except OSError as err:
        raise MountError("SM6032", subject=row.target, got=linux.KernelError(err.errno or 0, "open")) from err
    try:
        found = table.mount_id(top)
    finally:
        os.close(top)
    if found != row.id:
        above = table.by_id(found)
        raise MountError("SM6033", subject=row.target, got=f"{above.fstype} mount of {above.source}" if above else None)


def _at(target: str, rows: Iterable[Row]) -> str:
    others = [f"{row.fstype} mount of {row.source}" for row in rows if row.target == target]
    return others[-1] if others else "nothing mounted there"


def _users(row: Row, rows: Iterable[Row]) -> str | None:
    with closing(busy.users(row.device)) as users:
        found = [f"mount {other.target}" for other in rows if other.parent == row.id]
        found += [str(user) for user, _ in zip(users, range(busy.SHOWN), strict=False)]
    return "used by " + ", ".join(found) if found else None
