"""Settle what an earlier command began and did not finish: killed between its intent and its outcome.

An effect that is under way holds its lock; an intent whose lock is free has no living process. What such a process may
have made visible is taken away, unless the mount stands complete in the state: then only its record is missing. Design,
promises 6 and 7.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from secmount.audit import record
from secmount.errors import MountError, StorageError
from secmount.mount import table
from secmount.pipeline.known import GONE, mounted_of
from secmount.pipeline.parts import Parts
from secmount.store.cas import Store
from secmount.store.tables.mounts import MountRow, Mounts

BUSY = "SM7006"  # the lock is held
_INTERRUPTED = {"code": "SM6060", "subject": None, "got": "the command died before its outcome", "want": None}


def intent_lock(store: Store, id: str) -> AbstractContextManager[None]:
    """Hold the lock that says the effect `id` is under way; raise `StorageError` busy if another process does."""
    return store.locking(f"intent-{id}", wait=0.0)


def settle(parts: Parts) -> None:
    """Give every dead intent its outcome; first, what it may have left visible is taken away."""
    store = parts.store()
    mounts = Mounts(store.state)
    for row in mounts.all():
        if row.phase == "intent" and _dead(store, row.id):
            _take_away(parts, row)
            mounts.remove(row.id)
    standing = {row.id: row for row in mounts.all()}
    for entry in parts.log.unfinished():
        _close(parts, standing.get(str(entry.record["decision_id"])), entry.record)


def _dead(store: Store, id: str) -> bool:
    try:
        with intent_lock(store, id):
            return True
    except StorageError as err:
        if err.code == BUSY:
            return False
        raise


def _take_away(parts: Parts, row: MountRow) -> None:
    """Remove what the dead command may have made visible: its mount if it got that far, or a copy begun."""
    expected = mounted_of(row)
    found = [live for live in table.rows() if (live.target, live.source) == (row.target, expected.source)]
    views = [replace(expected, mount_id=live.id, device=live.device) for live in found] or [expected]
    for view in views:
        try:
            parts.backends()[row.backend].unmount(view, lazy=True)
        except MountError as err:
            if err.code != GONE:
                raise


def _close(parts: Parts, row: MountRow | None, intent: Mapping[str, Any]) -> None:
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
