"""Take a mount away and say so. Design, promise 6.

It never blocks on the log: what cannot be recorded goes to the log's reserve.
"""

from __future__ import annotations

from contextlib import suppress

from secmount.errors import MountError, StorageError
from secmount.pipeline import records
from secmount.pipeline.known import GONE, at, mounted_of
from secmount.pipeline.parts import Parts
from secmount.pipeline.settle import settle, target_lock
from secmount.policy.input import Request
from secmount.store.tables.mounts import MountRow, Mounts
from secmount.value import dataclass


@dataclass(frozen=True, slots=True)
class Removed:
    """A mount that is gone; `left` are files of others, or changed since, that a copy's removal did not touch."""

    row: MountRow
    left: tuple[str, ...]
    recorded: bool


def unmount(parts: Parts, path: str, request: Request, *, lazy: bool) -> Removed:
    """Unmount what secmount mounted at `path`, the newest first; its folder goes, too, if secmount made it.

    Raise `InputError` SM1012 where no mount is known, `MountError` SM6031 (busy) and the like, `StorageError` SM7006
    (another secmount is at work there); then it still stands.
    """
    mounts = Mounts(parts.store().state)
    row = at(mounts, path)
    with suppress(StorageError):  # what the log does not take now is settled by a later command
        settle(parts)
    with target_lock(parts.store(), row.target):
        if mounts.find(row.id) is None:
            return Removed(row, (), recorded=True)  # begun by a command that died, and taken away as such
        return _remove(parts, mounts, row, request, lazy=lazy)


def _remove(parts: Parts, mounts: Mounts, row: MountRow, request: Request, *, lazy: bool) -> Removed:
    left: tuple[str, ...] = ()
    try:
        left = parts.backends()[row.backend].unmount(mounted_of(row), lazy=lazy)
    except MountError as err:
        if err.code != GONE:
            raise
    mounts.remove(row.id)
    details = {"left": list(left)} if left else None
    entry = parts.log.append_essential(
        records.effect(parts, "unmount", row, records.asked(request), tree_digest=str(row.tree), details=details)
    )
    return Removed(row, left, entry.kept)
