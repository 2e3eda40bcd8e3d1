"""Settle what an earlier command began and did not finish: killed between its intent and its outcome.

An effect that is under way holds the lock of its folder and its own; an intent whose locks are free has no living
process. What such a process may have made visible is taken away, unless the mount stands complete in the state: then
only its record is missing. Design, promises 6 and 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from secmount.audit import record
from secmount.errors import MountError, StorageError
from secmount.local.boot import boot_id
from secmount.mount import table
from secmount.mount.target import remove_created
from secmount.pipeline.known import GONE, mounted_of
from secmount.pipeline.parts import Parts
from secmount.store.cas import Store
from secmount.store.tables.mounts import MountRow, Mounts

BUSY = "SM7006"  # the lock is held
_INTERRUPTED = {"code": "SM6060", "subject": None, "got": "the command died before its outcome", "want": None}


def intent_lock(store: Store, id: str) -> AbstractContextManager[None]:
    """Hold the lock that says the effect `id` is under way; raise `StorageError` busy if another process does."""
    return store.locking(f"intent-{id}", wait=0.0)


@contextmanager
def target_lock(store: Store, target: str) -> Iterator[None]:
    """Be the only one who mounts, unmounts or settles at the folder `target` (links resolved).

    Raise `StorageError` SM7006 if another process is.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(store.locking(f"target-{target}", wait=0.0))
        except StorageError as err:
            if err.code != BUSY:
                raise
            raise StorageError(BUSY, subject=target, got="another secmount is at work there") from err
        yield


def settle(parts: Parts) -> None:
    """Give every dead intent its outcome; first, what it may have left visible is taken away.

    What cannot be taken away stays unsettled, as `ls` and `check` show it, and is tried again by the next command.
    """
    store = parts.store()
    mounts = Mounts(store.state)
    for row in mounts.all():
        if row.phase == "intent":
            _settle(parts, mounts, row)
    if parts.log.unfinished():
        with store.locking("settle"):
            for entry in parts.log.unfinished():
                _close(parts, mounts.find(str(entry.record["decision_id"])), entry.record)


def _settle(parts: Parts, mounts: Mounts, row: MountRow) -> None:
    store = parts.store()
    try:
        with target_lock(store, row.target), intent_lock(store, row.id):
            now = mounts.find(row.id)  # its process may have finished after the row was read
            if now is not None and now.phase == "intent":
                others = [other for other in mounts.at(row.target) if other.phase == "mounted"]
                _take_away(parts, row, others)
                mounts.remove(row.id)
    except StorageError as err:
        if err.code != BUSY:
            raise
    except MountError:
        return  # somebody's mount lies on it, say; that must not keep others from working


def _take_away(parts: Parts, row: MountRow, others: Sequence[MountRow]) -> None:
    """Remove what the dead command may have made visible: its mount if it got that far, or a copy begun.

    Whatever belongs to one of `others`, mounts that stand at the same folder, is theirs.
    """
    from secmount.mount import present  # ctypes and the kernel's structures, which few commands need

    expected = mounted_of(row)
    if any(other.backend == row.backend and other.mount_id is None for other in others):
        return  # a copy is made in an empty folder only: the dead command had left nothing
    theirs = {other.mount_id for other in others if other.boot_id == boot_id()}
    found = [live for live in table.rows() if live.id not in theirs and present.find(expected, (live,)) is not None]
    views = [replace(expected, mount_id=live.id, device=live.device) for live in reversed(found)]
    if not views and not theirs:
        views = [expected]
    for view in views:
        try:
            parts.backends()[row.backend].unmount(view, lazy=True)
        except MountError as err:
            if err.code != GONE:
                raise
    if row.created_target and not others:
        remove_created(row.target)


def _close(parts: Parts, row: MountRow | None, intent: Mapping[str, Any]) -> None:
    if row is not None and row.phase == "intent":
        return  # not settled yet
    kept = ("decision_id", "subject", "reference", "request", "policy_revision", "withheld", "target", "tree_digest")
    kind = "mount.done" if row is not None else "mount.failed"
    parts.log.append(
        record.record(
            kind,
            now_ms=parts.clock(),
            error=None if row is not None else _INTERRUPTED,
            enforced=row.enforced if row is not None else None,
            details={"settled": True},
            **{name: intent[name] for name in kept},
        )
    )
